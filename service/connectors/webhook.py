"""Messages through an HTTP endpoint of the organization's own: e-mail (`http-email`) and SMS (`http-sms`).

The endpoint is told `{to, type, payload: {code}}`, as its dialect has it, and the message as it would be written:
`{channel, subject, body, code}`. Any answer in the 200s says that the message was taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from service.connectors.configuration import Config, Endpoint, Visible
from service.messages.smtp import AT_ONCE_SECONDS, Undelivered
from service.messages.webhook import taken
from service.outbound import NotCalled

if TYPE_CHECKING:
    from uuid import UUID

    from service.messages.sender import Channel
    from service.outbound import Outbound


class WebhookConfig(Config):
    """`authorization` is sent as the header of that name."""

    SECRETS: ClassVar = (("authorization",),)
    SENT_TO: ClassVar = ("endpoint",)

    endpoint: Endpoint
    authorization: Visible | None = None


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Tells the endpoint of messages."""

    config: WebhookConfig
    outbound: Outbound
    channel: Channel

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Send a message and return what became of it. Raises Undelivered, Throttled among them."""
        payload = {} if code is None else {"code": code}
        told = {
            "to": to, "type": template, "payload": payload, "channel": self.channel, "subject": subject, "body": body,
            "code": code,
        }  # fmt: skip
        headers = {} if self.config.authorization is None else {"Authorization": self.config.authorization}
        headers["Idempotency-Key"] = str(id)  # the same at every attempt: whoever is told twice can tell
        try:
            answer = await self.outbound.post_json(self.config.endpoint, told, headers=headers, seconds=AT_ONCE_SECONDS)
        except NotCalled:
            # Nothing more: what a name leads to inside is not for those to know who configure connectors.
            raise Undelivered("the webhook cannot be reached", final=False) from None
        return taken(answer)
