"""Administrators and the application that they work with: people whose roles hold permissions, and their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.app_fixture import AUDIENCE
from tests.service.oauth.authorization.flow import a_person, a_shop
from tests.service.oauth.redeeming import a_code, redeem

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

ROLES, ASKED = "/api/roles", "openid read_role"
HELD = ("read_role", "write_role", "read_user", "write_user", "read_app", "write_app")
"""What the application holds, unless a test says otherwise."""


@dataclass(frozen=True)
class Administrator:
    """Somebody with one role, at a browser, and the application that they consented to."""

    shop: Shop
    browser: Browser
    role: str

    @property
    def app(self) -> Running:
        return self.shop.app

    async def redeemed(self, scope: str, **told: Any) -> Reply:
        """Redeem a code as the authorization endpoint hands one out for this scope."""
        return await redeem(self.shop, await a_code(self.shop, self.browser, scope=scope, audience=AUDIENCE, **told))

    async def tokens(self, scope: str) -> Any:
        reply = await self.redeemed(scope)
        assert reply.status == 200, reply.text
        return reply.json

    async def token(self, scope: str) -> str:
        return (await self.tokens(scope))["access_token"]

    async def change_role(self, *permissions: str) -> None:
        reply = await self.app.call("PATCH", f"/api/roles/{self.role}", json={"permissions": list(permissions)})
        assert reply.status == 200, reply.text

    async def lose_role(self) -> None:
        assert (await self.app.call("DELETE", self._place)).status == 204

    async def regain_role(self) -> None:
        assert (await self.app.call("PUT", self._place)).status == 204

    @property
    def _place(self) -> str:
        return f"/api/users/{self.browser.user}/roles/{self.role}"


async def a_console(app: Running, organization: str | None = None, **settings: Any) -> Shop:
    """Register an application that may have permissions for the people it signs in."""
    return await a_shop(app, organization, **{"permissions": list(HELD), "audiences": [AUDIENCE], **settings})


async def a_role(app: Running, organization: str, *permissions: str) -> str:
    body = {"name": f"role-{uuid4().hex[:12]}", "permissions": list(permissions), "organization": organization}
    return (await app.made("/api/roles", body))["id"]


async def an_administrator(shop: Shop, *permissions: str) -> Administrator:
    """Return somebody new, with a role that holds these permissions."""
    browser = await a_person(shop, "openid", "offline_access", *HELD, "all")
    role = await a_role(shop.app, str(shop.organization), *permissions)
    found = Administrator(shop, browser, role)
    await found.regain_role()
    return found


async def seen(app: Running, token: str, path: str = ROLES) -> int:
    """Return the status that a token gets where `read_role` is needed."""
    return (await app.call("GET", path, token)).status
