"""Decisions about codes that show who reads what arrives at an address, each a part of a command.

Whom a code went to is in no event. It is found by a claim on a keyed digest of what it is for and the recipient, in
exactly the letters it was sent to; the claim moves to the next code and ends when the code is typed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.refusals import AccountNotActive, NoCodeSent, NotVerified, UnknownAccount
from domain.verification import ACCOUNT, GENERIC, SIGN_IN, Verification
from projections import accounts
from service.commands import emails, phones
from service.store import claimed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from domain.user import User
    from service.store.decision import Decision

WAITING, VERIFIED = "verification", "verified"
"""The spaces of claims: on a code that may be typed, and on one that was, which lets its recipient be written down."""
LOOKS = 3  # at the claim, for a code may make room for another between it and its stream


class Addressee(NamedTuple):
    """What a code is for and whom it goes to: for `user` alone, where one is named."""

    organization: UUID
    purpose: str
    channel: str
    recipient: str
    user: UUID | None = None

    @property
    def text(self) -> str:
        """What the claim is on. Only the recipient may hold a space."""
        return f"{self.purpose} {self.channel} {self.user or '-'} {self.recipient}"


def normalised(channel: str, recipient: str) -> str:
    """Return a recipient as users have it. Raises InvalidEmail or InvalidPhone."""
    return emails.normalised(recipient) if channel == "email" else phones.normalised(recipient)


async def require_home(connection: asyncpg.Pool, organization: UUID) -> asyncpg.Record:
    """Return an organization's row. Raises UnknownAccount (a child account too) or AccountNotActive."""
    row = await accounts.one(connection, organization)
    if row is None or row["parent"] is not None:
        raise UnknownAccount
    if row["status"] != "active":
        raise AccountNotActive
    return row


async def send(decision: Decision, to: Addressee, *, id: UUID, key: str, now: datetime) -> Verification:
    """Record that a code was sent, and that one sent there before is none any more. Raises as `require_home` does."""
    await _home(decision, to.organization)
    digest = await _digest(decision, WAITING, to.organization, to.text)
    former = await claimed.owner(decision.connection, WAITING, digest, organization=to.organization)
    if former is not None:
        before = await decision.load(Verification, former)
        if before is not None:
            before.replace(now)
            decision.save(before)
        decision.release(WAITING, digest, former, organization=to.organization)
    sent = Verification.send(
        id=id, organization=to.organization, purpose=to.purpose, channel=to.channel, key=key, now=now
    )
    decision.claim(WAITING, digest, sent.id, organization=to.organization)
    decision.save(sent)
    return sent


async def verify(decision: Decision, to: Addressee, *, is_code: Callable[[Verification], bool], now: datetime) -> bool:
    """Return whether the code that was typed is the one that waits; either is on record then.

    The organization's settings of this moment count. Raises NoCodeSent, CodeExpired, CodeBurnt, and as `require_home`.
    """
    home = await _home(decision, to.organization)
    digest = await _digest(decision, WAITING, to.organization, to.text)
    found = await _waiting(decision, to.organization, digest)
    right = found.judge(
        right=is_code(found),
        lifetime=timedelta(seconds=home["code_lifetime"]),
        tries=home["code_tries"],
        now=now,
    )
    decision.save(found)
    if right:
        decision.release(WAITING, digest, found.id, organization=to.organization)
        if to.purpose == GENERIC and home["verified_identifiers"]:
            await _keep(decision, to, found.id)
    return right


async def require_recently_verified(
    decision: Decision, organization: UUID, channel: str, recipient: str, now: datetime
) -> bool:
    """Refuse an address that no code was typed for in the last ten minutes; False where the organization wants none.

    True: what a code showed is spent, so another user takes another one. Raises NotVerified, InvalidEmail or
    InvalidPhone.
    """
    decision.rely_on(f"account-settings:{organization}")
    home = await accounts.one(decision.connection, organization)
    if home is None or not home["verified_identifiers"]:
        return False
    digest = await _digest(decision, VERIFIED, organization, f"{channel} {normalised(channel, recipient)}")
    owner = await claimed.owner(decision.connection, VERIFIED, digest, organization=organization)
    found = None if owner is None else await decision.load(Verification, owner)
    if found is None:
        raise NotVerified(field=channel)
    found.spend(now)
    decision.release(VERIFIED, digest, found.id, organization=organization)
    decision.save(found)
    return True


async def forget_user(decision: Decision, user: User, email: str | None, phone: str | None) -> None:
    """Let nothing find the codes that were sent to a user who is being deleted, at the addresses that they had."""
    organization = user.organization
    for channel, recipient in (("email", email), ("sms", phone)):
        if recipient is None:
            continue
        for purpose in (GENERIC, ACCOUNT, SIGN_IN):
            for whose in (None, user.id):
                text = Addressee(organization, purpose, channel, recipient, whose).text
                await _forget(decision, WAITING, organization, text)
        await _forget(decision, VERIFIED, organization, f"{channel} {recipient}")


async def _home(decision: Decision, organization: UUID) -> asyncpg.Record:
    decision.organization = organization
    decision.rely_on(f"account:{organization}", f"account-settings:{organization}")
    return await require_home(decision.connection, organization)


async def _waiting(decision: Decision, organization: UUID, digest: bytes) -> Verification:
    """Return the verification whose code may be typed. Raises NoCodeSent."""
    for _ in range(LOOKS):
        owner = await claimed.owner(decision.connection, WAITING, digest, organization=organization)
        found = None if owner is None else await decision.load(Verification, owner)
        if found is None:
            break
        if found.waits:
            return found
    raise NoCodeSent


async def _keep(decision: Decision, to: Addressee, verification: UUID) -> None:
    """Let it be found for a while that an address is verified, however it is written."""
    text = f"{to.channel} {normalised(to.channel, to.recipient)}"
    digest = await _digest(decision, VERIFIED, to.organization, text)
    former = await claimed.owner(decision.connection, VERIFIED, digest, organization=to.organization)
    if former is not None:
        decision.release(VERIFIED, digest, former, organization=to.organization)
    decision.claim(VERIFIED, digest, verification, organization=to.organization)


async def _forget(decision: Decision, space: str, organization: UUID, text: str) -> None:
    digest = await _digest(decision, space, organization, text)
    owner = await claimed.owner(decision.connection, space, digest, organization=organization)
    if owner is not None:
        decision.release(space, digest, owner, organization=organization)


async def _digest(decision: Decision, space: str, organization: UUID, text: str) -> bytes:
    return await decision.identifier_digest(space, text, organization=organization)
