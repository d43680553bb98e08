"""Delivers the messages that events ask for: looks through the log, sends each, tries again until it is sent.

At least once: whatever happens to the process, a message that was asked for is sent, perhaps twice, never not at all,
unless its server refuses it for good, its link is dead by then, or a hundred attempts over days came to nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg
import structlog

from domain.invitation import Invitation
from domain.refusals import NoSender
from domain.user import User
from projections import accounts, invitations, users
from service.messages.smtp import Undelivered
from service.messages.wording import worded
from service.secrets.digests import EMAIL_VERIFICATION, INVITATION
from service.secrets.sealing import seal
from service.store import codec, outgoing
from service.store.lane import LOST
from service.store.log import head
from service.store.outgoing import Queued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from service.clock import Clock
    from service.messages.links import Links
    from service.messages.sender import Messages
    from service.messages.wording import Worded
    from service.store.follower import Bell
    from service.store.outgoing import Taken
    from service.store.vault import Vault

KINDS = {
    Invitation.Issued.TOPIC: INVITATION,
    Invitation.Resent.TOPIC: INVITATION,
    User.EmailVerificationRequested.TOPIC: EMAIL_VERIFICATION,
}
"""The events that ask for a message, each with the kind of link in it."""
TEMPLATES = {INVITATION: "OrganizationInvitation", EMAIL_VERIFICATION: "EmailVerification"}
"""What a sender is told that the message with a kind of link is for."""

AT_ONCE = 10  # messages that are on their way together
LEASE = timedelta(minutes=5)  # longer than an attempt takes: then another process may try
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=1)
MOST_ATTEMPTS = 100  # about four days
IDLE_SECONDS = 1.0
GATHER_SECONDS = 0.25
RETRY_SECONDS = 2.0
FAREWELL_SECONDS = 10.0
PLACE = "message"  # where what a row seals belongs, beside the topics of events

log = structlog.get_logger(__name__)


class Letter(NamedTuple):
    """What is to be sent, and to whom."""

    to: str
    worded: Worded


class Delivery:
    """The duty. Several processes may have it at once: each message is in one's hands at a time."""

    def __init__(
        self, pool: asyncpg.Pool, vault: Vault, bell: Bell, clock: Clock, *, links: Links, messages: Messages
    ) -> None:
        """Take where the log and the queue are, what opens addresses, and what makes and sends messages."""
        self._pool = pool
        self._vault = vault
        self._bell = bell
        self._clock = clock
        self._links = links
        self._messages = messages
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sending = False

    async def start(self) -> None:
        """Begin to look and to send."""
        self._task = asyncio.create_task(self._run(), name="delivery")

    async def stop(self) -> None:
        """Send what is under way, for at most ten seconds; what is left then is tried again by whoever comes next."""
        self._closing.set()
        if self._task is not None:
            if self._sending:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL_SECONDS):
                        await asyncio.shield(self._task)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        told = False
        while not self._closing.is_set():
            try:
                await self.look()
                self._sending = True
                sent = await self.send_due()
                told = False
            except (asyncpg.PostgresError, *LOST) as error:
                if not told:  # once an outage
                    log.warning("delivery_interrupted", error=repr(error))
                told = True
                sent = 0
            except Exception:  # the duty must live
                log.exception("delivery_failed")
                told, sent = True, 0
            finally:
                self._sending = False
            if told:
                await self._pause(RETRY_SECONDS)
            elif not sent:
                await self._bell.wait(IDLE_SECONDS)
                await self._pause(GATHER_SECONDS)  # under load the bell rings all the time, mostly not for mail

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def look(self) -> int:
        """Queue the messages that the log asks for since it was last looked through; return how many events did."""
        total = 0
        while True:
            end = await head(self._pool)
            async with self._pool.acquire() as connection, connection.transaction():
                position = await outgoing.lock_position(connection)
                if position >= end:
                    return total
                page = await outgoing.asked(connection, after=position, until=end, topics=list(KINDS))
                await outgoing.queue(connection, [self._queued(asked) for asked in page], due=self._clock.now())
                await outgoing.advance(connection, page[-1].position if len(page) == outgoing.PAGE else end)
                total += len(page)

    def _queued(self, asked: outgoing.Asked) -> Queued:
        subject = codec.decode(asked.topic, asked.stream, asked.version, asked.state).subject
        return Queued(self._clock.new_id(), asked, subject, "email")

    async def send_due(self) -> int:
        """Try the messages that are due, each once; return how many were tried."""
        now = self._clock.now()
        taken = await outgoing.take(self._pool, now=now, until=now + LEASE, limit=AT_ONCE)
        letters: dict[UUID, list[Taken]] = {}
        for message in sorted(taken, key=lambda message: message.id):
            letters.setdefault(message.subject, []).append(message)
        await asyncio.gather(*(self._attempt_all(messages) for messages in letters.values()))
        return len(taken)

    async def _attempt_all(self, messages: Sequence[Taken]) -> None:
        """Try one person's messages in order: of two links, the later one is to arrive last."""
        for message in messages:
            await self._attempt(message)

    async def _attempt(self, message: Taken) -> None:
        try:
            await self._try(message)
        except (asyncpg.PostgresError, *LOST):
            raise
        except Exception:  # one message that cannot be made must not keep the others waiting
            log.exception("message_failed", message=str(message.id), topic=message.topic)
            final = message.attempts >= MOST_ATTEMPTS
            await self._settle(message, None, final=final, success=False, response="it could not be made")

    async def _try(self, message: Taken) -> None:
        letter = await self._letter(message)
        if isinstance(letter, str):
            await self._settle(message, None, final=True, success=False, response=letter)
            return
        try:
            response = await self._messages.send(
                message.organization,
                "email",
                letter.to,
                subject=letter.worded.subject,
                body=letter.worded.body,
                template=TEMPLATES[KINDS[message.topic]],
                id=message.id,
            )
        except NoSender:
            await self._settle(message, letter, final=True, success=False, response="not sent: there is no sender")
        except Undelivered as undelivered:
            final = undelivered.final or message.attempts >= MOST_ATTEMPTS
            await self._settle(message, letter, final=final, success=False, response=undelivered.response)
        else:
            await self._settle(message, letter, final=True, success=True, response=response)

    async def _letter(self, message: Taken) -> Letter | str:
        """Return the letter, or why there is none any more."""
        state = await outgoing.state(self._pool, message.stream, message.version)
        ciphers = await self._vault.ciphers([message.subject])
        event: Any = codec.decode(message.topic, message.stream, message.version, state, ciphers)
        person = await users.one(self._pool, message.subject)
        if event.email is None or person is None:
            return "not sent: its receiver was deleted"
        if event.expires_at <= self._clock.now() or not await self._is_current(message.topic, event.digest):
            return "not sent: its link is dead"
        link = self._links.link(KINDS[message.topic], message.stream, message.version, event.expires_at, event.digest)
        if link is None:
            return "not sent: the master key that its link was made from is gone"
        home = await accounts.one(self._pool, message.organization)
        return Letter(
            event.email,
            worded(
                message.topic,
                locale=event.locale or person["locale"],
                organization="" if home is None else home["name"],
                name=person["given_name"],
                link=link,
                expires_at=event.expires_at,
            ),
        )

    async def _is_current(self, topic: str, digest: str) -> bool:
        if KINDS[topic] == INVITATION:
            return await invitations.by_digest(self._pool, digest) is not None
        return await users.by_verification(self._pool, digest) is not None

    async def _settle(
        self, message: Taken, letter: Letter | None, *, final: bool, success: bool, response: str
    ) -> None:
        now = self._clock.now()
        next_at = None if final else now + min(FIRST_DELAY * 2 ** min(message.attempts - 1, 20), LONGEST_DELAY)
        receiver = content = None
        answer: str | None = response
        if letter is not None:
            receiver = await self._sealed(message.subject, "receiver", letter.to)
            content = await self._sealed(message.subject, "content", letter.worded.shown)
            # What a server says likes to quote the address.
            answer = await self._sealed(message.subject, "response", response[:500])
        await outgoing.settle(
            self._pool,
            message.id,
            now=now,
            next_at=next_at,
            success=success,
            response=answer,
            receiver=receiver,
            content=content,
        )
        about = {"message": str(message.id), "topic": message.topic, "attempts": message.attempts}
        # What a server says may quote the address: its number is enough here, the rest is for managers to read.
        number = response.split(" ", 1)[0]
        if success:
            log.info("message_sent", **about)
        elif next_at:
            log.warning("message_delayed", **about, response=number)
        else:
            log.error("message_given_up", **about, response=number)

    async def _sealed(self, subject: UUID, name: str, text: str) -> str | None:
        """Return a text sealed under a person's key, None when they are deleted meanwhile."""
        cipher = (await self._vault.ciphers([subject])).get(subject)
        return None if cipher is None else seal(cipher, text.encode(), subject=subject, topic=PLACE, field=name)
