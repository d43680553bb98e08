"""The refresh token grant: another refresh token each time, one winner, and an end for all when one comes back (T5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from domain.permissions import PERMISSIONS
from projections import consents
from service.secrets.digests import has_checksum
from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import back_end, claims, error, issued
from tests.service.oauth.impersonating import impersonated
from tests.service.oauth.redeeming import (
    FILES,
    ROOT,
    SCOPE,
    a_membership,
    a_person,
    a_shop,
    alive,
    ended,
    renew,
    tokens_of,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app_fixture import Running
    from tests.fake_clock import FakeClock
    from tests.service.oauth.authorization.flow import Browser, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = (400, "invalid_grant")
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize("kind", ["web", "spa"])
async def test_access_goes_on_with_another_refresh_token_each_time(app: Running, kind: str) -> None:
    shop = await a_shop(app, kind=kind)
    browser = await a_person(shop)
    answers = [await tokens_of(shop, browser)]
    for _ in range(3):
        reply = await renew(shop, answers[-1]["refresh_token"])
        assert reply.status == 200, reply.text
        assert reply.headers["Cache-Control"] == "no-store"
        answers.append(reply.json)
    assert all(answer.keys() == answers[0].keys() for answer in answers)
    for name in ("access_token", "refresh_token"):
        texts = [answer[name] for answer in answers]
        assert len(set(texts)) == 4
        assert [await alive(app, text) for text in texts] == [name == "access_token"] * 3 + [True]
    assert all(has_checksum(answer["refresh_token"]) for answer in answers)
    first, last = claims(answers[0]["access_token"]), claims(answers[-1]["access_token"])
    same = ("sub", "client_id", "aud", "scope", "auth_time")
    assert [first[name] for name in same] == [last[name] for name in same]
    identity = claims(answers[-1]["id_token"])
    assert (identity["sub"], identity["sid"], identity["auth_time"]) == (
        str(browser.user), str(browser.session), first["auth_time"],
    )  # fmt: skip
    assert "nonce" not in identity


async def test_a_refresh_token_that_comes_back_ends_the_family_before_it_is_refused(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    first, other = await tokens_of(shop, browser), await tokens_of(shop, browser)
    second = (await renew(shop, first["refresh_token"])).json
    assert error(await renew(shop, first["refresh_token"])) == INVALID
    event = (await app.events(topic="token.reuse_detected"))[0]
    assert (event["actor"], event["client"]) == (str(shop.id), str(shop.id))
    for answer in (first, second):
        assert not await alive(app, answer["access_token"])
        assert not await alive(app, answer["refresh_token"])
    before = await topics(app)
    for token in (first["refresh_token"], second["refresh_token"]):
        assert error(await renew(shop, token)) == INVALID
    assert await topics(app) == before
    assert await alive(app, other["refresh_token"])


async def test_of_many_who_renew_at_once_one_wins_and_the_others_end_the_family(two: tuple[Running, Running]) -> None:
    here, there = two
    shop = await a_shop(here)
    first = await tokens_of(shop, await a_person(shop))
    workers = [here, there] * 10
    replies = await asyncio.gather(*(renew(shop, first["refresh_token"], app=app) for app in workers))
    [winner] = [reply for reply in replies if reply.status == 200]
    assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
    for token in (first["access_token"], winner.json["access_token"], winner.json["refresh_token"]):
        assert not await alive(there, token)
    told = await topics(here)
    assert [told.count(topic) for topic in ("token.refreshed", "token.reuse_detected")] == [1, 1]


async def test_within_its_grace_a_client_that_lost_an_answer_gets_it_again(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    shop = await a_shop(app, refresh_grace=10)
    first = await tokens_of(shop, await a_person(shop))
    replies = await asyncio.gather(*(renew(shop, first["refresh_token"]) for _ in range(5)))
    assert {reply.status for reply in replies} == {200}
    [current] = {reply.json["refresh_token"] for reply in replies}
    assert len({reply.json["access_token"] for reply in replies}) == 5
    clock.move(timedelta(seconds=10) - INSTANT)
    again = (await renew(shop, first["refresh_token"])).json
    assert again["refresh_token"] == current
    assert await alive(app, again["access_token"])
    clock.move(INSTANT)
    assert error(await renew(shop, first["refresh_token"])) == INVALID
    assert not await alive(app, current)


async def test_those_who_share_a_refresh_token_in_its_grace_go_on_with_the_same_one(
    two: tuple[Running, Running],
) -> None:
    shop = await a_shop(two[0], refresh_grace=60)
    first = await tokens_of(shop, await a_person(shop))
    replies = await asyncio.gather(*(renew(shop, first["refresh_token"], app=app) for _ in range(8) for app in two))
    assert [reply.status for reply in replies] == [200] * 16
    [current] = {reply.json["refresh_token"] for reply in replies}
    assert (await renew(shop, current)).status == 200


async def test_the_grace_is_for_the_one_before_alone(app: Running) -> None:
    shop = await a_shop(app, refresh_grace=60)
    first = await tokens_of(shop, await a_person(shop))
    second = (await renew(shop, first["refresh_token"])).json
    third = (await renew(shop, second["refresh_token"])).json
    assert error(await renew(shop, first["refresh_token"])) == INVALID
    assert not await alive(app, third["refresh_token"])


async def test_the_scope_may_be_narrowed_and_the_family_keeps_it(app: Running) -> None:
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    narrow = (await renew(shop, first["refresh_token"], scope="files.read")).json
    assert narrow["scope"] == claims(narrow["access_token"])["scope"] == "files.read"
    assert "id_token" not in narrow
    whole = (await renew(shop, narrow["refresh_token"])).json
    assert whole["scope"] == SCOPE


@pytest.mark.parametrize(
    "asked", ["files.read email", "offline_access", "admin", "read_user", " ", "files.read\topenid"]
)
async def test_the_scope_is_never_widened_and_nothing_is_rotated_for_it(app: Running, asked: str) -> None:
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    before = await topics(app)
    assert error(await renew(shop, first["refresh_token"], scope=asked)) == (400, "invalid_scope")
    assert await topics(app) == before
    assert (await renew(shop, first["refresh_token"])).status == 200


async def test_what_the_client_lost_is_not_in_the_next_token_and_comes_back_with_it(app: Running) -> None:
    shop = await a_shop(app)
    answer = await tokens_of(shop, await a_person(shop))
    await shop.change(permissions=["files.read"])
    answer = (await renew(shop, answer["refresh_token"])).json
    assert answer["scope"] == "openid profile files.read"
    await shop.change(permissions=["files.read", "files.write"])
    answer = (await renew(shop, answer["refresh_token"])).json
    assert answer["scope"] == SCOPE
    await shop.change(audiences=[])
    assert error(await renew(shop, answer["refresh_token"])) == (400, "invalid_target")


async def test_the_resource_is_that_of_the_grant(app: Running) -> None:
    shop = await a_shop(app, audiences=[FILES, "https://other.test"])
    first = await tokens_of(shop, await a_person(shop))
    for name in ("resource", "audience"):
        refused = await renew(shop, first["refresh_token"], **{name: "https://other.test"})
        assert error(refused) == (400, "invalid_target")
    assert (await renew(shop, first["refresh_token"], resource=FILES, audience=FILES)).status == 200


async def test_another_clients_refresh_token_is_unknown_and_unharmed(app: Running) -> None:
    shop = await a_shop(app)
    other = await a_shop(app, str(shop.organization), kind="spa")
    first = await tokens_of(shop, await a_person(shop))
    second = (await renew(shop, first["refresh_token"])).json
    before = await topics(app)
    replies = [await renew(other, each) for each in (first["refresh_token"], second["refresh_token"], "mun_rt_unknown")]
    assert {error(reply) for reply in replies} == {INVALID}
    assert len({reply.text for reply in replies}) == 1
    assert await topics(app) == before
    assert (await renew(shop, second["refresh_token"])).status == 200


async def test_only_a_refresh_token_is_one(app: Running) -> None:
    shop = await a_shop(app)
    first = await tokens_of(shop, await a_person(shop))
    for token in (first["access_token"], first["id_token"], shop.secret, "\u00e9", "x" * 16_000):
        assert error(await renew(shop, token)) == INVALID
    assert error(await renew(shop, first["refresh_token"], refresh_token=None)) == (400, "invalid_request")
    assert error(await renew(shop, first["refresh_token"], client_secret="wrong")) == (401, "invalid_client")
    await shop.change(grant_types=["authorization_code"])
    assert error(await renew(shop, first["refresh_token"])) == (400, "unauthorized_client")


ENDINGS: dict[str, Callable[[Shop, Browser], Awaitable[object]]] = {
    "user suspended": lambda shop, browser: browser.suspend(),
    "signed out": lambda shop, browser: browser.sign_out(),
    "consent withdrawn": lambda shop, browser: browser.withdraw(shop),
    "organization suspended": lambda shop, browser: shop.app.call(
        "PATCH", f"/api/accounts/{shop.organization}", json={"status": "suspended"}
    ),
    "application disabled": lambda shop, browser: shop.app.call(
        "POST", f"/api/applications/{shop.id}/disable", json={}
    ),
    "user deleted": lambda shop, browser: shop.app.call("DELETE", f"/api/users/{browser.user}"),
}


@pytest.mark.parametrize("what", ENDINGS)
async def test_what_ends_access_ends_it_before_rotation(app: Running, what: str) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop, *SCOPE.split(" "))
    first = await tokens_of(shop, browser)
    await ENDINGS[what](shop, browser)
    before = await topics(app)
    disabled = what in {"organization suspended", "application disabled"}
    assert error(await renew(shop, first["refresh_token"])) == ((401, "invalid_client") if disabled else INVALID)
    assert await topics(app) == before
    used = "SELECT used_at FROM refresh_tokens WHERE application = $1"
    assert await app.parts.store.pool.fetchval(used, shop.id) is None
    assert not await alive(app, first["refresh_token"])
    assert not await alive(app, first["access_token"])


async def test_a_member_who_was_removed_is_one_no_more(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    account, member = await a_membership(shop, browser)
    first = await tokens_of(shop, browser, account=account)
    second = (await renew(shop, first["refresh_token"])).json
    assert claims(second["access_token"])["acc"] == str(account)
    assert (await app.call("DELETE", f"/api/accounts/{account}/members/{member}")).status == 204
    assert error(await renew(shop, second["refresh_token"])) == INVALID


async def test_offline_access_outlives_the_session_but_not_the_consent(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop, "openid", "offline_access")
    first = await tokens_of(shop, browser, scope="openid offline_access")
    await browser.sign_out()
    second = (await renew(shop, first["refresh_token"])).json
    assert await alive(app, second["access_token"])
    assert claims(second["id_token"])["sid"] == str(browser.session)
    await browser.withdraw(shop)
    assert await consents.of(app.parts.store.pool, browser.user, shop.id) == frozenset()
    assert error(await renew(shop, second["refresh_token"])) == INVALID


async def test_a_reinstated_user_does_not_get_the_former_access_back(app: Running) -> None:
    shop = await a_shop(app)
    browser = await a_person(shop)
    first = await tokens_of(shop, browser, scope="offline_access")
    await browser.suspend()
    assert (await app.call("POST", f"/api/users/{browser.user}/reinstate", json={})).status == 200
    assert error(await renew(shop, first["refresh_token"])) == INVALID


async def test_a_refresh_token_lasts_as_long_as_its_client_says_from_its_last_use_on(
    timed: tuple[Running, FakeClock],
) -> None:
    app, clock = timed
    shop = await a_shop(app, refresh_token_lifetime=3600)
    browser = await a_person(shop)
    answer = await tokens_of(shop, browser)
    for _ in range(3):
        clock.move(timedelta(seconds=3600) - INSTANT)
        answer = (await renew(shop, answer["refresh_token"])).json
    clock.move(timedelta(seconds=3600))
    assert error(await renew(shop, answer["refresh_token"])) == INVALID
    assert not await alive(app, answer["refresh_token"])


async def test_who_acts_as_somebody_else_is_named_in_every_token(app: Running) -> None:
    shop = await a_shop(app, permissions=["files.read", "read_user"])
    admin, user, token = await impersonated(app, shop)
    for _ in range(2):
        answer = (await renew(shop, token)).json
        token = answer["refresh_token"]
        inside = claims(answer["access_token"])
        assert (inside["sub"], inside["act"]) == (str(user), {"sub": str(admin)})
        assert set(answer["scope"].split(" ")) == {"profile", "files.read"}
        assert set(PERMISSIONS).isdisjoint(answer["scope"].split(" "))
        told = await app.call("POST", "/oauth2/introspect", "", data={**ROOT, "token": answer["access_token"]})
        assert (told.json["sub"], told.json["act"]) == (str(user), {"sub": str(admin)})
    event = (await app.events(topic="token.refreshed"))[0]
    assert event["actor"] == str(admin)


async def test_acting_as_somebody_else_ends_when_it_was_to_end(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    shop = await a_shop(app)
    _, _, token = await impersonated(app, shop)
    for moved, left in ((timedelta(seconds=1700), 100), (timedelta(seconds=100) - INSTANT, 1)):
        clock.move(moved)
        answer = (await renew(shop, token)).json
        assert answer["expires_in"] == left
        token = answer["refresh_token"]
    clock.move(INSTANT)
    assert error(await renew(shop, token)) == INVALID
    assert not await alive(app, answer["access_token"])


async def test_a_token_that_would_be_over_at_once_is_not_made(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    clock.move(timedelta(seconds=0.5))
    shop = await a_shop(app)
    _, _, token = await impersonated(app, shop)
    clock.move(timedelta(seconds=1799.7))
    before = await topics(app)
    assert error(await renew(shop, token)) == INVALID
    assert await topics(app) == before


@pytest.mark.parametrize("what", ["role", "suspension", "deletion"])
async def test_acting_as_somebody_else_takes_the_role_still(app: Running, what: str) -> None:
    shop = await a_shop(app)
    admin, _, token = await impersonated(app, shop)
    answer = (await renew(shop, token)).json
    if what == "role":
        held = (await app.call("GET", f"/api/users/{admin}/roles")).json["roles"]
        assert (await app.call("DELETE", f"/api/users/{admin}/roles/{held[0]}")).status in {200, 204}
    elif what == "suspension":
        await app.call("POST", f"/api/users/{admin}/suspend", json={})
        assert not await alive(app, answer["access_token"])
    else:
        await app.call("DELETE", f"/api/users/{admin}")
        assert not await alive(app, answer["access_token"])
    before = await topics(app)
    assert error(await renew(shop, answer["refresh_token"])) == INVALID
    assert await topics(app) == before


async def test_a_machines_token_does_not_come_with_a_refresh_token(app: Running) -> None:
    back = await back_end(app, permissions=["read_app"])
    token = await issued(app, back)
    reply = await app.call(
        "POST", "/oauth2/token", "", data={**back.credentials, "grant_type": "refresh_token", "refresh_token": token}
    )
    assert error(reply) == (400, "unauthorized_client")
    assert claims(token)["aud"] == AUDIENCE


async def test_ending_a_refresh_token_ends_all_that_came_of_it(app: Running) -> None:
    shop = await a_shop(app, kind="spa")
    first = await tokens_of(shop, await a_person(shop))
    second = (await renew(shop, first["refresh_token"])).json
    assert (await ended(shop, second["access_token"])).status == 200
    assert await alive(app, second["refresh_token"])
    assert (await ended(shop, second["refresh_token"])).status == 200
    for token in (first["access_token"], second["refresh_token"]):
        assert not await alive(app, token)
    assert error(await renew(shop, second["refresh_token"])) == INVALID
