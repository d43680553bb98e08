"""Roles (spec/melody.md section 4.3): a name and a note; built-in names are out of reach in every spelling."""

from __future__ import annotations

import json

import pytest

from domain.permissions import ADMINISTRATOR_ROLES
from tests.service.doors.s2s.asking import said, server

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUILT_IN = (400, "Built-in roles cannot be created, deleted, or updated")
UNKNOWN = (404, "Role not found")
SPELLINGS = ["orgadmin", "OpsAdmin"]
SPELLINGS += ["super_admin", "Super_Admin", " SUPER_ADMIN ", "\uff53uper_admin", "\u017fuper_admin"]


def own(roles):
    """Return the roles that an organization was not made with."""
    return [role for role in roles if role["name"] not in ADMINISTRATOR_ROLES]


async def test_every_organization_has_its_administrators_roles(app):
    manager = await server(app)
    roles = (await manager.got("/api/v1/roles"))["roles"]
    assert sorted(role["name"] for role in roles) == sorted(ADMINISTRATOR_ROLES)
    for role in roles:
        path = f"/api/v1/roles/{role['id']}"
        for change in ({"name": "mine"}, {"note": "Mine"}):
            assert said(await manager.call("PUT", path, change)) == BUILT_IN
        assert said(await manager.call("DELETE", path)) == BUILT_IN
        assert (await manager.got(path))["role"] == role


async def test_a_role_is_made_read_changed_and_deleted(app):
    manager = await server(app)
    made = await manager.made("/api/v1/roles", {"name": " editor ", "note": "Edits"})
    assert made.keys() == {"id", "name", "note", "createdAt", "updatedAt", "deletedAt"}
    assert (made["name"], made["note"], made["deletedAt"]) == ("editor", "Edits", None)
    path = f"/api/v1/roles/{made['id']}"
    assert (await manager.got(path))["role"] == made
    assert own((await manager.got("/api/v1/roles"))["roles"]) == [made]
    changed = await manager.changed(path, {"note": None})
    assert (changed["name"], changed["note"]) == ("editor", "")
    assert (await manager.changed(path, {"name": "author"}))["name"] == "author"
    assert [(await manager.call("DELETE", path)).status for _ in range(2)] == [204, 204]
    assert said(await manager.call("GET", path)) == UNKNOWN
    assert said(await manager.call("PUT", path, {"name": "x"})) == UNKNOWN


async def test_a_deleted_role_leaves_the_users_who_had_it(app):
    manager = await server(app)
    role = await manager.made("/api/v1/roles", {"name": "editor"})
    users = [await manager.user() for _ in range(2)]
    for user in users:
        await manager.changed(f"/api/v1/users/{user}", {"roles": ["editor"]})
    path = f"/api/v1/roles/{role['id']}"
    held = (await manager.got(f"{path}/users"))["users"]
    assert [user["authId"] for user in held] == sorted(users)
    reply = await manager.call("DELETE", path)
    topics = [event["topic"] for event in await app.events(request_id=reply.headers["X-Request-Id"])]
    assert sorted(topics) == ["role.deleted", "user.role_unassigned", "user.role_unassigned"]
    for user in users:
        assert (await manager.got(f"/api/v1/users/{user}"))["user"]["roles"] == []
    assert said(await manager.call("GET", f"{path}/users")) == UNKNOWN


@pytest.mark.parametrize("scope", ["root", "all"])
async def test_nobody_makes_renames_or_deletes_a_built_in_role(app, scope):
    manager = await server(app, scope)
    role = await manager.made("/api/v1/roles", {"name": "editor"})
    before = await manager.head()
    for name in SPELLINGS:
        assert said(await manager.call("POST", "/api/v1/roles", {"name": name})) == BUILT_IN, name
        assert said(await manager.call("PUT", f"/api/v1/roles/{role['id']}", {"name": name})) == BUILT_IN, name
    assert await manager.head() == before


async def test_the_built_in_role_that_there_is_stays_as_it_is(app):
    roles = (await app.call("GET", "/api/v1/roles")).json["roles"]
    [built_in] = [role for role in roles if role["name"] == "super_admin"]
    path = f"/api/v1/roles/{built_in['id']}"
    for change in ({"name": "admin"}, {"note": "Mine"}, {"name": "super_admin", "note": "Mine"}):
        assert said(await app.call("PUT", path, json=change)) == BUILT_IN
    assert said(await app.call("DELETE", path)) == BUILT_IN
    assert (await app.call("GET", path)).json["role"] == built_in


async def test_a_name_is_taken_once(app):
    manager = await server(app)
    await manager.made("/api/v1/roles", {"name": "editor"})
    other = await manager.made("/api/v1/roles", {"name": "author"})
    assert said(await manager.call("POST", "/api/v1/roles", {"name": "editor"})) == (409, "The name is taken")
    reply = await manager.call("PUT", f"/api/v1/roles/{other['id']}", {"name": "editor"})
    assert said(reply) == (409, "The name is taken")
    await (await server(app)).made("/api/v1/roles", {"name": "editor"})


@pytest.mark.parametrize("name", ["", "two words", "Tür", "x" * 51, "\u0455uper_admin", None])
async def test_a_name_that_is_none_is_told_as_a_field(app, name):
    status, text = said(await (await server(app)).call("POST", "/api/v1/roles", {"name": name}))
    assert (status, json.loads(text)[0]["property"]) == (400, "name")


async def test_a_note_is_told_by_its_name_in_this_dialect(app):
    reply = await (await server(app)).call("POST", "/api/v1/roles", {"name": "editor", "note": "x" * 1001})
    status, text = said(reply)
    assert (status, json.loads(text)[0]["property"]) == (400, "note")


async def test_roles_of_other_organizations_are_not_there(app):
    manager, other = await server(app), await server(app)
    role = await other.made("/api/v1/roles", {"name": "editor"})
    path, before = f"/api/v1/roles/{role['id']}", await manager.head()
    for reply in (
        await manager.call("GET", path),
        await manager.call("GET", f"{path}/users"),
        await manager.call("PUT", path, {"name": "mine"}),
    ):
        assert said(reply) == UNKNOWN
    assert (await manager.call("DELETE", path)).status == 204
    assert await manager.head() == before
    assert (await other.got(path))["role"] == role
    assert own((await manager.got("/api/v1/roles"))["roles"]) == []
