"""Token family: one authorization's access tokens and the chain of refresh tokens that renews them.

Issued thousands of times a second, so the events are small and nothing here looks at more than it must. The family's id
is a UUIDv7 and the `jti` of its first access token. Reuse of a refresh token ends the family (RFC 9700 section 4.14.2),
unless a grace makes up for an answer that was lost on its way.

An access token's id is its `jti`, a refresh token's the first half of its digest. One that was revoked, alone or with
its family, may be approved again until its expiry; one that was deleted is gone for good.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import token_attributes
from domain.application_settings import TokenFormat
from domain.event import Recorded
from domain.refusals import InvalidLifetime, TokenEnded, TokenExpired, UnknownToken

# What only tokens of people have; where it is None, the stored state of an event leaves it out.
PEOPLES = ("session", "authenticated_at", "actor")
FIRSTS = (*PEOPLES, "personal_access_token")
NO_GRACE = timedelta(0)


def refresh_token_id(digest: str) -> UUID:
    """Return the id of the refresh token with this digest: its first half, as it is."""
    return UUID(hex=digest[:32])


class TokenFamily(Aggregate):
    """The state a renewal needs: the refresh token that is next, and whether the family has ended.

    `former_digest` is the refresh token that the current one took the place of, at `replaced_at`; `replaced` are all
    that were. `ended` says that nothing is renewed any more, `revoked` which access tokens are dead.
    """

    TOPIC = "token"

    class Event(Recorded, Aggregate.Event):
        """What happens to tokens. Issuing touches no guard; what ends tokens does."""

        TOPIC = "token.event"

    class Issued(Event, Aggregate.Created):
        """A first access token was issued. `scope` is space separated; digests are SHA-256 in hex of the token strings.

        None stands for what the authorization does not have: a user, an account, an end user, a refresh token, a
        session at which the user proved themselves (at `authenticated_at`), somebody who acts in the user's name, a
        personal access token that it was exchanged for, by which it ends.
        """

        TOPIC = "token.issued"
        SPARSE = FIRSTS
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
        personal_access_token: UUID | None = None

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
                if family.refresh_digest is not None:
                    family.replaced = family.replaced | {family.refresh_digest}
                family.former_digest, family.replaced_at = family.refresh_digest, self.timestamp
                family.refresh_digest, family.refresh_expires_at = self.refresh_digest, self.refresh_expires_at

    class Revoked(Event):
        """One access token, or with `token` None the whole family, is dead; `final`: nobody approves it again."""

        TOPIC = "token.revoked"
        SPARSE = ("final",)
        token: UUID | None
        reason: str | None
        final: bool | None = None

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"revocation:token:{self.originator_id}",)

        def apply(self, family: TokenFamily) -> None:
            if self.token is None:
                family.ended, family.revoked = True, family.tokens
            else:
                family.revoked = family.revoked | {self.token}
            family.reused = family.reused or self.final is True

    class Approved(Event):
        """A revoked token works again: an access token, with `cascade` the refresh token too, or the latter alone."""

        TOPIC = "token.approved"
        token: UUID
        cascade: bool

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"revocation:token:{self.originator_id}",)

        def apply(self, family: TokenFamily) -> None:
            family.revoked = family.revoked - {self.token}
            if self.cascade or self.token not in family.tokens:
                family.ended = False

    class Deleted(Event):
        """A token is dead and was never there, as far as anybody asks; with a refresh token, its family has ended."""

        TOPIC = "token.deleted"
        token: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"revocation:token:{self.originator_id}",)

        def apply(self, family: TokenFamily) -> None:
            family.deleted = family.deleted | {self.token}
            if self.token in family.tokens:
                family.revoked = family.revoked | {self.token}
            else:
                family.ended, family.refresh_deleted, family.revoked = True, True, family.tokens

    class Described(Event):
        """These are a token's attributes from now on: what management says of it, and no decision depends on."""

        TOPIC = "token.described"
        token: UUID
        attributes: dict[str, str]

        def apply(self, family: TokenFamily) -> None:
            family.attributes = {**family.attributes, self.token: self.attributes}

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
            family.ended, family.reused, family.revoked = True, True, family.tokens

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
        personal_access_token: UUID | None = None,
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
        self.personal_access_token = personal_access_token
        self.ended = False
        self.reused = False
        self.replaced: frozenset[str] = frozenset()
        self.deleted: frozenset[UUID] = frozenset()
        self.refresh_deleted = False
        self.attributes: dict[UUID, dict[str, str]] = {}

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
        personal_access_token: UUID | None = None,
    ) -> TokenFamily:
        """Record a first access token, whose `jti` is `id`. Raises InvalidLifetime when it would expire at once."""
        if expires_at <= now:
            raise InvalidLifetime(field="expires_at")
        # What the library's `_create` does, without asking for topics and parameter names, and without the setting of
        # field after field that a frozen dataclass's __init__ is: 15 µs become 4. Every field has to be named here.
        event: Any = object.__new__(cls.Issued)
        vars(event).update(
            originator_id=id,
            originator_version=cls.INITIAL_VERSION,
            timestamp=now,
            originator_topic=cls.TOPIC,
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
            personal_access_token=personal_access_token,
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
            personal_access_token=personal_access_token,
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

    def revoke(self, token: UUID | None, reason: str | None, now: datetime, *, final: bool = False) -> None:
        """End one access token, or with None the family; nothing happens to what has ended. Raises UnknownToken.

        `final`: somebody has a copy of what the family came of, so that nothing of it may come back.
        """
        if token is not None and token not in self.tokens:
            raise UnknownToken
        over = token in self.revoked if token is not None else self.ended and self.tokens <= self.revoked
        if not over or (final and not self.reused):
            self.trigger_event(self.Revoked, timestamp=now, token=token, reason=reason, final=final or None)

    def approve(self, token: UUID, *, cascade: bool, expires_at: datetime | None, now: datetime) -> None:
        """Undo what ended an access token, with `cascade` what ended the refresh token too; or the latter's end alone.

        Nothing happens to what works. Raises UnknownToken (a deleted one too), TokenExpired (from the token's
        `expires_at` on) or TokenEnded: after reuse, for a refresh token that was replaced, and for one that does not
        expire, since nothing would say how long it might come back.
        """
        self._require(token, expires_at, now)
        itself = token not in self.tokens  # the refresh token
        if self.reused or self._replaced(token) or (itself and self.ended and self.refresh_expires_at is None):
            raise TokenEnded
        renews = (cascade or itself) and self.refresh_expires_at is not None and not self.refresh_deleted
        if token in self.revoked or (renews and self.ended):
            self.trigger_event(self.Approved, timestamp=now, token=token, cascade=cascade and renews)

    def delete(self, token: UUID, now: datetime) -> None:
        """End a token and hide it for good, expired or not; with a refresh token, its family ends.

        Raises UnknownToken (a deleted one too), or TokenEnded for a refresh token that was replaced.
        """
        self._require(token, None, now)
        if self._replaced(token):
            raise TokenEnded
        self.trigger_event(self.Deleted, timestamp=now, token=token)

    def describe(
        self, token: UUID, attributes: Mapping[str, str], *, expires_at: datetime | None, now: datetime
    ) -> dict[str, str]:
        """Set these attributes of a token, leave its others, and return all.

        Raises InvalidAttributes, UnknownToken (a deleted one too), TokenExpired or, for a revoked one, TokenEnded.
        """
        self._require(token, expires_at, now)
        if token in self.revoked or (token not in self.tokens and (self.ended or self._replaced(token))):
            raise TokenEnded
        present = self.attributes.get(token, {})
        described = token_attributes.merged(present, attributes)
        if described != present:
            self.trigger_event(self.Described, timestamp=now, token=token, attributes=described)
        return described

    def _require(self, token: UUID, expires_at: datetime | None, now: datetime) -> None:
        known = token in self.tokens or self._replaced(token)
        known = known or (self.refresh_digest is not None and token == refresh_token_id(self.refresh_digest))
        if not known or token in self.deleted:
            raise UnknownToken
        if expires_at is not None and now >= expires_at:
            raise TokenExpired

    def _replaced(self, token: UUID) -> bool:
        return any(token == refresh_token_id(digest) for digest in self.replaced)

    def mark_impersonated(self, by: UUID, now: datetime) -> None:
        """Note, once it is issued, that somebody else acts as the family's user by its tokens."""
        self.trigger_event(self.Impersonated, timestamp=now, by=by)
