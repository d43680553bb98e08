"""Which of an organization's own connectors sends its messages, if it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.connector import Kind
from domain.refusals import InvalidConnectorConfig, MessageRefused, MessageThrottled
from projections import connectors
from service.connectors import configuration, stored
from service.connectors.mail import SmtpConfig, SmtpSender
from service.connectors.registry import TYPES
from service.connectors.webhook import WebhookConfig, WebhookSender
from service.messages.smtp import Throttled, Undelivered

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from uuid import UUID

    import asyncpg

    from service.clock import Clock
    from service.messages.sender import Channel, Sender
    from service.outbound import Outbound
    from service.store.vault import Vault

TRIAL = ("Test message", "This message was sent to try out how messages are sent. A code looks like this: {code}\n")
TRIAL_CODE, TEMPLATE = "000000", "Test"
WAIT_SECONDS = 60  # where the other side does not say
KINDS: dict[Channel, Kind] = {"email": Kind.EMAIL, "sms": Kind.SMS}


async def sender_for(
    pool: asyncpg.Pool, vault: Vault, outbound: Outbound, clock: Clock, *, organization: UUID, channel: Channel
) -> Sender | None:
    """Return what sends an organization's messages, None when it has nothing of its own.

    Raises Undelivered when it has, but what that is configured with cannot be used any more: then nobody else sends
    in its place.
    """
    found = await connectors.sender(pool, organization, KINDS[channel])
    connector = None if found is None else await stored.one(pool, vault, found)
    if connector is None or connector.config is None:  # deleted at this very moment
        return None
    try:
        return sender(connector.type, connector.config, outbound, clock)
    except InvalidConnectorConfig as refusal:
        raise Undelivered(f"the connector cannot be used: {refusal.sentence}", final=False) from None


def sender(type: str, config: Mapping[str, Any] | None, outbound: Outbound, clock: Clock) -> Sender:
    """Return what sends messages by a configuration. Raises InvalidConnectorConfig, of a social type too."""
    known = TYPES.get(type)
    if known is not None and known.config is SmtpConfig:
        return SmtpSender(configuration.opened(SmtpConfig, config, allowed=outbound.allowed), outbound, clock)
    if known is not None and known.config is WebhookConfig:
        opened = configuration.opened(WebhookConfig, config, allowed=outbound.allowed)
        return WebhookSender(opened, outbound, "sms" if known.kind is Kind.SMS else "email")
    raise InvalidConnectorConfig(f"{type} sends nothing")


async def tried(by: Sender, to: str, *, id: UUID) -> None:
    """Send a message that says it is a trial. Raises MessageRefused or MessageThrottled."""
    subject, body = TRIAL
    try:
        await by.send(to, subject, body.format(code=TRIAL_CODE), TRIAL_CODE, TEMPLATE, id=id)
    except Throttled as refused:
        raise MessageThrottled(_told(refused), seconds=refused.seconds or WAIT_SECONDS) from None
    except Undelivered as refused:
        raise MessageRefused(_told(refused)) from None


def _told(refused: Undelivered) -> str:
    """Return what logs may have of why a message was not taken: of a server's words its number alone.

    What follows likes to quote the address, and stays there when whoever had it is gone.
    """
    said = refused.response
    return said.partition(":")[0] if said[:1].isalpha() else said.partition(" ")[0]
