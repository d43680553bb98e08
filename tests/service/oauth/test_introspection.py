"""Introspection: what a token is worth at this moment, and to whom that is told (RFC 7662, spec/README.md 18)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.app_fixture import AUDIENCE, ROOT_SECRET, Running
from tests.service.oauth.asking import (
    INTROSPECT,
    ISSUER,
    Back,
    ask,
    back_end,
    basic,
    claims,
    error,
    introspected,
    issued,
    revoked,
)
from tests.service.oauth.redeeming import FILES, SCOPE, a_person, a_shop, alive, renew, tokens_of

if TYPE_CHECKING:
    from tests.app_fixture import Reply
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVOICES = "https://invoices.test"
ROOT = Back({"client_id": "root"}, ROOT_SECRET)
INACTIVE = {"active": False}


async def test_a_client_learns_about_its_own_token(app: Running) -> None:
    back = await back_end(app, permissions=["read_user", "read_app"])
    before = int(time.time())
    token = await issued(app, back)
    told = await introspected(app, back, token)
    inside = claims(token)
    assert told == {
        "active": True,
        "scope": "read_app read_user",
        "client_id": back.client_id,
        "application_id": back.id,
        "sub": back.client_id,
        "aud": AUDIENCE,
        "iss": ISSUER,
        "exp": inside["exp"],
        "iat": inside["iat"],
        "jti": inside["jti"],
        "token_type": "Bearer",
    }
    assert before <= told["iat"] <= time.time()


async def test_a_token_is_told_of_to_its_client_its_audience_and_its_organization_alone(app: Running) -> None:
    organization, elsewhere = await app.organization(), await app.organization()
    owner = await back_end(app, organization=organization, audiences=[INVOICES])
    token = await issued(app, owner, audience=INVOICES)
    seeing: list[dict[str, Any]] = [
        {"organization": organization, "audiences": [INVOICES]},
        {"organization": elsewhere, "audiences": [INVOICES]},
        {"organization": organization, "permissions": ["read_token"]},
        {"organization": organization, "permissions": ["all"]},
        {"organization": organization, "permissions": ["root"]},
        {"organization": elsewhere, "permissions": ["root"]},
    ]
    blind: list[dict[str, Any]] = [
        {"organization": organization},
        {"organization": organization, "permissions": ["read_user", "revoke_token"]},
        {"organization": organization, "audiences": [INVOICES + "/", AUDIENCE]},
        {"organization": elsewhere},
        {"organization": elsewhere, "permissions": ["read_token"]},
        {"organization": elsewhere, "permissions": ["all"]},
    ]
    for settings, active in [*((each, True) for each in seeing), *((each, False) for each in blind)]:
        back = await back_end(app, **settings)
        told = await introspected(app, back, token)
        assert told["active"] is active, settings
        assert active or told == INACTIVE


async def test_a_management_token_is_told_of_in_its_organization_alone_whoever_may_name_the_audience(
    app: Running,
) -> None:
    organization = await app.organization()
    owner = await back_end(app, organization=organization, audiences=[AUDIENCE], permissions=["read_app"])
    token = await issued(app, owner, audience=AUDIENCE)
    beside = await back_end(app, organization=organization, audiences=[AUDIENCE])
    elsewhere = await back_end(app, organization=await app.organization(), audiences=[AUDIENCE])
    assert (await introspected(app, beside, token))["active"]
    assert await introspected(app, elsewhere, token) == INACTIVE


async def test_whatever_is_no_live_token_is_inactive_and_no_more_is_said(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    parts = token.split(".")
    for text in (
        "x",
        token + "x",
        token[:-1],
        " " + token,
        token.upper(),
        ".".join([*parts[:2], ""]),
        claims(token)["jti"],
        back.secret,
        "\u00e9",
        "x" * 16_000,
    ):
        assert await introspected(app, back, text) == INACTIVE, text
    assert (await introspected(app, back, token))["active"]


async def test_a_token_ends_with_whatever_it_rests_on(app: Running) -> None:
    for method, path, body in (
        ("POST", "/api/applications/{id}/disable", {}),
        ("DELETE", "/api/applications/{id}", None),
        ("PATCH", "/api/accounts/{organization}", {"status": "suspended"}),
    ):
        organization = await app.organization()
        back = await back_end(app, organization=organization)
        token = await issued(app, back)
        assert (await introspected(app, ROOT, token))["active"]
        place = path.format(id=back.id, organization=organization)
        assert (await app.call(method, place, **({} if body is None else {"json": body}))).status in {200, 204}
        assert await introspected(app, ROOT, token) == INACTIVE
    # What was only suspended comes back.
    assert (await app.call("PATCH", place, json={"status": "active"})).status == 200
    assert (await introspected(app, ROOT, token))["active"]


async def test_a_token_ends_with_a_bulk_revocation_and_the_next_one_lives(app: Running) -> None:
    back = await back_end(app)
    first = await issued(app, back)
    assert (await app.call("POST", "/api/tokens/revoke", json={"application": back.id})).status in {200, 201, 204}
    second = await issued(app, back)
    assert await introspected(app, back, first) == INACTIVE
    assert (await introspected(app, back, second))["active"]


async def test_a_revoked_token_is_inactive(app: Running) -> None:
    back = await back_end(app)
    token, other = await issued(app, back), await issued(app, back)
    assert (await revoked(app, back, token)).status == 200
    assert await introspected(app, back, token) == INACTIVE
    assert (await introspected(app, back, other))["active"]


async def test_a_users_token_names_the_user(app: Running) -> None:
    back = await back_end(app, kind="web")
    user = (await app.made(f"/api/applications/{back.id}/users", {"status": "active"}))["id"]
    token = await app.issued(back.document, scope="openid", user=user)
    told = await introspected(app, back, token)
    assert (told["sub"], told["client_id"]) == (user, back.client_id)
    assert (await app.call("DELETE", f"/api/users/{user}")).status == 204
    assert await introspected(app, back, token) == INACTIVE


async def test_introspection_is_for_clients_that_prove_themselves(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)

    async def asked(headers: dict[str, str] | None = None, **form: str) -> Reply:
        return await app.call("POST", INTROSPECT, "", data=form, headers=headers or {})

    assert error(await asked(token=token)) == (401, "invalid_client")
    assert error(await asked(token=token, client_id=back.client_id, client_secret="x")) == (401, "invalid_client")
    assert error(await asked({"Authorization": f"Bearer {token}"}, token=token)) == (401, "invalid_client")
    reply = await asked(basic(back.client_id, back.secret, "basic"), token=token, token_type_hint="refresh_token")
    assert reply.json["active"]
    assert reply.headers["Cache-Control"] == "no-store"
    reply = await app.call("POST", INTROSPECT, "", json={**back.credentials, "token": token})
    assert reply.json["active"]


async def test_a_missing_token_is_named_to_those_who_proved_themselves(app: Running) -> None:
    back = await back_end(app)
    for empty in ({}, {"token": ""}):
        reply = await app.call("POST", INTROSPECT, "", data={**back.credentials, **empty})
        assert error(reply) == (400, "invalid_request")
        reply = await app.call("POST", INTROSPECT, "", data={**empty, "client_id": "root", "client_secret": "x"})
        assert error(reply) == (401, "invalid_client")


async def test_looking_at_a_token_leaves_no_event(app: Running) -> None:
    back = await back_end(app)
    reply = await ask(app, **back.credentials)
    await introspected(app, back, reply.json["access_token"])
    await introspected(app, back, "x")
    head = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    assert head == reply.position


async def test_a_refresh_token_is_told_of_to_those_who_may_see_its_tokens(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    answer = await tokens_of(shop, browser)
    token = answer["refresh_token"]
    back = Back(shop.document, shop.secret)
    told = await introspected(app, back, token)
    exp = told.pop("exp")
    assert told == {
        "active": True, "scope": SCOPE, "client_id": shop.client_id, "application_id": str(shop.id),
        "sub": str(browser.user), "aud": FILES, "iss": "https://muniment.test", "token_type": "refresh_token",
    }  # fmt: skip
    assert exp - claims(answer["access_token"])["iat"] == 2_592_000
    organization = str(shop.organization)
    resource = await back_end(app, organization=organization, audiences=[FILES])
    reader = await back_end(app, organization=organization, permissions=["read_token"])
    stranger = await back_end(app, audiences=[], permissions=["read_token"], organization=await app.organization())
    nobody = await back_end(app, organization=organization, permissions=[])
    seen = [(await introspected(app, each, token))["active"] for each in (resource, reader, stranger, nobody)]
    assert seen == [False, True, False, False], "to a resource it would pass for an access token"
    assert (await introspected(app, resource, answer["access_token"]))["active"]
    for wrong in (token[:-1] + "_", token + "x", "mun_rt_", "mun_rt_" + "x" * 16_000):
        assert await introspected(app, back, wrong) == {"active": False}


async def test_a_refresh_token_is_inactive_once_it_was_replaced_or_ran_out(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    shop = await a_shop(app, refresh_token_lifetime=60)
    first = (await tokens_of(shop, await a_person(shop)))["refresh_token"]
    second = (await renew(shop, first)).json["refresh_token"]
    assert [await alive(app, token) for token in (first, second)] == [False, True]
    clock.move(timedelta(seconds=60) - timedelta(microseconds=1))
    assert await alive(app, second)
    clock.move(timedelta(microseconds=1))
    assert not await alive(app, second)


async def test_a_refresh_token_of_a_disabled_application_is_inactive(app: Running) -> None:
    shop = await a_shop(app)
    token = (await tokens_of(shop, await a_person(shop)))["refresh_token"]
    assert (await app.call("POST", f"/api/applications/{shop.id}/disable", json={})).status == 200
    assert not await alive(app, token)
    assert (await app.call("POST", f"/api/applications/{shop.id}/enable", json={})).status == 200
    assert await alive(app, token)
