"""Redirect URIs are exact strings that lead to https, to this very machine, or to an installed application."""

from __future__ import annotations

import pytest

from domain import refusals
from domain.redirect_uri import redirect_uri_list

GOOD = [
    "https://app.example.com",
    "https://app.example.com/",
    "https://App.example.com/CallBack?next=%2Fhome",
    "https://app.example.com:8443/cb",
    "https://[2001:db8::1]/cb",
    "http://localhost:3000/cb",
    "http://127.0.0.1/cb",
    "http://[::1]:8080/cb",
]
BAD = [
    "",
    "app.example.com/cb",
    "//app.example.com/cb",
    "/cb",
    "https://",
    "https:///cb",
    "https:app.example.com",
    "https://app.example.com/cb#fragment",
    "https://app.example.com/cb#",
    "https://*.example.com/cb",
    "https://app.example.com/*",
    "https://user@app.example.com/cb",
    "https://user:password@app.example.com/cb",
    "https://@app.example.com/cb",
    "https://app.example.com:port/cb",
    "https://app.example.com:99999/cb",
    "https://[::1/cb",
    "https://app.example.com/a b",
    "https://app.example.com/\\evil",
    "https://app.example.com/ä",
    "https://app.example.com/\n",
    "http://app.example.com/cb",
    "http://localhost.example.com/cb",
    "http://127.0.0.1.example.com/cb",
    "http://127.0.0.2/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://app.example.com/",
    "https://app.example.com/" + "a" * 2048,
]
PRIVATE = ["com.example.app:/cb", "com.example.app://cb", "com.example.my-app:/cb?x=1"]
NOBODYS = ["example:/cb", "javascript.example:alert(1)", "com.example.app:cb", "COM.example.app:/cb", ".example:/cb"]


@pytest.mark.parametrize("uri", GOOD)
@pytest.mark.parametrize("private_use", [False, True])
def test_a_redirect_uri_is_kept_as_it_is_written(uri: str, *, private_use: bool) -> None:
    assert redirect_uri_list([uri], private_use=private_use) == (uri,)


@pytest.mark.parametrize("uri", BAD)
@pytest.mark.parametrize("private_use", [False, True])
def test_what_leads_elsewhere_or_is_unclear_is_refused(uri: str, *, private_use: bool) -> None:
    with pytest.raises(refusals.InvalidRedirectUri) as refusal:
        redirect_uri_list([uri], private_use=private_use)
    assert refusal.value.field == "redirect_uris"


@pytest.mark.parametrize("uri", PRIVATE)
def test_a_scheme_of_ones_own_is_for_installed_applications_alone(uri: str) -> None:
    assert redirect_uri_list([uri], private_use=True) == (uri,)
    with pytest.raises(refusals.InvalidRedirectUri):
        redirect_uri_list([uri], private_use=False)


@pytest.mark.parametrize("uri", NOBODYS)
def test_a_scheme_that_could_be_anybodys_is_refused(uri: str) -> None:
    with pytest.raises(refusals.InvalidRedirectUri):
        redirect_uri_list([uri], private_use=True)


def test_each_is_kept_once_in_the_order_given() -> None:
    assert redirect_uri_list([GOOD[1], GOOD[0], GOOD[1]], private_use=False) == (GOOD[1], GOOD[0])


def test_there_are_50_at_most() -> None:
    uris = [f"https://app.example.com/{n}" for n in range(51)]
    assert len(redirect_uri_list(uris[:50], private_use=False)) == 50
    with pytest.raises(refusals.TooMany):
        redirect_uri_list(uris, private_use=False)
