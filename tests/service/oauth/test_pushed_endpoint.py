"""Pushed requests (RFC 9126): checked when they are left, good once, for a minute, for their own client."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from service.oauth.authorization.pushed import PREFIX
from tests.service.oauth.asking import ISSUER, TOKEN, basic
from tests.service.oauth.authorization.flow import AUTHORIZE, PAR, a_person, a_shop, answer, asked_by, codes
from tests.service.oauth.key_pairs import TYPE, pair, signed
from tests.service.oauth.key_pairs import told as claimed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app)


async def push(shop, *, headers=None, **changed):
    """Leave a good request of a client that proves itself in the body, unless told otherwise."""
    sent = shop.request(**{"client_secret": shop.secret or None} | changed)
    return await shop.app.call("POST", PAR, "", data=sent, headers=headers or {})


async def pushed(shop, **changed) -> str:
    reply = await push(shop, **changed)
    assert reply.status == 201, reply.text
    return reply.json["request_uri"]


async def authorize(shop, request_uri, browser=None, *, client_id=None, **more):
    sent = {"client_id": client_id or shop.client_id, "request_uri": request_uri, **more}
    headers = {} if browser is None else browser.headers
    return await shop.app.call("GET", AUTHORIZE, "", params=sent, headers=headers, allow_redirects=False)


def gone(reply) -> None:
    """The reader is told that the request is none any more, and led nowhere."""
    assert (reply.status, "Location" in reply.headers) == (400, False)
    assert "This page has expired" in reply.text


async def test_a_pushed_request_gets_a_name_that_is_good_for_a_minute(shop):
    reply = await push(shop)
    assert reply.status == 201
    assert set(reply.json) == {"request_uri", "expires_in"}
    assert reply.json["expires_in"] == 60
    assert re.fullmatch(rf"{PREFIX}[A-Za-z0-9_-]+", reply.json["request_uri"])
    assert reply.headers["Cache-Control"] == "no-store"


async def test_a_name_stands_for_all_that_was_asked_and_for_nothing_else(app, shop):
    ada = await a_person(shop, "openid")
    elsewhere = {"redirect_uri": "https://evil.example", "scope": "files.read", "state": "other", "prompt": "login"}
    told = answer(await authorize(shop, await pushed(shop, nonce="n-1"), ada, **elsewhere))
    assert (set(told), told["state"]) == ({"code", "state", "iss"}, "xyz")
    assert (await codes(shop))[0]["data"]["nonce"] == "n-1"
    asked_by(await authorize(shop, await pushed(shop)), app, "login")


async def test_a_name_is_good_once(shop):
    ada = await a_person(shop, "openid")
    name = await pushed(shop)
    assert "code" in answer(await authorize(shop, name, ada))
    gone(await authorize(shop, name, ada))
    gone(await authorize(shop, name))


async def test_of_many_that_come_with_one_name_to_two_workers_one_succeeds(two):
    first, second = two
    shop = await a_shop(first)
    ada = await a_person(shop, "openid")
    name = await pushed(shop)
    sent = {"client_id": shop.client_id, "request_uri": name}
    replies = await asyncio.gather(
        *(
            app.call("GET", AUTHORIZE, "", params=sent, headers=ada.headers, allow_redirects=False)
            for app in (first, second)
            for _ in range(8)
        )
    )
    [reply] = [each for each in replies if each.status == 303]
    assert "code" in answer(reply)
    assert {each.status for each in replies} == {303, 400}


async def test_a_name_is_good_for_a_minute_and_not_at_its_end(timed):
    app, clock = timed
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    early, late = await pushed(shop), await pushed(shop)
    clock.move(timedelta(seconds=60) - timedelta(microseconds=1))
    assert "code" in answer(await authorize(shop, early, ada))
    clock.move(timedelta(microseconds=1))
    gone(await authorize(shop, late, ada))


async def test_how_long_ago_somebody_signed_in_counts_from_when_the_name_is_used(timed):
    app, clock = timed
    shop = await a_shop(app)
    name = await pushed(shop, prompt="login")
    clock.move(timedelta(seconds=30))
    ada = await a_person(shop, "openid")
    clock.move(timedelta(seconds=1))
    asked_by(await authorize(shop, name, ada), app, "login")


async def test_a_name_is_its_own_clients(app, shop):
    other = await a_shop(app, str(shop.organization))
    ada = await a_person(shop, "openid")
    await ada.consent(other)
    name = await pushed(shop)
    gone(await authorize(shop, name, ada, client_id=other.client_id))
    assert "code" in answer(await authorize(shop, name, ada)), "and was not used up by it"


async def test_a_name_that_was_altered_or_made_up_is_none(shop):
    name = await pushed(shop)
    for wrong in (PREFIX, f"{PREFIX}x", name[:-1], f"{name}A", name.upper(), f"{PREFIX}{'A' * 400}", f"{PREFIX}ü"):
        reply = await authorize(shop, wrong)
        if wrong.startswith(PREFIX):
            gone(reply)
        else:  # an address of others like any other
            assert answer(reply)["error"] == "request_uri_not_supported"


async def test_a_request_that_is_under_way_is_not_a_pushed_one(shop):
    login = await shop.ask()
    gone(await authorize(shop, PREFIX + login.headers["Location"].partition("request=")[2]))


@pytest.mark.parametrize("kind", ["spa", "native"])
async def test_a_public_client_pushes_by_its_name_alone(app, kind):
    shop = await a_shop(app, kind=kind)
    ada = await a_person(shop, "openid")
    assert "code" in answer(await authorize(shop, await pushed(shop), ada))
    assert (await push(shop, client_secret="x")).status == 401
    assert (await push(shop, code_challenge=None, code_challenge_method=None)).status == 400


async def test_a_client_proves_itself_as_at_the_token_endpoint(app, shop):
    right = await push(shop, client_secret=None, headers=basic(shop.client_id, shop.secret))
    assert right.status == 201
    for changed, headers in (
        ({"client_secret": "wrong"}, None),
        ({"client_secret": None}, None),
        ({"client_secret": None}, basic(shop.client_id, "wrong")),
        ({"client_id": "nobody"}, None),
        ({"client_id": None, "client_secret": None}, None),
    ):
        reply = await push(shop, headers=headers, **changed)
        assert (reply.status, reply.json["error"]) == (401, "invalid_client")
    both = await push(shop, headers=basic(shop.client_id, shop.secret))
    assert (both.status, both.json["error"]) == (400, "invalid_request")
    unnamed = await push(shop, client_id=None, client_secret=None, headers=basic(shop.client_id, shop.secret))
    assert unnamed.status == 201, "Basic says who asks"


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}{TOKEN}", f"{ISSUER}{PAR}"])
async def test_a_signed_assertion_may_be_for_the_issuer_and_both_endpoints(app, audience):
    keys = pair("ES256")
    shop = await a_shop(app, key_set={"keys": [keys.public]})
    assertion = signed(keys, claimed(shop.client_id, audience))
    proof = {"client_secret": None, "client_assertion_type": TYPE, "client_assertion": assertion}
    assert (await push(shop, **proof)).status == 201
    assert (await push(shop, **proof)).status == 401, "it is good once"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"request_uri": f"{PREFIX}x"}, "invalid_request"),
        ({"request_uri": "https://evil.example"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example"}, "invalid_request"),
        ({"redirect_uri": "https://app.example.com/cb/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "root"}, "invalid_scope"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"state": "é"}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
    ],
)
async def test_what_the_authorization_endpoint_refuses_is_refused_at_once(shop, changed, code):
    reply = await push(shop, **changed)
    assert (reply.status, reply.json["error"]) == (400, code)
    assert reply.headers["Cache-Control"] == "no-store"


async def test_a_machine_has_nothing_to_push(app):
    machine = await a_shop(app, kind="machine")
    reply = await push(machine)
    assert (reply.status, reply.json["error"]) == (400, "unauthorized_client")


async def test_a_client_that_is_switched_off_after_it_pushed_sends_nobody_anywhere(app):
    shop = await a_shop(app)
    ada = await a_person(shop, "openid")
    first, second = await pushed(shop), await pushed(shop)
    await shop.change(redirect_uris=["https://app.example.com/moved"])
    assert (await authorize(shop, first, ada)).status == 400
    assert (await app.call("POST", f"/api/applications/{shop.id}/disable", json={})).status == 200
    assert (await authorize(shop, second, ada)).status == 400
    assert (await push(shop)).status == 401
    assert await codes(shop) == []


async def test_what_is_secret_about_a_client_is_not_in_what_it_pushed(shop):
    asked = asked_by(await authorize(shop, await pushed(shop)), shop.app, "login")
    assert shop.secret not in str(asked)


async def test_who_may_not_push_is_recorded(app, shop):
    client_id = f"nobody-{uuid4().hex}"
    await push(shop, client_id=client_id)
    await push(shop, scope="root")
    recorded = [each for each in await app.refusals(limit=50) if each["operation"] == "push an authorization request"]
    assert {(each["client"], each["code"]) for each in recorded} >= {
        (client_id, "invalid_client"),
        (shop.client_id, "invalid_scope"),
    }


async def test_a_get_is_none(app):
    assert (await app.call("GET", PAR, "")).status == 405
