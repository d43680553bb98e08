"""Orgs and their groups (spec/melody.md section 4.5), and where users belong."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.service.doors.s2s.asking import said, server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_ORG = (404, "No organization found")
NO_GROUP = (404, "Organization group not found")
BRANDING = {
    "companyLogoUrl": "https://cdn.test/logo.png", "companyEmailLogoUrl": "https://cdn.test/mail.png",
    "fontFamily": "Inter", "fontUrl": "https://fonts.test/inter", "layoutColor": "#fff", "labelColor": "black",
    "primaryButtonColor": "#111111", "primaryButtonLabelColor": "#222222", "primaryButtonBorderColor": "#333333",
    "secondaryButtonColor": "#444444", "secondaryButtonLabelColor": "#555555", "secondaryButtonBorderColor": "#666666",
    "criticalIndicatorColor": "red", "emailSenderName": "Acme", "termsLink": "https://acme.test/terms",
    "privacyPolicyLink": "https://acme.test/privacy",
}  # fmt: skip


async def test_an_org_is_made_read_changed_and_deleted(app):
    manager = await server(app)
    made = await manager.org("acme", allowPublicRegistration=True)
    assert made.keys() == {
        "id", "name", "slug", "allowPublicRegistration", "onlyUseForBrandingOverride", *BRANDING,
        "createdAt", "updatedAt", "deletedAt",
    }  # fmt: skip
    assert (made["slug"], made["allowPublicRegistration"], made["onlyUseForBrandingOverride"]) == ("acme", True, False)
    assert {made[name] for name in BRANDING} == {""}
    path = f"/api/v1/orgs/{made['id']}"
    assert (await manager.got(path))["org"] == made
    assert (await manager.got("/api/v1/orgs"))["orgs"] == [made]
    changed = await manager.changed(path, {"name": "New", "slug": "new", **BRANDING})
    assert {"name": "New", "slug": "new", **BRANDING}.items() <= changed.items()
    assert changed["allowPublicRegistration"] is True
    changed = await manager.changed(path, {"layoutColor": "", "onlyUseForBrandingOverride": True})
    assert (changed["layoutColor"], changed["labelColor"]) == ("", "black")
    assert (await manager.got(path))["org"] == changed
    account = (await app.call("GET", f"/api/accounts/{made['id']}")).json
    assert (account["parent_account_id"], account["name"]) == (manager.organization, "New")
    assert (await manager.call("DELETE", path)).status == 204
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert said(await manager.call(method, path, body)) == NO_ORG


async def test_a_slug_is_taken_once_in_any_letter_case(app):
    manager = await server(app)
    await manager.org("acme")
    other = await manager.org("other")
    flags = {"allowPublicRegistration": False, "onlyUseForBrandingOverride": False}
    again = await manager.call("POST", "/api/v1/orgs", {"name": "A", "slug": "ACME", **flags})
    assert said(again) == (409, "The name is taken")
    reply = await manager.call("PUT", f"/api/v1/orgs/{other['id']}", {"slug": "Acme"})
    assert said(reply) == (409, "The name is taken")
    await (await server(app)).org("acme")


@pytest.mark.parametrize(
    ("member", "value"),
    [("name", ""), ("name", "x" * 51), ("slug", ""), ("slug", "a b"), ("slug", "x" * 51), ("slug", None),
     ("allowPublicRegistration", "yes"), ("layoutColor", "red;}"), ("termsLink", "javascript:alert(1)"),
     ("companyLogoUrl", "http://a.test"), ("fontFamily", "x" * 51), ("emailSenderName", "a\r\nb")],
)  # fmt: skip
async def test_values_that_do_not_fit_are_named_and_nothing_is_written(app, member, value):
    manager = await server(app)
    org = await manager.org()
    before = await manager.head()
    status, text = said(await manager.call("PUT", f"/api/v1/orgs/{org['id']}", {"name": "New", member: value}))
    assert (status, json.loads(text)[0]["property"]) == (400, member)
    assert await manager.head() == before


async def test_accounts_that_are_no_orgs_are_not_there(app):
    manager = await server(app)
    child = (await app.made(f"/api/accounts/{manager.organization}/accounts", {"name": "Branch"}))["id"]
    for org in (child, manager.organization, str(uuid4()), "1"):
        for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
            assert said(await manager.call(method, f"/api/v1/orgs/{org}", body)) == NO_ORG
        for path in (f"/api/v1/orgs/{org}/users", f"/api/v1/orgs/{org}/all-users"):
            assert said(await manager.call("GET", path)) == NO_ORG
    assert (await manager.got("/api/v1/orgs"))["orgs"] == []


async def test_users_belong_to_several_orgs_and_work_in_one(app):
    manager = await server(app)
    one, two = await manager.org("one"), await manager.org("two")
    user, idle = await manager.user(one["id"], two["id"]), await manager.user(one["id"])
    assert (await manager.got(f"/api/v1/users/{user}/orgs"))["orgs"] == [one, two]
    await manager.enters(user, "one")
    shown = (await manager.got(f"/api/v1/users/{user}"))["user"]
    assert shown["org"] == {"id": one["id"], "name": "Acme", "slug": "one"}

    async def ids(which: str, org, **query):
        told = await manager.got(f"/api/v1/orgs/{org['id']}/{which}", **query)
        return [each["authId"] for each in told["users"]], told["count"]

    assert await ids("users", one) == ([user], 1)
    assert await ids("all-users", one) == (sorted([user, idle]), 2)
    assert await ids("users", two) == ([], 0)
    assert await ids("all-users", two) == ([user], 1)
    assert await ids("all-users", one, page_size="1", page_number="2") == ([max(user, idle)], 2)
    assert await ids("all-users", one, page_size="1", page_number="3") == ([], 2)
    assert await ids("all-users", one, search="nobody") == ([], 0)
    path = f"/api/v1/orgs/{one['id']}"
    assert said(await manager.call("DELETE", path)) == (400, "Can not delete organization with users")
    reply = await manager.call("POST", f"/api/v1/users/{user}/orgs", {"orgs": [two["id"]]})
    assert reply.json == {"success": True}
    assert (await manager.got(f"/api/v1/users/{user}"))["user"]["org"] is None
    assert (await manager.call("DELETE", path)).status == 204
    assert (await manager.got(f"/api/v1/users/{idle}/orgs"))["orgs"] == []


async def test_a_replacement_of_orgs_is_made_as_a_whole_or_not_at_all(app):
    manager, other = await server(app), await server(app)
    one, theirs = await manager.org("one"), await other.org("one")
    user = await manager.user(one["id"])
    path, before = f"/api/v1/users/{user}/orgs", await manager.head()
    for wrong in (theirs["id"], str(uuid4()), manager.organization):
        assert said(await manager.call("POST", path, {"orgs": [wrong]})) == NO_ORG
    for body in ({"orgs": ["1"]}, {"orgs": [str(uuid4())] * 101}, {}):
        assert said(await manager.call("POST", path, body))[0] == 400
    assert said(await other.call("POST", path, {"orgs": []})) == (404, "No user found")
    assert said(await other.call("GET", path)) == (404, "No user found")
    assert await manager.head() == before


async def test_groups_are_made_listed_renamed_and_deleted(app):
    manager = await server(app)
    one, two = await manager.org("one"), await manager.org("two")
    editors = await manager.made("/api/v1/org-groups", {"name": "Editors", "orgId": one["id"]})
    assert editors.keys() == {"id", "orgId", "name", "createdAt", "updatedAt", "deletedAt"}
    assert (editors["name"], editors["orgId"]) == ("Editors", one["id"])
    authors = await manager.made("/api/v1/org-groups", {"name": "Authors", "orgId": two["id"]})
    assert (await manager.got("/api/v1/org-groups"))["orgGroups"] == [editors, authors]
    assert (await manager.got("/api/v1/org-groups", org_id=two["id"]))["orgGroups"] == [authors]
    again = await manager.call("POST", "/api/v1/org-groups", {"name": "Editors", "orgId": one["id"]})
    assert said(again) == (409, "The name is taken")
    path = f"/api/v1/org-groups/{editors['id']}"
    assert (await manager.changed(path, {"name": "Writers"}))["name"] == "Writers"
    assert (await manager.call("DELETE", path)).status == 204
    assert said(await manager.call("DELETE", path)) == NO_GROUP
    assert said(await manager.call("PUT", path, {"name": "x"})) == NO_GROUP
    assert said(await manager.call("GET", f"{path}/users")) == NO_GROUP
    nowhere = await manager.call("POST", "/api/v1/org-groups", {"name": "x", "orgId": manager.organization})
    assert said(nowhere) == NO_ORG


async def test_users_are_in_groups_of_the_org_they_work_in(app):
    manager = await server(app)
    one, two = await manager.org("one"), await manager.org("two")
    user = await manager.user(one["id"], two["id"])
    editors = await manager.made("/api/v1/org-groups", {"name": "Editors", "orgId": one["id"]})
    path = f"/api/v1/users/{user}/org-groups/{editors['id']}"
    assert said(await manager.call("POST", path)) == NO_GROUP
    await manager.enters(user, "one")
    for _ in range(2):
        assert (await manager.call("POST", path)).json == {"success": True}
    members = (await manager.got(f"/api/v1/org-groups/{editors['id']}/users"))["users"]
    assert [each["authId"] for each in members] == [user]
    shown = (await manager.got(f"/api/v1/users/{user}"))["user"]
    assert shown["orgGroups"] == [{"id": editors["id"], "name": "Editors"}]
    await manager.enters(user, "two")
    assert (await manager.got(f"/api/v1/users/{user}"))["user"]["orgGroups"] == []
    assert said(await manager.call("DELETE", path)) == NO_GROUP
    await manager.enters(user, "one")
    for _ in range(2):
        assert (await manager.call("DELETE", path)).json == {"success": True}
    assert (await manager.got(f"/api/v1/users/{user}"))["user"]["orgGroups"] == []


async def test_orgs_and_groups_of_other_organizations_are_not_there(app):
    manager, other = await server(app), await server(app)
    org = await other.org()
    group = await other.made("/api/v1/org-groups", {"name": "Editors", "orgId": org["id"]})
    user = await other.user(org["id"])
    await other.enters(user, "acme")
    mine = await manager.user()
    before = await manager.head()
    for reply, refused in (
        (await manager.call("GET", f"/api/v1/orgs/{org['id']}"), NO_ORG),
        (await manager.call("PUT", f"/api/v1/orgs/{org['id']}", {"name": "Mine"}), NO_ORG),
        (await manager.call("DELETE", f"/api/v1/orgs/{org['id']}"), NO_ORG),
        (await manager.call("GET", f"/api/v1/orgs/{org['id']}/users"), NO_ORG),
        (await manager.call("GET", f"/api/v1/orgs/{org['id']}/all-users"), NO_ORG),
        (await manager.call("GET", "/api/v1/org-groups", params={"org_id": org["id"]}), NO_ORG),
        (await manager.call("POST", "/api/v1/org-groups", {"name": "x", "orgId": org["id"]}), NO_ORG),
        (await manager.call("PUT", f"/api/v1/org-groups/{group['id']}", {"name": "Mine"}), NO_GROUP),
        (await manager.call("DELETE", f"/api/v1/org-groups/{group['id']}"), NO_GROUP),
        (await manager.call("GET", f"/api/v1/org-groups/{group['id']}/users"), NO_GROUP),
        (await manager.call("POST", f"/api/v1/users/{mine}/org-groups/{group['id']}"), NO_GROUP),
        (await manager.call("POST", f"/api/v1/users/{user}/org-groups/{group['id']}"), (404, "No user found")),
        (await manager.call("PUT", f"/api/v1/users/{mine}", {"orgSlug": "acme"}), NO_ORG),
    ):
        assert said(reply) == refused
    assert await manager.head() == before
    assert (await manager.got("/api/v1/org-groups"))["orgGroups"] == []
