"""The one settings object: what the `MUNIMENT_*` variables and the command line say, checked once at start."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.application import CLIENT_ID
from domain.refusals import Invalid
from domain.scope import audience as checked_audience
from service.messages.mail_server import BadAddress, MailServer
from service.secrets import ring_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Network = IPv4Network | IPv6Network
WORKERS_LIMIT = 64
OFF = "off"
"""In place of a sender's address: there is to be none, not even the outbox."""
PORT_LIMIT = 65535


class BadSetting(Exception):
    """A variable cannot be used; the message names it and says what is expected."""


@dataclass(frozen=True)
class Settings:
    """All settings. `port` 0 means a free one, `issuer` and `audiences` are complete once the port is known."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    database_url: str | None = None
    data_dir: Path = Path("var")
    issuer: str = ""
    management_audiences: tuple[str, ...] = ()
    root_client_id: str | None = None
    root_client_secret: str | None = field(default=None, repr=False)
    master_key: str | None = field(default=None, repr=False)
    signing_algorithm: str = "ES256"
    id_token_algorithm: str = "RS256"  # noqa: S105 - the name of an algorithm
    trusted_proxies: tuple[Network, ...] = ()
    log_level: str = "info"
    rate_limit: int | None = None
    journal_days: int = 90
    call_log_days: int = 90
    session_hours: int = 336
    expired_token_hours: int = 24
    archive_machine_days: int = 0
    archive_user_days: int = 0
    smtp_url: str | None = field(default=None, repr=False)
    sms_webhook_url: str | None = field(default=None, repr=False)
    outbound_allow: frozenset[tuple[str, int]] = frozenset()
    token_search_limit: int = 1000

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What is signed with: for access tokens, then, when it differs, for ID tokens."""
        return tuple(dict.fromkeys((self.signing_algorithm, self.id_token_algorithm)))

    @property
    def mail_server(self) -> MailServer | None:
        """Where mail is handed over, None for the outbox or nowhere. To be asked once the issuer is complete."""
        return None if self.smtp_url in (None, OFF) else MailServer.of(self.smtp_url, issuer=self.issuer)

    @property
    def default_audience(self) -> str:
        """The audience of tokens from endpoints whose dialect cannot name one."""
        return self.management_audiences[0]

    @property
    def archive_machine_age(self) -> timedelta | None:
        """How old events of machines' tokens must be to leave the log; None: they stay."""
        return timedelta(days=self.archive_machine_days) or None

    @property
    def archive_user_age(self) -> timedelta | None:
        """How old events of people's tokens must be to leave the log; None: they stay."""
        return timedelta(days=self.archive_user_days) or None


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment (the process's own when None). Raises BadSetting."""
    values = os.environ if environment is None else environment

    def text(name: str) -> str | None:
        return values.get(f"MUNIMENT_{name}", "").strip() or None

    def number(name: str, default: int, low: int, high: int) -> int:
        raw = text(name)
        if raw is None:
            return default
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            msg = f"MUNIMENT_{name} is a whole number from {low} to {high}, not {raw!r}"
            raise BadSetting(msg)
        return int(raw)

    level = (text("LOG_LEVEL") or "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        msg = f"MUNIMENT_LOG_LEVEL is debug, info, warning or error, not {level!r}"
        raise BadSetting(msg)
    issuer = text("ISSUER") or ""
    if issuer:
        issuer = _issuer(issuer)
    database_url = _database_url(text("DATABASE_URL"))
    master_key = _master_key(text("MASTER_KEY"))
    if database_url is not None and master_key is None:
        msg = "MUNIMENT_MASTER_KEY (32 bytes in base64) is required with MUNIMENT_DATABASE_URL"
        raise BadSetting(msg)
    rate = number("RATE_LIMIT", 0, 0, 10_000_000)
    return Settings(
        host=text("HOST") or "127.0.0.1",
        port=number("PORT", 8080, 0, PORT_LIMIT),
        workers=number("WORKERS", 1, 1, WORKERS_LIMIT),
        database_url=database_url,
        data_dir=Path(text("DATA_DIR") or "var").absolute(),
        issuer=issuer,
        management_audiences=_audiences(text("MANAGEMENT_AUDIENCES") or ""),
        root_client_id=_client_id(text("ROOT_CLIENT_ID")),
        root_client_secret=text("ROOT_CLIENT_SECRET"),
        master_key=master_key,
        signing_algorithm=_algorithm("SIGNING_ALGORITHM", text("SIGNING_ALGORITHM") or "ES256"),
        id_token_algorithm=_algorithm("ID_TOKEN_ALGORITHM", text("ID_TOKEN_ALGORITHM") or "RS256"),
        trusted_proxies=_networks(text("TRUSTED_PROXIES") or ""),
        log_level=level,
        rate_limit=rate or None,
        journal_days=number("JOURNAL_DAYS", 90, 1, 3650),
        call_log_days=number("CALL_LOG_DAYS", 90, 1, 3650),
        session_hours=number("SESSION_HOURS", 336, 1, 8760),
        expired_token_hours=number("EXPIRED_TOKEN_HOURS", 24, 1, 24 * 366),
        archive_machine_days=number("ARCHIVE_MACHINE_DAYS", 0, 0, 36_500),
        archive_user_days=number("ARCHIVE_USER_DAYS", 0, 0, 36_500),
        smtp_url=_smtp_url(text("SMTP_URL")),
        sms_webhook_url=_webhook_url(text("SMS_WEBHOOK_URL")),
        outbound_allow=_outbound_allow(text("OUTBOUND_ALLOW") or ""),
        token_search_limit=number("TOKEN_SEARCH_LIMIT", 1000, 1, 10_000),
    )


def _issuer(value: str) -> str:
    """Return the issuer, refused unless it is an http(s) URL without query or fragment (RFC 8414 section 2)."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        msg = f"MUNIMENT_ISSUER is an http(s) URL without query and fragment, not {value!r}"
        raise BadSetting(msg)
    return value.rstrip("/")


def _algorithm(name: str, value: str) -> str:
    if value not in ("ES256", "RS256", "EdDSA"):
        msg = f"MUNIMENT_{name} is ES256, RS256 or EdDSA, not {value!r}"
        raise BadSetting(msg)
    return value


def _database_url(value: str | None) -> str | None:
    """Return the address. What is wrong with it is not quoted: it holds a password."""
    if value is not None and urlsplit(value).scheme not in ("postgresql", "postgres"):
        msg = "MUNIMENT_DATABASE_URL is an address such as postgresql://user:password@host/database"
        raise BadSetting(msg)
    return value


def _smtp_url(value: str | None) -> str | None:
    """Return the address, or that there is to be none. What is wrong with it is not quoted: it may hold a password."""
    if value is not None and value.lower() == OFF:
        return OFF
    if value is not None:
        try:
            MailServer.of(value, issuer="")
        except BadAddress as problem:
            msg = f"MUNIMENT_SMTP_URL: {problem}"
            raise BadSetting(msg) from None
    return value


def _webhook_url(value: str | None) -> str | None:
    """Return the address, or that there is to be none. What is wrong with it is not quoted: it may hold a secret."""
    if value is None or value.lower() == OFF:
        return value and OFF
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        fits = False
    if not fits:
        msg = "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address without user, or off"
        raise BadSetting(msg)
    return value


def _master_key(value: str | None) -> str | None:
    if value is not None:
        try:
            ring_text.read(value)
        except ring_text.InvalidMasterKey as problem:
            msg = f"MUNIMENT_MASTER_KEY: {problem}"
            raise BadSetting(msg) from None
    return value


def _audiences(value: str) -> tuple[str, ...]:
    try:
        return tuple(checked_audience(part.strip()) for part in value.split(",") if part.strip())
    except Invalid as refusal:
        msg = f"MUNIMENT_MANAGEMENT_AUDIENCES is a list with commas. {refusal.sentence}, not {refusal.detail}"
        raise BadSetting(msg) from None


def _outbound_allow(value: str) -> frozenset[tuple[str, int]]:
    """Return the pairs of host and port, names in lower case, addresses in their one short form, without brackets."""
    pairs = set()
    for part in filter(None, (piece.strip() for piece in value.split(","))):
        try:
            parts = urlsplit(f"//{part}")
            host, port = parts.hostname or "", parts.port
            host = str(ip_address(host)) if ":" in host else host
        except ValueError:
            host, port = "", None
        if not host or not port or parts.netloc != part or parts.username is not None:
            msg = f"MUNIMENT_OUTBOUND_ALLOW is a list of host:port (hooks.internal:8443) with commas, not {part!r}"
            raise BadSetting(msg)
        pairs.add((host, port))
    return frozenset(pairs)


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as problem:
        msg = f"MUNIMENT_TRUSTED_PROXIES is a list of networks with commas, such as 10.0.0.0/8: {problem}"
        raise BadSetting(msg) from None


def _client_id(value: str | None) -> str | None:
    if value is not None and not CLIENT_ID.fullmatch(value):
        msg = f"MUNIMENT_ROOT_CLIENT_ID has 1 to 128 visible ASCII characters and no colon, unlike {value!r}"
        raise BadSetting(msg)
    return value
