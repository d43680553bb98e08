"""An administrator who acts as somebody else: with a refresh token of theirs, marked with who uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from domain.caller import SYSTEM
from domain.role import Role
from service.commands import impersonation
from tests.service.oauth.persons import origin

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.oauth.authorization.flow import Shop


async def impersonated(app: Running, shop: Shop) -> tuple[UUID, UUID, str]:
    """Let an administrator of a shop's organization act as a user; return both, and the refresh token."""
    organization = str(shop.organization)
    [role] = [
        each for each in (await app.call("GET", "/api/roles", params={"organization": organization})).json["items"]
        if each["name"] == "super_admin"
    ] or [await a_super_admin(app, shop.organization)]  # fmt: skip
    users = [await app.made(f"/api/applications/{shop.id}/users", {"status": "active"}) for _ in range(2)]
    admin, user = (each["id"] for each in users)
    assert (await app.call("PUT", f"/api/users/{admin}/roles/{role['id']}")).status in {200, 204}
    token = await app.issued(shop.document, scope="profile", user=admin)
    made = await impersonation.impersonate(
        app.parts.store, origin(app), SYSTEM, tokens=app.parts.tokens, impersonator_token=token, user=UUID(user),
        application=shop.id,
    )  # fmt: skip
    return UUID(admin), UUID(user), made.value.text


async def a_super_admin(app: Running, organization: UUID) -> Any:
    async def command(decision: Any) -> Role:
        decision.organization = organization
        role = Role.define(
            id=uuid4(), organization=organization, name="super_admin", description=None, permissions=[], by=SYSTEM,
            now=app.parts.clock.now(),
        )  # fmt: skip
        decision.save(role)
        return role

    return {"id": str((await app.parts.store.decide(command, origin(app))).value.id)}
