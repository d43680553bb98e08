"""Revocation: a token ends before its time, for those who may end it, and at once (RFC 7009)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.app_fixture import ROOT_SECRET, Running
from tests.service.oauth.asking import REVOKE, Back, back_end, basic, error, introspected, issued, revoked
from tests.service.oauth.redeeming import a_person, a_shop, ended, renew, tokens_of

if TYPE_CHECKING:
    from tests.app_fixture import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Back({"client_id": "root"}, ROOT_SECRET)


async def alive(app: Running, token: str) -> bool:
    return (await introspected(app, ROOT, token))["active"]


def told(reply: Reply) -> tuple[int, str, set[str]]:
    return reply.status, reply.text, set(reply.headers) - {"Muniment-Position"}


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_a_client_ends_its_own_token(app: Running, token_format: str) -> None:
    back = await back_end(app, token_format=token_format, permissions=["read_app"])
    token, other = await issued(app, back), await issued(app, back)
    reply = await revoked(app, back, token)
    assert (reply.status, reply.text) == (200, "")
    assert reply.headers["Cache-Control"] == "no-store"
    assert not await alive(app, token)
    assert await alive(app, other)
    assert (await app.call("GET", "/api/applications", token)).status == 401
    assert (await app.call("GET", "/api/applications", other)).status == 200
    event = (await app.events(topic="token.revoked"))[0]
    assert event["position"] == reply.position
    assert event["actor"] == back.id
    assert event["request_id"] == reply.headers["X-Request-Id"]


async def test_ending_what_has_ended_or_never_was_is_no_error_and_no_event(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    first = await revoked(app, back, token)
    for text in (token, token, "unknown", token + "x", back.secret, "\u00e9"):
        again = await revoked(app, back, text)
        assert told(again) == told(first)
        assert "Muniment-Position" not in again.headers or again.position == first.position


async def test_of_many_who_end_a_token_at_once_all_succeed_and_one_event_is_left(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    replies = await asyncio.gather(*(revoked(app, back, token) for _ in range(12)))
    assert {reply.status for reply in replies} == {200}
    events = await app.events(topic="token.revoked", client=back.id)
    assert len(events) == 1


async def test_another_clients_token_is_refused_unless_there_is_the_permission(app: Running) -> None:
    organization = await app.organization()
    owner = await back_end(app, organization=organization)
    for permissions, status in ((["read_token"], 400), (["revoke_token"], 200), (["all"], 200), (["root"], 200)):
        token = await issued(app, owner)
        other = await back_end(app, organization=organization, permissions=permissions)
        reply = await revoked(app, other, token)
        assert reply.status == status
        assert await alive(app, token) is (status == 400)
        if status == 400:
            assert reply.json["error"] == "unauthorized_client"


async def test_another_organizations_token_is_as_unknown_as_one_that_never_was(app: Running) -> None:
    owner = await back_end(app, organization=await app.organization())
    token = await issued(app, owner)
    elsewhere = await app.organization()
    for permissions in ([], ["revoke_token"], ["all"]):
        other = await back_end(app, organization=elsewhere, permissions=permissions)
        assert told(await revoked(app, other, token)) == told(await revoked(app, other, "unknown"))
        assert await alive(app, token)
    root = await back_end(app, organization=elsewhere, permissions=["root"])
    assert (await revoked(app, root, token)).status == 200
    assert not await alive(app, token)


async def test_revocation_is_for_clients_that_prove_themselves(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    for form in ({}, {"client_id": back.client_id, "client_secret": "x"}, {"client_id": back.client_id}):
        assert error(await app.call("POST", REVOKE, "", data={**form, "token": token})) == (401, "invalid_client")
    assert await alive(app, token)
    assert error(await app.call("POST", REVOKE, "", data=back.credentials)) == (400, "invalid_request")
    headers = basic(back.client_id, back.secret)
    reply = await app.call("POST", REVOKE, "", data={"token": token, "token_type_hint": "whatever"}, headers=headers)
    assert reply.status == 200
    assert not await alive(app, token)


async def test_a_token_of_a_client_that_is_out_of_use_can_still_be_ended(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    assert (await app.call("POST", f"/api/applications/{back.id}/disable", json={})).status == 200
    assert (await revoked(app, back, token)).status == 401
    assert (await revoked(app, ROOT, token)).status == 200
    assert (await app.call("POST", f"/api/applications/{back.id}/enable", json={})).status == 200
    assert not await alive(app, token)


async def test_a_refresh_token_is_ended_with_all_that_came_of_it(app: Running) -> None:
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    second = (await renew(shop, first["refresh_token"])).json
    reply = await ended(shop, second["refresh_token"])
    assert (reply.status, reply.text) == (200, "")
    for answer in (first, second):
        assert not await alive(app, answer["access_token"])
        assert not await alive(app, answer["refresh_token"])
    event = (await app.events(topic="token.revoked"))[0]
    assert (event["position"], event["actor"]) == (reply.position, str(shop.id))
    assert told(await ended(shop, second["refresh_token"])) == told(reply)


async def test_one_that_was_replaced_ends_its_family_too(app: Running) -> None:
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    second = (await renew(shop, first["refresh_token"])).json
    assert (await ended(shop, first["refresh_token"])).status == 200
    assert not await alive(app, second["refresh_token"])


async def test_a_public_client_ends_what_was_issued_to_it_and_nothing_else(app: Running) -> None:
    shop = await a_shop(app, kind="spa")
    browser = await a_person(shop)
    answer, kept = await tokens_of(shop, browser), await tokens_of(shop, browser)
    other = await a_shop(app, str(shop.organization), kind="spa")
    stranger = await a_shop(app, kind="spa")
    for name in ("access_token", "refresh_token"):
        assert error(await ended(other, answer[name])) == (400, "unauthorized_client")
        assert told(await ended(stranger, answer[name])) == told(await ended(stranger, "mun_rt_unknown"))
        assert await alive(app, answer[name])
        assert (await ended(shop, answer[name])).status == 200
        assert not await alive(app, answer[name])
    assert await alive(app, kept["access_token"])
    form = {"client_id": shop.client_id, "client_secret": "x", "token": kept["access_token"]}
    assert error(await app.call("POST", REVOKE, "", data=form)) == (401, "invalid_client")
