"""The authorization endpoint over HTTP: to the client goes what the client may know, to a page what nobody else may."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.oauth.authorization import steps
from service.oauth.authorization.request import AuthorizationRequest
from service.oauth.id_token import id_token
from service.store.journal import whence
from tests.app_fixture import PATIENCE
from tests.service.oauth.asking import claims
from tests.service.oauth.authorization.flow import (
    AUTHORIZE,
    FILES,
    THIRD_PARTIES,
    a_person,
    a_shop,
    answer,
    asked_by,
    codes,
    error,
    place,
    signed_in,
)
from tests.service.oauth.authorization.given import CALLBACK, CHALLENGE, VERIFIER
from tests.service.oauth.authorization.test_addressing import TRICKS
from tests.service.wire import exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = re.compile(r"mun_ac_[A-Za-z0-9_-]{49}")
EVIL = "https://evil.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(shop):
    return await a_person(shop, "openid", "files.read")


def untold(reply, words: str = "") -> str:
    """Return a page that tells what went wrong, from which nothing leads anywhere."""
    assert (reply.status, reply.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "Location" not in reply.headers
    assert "evil.example" not in reply.text
    assert "<a " not in reply.text
    assert "<form" not in reply.text
    assert words in reply.text
    return reply.text


async def test_who_is_signed_in_and_has_consented_comes_straight_back_with_a_code(shop, ada):
    told = answer(await shop.ask(ada, scope="openid files.read"))
    assert set(told) == {"code", "state", "iss"}
    assert CODE.fullmatch(told["code"])
    assert told["state"] == "xyz"
    event = (await codes(shop))[0]
    data = event["data"]
    assert (data["user"], data["session"], data["application"]) == (str(ada.user), str(ada.session), str(shop.id))
    assert (data["scope"], data["audience"], data["redirect_uri"]) == ("openid files.read", FILES, CALLBACK)
    assert data["code_challenge"] == CHALLENGE
    assert told["code"] not in str(event)


async def test_a_state_that_was_not_sent_is_not_answered(shop, ada):
    assert set(answer(await shop.ask(ada, state=None))) == {"code", "iss"}


@pytest.mark.parametrize("state", ["a b&c=d#e%20+/?\"'<script>", "~" * 500])
async def test_a_state_comes_back_as_it_was_sent(shop, ada, state):
    assert answer(await shop.ask(ada, state=state))["state"] == state


async def test_who_is_not_signed_in_is_led_to_the_page_of_sign_in_with_the_request(shop, app):
    asked = asked_by(await shop.ask(login_hint="ada@example.com", nonce="n", max_age="60"), app, "login")
    assert asked == AuthorizationRequest(
        client_id=shop.client_id,
        redirect_uri=CALLBACK,
        scope=("openid",),
        audience=FILES,
        asked_at=asked.asked_at,
        state="xyz",
        nonce="n",
        code_challenge=CHALLENGE,
        max_age=60,
        login_hint="ada@example.com",
    )


async def test_who_has_not_consented_to_all_of_it_is_led_to_the_page_of_consent(shop, ada, app):
    assert asked_by(await shop.ask(ada, scope="openid files.write"), app, "consent").scope == ("openid", "files.write")


async def test_third_parties_have_an_address_of_their_own(shop, ada, app):
    """spec/iform.md 5: no state, no challenge, whatever scope of the application's."""
    sent = {"scope": "files.read", "state": None, "code_challenge": None, "code_challenge_method": None}
    assert set(answer(await shop.ask(ada, THIRD_PARTIES, **sent))) == {"code", "iss"}
    asked_by(await shop.ask(None, THIRD_PARTIES, **sent), app, "login")
    assert (await app.call("POST", THIRD_PARTIES, "", data={})).status == 405


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "root"}, "invalid_scope"),
        ({"resource": EVIL}, "invalid_target"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"account": "mine"}, "invalid_request"),
        ({"id_token_hint": "x.y.z"}, "invalid_request"),
        ({"nonce": "é"}, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_told_to_the_client_before_anybody_is_asked_anything(shop, ada, changed, code):
    before = len(await codes(shop))
    for browser in (None, ada):
        assert error(await shop.ask(browser, **changed)) == code
    assert len(await codes(shop)) == before


async def test_errors_keep_what_the_address_holds_already(app):
    shop = await a_shop(app, redirect_uris=[f"{CALLBACK}?tenant=1"])
    told = answer(await shop.ask(response_type="token"))
    assert (told["tenant"], told["error"]) == ("1", "unsupported_response_type")


@pytest.mark.parametrize("uri", TRICKS)
async def test_nobody_is_ever_led_to_an_address_that_is_not_registered(shop, ada, uri):
    words = "could not be read" if "\x00" in uri else "not registered for it"
    for browser in (None, ada):
        for more in ({}, {"response_type": "token"}, {"prompt": "none"}, {"response_mode": "form_post"}):
            untold(await shop.ask(browser, redirect_uri=uri, **more), words)


async def test_an_unknown_client_is_told_to_the_reader_in_their_language(shop, ada):
    for browser in (None, ada):
        for client_id in ("nobody", None, "a:b", "x" * 200):
            untold(await shop.ask(browser, client_id=client_id, redirect_uri=EVIL), "not registered with this service")
    chinese = await shop.ask(client_id="nobody", ui_locales="zh-CN")
    assert "未在本服务注册" in untold(chinese)
    assert '<html lang="zh">' in chinese.text


async def test_a_client_or_organization_that_is_switched_off_sends_nobody_anywhere(app):
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    assert (await app.call("POST", f"/api/applications/{shop.id}/disable", json={})).status == 200
    for browser in (None, ada):
        untold(await shop.ask(browser), "switched off at the moment")
        untold(await shop.ask(browser, prompt="none"), "switched off at the moment")
    assert (await app.call("POST", f"/api/applications/{shop.id}/enable", json={})).status == 200
    assert "code" in answer(await shop.ask(ada))
    assert (await app.call("PATCH", f"/api/accounts/{shop.organization}", json={"status": "suspended"})).status == 200
    untold(await shop.ask(ada), "switched off at the moment")


async def test_a_machine_has_nobody_to_sign_in(app):
    machine = await a_shop(app, kind="machine")
    assert error(await machine.ask()) == "unauthorized_client"


async def test_a_client_without_the_grant_is_refused(app):
    shop = await a_shop(app, grant_types=["refresh_token"])
    assert error(await shop.ask()) == "unauthorized_client"


async def test_a_public_client_shows_a_challenge(app):
    shop = await a_shop(app, kind="spa")
    assert error(await shop.ask(code_challenge=None, code_challenge_method=None)) == "invalid_request"
    asked_by(await shop.ask(), app, "login")


async def test_an_installed_application_is_answered_at_the_port_it_listens_on(app):
    shop = await a_shop(app, kind="native", redirect_uris=["http://127.0.0.1/cb", "com.example.app:/cb"])
    ada = await a_person(shop, "openid")
    at = "http://127.0.0.1:51004/cb"
    assert answer(await shop.ask(redirect_uri=at, prompt="none"), at)["error"] == "login_required"
    asked_by(await shop.ask(ada, redirect_uri="com.example.app:/cb"), app, "consent")
    untold(await shop.ask(ada, redirect_uri="http://127.0.0.1:51004/elsewhere"))
    untold(await shop.ask(ada, redirect_uri="http://localhost:51004/cb"))


async def raw(app, query: bytes, *headers: bytes) -> tuple[int, str, bytes]:
    """Send a GET by hand; return status, location ("" for none) and body."""
    lines = [b"GET /oauth2/authorize?" + query + b" HTTP/1.1", *headers, b"Connection: close", b"", b""]
    head, _, body = (await exchange(app.client.server.port, b"\r\n".join(lines), until=b"\0")).partition(b"\r\n\r\n")
    location = re.search(rb"\r\nLocation: (.*)\r\n", head)
    return int(head.split(b" ")[1]), "" if location is None else location[1].decode(), body


async def test_a_parameter_that_stands_twice_is_refused_whatever_it_says(app, shop, ada):
    good, cookie = urlencode(shop.request()).encode(), f"Cookie: {ada.headers['Cookie']}".encode()
    for twice in (b"state=xyz", b"scope=openid", b"nonce=a&nonce=a", b"x=1&x=2", b"prompt=none&prompt=", b"%73cope=a"):
        status, location, _ = await raw(app, good + b"&" + twice, b"Host: x", cookie)
        assert (status, location.startswith(f"{CALLBACK}?error=invalid_request&")) == (303, True), twice
        assert ("state=" in location) == (twice != b"state=xyz"), "of two states none is the one that was meant"
    status, location, _ = await raw(app, good + b"&resource=a&resource=b", b"Host: x")
    assert "error=invalid_target" in location
    for twice in (
        b"redirect_uri=" + quote(CALLBACK, safe="").encode(), b"redirect_uri=https%3A%2F%2Fevil.example",
        b"client_id=" + shop.client_id.encode(), b"client_id=", b"request_uri=a&request_uri=b",
    ):  # fmt: skip
        status, location, body = await raw(app, good + b"&" + twice, b"Host: x", cookie)
        assert (status, location) == (400, ""), twice
        assert b"evil.example" not in body


async def test_what_cannot_be_read_is_told_on_a_page(app, shop):
    good = urlencode(shop.request()).encode()
    for query in (b"client_id=%ff", good + b"&x=%00", b"&".join(b"%d=1" % n for n in range(101))):
        status, location, body = await raw(app, query, b"Host: x")
        assert (status, location) == (400, ""), query[:20]
        assert b"could not be read" in body


async def test_no_address_is_ever_made_of_what_a_request_says_of_its_host(app, shop, ada):
    good, cookie = urlencode(shop.request()).encode(), f"Cookie: {ada.headers['Cookie']}".encode()
    poison = (b"Host: evil.example", b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example;proto=http")
    for query, headers in (
        (good, poison), (good, (*poison, cookie)), (good + b"&prompt=none", poison), (b"client_id=nobody", poison),
        (good + b"&response_mode=form_post", (*poison, cookie)),
    ):  # fmt: skip
        _, location, body = await raw(app, query, *headers)
        assert "evil.example" not in location
        assert b"evil.example" not in body


async def test_no_location_is_longer_than_clients_accept(app):
    long = f"https://app.example.com/{'a' * 1000}"
    shop = await a_shop(app, redirect_uris=[long])
    ada = await a_person(shop, "openid")
    widest = {"redirect_uri": long, "state": "%" * 1300, "nonce": "n" * 512, "login_hint": "ł" * 320}
    raised = await shop.ask(None, **widest)
    assert place(raised) == "https://muniment.test/login"
    assert len(raised.headers["Location"]) < 6500
    assert len((await shop.ask(ada, **widest)).headers["Location"]) < 8000
    assert error_of(await shop.ask(ada, **widest | {"state": "x" * 3000})) == "invalid_request"


def error_of(reply) -> str:
    return re.search(r"[?&]error=(\w+)", reply.headers["Location"])[1]


async def test_to_ask_for_the_head_alone_does_nothing(app, shop, ada):
    before = len(await codes(shop))
    sent = shop.request()
    reply = await app.call("HEAD", AUTHORIZE, "", params=sent, headers=ada.headers, allow_redirects=False)
    assert reply.status == 405
    assert len(await codes(shop)) == before


async def test_whoever_is_turned_away_is_recorded(app):
    shop, nobody = await a_shop(app), f"nobody-{uuid4().hex}"
    ada = await a_person(shop, "openid")
    await shop.ask(ada, scope="root")
    await shop.ask(ada, client_id=nobody)
    await shop.ask(ada, redirect_uri=EVIL)
    recorded = [each for each in await app.refusals(limit=50) if each["operation"] == "authorize"]
    kinds = {(each["client"], each["code"], each["status"]) for each in recorded}
    assert (shop.client_id, "invalid_scope", 400) in kinds
    assert (shop.client_id, "invalid_request", 400) in kinds
    assert (nobody, "invalid_client", 400) in kinds
    assert {each["organization"] for each in recorded if each["client"] == shop.client_id} == {str(shop.organization)}


async def test_the_journal_knows_where_a_request_for_a_code_came_from(app, shop, ada):
    reply = await shop.ask(ada)
    assert "code" in answer(reply)
    request_id = reply.headers["X-Request-Id"]
    assert (await codes(shop))[0]["request_id"] == request_id
    async with asyncio.timeout(PATIENCE):
        while len(app.parts.journal.rows):  # noqa: ASYNC110 - the journal tells nobody when it has written
            await asyncio.sleep(0.02)
    assert UUID(request_id) in await whence(app.parts.store.pool, [UUID(request_id)])


async def test_pages_of_refusal_keep_scripts_frames_and_caches_out(shop):
    headers = (await shop.ask(redirect_uri=EVIL)).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")


async def hint_of(app, shop, user: UUID, client_id: str | None = None) -> str:
    client = await app.parts.clients.fresh(client_id or shop.client_id)
    now = app.parts.clock.now()
    return id_token(
        app.parts, client=client, user=user, session=None, methods=("pwd",), authenticated_at=now, nonce=None,
        access_token="x", now=now,
    )  # fmt: skip


async def test_only_the_person_that_an_id_token_names_can_answer(app, shop, ada):
    bob = await a_person(shop, "openid")
    hint = await hint_of(app, shop, ada.user)
    assert "code" in answer(await shop.ask(ada, id_token_hint=hint, prompt="none"))
    assert error(await shop.ask(bob, id_token_hint=hint, prompt="none")) == "login_required"
    assert error(await shop.ask(None, id_token_hint=hint, prompt="none")) == "login_required"
    assert asked_by(await shop.ask(bob, id_token_hint=hint), app, "login").subject == ada.user


async def test_an_id_token_of_another_client_names_nobody(app, shop, ada):
    other = await a_shop(app, str(shop.organization))
    hint = await hint_of(app, shop, ada.user, other.client_id)
    assert error(await shop.ask(ada, id_token_hint=hint)) == "invalid_request"


async def test_people_of_other_organizations_are_strangers(app, shop):
    elsewhere = await a_shop(app)
    eve = await a_person(elsewhere, "openid")
    asked_by(await shop.ask(eve), app, "login")
    assert error(await shop.ask(eve, prompt="none")) == "login_required"


async def test_an_account_is_acted_for_by_its_members_alone(app, shop, ada):
    account = (await app.made(f"/api/accounts/{shop.organization}/accounts", {"name": "Branch"}))["id"]
    assert error(await shop.ask(ada, account=account)) == "access_denied"
    members = f"/api/accounts/{account}/members"
    member = await app.made(members, {"user_id": str(ada.user), "role": "member"})
    assert "code" in answer(await shop.ask(ada, account=account))
    assert (await codes(shop))[0]["data"]["membership"] == member["id"]
    assert (await app.call("DELETE", f"{members}/{member['id']}")).status in {200, 204}
    assert error(await shop.ask(ada, account=account)) == "access_denied"


async def test_a_cookie_that_is_none_of_ours_signs_nobody_in(app, shop, ada):
    for cookie in ("x", ada.cookie[:-1], ada.cookie + "x", "mun_ses_" + "A" * 49, str(ada.session), str(ada.user)):
        headers = {"Cookie": f"__Host-muniment-session={cookie}"}
        reply = await app.call("GET", AUTHORIZE, "", params=shop.request(), headers=headers, allow_redirects=False)
        asked_by(reply, app, "login")


async def test_whoever_signs_in_again_has_another_cookie(app, shop):
    ada = await a_person(shop, "openid")
    again = await signed_in(app, ada.user, ada.organization, former=ada.cookie)
    assert again.session == ada.session
    asked_by(await shop.ask(ada), app, "login")
    assert "code" in answer(await shop.ask(again))


async def test_a_failure_is_told_on_a_page_without_its_insides(shop, ada, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(steps.consents, "of", broken)
    reply = await shop.ask(ada)
    assert (reply.status, reply.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "Location" not in reply.headers
    assert "a secret of ours" not in reply.text
    assert reply.headers["X-Request-Id"] in reply.text


async def test_a_database_that_is_away_is_told_on_a_page(shop, ada, monkeypatch):
    async def away(*_):
        raise ConnectionRefusedError

    monkeypatch.setattr(steps.consents, "of", away)
    reply = await shop.ask(ada)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert "Location" not in reply.headers


async def test_the_code_is_good_for_a_token_of_what_was_asked(app, shop, ada):
    told = answer(await shop.ask(ada, scope="openid files.read", nonce="n-1"))
    form = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": CALLBACK}
    form |= {"client_id": shop.client_id, "client_secret": shop.secret, "code_verifier": VERIFIER}
    reply = await app.call("POST", "/oauth2/token", "", data=form)
    assert reply.status == 200, reply.text
    assert reply.json["scope"] == "openid files.read"
    assert claims(reply.json["access_token"])["sub"] == str(ada.user)
    assert claims(reply.json["id_token"])["nonce"] == "n-1"
    without = {name: value for name, value in form.items() if name != "redirect_uri"}
    for wrong in (form, form | {"code_verifier": VERIFIER[::-1]}, without):
        code = form["code"] if wrong is form else answer(await shop.ask(ada))["code"]
        reply = await app.call("POST", "/oauth2/token", "", data=wrong | {"code": code})
        assert (reply.status, reply.json["error"]) == (400, "invalid_grant")
