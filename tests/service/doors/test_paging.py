"""Lists, whichever door they are behind."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def walked(app, path, limit, **query):
    """Return all items of a list, page by page, and the sizes of its pages."""
    items, sizes, after = [], [], {}
    while True:
        reply = await app.call("GET", path, params={"limit": limit, **after, **query})
        assert reply.status == 200, reply.text
        page = reply.json
        items += page["items"]
        sizes.append(len(page["items"]))
        if page["next"] is None:
            return items, sizes
        assert page["next"] == page["items"][-1]["id"]
        after = {"after": page["next"]}


async def roles_of(app, organization, count):
    """Return the ids of an organization's roles: the two that it was made with, and so many more."""
    born = (await app.call("GET", "/api/roles", params={"organization": organization})).json["items"]
    made = [await app.made("/api/roles", {"name": f"r{n}", "organization": organization}) for n in range(count)]
    return [role["id"] for role in (*born, *made)]


async def test_pages_hold_every_item_once_in_the_order_of_birth(app):
    organization = await app.organization()
    made = await roles_of(app, organization, 5)
    for limit, expected in ((3, [3, 3, 1]), (7, [7]), (1, [1] * 7), (200, [7])):
        items, sizes = await walked(app, "/api/roles", limit, organization=organization)
        assert [item["id"] for item in items] == made
        assert sizes == expected


async def test_what_is_added_or_deleted_between_pages_moves_nothing(app):
    organization = await app.organization()
    made = await roles_of(app, organization, 4)
    first = (await app.call("GET", "/api/roles", params={"limit": 4, "organization": organization})).json
    assert (await app.call("DELETE", f"/api/roles/{made[3]}")).status == 204
    made.append((await app.made("/api/roles", {"name": "late", "organization": organization}))["id"])
    rest = await app.call("GET", "/api/roles", params={"after": first["next"], "organization": organization})
    assert [item["id"] for item in rest.json["items"]] == made[4:]


async def test_every_list_of_things_pages(app):
    organization = await app.organization()
    application = await app.application(organization=organization)
    asker = await app.manager(organization)
    users = f"/api/applications/{application['id']}/users"
    for n in range(3):
        account = await app.made(f"/api/accounts/{organization}/accounts", {"name": f"a{n}"})
        user = await app.made(users, {"status": "active"})
        await app.made(f"/api/accounts/{organization}/members", {"user_id": user["id"], "role": "member"})
        grant = {"application": application["id"], "audience": f"https://{n}.test", "scope": ["s"]}
        await app.made("/api/grants", grant, asker)
        resource = await app.api_resource(organization)
        await app.interface(resource)
    assert account["parent_account_id"] == organization
    for path, query, count in (
        (users, {}, 3),
        (f"/api/accounts/{organization}/accounts", {}, 3),
        (f"/api/accounts/{organization}/members", {}, 3),
        ("/api/accounts", {"organization": organization}, 4),
        ("/api/grants", {"organization": organization}, 3),
        ("/api/applications", {"organization": organization}, 2),
        ("/api/api-resources", {"organization": organization}, 3),
        ("/api/interfaces", {"organization": organization}, 3),
    ):
        items, sizes = await walked(app, path, 1, **query)
        assert len({item["id"] for item in items}) == len(items) == count, path
        assert sizes == [1] * count


async def test_filters_of_lists(app):
    organization = await app.organization()
    machine = await app.application(organization=organization)
    web = await app.application(organization=organization, kind="web", secrets=[])
    await app.call("POST", f"/api/applications/{web['id']}/disable")
    users = f"/api/applications/{machine['id']}/users"
    locked = await app.made(users, {"status": "suspended"})
    await app.made(users, {"status": "active"})

    async def ids(path, **query):
        return [item["id"] for item in (await app.call("GET", path, params=query)).json["items"]]

    scope = {"organization": organization}
    assert await ids("/api/applications", kind="web", **scope) == [web["id"]]
    assert await ids("/api/applications", kind="machine", **scope) == [machine["id"]]
    assert await ids("/api/applications", status="disabled", **scope) == [web["id"]]
    assert await ids("/api/applications", kind="web", status="active", **scope) == []
    assert await ids(users, status="suspended") == [locked["id"]]
    asked = {"application": machine["id"], "audience": "https://a.test", "scope": ["s"]}
    grant = await app.made("/api/grants", asked)
    assert await ids("/api/grants", application=machine["id"], status="pending") == [grant["id"]]
    assert await ids("/api/grants", application=web["id"]) == []
    assert await ids("/api/grants", status="approved") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "1.5"),
        ("limit", "1e2"),
        ("limit", "9" * 30),
        ("after", "1"),
        ("after", "00000000000000000000000000000000"),
        ("after", "{00000000-0000-0000-0000-000000000000}"),
        ("organization", "root"),
        ("kind", "toaster"),
        ("status", "deleted"),
        ("after", ""),
    ],
)
async def test_what_no_list_can_be_asked_for(app, name, value):
    reply = await app.call("GET", "/api/applications", params={name: value})
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")
    assert reply.json["errors"][0]["field"] == name


async def test_root_lists_all_organizations_and_others_their_own(app):
    one, two = await app.organization("One"), await app.organization("Two")
    manager = await app.manager(one)
    everything = {item["organization_id"] for item in (await app.call("GET", "/api/accounts")).json["items"]}
    assert {one, two} < everything
    own = (await app.call("GET", "/api/accounts", manager)).json["items"]
    assert {item["organization_id"] for item in own} == {one}
