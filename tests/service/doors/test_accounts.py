from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_organization_and_a_tree_below_it(app):
    reply = await app.call("POST", "/api/accounts", json={"name": "Acme"})
    assert reply.status == 201
    organization = reply.json
    assert organization["id"] == organization["organization_id"]
    assert organization["parent_account_id"] is None
    child = await app.made(f"/api/accounts/{organization['id']}/accounts", {"name": "ops-provisioned"})
    assert child == {
        "id": child["id"], "name": "ops-provisioned", "organization_id": organization["id"],
        "parent_account_id": organization["id"], "status": "active", "description": None, "picture": None,
        "color": None, "created_at": child["created_at"], "updated_at": child["created_at"],
    }  # fmt: skip
    assert (await app.call("GET", f"/api/accounts/{child['id']}")).json == child
    assert (await app.call("GET", f"/api/accounts/{organization['id']}/accounts")).json["items"] == [child]


async def test_root_alone_makes_and_deletes_organizations(app):
    organization = await app.organization()
    manager = await app.manager(organization)
    reply = await app.call("POST", "/api/accounts", manager, json={"name": "Mine"})
    assert (reply.status, reply.json["error"]) == (403, "insufficient_scope")
    other = await app.organization("Other")
    assert (await app.call("DELETE", f"/api/accounts/{other}")).status == 204
    reply = await app.call("DELETE", f"/api/accounts/{organization}", manager)
    assert (reply.status, reply.json["error"]) == (403, "own_deletion")
    reply = await app.call("DELETE", f"/api/accounts/{organization}")
    assert (reply.status, reply.json["error"]) == (409, "organization_in_use")


async def test_name_and_display_values_change_together_and_null_clears_them(app):
    organization = await app.organization()
    child = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Child"})
    path = f"/api/accounts/{child['id']}"
    change = {"name": "Café ☕", "description": "d", "picture": "https://a.test/p.png", "color": "#00ff00"}
    reply = await app.call("PATCH", path, json=change)
    assert reply.status == 200
    assert reply.json == {**child, **change, "updated_at": reply.json["updated_at"]}
    assert (await app.call("GET", path)).json == reply.json
    reply = await app.call("PATCH", path, json={"description": None, "color": None})
    assert (reply.json["description"], reply.json["picture"]) == (None, "https://a.test/p.png")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": ""}, "invalid_name"),
        ({"picture": "http://a.test/p.png"}, "invalid_picture"),
        ({"picture": "javascript:alert(1)"}, "invalid_picture"),
        ({"color": "red"}, "invalid_color"),
        ({"status": "deleted"}, "invalid_body"),
        ({"parent_account_id": None}, "invalid_body"),
        ({"name": None}, "invalid_body"),
    ],
)
async def test_a_change_that_breaks_a_rule_is_refused(app, change, code):
    organization = await app.organization()
    reply = await app.call("PATCH", f"/api/accounts/{organization}", json=change)
    assert (reply.status, reply.json["error"]) == (400, code)


async def test_a_suspended_account_takes_no_children_until_it_is_reinstated(app):
    organization = await app.organization()
    child = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Child"})
    path = f"/api/accounts/{child['id']}"
    assert (await app.call("PATCH", path, json={"status": "suspended"})).json["status"] == "suspended"
    reply = await app.call("POST", f"{path}/accounts", json={"name": "Grandchild"})
    assert (reply.status, reply.json["error"]) == (409, "account_not_active")
    assert (await app.call("PATCH", path, json={"status": "active"})).json["status"] == "active"
    assert (await app.call("POST", f"{path}/accounts", json={"name": "Grandchild"})).status == 201


async def test_changing_an_organization_takes_write_org_besides(app):
    organization = await app.organization()
    child = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Child"})
    clerk = await app.manager(organization, "write_account")
    assert (await app.call("PATCH", f"/api/accounts/{child['id']}", clerk, json={"name": "New"})).status == 200
    reply = await app.call("PATCH", f"/api/accounts/{organization}", clerk, json={"name": "New"})
    assert (reply.status, reply.json["error"]) == (403, "missing_permission")
    chief = await app.manager(organization, "write_account", "write_org")
    assert (await app.call("PATCH", f"/api/accounts/{organization}", chief, json={"name": "New"})).status == 200


async def test_an_account_with_children_goes_with_them_or_not_at_all(app):
    organization = await app.organization()
    child = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Child"})
    grandchild = await app.made(f"/api/accounts/{child['id']}/accounts", {"name": "Grandchild"})
    path = f"/api/accounts/{child['id']}"
    for query in ({}, {"cascade": "false"}):
        reply = await app.call("DELETE", path, params=query)
        assert (reply.status, reply.json["error"]) == (409, "account_has_children")
    reply = await app.call("DELETE", path, params={"cascade": "yes"})
    assert (reply.status, reply.json["error"]) == (400, "invalid_query")
    assert (await app.call("DELETE", path, params={"cascade": "true"})).status == 204
    for gone in (child, grandchild):
        assert (await app.call("GET", f"/api/accounts/{gone['id']}")).status == 404


async def test_a_suspended_organization_stops_its_back_ends_at_once(app):
    organization = await app.organization()
    manager = await app.manager(organization)
    assert (await app.call("GET", "/api/accounts", manager)).status == 200
    await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})
    assert (await app.call("GET", "/api/accounts", manager)).status == 401
