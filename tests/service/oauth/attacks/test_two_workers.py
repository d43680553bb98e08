"""Two workers, every grant of people: what can be had once is had once, and what one worker ended is dead on the other.

Each worker has a memory of its own. The next question after the answer to whatever ends access, asked of the other
worker, finds it ended: at introspection, at the userinfo endpoint, and at the renewal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.grant_types import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    PASSWORD,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)
from projections import device_authorizations
from service.commands import devices
from service.secrets.digests import sha256_hex
from service.sessions import SignedIn
from service.store.log import head
from tests.service.oauth.asking import ISSUER, REVOKE, error
from tests.service.oauth.attacks.given import INVALID, SCOPE, a_code, refused
from tests.service.oauth.authorization.flow import Browser, Shop, a_shop, signed_in
from tests.service.oauth.persons import PASSWORD as SECRET
from tests.service.oauth.persons import a_person
from tests.service.oauth.redeeming import ask, credentials, redeem, renew

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.persons import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Scene:
    """An application that may use every grant, and a person of its organization, with a browser."""

    shop: Shop
    person: Person
    browser: Browser


async def a_scene(app: Running) -> Scene:
    organization = await app.organization()
    grants = [AUTHORIZATION_CODE, REFRESH_TOKEN, PASSWORD, DEVICE_CODE, TOKEN_EXCHANGE]
    shop = await a_shop(app, organization, grant_types=grants, trusted=True, audiences=[], permissions=["files.read"])
    person = await a_person(app, organization, password=SECRET)
    browser = await signed_in(app, person.id, UUID(organization))
    await browser.consent(shop, *SCOPE.split())
    return Scene(shop, person, browser)


# Each makes ready what one request then has tokens for, and returns the function that sends this to a worker.
Sending = Callable[[Any], Awaitable[Any]]


async def by_code(at: Scene) -> Sending:
    code = await a_code(at.shop, at.browser)
    return lambda app: redeem(at.shop, code, app=app)


async def by_refresh_token(at: Scene) -> Sending:
    first = (await (await by_code(at))(at.shop.app)).json
    return lambda app: renew(at.shop, first["refresh_token"], app=app)


async def by_device(at: Scene) -> Sending:
    parts = at.shop.app.parts
    form = {**credentials(at.shop), "scope": SCOPE}
    told = (await at.shop.app.call("POST", "/oauth2/device_authorization", "", data=form)).json
    row = await device_authorizations.by_digest(parts.store.pool, sha256_hex(told["device_code"]), parts.clock.now())
    assert row is not None
    by = SignedIn(
        at.browser.session, at.browser.organization, at.browser.user, parts.clock.now(), ("pwd",),
        await head(parts.store.pool),
    )  # fmt: skip
    await devices.approve(parts.store, at.browser.origin, device=row["id"], signed_in=by)
    return lambda app: ask(at.shop, {"grant_type": DEVICE_CODE, "device_code": told["device_code"]}, app=app)


async def by_password(at: Scene) -> Sending:
    form = {"grant_type": PASSWORD, "username": at.person.username, "password": SECRET, "scope": SCOPE}
    return lambda app: ask(at.shop, form, app=app)


async def by_exchange(at: Scene) -> Sending:
    first = (await (await by_code(at))(at.shop.app)).json
    kind = "urn:ietf:params:oauth:token-type:access_token"
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": first["access_token"], "subject_token_type": kind}
    return lambda app: ask(at.shop, {**form, "audience": ISSUER}, app=app)


GRANTS = {each.__name__: each for each in (by_code, by_refresh_token, by_device, by_password, by_exchange)}
ONCE = {name: GRANTS[name] for name in ("by_code", "by_refresh_token", "by_device")}


async def revoked(at: Scene, tokens: Any) -> None:
    for name in ("access_token", "refresh_token"):
        if name in tokens:
            assert (await ask(at.shop, {"token": tokens[name]}, REVOKE)).status == 200


async def suspended(at: Scene, _: Any) -> None:
    reply = await at.shop.app.call("POST", f"/api/users/{at.person.id}/suspend", json={})
    assert reply.status == 200, reply.text


async def deleted(at: Scene, _: Any) -> None:
    assert (await at.shop.app.call("DELETE", f"/api/users/{at.person.id}")).status == 204


async def disabled(at: Scene, _: Any) -> None:
    assert (await at.shop.app.call("POST", f"/api/applications/{at.shop.id}/disable", json={})).status == 200


async def without_its_organization(at: Scene, _: Any) -> None:
    reply = await at.shop.app.call("PATCH", f"/api/accounts/{at.shop.organization}", json={"status": "suspended"})
    assert reply.status == 200, reply.text


async def withdrawn(at: Scene, _: Any) -> None:
    await at.browser.withdraw(at.shop)


ENDS = {each.__name__: each for each in (revoked, suspended, deleted, disabled, without_its_organization, withdrawn)}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("grant", GRANTS)
async def test_what_one_worker_ended_is_dead_on_the_other_at_once(
    pair: tuple[Running, Running], grant: str, end: str
) -> None:
    here, there = pair
    at = await a_scene(here)
    reply = await (await GRANTS[grant](at))(there)
    assert reply.status == 200, reply.text
    tokens = reply.json
    assert not await refused(there, tokens["access_token"])  # this worker knows all of it by heart now
    await ENDS[end](at, tokens)
    assert await refused(there, tokens["access_token"])
    if "refresh_token" in tokens:
        again = error(await renew(at.shop, tokens["refresh_token"], app=there))
        assert again == ((401, "invalid_client") if end in {"disabled", "without_its_organization"} else INVALID)
    assert await refused(here, tokens["access_token"])


@pytest.mark.parametrize("grant", ONCE)
async def test_what_can_be_had_once_is_had_once_by_however_many(pair: tuple[Running, Running], grant: str) -> None:
    at = await a_scene(pair[0])
    send = await ONCE[grant](at)
    replies: list[Reply] = await asyncio.gather(*(send(pair[n % 2]) for n in range(24)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 23
    others = {error(reply)[1] for reply in replies if reply.status != 200}
    assert others <= {"invalid_grant", "slow_down"}
    issued = [
        event
        for event in await pair[0].events(client=str(at.shop.id), limit=200)
        if event["topic"] == ("token.refreshed" if grant == "by_refresh_token" else "token.issued")
    ]
    assert len(issued) == 1


@pytest.mark.parametrize("end", [suspended, disabled, withdrawn, deleted])
@pytest.mark.parametrize("grant", ["by_code", "by_refresh_token", "by_device", "by_exchange"])
async def test_nothing_is_had_on_the_other_worker_after_what_ends_it(
    pair: tuple[Running, Running], grant: str, end: Any
) -> None:
    """What was ready before, a code in hand or an approval, is worth nothing after the answer to what ends it."""
    here, there = pair
    at = await a_scene(here)
    await (await by_code(at))(there)  # the other worker knows the client, and all about it
    send = await GRANTS[grant](at)
    await end(at, None)
    reply = await send(there)
    assert reply.status in {400, 401}, reply.text
    assert error(reply)[1] in {"invalid_grant", "invalid_client", "invalid_request", "access_denied"}
    assert "token" not in reply.json


@pytest.mark.parametrize("grant", GRANTS)
async def test_access_that_ends_while_it_is_given_does_not_outlive_the_answer(
    pair: tuple[Running, Running], grant: str
) -> None:
    """Tokens are asked of one worker while the other suspends the person: whatever was handed out is dead by then."""
    here, there = pair
    for _ in range(4):
        at = await a_scene(here)
        sending = [await GRANTS[grant](at) for _ in range(3)]
        asked = [asyncio.ensure_future(send(there)) for send in sending]
        await suspended(at, None)
        for reply in await asyncio.gather(*asked):
            if reply.status == 200:
                assert await refused(there, reply.json["access_token"])
                assert await refused(here, reply.json["access_token"])
