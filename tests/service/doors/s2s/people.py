"""The givens of tests about people behind the server-to-server door: an organization with a caller, roles and users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

SIGN_IN = "https://app.example.com"


@dataclass
class Place:
    """An organization, and a server application of it that may read and write users, without root."""

    app: Running
    organization: str
    token: str

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Reply:
        if json is not None:
            more["json"] = json
        return await self.app.call(method, f"/api/v1/users{path}", more.pop("token", self.token), **more)

    async def role(self, name: str, *permissions: str) -> Any:
        body = {"name": name, "permissions": list(permissions), "organization": self.organization}
        return await self.app.made("/api/roles", body)

    async def invite(self, email: str | None = None, **more: Any) -> Any:
        """Invite somebody, and return them as they are shown."""
        reply = await self.call("POST", "/invitations", {"email": email or f"{uuid4().hex}@example.com", **more})
        assert reply.status == 200, reply.text
        return reply.json["user"]

    async def user(self, **profile: Any) -> Any:
        """Make an active user, without an invitation, and return them as they are shown."""
        home = await self.app.application(organization=self.organization)
        made = await self.app.made(f"/api/applications/{home['id']}/users", {"status": "active"})
        if profile:
            return (await self.changed(made["id"], **profile)).json["user"]
        return await self.shown(made["id"])

    async def changed(self, user: str, **change: Any) -> Reply:
        return await self.call("PUT", f"/{user}", change)

    async def shown(self, user: str) -> Any:
        reply = await self.call("GET", f"/{user}")
        assert reply.status == 200, reply.text
        return reply.json["user"]

    async def head(self) -> int:
        return await self.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def a_place(app: Running) -> Place:
    organization = await app.organization()
    await app.application(
        organization=organization, kind="spa", name="Front", redirect_uris=[f"{SIGN_IN}/callback"], secrets=[],
        audiences=[],
    )  # fmt: skip
    return Place(app, organization, await app.manager(organization, "read_user", "write_user"))
