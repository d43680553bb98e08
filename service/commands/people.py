"""Commands about a user as a person: change what is known of them, ask for factors, link two accounts of one person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from domain.person import Factor
from domain.refusals import AttributesNotEnabled, InvalidRole
from domain.user import Status, User
from service.commands import factors, orgs, sessions
from service.commands.changing import changed
from service.commands.detail import detailed
from service.commands.entitled import require_entitled
from service.commands.role_names import roles_named
from service.commands.seen import to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from domain.role import Role
    from service.commands.detail import Detail
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    given_name: str | Unchanged | None = UNCHANGED,
    family_name: str | Unchanged | None = UNCHANGED,
    locale: str | Unchanged | None = UNCHANGED,
    org: str | Unchanged | None = UNCHANGED,
    active: bool | Unchanged = UNCHANGED,
    roles: Sequence[str] | Unchanged = UNCHANGED,
    attributes: Mapping[str, str | None] | Unchanged = UNCHANGED,
    remember: Remember[Detail] | None = None,
) -> Outcome[Detail]:
    """Change what is named, all of it or nothing. `roles` holds the names of all roles that the user is to have.

    Raises, in this order (spec/melody.md section 4.2): UnknownUser; PrivilegedRole, MissingPermission (a role holds
    more than the caller does), TooMany; InvitationPending (to be active, they accept first), MissingPermission (nor
    does the caller let in who has such a role); NotInOrganization, UnknownAccount; InvalidRole (a name that no role
    has); AttributesNotEnabled (whenever they are stated); InvalidName, InvalidLocale. Taking a privileged role away
    needs no root.
    """

    async def command(decision: Decision) -> Detail:
        now = store.clock.now()
        found = await to_change(decision, by, User, user)
        found.require_known()
        wanted: list[Role] = []
        missing: list[str] = []
        if not isinstance(roles, Unchanged):
            wanted, missing = await roles_named(decision, by, found.organization, roles)
        if not isinstance(active, Unchanged):
            suspended = found.status is Status.SUSPENDED
            _move(found, now, active=active)
            if suspended and active:
                await require_entitled(decision, by, found)
            if found.status is Status.SUSPENDED:
                await sessions.end_of_user(decision, found, now, reason=sessions.SUSPENDED)
        if not isinstance(org, Unchanged):
            await orgs.make_active(decision, by, found, org, now)
        if missing:
            raise InvalidRole(f"{len(missing)} unknown", field="roles")
        if not isinstance(attributes, Unchanged):
            raise AttributesNotEnabled
        if not isinstance(roles, Unchanged):
            _replace_roles(found, wanted, by, now)
        present = found.profile
        profile = replace(
            present,
            given_name=chosen(given_name, present.given_name),
            family_name=chosen(family_name, present.family_name),
            locale=chosen(locale, present.locale),
        )
        found.change_profile(profile, now)
        decision.save(found)
        return await detailed(decision, found, org_stated=not isinstance(org, Unchanged))

    return await store.decide(command, origin, remember=remember)


def _move(user: User, now: datetime, *, active: bool) -> None:
    if active:
        user.reinstate(now)
    elif user.status is not Status.INVITED:  # who is only invited is not active as it is
        user.suspend(now=now)


def _replace_roles(user: User, wanted: Sequence[Role], by: Caller, now: datetime) -> None:
    for role in wanted:
        user.assign_role(role, by, now)
    for former in user.roles.keys() - {role.id for role in wanted}:
        user.unassign_role(former, now)


async def require_factor(
    store: Store, origin: Origin, by: Caller, *, user: UUID, factor: Factor, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Have a user prove themselves with a factor besides. Raises UnknownUser or UserNotActive."""

    def decided(found: User, now: datetime) -> None:
        found.require_factor(factor, now)

    return await changed(store, origin, by, User, user, change=decided, remember=remember)


async def waive_factor(
    store: Store, origin: Origin, by: Caller, *, user: UUID, factor: Factor, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Ask a user no more for a factor; with that for an app's codes, the app itself is forgotten.

    Raises UnknownUser, UserNotActive, or MissingPermission: their roles hold more than the caller does.
    """

    async def command(decision: Decision) -> User:
        found, now = await to_change(decision, by, User, user), store.clock.now()
        found.waive_factor(factor, now)
        await require_entitled(decision, by, found)
        decision.save(found)
        if factor is Factor.OTP:
            await factors.end_totp(decision, user, now)
        return found

    return await store.decide(command, origin, remember=remember)


async def link(
    store: Store, origin: Origin, by: Caller, *, user: UUID, other: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Say on both sides that two users of one organization are the same person.

    Raises UnknownUser, InvalidLink, AlreadyLinked, TargetAlreadyLinked, or MissingPermission: the roles of one of them
    hold more than the caller does, and whoever is the other would pass for them.
    """

    async def command(decision: Decision) -> User:
        one = await to_change(decision, by, User, user)
        another = one if other == user else await to_change(decision, by, User, other)
        one.link(another, store.clock.now())
        for each in (one, another):
            await require_entitled(decision, by, each)
        decision.save(one, another)
        return one

    return await store.decide(command, origin, remember=remember)


async def unlink(
    store: Store, origin: Origin, by: Caller, *, user: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """End a user's link, on both sides; nothing happens when there is none. Raises UnknownUser."""

    async def command(decision: Decision) -> User:
        now = store.clock.now()
        one = await to_change(decision, by, User, user)
        linked = one.linked_user
        one.unlink(now)
        decision.save(one)
        if linked is not None:
            another = await to_change(decision, by, User, linked)
            another.unlink(now)
            decision.save(another)
        return one

    return await store.decide(command, origin, remember=remember)
