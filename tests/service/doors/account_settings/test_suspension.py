"""Row 6: whoever is suspended is out at once and everywhere; what ended stays ended."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.sign_in import SignInRefused
from tests.service.doors.account_settings.given import Place, a_place, a_strong_person, unique
from tests.service.oauth.asking import INTROSPECT
from tests.service.oauth.authorization.flow import FILES, a_shop, signed_in
from tests.service.oauth.authorization.flow import place as led_to
from tests.service.oauth.grants.test_device_code import a_tv
from tests.service.oauth.redeeming import a_code, alive, credentials, redeem, renew, tokens_of

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


async def suspended(place: Place, user: object, *, is_suspended: bool = True) -> Reply:
    reply = await place.call("PATCH", f"/{user}/is-suspended", {"isSuspended": is_suspended})
    assert reply.status == 200, reply.text
    assert reply.json["isSuspended"] is is_suspended
    shown = await place.shown(str(user))
    assert shown == reply.json | {"applicationId": shown["applicationId"]}, "which the audit tells a little later"
    return reply


async def at_a_shop(app: Running) -> tuple[Place, Shop, Browser]:
    """Return somebody with a password, signed in at a browser, and an application that signs them in."""
    shop = await a_shop(app)
    place = Place(app, str(shop.organization), await app.manager(str(shop.organization)))
    ada = await place.person(username=unique(), password=PASSWORD)
    browser = await signed_in(app, UUID(ada["id"]), shop.organization)
    await browser.consent(shop, "openid", "profile", "files.read", "files.write", "offline_access")
    return place, shop, browser


async def test_row06_a_person_is_suspended_and_let_in_again_however_often_it_is_said(place: Place) -> None:
    made = await place.person(username=unique())
    first = await suspended(place, made["id"])
    assert first.json == made | {"isSuspended": True, "updatedAt": first.json["updatedAt"]}
    again = await suspended(place, made["id"])
    assert (again.json, again.position) == (first.json, first.position)
    for _ in range(2):
        back = await suspended(place, made["id"], is_suspended=False)
    assert back.json == made | {"updatedAt": back.json["updatedAt"]}
    topics = [event["topic"] for event in await place.app.events(subject=made["id"], limit=200)]
    assert topics.count("user.suspended") == topics.count("user.reinstated") == 1


async def test_row06_sessions_and_tokens_end_and_stay_ended(app: Running) -> None:
    place, shop, browser = await at_a_shop(app)
    held = await tokens_of(shop, browser)
    opaque = await app.issued(shop.document, scope="openid profile", user=str(browser.user), audience=FILES)
    kept = (held["access_token"], held["refresh_token"], opaque)
    assert [await alive(app, token) for token in kept] == [True, True, True]
    await suspended(place, browser.user)
    assert [await alive(app, token) for token in kept] == [False, False, False]
    own = {**credentials(shop), "token": held["access_token"]}
    assert (await app.call("POST", INTROSPECT, "", data=own)).json == {"active": False}
    await suspended(place, browser.user, is_suspended=False)
    assert [await alive(app, token) for token in kept] == [False, False, False]
    refused = await renew(shop, held["refresh_token"])
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert led_to(await shop.ask(browser)).endswith("/login"), "the session is over"
    [ended] = await app.events(topic="session.ended", subject=str(browser.user))
    assert ended["data"]["reason"] == "user suspended"


async def test_row06_refreshing_is_refused_before_the_token_is_used_up(app: Running) -> None:
    place, shop, browser = await at_a_shop(app)
    held = await tokens_of(shop, browser, scope="openid offline_access")
    await suspended(place, browser.user)
    before = await place.head()
    for _ in range(2):
        refused = await renew(shop, held["refresh_token"])
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert await place.head() == before
    used = (
        "SELECT used_at FROM models.refresh_tokens r JOIN models.tokens t ON t.family = r.family WHERE t.user_id = $1"
    )
    assert await app.parts.store.pool.fetch(used, browser.user) != []
    assert {row["used_at"] for row in await app.parts.store.pool.fetch(used, browser.user)} == {None}


async def test_row06_a_code_that_is_under_way_is_worth_nothing(app: Running) -> None:
    place, shop, browser = await at_a_shop(app)
    code = await a_code(shop, browser)
    await suspended(place, browser.user)
    refused = await redeem(shop, code)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    await suspended(place, browser.user, is_suspended=False)
    assert (await redeem(shop, code)).json["error"] == "invalid_grant"


async def test_row06_userinfo_tells_nothing_of_them(app: Running) -> None:
    place, shop, browser = await at_a_shop(app)
    token = await app.issued(shop.document, scope="openid profile", user=str(browser.user))
    assert (await app.call("GET", "/oauth2/userinfo", token)).status == 200
    await suspended(place, browser.user)
    assert (await app.call("GET", "/oauth2/userinfo", token)).status == 401


async def test_row06_nobody_signs_in_until_they_are_let_in_again(app: Running) -> None:
    place, shop, browser = await at_a_shop(app)
    name = (await place.shown(str(browser.user)))["username"]

    async def sign_in() -> UUID:
        proved = await app.parts.sign_in.check(
            organization=shop.organization, identifier=name, password=PASSWORD, address="192.0.2.7", device=None
        )
        return proved.user

    await suspended(place, browser.user)
    with pytest.raises(SignInRefused):
        await sign_in()
    await suspended(place, browser.user, is_suspended=False)
    assert await sign_in() == browser.user


async def test_row06_a_device_that_was_approved_gets_nothing(app: Running) -> None:
    tv = await a_tv(app)
    organization = str(tv.person.organization)
    place = Place(app, organization, await app.manager(organization))
    await tv.approve()
    await suspended(place, tv.person.id)
    refused = await tv.poll()
    assert refused.status == 400
    assert refused.json["error"] in ("access_denied", "invalid_grant")


@pytest.mark.parametrize("body", [{}, {"isSuspended": "true"}, {"isSuspended": 1}, {"isSuspended": None}, {"x": True}])
async def test_row06_nothing_but_yes_or_no_is_understood(place: Place, body: dict[str, object]) -> None:
    made = await place.person()
    assert await place.refused("PATCH", f"/{made['id']}/is-suspended", body) == (400, "guard.invalid_input")
    assert await place.refused("PATCH", f"/{uuid4()}/is-suspended", body) == (400, "guard.invalid_input")


async def test_row06_whoever_is_unknown_or_elsewhere_is_not_found(app: Running, place: Place) -> None:
    stranger = await (await a_place(app)).person()
    for user in (uuid4(), stranger["id"], "x"):
        for value in (True, False):
            refused = await place.refused("PATCH", f"/{user}/is-suspended", {"isSuspended": value})
            assert refused == (404, "entity.not_found")


async def test_row06_who_holds_less_does_not_let_somebody_in_again(app: Running, place: Place) -> None:
    strong = await a_strong_person(place)
    weak = await app.manager(place.organization, "read_user", "write_user")
    await suspended(place, strong["id"])
    refused = await place.refused("PATCH", f"/{strong['id']}/is-suspended", {"isSuspended": False}, token=weak)
    assert refused == (403, "auth.forbidden")
    await suspended(place, strong["id"], is_suspended=False)


async def test_row06_whoever_was_only_invited_is_neither_locked_out_nor_let_in(app: Running) -> None:
    organization = await app.organization()
    made = await app.application(organization=organization, permissions=["all"])
    place = Place(app, organization, await app.token(made["client_id"], made["secrets"][0]["secret"]))
    reply = await app.call("POST", "/api/v1/users/invitations", place.token, json={"email": f"{unique()}@example.com"})
    invited = reply.json["user"]["authId"]
    for value in (True, False):
        refused = await place.refused("PATCH", f"/{invited}/is-suspended", {"isSuspended": value})
        assert refused == (422, "user.invitation_pending")
