"""The roles that every organization has: made with it, given to the organizations of before, and gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.account import Account, Status
from domain.caller import SYSTEM
from domain.permissions import ADMINISTRATION, ADMINISTRATOR_ROLES
from domain.role import Role
from projections import roles
from service.commands import claims
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from service.clock import Clock
    from service.store.decision import Decision
    from service.store.store import Store

FORMER = "{name}-former{number}"
PAGE = 100
NIL = UUID(int=0)

log = structlog.get_logger(__name__)


def define(decision: Decision, organization: UUID, clock: Clock, *, but: Sequence[str] = ()) -> None:
    """Give an organization the built-in roles, but for those it has, as a part of a decision about it."""
    for name, description in ADMINISTRATOR_ROLES.items():
        if name in but:
            continue
        role = Role.define(
            id=clock.new_id(),
            organization=organization,
            name=name,
            description=description,
            permissions=ADMINISTRATION,
            by=SYSTEM,
            now=clock.now(),
        )
        claims.claim_role_name(decision, role)
        decision.save(role)


async def end(decision: Decision, organization: UUID, now: datetime) -> None:
    """Delete the built-in roles of an organization that ends, in which nobody is left to have them."""
    rows = await roles.alike(decision.connection, organization, list(ADMINISTRATOR_ROLES))
    for role in await decision.load_many(Role, [row["id"] for row in rows]):
        role.delete(SYSTEM, now, assigned=False)
        claims.release_role_name(decision, role, role.name)
        decision.save(role)


async def ensure(store: Store, clock: Clock) -> None:
    """Give the built-in roles to the organizations that were made before there were any.

    A role of an organization's own that goes by one of these names, in upper or lower case, gets another name: nobody
    who has it shall thereby have more, and the organization can go on changing it.
    """
    after = NIL
    while page := await roles.organizations_without(
        store.pool, list(ADMINISTRATOR_ROLES), ADMINISTRATION, after=after, limit=PAGE
    ):
        for organization in page:
            await _complete(store, clock, organization)
        after = page[-1]


async def _complete(store: Store, clock: Clock, organization: UUID) -> None:
    async def command(decision: Decision) -> list[str]:
        decision.rely_on(f"organization-contents:{organization}")
        decision.organization = organization
        account = await decision.load(Account, organization)
        if account is None or account.status is Status.DELETED:
            return []
        rows = await roles.alike(decision.connection, organization, list(ADMINISTRATOR_ROLES))
        found = await decision.load_many(Role, [row["id"] for row in rows])
        have = [role.name for role in found if _is_built_in(role)]
        moved = [await _rename(decision, role, clock.now()) for role in found if not _is_built_in(role)]
        define(decision, organization, clock, but=have)
        return moved

    renamed = (await store.decide(command, Origin(NIL, NIL, None, clock.new_id()))).value
    if renamed:
        log.warning("roles_renamed", organization=str(organization), names=renamed)


def _is_built_in(role: Role) -> bool:
    return role.name in ADMINISTRATOR_ROLES and set(role.permissions) == set(ADMINISTRATION)


async def _rename(decision: Decision, role: Role, now: datetime) -> str:
    former = role.name
    name, number = FORMER.format(name=former, number=""), 1
    while await roles.by_name(decision.connection, role.organization, name) is not None:
        number += 1
        name = FORMER.format(name=former, number=f"-{number}")
    role.change(name, role.description, role.permissions, SYSTEM, now)
    claims.release_role_name(decision, role, former)
    claims.claim_role_name(decision, role)
    decision.save(role)
    return name
