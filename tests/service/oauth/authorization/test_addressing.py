"""Whom a request comes from and where its answer may go: until both are known, nothing is sent to anybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.oauth.authorization import addressing, checks
from service.oauth.authorization.asking import Unanswerable
from service.oauth.authorization.parameters import Parameters
from tests.service.oauth.authorization.given import CALLBACK, NATIVE, NOW, WEB, asking

LATER = NOW + timedelta(microseconds=1)
SECOND = "https://app.example.com/other?tenant=1"
TWO = replace(WEB, redirect_uris=(CALLBACK, SECOND))
LOOPBACK = replace(NATIVE, redirect_uris=("http://127.0.0.1:4000/cb", "http://[::1]/cb"))
TRICKS = [
    "https://app.example.com@evil.example/cb",
    "https://user@app.example.com/cb",
    "https://user:password@app.example.com/cb",
    "https://app.example.com%2fcb",
    "https://app.example.com%2f@evil.example/cb",
    "https://app.example.com/%63b",
    "https://app.example.com/%2e%2e/cb",
    "https://app.example.com/x/../cb",
    "https://app.example.com/./cb",
    "https://app.example.com//cb",
    "https://app.example.com/cb/",
    "https://app.example.com/cb/../../evil",
    "https://APP.example.com/cb",
    "HTTPS://app.example.com/cb",
    "https://app.example.com/CB",
    "https://app.example.com:443/cb",
    "https://app.example.com:8443/cb",
    "https://app.example.com./cb",
    "https://app.example.com.evil.example/cb",
    "https://evil.example/https://app.example.com/cb",
    "https://app.example.com/cb#",
    "https://app.example.com/cb#fragment",
    "https://app.example.com/cb?",
    "https://app.example.com/cb?a=b",
    "https://app.example.com/cb?a=b&a=b",
    "https://app.example.com/cb&state=x",
    "https://app.example.com/cb\\",
    "https://app.example.com\\@evil.example/cb",
    "https:\\\\app.example.com\\cb",
    "https:app.example.com/cb",
    "//app.example.com/cb",
    "/cb",
    "http://app.example.com/cb",
    "javascript:alert(1)//https://app.example.com/cb",
    "data:text/html,https://app.example.com/cb",
    "https://app.example.com/cb\r\nSet-Cookie: a=b",
    "https://app.example.com/cb\x00",
    " https://app.example.com/cb",
    "https://app.example.com/cb ",
    "https://app.example.com/\u0441b",
    "https://\u0430pp.example.com/cb",
    "https://xn--pp-6kc.example.com/cb",
]


def untold(client=WEB, **changed) -> str:
    """Return which words the page says, where nothing may be sent."""
    with pytest.raises(Unanswerable) as raised:
        checks.judge_address(asking(client, **changed))
    return raised.value.words


@pytest.mark.parametrize("uri", TRICKS)
@pytest.mark.parametrize("client", [WEB, replace(NATIVE, redirect_uris=(CALLBACK,))])
def test_no_trick_makes_one_address_pass_for_another(uri, client):
    assert untold(client, redirect_uri=uri) == "request_bad_redirect"


@given(st.text(max_size=60) | st.builds(lambda text: CALLBACK + text, st.text(min_size=1, max_size=8)))
def test_an_answer_goes_to_registered_addresses_and_to_no_other(uri):
    examined = asking(TWO, redirect_uri=uri or None)
    if uri in TWO.redirect_uris:
        checks.judge_address(examined)
        assert examined.redirect_uri == uri
    else:
        with pytest.raises(Unanswerable):
            checks.judge_address(examined)


@given(st.sampled_from(range(len(CALLBACK))), st.characters(exclude_categories=("Cs",)))
def test_one_character_that_differs_is_another_address(place, character):
    uri = CALLBACK[:place] + character + CALLBACK[place + 1 :]
    if uri != CALLBACK:
        assert untold(redirect_uri=uri) == "request_bad_redirect"


@given(st.integers(0, 65_535))
def test_an_installed_application_listens_on_any_port_of_the_loopback_address(port):
    examined = asking(LOOPBACK, redirect_uri=f"http://127.0.0.1:{port}/cb")
    checks.judge_address(examined)
    assert examined.redirect_uri == f"http://127.0.0.1:{port}/cb"
    assert (
        untold(replace(LOOPBACK, kind=WEB.kind), redirect_uri=f"http://127.0.0.1:{port}/cb2") == "request_bad_redirect"
    )


@given(st.text(alphabet="0123456789:/@.[]#?%\\abc", max_size=20))
def test_whatever_stands_for_the_port_the_host_stays_the_loopback_address(between):
    """What passes is read by every browser as http to this very machine, at the registered path."""
    uri = f"http://127.0.0.1{between}/cb"
    try:
        checks.judge_address(asking(LOOPBACK, redirect_uri=uri))
    except Unanswerable:
        return
    parts = urlsplit(uri)
    assert (parts.scheme, parts.hostname, parts.path, parts.query, parts.fragment) == (
        "http",
        "127.0.0.1",
        "/cb",
        "",
        "",
    )
    assert "@" not in uri


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.2", "127.1", "0.0.0.0", "[::]", "2130706433", "127.0.0.1.nip.io"]
)
def test_other_names_of_the_loopback_interface_have_no_port_to_choose(host):
    assert untold(LOOPBACK, redirect_uri=f"http://{host}:5000/cb") == "request_bad_redirect"


def test_an_address_may_be_left_out_where_there_is_one_only():
    examined = asking(redirect_uri=None)
    checks.judge_address(examined)
    assert examined.redirect_uri == CALLBACK
    assert untold(TWO, redirect_uri=None) == "request_bad_redirect"
    assert untold(replace(WEB, redirect_uris=()), redirect_uri=None) == "request_bad_redirect"


def test_two_addresses_are_none():
    assert untold(repeated=frozenset({"redirect_uri"})) == "request_bad_redirect"


def test_a_client_that_is_switched_off_sends_nobody_anywhere():
    assert untold(replace(WEB, active=False)) == "request_disabled_client"


APPROVED = replace(WEB, standing="effective", effective_until=LATER, usable_until=LATER)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (replace(APPROVED, standing="pending", effective_until=None, usable_until=NOW), "request_pending_client"),
        (replace(APPROVED, standing="rejected", effective_until=None, usable_until=NOW), "request_rejected_client"),
        (replace(APPROVED, effective_until=NOW, usable_until=NOW), "request_expired_client"),
        (replace(APPROVED, active=False), "request_disabled_client"),
        (replace(APPROVED, standing="pending", usable_until=NOW, active=False), "request_disabled_client"),
    ],
)
def test_a_third_party_without_an_approval_that_counts_sends_nobody_anywhere(client, words):
    assert untold(client) == words
    assert untold(client, redirect_uri="https://evil.example.com/") == words


def test_a_third_party_may_ask_until_its_approval_ends():
    checks.judge_address(asking(APPROVED))


@pytest.mark.parametrize(
    "sent",
    [
        Parameters({}),
        Parameters({"redirect_uri": CALLBACK}, frozenset({"client_id"})),
        Parameters({"client_id": "a:b"}),
        Parameters({"client_id": "a b"}),
        Parameters({"client_id": "é"}),
        Parameters({"client_id": "x" * 129}),
    ],
)
def test_who_does_not_say_who_asks_is_nobody(sent):
    with pytest.raises(Unanswerable) as raised:
        addressing.require_client_id(sent)
    assert raised.value.words == "request_unknown_client"


def test_a_client_that_does_not_exist_sends_nobody_anywhere():
    with pytest.raises(Unanswerable) as raised:
        addressing.require_known_client(None)
    assert raised.value.words == "request_unknown_client"
    assert addressing.require_client_id(Parameters({"client_id": "shop"})) == "shop"


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        (CALLBACK, "https://app.example.com"),
        ("http://localhost:3000/cb", "http://localhost:3000"),
        ("http://127.0.0.1/", "http://127.0.0.1"),
        ("com.example.app:/cb", None),
        ("http://[::1]:4000/cb", None),
    ],
)
def test_a_page_is_held_to_one_origin(uri, origin):
    assert addressing.origin(uri) == origin


def test_a_quoted_address_is_not_the_address():
    assert untold(redirect_uri=quote(CALLBACK, safe="")) == "request_bad_redirect"
