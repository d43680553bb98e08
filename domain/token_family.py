"""Token family: one authorization's access tokens and the chain of refresh tokens that renews them.

Issued thousands of times a second, so the events are small and nothing here looks at more than it must. The family's id
is a UUIDv7 and the `jti` of its first access token. Reuse of a refresh token ends the family (RFC 9700 section 4.14.2),
unless a grace makes up for an answer that was lost on its way.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.application_settings import TokenFormat
from domain.event import Recorded
from domain.refusals import InvalidLifetime, TokenEnded, UnknownToken

# What only tokens of people have; where it is None, the stored state of an event leaves it out.
PEOPLES = ("session", "authenticated_at", "actor")
NO_GRACE = timedelta(0)


class TokenFamily(Aggregate):
    """The state a renewal needs: the refresh token that is next, and whether the family has ended.

    `former_digest` is the refresh token that the current one took the place of, at `replaced_at`.
    """

    TOPIC = "token"

    class Event(Recorded, Aggregate.Event):
        """What happens to tokens. Issuing touches no guard; what ends tokens does."""

        TOPIC = "token.event"

    class Issued(Event, Aggregate.Created):
        """A first access token was issued. `scope` is space separated; digests are SHA-256 in hex of the token strings.

        None stands for what the authorization does not have: a user, an account, an end user, a refresh token, a
        session at which the user proved themselves (at `authenticated_at`), somebody who acts in the user's name.
        """

        TOPIC = "token.issued"
        SPARSE = PEOPLES
        organization: UUID
        application: UUID
        token: UUID
        user: UUID | None
        account: UUID | None
        membership: UUID | None
        end_user: str | None
        scope: str
        audience: str
        format: TokenFormat
        digest: str
        expires_at: datetime
        grant_type: str
        refresh_digest: str | None
        refresh_expires_at: datetime | None
        session: UUID | None = None
        authenticated_at: datetime | None = None
        actor: UUID | None = None

    class Refreshed(Event):
        """One more access token. `refresh_digest` None: the same refresh token goes on (RFC 6749 section 6)."""

        TOPIC = "token.refreshed"
        SPARSE = PEOPLES
        organization: UUID
        application: UUID
        token: UUID
        user: UUID | None
        account: UUID | None
        membership: UUID | None
        end_user: str | None
        scope: str
        audience: str
        format: TokenFormat
        digest: str
        expires_at: datetime
        refresh_digest: str | None
        refresh_expires_at: datetime | None
        session: UUID | None = None
        authenticated_at: datetime | None = None
        actor: UUID | None = None

        def apply(self, family: TokenFamily) -> None:
            family.tokens = family.tokens | {self.token}
            if self.refresh_digest is not None:
                family.former_digest, family.replaced_at = family.refresh_digest, self.timestamp
                family.refresh_digest, family.refresh_expires_at = self.refresh_digest, self.refresh_expires_at

    class Revoked(Event):
        """One access token, or with `token` None the whole family, is dead."""

        TOPIC = "token.revoked"
        token: UUID | None
        reason: str | None

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"revocation:token:{self.originator_id}",)

        def apply(self, family: TokenFamily) -> None:
            if self.token is None:
                family.ended = True
            else:
                family.revoked = family.revoked | {self.token}

    class Impersonated(Event):
        """It is not the user but somebody else, a user too, who acts by the family's tokens."""

        TOPIC = "token.impersonated"
        by: UUID

        def apply(self, family: TokenFamily) -> None:
            family.actor = self.by

    class ReuseDetected(Event):
        """A refresh token came back after it was replaced: somebody copied it, and the family is dead."""

        TOPIC = "token.reuse_detected"
        digest: str

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"revocation:token:{self.originator_id}",)

        def apply(self, family: TokenFamily) -> None:
            family.ended = True

    def __init__(
        self,
        *,
        organization: UUID,
        application: UUID,
        token: UUID,
        user: UUID | None,
        account: UUID | None,
        membership: UUID | None,
        end_user: str | None,
        refresh_digest: str | None,
        refresh_expires_at: datetime | None,
        session: UUID | None = None,
        authenticated_at: datetime | None = None,
        actor: UUID | None = None,
    ) -> None:
        """Start alive with one token."""
        self.organization = organization
        self.application = application
        self.tokens = frozenset((token,))
        self.revoked: frozenset[UUID] = frozenset()
        self.user = user
        self.account = account
        self.membership = membership
        self.end_user = end_user
        self.refresh_digest = refresh_digest
        self.refresh_expires_at = refresh_expires_at
        self.former_digest: str | None = None
        self.replaced_at: datetime | None = None
        self.session = session
        self.authenticated_at = authenticated_at
        self.actor = actor
        self.ended = False

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        organization: UUID,
        application: UUID,
        scope: str,
        audience: str,
        format: TokenFormat,
        digest: str,
        expires_at: datetime,
        grant_type: str,
        now: datetime,
        user: UUID | None = None,
        account: UUID | None = None,
        membership: UUID | None = None,
        end_user: str | None = None,
        refresh_digest: str | None = None,
        refresh_expires_at: datetime | None = None,
        session: UUID | None = None,
        authenticated_at: datetime | None = None,
        actor: UUID | None = None,
    ) -> TokenFamily:
        """Record a first access token, whose `jti` is `id`. Raises InvalidLifetime when it would expire at once."""
        if expires_at <= now:
            raise InvalidLifetime(field="expires_at")
        # What the library's `_create` does, without asking for topics and parameter names: 15 µs become 9.
        issued: Any = cls.Issued  # the library makes it a dataclass, unseen by type checkers
        event = issued(
            originator_topic=cls.TOPIC,
            originator_id=id,
            originator_version=cls.INITIAL_VERSION,
            timestamp=now,
            organization=organization,
            application=application,
            token=id,
            user=user,
            account=account,
            membership=membership,
            end_user=end_user,
            scope=scope,
            audience=audience,
            format=format,
            digest=digest,
            expires_at=expires_at,
            grant_type=grant_type,
            refresh_digest=refresh_digest,
            refresh_expires_at=refresh_expires_at,
            session=session,
            authenticated_at=authenticated_at,
            actor=actor,
        )
        family = cls._begun(
            id,
            cls.INITIAL_VERSION,
            now,
            organization=organization,
            application=application,
            token=id,
            user=user,
            account=account,
            membership=membership,
            end_user=end_user,
            refresh_digest=refresh_digest,
            refresh_expires_at=refresh_expires_at,
            session=session,
            authenticated_at=authenticated_at,
            actor=actor,
        )
        family.pending_events.append(event)
        return family

    @classmethod
    def _begun(cls, id: UUID, version: int, at: datetime, **first: Any) -> TokenFamily:
        """Return a family as its first event leaves it, in the two steps that the library takes to replay one."""
        family = cls.__new__(cls)
        family.__base_init__(id, version, at)
        family.__init__(**first)  # type: ignore[misc]
        return family

    @classmethod
    def recalled(
        cls,
        *,
        id: UUID,
        version: int,
        organization: UUID,
        application: UUID,
        tokens: Collection[UUID],
        revoked: Collection[UUID],
        ended: bool,
        at: datetime,
        user: UUID | None = None,
        account: UUID | None = None,
        membership: UUID | None = None,
        end_user: str | None = None,
        refresh_digest: str | None = None,
        refresh_expires_at: datetime | None = None,
        former_digest: str | None = None,
        replaced_at: datetime | None = None,
        session: UUID | None = None,
        authenticated_at: datetime | None = None,
        actor: UUID | None = None,
    ) -> TokenFamily:
        """Return a family as a read model remembers it at a version.

        What is left out does not matter to who ends it; to renew it takes everything but the tokens.
        """
        family = cls._begun(
            id,
            version,
            at,
            organization=organization,
            application=application,
            token=id,
            user=user,
            account=account,
            membership=membership,
            end_user=end_user,
            refresh_digest=refresh_digest,
            refresh_expires_at=refresh_expires_at,
            session=session,
            authenticated_at=authenticated_at,
            actor=actor,
        )
        family.tokens, family.revoked, family.ended = frozenset(tokens), frozenset(revoked), ended
        family.former_digest, family.replaced_at = former_digest, replaced_at
        return family

    def refresh(
        self,
        presented_digest: str,
        *,
        token: UUID,
        scope: str,
        audience: str,
        format: TokenFormat,
        digest: str,
        expires_at: datetime,
        refresh_digest: str | None,
        refresh_expires_at: datetime | None,
        now: datetime,
        grace: timedelta = NO_GRACE,
    ) -> bool:
        """Issue another access token for the refresh token presented; return whether it was.

        False means that the presented refresh token is not the current one: the family has ended, which must be
        recorded before the caller refuses with RefreshReplayed. With `refresh_digest` None the refresh token stays the
        same, and it does where the one before it comes within the `grace` of its replacement (until, but not at, its
        end). Raises TokenEnded when the family has ended or the refresh token has expired (from `refresh_expires_at`
        on), and InvalidLifetime when the new token would expire at once.
        """
        if self.detect_reuse(presented_digest, now, grace):
            return False
        repeated = presented_digest != self.refresh_digest
        if self.refresh_expires_at is not None and now >= self.refresh_expires_at:
            raise TokenEnded
        if expires_at <= now:
            raise InvalidLifetime(field="expires_at")
        self.trigger_event(
            self.Refreshed,
            timestamp=now,
            organization=self.organization,
            application=self.application,
            token=token,
            user=self.user,
            account=self.account,
            membership=self.membership,
            end_user=self.end_user,
            scope=scope,
            audience=audience,
            format=format,
            digest=digest,
            expires_at=expires_at,
            refresh_digest=None if repeated else refresh_digest,
            refresh_expires_at=None if repeated else refresh_expires_at,
            session=self.session,
            authenticated_at=self.authenticated_at,
            actor=self.actor,
        )
        return True

    def detect_reuse(self, presented_digest: str, now: datetime, grace: timedelta = NO_GRACE) -> bool:
        """Return whether a refresh token was replaced before: then the family has ended, which must be recorded.

        What was replaced less than `grace` ago by the current one is let pass. Raises TokenEnded when the family has
        ended already, or has no refresh token.
        """
        if self.ended or self.refresh_digest is None:
            raise TokenEnded
        if presented_digest == self.refresh_digest:
            return False
        replaced_at = self.replaced_at if presented_digest == self.former_digest else None
        # Of two who renew at once, one may have looked at the clock before the other's event: without a grace there is
        # none for them either.
        if grace > NO_GRACE and replaced_at is not None and now - replaced_at < grace:
            return False
        self.trigger_event(self.ReuseDetected, timestamp=now, digest=presented_digest)
        return True

    def revoke(self, token: UUID | None, reason: str | None, now: datetime) -> None:
        """End one access token, or with None the family. Nothing happens to what has ended. Raises UnknownToken."""
        if token is not None and token not in self.tokens:
            raise UnknownToken
        if not self.ended and token not in self.revoked:
            self.trigger_event(self.Revoked, timestamp=now, token=token, reason=reason)

    def mark_impersonated(self, by: UUID, now: datetime) -> None:
        """Note, once it is issued, that somebody else acts as the family's user by its tokens."""
        self.trigger_event(self.Impersonated, timestamp=now, by=by)
