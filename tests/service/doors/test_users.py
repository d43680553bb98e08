from __future__ import annotations

import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def home(app):
    return await app.application()


async def a_user(app, home, **body):
    return await app.made(f"/api/applications/{home['id']}/users", {"status": "active", **body})


async def test_a_user_is_made_under_an_application_and_listed_there(app, home):
    reply = await app.call("POST", f"/api/applications/{home['id']}/users", json={"status": "active"})
    assert reply.status == 201
    user = reply.json
    assert user == {
        "id": user["id"], "organization_id": home["organization"], "application_id": home["id"], "status": "active",
        "name": None, "roles": [], "created_at": user["created_at"], "updated_at": user["created_at"],
    }  # fmt: skip
    assert (await app.call("GET", f"/api/applications/{home['id']}/users")).json["items"] == [user]


@pytest.mark.parametrize("status", ["invited", "deleted", "", "ACTIVE", None, 1])
async def test_a_user_starts_active_or_suspended(app, home, status):
    reply = await app.call("POST", f"/api/applications/{home['id']}/users", json={"status": status})
    assert (reply.status, reply.json["error"]) == (400, "invalid_body")
    assert reply.json["error_description"] == reply.json["detail"]


async def test_names_in_any_script_are_kept_in_one_form(app, home):
    user = await a_user(app, home, name="  Zoe\u0308 (كريم) 李小龍 👩‍👩‍👧  ")
    assert user["name"] == "Zo\u00eb (كريم) 李小龍 👩‍👩‍👧"
    assert (await app.call("GET", f"/api/users/{user['id']}")).json["name"] == user["name"]
    place = f"/api/applications/{home['id']}/users"
    for name in ("", "   ", "a\u2028b", "a\u0007", "x" * 129, "\u202eevil"):
        assert (await app.call("POST", place, json={"name": name})).json["code"] == "invalid_name"


async def test_suspending_ends_the_users_tokens_and_reinstating_does_not_revive_them(app, home):
    user = await a_user(app, home)
    path = f"/api/users/{user['id']}"
    token = await app.issued(home, scope="read_role", user=user["id"], audience=AUDIENCE)
    assert (await app.call("GET", "/api/roles", token)).status == 403  # the application holds no read_role
    reply = await app.call("POST", f"{path}/suspend", json={"reason": "Lost phone"})
    assert (reply.status, reply.json["status"]) == (200, "suspended")
    assert (await app.call("GET", "/api/roles", token)).status == 401
    reply = await app.call("POST", f"{path}/reinstate")
    assert (reply.status, reply.json["status"]) == (200, "active")
    assert not (await app.call("GET", path)).json["isSuspended"]
    assert (await app.call("GET", "/api/roles", token)).status == 401


async def test_roles_are_assigned_and_taken_away(app, home):
    user = await a_user(app, home)
    roles = [await app.made("/api/roles", {"name": name}) for name in ("a", "b")]
    path = f"/api/users/{user['id']}"
    for role in roles:
        reply = await app.call("PUT", f"{path}/roles/{role['id']}")
        assert (reply.status, reply.text) == (204, "")
    assert (await app.call("GET", f"{path}/roles")).json["roles"] == sorted(role["id"] for role in roles)
    again = await app.call("PUT", f"{path}/roles/{roles[0]['id']}")
    assert (again.status, again.position) == (204, reply.position)
    for _ in range(2):
        assert (await app.call("DELETE", f"{path}/roles/{roles[0]['id']}")).status == 204
    assert (await app.call("GET", f"{path}/roles")).json == {"roles": [roles[1]["id"]]}


async def test_root_alone_assigns_a_privileged_role(app):
    organization = await app.organization()
    manager = await app.manager(organization)
    home = await app.application(organization=organization)
    user = await a_user(app, home)
    role = await app.made("/api/roles", {"name": "mighty", "permissions": ["root"], "organization": organization})
    path = f"/api/users/{user['id']}/roles/{role['id']}"
    reply = await app.call("PUT", path, manager)
    assert (reply.status, reply.json["code"]) == (403, "privileged_role")
    assert (await app.call("PUT", path)).status == 204


async def test_a_role_of_another_organization_is_unknown(app, home):
    user = await a_user(app, home)
    role = await app.made("/api/roles", {"name": "theirs", "organization": await app.organization()})
    reply = await app.call("PUT", f"/api/users/{user['id']}/roles/{role['id']}")
    assert (reply.status, reply.json["code"]) == (404, "unknown_role")


async def test_deleting_a_user_ends_memberships_tokens_and_personal_data(app, home):
    user = await a_user(app, home, name="Unmistakable Name")
    token = await app.issued(home, scope="read_role", user=user["id"], audience=AUDIENCE)
    members = f"/api/accounts/{home['organization']}/members"
    member = await app.made(members, {"user_id": user["id"], "role": "owner"})
    assert (await app.call("DELETE", f"/api/users/{user['id']}")).status == 204
    assert (await app.call("GET", f"/api/users/{user['id']}")).status == 404
    assert (await app.call("DELETE", f"/api/users/{user['id']}")).json["code"] == "entity.not_found"
    assert (await app.call("GET", f"{members}/{member['id']}")).status == 404
    assert (await app.call("GET", "/api/roles", token)).status == 401
    recorded = await app.events(subject=user["id"], limit=200)
    assert "user.deleted" in {event["topic"] for event in recorded}
    assert "Unmistakable" not in str(recorded)


async def test_nobody_makes_users_of_a_disabled_application(app, home):
    await app.call("POST", f"/api/applications/{home['id']}/disable")
    reply = await app.call("POST", f"/api/applications/{home['id']}/users", json={"status": "active"})
    assert (reply.status, reply.json["error"]) == (409, "application_not_active")
