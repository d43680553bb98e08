"""How these tests come by codes, and what they exchange them and refresh tokens for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from service.oauth import codes
from service.sessions import SignedIn
from service.store.log import head
from tests.app_fixture import ROOT_SECRET
from tests.service.oauth.asking import INTROSPECT, REVOKE, TOKEN
from tests.service.oauth.authorization.flow import FILES, a_person, a_shop
from tests.service.oauth.authorization.given import CALLBACK, CHALLENGE, VERIFIER

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

__all__ = ["CALLBACK", "CHALLENGE", "FILES", "VERIFIER", "a_person", "a_shop"]

ROOT = {"client_id": "root", "client_secret": ROOT_SECRET}
SCOPE = "openid profile files.read files.write"


async def a_code(shop: Shop, browser: Browser, **told: Any) -> str:
    """Return a code of a person who has consented to everything, as the authorization endpoint hands one out."""
    parts = shop.app.parts
    client = await parts.clients.fresh(shop.client_id)
    assert client is not None
    position = await head(parts.store.pool)
    now = parts.clock.now()
    signed_in = SignedIn(browser.session, browser.organization, browser.user, now, ("pwd",), position)
    fields = {
        "signed_in": signed_in, "client": client, "request_id": uuid4(), "scope": SCOPE, "audience": FILES,
        "redirect_uri": CALLBACK, "code_challenge": CHALLENGE, "nonce": "n-0S6_WzA2Mj", "account": None,
        "consent_position": position,
    }  # fmt: skip
    return await codes.issue(parts, **{**fields, **told})


def credentials(shop: Shop) -> dict[str, str]:
    """Return what a client sends in the body: a public one names itself only."""
    return {"client_id": shop.client_id} | ({"client_secret": shop.secret} if shop.secret else {})


async def ask(shop: Shop, form: dict[str, Any], path: str = TOKEN, app: Running | None = None) -> Reply:
    """Send a form as this client, to another worker perhaps; what is None is left out."""
    data = {name: value for name, value in (credentials(shop) | form).items() if value is not None}
    return await (app or shop.app).call("POST", path, "", data=data)


async def redeem(shop: Shop, code: str, /, *, app: Running | None = None, path: str = TOKEN, **changed: Any) -> Reply:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await ask(shop, form | changed, path, app)


async def renew(shop: Shop, token: str, /, *, app: Running | None = None, path: str = TOKEN, **changed: Any) -> Reply:
    return await ask(shop, {"grant_type": "refresh_token", "refresh_token": token} | changed, path, app)


async def ended(shop: Shop, token: str) -> Reply:
    return await ask(shop, {"token": token}, REVOKE)


async def tokens_of(shop: Shop, browser: Browser, **told: Any) -> Any:
    """Return what a person's code was exchanged for."""
    reply = await redeem(shop, await a_code(shop, browser, **told))
    assert reply.status == 200, reply.text
    return reply.json


async def alive(app: Running, token: str) -> bool:
    """Say whether an access token or a refresh token can be used, as root is told."""
    reply = await app.call("POST", INTROSPECT, "", data={**ROOT, "token": token})
    assert reply.status == 200, reply.text
    return reply.json["active"]


async def topics(app: Running, **query: Any) -> list[str]:
    """Return the topics of the newest events, the newest last."""
    return [event["topic"] for event in reversed(await app.events(limit=200, **query))]


async def a_membership(shop: Shop, browser: Browser) -> tuple[UUID, UUID]:
    """Make a person a member of a new account of their organization; return the account and the membership."""
    account = await shop.app.made(f"/api/accounts/{shop.organization}/accounts", {"name": "Branch"})
    members = f"/api/accounts/{account['id']}/members"
    member = await shop.app.made(members, {"user_id": str(browser.user), "role": "viewer"})
    return UUID(account["id"]), UUID(member["id"])
