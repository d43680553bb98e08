"""Session: a person who signed in with one browser, until they sign out, are signed out, or time runs out.

Only the digest of the cookie's secret is known here. Signing in again keeps the session and makes another secret, so
that a cookie that somebody knew from before opens nothing. A session's id is the `sid` of OpenID Connect.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.event import Recorded
from domain.refusals import InvalidLifetime, UnknownAccount, UnknownSession

if TYPE_CHECKING:
    from domain.account import Account
    from domain.user import User


class Session(Aggregate):
    """A user of an organization at one browser. `methods` are the ways of proof, in words of RFC 8176 ("pwd")."""

    TOPIC = "session"

    class Event(Recorded, Aggregate.Event):
        """What happens to a session; decisions that rely on the session are touched by default."""

        TOPIC = "session.event"
        user: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"session:{self.originator_id}",)

    class Started(Event, Aggregate.Created):
        """A user signed in. `digest` is SHA-256 in hex of the cookie's secret; nothing is left from `expires_at` on."""

        TOPIC = "session.started"
        organization: UUID
        digest: str
        methods: list[str]
        expires_at: datetime

        @property
        def touches(self) -> tuple[str, ...]:
            """Decisions on all sessions of a user; on this one nobody can have relied yet."""
            return (f"user-sessions:{self.user}",)

    class Authenticated(Event):
        """The user proved themselves again: the cookie has another secret. No decision relied on the former."""

        TOPIC = "session.authenticated"
        digest: str
        methods: list[str]
        expires_at: datetime
        touches = ()

        def apply(self, session: Session) -> None:
            session.digest, session.methods, session.expires_at = self.digest, self.methods, self.expires_at
            session.authenticated_at = self.timestamp

    class Ended(Event):
        """The session is over for ever."""

        TOPIC = "session.ended"
        reason: str | None

        def apply(self, session: Session) -> None:
            session.ended = True

    def __init__(
        self, *, user: UUID, organization: UUID, digest: str, methods: list[str], expires_at: datetime
    ) -> None:
        """Start signed in."""
        self.user = user
        self.organization = organization
        self.digest = digest
        self.methods = methods
        self.expires_at = expires_at
        self.authenticated_at: datetime = self.created_on
        self.ended = False

    @classmethod
    def start(
        cls,
        *,
        id: UUID,
        user: User,
        organization: Account,
        digest: str,
        methods: tuple[str, ...],
        expires_at: datetime,
        now: datetime,
    ) -> Session:
        """Sign a user in.

        Raises UnknownUser, UserNotActive, UnknownAccount (not the user's organization), AccountNotActive, or
        InvalidLifetime when the session would be over at once.
        """
        _require_admitted(user, organization, expires_at, now)
        return cls._create(
            cls.Started,
            id=id,
            timestamp=now,
            user=user.id,
            organization=organization.id,
            digest=digest,
            methods=list(methods),
            expires_at=expires_at,
        )

    def authenticate(
        self,
        *,
        user: User,
        organization: Account,
        digest: str,
        methods: tuple[str, ...],
        expires_at: datetime,
        now: datetime,
    ) -> None:
        """Note that the user signed in again, and begin the time anew.

        Raises UnknownSession when it is over or somebody else's, and what `start` raises.
        """
        if not self.is_live_for(user.id, now):
            raise UnknownSession
        _require_admitted(user, organization, expires_at, now)
        self.trigger_event(
            self.Authenticated,
            timestamp=now,
            user=self.user,
            digest=digest,
            methods=list(methods),
            expires_at=expires_at,
        )

    def is_live_for(self, user: UUID, now: datetime) -> bool:
        """Say whether this user can go on in the session: it is theirs, has not ended, and lasts until `expires_at`."""
        return self.user == user and not self.ended and now < self.expires_at

    def end(self, reason: str | None, now: datetime) -> None:
        """Sign the user out; nothing happens to a session that has ended. Raises InvalidReason."""
        reason = text.reason(reason)
        if not self.ended:
            self.trigger_event(self.Ended, timestamp=now, user=self.user, reason=reason)


def _require_admitted(user: User, organization: Account, expires_at: datetime, now: datetime) -> None:
    user.require_active()
    organization.require_active()
    if organization.id != user.organization:
        raise UnknownAccount
    if expires_at <= now:
        raise InvalidLifetime(field="expires_at")
