"""Forms that only our own pages can send.

A form carries a token bound to its path and to whom it was shown: the session, or before there is one, the browser, by
a cookie for it alone. Another site can neither read it nor make it. Besides, browsers tell where a form came from, and
one that says it came from elsewhere is refused whatever token it carries.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from service.parts import PARTS
from service.secrets.digests import has_checksum, new_secret, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.parts import Parts
    from service.sessions import SignedIn

COOKIE = "__Host-muniment-form"
PREFIX = "mun_form_"
LENGTH = len(new_secret(PREFIX))
FIELD = "csrf"
PURPOSE = "form"
OF_OUR_OWN = frozenset({"same-origin", "none"})  # "none": by the address bar, a bookmark or a reload
DEFAULT_PORTS = {"http": 80, "https": 443}


class Shown(NamedTuple):
    """To whom a form was shown. `cookie` has to be set for it: None when it is there or not needed."""

    text: str
    cookie: str | None = None


def shown_to(request: web.Request, signed_in: SignedIn | None = None) -> Shown:
    """Return to whom this request's page is shown: a session, or a browser, which gets a cookie if it has none."""
    if signed_in is not None:
        return Shown(f"session:{signed_in.id}")
    cookie = request.cookies.get(COOKIE, "")
    if len(cookie) == LENGTH and cookie.startswith(PREFIX) and has_checksum(cookie):
        return Shown(f"browser:{cookie}")
    cookie = new_secret(PREFIX)
    return Shown(f"browser:{cookie}", cookie)


def token(parts: Parts, path: str, shown: Shown) -> str:
    """Return the token of a form that is sent to this path."""
    return _text(parts.ring.mac(PURPOSE, _bound(path, shown)))


def genuine(request: web.Request, form: Mapping[str, str], path: str, shown: Shown) -> bool:
    """Say whether a form was sent by a page of ours that this browser was shown."""
    parts, presented = request.app[PARTS], form.get(FIELD, "")
    if shown.cookie is not None or not from_here(request):
        return False
    for attempt in range(2):
        if attempt:
            parts.reload_ring()  # another worker may have made it with a newer key
        fits = [same(presented, _text(raw)) for raw in parts.ring.mac_all(PURPOSE, _bound(path, shown))]
        if any(fits):
            return True
    return False


def from_here(request: web.Request) -> bool:
    """Say whether nothing that the browser tells of where a form came from speaks of another site."""
    ours = origin(request.app[PARTS].settings.issuer)
    origins, sites = request.headers.getall("Origin", []), request.headers.getall("Sec-Fetch-Site", [])
    return all(one == ours for one in origins) and OF_OUR_OWN.issuperset(sites)


def remember(response: web.StreamResponse, shown: Shown) -> None:
    """Let the browser keep what its form is bound to."""
    if shown.cookie is not None:
        response.set_cookie(COOKIE, shown.cookie, path="/", secure=True, httponly=True, samesite="Lax")


def forget(response: web.StreamResponse) -> None:
    """End what forms of this browser were bound to: who has signed in begins anew."""
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")


def origin(url: str) -> str:
    """Return the origin of a URL as browsers write it (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _bound(path: str, shown: Shown) -> bytes:
    return f"{path} {shown.text}".encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
