"""Sends messages to people: by the organization's own sender for the channel, else by the operator's.

Without either, messages go to the outbox, unless the operator said that there is to be no sender (`off`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from domain.refusals import NoSender
from service.messages import outbox, smtp
from service.messages.smtp import AT_ONCE_SECONDS, Undelivered
from service.messages.webhook import Webhook
from service.settings import OFF

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from service.clock import Clock
    from service.messages.mail_server import MailServer
    from service.outbound import Outbound
    from service.settings import Settings

Channel = Literal["email", "sms"]


class Sender(Protocol):
    """One way out. `template` says what the message is for; `code` is the code in it, None where there is none.

    `id` is the same at each attempt to send one message. Returns what became of it, in words for managers; raises
    Undelivered, and Throttled where another attempt later may do.
    """

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Send a message."""


class Connected(Protocol):
    """Finds an organization's own sender, None when it has none. Raises Undelivered for one that cannot be used."""

    async def __call__(self, *, organization: UUID, channel: Channel) -> Sender | None:
        """Look for it."""


@dataclass(frozen=True)
class Mail:
    """Sends mail by a server."""

    server: MailServer
    clock: Clock
    seconds: float = AT_ONCE_SECONDS

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Hand the message over. Raises Undelivered."""
        del code, template  # the body has all that is to be read
        return await smtp.send(self.server, to, subject, body, id=id, now=self.clock.now(), seconds=self.seconds)


@dataclass(frozen=True)
class Outbox:
    """Writes messages of a channel where those read them who try the service out."""

    data_dir: Path
    channel: Channel
    clock: Clock

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Write the message down. Raises Undelivered."""
        del template, id
        message = outbox.Message(to=to, channel=self.channel, subject=subject, body=body, code=code)
        try:
            path = await asyncio.to_thread(outbox.append, self.data_dir, message, self.clock.now())
        except OSError as error:
            raise Undelivered(f"the outbox cannot be written: {error.strerror}", final=False) from error
        return f"written to {outbox.FOLDER}/{path.name}"


async def _nothing_connected(*, organization: UUID, channel: Channel) -> Sender | None:
    del organization, channel
    return None


class Messages:
    """The ways out."""

    def __init__(
        self, clock: Clock, *, email: Sender | None, sms: Sender | None, connected: Connected = _nothing_connected
    ) -> None:
        """Take the operator's senders, None where there is to be none, and what finds an organization's own."""
        self._clock = clock
        self._senders: dict[Channel, Sender | None] = {"email": email, "sms": sms}
        self._connected = connected

    @classmethod
    def of(
        cls,
        settings: Settings,
        clock: Clock,
        outbound: Outbound,
        *,
        connected: Connected = _nothing_connected,
        seconds: float = AT_ONCE_SECONDS,
    ) -> Messages:
        """Return the ways out that the settings tell of; `seconds` bound what handing one message over takes."""

        def chosen(channel: Channel, variable: str | None, way: Callable[[], Sender]) -> Sender | None:
            if variable is None:
                return Outbox(settings.data_dir, channel, clock)
            return None if variable == OFF else way()

        def mail() -> Sender:
            server = settings.mail_server
            assert server is not None  # noqa: S101 - there is a URL, and it is not "off"
            return Mail(server, clock, seconds)

        def webhook() -> Sender:
            return Webhook(outbound, settings.sms_webhook_url or "", "sms")

        return cls(
            clock,
            email=chosen("email", settings.smtp_url, mail),
            sms=chosen("sms", settings.sms_webhook_url, webhook),
            connected=connected,
        )

    async def sender(self, organization: UUID, channel: Channel) -> Sender:
        """Return what sends an organization's messages.

        Raises NoSender (the operator wants none, nor has it one) and Undelivered (its own cannot be used).
        """
        sender = await self._connected(organization=organization, channel=channel) or self._senders[channel]
        if sender is None:
            raise NoSender(channel)
        return sender

    def is_operators(self, sender: Sender) -> bool:
        """Say whether a sender is one that all organizations share."""
        return any(sender is each for each in self._senders.values())

    async def send(
        self,
        organization: UUID,
        channel: Channel,
        to: str,
        *,
        subject: str,
        body: str,
        template: str,
        code: str | None = None,
        id: UUID | None = None,
    ) -> str:
        """Send a message and return what became of it, in words for managers. Raises Undelivered and NoSender.

        `id` is the same at each attempt to send one message; None for one that is attempted once.
        """
        sender = await self.sender(organization, channel)
        return await sender.send(to, subject, body, code, template, id=id or self._clock.new_id())
