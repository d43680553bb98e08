"""What people may: by their roles, by their memberships, and by way of applications."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.permissions import personal
from service.access.authzen import applications
from service.access.authzen import vocabulary as v
from service.access.authzen.subjects import ACTIVE
from service.access.authzen.verdict import ALLOWED, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from service.access.authzen.facts import Facts
    from service.access.authzen.shapes import Evaluation
    from service.access.authzen.subjects import User

BY_WAY_OF = "application"
"""The property of a user that names the application by way of which they call an interface."""


async def permission(facts: Facts, user: User, organization: asyncpg.Record, asked: Evaluation) -> Verdict:
    """Decide by the user's roles."""
    roles = await facts.roles_of(user)
    giving = [role for role in roles if personal((asked.action.name,), role["permissions"])]
    if not giving:
        return verdict("permission_missing", user.position, *(role["position"] for role in roles))
    sources = (role[name] for role in giving for name in ("assigned", "position"))
    return verdict(ALLOWED, user.position, organization["position"], *sources)


async def membership(facts: Facts, user: User, account: asyncpg.Record, asked: Evaluation) -> Verdict:
    """Decide by the user's place in the account itself: none is inherited."""
    if account["status"] != ACTIVE:
        return verdict("account_not_active", account["position"])
    place = await facts.membership(account["id"], user)
    if place is None:
        return verdict("membership_missing", user.position, account["position"])
    if place["role"] not in v.sufficient(asked.action.name):
        return verdict("membership_insufficient", place["position"])
    home = await facts.home_of(user.organization)
    return verdict(ALLOWED, user.position, home["position"], account["position"], place["position"])


async def role(facts: Facts, user: User, role: asyncpg.Record, _: Evaluation) -> Verdict:
    """Decide by what was assigned."""
    assigned = await facts.assignment(user, role["id"])
    if assigned is None:
        return verdict("role_missing", user.position, role["position"])
    home = await facts.home_of(user.organization)
    return verdict(ALLOWED, user.position, home["position"], role["position"], assigned)


async def call(facts: Facts, user: User, interface: asyncpg.Record, asked: Evaluation) -> Verdict:
    """Decide by the application that the user calls by way of; without one, what is open to anybody is left."""
    named = way_of(asked.subject.properties)
    application = None
    if named is not None:
        application = await facts.application(named)
        if application is None:
            return verdict("unknown_application")
        if fault := await facts.fault_of(application):
            return fault
    decided = await applications.called(facts, application, interface, asked.action)
    return verdict(decided.code, user.position, *decided.positions)


def way_of(properties: Mapping[str, Any] | None) -> str | None:
    """Return the name of the application that a user calls by way of, None where there is none."""
    named = (properties or {}).get(BY_WAY_OF)
    return str(named) if named else None
