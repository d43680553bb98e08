"""Guesses at what somebody shows in the second step of a sign-in: taken, judged, and counted if they were wrong.

Each is taken before it is judged and given back when it was right: few by user, more by address. A browser that the
user signed in at before is counted by itself, so that whoever knows a password cannot lock its owner out; and all such
together, for whoever knew it before there was a factor may have any number of them. The attempt
that could end the sign-in is one at a time, and the one that does is the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain.factor import Proof
from domain.refusals import CodeBurnt, CodeExpired, NoCodeSent, UserNotActive, WrongTotpCode
from domain.user import User
from domain.verification import SIGN_IN
from service.commands import factors
from service.parts import PARTS
from service.second_step import LONGEST, PASSWORD, origin_of
from service.secrets import one_time
from service.sign_in import TryLater, further_subject, source_of
from service.store.refusals import Overloaded
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from aiohttp import web

    from service.second_step import Asked, Pending
    from service.store.decision import Decision

# Attempts at once, and the seconds after which one more is let through: of six digits, three are right at a time.
USER = (10, 360.0)
ADDRESS = (30, 20.0)
DEVICE = (10, 60.0)
DEVICES = (50, 72.0)  # all of a user's together: 100 in any hour (NIST SP 800-63B section 3.2.2)

ONE_TIME, MESSAGE, SEVERAL = "otp", "sms", "mfa"  # words of RFC 8176 section 2
MEANT = {Proof.TOTP: (ONE_TIME, SEVERAL), Proof.EMAIL: (SEVERAL,), Proof.SMS: (MESSAGE, SEVERAL), Proof.ENROLMENT: ()}
"""How each proof is told to applications. Whoever sets an app up in this very sign-in has shown nothing yet by it."""
INSTEAD = (SEVERAL,)
"""How a backup code is told."""
UNJUDGED = (NoCodeSent, CodeExpired, CodeBurnt, Overloaded)
"""Refusals for which nobody learned whether the guess was right."""


class Spent(Exception):
    """Somebody's sign-in came to its end elsewhere: it begins anew."""


class Attempt:
    """One guess at what is wanted: `code`, or with `backup` a backup code instead."""

    def __init__(self, request: web.Request, pending: Pending, wanted: Asked, code: str, *, backup: bool) -> None:
        """Take what was typed; whether a backup code will do, `wanted` says."""
        self._request = request
        self._parts = request.app[PARTS]
        self.pending, self._wanted = pending, wanted
        self._code, self._backup = code, backup and wanted.backup
        self._once = Bucket.of("second-step-once", pending.id.bytes, burst=1, every=LONGEST.total_seconds())

    async def taken(self, address: str) -> tuple[Bucket, ...]:
        """Take the attempt. Raises TryLater, or Spent: this sign-in has led to a session, or is about to."""
        buckets = _buckets(self.pending, address)
        wait = await self._parts.throttle.wait(*buckets)
        if wait:
            raise TryLater(wait)
        if self._wanted.last and await self._parts.throttle.wait(self._once):
            await self._parts.throttle.succeeded(*buckets)
            raise Spent
        return buckets

    async def judged(self) -> None:
        """Judge a code that was sent, which is used thereby.

        Raises CodeMismatch, NoCodeSent, CodeExpired or CodeBurnt.
        """
        wanted, pending = self._wanted, self.pending
        if self._backup or wanted.channel is None or wanted.recipient is None:
            return
        await self._parts.verifications.verify(
            origin_of(self._request, pending),
            organization=pending.organization,
            purpose=SIGN_IN,
            channel=wanted.channel,
            recipient=wanted.recipient,
            code=self._code,
            user=pending.user,
        )

    async def further(self, decision: Decision, user: User, now: datetime) -> Collection[Proof]:
        """Judge all other codes, as a part of the decision that lets somebody in or on.

        Raises WrongTotpCode or WrongBackupCode.
        """
        if self._backup:
            await factors.use_backup_code(decision, user.id, self._code, now)
        elif self._wanted.proof is Proof.TOTP:
            await factors.use_totp(decision, user.id, self._code, now)
        elif self._wanted.proof is Proof.ENROLMENT:
            await self._enrol(decision, user, now)
        return (*self.pending.shown, self._wanted.proof)

    async def recorded(self) -> Pending:
        """Record what was shown where more is wanted, and return who has shown it.

        Raises as `further` does, and UserNotActive: something changed since the password was proved.
        """
        pending = self.pending

        async def command(decision: Decision) -> None:
            user = await decision.peek(User, pending.user)
            if user is None:
                raise UserNotActive
            user.require_active()
            decision.rely_on(f"user:{user.id}")
            await self.further(decision, user, self._parts.clock.now())

        await self._parts.store.decide(command, origin_of(self._request, pending))
        return msgspec.structs.replace(
            pending,
            since=self._parts.clock.now(),
            shown=(*pending.shown, self._wanted.proof),
            methods=self.methods,
            sent="",
        )

    async def missed(self, refusal: Exception, buckets: tuple[Bucket, ...]) -> None:
        """Let this sign-in go on after a wrong guess, which counts; what nobody judged does not."""
        if self._wanted.last:
            await self._parts.throttle.succeeded(self._once)
        if isinstance(refusal, UNJUDGED):
            await self._parts.throttle.succeeded(*buckets)

    async def succeeded(self, buckets: tuple[Bucket, ...]) -> None:
        """Give the attempt back: it was a right one."""
        await self._parts.throttle.succeeded(*buckets)

    @property
    def methods(self) -> tuple[str, ...]:
        """How the proofs are told once this one succeeded, each once, in the order of RFC 8176's examples."""
        told = {*self.pending.methods, *(INSTEAD if self._backup else MEANT[self._wanted.proof])}
        return tuple(word for word in (PASSWORD, ONE_TIME, MESSAGE, SEVERAL) if word in told)

    async def _enrol(self, decision: Decision, user: User, now: datetime) -> None:
        secret = self.pending.secret
        step = None if secret is None else one_time.check(secret, self._code, now)
        if secret is None or step is None:
            raise WrongTotpCode("not a code of the app that is set up")
        await factors.enrol(decision, user, secret, self._parts.clock.new_id(), now, step=step)


def _buckets(pending: Pending, address: str) -> tuple[Bucket, ...]:
    user, source = pending.user, source_of(address)
    if pending.known:
        return (
            Bucket.of("second-step-device", pending.device, burst=DEVICE[0], every=DEVICE[1]),
            Bucket.of(
                "second-step-known", user.bytes, burst=DEVICES[0], every=DEVICES[1], subject=further_subject(user)
            ),
        )
    return (
        Bucket.of("second-step-as", user.bytes, burst=USER[0], every=USER[1], subject=further_subject(user)),
        Bucket.of("second-step-from", source, burst=ADDRESS[0], every=ADDRESS[1]),
    )
