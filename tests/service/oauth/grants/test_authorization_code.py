"""The authorization code grant: one use, by the client it was handed out to, with all that belongs to it (T5, T10)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.secrets.digests import sha256_hex
from tests.service.oauth.asking import claims, error
from tests.service.oauth.redeeming import (
    CALLBACK,
    FILES,
    SCOPE,
    VERIFIER,
    a_code,
    a_membership,
    a_person,
    a_shop,
    alive,
    redeem,
    renew,
    tokens_of,
    topics,
)

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = (400, "invalid_grant")


@pytest.mark.parametrize("kind", ["web", "spa", "native"])
async def test_a_code_becomes_tokens_of_the_person(app: Running, kind: str) -> None:
    shop = await a_shop(app, kind=kind)
    browser = await a_person(shop)
    reply = await redeem(shop, await a_code(shop, browser))
    assert reply.status == 200, reply.text
    answer = reply.json
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 300, SCOPE)
    assert reply.headers["Cache-Control"] == "no-store"
    token = claims(answer["access_token"])
    assert (token["sub"], token["client_id"], token["aud"]) == (str(browser.user), shop.client_id, FILES)
    assert (token["scope"], token["exp"] - token["iat"]) == (SCOPE, 300)
    assert "auth_time" in token
    assert token.keys().isdisjoint({"acc", "act", "nonce"})
    identity = claims(answer["id_token"])
    assert (identity["sub"], identity["aud"], identity["nonce"]) == (token["sub"], shop.client_id, "n-0S6_WzA2Mj")
    assert (identity["sid"], identity["amr"]) == (str(browser.session), ["pwd"])
    event = (await app.events(topic="token.issued", client=str(shop.id)))[0]
    assert (event["position"], event["actor"]) == (reply.position, str(browser.user))
    assert event["request_id"] == reply.headers["X-Request-Id"]
    assert await alive(app, answer["access_token"])
    assert await alive(app, answer["refresh_token"])


async def test_nothing_secret_is_in_the_log(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    answer = (await redeem(shop, code)).json
    told = str(await app.events(limit=200))
    assert all(text not in told for text in (code, answer["access_token"], answer["refresh_token"], VERIFIER))
    pool = app.parts.store.pool
    assert await pool.fetchval("SELECT count(*) FROM authorizations WHERE digest = $1", sha256_hex(code)) == 1


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token_and_one_without_openid_no_identity(
    app: Running,
) -> None:
    shop = await a_shop(app, grant_types=["authorization_code"])
    answer = await tokens_of(shop, await a_person(shop), scope="files.read")
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}


async def test_opaque_access_tokens_come_with_an_identity_too(app: Running) -> None:
    shop = await a_shop(app, token_format="opaque")
    answer = await tokens_of(shop, await a_person(shop))
    assert answer["access_token"].startswith("mun_at_")
    assert "id_token" in answer
    assert await alive(app, answer["access_token"])


WRONG: list[dict[str, Any]] = [
    {"code_verifier": None},
    {"code_verifier": VERIFIER[:-1] + "l"},
    {"code_verifier": "short"},
    {"redirect_uri": None},
    {"redirect_uri": CALLBACK + "/"},
    {"redirect_uri": CALLBACK.replace("https", "HTTPS")},
]


@pytest.mark.parametrize("changed", WRONG, ids=str)
async def test_a_code_is_for_who_has_all_that_belongs_to_it_and_is_not_used_up_by_others(
    app: Running, changed: dict[str, Any]
) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    before = await topics(app)
    assert error(await redeem(shop, code, **changed)) == INVALID
    assert await topics(app) == before
    assert (await redeem(shop, code)).status == 200


async def test_another_clients_code_is_unknown_and_unharmed(app: Running) -> None:
    shop = await a_shop(app)
    other = await a_shop(app, str(shop.organization))
    code = await a_code(shop, await a_person(shop))
    refused, unknown = await redeem(other, code), await redeem(other, "mun_ac_unknown")
    assert error(refused) == error(unknown) == INVALID
    assert refused.text == unknown.text
    first = await redeem(shop, code)
    assert first.status == 200
    assert error(await redeem(other, code)) == INVALID
    assert await alive(app, first.json["access_token"])


async def test_a_verifier_for_a_code_without_challenge_is_a_downgrade(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop), code_challenge=None)
    assert error(await redeem(shop, code)) == INVALID
    assert (await redeem(shop, code, code_verifier=None)).status == 200


async def test_a_redirect_uri_that_was_not_named_is_not_named_later(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop), redirect_uri=None)
    assert error(await redeem(shop, code)) == INVALID
    assert (await redeem(shop, code, redirect_uri=None)).status == 200


async def test_a_code_lives_for_a_minute(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    shop = await a_shop(app)
    browser = await a_person(shop)
    late, code = await a_code(shop, browser), await a_code(shop, browser)
    clock.move(timedelta(seconds=60) - timedelta(microseconds=1))
    assert (await redeem(shop, code)).status == 200
    clock.move(timedelta(microseconds=1))
    assert error(await redeem(shop, late)) == INVALID


async def test_a_code_that_comes_back_ends_what_it_gave_and_is_on_record(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    code, other = await a_code(shop, browser), await tokens_of(shop, browser)
    first = (await redeem(shop, code)).json
    renewed = (await renew(shop, first["refresh_token"])).json
    assert error(await redeem(shop, code)) == INVALID
    for answer in (first, renewed):
        assert not await alive(app, answer["access_token"])
        assert not await alive(app, answer["refresh_token"])
    assert error(await renew(shop, renewed["refresh_token"])) == INVALID
    assert await alive(app, other["access_token"])
    assert (await topics(app))[-2:] == ["authorization.replayed", "token.revoked"]
    events = await app.events(client=str(shop.id), limit=2)
    assert {event["actor"] for event in events} == {str(shop.id)}
    before = await topics(app)
    assert error(await redeem(shop, code)) == INVALID
    assert await topics(app) == before


@pytest.mark.parametrize("changed", WRONG, ids=str)
async def test_who_merely_saw_a_used_code_ends_nothing(app: Running, changed: dict[str, Any]) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    answer = (await redeem(shop, code)).json
    assert error(await redeem(shop, code, **changed)) == INVALID
    assert await alive(app, answer["access_token"])
    assert await alive(app, answer["refresh_token"])


async def test_of_fifty_who_redeem_a_code_at_once_one_succeeds_and_the_replays_end_it(
    two: tuple[Running, Running],
) -> None:
    here, there = two
    shop = await a_shop(here, kind="spa")
    code = await a_code(shop, await a_person(shop))
    replies = await asyncio.gather(*(redeem(shop, code, app=app) for _ in range(25) for app in (here, there)))
    [winner] = [reply for reply in replies if reply.status == 200]
    assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
    assert not await alive(there, winner.json["access_token"])
    assert not await alive(here, winner.json["refresh_token"])
    of_code = [topic for topic in await topics(here) if topic.startswith(("authorization.", "token.revoked"))]
    assert of_code == ["authorization.issued", "authorization.redeemed", "authorization.replayed", "token.revoked"]


async def test_a_code_is_for_the_resource_it_was_handed_out_for(app: Running) -> None:
    shop = await a_shop(app, audiences=[FILES, "https://other.test"])
    code = await a_code(shop, await a_person(shop))
    for name in ("resource", "audience"):
        assert error(await redeem(shop, code, **{name: "https://other.test"})) == (400, "invalid_target")
    assert (await redeem(shop, code, resource=FILES)).status == 200


async def test_what_the_client_lost_meanwhile_is_not_in_the_token(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    await shop.change(permissions=["files.read"])
    assert (await redeem(shop, code)).json["scope"] == "openid profile files.read"
    code = await a_code(shop, await a_person(shop))
    await shop.change(audiences=[])
    assert error(await redeem(shop, code)) == (400, "invalid_target")


async def test_no_permission_of_the_management_interface_is_in_a_persons_token(app: Running) -> None:
    shop = await a_shop(app, permissions=["files.read", "read_user", "all"])
    answer = await tokens_of(shop, await a_person(shop), scope="openid files.read read_user all root")
    assert answer["scope"] == "openid files.read"


async def test_a_code_of_a_member_is_for_their_account(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    account, member = await a_membership(shop, browser)
    answer = await tokens_of(shop, browser, account=account)
    assert claims(answer["access_token"])["acc"] == str(account)
    path = f"/api/accounts/{account}/members/{member}"
    assert (await app.call("DELETE", path)).status == 204
    assert not await alive(app, answer["access_token"])
    assert not await alive(app, answer["refresh_token"])


async def test_the_grant_is_for_clients_that_have_it(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    await shop.change(grant_types=["refresh_token"])
    assert error(await redeem(shop, code)) == (400, "unauthorized_client")
    assert error(await redeem(shop, code, code=None)) == (400, "unauthorized_client")
    await shop.change(grant_types=["authorization_code"])
    assert error(await redeem(shop, code, code=None)) == (400, "invalid_request")


async def test_a_confidential_client_proves_itself(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    for secret in (None, "wrong"):
        assert error(await redeem(shop, code, client_secret=secret)) == (401, "invalid_client")
    assert (await redeem(shop, code)).status == 200


async def test_why_a_code_was_refused_is_told_to_operators_alone(app: Running) -> None:
    shop = await a_shop(app)
    code = await a_code(shop, await a_person(shop))
    reply = await redeem(shop, code, redirect_uri="https://evil.test/")
    assert "redirect" not in reply.text
    [refused] = await app.refusals(client=shop.client_id)
    assert (refused["code"], refused["operation"]) == ("invalid_grant", "token")
    assert "redirect URI" in refused["detail"]
    assert code not in str(refused)
