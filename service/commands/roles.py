"""Commands about roles: define, change and delete the named sets of permissions of an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import TooMuchAtOnce
from domain.role import Role
from domain.user import User
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


HOLDER_LIMIT = 1_000  # changed by one command: one append holds the lock of the log for as long as it takes


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
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    role: UUID,
    unassign: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Delete a role that no user has, or with `unassign` take it from all who have it in the same append.

    Raises UnknownRole, BuiltInRole, MissingPermission (a privileged role, unless by root), RoleInUse (without
    `unassign`) or TooMuchAtOnce (more than 1,000 users).
    """

    async def command(decision: Decision) -> None:
        ending = await to_change(decision, by, Role, role)
        decision.rely_on(f"role-holders:{role}")
        holders = await users.holders(decision.connection, role, limit=HOLDER_LIMIT + 1)
        now = store.clock.now()
        ending.delete(by, now, assigned=bool(holders) and not unassign)
        if len(holders) > HOLDER_LIMIT:
            raise TooMuchAtOnce(f"more than {HOLDER_LIMIT} users")
        for holder in await decision.load_many(User, holders):
            holder.unassign_role(role, now)
            decision.save(holder)
        claims.release_role_name(decision, ending, ending.name)
        decision.save(ending)

    return await store.decide(command, origin, remember=remember)
