"""One of each thing that doors are about, and for every route a request that it takes: what generated tests draw on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.doors import DOORS

if TYPE_CHECKING:
    from service.http.door import Route
    from tests.app_fixture import Running

ROUTES: dict[str, Route] = {f"{route.method} {route.path}": route for door in DOORS for route in door.routes}
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
        return re.sub(r"\{(\w+)\}", lambda found: self.ids[found.group(1)], ROUTES[route].path)


async def things(app: Running, organization: str) -> Things:
    """Make one of each in an organization, as root; the grant is asked for by somebody else."""
    application = await app.application(organization=organization)
    made = Things(organization, application, {"application_id": application["id"]})
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
    return made


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
}
# What has to happen before a route can succeed.
BEFORE = {
    "POST /api/applications/{application_id}/enable": "POST /api/applications/{application_id}/disable",
    "POST /api/users/{user_id}/reinstate": "POST /api/users/{user_id}/suspend",
    "DELETE /api/users/{user_id}/roles/{role_id}": "PUT /api/users/{user_id}/roles/{role_id}",
    "POST /api/grants/{grant_id}/revoke": "POST /api/grants/{grant_id}/approve",
}


async def body_of(app: Running, route: str, made: Things) -> Any:
    """Return a body for the route, None when it takes none, after whatever has to happen before it can succeed."""
    if route in BEFORE:
        await send(app, BEFORE[route], made, None)
    body = BODIES.get(route)
    if body is None:
        return None if ROUTES[route].body is None else {}
    ids = {**made.ids, "organization": made.organization}
    if "{another_user}" in body.values():
        home = await app.application(organization=made.organization)
        ids["another_user"] = (await app.made(f"/api/applications/{home['id']}/users", {}))["id"]
    return {name: value.format(**ids) if isinstance(value, str) else value for name, value in body.items()}


async def send(app: Running, route: str, made: Things, body: Any, token: str | None = None, **more: Any) -> Any:
    """Send a route's request."""
    if body is not None:
        more["json"] = body
    return await app.call(ROUTES[route].method, made.path(route), token, **more)
