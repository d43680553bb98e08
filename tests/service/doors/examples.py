"""One of each thing that doors are about, and for every route a request that it takes: what generated tests draw on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from service.doors import DOORS, projections
from service.http.group import Group

if TYPE_CHECKING:
    from service.http.route import Route
    from tests.app_fixture import Running

EVERY_ROUTE: dict[str, Route] = {f"{route.method} {route.path}": route for door in DOORS for route in door.routes}
# The native doors to what events tell of. Operators' commands leave no event; others speak a dialect of their own.
ROUTES: dict[str, Route] = {
    f"{route.method} {route.path}": route
    for door in DOORS
    if door.GROUP not in {Group.SERVER_TO_SERVER, Group.ACCOUNT_SETTINGS} and door is not projections.DOOR
    for route in door.routes
}
MUTATIONS = [name for name, route in ROUTES.items() if route.method != "GET"]
READS = [name for name, route in ROUTES.items() if route.method == "GET"]
WITH_BODY = [name for name, route in ROUTES.items() if route.body is not None]
WITH_IDS = [name for name, route in ROUTES.items() if "{" in route.path]


@dataclass
class Things:
    """One of each, in one organization. `ids` are the path parameters that name them."""

    organization: str
    application: Any
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, route: str) -> str:
        ids = self.ids | {"auth_id": self.ids["invited_id"]} if route in INVITED else self.ids
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], route.partition(" ")[2])


async def things(app: Running, organization: str, *, servers: bool = False) -> Things:
    """Make one of each in an organization, as root; the grant is asked for by somebody else.

    `servers`: of each that server applications know, too.
    """
    application = await app.application(organization=organization)
    made = Things(organization, application, {"application_id": application["id"], "projection": "accounts"})
    made.ids["secret_id"] = application["secrets"][0]["id"]
    user = await app.made(f"/api/applications/{application['id']}/users", {"status": "active"})
    made.ids["user_id"] = user["id"]
    role = await app.made("/api/roles", {"name": f"role-{user['id']}", "organization": organization})
    made.ids["role_id"] = role["id"]
    account = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Branch"})
    made.ids["account_id"] = account["id"]
    members = f"/api/accounts/{account['id']}/members"
    made.ids["member_id"] = (await app.made(members, {"user_id": user["id"], "role": "viewer"}))["id"]
    manager = await app.manager(organization)
    asked = {"application": application["id"], "audience": "https://files.test", "scope": ["read"]}
    made.ids["grant_id"] = (await app.made("/api/grants", asked, manager))["id"]
    if servers:
        await _server_to_server(app, made, manager)
    return made


async def _server_to_server(app: Running, made: Things, manager: str) -> None:
    """Make what the dialect of server applications is about: a scope, an org, and a group of the user's active one."""
    user = made.ids["user_id"]
    made.ids |= {"app_id": made.ids["application_id"], "auth_id": user, "log_id": user}
    scope = {"name": f"scope-{user}", "type": "s2s"}
    made.ids["scope_id"] = (await app.made("/api/v1/scopes", scope, manager))["scope"]["id"]
    flags = {"allowPublicRegistration": False, "onlyUseForBrandingOverride": False}
    org = {"name": "Org", "slug": f"org-{user}", **flags}
    made.ids["org_id"] = (await app.made("/api/v1/orgs", org, manager))["org"]["id"]
    active = (await app.made("/api/v1/orgs", {**org, "slug": f"active-{user}"}, manager))["org"]["id"]
    await app.made(f"/api/v1/users/{user}/orgs", {"orgs": [active]}, manager)
    entered = await app.call("PUT", f"/api/v1/users/{user}", manager, json={"orgSlug": f"active-{user}"})
    assert entered.status == 200, entered.text
    group = {"name": "Group", "orgId": active}
    made.ids["group_id"] = (await app.made("/api/v1/org-groups", group, manager))["orgGroup"]["id"]
    other = await app.made(f"/api/applications/{made.ids['application_id']}/users", {})
    invited = await app.made("/api/v1/users/invitations", {"email": f"{user}@example.com"}, manager)
    made.ids |= {"linking_auth_id": other["id"], "invited_id": invited["user"]["authId"]}
    # There are none before people sign in.
    made.ids |= dict.fromkeys(("session_id", "passkey_id"), str(uuid4()))


# What a route takes; ids in braces are those of the things at hand. A route that is not here takes {} or nothing.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/applications": {
        "name": "App",
        "kind": "machine",
        "secrets": [{"name": "a"}],
        "organization": "{organization}",
    },
    "PATCH /api/applications/{application_id}": {"name": "Renamed"},
    "POST /api/applications/{application_id}/secrets": {"secrets": [{"name": "second"}, {"name": "third"}]},
    "POST /api/applications/{application_id}/users": {"status": "active", "name": "Ada"},
    "PATCH /api/users/{user_id}": {"name": "Grace"},
    "POST /api/users": {"name": "Ada", "password": "correct horse"},
    "POST /api/accounts": {"name": "New"},
    "POST /api/accounts/{account_id}/accounts": {"name": "New"},
    "PATCH /api/accounts/{account_id}": {"name": "Renamed"},
    "POST /api/accounts/{account_id}/members": {"user_id": "{another_user}", "role": "member"},
    "PATCH /api/accounts/{account_id}/members/{member_id}": {"role": "owner"},
    "POST /api/roles": {"name": "new-{user_id}", "organization": "{organization}"},
    "PATCH /api/roles/{role_id}": {"description": "Described"},
    "POST /api/grants": {"application": "{application_id}", "audience": "https://mail.test", "scope": ["send"]},
    "POST /api/grants/{grant_id}/revoke": {"reason": "No longer needed"},
    "POST /api/tokens/revoke": {"application": "{application_id}", "reason": "Leaked"},
    "POST /api/keys/rotate": {"force": True},
    "POST /api/v1/apps": {"name": "App", "type": "s2s", "scopes": ["read_user"], "redirectUris": []},
    "PUT /api/v1/apps/{app_id}": {"name": "Renamed", "redirectUris": ["https://app.test/cb"]},
    "POST /api/v1/roles": {"name": "new-{user_id}"},
    "PUT /api/v1/roles/{role_id}": {"note": "Noted"},
    "POST /api/v1/scopes": {"name": "new-{user_id}", "type": "spa", "locales": []},
    "PUT /api/v1/scopes/{scope_id}": {"note": "Noted"},
    "POST /api/v1/orgs": {
        "name": "New",
        "slug": "new-{user_id}",
        "allowPublicRegistration": True,
        "onlyUseForBrandingOverride": False,
    },
    "PUT /api/v1/orgs/{org_id}": {"layoutColor": "#fff"},
    "POST /api/v1/org-groups": {"name": "New", "orgId": "{org_id}"},
    "PUT /api/v1/org-groups/{group_id}": {"name": "Renamed"},
    "POST /api/v1/users/{auth_id}/orgs": {"orgs": ["{org_id}"]},
    "PUT /api/v1/users/{auth_id}": {"firstName": "Ada"},
    "POST /api/v1/users/invitations": {"email": "new-{user_id}@example.com"},
}
# Whose path is about another than the user at hand: one who was invited, and has an e-mail address.
INVITED = (
    "POST /api/v1/users/invitations/{auth_id}",
    "DELETE /api/v1/users/invitations/{auth_id}",
    "POST /api/v1/users/{auth_id}/verify-email",
)
# What a route has to be asked beside its path.
QUERIES = {f"DELETE /api/v1/logs/{log}": {"before": "2001-01-01T00:00:00Z"} for log in ("email", "sms", "sign-in")}
# What has to happen before a route can succeed.
BEFORE = {
    "POST /api/applications/{application_id}/enable": "POST /api/applications/{application_id}/disable",
    "POST /api/users/{user_id}/reinstate": "POST /api/users/{user_id}/suspend",
    "DELETE /api/users/{user_id}/roles/{role_id}": "PUT /api/users/{user_id}/roles/{role_id}",
    "POST /api/grants/{grant_id}/revoke": "POST /api/grants/{grant_id}/approve",
    "DELETE /api/v1/users/{auth_id}/org-groups/{group_id}": "POST /api/v1/users/{auth_id}/org-groups/{group_id}",
    "DELETE /api/v1/users/{auth_id}/account-linking": (
        "POST /api/v1/users/{auth_id}/account-linking/{linking_auth_id}"
    ),
    "DELETE /api/v1/users/{auth_id}/email-mfa": "POST /api/v1/users/{auth_id}/email-mfa",
    "DELETE /api/v1/users/{auth_id}/otp-mfa": "POST /api/v1/users/{auth_id}/otp-mfa",
    "DELETE /api/v1/users/{auth_id}/sms-mfa": "POST /api/v1/users/{auth_id}/sms-mfa",
}


async def body_of(app: Running, route: str, made: Things) -> Any:
    """Return a body for the route, None when it takes none, after whatever has to happen before it can succeed."""
    if route in BEFORE:
        await send(app, BEFORE[route], made, await body_of(app, BEFORE[route], made))
    body = BODIES.get(route)
    if body is None:
        return None if EVERY_ROUTE[route].body is None else {}
    ids = {**made.ids, "organization": made.organization}
    if "{another_user}" in body.values():
        home = await app.application(organization=made.organization)
        ids["another_user"] = (await app.made(f"/api/applications/{home['id']}/users", {}))["id"]
    return {name: _filled(value, ids) for name, value in body.items()}


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    return value.format(**ids) if isinstance(value, str) else value


async def send(app: Running, route: str, made: Things, body: Any, token: str | None = None, **more: Any) -> Any:
    """Send a route's request."""
    if body is not None:
        more["json"] = body
    if route in QUERIES:
        more["params"] = QUERIES[route] | dict(more.get("params", {}))
    return await app.call(route.partition(" ")[0], made.path(route), token, **more)
