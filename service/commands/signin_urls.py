"""Where an invited person may be led to after accepting: to where the organization's applications live, nowhere else.

An address that anybody could choose would make our page, and our name, the bait of an open redirect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.redirect_uri import LOOPBACK
from domain.refusals import InvalidSigninUrl
from projections import applications

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

LIMIT = 2048
PORTS = {"https": 443, "http": 80}


async def checked(pool: asyncpg.Pool, organization: UUID, url: str | None) -> str | None:
    """Return the address as it is, None for none.

    It is https, or http to this very machine, on the origin of a redirect URI of one of the organization's active
    applications. Raises InvalidSigninUrl.
    """
    if not url:
        return None
    wanted = origin(url)
    if wanted is None or wanted not in {origin(uri) for uri in await applications.redirect_uris_of(pool, organization)}:
        raise InvalidSigninUrl(field="signin_url")
    return url


def origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address that a browser may be sent to, None for every other text."""
    if len(url) > LIMIT or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\<>"'):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None or parts.password is not None or parts.scheme not in PORTS:
        return None
    if parts.scheme == "http" and host not in LOOPBACK:
        return None
    return parts.scheme, host, port or PORTS[parts.scheme]
