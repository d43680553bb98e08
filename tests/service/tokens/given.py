"""A person's tokens, as this folder's tests come by them and look at them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.grant_types import AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE
from service.oauth.token_types import PERSONAL_ACCESS_TOKEN
from tests.service.oauth.asking import REVOKE, claims
from tests.service.oauth.redeeming import FILES, SCOPE, a_code, a_membership, a_person, a_shop, alive, redeem, renew
from tests.service.oauth.redeeming import ask as asked

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

ANNA = "anna"
EXCHANGING = [AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE]


def refresh_id(token: str) -> str:
    """Return the id of a refresh token: the first half of its digest."""
    return str(UUID(bytes=hashlib.sha256(token.encode()).digest()[:16]))


@dataclass
class Scene:
    """A person's access and refresh token of an application, by which they act as a member of an account."""

    app: Running
    shop: Shop
    browser: Browser
    account: UUID
    member: UUID
    code: str
    access: str
    refresh: str

    @property
    def access_id(self) -> str:
        return claims(self.access)["jti"]

    @property
    def refresh_id(self) -> str:
        return refresh_id(self.refresh)

    async def send(self, method: str, path: str, body: Any = None, **ids: str) -> Reply:
        """Send a request as root, which must succeed; the path may name what this scene is made of."""
        known = {
            "application": str(self.shop.id), "user": str(self.browser.user), "account": str(self.account),
            "organization": str(self.shop.organization), "member": str(self.member), "access": self.access_id,
            "refresh": self.refresh_id,
        }  # fmt: skip
        more = {} if body is None else {"json": body}
        reply = await self.app.call(method, path.format(**known, **ids), **more)
        assert reply.status in {200, 201, 204}, reply.text
        return reply

    async def told(self, token: str) -> None:
        """Let the client itself end a token (RFC 7009)."""
        assert (await asked(self.shop, {"token": token}, REVOKE)).status == 200

    async def statuses(self) -> tuple[str, str]:
        """Return the status of either token, of which introspection and look-up must say the same."""
        found = []
        for token, token_id in ((self.access, self.access_id), (self.refresh, self.refresh_id)):
            reply = await self.app.call("GET", f"/api/tokens/{token_id}")
            assert reply.status == 200, reply.text
            assert await alive(self.app, token) is (reply.json["status"] == "active"), reply.text
            found.append(reply.json["status"])
        return found[0], found[1]

    async def renewed(self) -> Reply:
        return await renew(self.shop, self.refresh)

    async def again(self) -> Scene:
        """Return what the same person gets of the same application anew."""
        reply = await redeem(self.shop, code := await a_code(self.shop, self.browser), appuser=ANNA)
        assert reply.status == 200, reply.text
        tokens = reply.json
        return Scene(
            self.app, self.shop, self.browser, self.account, self.member, code, tokens["access_token"],
            tokens["refresh_token"],
        )  # fmt: skip


async def a_scene(app: Running, *, scope: str = SCOPE, personal: bool = False, **settings: Any) -> Scene:
    """Let somebody sign in and act as a member of an account; the application names an end user with it.

    `personal`: the access token is one that their personal access token `laptop` was exchanged for.
    """
    if personal:
        settings["grant_types"] = EXCHANGING
    shop = await a_shop(app, end_user_from="form:appuser", **settings)
    browser = await a_person(shop, *scope.split(" "))
    account, member = await a_membership(shop, browser)
    code = await a_code(shop, browser, account=account, scope=scope)
    tokens = (await redeem(shop, code, appuser=ANNA)).json
    if personal:
        tokens["access_token"] = await _exchanged(shop, browser, account)
    return Scene(app, shop, browser, account, member, code, tokens["access_token"], tokens["refresh_token"])


async def _exchanged(shop: Shop, browser: Browser, account: UUID) -> str:
    made = await shop.app.made(f"/api/users/{browser.user}/personal-access-tokens", {"name": "laptop"})
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": made["value"], "subject_token_type": PERSONAL_ACCESS_TOKEN}
    reply = await asked(shop, {**form, "resource": FILES, "organization_id": str(account), "appuser": ANNA})
    assert reply.status == 200, reply.text
    return reply.json["access_token"]
