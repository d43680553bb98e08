"""An organization about which decisions are asked for, and how tests ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SEARCHES = {name: f"/access/v1/search/{name}" for name in ("subject", "resource", "action")}
FILES = "https://files.test"


@dataclass(frozen=True)
class Firm:
    """An organization, the token of its back end that asks for decisions, and that of one which manages everything."""

    app: Running
    organization: str
    token: str
    manager: str
    home: str

    async def user(self, **body: Any) -> str:
        made = await self.app.made(f"/api/applications/{self.home}/users", {"status": "active", **body})
        return made["id"]

    async def role(self, *permissions: str, name: str | None = None) -> Any:
        body = {"name": name or f"role-{uuid4()}", "permissions": list(permissions), "organization": self.organization}
        return await self.app.made("/api/roles", body)

    async def assign(self, user: str, role: str) -> int:
        """Give a user a role; return the position of that."""
        return (await self.done("PUT", f"/api/users/{user}/roles/{role}")).position

    async def holder(self, *permissions: str) -> str:
        """Return a user that holds these permissions by a role."""
        user = await self.user()
        await self.assign(user, (await self.role(*permissions))["id"])
        return user

    async def account(self, name: str = "Branch") -> str:
        return (await self.app.made(f"/api/accounts/{self.organization}/accounts", {"name": name}))["id"]

    async def member(self, account: str, role: str, user: str | None = None) -> str:
        """Make a user a member; return the user."""
        user = user or await self.user()
        await self.app.made(f"/api/accounts/{account}/members", {"user_id": user, "role": role})
        return user

    async def application(self, **body: Any) -> Any:
        return await self.app.application(organization=self.organization, **body)

    async def third_party(self, *kinds: str) -> Any:
        """Return a third party for such kinds of scopes, approved."""
        body = {"name": "Shop", "domain": "shop.example.com", "scope_kinds": list(kinds), "grant_types": ["code"]}
        made = await self.app.made("/api/third-parties", {**body, "identifier": f"shop_{uuid4().hex}"}, self.manager)
        await self.done("POST", f"/api/third-parties/{made['id']}/approve", json={})
        return made

    async def turned(self, third_party: Any) -> None:
        """Have a third party be for signing people in alone from now on."""
        path = f"/api/third-parties/{third_party['id']}"
        await self.done("POST", f"{path}/reject", json={"reason": "Less will do"})
        reply = await self.app.call("PUT", path, self.manager, json={"scope_kinds": ["sso"]})
        assert reply.status == 200, reply.text
        await self.done("POST", f"{path}/approve", json={})

    async def interface(self, **body: Any) -> Any:
        resource = await self.app.api_resource(self.organization)
        return {**await self.app.interface(resource, **body), "resource_identifier": resource["identifier"]}

    async def requested(self, application: str, interface: str) -> str:
        """Ask for an interface on behalf of an application; return the grant, which waits."""
        body = {"application": application, "interfaces": [{"interface": interface}]}
        [grant] = (await self.app.made("/api/interface-grants", body, self.manager))["requested"]
        return grant["id"]

    async def granted(self, application: str, interface: str, **approval: Any) -> str:
        grant = await self.requested(application, interface)
        await self.done("POST", f"/api/interface-grants/{grant}/approve", json=approval)
        return grant

    async def allowed_at(self, application: str, audience: str, *scope: str, **more: Any) -> str:
        """Approve a grant of scopes at an audience."""
        asked = {"application": application, "audience": audience, "scope": list(scope), **more}
        grant = (await self.app.made("/api/grants", asked, self.manager))["id"]
        await self.done("POST", f"/api/grants/{grant}/approve", json={})
        return grant

    async def done(self, method: str, path: str, **more: Any) -> Reply:
        """Have something done by root."""
        reply = await self.app.call(method, path, **more)
        assert reply.status in {200, 201, 204}, reply.text
        return reply

    async def ask(self, path: str, body: Any, token: str | None = None, **more: Any) -> Reply:
        return await self.app.call("POST", path, self.token if token is None else token, json=body, **more)

    async def decide(self, subject: Any, action: Any, resource: Any, token: str | None = None) -> Any:
        """Return the decision about a question."""
        reply = await self.ask(EVALUATION, question(subject, action, resource), token)
        assert reply.status == 200, reply.text
        return reply.json

    async def code(self, subject: Any, action: Any, resource: Any, token: str | None = None) -> str:
        """Return the code of a decision, which says whether it allows."""
        decided = await self.decide(subject, action, resource, token)
        assert decided["decision"] == (decided["context"]["code"] == "allowed")
        return decided["context"]["code"]

    async def found(self, kind: str, token: str | None = None, **asked: Any) -> list[str]:
        """Return the ids, or names, that a search finds on all its pages."""
        told, page = [], {"limit": 2}
        while True:
            reply = await self.ask(SEARCHES[kind], {**asked, "page": page}, token)
            assert reply.status == 200, reply.text
            assert reply.json["page"]["count"] == len(reply.json["results"]) <= 2
            told += [one.get("id") or one["name"] for one in reply.json["results"]]
            if not reply.json["page"]["next_token"]:
                return told
            page = {"limit": 2, "token": reply.json["page"]["next_token"]}


async def a_firm(app: Running, name: str = "Acme") -> Firm:
    organization = await app.organization(name)
    home = await app.application(organization=organization)
    asking, managing = await app.manager(organization, "decide"), await app.manager(organization)
    return Firm(app, organization, asking, managing, home["id"])


def question(subject: Any, action: Any, resource: Any) -> dict[str, Any]:
    return {"subject": subject, "action": named(action), "resource": resource}


def named(action: Any) -> Any:
    return {"name": action} if isinstance(action, str) else action


def user(id: str, **properties: Any) -> dict[str, Any]:
    return thing("user", id, **properties)


def application(made: Any) -> dict[str, Any]:
    return thing("application", made if isinstance(made, str) else made["id"])


def thing(type: str, id: str, **properties: Any) -> dict[str, Any]:
    return {"type": type, "id": id} | ({"properties": properties} if properties else {})


def called(method: str) -> dict[str, Any]:
    return {"name": "call", "properties": {"method": method}}
