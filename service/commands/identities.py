"""Commands about identities: link and unlink who a user is at a social provider, record who they are at an enterprise.

Calls to the provider are made before, without a transaction: what they told is only taken here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from domain.connector import TARGET
from domain.identity import (
    EnterpriseIdentity,
    Identity,
    checked_details,
    checked_person,
    checked_target,
    guard,
    require_room_for,
)
from domain.refusals import UnknownIdentity
from projections import identities
from service.commands import claims
from service.commands.entitled import require_entitled
from service.commands.seen import known_user

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from domain.user import User
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


@dataclass(frozen=True, slots=True)
class Left:
    """A user with their social identities as a command left them, as `identities.of_users` has them.

    `made`: there was none at that provider before.
    """

    user: User
    identities: dict[str, Any]
    made: bool = False


async def may_link(store: Store, origin: Origin, by: Caller, *, user: UUID, own: bool = False) -> UUID:
    """Return the organization of a user whom the caller may link, so that no provider is asked in vain.

    Raises UnknownUser or MissingPermission, as `link` will.
    """

    async def command(decision: Decision) -> UUID:
        return (await _owner(decision, by, user, own=own)).organization

    return (await store.decide(command, origin)).value


async def link(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    target: str,
    person: str,
    details: dict[str, Any] | None = None,
    connector: UUID | None = None,
    own: bool = False,
    remember: Remember[Left] | None = None,
) -> Outcome[Left]:
    """Let a user be this person at a provider, instead of whom they were there; `connector` None: somebody says so.

    `own`: the user themself asks for it, at a page of ours where they have just signed in, so they get no more than
    they have; anybody else could come in as the user by it, and must hold what the user's roles do. Raises
    InvalidTarget, InvalidIdentity, InvalidDetails; UnknownUser, MissingPermission, TooMany (over 100) or IdentityTaken
    (that person is another user).
    """
    checked_target(target)
    checked_person(person)
    checked_details(details)

    async def command(decision: Decision) -> Left:
        owner, now = await _owner(decision, by, user, own=own), store.clock.now()
        present = await identities.of_users(decision.connection, [user])
        others = [said.get("details") for word, said in present[user].items() if word != target]
        require_room_for(details, others)
        identity = await _present(decision, user, target)
        former = None if identity is None else identity.person
        if identity is None:
            identity = Identity.link(
                id=store.clock.new_id(),
                user=owner,
                target=target,
                connector=connector,
                person=person,
                details=details,
                others=len(present[user]),
                now=now,
            )
            decision.claim(*await _target_claim(decision, identity), organization=owner.organization)
        else:
            identity.replace(connector=connector, person=person, details=details, now=now)
        if former != person:
            if former is not None:
                decision.release(*await _person_claim(decision, identity, former), organization=owner.organization)
            decision.claim(*await _person_claim(decision, identity, person), organization=owner.organization)
        decision.save(identity)
        after = present[user] | {target: identities.shown(person, details)}
        return Left(owner, after, made=former is None)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def unlink(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    target: str,
    own: bool = False,
    remember: Remember[Left] | None = None,
) -> Outcome[Left]:
    """Let a user be nobody at a provider, their last way to come in perhaps. `own` as for `link`.

    Raises UnknownUser, MissingPermission or UnknownIdentity.
    """

    async def command(decision: Decision) -> Left:
        owner = await _owner(decision, by, user, own=own)
        identity = await _present(decision, user, target)
        if identity is None:
            raise UnknownIdentity
        await _unlink(decision, identity, store.clock.now())
        present = await identities.of_users(decision.connection, [user])
        return Left(owner, {word: said for word, said in present[user].items() if word != target})

    return await store.decide(command, origin, remember=remember)


async def record_enterprise(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    connector: str,
    issuer: str,
    identity_id: str,
    detail: dict[str, Any] | None = None,
) -> Outcome[EnterpriseIdentity]:
    """Say who a user is at the enterprise provider of this word, instead of what was said before.

    Raises UnknownUser, MissingPermission, TooMany (over 100), InvalidIdentity, InvalidDetails or IdentityTaken (that
    person is another user).
    """

    async def command(decision: Decision) -> EnterpriseIdentity:
        owner, now = await _owner(decision, by, user), store.clock.now()
        present = await identities.enterprise_of(decision.connection, user)
        known = next((row["id"] for row in present if row["connector"] == connector), None)
        identity = None if known is None else await decision.load(EnterpriseIdentity, known)
        former: tuple[str, str] | None = None
        if identity is None or identity.identity_id is None:
            identity = EnterpriseIdentity.link(
                id=store.clock.new_id(),
                user=owner,
                connector=connector,
                issuer=issuer,
                identity_id=identity_id,
                detail=detail or {},
                others=len(present),
                now=now,
            )
        else:
            former = identity.issuer, identity.identity_id
            identity.replace(issuer=issuer, identity_id=identity_id, detail=detail or {}, now=now)
        if former != (issuer, identity_id):
            if former is not None:
                decision.release(*await _enterprise_claim(decision, identity, *former), organization=owner.organization)
            claim = await _enterprise_claim(decision, identity, issuer, identity_id)
            decision.claim(*claim, organization=owner.organization)
        decision.save(identity)
        return identity

    with claims.taken_refused():
        return await store.decide(command, origin)


async def end_of_user(decision: Decision, user: UUID, now: datetime) -> None:
    """End all identities of a user who leaves, as a part of that decision, while they can still be read."""
    decision.rely_on(guard(user))
    ids = await identities.ids_of_user(decision.connection, user)
    for social in await decision.load_many(Identity, ids):
        # One that was unlinked since the ids were read needs nothing more.
        if not social.unlinked:
            await _unlink(decision, social, now)
    rows = await identities.enterprise_of(decision.connection, user)
    for identity in await decision.load_many(EnterpriseIdentity, [row["id"] for row in rows]):
        if not identity.unlinked:
            await _unlink_enterprise(decision, identity, now)


async def _owner(decision: Decision, by: Caller, user: UUID, *, own: bool = False) -> User:
    """Return the user whom the command is about, in whose organization it is recorded.

    Raises UnknownUser, or MissingPermission: their roles hold more than the caller does, who is not `own`.
    """
    found = await known_user(decision, by, user)
    await require_entitled(decision, by, found, own=own)
    # Covers that there is none, too: of two that come together, one decides again.
    decision.rely_on(guard(user))
    return found


async def _present(decision: Decision, user: UUID, target: str) -> Identity | None:
    if not TARGET.fullmatch(target):  # it may hold what the database cannot even be asked for
        return None
    known = await identities.id_of(decision.connection, user, target)
    identity = None if known is None else await decision.load(Identity, known)
    return identity if identity is not None and not identity.unlinked else None


async def _unlink(decision: Decision, identity: Identity, now: datetime) -> None:
    decision.release(*await _target_claim(decision, identity), organization=identity.organization)
    if identity.person is not None:
        claim = await _person_claim(decision, identity, identity.person)
        decision.release(*claim, organization=identity.organization)
    identity.unlink(now)
    decision.save(identity)


async def _unlink_enterprise(decision: Decision, identity: EnterpriseIdentity, now: datetime) -> None:
    if identity.identity_id is not None:
        claim = await _enterprise_claim(decision, identity, identity.issuer, identity.identity_id)
        decision.release(*claim, organization=identity.organization)
    identity.unlink(now)
    decision.save(identity)


async def _target_claim(decision: Decision, identity: Identity) -> tuple[str, bytes, UUID]:
    """Return the claim by which a user has one identity at a provider."""
    return await _claim(decision, claims.IDENTITY_TARGET, identity, str(identity.user), identity.target)


async def _person_claim(decision: Decision, identity: Identity, person: str) -> tuple[str, bytes, UUID]:
    """Return the claim by which a person at a provider is one user of the organization."""
    return await _claim(decision, claims.IDENTITY, identity, identity.target, person)


async def _enterprise_claim(
    decision: Decision, identity: EnterpriseIdentity, issuer: str, identity_id: str
) -> tuple[str, bytes, UUID]:
    """Return the claim by which a person at an issuer is one user of the organization."""
    return await _claim(decision, claims.SSO_IDENTITY, identity, issuer, identity_id)


async def _claim(
    decision: Decision, space: str, identity: Identity | EnterpriseIdentity, *parts: str
) -> tuple[str, bytes, UUID]:
    text = msgspec.json.encode(parts).decode()  # where one part ends is told whatever they hold
    return space, await decision.identifier_digest(space, text, organization=identity.organization), identity.id
