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


async def body_of(app: Running, route: str, made: Things) -> Any:
    """Return a body for the route, None when it takes none, after whatever has to happen before it can succeed."""
    ids, organization = made.ids, made.organization
    match route:
        case "POST /api/applications":
            return {"name": "App", "kind": "machine", "secrets": [{"name": "a"}], "organization": organization}
        case "PATCH /api/applications/{application_id}" | "PATCH /api/accounts/{account_id}":
            return {"name": "Renamed"}
        case "POST /api/applications/{application_id}/secrets":
            return {"secrets": [{"name": "second"}, {"name": "third"}]}
        case "POST /api/applications/{application_id}/enable":
            await app.call("POST", f"/api/applications/{ids['application_id']}/disable")
            return {}
        case "POST /api/applications/{application_id}/users":
            return {"status": "active", "name": "Ada"}
        case "PATCH /api/users/{user_id}":
            return {"name": "Grace"}
        case "POST /api/users/{user_id}/reinstate":
            await app.call("POST", f"/api/users/{ids['user_id']}/suspend")
            return {}
        case "DELETE /api/users/{user_id}/roles/{role_id}":
            await app.call("PUT", f"/api/users/{ids['user_id']}/roles/{ids['role_id']}")
            return None
        case "POST /api/accounts" | "POST /api/accounts/{account_id}/accounts":
            return {"name": "New"}
        case "POST /api/accounts/{account_id}/members":
            home = await app.application(organization=organization)
            user = await app.made(f"/api/applications/{home['id']}/users", {"status": "active"})
            return {"user_id": user["id"], "role": "member"}
        case "PATCH /api/accounts/{account_id}/members/{member_id}":
            return {"role": "owner"}
        case "POST /api/roles":
            return {"name": f"new-{ids['user_id']}", "organization": organization}
        case "PATCH /api/roles/{role_id}":
            return {"description": "Described"}
        case "POST /api/grants":
            return {"application": ids["application_id"], "audience": "https://mail.test", "scope": ["send"]}
        case "POST /api/grants/{grant_id}/revoke":
            await app.call("POST", f"/api/grants/{ids['grant_id']}/approve")
            return {"reason": "No longer needed"}
        case "POST /api/tokens/revoke":
            return {"application": ids["application_id"], "reason": "Leaked"}
        case "POST /api/keys/rotate":
            return {"force": True}
        case _:
            return None if ROUTES[route].body is None else {}


async def send(app: Running, route: str, made: Things, body: Any, token: str | None = None, **more: Any) -> Any:
    """Send a route's request."""
    if body is not None:
        more["json"] = body
    return await app.call(ROUTES[route].method, made.path(route), token, **more)
