from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_role_is_defined_read_changed_and_deleted(app):
    made = await app.call("POST", "/api/roles", json={"name": "clerk", "permissions": ["write_user", "read_user"]})
    assert made.status == 201
    role = made.json
    assert role["permissions"] == ["read_user", "write_user"]
    assert role["privileged"] is False
    path = f"/api/roles/{role['id']}"
    assert (await app.call("GET", path)).json == role

    changed = await app.call("PATCH", path, json={"description": "Keeps the books"})
    assert changed.status == 200
    assert changed.json == {**role, "description": "Keeps the books", "updated_at": changed.json["updated_at"]}
    assert changed.position > made.position
    assert (await app.call("GET", path)).json == changed.json
    assert (await app.call("PATCH", path, json={"description": None})).json["description"] is None

    gone = await app.call("DELETE", path)
    assert (gone.status, gone.text) == (204, "")
    assert (await app.call("GET", path)).status == 404


async def test_a_name_is_taken_once_in_its_organization_only(app):
    await app.made("/api/roles", {"name": "clerk"})
    reply = await app.call("POST", "/api/roles", json={"name": "clerk"})
    assert (reply.status, reply.json["code"]) == (409, "name_taken")
    assert reply.json["errors"] == [{"field": "name", "message": "The name is taken"}]
    await app.made("/api/roles", {"name": "clerk", "organization": await app.organization()})


async def test_what_escalates_is_refused(app):
    organization = await app.organization()
    manager = await app.manager(organization)
    for body, status, code in (
        ({"name": "r", "permissions": ["root"]}, 403, "root_required"),
        ({"name": "super_admin"}, 403, "built_in_role"),
        ({"name": "two words"}, 400, "invalid_name"),
        ({"name": "r", "permissions": ["a b"]}, 400, "invalid_scope"),
        ({"name": "r", "permissions": [f"p{n}" for n in range(201)]}, 400, "too_many"),
        ({"name": "r", "organization": (await app.events(limit=1))[0]["organization"]}, 404, None),
    ):
        reply = await app.call("POST", "/api/roles", manager, json=body)
        if code is None and body["organization"] == organization:
            continue
        assert (reply.status, reply.json["code"]) == (status, code or "unknown_account"), body


async def test_root_defines_roles_anywhere_and_others_at_home_only(app):
    one, two = await app.organization("One"), await app.organization("Two")
    role = await app.made("/api/roles", {"name": "r", "organization": one})
    assert role["organization"] == one
    manager = await app.manager(one)
    assert (await app.made("/api/roles", {"name": "home"}, manager))["organization"] == one
    reply = await app.call("POST", "/api/roles", manager, json={"name": "away", "organization": two})
    assert (reply.status, reply.json["code"]) == (404, "unknown_account")


async def test_a_role_that_somebody_has_is_not_deleted(app):
    application = await app.application()
    user = await app.made(f"/api/applications/{application['id']}/users", {"status": "active"})
    role = await app.made("/api/roles", {"name": "held"})
    await app.call("PUT", f"/api/users/{user['id']}/roles/{role['id']}")
    reply = await app.call("DELETE", f"/api/roles/{role['id']}")
    assert (reply.status, reply.json["code"]) == (409, "role_in_use")


@pytest.mark.parametrize("text", ["Tür", "clerk\n", "a/b", "", "x" * 51, "_x"])
async def test_names_of_roles_are_plain(app, text):
    reply = await app.call("POST", "/api/roles", json={"name": text})
    assert (reply.status, reply.json["code"]) == (400, "invalid_name")
