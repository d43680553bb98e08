"""Redirect URIs: where the answers of sign-in may go. Kept and compared as exact strings (RFC 9700 section 4.1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from domain.refusals import InvalidRedirectUri, TooMany

REDIRECT_URI_LIMIT = 2048
REDIRECT_URI_LIST_LIMIT = 50
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# The characters of RFC 3986 without "#" (a fragment, RFC 6749 section 3.1.2) and "*" (no wildcards here).
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
# RFC 8252 section 7.3, and no "localhost": it can be resolved to another interface (section 8.3).
_ON_LOOPBACK = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\])(:(?P<port>[0-9]{1,5}))?(?P<rest>([/?][A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]*)?)"
)
LAST_PORT = 65_535
# RFC 8252 section 7.1: a scheme of one's own is a domain name reversed, so it holds a dot.
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+")


def redirect_uri_list(values: Iterable[str], *, private_use: bool, field: str = "redirect_uris") -> tuple[str, ...]:
    """Return the URIs as they are, each once, in the order given.

    Each is https, or http to this very machine, or, with `private_use`, of a scheme that an installed application owns.
    Raises InvalidRedirectUri or TooMany (more than 50).
    """
    uris = tuple(dict.fromkeys(values))
    if len(uris) > REDIRECT_URI_LIST_LIMIT:
        raise TooMany(f"more than {REDIRECT_URI_LIST_LIMIT} redirect URIs", field=field)
    for uri in uris:
        if not _well_formed(uri, private_use=private_use):
            raise InvalidRedirectUri(repr(uri), field=field)
    return uris


def matches(registered: Iterable[str], given: str, *, native: bool) -> bool:
    """Whether answers may go to a URI: it is a registered one, character by character.

    The one exception is the port that an installed application listens on: with `native`, a registered http address of
    the loopback interface, written as an IP address, stands for every port of it (RFC 8252 section 7.3).
    """
    uris = list(registered)
    if given in uris:
        return True
    portless = _without_port(given) if native else None
    return portless is not None and any(_without_port(uri) == portless for uri in uris)


def _without_port(uri: str) -> str | None:
    """Return a loopback address without its port, all else as it is written; None for any other URI."""
    found = _ON_LOOPBACK.fullmatch(uri) if len(uri) <= REDIRECT_URI_LIMIT else None
    if found is None or int(found["port"] or 0) > LAST_PORT:
        return None
    return f"http://{found['host']}{found['rest']}"


def _well_formed(uri: str, *, private_use: bool) -> bool:
    if len(uri) > REDIRECT_URI_LIMIT or not _CHARACTERS.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:  # such as an unclosed bracket, or a port that is no number
        return False
    if parts.username is not None or parts.password is not None:
        return False
    match parts.scheme:
        case "https":
            return bool(host)
        case "http":
            return host in LOOPBACK
        case scheme:
            return private_use and uri.startswith(f"{scheme}:/") and bool(_PRIVATE_USE.fullmatch(scheme))
