"""Commands about sessions: sign a user in at a browser, end one session or all of a user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.caller import Caller
from domain.refusals import FactorMissing, TooMuchAtOnce, UnknownSession, UnknownUser
from domain.session import Session
from domain.user import User
from projections import sessions
from service.commands import factors
from service.commands.seen import to_rely_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from datetime import datetime, timedelta
    from uuid import UUID

    from domain.factor import Proof
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

    Further = Callable[[Decision, User, datetime], Awaitable[Collection[Proof]]]
    """Judges what somebody shows besides their password, as a part of the decision; returns what of it is shown."""

KEPT = 100
"""How many sessions of a user go on side by side: a further sign-in ends those that were used longest ago."""
SESSION_LIMIT = 10_000  # ended by one command: one append holds the lock of the log for as long as it takes

SURPLUS = "expired, or one of too many"
SOMEBODY_ELSE = "somebody else signed in"
SUSPENDED = "user suspended"
DELETED = "user deleted"


async def start(
    store: Store,
    origin: Origin,
    *,
    user: UUID,
    organization: UUID,
    digest: str,
    methods: tuple[str, ...],
    lifetime: timedelta,
    former: str | None,
    further: Further | None = None,
) -> Outcome[Session]:
    """Sign a user in with a cookie of this digest, where the browser came with one of the digest `former`, or none.

    The user's own live session goes on under the new cookie; anybody else's ends, so that no two people share one. So
    do the user's expired sessions. Whatever the user has to show besides their password, `further` has to find shown:
    no way into a session leads around it. Raises UnknownUser, UserNotActive, UnknownAccount, AccountNotActive,
    FactorMissing, and what `further` refuses with.
    """

    async def command(decision: Decision) -> Session:
        now = store.clock.now()
        decision.organization = organization
        by = Caller(user, organization, frozenset(), user=user)
        person = await to_rely_on(decision, by, User, user)
        home = await to_rely_on(decision, by, Account, organization)
        person.require_active()
        shown = () if further is None else await further(decision, person, now)
        missing = [proof for proof in await factors.required(decision, person) if proof not in shown]
        if missing:
            raise FactorMissing(", ".join(missing))
        until = now + lifetime
        before = None if former is None else await _behind(decision, former)
        if before is not None and before.is_live_for(user, now):
            before.authenticate(
                user=person, organization=home, digest=digest, methods=methods, expires_at=until, now=now
            )
            session = before
        else:
            if before is not None:
                before.end(SURPLUS if before.user == user else SOMEBODY_ELSE, now)
                decision.save(before)
            session = Session.start(
                id=store.clock.new_id(),
                user=person,
                organization=home,
                digest=digest,
                methods=methods,
                expires_at=until,
                now=now,
            )
        surplus = await sessions.surplus(decision.connection, user, now, keep=KEPT - 1, limit=KEPT)
        done = None if before is None else before.id
        for old in await decision.load_many(Session, [each for each in surplus if each != done]):
            if not old.ended:
                old.end(SURPLUS, now)
                decision.save(old)
        decision.save(session)
        return session

    return await store.decide(command, origin)


async def end(
    store: Store, origin: Origin, *, session: UUID, reason: str | None, user: UUID | None = None
) -> Outcome[None]:
    """End a session of the origin's organization, of this user if one is named; nothing happens to one that is over.

    Raises UnknownSession or InvalidReason.
    """

    async def command(decision: Decision) -> None:
        ending = await decision.load(Session, session)
        if ending is None or ending.organization != origin.organization or user not in (None, ending.user):
            raise UnknownSession
        ending.end(reason, store.clock.now())
        decision.save(ending)

    return await store.decide(command, origin)


async def end_all(
    store: Store, origin: Origin, *, user: UUID, but: UUID | None = None, reason: str | None
) -> Outcome[int]:
    """End all sessions of a user, but for one if it is named, and return how many were ended.

    Raises UnknownUser (of another organization than the origin's, too) or InvalidReason.
    """

    async def command(decision: Decision) -> int:
        person = await decision.peek(User, user)
        if person is None or person.organization != origin.organization:
            raise UnknownUser
        decision.organization = person.organization
        return await end_of_user(decision, person, store.clock.now(), but=but, reason=reason)

    return await store.decide(command, origin)


async def end_of_user(
    decision: Decision, user: User, now: datetime, *, but: UUID | None = None, reason: str | None
) -> int:
    """End a user's sessions, as a part of a decision that leads to it; return how many were ended.

    Raises InvalidReason or TooMuchAtOnce (over 10,000).
    """
    decision.rely_on(f"user-sessions:{user.id}")
    ids = await sessions.ids_of_user(decision.connection, user.id, limit=SESSION_LIMIT + 1)
    if len(ids) > SESSION_LIMIT:
        raise TooMuchAtOnce(f"more than {SESSION_LIMIT} sessions")
    live = [
        session
        for session in await decision.load_many(Session, [each for each in ids if each != but])
        if not session.ended
    ]
    for session in live:
        session.end(reason, now)
        decision.save(session)
    return len(live)


async def _behind(decision: Decision, digest: str) -> Session | None:
    """Return the session that a cookie of this digest opens right now, expired or not, None when there is none."""
    known = await sessions.by_digest(decision.connection, digest)
    session = None if known is None else await decision.load(Session, known)
    return session if session is not None and not session.ended and session.digest == digest else None
