"""Hands messages to a web address that sends them on: what a provider of text messages takes differs from each other.

What is posted is one JSON object: `to`, `channel`, `subject`, `body` and `code`, which is null where there is none. Any
answer of 2xx means that the message was taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.messages.smtp import AT_ONCE_SECONDS, Throttled, Undelivered
from service.outbound import Blocked, NotCalled

if TYPE_CHECKING:
    from uuid import UUID

    from service.outbound import Answer, Outbound

TAKEN = range(200, 300)
TOO_MANY = 429
REFUSED = range(400, 500)
SECONDS = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True)
class Webhook:
    """Sends messages of a channel by posting them."""

    outbound: Outbound
    url: str
    channel: str

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Post the message. Raises Undelivered."""
        del template, id
        message = {"to": to, "channel": self.channel, "subject": subject, "body": body, "code": code}
        try:
            answer = await self.outbound.post_json(self.url, message, seconds=AT_ONCE_SECONDS)
        except NotCalled as problem:
            raise Undelivered(str(problem), final=isinstance(problem, Blocked)) from None
        return taken(answer)


def taken(answer: Answer) -> str:
    """Return that a message was taken, in words for managers; what else was answered is in no word of theirs.

    Raises Undelivered.
    """
    if answer.status in TAKEN:
        return f"{answer.status} taken"
    if answer.status == TOO_MANY:
        raise Throttled(f"{answer.status} too many", _wait(answer))
    raise Undelivered(f"{answer.status} not taken", final=answer.status in REFUSED)


def _wait(answer: Answer) -> int | None:
    told = answer.headers.get("Retry-After", "")
    return int(told) if SECONDS.fullmatch(told) else None
