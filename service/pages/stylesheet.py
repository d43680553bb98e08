"""The one stylesheet of all pages, under an address that changes with it, so that it may be kept for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group

PATH = "/assets/muniment.css"
FILES = ("muniment.css", "console.css", "account.css", "interfaces.css", "grants.css")
TEXT = b"\n".join((Path(__file__).parent / "assets" / name).read_bytes() for name in FILES)
VERSION = hashlib.sha256(TEXT).hexdigest()[:16]
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


async def stylesheet(_: web.Request) -> web.Response:
    """Answer the stylesheet."""
    return web.Response(body=TEXT, content_type="text/css", charset="utf-8", headers=HEADERS)


ENDPOINT = Endpoint(
    "GET",
    PATH,
    stylesheet,
    Group.PAGES,
    "pages",
    "The look of the pages",
    {200: Reply("The stylesheet.", str, "text/css", ("Cache-Control",)), **UNAVAILABLE},
)
