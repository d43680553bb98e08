"""An organization with its two switches, and its roles."""

from __future__ import annotations

import pytest

from tests.service.doors.apigee.given import REVOKE, SEARCH, an_org, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


def switches(document) -> dict[str, str]:
    return {one["name"]: one["value"] for one in document["properties"]["property"]}


def body(**on: object) -> dict[str, object]:
    names = {"search": SEARCH, "revoke": REVOKE}
    return {"properties": {"property": [{"name": names.get(name, name), "value": value} for name, value in on.items()]}}


async def test_an_organization_is_told_with_its_switches(app):
    org = await an_org(app, search=True, revoke=False)
    reader = await app.manager(org.id, "read_org")
    reply = await org.call("GET", "", reader)
    account = (await app.call("GET", f"/api/accounts/{org.id}")).json
    assert reply.status == 200
    assert reply.json == {
        "name": org.id, "displayName": account["name"], "type": "paid", "environments": [],
        "properties": {"property": [{"name": SEARCH, "value": "true"}, {"name": REVOKE, "value": "false"}]},
        "createdAt": reply.json["createdAt"], "lastModifiedAt": reply.json["lastModifiedAt"],
    }  # fmt: skip
    assert reply.json["createdAt"] < reply.json["lastModifiedAt"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_root_sets_the_switches_that_are_named_and_the_others_stay(app, method):
    org = await an_org(app, search=False, revoke=False)
    for stated, search, revoke in (
        (body(search="true"), "true", "false"),
        (body(revoke="True"), "true", "true"),
        (body(search="false"), "false", "true"),
        (body(), "false", "true"),
        ({}, "false", "true"),
        (body(search="true", revoke="false"), "true", "false"),
    ):
        reply = await org.call(method, "", app.root, json=stated)
        assert reply.status == 200, reply.text
        assert switches(reply.json) == switches((await org.call("GET", "", app.root)).json)
        assert switches(reply.json) == {SEARCH: search, REVOKE: revoke}


async def test_what_was_told_may_be_sent_back_changed(app):
    org = await an_org(app, search=False, revoke=False)
    told = (await org.call("GET", "", app.root)).json
    told["properties"]["property"][0]["value"] = "true"
    reply = await org.call("PUT", "", app.root, json=told)
    assert switches(reply.json) == {SEARCH: "true", REVOKE: "false"}
    assert reply.json["displayName"] == told["displayName"]


async def test_a_switch_that_there_is_not_is_refused_with_all_that_came_with_it(app):
    org = await an_org(app, search=False, revoke=False)
    twice = {"properties": {"property": [{"name": SEARCH, "value": value} for value in ("true", "false")]}}
    for stated in (body(search="true", **{"features.isCpsEnabled": "true"}), twice):
        refused(await org.call("POST", "", app.root, json=stated), 400, "invalid_feature")
    for stated in (body(search="yes"), body(search=True), {"properties": []}, {"properties": {"property": {}}}):
        refused(await org.call("POST", "", app.root, json=stated), 400, "invalid_body")
    assert switches((await org.call("GET", "", app.root)).json) == {SEARCH: "false", REVOKE: "false"}


async def test_the_native_route_and_this_one_tell_of_the_same_switches(app):
    org = await an_org(app, search=True, revoke=False)
    path = f"/api/organizations/{org.id}/features"
    assert (await app.call("GET", path)).json == {"token_search": True, "token_revocation": False}
    await app.call("PUT", path, json={"token_search": False, "token_revocation": True})
    assert switches((await org.call("GET", "", app.root)).json) == {SEARCH: "false", REVOKE: "true"}


async def test_who_may_not_read_roles_or_organizations_is_told_nothing(app):
    org = await an_org(app)
    for path in ("", "/userroles", "/userroles/orgadmin/permissions"):
        refused(await org.call("GET", path), 403, "insufficient_scope")


@pytest.mark.parametrize("role", ["nobody", "Orgadmin", "%00", "%FF", "%ED%A0%80", "x" * 3000, "a%2Fb", "%F0%9F%92%A9"])
async def test_a_role_that_there_is_not_is_unknown(app, role):
    org = await an_org(app)
    refused(await org.call("GET", f"/userroles/{role}/permissions", app.root), 404, "unknown_role")


async def test_roles_of_another_organization_are_unknown(app):
    org, other = await an_org(app), await an_org(app)
    await app.made("/api/roles", {"name": "theirs", "organization": other.id})
    reader = await app.manager(org.id, "read_role")
    assert "theirs" not in (await org.call("GET", "/userroles", reader)).json
    refused(await org.call("GET", "/userroles/theirs/permissions", reader), 404, "unknown_role")


async def test_malformed_and_oversized_bodies_are_refused(app):
    org = await an_org(app, search=False, revoke=False)
    json = {"Content-Type": "application/json"}
    for raw in (b"{", b"null", b"[]", b'{"properties": 1}', b'{"a": 1, "a": 2}', b"\xff"):
        refused(await org.call("POST", "", app.root, data=raw, headers=json), 400, "invalid_body")
    refused(await org.call("POST", "", app.root, data=b"x" * 70_000, headers=json), 413, "invalid_body")
    reply = await org.call("POST", "", app.root, data=b"a=b", headers={"Content-Type": "text/plain"})
    refused(reply, 415, "invalid_body")
