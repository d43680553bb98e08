"""The second step of a sign-in: what somebody shows besides their password before a session begins.

In between nothing is kept here. Who proved the password travels in a sealed cookie of that browser, good for one
session, within five minutes of what they last did and half an hour of the password. Whatever has changed since about
the user or their factors sends them back to the start.

What is guessed at is judged in second_step_attempts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import msgspec

from domain.factor import Proof, guard, proofs
from domain.refusals import MessageRefused, MessageThrottled, NoSender, SendLimited, UserNotActive
from domain.user import Status, User
from domain.verification import SIGN_IN
from projections import factors as rows
from service.commands import factors
from service.oauth.authorization.sealed import closed, opened_text, unknown_key
from service.parts import PARTS, REQUEST_ID
from service.secrets import one_time
from service.store.decision import Decision, Origin
from service.store.log import head

if TYPE_CHECKING:
    from aiohttp import web

    from service.messages.sender import Channel
    from service.parts import Parts
    from service.sign_in import Proved

COOKIE = "__Host-muniment-second-step"
PURPOSE = "second-step"
LIFETIME = timedelta(minutes=5)
LONGEST = timedelta(minutes=30)
"""How long a password that was right counts, however often another code is asked for."""
SENT, LIMITED, UNSENT = "sent", "limited", "unsent"
"""What became of the message with a code."""
PASSWORD = "pwd"  # noqa: S105 - a word of RFC 8176 section 2


class Pending(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whose password was right at `proved_at`, true at `position`; `since` is when they last did something.

    `shown` is what they have shown since, by the `methods` told of it; `secret` that of the app they set up, and
    `sent` what became of the message with a code.
    """

    id: UUID
    user: UUID
    organization: UUID
    position: int
    device: str
    known: bool
    proved_at: datetime
    since: datetime
    shown: tuple[Proof, ...] = ()
    methods: tuple[str, ...] = (PASSWORD,)
    secret: str | None = None
    sent: str = ""


class Asked(NamedTuple):
    """What is to be shown now: `last` when nothing more is. A backup code will do instead where there are any.

    `channel` and `recipient` say where a code is sent; None: it is not. `account` is what an app would call it.
    """

    proof: Proof
    last: bool
    backup: bool
    account: str
    channel: Channel | None = None
    recipient: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Pending).decode


def begun(parts: Parts, proved: Proved) -> Pending:
    """Return somebody whose password was right just now."""
    now = parts.clock.now()
    return Pending(
        id=parts.clock.new_id(),
        user=proved.user,
        organization=proved.organization,
        position=proved.position,
        device=proved.device,
        known=proved.known,
        proved_at=now,
        since=now,
    )


def present(request: web.Request) -> Pending | None:
    """Return who is between the steps at the browser of a request, None when nobody is or it took them too long."""
    parts, text = request.app[PARTS], request.cookies.get(COOKIE, "")
    if unknown_key(parts.ring, text):
        parts.reload_ring()  # another worker may have a newer master key
    plain = opened_text(parts.ring, text, PURPOSE)
    if plain is None:
        return None
    try:
        pending = _decode(plain)
    except (msgspec.DecodeError, UnicodeDecodeError):  # another version of the service wrote it differently
        return None
    return pending if parts.clock.now() < min(pending.since + LIFETIME, pending.proved_at + LONGEST) else None


def remember(response: web.StreamResponse, parts: Parts, pending: Pending) -> None:
    """Have the browser know who is between the steps, until it is closed."""
    text = closed(parts.ring, _encode(pending), PURPOSE)
    response.set_cookie(COOKIE, text, path="/", secure=True, httponly=True, samesite="Lax")


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """End it, if anybody is between the steps at this browser."""
    if COOKIE in request.cookies:
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


async def asked(parts: Parts, pending: Pending) -> Asked | None:
    """Return what somebody has to show now; None when they have to begin anew."""
    decision = Decision(
        parts.store.pool, parts.store.vault, position=await head(parts.store.pool), organization=pending.organization
    )
    user = await decision.peek(User, pending.user)
    if user is None or user.status is not Status.ACTIVE:
        return None
    held = await rows.of_user(parts.store.pool, user.id)
    lacking = [proof for proof in proofs(user, {row["type"] for row in held}) if proof not in pending.shown]
    if not lacking:
        return None
    proof, account = lacking[0], factors.account_of(user)
    last, backup = len(lacking) == 1, proof is not Proof.ENROLMENT and any(row["remaining"] for row in held)
    if proof is Proof.EMAIL:
        return Asked(proof, last, backup, account, "email", user.email)
    if proof is Proof.SMS:
        return Asked(proof, last, backup, account, "sms", user.phone)
    return Asked(proof, last, backup, account)


async def prepared(request: web.Request, pending: Pending, wanted: Asked, locale: str) -> Pending:
    """Return somebody ready to show what is wanted: a code was sent to them, or a secret made for their app."""
    parts = request.app[PARTS]
    ready = msgspec.structs.replace(pending, since=parts.clock.now(), sent="", secret=None)
    if wanted.proof is Proof.ENROLMENT:
        return msgspec.structs.replace(ready, secret=one_time.new_secret())
    if wanted.channel is None or wanted.recipient is None:
        return ready
    try:
        await parts.verifications.send(
            origin_of(request, pending),
            organization=pending.organization,
            purpose=SIGN_IN,
            channel=wanted.channel,
            recipient=wanted.recipient,
            user=pending.user,
            locale=locale,
        )
    except SendLimited:
        return msgspec.structs.replace(ready, sent=LIMITED)
    except (NoSender, MessageRefused, MessageThrottled):
        return msgspec.structs.replace(ready, sent=UNSENT)
    return msgspec.structs.replace(ready, sent=SENT)


def origin_of(request: web.Request, pending: Pending) -> Origin:
    """Return where what somebody does between the steps comes from: it rests on nothing of theirs having changed."""

    async def renew() -> Origin:
        raise UserNotActive("changed since they proved their password")

    reads = dict.fromkeys((f"user:{pending.user}", guard(pending.user)), pending.position)
    return Origin(pending.user, pending.organization, None, request[REQUEST_ID], reads=reads, renew=renew)
