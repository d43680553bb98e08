"""Users behind the server-to-server door (spec/melody.md sections 0 and 4.2)."""

# ruff: noqa: N802 - the names of tests begin with the row of the specification

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.doors.s2s.people import a_place
from tests.service.messages.mailbox import link_in, mail

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRIVILEGED = "Only an app with the root scope can assign a privileged role"


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    return await a_place(app)


async def test_a_user_is_shown_with_everything_that_may_be_known(place):
    user = await place.invite("Ada@Example.COM", firstName="Ada", lastName="Lovelace", locale="en-GB")
    assert user == {
        "id": user["id"], "authId": user["id"], "linkedAuthId": None, "socialAccountId": None,
        "socialAccountType": None, "email": "Ada@example.com", "locale": "en-GB", "firstName": "Ada",
        "lastName": "Lovelace", "emailVerified": False, "otpVerified": False, "smsPhoneNumberVerified": False,
        "loginCount": 0, "mfaTypes": [], "isActive": False, "isInviting": True,
        "invitationExpiresAt": user["invitationExpiresAt"], "createdAt": user["createdAt"],
        "updatedAt": user["createdAt"], "deletedAt": None, "roles": [], "org": None, "orgGroups": [],
        "attributes": {},
    }  # fmt: skip
    assert user["invitationExpiresAt"].endswith("Z")
    assert await place.shown(user["id"]) == user
    [listed] = (await place.call("GET", "")).json["users"]
    assert listed == {name: listed[name] for name in listed} | {"email": "Ada@example.com"}
    assert listed.keys() == user.keys() - {"roles", "org", "orgGroups", "attributes"}


async def test_users_are_listed_in_pages_and_all_at_once(place):
    users = [await place.user() for _ in range(5)]
    ids = [user["id"] for user in users]
    reply = await place.call("GET", "")
    assert ([user["id"] for user in reply.json["users"]], reply.json["count"]) == (ids, 5)
    for page, wanted in ((1, ids[:2]), (2, ids[2:4]), (3, ids[4:]), (4, [])):
        reply = await place.call("GET", "", params={"page_size": 2, "page_number": page})
        assert ([user["id"] for user in reply.json["users"]], reply.json["count"]) == (wanted, 5)


@pytest.mark.parametrize("query", [{"page_size": 2}, {"page_number": 1}, {"page_size": 0, "page_number": 1}, {"x": 1}])
async def test_a_page_has_a_size_and_a_number_or_neither(place, query):
    reply = await place.call("GET", "", params=query)
    assert (reply.status, reply.json[0]["constraints"].keys()) == (400, {"invalid_query"})


@pytest.mark.parametrize(
    ("search", "found"),
    [("ada", 1), ("LOVE", 1), ("ada love", 1), ("a@", 2), ("example.com", 2), ("%", 0), ("_", 0), ("nobody", 0),
     ("\\", 0), ("'", 1)],
)  # fmt: skip
async def test_users_are_found_by_a_part_of_their_names_and_address(place, search, found):
    await place.invite("ada@example.com", firstName="Ada", lastName="Lovelace")
    await place.invite("barbara@example.com", firstName="Barbara", lastName="O'Neill")
    reply = await place.call("GET", "", params={"search": search})
    assert (len(reply.json["users"]), reply.json["count"]) == (found, found)
    paged = await place.call("GET", "", params={"search": search, "page_size": 1, "page_number": 1})
    assert (len(paged.json["users"]), paged.json["count"]) == (min(found, 1), found)


async def test_a_caller_sees_users_of_its_own_organization_alone(app, place):
    user, other = await place.user(), await a_place(app)
    await other.user()
    assert [each["id"] for each in (await place.call("GET", "")).json["users"]] == [user["id"]]
    for method, path, body in (
        ("GET", "", None), ("PUT", "", {"firstName": "Eve"}), ("DELETE", "", None), ("POST", "/verify-email", None),
        ("POST", "/otp-mfa", None), ("DELETE", "/email-mfa", None), ("GET", "/passkeys", None),
        ("DELETE", "/passkeys/1", None), ("GET", "/active-sessions", None), ("DELETE", "/active-sessions/1", None),
        ("GET", "/consented-apps", None), ("DELETE", f"/consented-apps/{uuid4()}", None), ("GET", "/locked-ips", None),
        ("DELETE", "/locked-ips", None), ("DELETE", "/account-linking", None),
        ("POST", f"/account-linking/{user['id']}", None),
    ):  # fmt: skip
        for named in (user["id"], str(uuid4()), "1"):
            reply = await other.call(method, f"/{named}{path}", body)
            assert (reply.status, reply.text) == (404, "No user found"), (method, path)
    assert (await app.call("GET", f"/api/v1/users/{user['id']}")).status == 200, "root sees everybody by id"


async def test_what_is_stated_is_changed_and_the_rest_stays(place):
    user = await place.user(firstName="Ada", lastName="Lovelace", locale="en")
    reply = await place.changed(user["id"], lastName="King", locale=None)
    changed = reply.json["user"]
    assert (changed["firstName"], changed["lastName"], changed["locale"]) == ("Ada", "King", None)
    assert await place.shown(user["id"]) == changed
    assert (await place.changed(user["id"], firstName="")).json["user"]["firstName"] is None
    before = await place.head()
    assert (await place.changed(user["id"])).json["user"]["lastName"] == "King"
    assert await place.head() == before, "nothing was stated, so nothing happened"


async def test_a_user_is_locked_out_and_let_in(place):
    user = await place.user()
    for active in (False, False, True):
        reply = await place.changed(user["id"], isActive=active)
        assert reply.json["user"]["isActive"] is active
        assert await place.shown(user["id"]) == reply.json["user"]


async def test_who_is_only_invited_cannot_be_made_active_by_others(place):
    user = await place.invite()
    reply = await place.changed(user["id"], isActive=True)
    assert (reply.status, reply.text) == (400, "Invitation must be accepted before activating user")
    reply = await place.changed(user["id"], isActive=False, firstName="Ada")
    assert (reply.status, reply.json["user"]["isInviting"]) == (200, True)


@pytest.mark.parametrize(
    ("change", "member"),
    [({"firstName": "a\x07"}, "firstName"), ({"lastName": "x" * 129}, "lastName"), ({"locale": "??"}, "locale"),
     ({"roles": ["nobody"]}, "roles"), ({"roles": [f"r{n}" for n in range(101)]}, "roles"),
     ({"isActive": None}, "isActive"),
     ({"email": "a@b.com"}, "email"), ({"roles": "all"}, "roles"), ({"first_name": "Ada"}, "first_name")],
)  # fmt: skip
async def test_a_value_that_breaks_a_rule_is_named_and_nothing_is_written(place, change, member):
    user = await place.user(firstName="Ada")
    before = await place.head()
    reply = await place.changed(user["id"], **{"lastName": "King", **change})
    assert reply.status == 400
    assert [error["property"] for error in reply.json] == [member]
    assert (await place.head(), (await place.shown(user["id"]))["lastName"]) == (before, None)


async def test_attributes_are_not_enabled(place):
    user = await place.user()
    for attributes in ({}, {str(uuid4()): "x"}):
        reply = await place.changed(user["id"], firstName="Ada", attributes=attributes)
        assert (reply.status, reply.text) == (400, "User attribute is not enabled")
    assert (await place.shown(user["id"]))["firstName"] is None


# M15: roles are assigned by PUT /users/{authId} and by invitations; both take write_user.


async def test_M15_roles_are_replaced_by_those_that_are_named(app, place):
    for name in ("a", "b", "c"):
        await place.role(name)
    user = await place.user()
    for roles in (["b", "a"], ["c", "b", "c"], [], ["a"]):
        reply = await place.changed(user["id"], roles=roles)
        assert (reply.status, reply.json["user"]["roles"]) == (200, sorted(set(roles)))
        assert await place.shown(user["id"]) == reply.json["user"]


async def test_M15_assigning_roles_takes_write_user(app, place):
    user = await place.user()
    reader = await app.manager(place.organization, "read_user", "write_role", "write_app")
    before = await place.head()
    for method, path, body in (
        ("PUT", f"/{user['id']}", {"roles": []}),
        ("POST", "/invitations", {"email": "a@b.com"}),
    ):
        reply = await place.call(method, path, body, token=reader)
        assert (reply.status, reply.text) == (401, "Unauthorized")
        assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]
    assert await place.head() == before


async def test_M16_a_role_with_root_is_privileged_whatever_its_name(place):
    await place.role("mighty", "root")
    user = await place.user()
    assert (await place.changed(user["id"], roles=["mighty"])).text == PRIVILEGED


async def test_M16_root_assigns_privileged_roles(app, place):
    await place.role("mighty", "root")
    user = await place.user()
    reply = await place.call("PUT", f"/{user['id']}", {"roles": ["mighty"]}, token=app.root)
    assert (reply.status, reply.json["user"]["roles"]) == (200, ["mighty"])


async def test_M16_root_assigns_super_admin_where_it_is_defined(app):
    home = await app.application(kind="machine")
    made = await app.made(f"/api/applications/{home['id']}/users", {})
    reply = await app.call("PUT", f"/api/v1/users/{made['id']}", json={"roles": ["super_admin"]})
    assert (reply.status, reply.json["user"]["roles"]) == (200, ["super_admin"])


async def test_M17_a_request_that_names_a_privileged_role_is_refused_whole(place):
    for name in ("clerk", "other"):
        await place.role(name)
    user = await place.user(firstName="Ada", roles=["clerk"])
    before = await place.head()
    for roles in (["clerk", "super_admin"], ["super_admin"], ["SUPER_ADMIN"], ["other", "super_admin", "nobody"]):
        reply = await place.changed(user["id"], roles=roles, firstName="Eve")
        assert (reply.status, reply.text) == (400, PRIVILEGED)
        assert reply.headers["Content-Type"].startswith("text/plain")
    assert await place.head() == before
    assert await place.shown(user["id"]) == user


async def test_M17_who_tried_is_recorded(app, place):
    user = await place.user()
    await place.changed(user["id"], roles=["super_admin"])
    await place.call("POST", "/invitations", {"email": "a@example.com", "roles": ["super_admin"]})
    recorded = [
        each for each in await app.refusals(organization=place.organization) if each["code"] == "privileged_role"
    ]
    assert [(each["operation"], each["status"], bool(each["client"])) for each in recorded] == [
        ("POST /api/v1/users/invitations", 400, True),
        ("PUT /api/v1/users/{auth_id}", 400, True),
    ]


async def test_M17_the_rule_is_about_the_request_and_not_about_the_change(app, place):
    await place.role("mighty", "root")
    await place.role("clerk")
    user = await place.user()
    await place.call("PUT", f"/{user['id']}", {"roles": ["mighty", "clerk"]}, token=app.root)
    assert (await place.changed(user["id"], roles=["mighty"])).text == PRIVILEGED
    reply = await place.changed(user["id"], firstName="Ada")
    assert (reply.status, reply.json["user"]["roles"]) == (200, ["clerk", "mighty"]), "roles are not named: they stay"
    reply = await place.changed(user["id"], roles=["clerk"])
    assert (reply.status, reply.json["user"]["roles"]) == (200, ["clerk"]), "taking one away needs no root"


async def test_M17_other_roles_are_assigned_without_root(place):
    await place.role("clerk", "read_user", "write_user", "invoices:read")
    user = await place.user()
    assert (await place.changed(user["id"], roles=["clerk"])).json["user"]["roles"] == ["clerk"]


async def test_a_role_that_holds_more_than_the_caller_is_not_assigned_by_them(place):
    await place.role("clerk")
    for name, held in (("auditor", "read_audit"), ("everything", "all")):
        await place.role(name, held)
    user = await place.user(roles=["clerk"])
    before = await place.head()
    for roles in (["auditor"], ["clerk", "everything"]):
        reply = await place.changed(user["id"], roles=roles, firstName="Eve")
        assert (reply.status, reply.text) == (400, "A permission is missing")
        invited = {"email": "eve@example.com", "roles": roles}
        assert (await place.call("POST", "/invitations", invited)).status == 400
    assert await place.head() == before
    assert await place.shown(user["id"]) == user


async def test_the_order_of_refusals_is_that_of_the_dialect(app, place):
    user = await place.invite()
    everything = {
        "roles": ["super_admin", "nobody"],
        "isActive": True,
        "orgSlug": "nowhere",
        "locale": "??",
        "attributes": {},
    }
    assert (await place.call("PUT", f"/{uuid4()}", everything)).text == "No user found"
    assert (await place.call("PUT", f"/{user['id']}", everything)).text == PRIVILEGED
    everything["roles"] = ["nobody"]
    reply = await place.call("PUT", f"/{user['id']}", everything)
    assert reply.text == "Invitation must be accepted before activating user"
    del everything["isActive"]
    reply = await place.call("PUT", f"/{user['id']}", everything)
    assert (reply.status, reply.text) == (404, "No organization found")
    del everything["orgSlug"]
    reply = await place.call("PUT", f"/{user['id']}", everything)
    assert reply.json[0]["property"] == "roles"
    del everything["roles"]
    reply = await place.call("PUT", f"/{user['id']}", everything)
    assert (reply.status, reply.text) == (400, "User attribute is not enabled")


async def test_a_deleted_user_is_gone_with_all_that_hung_on_them(app, place):
    user, other = await place.invite("gone@example.com"), await place.user()
    [message] = await mail(app, "gone@example.com")
    await place.call("POST", f"/{user['id']}/account-linking/{other['id']}")
    reply = await place.call("DELETE", f"/{user['id']}")
    assert (reply.status, reply.text) == (204, "")
    assert (await place.call("DELETE", f"/{user['id']}")).text == "No user found"
    assert (await place.shown(other["id"]))["linkedAuthId"] is None
    assert (await app.call("GET", link_in(message), "")).status == 404
    assert "gone@example.com" not in str(await app.events(subject=user["id"]))
    await place.invite("Gone@example.com")


async def test_a_change_is_carried_out_once_and_answered_again(place):
    user = await place.user()
    headers = {"Idempotency-Key": uuid4().hex}
    first = await place.call("PUT", f"/{user['id']}", {"firstName": "Ada"}, headers=headers)
    await place.changed(user["id"], firstName="Grace")
    again = await place.call("PUT", f"/{user['id']}", {"firstName": "Ada"}, headers=headers)
    assert (again.status, again.text) == (200, first.text)
    assert (await place.shown(user["id"]))["firstName"] == "Grace"


async def test_changes_at_the_same_moment_lose_nothing(place):
    for name in ("a", "b", "c", "d"):
        await place.role(name)
    user = await place.user()
    replies = await asyncio.gather(
        place.changed(user["id"], firstName="Ada"),
        place.changed(user["id"], lastName="King"),
        place.changed(user["id"], locale="zh"),
        place.changed(user["id"], roles=["a", "b"]),
        place.changed(user["id"], roles=["c", "d"]),
    )
    assert {reply.status for reply in replies} == {200}
    shown = await place.shown(user["id"])
    assert (shown["firstName"], shown["lastName"], shown["locale"]) == ("Ada", "King", "zh")
    assert shown["roles"] in (["a", "b"], ["c", "d"]), "one list or the other, never a mixture"


async def test_a_user_confirms_their_address_by_the_link_that_is_sent(app, place):
    user = await place.invite("confirm@example.com", locale="zh-CN")
    reply = await place.call("POST", f"/{user['id']}/verify-email")
    assert (reply.status, reply.json) == (200, {"success": True})
    messages = await mail(app, "confirm@example.com")
    assert len(messages) == 2
    path = link_in(messages[1])
    assert path.startswith("/email-verification?token=mun_ver_")
    assert "请确认" in messages[1]["subject"]
    token = path.partition("token=")[2]
    reply = await app.call("POST", "/email-verification", "", data={"token": token})
    assert reply.status == 200
    assert (await place.shown(user["id"]))["emailVerified"] is True
    reply = await place.call("POST", f"/{user['id']}/verify-email")
    assert (reply.status, reply.text) == (400, "Email already verified")
    assert len(await mail(app, "confirm@example.com")) == 2


async def test_without_an_address_there_is_nothing_to_verify(place):
    user = await place.user()
    reply = await place.call("POST", f"/{user['id']}/verify-email")
    assert (reply.status, reply.text) == (400, "The account has no e-mail address")


async def an_org(app, place, slug, *, branding_only=False):
    caller = await app.manager(place.organization, "read_org", "write_org", "read_user", "write_user")
    body = {"name": slug.title(), "slug": slug, "allowPublicRegistration": False}
    reply = await app.call("POST", "/api/v1/orgs", caller, json=body | {"onlyUseForBrandingOverride": branding_only})
    assert reply.status == 201, reply.text
    return reply.json["org"], caller


async def test_an_invited_user_is_active_in_the_org_they_are_invited_to(app, place):
    org, _ = await an_org(app, place, "lab")
    user = await place.invite(orgSlug="lab")
    assert user["org"] == {"id": org["id"], "name": "Lab", "slug": "lab"}
    assert await place.shown(user["id"]) == user
    cleared = (await place.changed(user["id"], orgSlug=None)).json["user"]
    assert (cleared["org"], cleared["orgGroups"]) == (None, [])
    again = await place.changed(user["id"], orgSlug="lab", firstName="Ada")
    assert again.json["user"]["org"]["slug"] == "lab"
    assert await place.shown(user["id"]) == again.json["user"]


async def test_an_org_that_only_lends_its_branding_invites_nobody(app, place):
    await an_org(app, place, "brand", branding_only=True)
    before = await place.head()
    reply = await place.call("POST", "/invitations", {"email": "a@example.com", "orgSlug": "brand"})
    assert (reply.status, reply.text) == (400, "Organization does not allow invitation")
    assert await place.head() == before
    assert await mail(app, "a@example.com") == []


async def test_nobody_works_in_an_org_they_are_no_member_of(app, place):
    org, caller = await an_org(app, place, "lab")
    user = await place.user()
    before = await place.head()
    reply = await place.changed(user["id"], orgSlug="lab", firstName="Ada")
    assert (reply.status, reply.text) == (400, "User is not in the organization")
    assert (await place.head(), (await place.shown(user["id"]))["firstName"]) == (before, None)
    await app.call("POST", f"/api/v1/users/{user['id']}/orgs", caller, json={"orgs": [org["id"]]})
    assert (await place.changed(user["id"], orgSlug="lab")).json["user"]["org"]["id"] == org["id"]


async def test_groups_are_those_of_the_org_a_user_works_in(app, place):
    orgs = [(await an_org(app, place, slug)) for slug in ("lab", "shop")]
    caller = orgs[0][1]
    user = await place.user()
    path = f"/api/v1/users/{user['id']}"
    await app.call("POST", f"{path}/orgs", caller, json={"orgs": [org["id"] for org, _ in orgs]})
    groups = []
    for org, _ in orgs:
        body = {"name": f"{org['slug']} people", "orgId": org["id"]}
        made = await app.call("POST", "/api/v1/org-groups", caller, json=body)
        groups.append(made.json["orgGroup"])
        await place.changed(user["id"], orgSlug=org["slug"])
        assert (await app.call("POST", f"{path}/org-groups/{groups[-1]['id']}", caller)).status == 200
    for (org, _), group in zip(orgs, groups, strict=True):
        changed = (await place.changed(user["id"], orgSlug=org["slug"])).json["user"]
        assert changed["orgGroups"] == [{"id": group["id"], "name": group["name"]}]
        assert await place.shown(user["id"]) == changed
