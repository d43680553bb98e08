from __future__ import annotations

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    """An account below a new organization, and users of that organization."""
    organization = await app.organization()
    application = await app.application(organization=organization)
    account = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Place"})
    path = f"/api/applications/{application['id']}/users"
    users = [(await app.made(path, {"status": "active"}))["id"] for _ in range(2)]
    return organization, f"/api/accounts/{account['id']}/members", users


async def test_a_member_is_added_read_changed_and_removed(app, place):
    organization, members, (user, _) = place
    reply = await app.call("POST", members, json={"user_id": user, "role": "viewer"})
    assert reply.status == 201
    member = reply.json
    assert member == {
        "id": member["id"], "organization_id": organization, "account_id": members.split("/")[3], "user_id": user,
        "role": "viewer", "created_at": member["created_at"], "updated_at": member["created_at"],
    }  # fmt: skip
    assert member["id"] != user
    path = f"{members}/{member['id']}"
    assert (await app.call("GET", path)).json == member
    changed = await app.call("PATCH", path, json={"role": "owner"})
    assert (changed.status, changed.json["role"]) == (200, "owner")
    assert (await app.call("GET", members)).json["items"] == [changed.json]
    assert (await app.call("DELETE", path)).status == 204
    assert (await app.call("DELETE", path)).json["error"] == "unknown_membership"


async def test_a_user_is_a_member_once_and_may_come_back_as_another_one(app, place):
    _, members, (user, _) = place
    body = {"user_id": user, "role": "member"}
    first = await app.made(members, body)
    reply = await app.call("POST", members, json=body)
    assert (reply.status, reply.json["error"]) == (409, "already_member")
    await app.call("DELETE", f"{members}/{first['id']}")
    assert (await app.made(members, body))["id"] != first["id"]


async def test_who_and_what_cannot_be_added(app, place):
    _, members, (user, _) = place
    elsewhere = await app.application(organization=await app.organization("Other"))
    stranger = await app.made(f"/api/applications/{elsewhere['id']}/users", {"status": "active"})
    for body, status, code in (
        ({"user_id": user, "role": "emperor"}, 400, "invalid_role"),
        ({"user_id": user, "role": ""}, 400, "invalid_role"),
        ({"user_id": user}, 400, "invalid_body"),
        ({"user_id": "me", "role": "viewer"}, 400, "invalid_body"),
        ({"user_id": stranger["id"], "role": "viewer"}, 404, "unknown_user"),
        ({"user_id": elsewhere["id"], "role": "viewer"}, 404, "unknown_user"),
    ):
        reply = await app.call("POST", members, json=body)
        assert (reply.status, reply.json["error"]) == (status, code), body
    await app.call("POST", f"/api/users/{user}/suspend")
    reply = await app.call("POST", members, json={"user_id": user, "role": "viewer"})
    assert (reply.status, reply.json["error"]) == (409, "user_not_active")


async def test_a_member_is_known_in_its_own_account_only(app, place):
    organization, members, (user, _) = place
    member = await app.made(members, {"user_id": user, "role": "viewer"})
    elsewhere = f"/api/accounts/{organization}/members/{member['id']}"
    for method, body in (("GET", None), ("PATCH", {"role": "owner"}), ("DELETE", None)):
        reply = await app.call(method, elsewhere, json=body)
        assert (reply.status, reply.json["error"]) == (404, "unknown_membership")
    assert (await app.call("GET", f"{members}/{member['id']}")).json == member


async def test_a_back_end_may_leave_an_account_without_owner(app, place):
    _, members, (user, _) = place
    owner = await app.made(members, {"user_id": user, "role": "owner"})
    assert (await app.call("PATCH", f"{members}/{owner['id']}", json={"role": "viewer"})).status == 200
