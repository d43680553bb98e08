"""Commands about users: create, suspend, reinstate and delete them, assign roles to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application
from domain.invitation import Invitation
from domain.invitation import Status as InvitationStatus
from domain.membership import Membership
from domain.refusals import TooMuchAtOnce
from domain.role import Role
from domain.user import Status, User
from projections import invitations, memberships
from service.commands import (
    claims,
    consents,
    factors,
    groups,
    identities,
    personal_access_tokens,
    sessions,
    verifications,
)
from service.commands.changing import changed
from service.commands.entitled import require_entitled
from service.commands.owners import owners_of
from service.commands.seen import to_change, to_rely_on

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

MEMBERSHIP_LIMIT = 10_000  # ended by one command: one append holds the lock of the log for as long as it takes


async def create(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    application: UUID,
    name: str | None = None,
    status: str = Status.ACTIVE,
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Make a user of an application's organization.

    Raises UnknownApplication, ApplicationNotActive, InvalidName or InvalidStatus (active and suspended are valid).
    """

    async def command(decision: Decision) -> User:
        home = await to_rely_on(decision, by, Application, application)
        home.require_active(store.clock.now())
        decision.organization = home.organization
        user = User.create(
            id=store.clock.new_id(),
            organization=home.organization,
            application=home.id,
            name=name,
            status=status,
            now=store.clock.now(),
        )
        decision.save(user)
        return user

    return await store.decide(command, origin, remember=remember)


async def suspend(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    reason: str | None = None,
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Lock a user out and end their tokens and sessions. Raises UnknownUser or InvalidReason."""

    async def command(decision: Decision) -> User:
        found, now = await to_change(decision, by, User, user), store.clock.now()
        found.suspend(reason, now=now)
        await sessions.end_of_user(decision, found, now, reason=sessions.SUSPENDED)
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)


async def reinstate(
    store: Store, origin: Origin, by: Caller, *, user: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Let a suspended user in again; earlier tokens stay dead.

    Raises UnknownUser, InvitationPending, or MissingPermission: their roles hold more than the caller does.
    """

    async def command(decision: Decision) -> User:
        found = await to_change(decision, by, User, user)
        suspended = found.status is Status.SUSPENDED
        found.reinstate(store.clock.now())
        if suspended:
            await require_entitled(decision, by, found)
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)


async def unlock_sign_in(
    store: Store, origin: Origin, by: Caller, *, user: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Record that everybody may try again to sign in as a user; the attempts are the caller's to forget then.

    Raises UnknownUser, or MissingPermission: their roles hold more than the caller does, who could have them guessed.
    """

    async def command(decision: Decision) -> User:
        found = await to_change(decision, by, User, user)
        found.unlock_sign_in(store.clock.now())
        await require_entitled(decision, by, found)
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)


async def assign_role(
    store: Store, origin: Origin, by: Caller, *, user: UUID, role: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Give a user a role. Raises UnknownUser, UnknownRole, PrivilegedRole or MissingPermission (one that it holds)."""

    async def command(decision: Decision) -> User:
        holder = await to_change(decision, by, User, user)
        holder.assign_role(await to_rely_on(decision, by, Role, role), by, store.clock.now())
        decision.save(holder)
        return holder

    return await store.decide(command, origin, remember=remember)


async def unassign_role(
    store: Store, origin: Origin, by: Caller, *, user: UUID, role: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Take a role from a user; nothing happens when they do not have it. Raises UnknownUser."""

    def change(found: User, now: datetime) -> None:
        found.unassign_role(role, now)

    return await changed(store, origin, by, User, user, change=change, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, user: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete a user with all that is theirs, and destroy the key that their personal fields are sealed under.

    Memberships, sessions, consents, identities, factors and personal access tokens end, a link to another user does on
    both sides, an invitation is called back, addresses and username are free again, codes sent to them are worthless.

    Raises UnknownUser, OwnDeletion, LastOwner (an ordinary user would leave an account without owner) or
    TooMuchAtOnce (more than 10,000 memberships or sessions).
    """

    async def command(decision: Decision) -> None:
        leaving = await to_change(decision, by, User, user)
        now = store.clock.now()
        email, phone, username, linked = leaving.email, leaving.phone, leaving.username, leaving.linked_user
        leaving.delete(by, now)
        await claims.release_email(decision, leaving, email)
        await claims.release_phone(decision, leaving, phone)
        await claims.release_username(decision, leaving, username)
        await verifications.forget_user(decision, leaving, email, phone)
        await identities.end_of_user(decision, user, now)
        await personal_access_tokens.end_of_user(decision, user, now)
        await factors.end_of_user(decision, user, now)
        if linked is not None:
            await _unlink(decision, linked, now)
        await _call_back(decision, user, now)
        decision.rely_on(f"user-memberships:{user}")
        ids = await memberships.ids_of_user(decision.connection, user, limit=MEMBERSHIP_LIMIT + 1)
        if len(ids) > MEMBERSHIP_LIMIT:
            raise TooMuchAtOnce(f"more than {MEMBERSHIP_LIMIT} memberships")
        for member in await decision.load_many(Membership, ids):
            # One that was removed since the ids were read needs nothing more.
            if not member.removed:
                member.remove(await owners_of(decision, member), by, now)
                claims.release_membership(decision, member)
                decision.save(member)
        await groups.end_of_user(decision, user, now)
        await sessions.end_of_user(decision, leaving, now, reason=sessions.DELETED)
        await consents.end_of_user(decision, user, now)
        decision.save(leaving)
        decision.destroy_key(user)

    return await store.decide(command, origin, remember=remember)


async def _unlink(decision: Decision, user: UUID, now: datetime) -> None:
    other = await decision.load(User, user)
    if other is not None:
        other.unlink(now)
        decision.save(other)


async def _call_back(decision: Decision, user: UUID, now: datetime) -> None:
    """Revoke a user's invitation, should it be pending. Whoever changes it meanwhile changes its stream."""
    row = await invitations.of_user(decision.connection, user)
    invitation = None if row is None else await decision.load(Invitation, row["id"])
    if invitation is not None and invitation.status == InvitationStatus.PENDING:
        invitation.revoke(now)
        decision.save(invitation)
