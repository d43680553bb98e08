"""Evaluations: who may do what with which type of resource, and why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.permissions import MEMBERSHIP_ROLES
from tests.app_fixture import AUDIENCE
from tests.service.access.authzen.given import FILES, a_firm, application, called, thing, user

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOBODY = str(uuid4())


@pytest_asyncio.fixture(loop_scope="module")
async def firm(app):
    return await a_firm(app)


async def test_a_user_has_the_permissions_of_their_roles_in_their_organization(firm):
    whole = thing("organization", firm.organization)
    somebody = user(await firm.holder("read_user", "files.read"))
    assert await firm.code(somebody, "read_user", whole) == "allowed"
    assert await firm.code(somebody, "write_user", whole) == "permission_missing"
    assert await firm.code(user(await firm.user()), "read_user", whole) == "permission_missing"


async def test_wildcards_allow_a_user_everything_but_root(firm):
    whole, everything = thing("organization", firm.organization), user(await firm.holder("all"))
    assert await firm.code(everything, "write_user", whole) == "allowed"
    assert await firm.code(everything, "root", whole) == "permission_missing"
    assert await firm.code(user(await firm.holder("root")), "root", whole) == "permission_missing"


async def test_an_application_has_the_permissions_that_its_tokens_for_management_may_carry(firm):
    whole = thing("organization", firm.organization)
    reader = await firm.application(permissions=["read_user"])
    assert await firm.code(application(reader), "read_user", whole) == "allowed"
    assert await firm.code(thing("application", reader["client_id"]), "read_user", whole) == "allowed"
    assert await firm.code(application(reader), "write_user", whole) == "permission_missing"
    elsewhere = await firm.application(permissions=["read_user"], audiences=[FILES])
    assert await firm.code(application(elsewhere), "read_user", whole) == "audience_missing"
    await firm.allowed_at(elsewhere["id"], AUDIENCE, "read_user")
    assert await firm.code(application(elsewhere), "read_user", whole) == "allowed"


async def test_root_reaches_every_organization_and_nothing_else_does(app, firm):
    other = await a_firm(app, "Other")
    root, reader = await app.application(permissions=["root"]), await other.application(permissions=["all"])
    whole = thing("organization", firm.organization)
    assert await firm.code(application(root), "write_user", whole, app.root) == "allowed"
    assert await firm.code(application(reader), "write_user", whole, app.root) == "another_organization"
    assert await firm.code(user(await other.holder("all")), "read_user", whole, app.root) == "another_organization"
    assert await firm.code(application(root), "write_user", whole) == "unknown_subject"


async def test_an_owner_is_a_member_and_a_member_a_viewer(firm):
    account = await firm.account()
    branch = thing("account", account)
    for held in MEMBERSHIP_ROLES:
        member = user(await firm.member(account, held))
        codes = [await firm.code(member, action, branch) for action in MEMBERSHIP_ROLES]
        rank = MEMBERSHIP_ROLES.index(held)
        assert codes == ["membership_insufficient"] * rank + ["allowed"] * (3 - rank)


async def test_no_membership_is_inherited(firm):
    account = await firm.account()
    below = (await firm.app.made(f"/api/accounts/{account}/accounts", {"name": "Below"}))["id"]
    member = user(await firm.member(account, "owner"))
    assert await firm.code(member, "viewer", thing("account", below)) == "membership_missing"
    assert await firm.code(member, "viewer", thing("account", firm.organization)) == "membership_missing"
    assert await firm.code(member, "viewer", thing("organization", account)) == "unknown_action"
    assert await firm.code(member, "read_user", thing("organization", account)) == "unknown_resource"


async def test_a_suspended_account_lets_nobody_in(firm):
    account = await firm.account()
    member = user(await firm.member(account, "owner"))
    suspended = await firm.done("PATCH", f"/api/accounts/{account}", json={"status": "suspended"})
    decided = await firm.decide(member, "viewer", thing("account", account))
    assert decided["context"]["code"] == "account_not_active"
    assert decided["context"]["positions"] == [suspended.position]


async def test_a_role_is_held_by_those_who_were_assigned_it_and_goes_by_id_or_name(firm):
    role, somebody = await firm.role("read_user", name="clerk"), await firm.user()
    await firm.assign(somebody, role["id"])
    for named in (role["id"], "clerk"):
        assert await firm.code(user(somebody), "hold", thing("role", named)) == "allowed"
        assert await firm.code(user(await firm.user()), "hold", thing("role", named)) == "role_missing"
    assert await firm.code(user(somebody), "hold", thing("role", "Clerk")) == "unknown_resource"


async def test_names_are_those_of_the_callers_organization_unless_root_names_another(app, firm):
    own, keeping = await firm.role(name="keeper"), await firm.user()
    await firm.assign(keeping, own["id"])
    other = await a_firm(app, "Other")
    role, somebody = await other.role(name="keeper"), await other.user()
    await other.assign(somebody, role["id"])
    keeper = thing("role", "keeper", organization=other.organization)
    assert await firm.code(user(somebody), "hold", keeper, app.root) == "allowed"
    assert await firm.code(user(somebody), "hold", thing("role", "keeper"), app.root) == "unknown_resource"
    assert await other.code(user(somebody), "hold", thing("role", "keeper")) == "allowed"
    assert await firm.code(user(somebody), "hold", keeper) == "unknown_subject"
    assert await firm.code(user(keeping), "hold", keeper) == "allowed"  # it is not for others to say whose names


async def test_an_application_has_scopes_at_audiences_by_its_list_or_by_grants_in_force(firm):
    files = thing("audience", FILES)
    own = application(await firm.application(audiences=[FILES], permissions=["read", "all"]))
    assert [await firm.code(own, scope, files) for scope in ("read", "write", "read_user", "root")] == [
        "allowed", "scope_missing", "allowed", "scope_missing"
    ]  # fmt: skip
    assert await firm.code(own, "read", thing("audience", "https://mail.test")) == "audience_missing"
    stranger = await firm.application(permissions=["read"])
    await firm.allowed_at(stranger["id"], FILES, "write")
    assert await firm.code(application(stranger), "write", files) == "allowed"
    assert await firm.code(application(stranger), "read", files) == "scope_missing"


async def test_a_grant_for_an_audience_ends_when_it_is_revoked(firm):
    made = await firm.application(audiences=[])
    grant = await firm.allowed_at(made["id"], FILES, "read")
    assert await firm.code(application(made), "read", thing("audience", FILES)) == "allowed"
    await firm.done("POST", f"/api/grants/{grant}/revoke", json={})
    assert await firm.code(application(made), "read", thing("audience", FILES)) == "audience_missing"


async def test_an_interface_may_be_called_by_who_is_granted_it_and_goes_by_id_or_identifiers(firm):
    made, interface = await firm.application(), await firm.interface()
    by_name = f"{interface['resource_identifier']}/{interface['identifier']}"
    each = [thing("interface", interface["id"]), thing("interface", by_name), thing("interface", by_name.upper())]
    assert {await firm.code(application(made), "call", named) for named in each} == {"grant_missing"}
    await firm.granted(made["id"], interface["id"])
    assert {await firm.code(application(made), "call", named) for named in each} == {"allowed"}
    assert await firm.code(application(made), "call", thing("interface", "nothing")) == "unknown_resource"


async def test_a_grant_says_why_it_does_not_open_an_interface(firm):
    made, interface = await firm.application(), await firm.interface()
    target = thing("interface", interface["id"])
    grant = await firm.requested(made["id"], interface["id"])
    assert await firm.code(application(made), "call", target) == "grant_pending"
    await firm.done("POST", f"/api/interface-grants/{grant}/reject", json={"reason": "No"})
    assert await firm.code(application(made), "call", target) == "grant_rejected"
    await firm.granted(made["id"], interface["id"])
    deleted = await firm.done("DELETE", f"/api/interface-grants/{grant}")
    decided = await firm.decide(application(made), "call", target)
    assert decided["context"]["code"] == "grant_missing"
    assert deleted.position in decided["context"]["positions"]


async def test_a_grant_is_over_at_the_instant_at_which_it_expires(timed):
    service, clock = timed
    firm = await a_firm(service)
    made, interface = await firm.application(), await firm.interface()
    end = clock.now() + timedelta(hours=1)
    await firm.granted(made["id"], interface["id"], expires_at=end.isoformat())
    await firm.allowed_at(made["id"], FILES, "read", expires_at=end.isoformat())
    both = [("call", thing("interface", interface["id"])), ("read", thing("audience", FILES))]
    clock.move(timedelta(hours=1) - timedelta(seconds=1))
    firm = replace(firm, token=await service.manager(firm.organization, "decide"))  # the other one ends soon
    assert [await firm.code(application(made), *each) for each in both] == ["allowed", "allowed"]
    clock.move(timedelta(seconds=1))
    assert [await firm.code(application(made), *each) for each in both] == ["grant_expired", "audience_missing"]


async def test_an_interface_for_anybody_is_for_every_subject_in_force(firm):
    open_one = thing("interface", (await firm.interface(scope="anonymous"))["id"])
    made, somebody = await firm.application(), await firm.user()
    assert await firm.code(application(made), "call", open_one) == "allowed"
    assert await firm.code(user(somebody), "call", open_one) == "allowed"
    await firm.done("POST", f"/api/applications/{made['id']}/disable", json={})
    assert await firm.code(application(made), "call", open_one) == "client_not_effective"
    assert await firm.code(user(somebody, application=made["id"]), "call", open_one) == "client_not_effective"


async def test_a_user_calls_by_way_of_an_application(firm):
    made, interface, somebody = await firm.application(), await firm.interface(), await firm.user()
    target = thing("interface", interface["id"])
    await firm.granted(made["id"], interface["id"])
    assert await firm.code(user(somebody), "call", target) == "application_required"
    for named in (made["id"], made["client_id"]):
        assert await firm.code(user(somebody, application=named), "call", target) == "allowed"
    assert await firm.code(user(somebody, application=NOBODY), "call", target) == "unknown_application"
    assert await firm.code(user(somebody, application={"id": 1}), "call", target) == "unknown_application"
    stranger = await firm.application()
    assert await firm.code(user(somebody, application=stranger["id"]), "call", target) == "grant_missing"
    await firm.done("POST", f"/api/users/{somebody}/suspend", json={})
    assert await firm.code(user(somebody, application=made["id"]), "call", target) == "user_not_active"


async def test_a_third_party_calls_interfaces_only_when_it_is_for_that(firm):
    target = thing("interface", (await firm.interface())["id"])
    signing_in, calling = await firm.third_party("sso"), await firm.third_party("api")
    assert await firm.code(application(signing_in), "call", target) == "interface_calls_not_granted"
    assert await firm.code(application(signing_in), "read", thing("audience", FILES)) == "interface_calls_not_granted"
    assert await firm.code(application(calling), "call", target) == "grant_missing"


async def test_the_submit_limit_stops_calls_that_may_change_something(firm):
    made = await firm.application()
    limited = await firm.interface(method="*", submit_limited=True)
    reading = await firm.interface(method="GET", submit_limited=True)
    free = await firm.interface(method="POST")
    for interface in (limited, reading, free):
        await firm.granted(made["id"], interface["id"])
    caller, target = application(made), thing("interface", limited["id"])
    assert await firm.code(caller, "call", target) == "submit_limited"
    assert await firm.code(caller, called("POST"), target) == "submit_limited"
    assert await firm.code(caller, called("GET"), target) == "allowed"
    assert await firm.code(caller, "call", thing("interface", reading["id"])) == "allowed"
    assert await firm.code(caller, "call", thing("interface", free["id"])) == "allowed"
    settings = f"/api/organizations/{firm.organization}/settings"
    switched = await firm.done("PUT", settings, json={"submit_limited": True})
    decided = await firm.decide(caller, "call", thing("interface", free["id"]))
    assert decided["context"]["code"] == "submit_limited"
    assert switched.position in decided["context"]["positions"]


async def test_an_interface_answers_its_method_and_no_other(firm):
    made, interface = await firm.application(), await firm.interface(method="GET")
    await firm.granted(made["id"], interface["id"])
    target = thing("interface", interface["id"])
    assert await firm.code(application(made), called("GET"), target) == "allowed"
    assert await firm.code(application(made), called("POST"), target) == "another_method"


async def test_the_rejected_the_disabled_and_the_suspended_may_nothing(firm):
    whole = thing("organization", firm.organization)
    made, somebody = await firm.application(permissions=["all"]), await firm.holder("all")
    await firm.done("POST", f"/api/applications/{made['id']}/disable", json={})
    await firm.done("POST", f"/api/users/{somebody}/suspend", json={})
    assert await firm.code(application(made), "read_user", whole) == "client_not_effective"
    assert await firm.code(user(somebody), "read_user", whole) == "user_not_active"
    invited = await firm.user(status="active")
    assert await firm.code(user(invited), "hold", thing("role", NOBODY)) == "unknown_resource"


async def test_nothing_is_allowed_in_a_suspended_organization(app):
    firm = await a_firm(app)
    made, somebody = await firm.application(permissions=["all"]), await firm.holder("all")
    root = await app.application(permissions=["root"])
    whole = thing("organization", firm.organization)
    suspended = await firm.done("PATCH", f"/api/accounts/{firm.organization}", json={"status": "suspended"})
    for subject in (application(made), user(somebody), application(root)):
        decided = await firm.decide(subject, "read_user", whole, app.root)
        assert decided["context"]["code"] == "organization_not_active"
        assert decided["context"]["positions"] == [suspended.position]


async def test_types_and_actions_that_do_not_exist_are_denied(firm):
    somebody, whole = user(await firm.user()), thing("organization", firm.organization)
    made = application(await firm.application())
    assert await firm.code(thing("robot", NOBODY), "read_user", whole) == "unknown_type"
    assert await firm.code(somebody, "read", thing("document", "1")) == "unknown_type"
    assert await firm.code(somebody, "read", thing("audience", FILES)) == "unknown_type"
    assert await firm.code(made, "owner", thing("account", firm.organization)) == "unknown_type"
    assert await firm.code(made, "hold", thing("role", NOBODY)) == "unknown_type"
    for action, resource in (("fly", whole), ("", whole), ("call", whole), ("read_user", thing("role", NOBODY))):
        assert await firm.code(somebody, action, resource) == "unknown_action"


async def test_who_or_what_is_unknown_is_denied(firm):
    somebody, whole = user(await firm.user()), thing("organization", firm.organization)
    for nobody in (user(NOBODY), user("alice@example.com"), thing("application", "nobody"), thing("application", "")):
        assert await firm.code(nobody, "read_user", whole) == "unknown_subject"
    for nothing in (NOBODY, "123", "", firm.organization.replace("-", "")):
        assert await firm.code(somebody, "read_user", thing("organization", nothing)) == "unknown_resource"
        assert await firm.code(somebody, "viewer", thing("account", nothing)) == "unknown_resource"
        assert await firm.code(somebody, "call", thing("interface", nothing)) == "unknown_resource"


async def test_another_organizations_things_are_as_unknown_as_those_that_never_were(app, firm):
    other = await a_firm(app, "Other")
    theirs, role, account = await other.holder("all"), await other.role(), await other.account()
    made, interface = await other.application(permissions=["all"]), await other.interface()
    gone = await other.user()
    await other.done("DELETE", f"/api/users/{gone}")
    whole, own = thing("organization", firm.organization), user(await firm.user())
    asked = [
        *((subject, "read_user", whole) for subject in (user(theirs), application(made), user(gone))),
        (thing("application", made["client_id"]), "read_user", whole),
        (own, "read_user", thing("organization", other.organization)),
        (own, "viewer", thing("account", account)),
        (own, "hold", thing("role", role["id"])),
        (own, "call", thing("interface", interface["id"])),
        (own, "call", thing("interface", f"{interface['resource_identifier']}/{interface['identifier']}")),
        (own, "hold", thing("role", role["name"], organization=other.organization)),
    ]
    for question in asked:
        decided = await firm.decide(*question)
        assert decided["context"]["code"] in {"unknown_subject", "unknown_resource"}, question
        assert decided["context"]["positions"] == [], question


async def test_an_application_goes_by_its_id_before_another_ones_client_id(firm):
    first = await firm.application(permissions=["read_user"], client_id="first")
    await firm.application(permissions=[], client_id=first["id"])
    whole = thing("organization", firm.organization)
    assert await firm.code(application(first), "read_user", whole) == "allowed"
