"""How these tests ask as server applications do: with a token of given scopes, in an organization of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.service.oauth.asking import SERVER_TO_SERVER, basic

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running


@dataclass(frozen=True)
class Server:
    """A server application, and a token of its for all that it holds."""

    app: Running
    organization: str
    id: str
    client_id: str
    secret: str
    token: str

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        if body is not None:
            more["json"] = body
        return await self.app.call(method, path, self.token, **more)

    async def got(self, path: str, **query: Any) -> Any:
        reply = await self.call("GET", path, params=query)
        assert reply.status == 200, reply.text
        return reply.json

    async def made(self, path: str, body: Any) -> Any:
        """POST and return the one thing that was made."""
        reply = await self.call("POST", path, body)
        assert reply.status == 201, reply.text
        [thing] = reply.json.values()
        return thing

    async def changed(self, path: str, body: Any) -> Any:
        """PUT and return the one thing that was changed."""
        reply = await self.call("PUT", path, body)
        assert reply.status == 200, reply.text
        [thing] = reply.json.values()
        return thing

    async def org(self, slug: str = "acme", **more: Any) -> Any:
        flags = {"allowPublicRegistration": False, "onlyUseForBrandingOverride": False}
        return await self.made("/api/v1/orgs", {"name": "Acme", "slug": slug, **flags, **more})

    async def user(self, *orgs: str) -> str:
        """Make a user of the organization, who is a member of these orgs; return their id."""
        home = await self.app.application(organization=self.organization)
        user = (await self.app.made(f"/api/applications/{home['id']}/users", {}))["id"]
        if orgs:
            reply = await self.call("POST", f"/api/v1/users/{user}/orgs", {"orgs": list(orgs)})
            assert (reply.status, reply.json) == (200, {"success": True}), reply.text
        return user

    async def enters(self, user: str, slug: str) -> None:
        """Let a user work in one of their orgs."""
        await self.changed(f"/api/v1/users/{user}", {"orgSlug": slug})

    async def head(self) -> int:
        return await self.app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def server(app: Running, *scopes: str, organization: str | None = None) -> Server:
    """Make a server application with these scopes, `all` unless told otherwise, and ask for a token of all of them."""
    organization = organization or await app.organization()
    held = list(scopes or ("all",))
    made = await app.application(organization=organization, permissions=held)
    client = made["client_id"], made["secrets"][0]["secret"]
    reply = await asked(app, *client, scope=" ".join(held))
    assert reply.status == 200, reply.text
    return Server(app, organization, made["id"], *client, reply.json["access_token"])


async def asked(app: Running, client_id: str, secret: str, *, scheme: str = "Basic", **form: str) -> Reply:
    """Ask for a token as this dialect does: by HTTP Basic and a form."""
    data = {"grant_type": "client_credentials", **form}
    return await app.call("POST", SERVER_TO_SERVER, "", data=data, headers=basic(client_id, secret, scheme))


def said(reply: Reply) -> tuple[int, str]:
    """Return the status of a refusal and its message, which is all of its body."""
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8", reply.headers
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.status, reply.text
