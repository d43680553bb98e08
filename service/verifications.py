"""Sends codes to addresses and judges those that are typed (spec/logto.md section 5).

A code is sent while its asker waits: the limit is reserved, the message handed over, and only when that was taken is it
on record, so that a message that nobody took leaves the code before it as it was.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from domain.refusals import CodeMismatch, MessageRefused, MessageThrottled, SendLimited
from domain.verification import ACCOUNT, GENERIC, SIGN_IN, Verification
from service.commands import emails, verifications
from service.commands.verifications import Addressee
from service.messages.smtp import Throttled, Undelivered
from service.messages.wording import worded_code
from service.secrets import verification_codes
from service.store import code_sends
from service.store.refusals import Stale, Taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from service.messages.sender import Channel, Messages, Sender
    from service.secrets.master_key import MasterKeys
    from service.store.decision import Decision, Origin
    from service.store.pending import Remembered
    from service.store.store import Outcome, Store

RECIPIENT = "code-recipient"
TEMPLATES = {GENERIC: "Generic", ACCOUNT: "BindNewIdentifier", SIGN_IN: "SignIn"}
"""What a sender is told that a code is for."""
ROUNDS = 20  # each time one is lost, somebody else's guess was judged or code sent, and there are few of either
PAUSE = 60  # seconds to wait for who takes no more messages and does not say for how long


class Verifications:
    """Codes, from being asked for to being typed."""

    def __init__(self, store: Store, messages: Messages, ring: MasterKeys, reload: Callable[[], None]) -> None:
        """Take where it is recorded, what sends, and the ring that codes are derived from.

        `reload` brings the ring up to date, when it misses a key.
        """
        self._store = store
        self._messages = messages
        self._ring = ring
        self._reload = reload

    async def send(
        self,
        origin: Origin,
        *,
        organization: UUID,
        purpose: str,
        channel: Channel,
        recipient: str,
        user: UUID | None = None,
        locale: str | None = None,
        remember: Callable[[None], Remembered] | None = None,
    ) -> Outcome[None]:
        """Send a code to a recipient; one that was sent there before for the same purpose and user is dead then.

        Nobody needs to have the address. Raises InvalidEmail or InvalidPhone, UnknownAccount (a child account too),
        AccountNotActive, NoSender, SendLimited (ten in ten minutes), MessageRefused and MessageThrottled.
        """
        known = verifications.normalised(channel, recipient)
        home = await verifications.require_home(self._store.pool, organization)
        sender = await self._sender(organization, channel)
        sent, key = self._store.clock.new_id(), self._ring.current_id
        code = verification_codes.code(self._ring, key, sent)
        assert code is not None  # noqa: S101 - it is the current key's
        worded = worded_code(
            purpose,
            channel,
            locale=locale,
            organization=home["name"],
            code=code,
            minutes=math.ceil(home["code_lifetime"] / 60),
        )
        shared = self._messages.is_operators(sender)
        await self._reserve(sent, channel, known, purpose, sent_by=None if shared else organization)
        try:
            await sender.send(recipient, worded.subject, worded.body, code, TEMPLATES[purpose], id=sent)
        except Throttled as throttled:
            await code_sends.give_back(self._store.pool, sent)
            raise MessageThrottled(_number(throttled), seconds=throttled.seconds or PAUSE) from None
        except Undelivered as undelivered:
            await code_sends.give_back(self._store.pool, sent)
            raise MessageRefused(_number(undelivered)) from None
        except Exception:
            await code_sends.give_back(self._store.pool, sent)
            raise
        to = Addressee(organization, purpose, channel, recipient, user)

        async def command(decision: Decision) -> None:
            await verifications.send(decision, to, id=sent, key=key, now=self._store.clock.now())

        for _ in range(ROUNDS - 1):
            try:
                return await self._store.decide(command, origin, remember=remember)
            except (Stale, Taken):  # another one was sent to the same recipient meanwhile, or typed
                continue
        return await self._store.decide(command, origin, remember=remember)

    async def verify(
        self,
        origin: Origin,
        *,
        organization: UUID,
        purpose: str,
        channel: Channel,
        recipient: str,
        code: str,
        user: UUID | None = None,
        remember: Callable[[None], Remembered] | None = None,
    ) -> Outcome[None]:
        """Use a code up that was sent to exactly this recipient for this purpose and user.

        Raises UnknownAccount (a child account too), AccountNotActive, NoCodeSent, CodeExpired, CodeBurnt, and
        CodeMismatch, which alone counts as a try.
        """
        to = Addressee(organization, purpose, channel, recipient, user)
        missed = False

        async def command(decision: Decision) -> None:
            nonlocal missed
            right = await verifications.verify(
                decision, to, is_code=lambda sent: self._is_code(sent, code), now=self._store.clock.now()
            )
            missed = not right

        def kept(value: None) -> Remembered | None:
            return None if missed or remember is None else remember(value)

        for left in range(ROUNDS, 0, -1):
            try:
                outcome = await self._store.decide(command, origin, remember=kept)
                break
            except (Stale, Taken):
                if left == 1:
                    raise
        if missed:
            raise CodeMismatch
        return outcome

    async def _sender(self, organization: UUID, channel: Channel) -> Sender:
        """Return what sends an organization's messages. Raises NoSender, and MessageRefused where that is no use."""
        try:
            return await self._messages.sender(organization, channel)
        except Undelivered as undelivered:
            raise MessageRefused(_number(undelivered)) from None

    def _is_code(self, sent: Verification, typed: str) -> bool:
        if sent.key not in self._ring.ids:
            self._reload()
        return verification_codes.is_code(self._ring, sent.key, sent.id, typed)

    async def _reserve(self, id: UUID, channel: Channel, recipient: str, purpose: str, *, sent_by: UUID | None) -> None:
        """Take one of the recipient's few messages, of an organization with a sender of its own if there is one.

        Raises SendLimited.
        """
        # Upper and lower case lead to one mailbox, and the limit spares its owner.
        text = f"{channel} {emails.identity(recipient)}"
        if purpose == SIGN_IN:
            # Anybody has other codes sent to anyone, and must not keep them from those that they sign in by.
            text = f"{SIGN_IN} {text}"
        if sent_by is not None:
            # What it sends or pretends to send by itself must not use up what all others may send.
            text = f"{sent_by} {text}"
        now = self._store.clock.now()
        room_at = await code_sends.reserve(self._store.pool, id, self._ring.mac_all(RECIPIENT, text.encode()), now)
        if room_at is not None:
            raise SendLimited(seconds=max(1, math.ceil((room_at - now).total_seconds())))


def _number(undelivered: Undelivered) -> str:
    """Return what logs may have of what a sender said: not what follows, which likes to quote the address."""
    return undelivered.response.split(" ", 1)[0]
