"""Authentication factor: what a user proves themselves with besides a password: an app's codes, or backup codes.

Rules from spec/logto.md section 10. Secrets are sealed under the user's own key and stand in no read model. That a user
has one of a kind at a time is for the caller's claim to ensure. A factor that was removed stays so.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.person import Factor
from domain.refusals import InvalidBackupCodes, InvalidTotpSecret, UnknownFactor, WrongBackupCode, WrongTotpCode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from domain.user import User

SECRET_SHORTEST, SECRET_LONGEST = 16, 32
BACKUP_CODES = 10
"""How many codes one set has."""

# RFC 4648 section 6: groups of eight, of which the last may be filled up.
_BASE32 = re.compile(r"(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}={6}|[A-Z2-7]{4}={4}|[A-Z2-7]{5}={3}|[A-Z2-7]{7}=)?", re.ASCII)
_BACKUP_CODE = re.compile(r"[0-9a-f]{10}", re.ASCII)


class Kind(StrEnum):
    """What kind of factor it is."""

    TOTP = "Totp"
    BACKUP_CODES = "BackupCode"


class Proof(StrEnum):
    """What somebody still has to show at sign-in once their password was right, in the order in which it is asked."""

    TOTP = "totp"
    EMAIL = "email"
    SMS = "sms"
    ENROLMENT = "enrolment"
    """They have to use an app's codes and have none yet: they set it up before they go on."""


class AuthenticationFactor(Aggregate):
    """A user's app that makes codes (RFC 6238), or their ten codes to be used once each if that is lost."""

    TOPIC = "factor"

    class Event(Recorded, Aggregate.Event):
        """What happens to a factor."""

        TOPIC = "factor.event"
        user: UUID

    class Added(Event, Aggregate.Created):
        """A user proves themselves with this, too.

        `secret` is that of an app, in base32; `digests` are those of backup codes, in hex.
        """

        TOPIC = "factor.added"
        PERSONAL = frozenset({"secret", "digests"})
        organization: UUID
        kind: Kind
        secret: str | None
        digests: list[str] | None

        @property
        def subject(self) -> UUID:
            return self.user

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user),)

    class Used(Event):
        """A user proved themselves: with the app's code of this `step`, or with the backup code at this `place`.

        `remaining` is how many backup codes are left. No decision on which factors somebody has relies on it.
        """

        TOPIC = "factor.used"
        step: int | None
        place: int | None
        remaining: int | None
        touches = ()

        def apply(self, factor: AuthenticationFactor) -> None:
            if self.step is not None:
                factor.last_step = self.step
            if self.place is not None:
                factor.used = factor.used | {self.place}

    class Removed(Event):
        """A user proves themselves with this no more."""

        TOPIC = "factor.removed"

        @property
        def touches(self) -> tuple[str, ...]:
            return (guard(self.user),)

        def apply(self, factor: AuthenticationFactor) -> None:
            factor.removed, factor.secret, factor.digests = True, None, []

    def __init__(
        self, *, user: UUID, organization: UUID, kind: Kind, secret: str | None, digests: list[str] | None
    ) -> None:
        """Start unused. Once the user's key is destroyed, there are neither secret nor digests."""
        self.user = user
        self.organization = organization
        self.kind = Kind(kind)
        self.secret = secret
        self.digests = digests or []
        self.last_step: int | None = None
        self.used: frozenset[int] = frozenset()
        self.removed = False

    @classmethod
    def add_totp(cls, *, id: UUID, user: User, secret: str, now: datetime) -> AuthenticationFactor:
        """Let a user prove themselves with an app that has this secret.

        Raises UnknownUser, or InvalidTotpSecret: not of 16 to 32 characters in whole groups of eight.
        """
        user.require_known()
        if not SECRET_SHORTEST <= len(secret) <= SECRET_LONGEST or not _BASE32.fullmatch(secret):
            raise InvalidTotpSecret(field="secret")
        return cls._add(id, user, Kind.TOTP, now, secret=secret)

    @classmethod
    def add_backup_codes(cls, *, id: UUID, user: User, digests: Sequence[str], now: datetime) -> AuthenticationFactor:
        """Let a user prove themselves with the codes of these digests, each once.

        Raises UnknownUser, or InvalidBackupCodes: not ten, or one of them twice.
        """
        user.require_known()
        if len(digests) != BACKUP_CODES or len(set(digests)) != BACKUP_CODES:
            raise InvalidBackupCodes(field="codes")
        return cls._add(id, user, Kind.BACKUP_CODES, now, digests=list(digests))

    @property
    def remaining(self) -> int:
        """How many backup codes were not used yet; 0 of an app."""
        return 0 if self.removed else len(self.digests) - len(self.used)

    def use_step(self, step: int, now: datetime) -> None:
        """Prove oneself with the code that the app shows in this step of 30 seconds since 1970.

        Once it was used, neither it nor an earlier one counts (RFC 6238 section 5.2). Raises UnknownFactor (removed,
        or not an app) or WrongTotpCode.
        """
        self._require(Kind.TOTP)
        if self.last_step is not None and step <= self.last_step:
            raise WrongTotpCode("its step was used before")
        self.trigger_event(self.Used, timestamp=now, user=self.user, step=step, place=None, remaining=None)

    def use_backup_code(self, digest: str, now: datetime) -> None:
        """Prove oneself with the backup code of this digest, which counts once.

        Raises UnknownFactor (removed, or no backup codes) or WrongBackupCode.
        """
        self._require(Kind.BACKUP_CODES)
        place = self.digests.index(digest) if digest in self.digests else None
        if place is None:
            raise WrongBackupCode("no such backup code")
        if place in self.used:
            raise WrongBackupCode("the backup code was used before")
        left = self.remaining - 1
        self.trigger_event(self.Used, timestamp=now, user=self.user, step=None, place=place, remaining=left)

    def remove(self, now: datetime) -> None:
        """Let the user prove themselves with this no more. Raises UnknownFactor when it was removed before."""
        if self.removed:
            raise UnknownFactor
        self.trigger_event(self.Removed, timestamp=now, user=self.user)

    @classmethod
    def _add(
        cls,
        id: UUID,
        user: User,
        kind: Kind,
        now: datetime,
        *,
        secret: str | None = None,
        digests: list[str] | None = None,
    ) -> AuthenticationFactor:
        return cls._create(
            cls.Added,
            id=id,
            timestamp=now,
            user=user.id,
            organization=user.organization,
            kind=kind,
            secret=secret,
            digests=digests,
        )

    def _require(self, kind: Kind) -> None:
        if self.removed or self.kind is not kind:
            raise UnknownFactor


def guard(user: UUID) -> str:
    """Return the guard key of which factors a user has, those that are not there included."""
    return f"user-factors:{user}"


def backup_code(typed: str) -> str:
    """Return a backup code as its digest is made: ten hex digits in lower case. Raises InvalidBackupCodes."""
    code = typed.lower()
    if not _BACKUP_CODE.fullmatch(code):
        raise InvalidBackupCodes(field="codes")
    return code


def proofs(user: User, kinds: Collection[str]) -> tuple[Proof, ...]:
    """Return what a user who has factors of these kinds shows at sign-in besides their password: all of it.

    Whoever has an app uses it, asked to or not. Messages go where there is an address. Backup codes are for whoever
    cannot show something else: they ask for nothing by themselves.
    """
    asked: list[Proof] = []
    if Kind.TOTP in kinds:
        asked.append(Proof.TOTP)
    if Factor.EMAIL in user.factors and user.email is not None:
        asked.append(Proof.EMAIL)
    if Factor.SMS in user.factors and user.phone is not None:
        asked.append(Proof.SMS)
    if Factor.OTP in user.factors and Kind.TOTP not in kinds:
        asked.append(Proof.ENROLMENT)
    return tuple(asked)
