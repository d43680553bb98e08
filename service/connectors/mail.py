"""E-mail through a server of the organization's own (SMTP)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import TYPE_CHECKING, Annotated, ClassVar

import pydantic
from email_validator import EmailNotValidError, validate_email

from service.connectors.configuration import Config
from service.messages import smtp
from service.messages.mail_server import LOOPBACK, MailServer
from service.messages.smtp import Undelivered
from service.outbound import NotCalled

if TYPE_CHECKING:
    from uuid import UUID

    from service.clock import Clock
    from service.outbound import Outbound

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _sender(value: str) -> str:
    """Return an address that mail can come from, with or without a name before it."""
    msg = "a sender is an e-mail address, with a name before it perhaps: Acme <no-reply@acme.example>"
    address = parseaddr(value)[1]
    if CONTROL.search(value) or not address.isascii():
        raise ValueError(msg)
    try:
        validate_email(address, check_deliverability=False)
        # A name may hold a line break in an encoded word (RFC 2047), of which no header can be made.
        EmailMessage(policy=SMTP)["From"] = value
    except (EmailNotValidError, ValueError):
        raise ValueError(msg) from None
    return value


Text = Annotated[str, pydantic.Field(min_length=1, max_length=512)]


class SmtpAuth(Config):
    """Whom the server knows us as."""

    user: Text
    password: Text = pydantic.Field(alias="pass")


class SmtpConfig(Config):
    """`secure`: TLS from the beginning; `requireTLS` insists on STARTTLS, `ignoreTLS` does without."""

    SECRETS: ClassVar = (("auth", "pass"),)
    SENT_TO: ClassVar = ("host", "port", "secure", "requireTLS", "ignoreTLS")

    host: Annotated[str, pydantic.Field(max_length=254, pattern=r"^[A-Za-z0-9_.:-]+$")]
    port: Annotated[int, pydantic.Field(ge=1, le=65_535)]
    from_email: Annotated[str, pydantic.Field(max_length=320), pydantic.AfterValidator(_sender)]
    auth: SmtpAuth | None = None
    secure: bool = False
    require_tls: bool = pydantic.Field(default=False, alias="requireTLS")
    ignore_tls: bool = pydantic.Field(default=False, alias="ignoreTLS")

    @property
    def server(self) -> MailServer:
        """Where mail is handed over. A password crosses no network in the clear unless somebody says so."""
        starttls: bool | None = None
        if self.secure or self.ignore_tls:
            starttls = False
        elif self.require_tls or (self.auth is not None and self.host not in LOOPBACK):
            starttls = True
        return MailServer(
            host=self.host,
            port=self.port,
            sender=self.from_email,
            tls=self.secure,
            starttls=starttls,
            user=None if self.auth is None else self.auth.user,
            password=None if self.auth is None else self.auth.password,
        )


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """Hands messages to the server."""

    config: SmtpConfig
    outbound: Outbound
    clock: Clock

    async def send(self, to: str, subject: str, body: str, code: str | None, template: str, *, id: UUID) -> str:
        """Send a message and return what the server said. Raises Undelivered."""
        del code, template  # the body has all of it
        server = self.config.server
        try:
            sock = await self.outbound.connected(server.host, server.port)
        except NotCalled:
            # Nothing more: what a name leads to inside is not for those to know who configure connectors.
            raise Undelivered("the mail server cannot be reached", final=False) from None
        return await smtp.send(
            server, to, subject, body, id=id, now=self.clock.now(), seconds=smtp.AT_ONCE_SECONDS, sock=sock
        )
