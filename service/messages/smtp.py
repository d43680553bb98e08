"""Hands mail over to a server, and tells what it will never take from what it may take later."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import TYPE_CHECKING

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from email_validator import EmailNotValidError, validate_email

if TYPE_CHECKING:
    import socket
    from datetime import datetime
    from uuid import UUID

    from service.messages.mail_server import MailServer

STEP_SECONDS = 30.0  # for each answer of the server
WHOLE_SECONDS = 120.0  # for all of them
AT_ONCE_SECONDS = 10.0  # for all of them, while somebody waits for the answer
REFUSED_FOR_NOW, REFUSED_FOR_GOOD = range(400, 500), range(500, 600)  # RFC 5321 section 4.2.1


class Undelivered(Exception):
    """A message was not taken. `final` says that trying again is of no use; the text may be shown to managers."""

    def __init__(self, response: str, *, final: bool) -> None:
        """Keep what the server said."""
        super().__init__(response)
        self.response = response
        self.final = final


class Throttled(Undelivered):
    """Whoever hands messages on takes no more of them for now; `seconds` says for how long, where it was told."""

    def __init__(self, response: str, seconds: int | None = None) -> None:
        """Keep what was said."""
        super().__init__(response, final=False)
        self.seconds = seconds


async def send(
    server: MailServer,
    to: str,
    subject: str,
    body: str,
    *,
    id: UUID,
    now: datetime,
    seconds: float = WHOLE_SECONDS,
    sock: socket.socket | None = None,
) -> str:
    """Hand a message over and return what the server said. Raises Undelivered.

    `sock` is a connection to the server that is there already, and closed here; `seconds` are for all of it.
    """
    receiver = _on_the_wire(to)
    message = EmailMessage(policy=SMTP if receiver.isascii() else SMTPUTF8)
    message["From"] = server.sender
    message["To"] = receiver
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    # The same at every attempt: a receiver that was handed a message twice can tell.
    message["Message-ID"] = f"<{id}@{server.sender.rpartition('@')[2].rstrip('>')}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is on holiday for us
    message.set_content(body)
    try:
        async with asyncio.timeout(seconds):
            _, response = await aiosmtplib.send(
                message,
                hostname=server.host,
                port=None if sock is not None else server.port,
                sock=sock,
                username=server.user,
                password=server.password,
                use_tls=server.tls,
                start_tls=None if server.tls else server.starttls,
                timeout=min(STEP_SECONDS, seconds),
            )
    except SMTPRecipientsRefused as refused:
        codes = [each.code for each in refused.recipients]
        said = "; ".join(f"{each.code} {each.message}" for each in refused.recipients)
        if all(code in REFUSED_FOR_NOW for code in codes):
            raise Throttled(said) from None
        raise Undelivered(said, final=all(code in REFUSED_FOR_GOOD for code in codes)) from None
    except aiosmtplib.SMTPAuthenticationError as refused:
        # Ours to mend, not the message's fault.
        raise Undelivered(f"the server refused to let us in: {refused.code}", final=False) from None
    except SMTPResponseException as refused:
        if refused.code in REFUSED_FOR_NOW:
            raise Throttled(f"{refused.code} {refused.message}") from None
        final = refused.code in REFUSED_FOR_GOOD and isinstance(refused, aiosmtplib.SMTPDataError)
        raise Undelivered(f"{refused.code} {refused.message}", final=final) from None
    except aiosmtplib.SMTPNotSupported as missing:
        # Only an address that the server cannot write never works; the rest is a matter of how the server is set up.
        raise Undelivered(str(missing), final=not receiver.isascii()) from None
    except (SMTPException, OSError, TimeoutError) as error:
        raise Undelivered(f"{type(error).__name__}: {error}", final=False) from None
    return response


def _on_the_wire(address: str) -> str:
    """Return an address with its domain as DNS knows it; one with more than ASCII before the @ stays as it is."""
    try:
        return validate_email(address, check_deliverability=False).ascii_email or address
    except EmailNotValidError:  # kept by a version that knew other rules
        return address
