"""Row 24: whoever is deleted is gone with all that was theirs, and what they were known by is free."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE
from tests.service.doors.account_settings.given import Place, a_place, unique
from tests.service.oauth.administrators import a_console, an_administrator
from tests.service.oauth.authorization.flow import a_shop, signed_in
from tests.service.oauth.redeeming import alive, renew, tokens_of

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


async def deleted(place: Place, user: object) -> None:
    reply = await place.call("DELETE", f"/{user}")
    assert (reply.status, reply.text) == (204, ""), reply.text
    assert "Content-Type" not in reply.headers


async def test_row24_a_person_is_deleted_once(app: Running, place: Place) -> None:
    made = await place.person()
    await deleted(place, made["id"])
    for method, path, body in (
        ("DELETE", "", None), ("GET", "", None), ("PATCH", "", {"name": "x"}), ("GET", "/custom-data", None),
        ("PATCH", "/custom-data", {"customData": {}}), ("PATCH", "/profile", {"profile": {}}),
        ("PATCH", "/is-suspended", {"isSuspended": True}), ("GET", "/has-password", None), ("GET", "/roles", None),
    ):  # fmt: skip
        if path == "/roles":
            assert (await place.call(method, f"/{made['id']}{path}", body)).status == 404
        else:
            assert await place.refused(method, f"/{made['id']}{path}", body) == (404, "entity.not_found")
    for user in (uuid4(), (await (await a_place(app)).person())["id"], "x"):
        assert await place.refused("DELETE", f"/{user}") == (404, "entity.not_found")


async def test_row24_two_at_once_delete_one_person_once(place: Place) -> None:
    made = await place.person()
    replies = await asyncio.gather(*(place.call("DELETE", f"/{made['id']}") for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [204, 404, 404]
    [recorded] = await place.app.events(topic="user.deleted", subject=made["id"])
    assert recorded["actor"] == recorded["client"]


async def test_row24_what_they_were_known_by_is_free_at_once(place: Place) -> None:
    body = {
        "username": unique(),
        "primaryEmail": f"{unique()}@example.com",
        "primaryPhone": f"4474{str(uuid4().int)[:8]}",
    }
    first = await place.person(**body)
    await deleted(place, first["id"])
    second = await place.person()
    changed = await place.changed(second["id"], **body)
    assert {member: changed[member] for member in body} == body


async def test_row24_sessions_and_tokens_end(app: Running) -> None:
    shop = await a_shop(app)
    place = Place(app, str(shop.organization), await app.manager(str(shop.organization)))
    ada = await place.person()
    browser = await signed_in(app, UUID(ada["id"]), shop.organization)
    held = await tokens_of(shop, browser)
    management = await app.issued(shop.document, scope="openid", user=ada["id"], audience=AUDIENCE)
    await deleted(place, ada["id"])
    for token in (held["access_token"], held["refresh_token"], management):
        assert not await alive(app, token)
    refused = await renew(shop, held["refresh_token"])
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert (await app.call("GET", "/api/users", management)).status == 401
    topics = {event["topic"] for event in await app.events(subject=ada["id"], limit=200)}
    assert {"session.ended", "user.deleted"} <= topics


async def test_row24_all_that_was_theirs_ends_with_them(place: Place) -> None:
    ada, number = await place.person(username=unique()), unique()
    path = f"/{ada['id']}"
    social = {"userId": number}
    assert (await place.call("PUT", f"{path}/identities/unit", social)).status == 201
    assert (await place.call("POST", f"{path}/personal-access-tokens", {"name": "laptop"})).status == 201
    assert (await place.call("POST", f"{path}/mfa-verifications", {"type": "Totp"})).status == 200
    assert (await place.call("POST", f"{path}/mfa-verifications", {"type": "BackupCode"})).status == 200
    await deleted(place, ada["id"])
    other = await place.person()
    assert (await place.call("PUT", f"/{other['id']}/identities/unit", social)).status == 201, "free at once"
    pool = place.app.parts.store.pool
    for table in ("identities", "personal_access_tokens", "factors", "users", "user_roles"):
        column = "id" if table == "users" else "user_id"
        found = await pool.fetchval(f"SELECT count(*) FROM models.{table} WHERE {column} = $1", UUID(ada["id"]))
        assert found == 0, table
    key = await pool.fetchrow(
        "SELECT wrapped, destroyed_at FROM muniment.subject_keys WHERE subject = $1", UUID(ada["id"])
    )
    assert key["wrapped"] is None
    assert key["destroyed_at"] is not None


async def test_row24_nobody_deletes_themselves_and_others_by_their_permission(app: Running) -> None:
    admin = await an_administrator(await a_console(app, permissions=["all"]), "read_user", "write_user")
    token = await admin.token("read_user write_user")
    place = Place(app, str(admin.shop.organization), token)
    assert await place.refused("DELETE", f"/{admin.browser.user}") == (400, "user.cannot_delete_self")
    other = await place.person(username=unique())
    assert (await place.shown(other["id"]))["username"] == other["username"]
    await deleted(place, other["id"])
    [recorded] = await app.events(topic="user.deleted", subject=other["id"])
    assert recorded["actor"] == str(admin.browser.user)


async def test_row24_who_leaves_an_account_without_owner_is_not_deleted_by_an_ordinary_person(app: Running) -> None:
    admin = await an_administrator(await a_console(app, permissions=["all"]), "read_user", "write_user")
    place = Place(app, str(admin.shop.organization), await admin.token("read_user write_user"))
    owner = await place.person()
    account = await app.made(f"/api/accounts/{place.organization}/accounts", {"name": "Branch"})
    await app.made(f"/api/accounts/{account['id']}/members", {"user_id": owner["id"], "role": "owner"})
    assert await place.refused("DELETE", f"/{owner['id']}") == (422, "user.last_owner")


async def test_row24_nothing_personal_can_be_read_from_the_log_any_more(place: Place) -> None:
    name = "Unmistakable Person"
    made = await place.person(
        name=name, customData={"pin": "unmistakable"}, primaryEmail=f"{unique()}@unmistakable.example"
    )
    await deleted(place, made["id"])
    recorded = await place.app.events(subject=made["id"], limit=200)
    assert "user.deleted" in {event["topic"] for event in recorded}
    assert "nmistakable" not in str(recorded)
