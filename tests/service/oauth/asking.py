"""How these tests ask for tokens and about them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt

from tests.app_fixture import AUDIENCE

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN = "/oauth2/token", "/oauth2/v1/token", "/oidc/token"
INTROSPECT, REVOKE = "/oauth2/introspect", "/oauth2/revoke"
GRANT = {"grant_type": "client_credentials"}
ISSUER = "https://muniment.test"


@dataclass(frozen=True)
class Back:
    """A registered back end, with its first secret."""

    document: Any
    secret: str

    @property
    def id(self) -> str:
        return self.document["id"]

    @property
    def client_id(self) -> str:
        return self.document["client_id"]

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.client_id, "client_secret": self.secret}


async def back_end(app: Running, **body: Any) -> Back:
    made = await app.application(**body)
    return Back(made, made["secrets"][0]["secret"])


def basic(name: str, secret: str, scheme: str = "Basic", *, encoded: bool = True) -> dict[str, str]:
    """Return the header of RFC 6749 section 2.3.1; `encoded` False leaves out the form-encoding, as curl does."""
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}" if encoded else f"{name}:{secret}"
    return {"Authorization": f"{scheme} {base64.b64encode(pair.encode()).decode()}"}


async def ask(app: Running, path: str = TOKEN, *, headers: dict[str, str] | None = None, **form: str) -> Reply:
    """Ask for a token with a form, by client credentials for the management audience unless told otherwise."""
    data = {**GRANT, **({} if path == SETTINGS_TOKEN else {"audience": AUDIENCE}), **form}
    return await app.call("POST", path, "", data={k: v for k, v in data.items() if v}, headers=headers or {})


async def issued(app: Running, back: Back, **form: str) -> str:
    reply = await ask(app, **back.credentials, **form)
    assert reply.status == 200, reply.text
    return reply.json["access_token"]


async def introspected(app: Running, back: Back, token: str) -> Any:
    reply = await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": token})
    assert reply.status == 200, reply.text
    return reply.json


async def revoked(app: Running, back: Back, token: str) -> Reply:
    return await app.call("POST", REVOKE, "", data={**back.credentials, "token": token})


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def error(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error"]
