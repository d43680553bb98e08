"""Where mail is handed over: what MUNIMENT_SMTP_URL says, read apart from the code that sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

PORTS = {"smtp": 25, "smtps": 465}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
STARTTLS = {"": True, "require": True, "offered": None, "never": False}


class BadAddress(ValueError):
    """The URL cannot be used; the message says what is expected, and quotes nothing: it may hold a password."""


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over, and in whose name. `starttls` None: when the server offers it."""

    host: str
    port: int
    sender: str
    tls: bool = False
    starttls: bool | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, *, issuer: str) -> MailServer:
        """Read smtp://user:password@host:port, or smtps://…; `?starttls` insists on it, `&from=` names the sender.

        Without `from`, the sender is no-reply at the issuer's host. With a password, STARTTLS is insisted on unless
        `starttls` says otherwise or the server is this very machine. Raises BadAddress.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
            query = parse_qs(parts.query, keep_blank_values=True)
        except ValueError:
            raise BadAddress("it is smtp://user:password@host:port, or smtps://…") from None
        known = query.keys() <= {"starttls", "from"} and all(len(values) == 1 for values in query.values())
        if (
            parts.scheme not in PORTS
            or not parts.hostname
            or parts.path not in ("", "/")
            or parts.fragment
            or not known
        ):
            raise BadAddress("it is smtp://user:password@host:port, or smtps://…, with ?starttls and &from=… perhaps")
        [starttls] = query.get("starttls", ["offered"])
        if starttls not in STARTTLS or (parts.scheme == "smtps" and starttls not in ("offered", "never")):
            raise BadAddress("starttls is require, offered or never, and smtps needs none")
        secured = STARTTLS[starttls]
        if parts.username and "starttls" not in query and parts.hostname not in LOOPBACK:
            secured = True  # a password crosses no network in the clear unless somebody says so
        [sender] = query.get("from", [f"no-reply@{urlsplit(issuer).hostname or 'localhost'}"])
        return cls(
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            sender=sender,
            tls=parts.scheme == "smtps",
            starttls=False if parts.scheme == "smtps" else secured,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )
