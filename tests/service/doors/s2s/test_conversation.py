"""One walk through the whole server-to-server door with an HTTP client of another make, against a listening socket."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from tests.app_fixture import ROOT_SECRET


class Client:
    """A server application that knows this dialect, the standard library and nothing of the service."""

    def __init__(self, connection: HTTPConnection) -> None:
        self.connection = connection
        self.token = ""

    def sign_in(self, client_id: str, secret: str, scope: str) -> dict[str, Any]:
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        headers = {"Authorization": f"basic {pair}", "Content-Type": "application/x-www-form-urlencoded"}
        form = urlencode({"grant_type": "client_credentials", "scope": scope})
        self.connection.request("POST", "/oauth2/v1/token", form, headers)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        answer = json.loads(body)
        self.token = answer["access_token"]
        return answer

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and answer: a document, or what a refusal says."""
        headers = {"Authorization": f"Bearer {self.token}"}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        self.connection.request(method, path, data, headers)
        response = self.connection.getresponse()
        text = response.read().decode()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(text) if is_json else text

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to what must succeed; of one thing, the thing."""
        status, answer = self.call(method, path, body)
        assert status in {200, 201, 204}, (method, path, status, answer)
        return next(iter(answer.values())) if isinstance(answer, dict) and len(answer) == 1 else answer


def walk(root: Client, client: Client) -> None:
    assert root.sign_in("root", ROOT_SECRET, "root")["scope"] == "root"
    assert root.done("GET", "/info")["ENABLE_ORG"] is True

    # Scopes and apps: what a back office may do.
    scope = root.done("POST", "/api/v1/scopes", {"name": "orders:read", "type": "s2s", "note": "Orders"})
    scopes = ["read_user", "write_user", "read_org", "write_org", "read_role", "write_role", "read_app", "write_app"]
    office = root.done(
        "POST",
        "/api/v1/apps",
        {"name": "Office", "type": "s2s", "scopes": [*scopes, "orders:read"], "redirectUris": []},
    )
    answer = client.sign_in(office["clientId"], office["secret"], " ".join([*scopes, "root", "read_scope"]))
    assert answer["scope"].split() == scopes
    assert client.call("GET", "/api/v1/scopes") == (401, "Unauthorized")
    assert client.call("GET", "/api/v1/logs/email") == (401, "Unauthorized")
    site = client.done(
        "POST",
        "/api/v1/apps",
        {"name": "Site", "type": "spa", "scopes": ["openid"], "redirectUris": ["https://site.test/Callback"]},
    )
    assert client.done("GET", f"/api/v1/apps/{site['id']}")["redirectUris"] == ["https://site.test/Callback"]
    refusal = (400, "Only an app with the root scope can assign the root scope to an app")
    assert client.call("PUT", f"/api/v1/apps/{office['id']}", {"scopes": ["root"]}) == refusal
    assert client.done("PUT", f"/api/v1/apps/{site['id']}", {"name": "Shop"})["name"] == "Shop"

    # Roles, orgs and groups.
    role = client.done("POST", "/api/v1/roles", {"name": "clerk", "note": "Serves"})
    refusal = (400, "Built-in roles cannot be created, deleted, or updated")
    assert client.call("PUT", f"/api/v1/roles/{role['id']}", {"name": "Super_Admin"}) == refusal
    flags = {"allowPublicRegistration": False, "onlyUseForBrandingOverride": False}
    org = client.done("POST", "/api/v1/orgs", {"name": "North", "slug": "north", **flags})
    client.done("PUT", f"/api/v1/orgs/{org['id']}", {"layoutColor": "#00f", "termsLink": "https://north.test/terms"})
    group = client.done("POST", "/api/v1/org-groups", {"name": "Night shift", "orgId": org["id"]})

    # A user is invited into the org, and everything about them is in one place.
    invitation = {"email": "ada@example.com", "firstName": "Ada", "roles": ["clerk"], "orgSlug": "north"}
    user = client.done("POST", "/api/v1/users/invitations", invitation)
    assert (user["isActive"], user["isInviting"], user["roles"]) == (False, True, ["clerk"])
    path = f"/api/v1/users/{user['authId']}"
    privileged = (400, "Only an app with the root scope can assign a privileged role")
    assert client.call("PUT", path, {"roles": ["clerk", "super_admin"]}) == privileged
    assert [each["authId"] for each in client.done("GET", f"/api/v1/roles/{role['id']}/users")] == [user["authId"]]
    client.done("POST", f"{path}/org-groups/{group['id']}")
    shown = client.done("GET", path)
    assert shown["org"]["slug"] == "north"
    assert shown["orgGroups"] == [{"id": group["id"], "name": "Night shift"}]
    assert client.done("GET", "/api/v1/users?page_size=1&page_number=1&search=ada")["count"] == 1
    assert client.call("GET", f"/api/v1/orgs/{org['id']}/users")[1]["count"] == 1
    assert client.call("DELETE", f"/api/v1/orgs/{org['id']}") == (400, "Can not delete organization with users")

    # And everything comes apart again, in any order, as often as asked.
    client.done("POST", f"{path}/orgs", {"orgs": []})
    client.done("DELETE", f"/api/v1/roles/{role['id']}")
    assert client.done("GET", path)["roles"] == []
    client.done("DELETE", f"/api/v1/orgs/{org['id']}")
    assert client.call("GET", f"/api/v1/org-groups/{group['id']}/users") == (404, "Organization group not found")
    root.done("DELETE", f"/api/v1/scopes/{scope['id']}")
    assert "orders:read" not in client.done("GET", f"/api/v1/apps/{office['id']}")["scopes"]
    client.done("DELETE", path)
    assert client.call("GET", path) == (404, "No user found")
    for _ in range(2):
        client.done("DELETE", f"/api/v1/apps/{site['id']}")
    root.done("DELETE", "/api/v1/logs/email?before=2999-01-01T00:00:00Z")
    root.done("DELETE", f"/api/v1/apps/{office['id']}")
    assert client.call("GET", "/api/v1/apps") == (401, "Unauthorized")


async def test_a_back_office_is_set_up_worked_with_and_taken_down(fresh_app):
    address = fresh_app.client.make_url("")
    with (
        closing(HTTPConnection(address.host, address.port, timeout=10)) as one,
        closing(HTTPConnection(address.host, address.port, timeout=10)) as other,
    ):
        await asyncio.to_thread(walk, Client(one), Client(other))
