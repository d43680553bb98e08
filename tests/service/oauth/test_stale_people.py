"""Nothing is issued to a person, or handed out for them, after what forbids it, whoever decided before (T5, T11).

As with machines, the change is committed just before the append of what another worker decided without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from domain.caller import SYSTEM
from service.commands import revocations
from service.store.refusals import Stale
from tests.service.oauth.asking import error
from tests.service.oauth.impersonating import impersonated
from tests.service.oauth.persons import origin
from tests.service.oauth.redeeming import (
    FILES,
    SCOPE,
    a_code,
    a_membership,
    a_person,
    a_shop,
    alive,
    redeem,
    renew,
    tokens_of,
)
from tests.service.oauth.test_stale_decisions import Race, race

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app_fixture import Reply
    from tests.service.oauth.authorization.flow import Browser, Shop

__all__ = ["race"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANTED = "SELECT count(*) FROM models.tokens WHERE application = $1"


def there(browser: Browser, race: Race) -> Browser:
    """Return the person's browser as the other worker sees it."""
    return replace(browser, app=race.there)


def revoked(race: Race, shop: Shop, **named: Any) -> Awaitable[Any]:
    app = race.there
    return revocations.record(
        app.parts.store, origin(app), SYSTEM, organization=shop.organization, cascade=True, **named
    )


CHANGES: dict[str, Callable[[Race, Shop, Browser], Awaitable[Any]]] = {
    "suspended": lambda race, _, browser: there(browser, race).suspend(),
    "deleted": lambda race, _, browser: race.there.call("DELETE", f"/api/users/{browser.user}"),
    "signed out": lambda race, _, browser: there(browser, race).sign_out(),
    "consent withdrawn": lambda race, shop, browser: there(browser, race).withdraw(shop),
    "tokens of the application revoked": lambda race, shop, _: revoked(race, shop, application=shop.id),
    "tokens of the user revoked": lambda race, shop, browser: revoked(race, shop, user=browser.user),
    "application disabled": lambda race, shop, _: race.there.call(
        "POST", f"/api/applications/{shop.id}/disable", json={}
    ),
    "organization suspended": lambda race, shop, _: race.there.call(
        "PATCH", f"/api/accounts/{shop.organization}", json={"status": "suspended"}
    ),
    "secret retired": lambda race, shop, _: race.there.call(
        "DELETE", f"/api/applications/{shop.id}/secrets/{shop.document['secrets'][0]['id']}"
    ),
    "grant taken away": lambda race, shop, _: race.there.call(
        "PATCH", f"/api/applications/{shop.id}", json={"grant_types": ["password"]}
    ),
}
ERRORS = {
    "application disabled": (401, "invalid_client"),
    "organization suspended": (401, "invalid_client"),
    "secret retired": (401, "invalid_client"),
    "grant taken away": (400, "unauthorized_client"),
}
INVALID = (400, "invalid_grant")


@pytest.mark.parametrize("what", CHANGES)
async def test_no_code_is_redeemed_after_what_forbids_it(race: Race, what: str) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop, *SCOPE.split(" "))
    code = await a_code(shop, browser)
    _, reply = await race.first(CHANGES[what](race, shop, browser), redeem(shop, code))
    assert error(reply) == ERRORS.get(what, INVALID)
    assert await race.owner.fetchval(GRANTED, shop.id) == 0


@pytest.mark.parametrize("what", CHANGES)
async def test_no_refresh_token_is_used_after_what_forbids_it(race: Race, what: str) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop, *SCOPE.split(" "))
    first = await tokens_of(shop, browser)
    _, reply = await race.first(CHANGES[what](race, shop, browser), renew(shop, first["refresh_token"]))
    assert error(reply) == ERRORS.get(what, INVALID)
    assert await race.owner.fetchval(GRANTED, shop.id) == 1
    used = "SELECT count(*) FROM models.refresh_tokens WHERE application = $1 AND used_at IS NOT NULL"
    assert await race.owner.fetchval(used, shop.id) == 0
    assert await alive(race.there, first["access_token"]) is (what in {"secret retired", "grant taken away"})


HANDED_OUT = (
    "suspended",
    "deleted",
    "signed out",
    "consent withdrawn",
    "application disabled",
    "organization suspended",
)


@pytest.mark.parametrize("what", HANDED_OUT)
async def test_no_code_is_handed_out_after_what_forbids_it(race: Race, what: str) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop, *SCOPE.split(" "))

    async def handed_out() -> str:
        with pytest.raises(Stale):
            await a_code(shop, browser)
        return "refused"

    _, told = await race.first(CHANGES[what](race, shop, browser), handed_out())  # type: ignore[arg-type]
    assert told == "refused"  # type: ignore[comparison-overlap]
    of_shop = "SELECT count(*) FROM models.authorizations WHERE application = $1"
    assert await race.owner.fetchval(of_shop, shop.id) == 0


@pytest.mark.parametrize("change", ["membership removed", "account suspended"])
@pytest.mark.parametrize("what", ["redeem", "renew"])
async def test_who_acts_in_an_account_does_so_as_its_member_while_it_is_active(
    race: Race, what: str, change: str
) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop)
    account, member = await a_membership(shop, browser)
    code = await a_code(shop, browser, account=account)
    first = await tokens_of(shop, browser, account=account)
    work = redeem(shop, code) if what == "redeem" else renew(shop, first["refresh_token"])
    path = f"/api/accounts/{account}"
    changing = (
        race.there.call("DELETE", f"{path}/members/{member}")
        if change == "membership removed"
        else race.there.call("PATCH", path, json={"status": "suspended"})
    )
    changed, reply = await race.first(changing, work)
    assert changed.status in {200, 204}, changed.text
    assert error(reply) == INVALID
    assert await race.owner.fetchval(GRANTED, shop.id) == 1


async def test_nobody_acts_as_another_after_the_role_for_it_was_taken(race: Race) -> None:
    shop = await a_shop(race.here)
    admin, _, token = await impersonated(race.here, shop)
    [role] = (await race.here.call("GET", f"/api/users/{admin}/roles")).json["roles"]
    before = await race.owner.fetchval(GRANTED, shop.id)
    taken, reply = await race.first(race.there.call("DELETE", f"/api/users/{admin}/roles/{role}"), renew(shop, token))
    assert taken.status in {200, 204}, taken.text
    assert error(reply) == INVALID
    assert await race.owner.fetchval(GRANTED, shop.id) == before


async def test_offline_access_goes_on_while_its_person_signs_out(race: Race) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop)
    first = await tokens_of(shop, browser, scope="offline_access files.read")
    _, reply = await race.first(there(browser, race).sign_out(), renew(shop, first["refresh_token"]))
    assert reply.status == 200, reply.text


async def test_a_family_that_was_ended_meanwhile_is_not_renewed(race: Race) -> None:
    shop = await a_shop(race.here)
    first = await tokens_of(shop, await a_person(shop))
    form = {"client_id": shop.client_id, "client_secret": shop.secret, "token": first["refresh_token"]}
    ended, reply = await race.first(
        race.there.call("POST", "/oauth2/revoke", "", data=form), renew(shop, first["refresh_token"])
    )
    assert ended.status == 200
    assert error(reply) == INVALID
    assert await race.owner.fetchval(GRANTED, shop.id) == 1


async def test_what_the_client_lost_meanwhile_is_in_no_token(race: Race) -> None:
    shop = await a_shop(race.here)
    browser = await a_person(shop)
    code, first = await a_code(shop, browser), await tokens_of(shop, browser)

    def narrowed(*permissions: str) -> Awaitable[Reply]:
        return race.there.call("PATCH", f"/api/applications/{shop.id}", json={"permissions": permissions})

    _, reply = await race.first(narrowed("files.read"), renew(shop, first["refresh_token"]))
    assert reply.json["scope"] == "openid profile files.read"
    _, reply = await race.first(narrowed(), redeem(shop, code))
    assert reply.json["scope"] == "openid profile"


async def test_a_key_that_was_retired_meanwhile_signs_nothing_for_a_person(race: Race) -> None:
    shop = await a_shop(race.here)
    first = await tokens_of(shop, await a_person(shop))
    old = jwt.get_unverified_header(first["access_token"])["kid"]
    rotate = race.there.call("POST", "/api/keys/rotate", json={"force": True})
    rotated, reply = await race.first(rotate, renew(shop, first["refresh_token"]))
    assert rotated.status == 200, rotated.text
    assert reply.status == 200, reply.text
    kid = jwt.get_unverified_header(reply.json["access_token"])["kid"]
    assert kid != old
    keys = jwt.PyJWKSet.from_dict((await race.there.call("GET", "/.well-known/jwks.json", "")).json)
    jwt.decode(reply.json["access_token"], keys[kid], algorithms=["ES256"], audience=FILES)


async def test_a_code_that_two_redeem_at_once_is_replayed_by_the_later(race: Race) -> None:
    shop = await a_shop(race.here)
    code = await a_code(shop, await a_person(shop))
    won, lost = await race.first(redeem(shop, code, app=race.there), redeem(shop, code))
    assert won.status == 200
    assert error(lost) == INVALID
    assert not await alive(race.here, won.json["access_token"])


async def test_a_refresh_token_that_two_use_at_once_was_reused_by_the_later(race: Race) -> None:
    shop = await a_shop(race.here)
    first = await tokens_of(shop, await a_person(shop))
    token = first["refresh_token"]
    won, lost = await race.first(renew(shop, token, app=race.there), renew(shop, token))
    assert won.status == 200
    assert error(lost) == INVALID
    assert not await alive(race.here, won.json["refresh_token"])
