"""The givens of these tests: an organization with a server-side application that manages the settings of its people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

KEYS = {
    "id", "username", "primaryEmail", "primaryPhone", "name", "avatar", "customData", "identities", "lastSignInAt",
    "createdAt", "updatedAt", "profile", "applicationId", "cimdClientId", "isSuspended", "hasPassword",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """An organization, and the token of an application there."""

    app: Running
    organization: str
    token: str

    async def person(self, **body: Any) -> Any:
        """Make somebody; return their document."""
        return await self.app.made("/api/users", body, self.token)

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """Ask about somebody: what follows /api/users is the path."""
        if body is not None:
            more["json"] = body
        return await self.app.call(method, f"/api/users{path}", more.pop("token", self.token), **more)

    async def shown(self, user: str) -> Any:
        reply = await self.call("GET", f"/{user}")
        assert reply.status == 200, reply.text
        return reply.json

    async def changed(self, user: str, **body: Any) -> Any:
        """Change somebody; return what is answered, which is what is there afterwards."""
        reply = await self.call("PATCH", f"/{user}", body)
        assert reply.status == 200, reply.text
        assert await self.shown(user) == reply.json
        return reply.json

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Return the status and the code of a refusal, at which nothing was written."""
        before = await self.head()
        reply = await self.call(method, path, body, **more)
        assert reply.status >= 400, reply.text
        assert reply.headers["Cache-Control"] == "no-store"
        assert await self.head() == before
        return reply.status, reply.json["code"]

    async def head(self) -> int:
        return await self.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def a_place(app: Running, *permissions: str) -> Place:
    organization = await app.organization()
    return Place(app, organization, await app.manager(organization, *permissions))


async def a_strong_person(place: Place) -> Any:
    """Make somebody whose role holds more than those may do that manage people alone."""
    role = await place.app.made("/api/roles", {"name": f"r_{uuid4().hex}", "permissions": ["write_app"]}, place.token)
    strong = await place.person(username=f"u_{uuid4().hex}")
    reply = await place.app.call("PUT", f"/api/users/{strong['id']}/roles/{role['id']}", place.token)
    assert reply.status == 204, reply.text
    return strong


def unique(text: str = "u") -> str:
    return f"{text}_{uuid4().hex[:12]}"
