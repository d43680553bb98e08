"""Commands about authentication factors: add and remove them, and prove oneself with one.

What is generated here is told once, in the outcome; afterwards it stands sealed in the log and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from domain.factor import AuthenticationFactor, Kind, backup_code, guard, proofs
from domain.person import Factor
from domain.refusals import (
    BackupCodesAlone,
    BackupCodesInUse,
    TotpInUse,
    UnknownFactor,
    WrongBackupCode,
    WrongTotpCode,
)
from domain.user import User
from projections import factors
from service.commands import claims
from service.commands.entitled import require_entitled
from service.commands.seen import known_user, to_change
from service.secrets import one_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from domain.factor import Proof
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

NAMELESS = "Account"
"""What an app calls the account of somebody of whom nothing is known."""
MESSAGES = frozenset({Factor.EMAIL, Factor.SMS})
"""Factors that take nothing but an address."""


@dataclass(frozen=True)
class NewTotp:
    """An app's factor with its secret, and the URI that the app reads it from."""

    factor: AuthenticationFactor = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True)
class NewBackupCodes:
    """A set of backup codes."""

    factor: AuthenticationFactor = field(repr=False)
    codes: list[str] = field(repr=False)


async def add_totp(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    host: str,
    secret: str | None = None,
    step: int | None = None,
    own: bool = False,
    remember: Remember[NewTotp] | None = None,
) -> Outcome[NewTotp]:
    """Let a user prove themselves with an app, from now on: one that has this secret, or a new one.

    `host` is what the app shows as the one who asks. With `step`, the code of that step showed that the app has the
    secret, and counts no more. `own`: it is the user who asks, at a page of ours, having just proved who they are:
    what their roles hold they have anyway. Raises, in this order, UnknownUser, MissingPermission (their roles hold
    more than the caller does), TotpInUse, InvalidTotpSecret.
    """
    chosen = one_time.new_secret() if secret is None else secret

    async def command(decision: Decision) -> NewTotp:
        found = await _to_change(decision, by, user, own=own)
        factor = await enrol(decision, found, chosen, store.clock.new_id(), store.clock.now(), step=step)
        return NewTotp(factor, chosen, one_time.uri(chosen, issuer=host, account=account_of(found)))

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def enrol(
    decision: Decision, user: User, secret: str, id: UUID, now: datetime, *, step: int | None
) -> AuthenticationFactor:
    """Let a user prove themselves with an app, as a part of a decision. Raises TotpInUse or InvalidTotpSecret."""
    if any(factor.kind is Kind.TOTP for factor in await held(decision, user.id)):
        raise TotpInUse
    factor = AuthenticationFactor.add_totp(id=id, user=user, secret=secret, now=now)
    if step is not None:
        factor.use_step(step, now)
    decision.claim(claims.TOTP, _of(user.id), factor.id)
    decision.save(factor)
    return factor


async def add_backup_codes(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    codes: Sequence[str] | None = None,
    own: bool = False,
    remember: Remember[NewBackupCodes] | None = None,
) -> Outcome[NewBackupCodes]:
    """Let a user prove themselves with these codes, or with new ones, each once, should another factor be lost.

    Raises, in this order, UnknownUser, MissingPermission (as `add_totp` does; `own` is explained there),
    BackupCodesInUse, BackupCodesAlone, InvalidBackupCodes.
    """
    chosen = one_time.new_backup_codes() if codes is None else list(codes)

    async def command(decision: Decision) -> NewBackupCodes:
        found = await _to_change(decision, by, user, own=own)
        present = await held(decision, user)
        if any(factor.remaining for factor in present):
            raise BackupCodesInUse
        if not MESSAGES & found.factors and not any(factor.kind is Kind.TOTP for factor in present):
            raise BackupCodesAlone
        new, now = store.clock.new_id(), store.clock.now()
        digests = [one_time.backup_digest(new, backup_code(code)) for code in chosen]
        factor = AuthenticationFactor.add_backup_codes(id=new, user=found, digests=digests, now=now)
        decision.claim(claims.BACKUP_CODES, _of(user), factor.id)
        decision.save(factor)
        return NewBackupCodes(factor, chosen)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def remove(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    factor: UUID,
    own: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Take a factor from a user; backup codes stay when what they stand in for is gone.

    Raises UnknownUser, UnknownFactor (another user's too) or MissingPermission (as `add_totp` does).
    """

    async def command(decision: Decision) -> None:
        found = await to_change(decision, by, User, user)
        found.require_known()
        decision.rely_on(guard(user))
        leaving = await decision.load(AuthenticationFactor, factor)
        if leaving is None or leaving.user != user or leaving.removed:
            raise UnknownFactor
        await require_entitled(decision, by, found, own=own)
        _end(decision, leaving, store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def verify(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    kind: Kind,
    code: str,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Check what a user typed as a code of this kind, which is used thereby. That guesses are few is the caller's duty.

    Raises UnknownUser, WrongTotpCode or WrongBackupCode.
    """

    async def command(decision: Decision) -> None:
        await known_user(decision, by, user)
        use = use_totp if kind is Kind.TOTP else use_backup_code
        await use(decision, user, code, store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def use_totp(decision: Decision, user: UUID, code: str, now: datetime) -> None:
    """Prove that somebody has a user's app, as a part of a decision. Raises WrongTotpCode (used before, too)."""
    for factor in await held(decision, user):
        if factor.kind is Kind.TOTP and factor.secret is not None:
            step = one_time.check(factor.secret, code, now)
            if step is None:
                raise WrongTotpCode("not a code of now")
            factor.use_step(step, now)
            decision.save(factor)
            return
    raise WrongTotpCode("the user has no app")


async def use_backup_code(decision: Decision, user: UUID, code: str, now: datetime) -> None:
    """Prove that somebody has a user's backup codes, as a part of a decision. Raises WrongBackupCode (as above)."""
    typed = one_time.backup_code(code)
    # The newest first: a set that is used up stays, and somebody may have been given its very codes anew.
    for factor in reversed(await held(decision, user)):
        digest = one_time.backup_digest(factor.id, typed)
        if digest in factor.digests:
            factor.use_backup_code(digest, now)
            decision.save(factor)
            if not factor.remaining:
                decision.release(claims.BACKUP_CODES, _of(user), factor.id)
            return
    raise WrongBackupCode("no such backup code")


async def required(decision: Decision, user: User) -> tuple[Proof, ...]:
    """Return what a user has to show at sign-in besides their password; all but the user themselves is relied on."""
    decision.rely_on(guard(user.id))
    return proofs(user, {row["type"] for row in await factors.of_user(decision.connection, user.id)})


async def held(decision: Decision, user: UUID) -> list[AuthenticationFactor]:
    """Return a user's factors, to be changed, and rely on there being no others."""
    decision.rely_on(guard(user))
    ids = [row["id"] for row in await factors.of_user(decision.connection, user)]
    return [factor for factor in await decision.load_many(AuthenticationFactor, ids) if not factor.removed]


async def end_totp(decision: Decision, user: UUID, now: datetime) -> None:
    """Take their app from a user, if they have one, as a part of a decision that leads to it."""
    for factor in await held(decision, user):
        if factor.kind is Kind.TOTP:
            _end(decision, factor, now)


async def end_of_user(decision: Decision, user: UUID, now: datetime) -> None:
    """Take all factors from a user who leaves, as a part of that decision."""
    for factor in await held(decision, user):
        _end(decision, factor, now)


def account_of(user: User) -> str:
    """Return what an app calls a user's account: the first that is known of name, address, number and username."""
    return account_name(name=user.name, email=user.email, phone=user.phone, username=user.username)


def account_name(*, name: str | None, email: str | None, phone: str | None, username: str | None) -> str:
    """Return what an app calls the account of somebody of whom this is known."""
    return name or email or (phone and f"+{phone}") or username or NAMELESS


def _end(decision: Decision, factor: AuthenticationFactor, now: datetime) -> None:
    if factor.kind is Kind.TOTP:
        decision.release(claims.TOTP, _of(factor.user), factor.id)
    elif factor.remaining:
        decision.release(claims.BACKUP_CODES, _of(factor.user), factor.id)
    factor.remove(now)
    decision.save(factor)


async def _to_change(decision: Decision, by: Caller, user: UUID, *, own: bool) -> User:
    found = await to_change(decision, by, User, user)
    found.require_known()
    await require_entitled(decision, by, found, own=own)
    return found


def _of(user: UUID) -> bytes:
    return sha256(user.bytes).digest()
