"""Redirect URIs are exact strings that lead to https, to this very machine, or to an installed application."""

from __future__ import annotations

import pytest

from domain import refusals
from domain.redirect_uri import matches, redirect_uri_list

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


REGISTERED = ["https://app.example.com/cb", "http://127.0.0.1:4000/cb?x=1", "http://[::1]/", "http://localhost:3000/cb"]


@pytest.mark.parametrize("given", REGISTERED)
@pytest.mark.parametrize("native", [False, True])
def test_an_answer_goes_to_what_is_registered(given: str, *, native: bool) -> None:
    assert matches(REGISTERED, given, native=native)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "https://app.example.com/cb/",
        "https://app.example.com/cB",
        "https://App.example.com/cb",
        "HTTPS://app.example.com/cb",
        "https://app.example.com:443/cb",
        "https://app.example.com:8443/cb",
        "https://app.example.com/cb?",
        "https://app.example.com/cb?x=1",
        "https://app.example.com/cb#",
        "https://app.example.com/cb#fragment",
        "https://app.example.com/%63b",
        "https://app.example.com%2Fcb",
        "https://app.example.com/x/../cb",
        "https://app.example.com//cb",
        "https://app.example.com@evil.example/cb",
        "https://evil.example\\@app.example.com/cb",
        "https://app.example.com.evil.example/cb",
        " https://app.example.com/cb",
        "https://app.example.com/cb\n",
        "javascript:alert(1)//https://app.example.com/cb",
    ],
)
@pytest.mark.parametrize("native", [False, True])
def test_nothing_that_only_resembles_it_is_taken_for_it(given: str, *, native: bool) -> None:
    assert not matches(REGISTERED, given, native=native)


@pytest.mark.parametrize(
    "given",
    ["http://127.0.0.1/cb?x=1", "http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:65535/cb?x=1", "http://[::1]:51004/"],
)
def test_any_port_of_the_loopback_address_is_an_installed_applications(given: str) -> None:
    assert matches(REGISTERED, given, native=True)
    assert not matches(REGISTERED, given, native=False)


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:65536/cb?x=1",
        "http://127.0.0.1:/cb?x=1",
        "http://127.0.0.1:port/cb?x=1",
        "http://127.0.0.1:80:80/cb?x=1",
        "http://127.0.0.1:4001/cb",
        "http://127.0.0.1:4001/other?x=1",
        "http://127.0.0.1:4001/cb?x=1#",
        "http://127.0.0.2:4001/cb?x=1",
        "http://127.0.0.1.evil.example:4001/cb?x=1",
        "http://127.0.0.1:4001@evil.example/cb?x=1",
        "http://user@127.0.0.1:4001/cb?x=1",
        "https://127.0.0.1:4001/cb?x=1",
        "http://localhost:3001/cb",
        "http://[::1]:51004",
        "http://[0:0:0:0:0:0:0:1]:51004/",
    ],
)
def test_the_exception_is_the_port_alone_and_of_the_address_alone(given: str) -> None:
    assert not matches(REGISTERED, given, native=True)
