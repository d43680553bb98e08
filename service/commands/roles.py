"""Commands about roles: define, change and delete the named sets of permissions of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.role import Role
from projections import users
from service.commands import claims
from service.commands.seen import active_organization, to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def define(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    name: str,
    description: str | None = None,
    permissions: Iterable[str] = (),
    remember: Remember[Role] | None = None,
) -> Outcome[Role]:
    """Make a role.

    Raises UnknownAccount, AccountNotActive, InvalidName, BuiltInRole, InvalidScope, InvalidDescription, TooMany,
    RootRequired, MissingPermission or NameTaken.
    """
    permissions = list(permissions)

    async def command(decision: Decision) -> Role:
        await active_organization(decision, by, organization)
        role = Role.define(
            id=store.clock.new_id(),
            organization=organization,
            name=name,
            description=description,
            permissions=permissions,
            by=by,
            now=store.clock.now(),
        )
        claims.claim_role_name(decision, role)
        decision.save(role)
        return role

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    role: UUID,
    name: str | Unchanged = UNCHANGED,
    description: str | Unchanged | None = UNCHANGED,
    permissions: Iterable[str] | Unchanged = UNCHANGED,
    remember: Remember[Role] | None = None,
) -> Outcome[Role]:
    """Change what is named. Raises UnknownRole and what `define` raises about values."""
    wanted = permissions if isinstance(permissions, Unchanged) else list(permissions)

    async def command(decision: Decision) -> Role:
        changing = await to_change(decision, by, Role, role)
        former = changing.name
        changing.change(
            chosen(name, former),
            chosen(description, changing.description),
            chosen(wanted, changing.permissions),
            by,
            store.clock.now(),
        )
        if changing.name != former:
            claims.release_role_name(decision, changing, former)
            claims.claim_role_name(decision, changing)
        decision.save(changing)
        return changing

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, role: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete a role that no user has. Raises UnknownRole, BuiltInRole or RoleInUse."""

    async def command(decision: Decision) -> None:
        unused = await to_change(decision, by, Role, role)
        decision.rely_on(f"role-holders:{role}")
        assigned = bool(await users.holders(decision.connection, role, limit=1))
        unused.delete(by, store.clock.now(), assigned=assigned)
        claims.release_role_name(decision, unused, unused.name)
        decision.save(unused)

    return await store.decide(command, origin, remember=remember)
