"""How these tests come by organizations with applications and tokens, and what they ask the token look-up door."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jwt

from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import basic

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

ALL_STRINGS = "/oauth/client_credential/accesstoken"
SEARCH, REVOKE = "features.isOAuth2TokenSearchEnabled", "features.isOAuthRevokeEnabled"
API = "https://weather.test"
CODE = "keymanagement.service."


@dataclass(frozen=True)
class Org:
    """An organization, with an administrator's token: one that holds what orgadmin and opsadmin may."""

    app: Running
    id: str
    administrator: str

    async def call(self, method: str, path: str = "", token: str | None = None, **more: Any) -> Reply:
        """Ask about the organization, as its administrator unless told otherwise."""
        token = self.administrator if token is None else token
        return await self.app.call(method, f"/v1/organizations/{self.id}{path}", token, **more)

    async def search(self, **query: object) -> Any:
        reply = await self.call("GET", "/oauth2/search", params={name: str(value) for name, value in query.items()})
        assert reply.status == 200, reply.text
        return reply.json

    async def found(self, **query: object) -> list[str]:
        """Return the ids of the first page of a search."""
        return (await self.search(**query))["list"]

    async def revoke(self, **query: object) -> int:
        reply = await self.call("POST", "/oauth2/revoke", params={name: str(value) for name, value in query.items()})
        assert reply.status == 202, reply.text
        return reply.json

    async def token(self, name: str) -> Any:
        reply = await self.call("GET", f"/oauth2/accesstokens/{name}")
        assert reply.status == 200, reply.text
        return reply.json

    async def switch(self, **on: bool) -> None:
        """Switch `search` and `revoke` on or off, as root."""
        names = {"search": SEARCH, "revoke": REVOKE}
        properties = [{"name": names[name], "value": str(value).lower()} for name, value in on.items()]
        reply = await self.call("POST", "", self.app.root, json={"properties": {"property": properties}})
        assert reply.status == 200, reply.text


async def an_org(app: Running, *, search: bool = True, revoke: bool = True) -> Org:
    made = await app.organization()
    org = Org(app, made, await app.manager(made, "read_token", "revoke_token"))
    if search or revoke:
        await org.switch(search=search, revoke=revoke)
    return org


@dataclass(frozen=True)
class Client:
    """An application that gets tokens for itself."""

    app: Running
    document: Any

    @property
    def id(self) -> str:
        return self.document["id"]

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.document["client_id"], "client_secret": self.document["secrets"][0]["secret"]}

    @property
    def basic(self) -> dict[str, str]:
        return basic(*self.credentials.values())

    async def ask(self, *, headers: dict[str, str] | None = None, query: str = "", **form: str) -> Reply:
        """Ask for a token as the sample of the dialect does: grant in the query, credentials in the form."""
        path = f"{ALL_STRINGS}?grant_type=client_credentials{query}"
        return await self.app.call("POST", path, "", data={**self.credentials, **form}, headers=headers or {})

    async def token(self, end_user: str | None = None) -> str:
        """Return a new token, issued for an end user where one is named in the header `appuserID`."""
        reply = await self.ask(headers={} if end_user is None else {"appuserID": end_user})
        assert reply.status == 200, reply.text
        return reply.json["access_token"]


async def a_client(org: Org, **settings: Any) -> Client:
    settings = {
        "audiences": [API], "permissions": ["forecast.read"], "end_user_from": "header:appuserID", **settings
    }  # fmt: skip
    return Client(org.app, await org.app.application(organization=org.id, **settings))


async def a_manager(org: Org, *permissions: str) -> Client:
    """Return an application that manages the organization, by its token or by its credentials."""
    settings = {"audiences": [AUDIENCE], "permissions": list(permissions)}
    return Client(org.app, await org.app.application(organization=org.id, **settings))


def jti(token: str) -> str:
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def refresh_id(token: str) -> str:
    return str(UUID(bytes=hashlib.sha256(token.encode()).digest()[:16]))


async def alive(app: Running, token: str) -> bool:
    form = {"client_id": "root", "client_secret": "root-secret-of-the-tests", "token": token}
    return (await app.call("POST", "/oauth2/introspect", "", data=form)).json["active"]


def refused(reply: Reply, status: int, code: str) -> None:
    """Hold a refusal against the dialect's shape."""
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/json"), reply.text
    assert reply.json.keys() == {"code", "message", "contexts"}
    assert (reply.json["code"], reply.json["contexts"]) == (code, []), reply.text
    assert reply.json["message"]
    assert reply.headers["Cache-Control"] == "no-store"
