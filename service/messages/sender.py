"""Sends messages to people: by the sender that is set up for the channel, else into the outbox."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from service.messages import outbox, smtp
from service.messages.smtp import Undelivered

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from service.clock import Clock
    from service.messages.mail_server import MailServer

Channel = Literal["email", "sms"]


class Messages:
    """The ways out, chosen once by the settings."""

    def __init__(self, data_dir: Path, clock: Clock, mail: MailServer | None = None) -> None:
        """Take the data folder, which holds the outbox, and the mail server, None when there is none."""
        self._data_dir = data_dir
        self._clock = clock
        self._mail = mail

    async def send(
        self, to: str, channel: Channel, subject: str, body: str, code: str | None = None, *, id: UUID | None = None
    ) -> str:
        """Send a message and return what became of it, in words for managers. Raises Undelivered.

        `id` is the same at each attempt to send one message; None for one that is attempted once.
        """
        now = self._clock.now()
        if channel == "email" and self._mail is not None:
            return await smtp.send(self._mail, to, subject, body, id=id or self._clock.new_id(), now=now)
        message = outbox.Message(to=to, channel=channel, subject=subject, body=body, code=code)
        try:
            path = await asyncio.to_thread(outbox.append, self._data_dir, message, now)
        except OSError as error:
            raise Undelivered(f"the outbox cannot be written: {error.strerror}", final=False) from error
        return f"written to {outbox.FOLDER}/{path.name}"
