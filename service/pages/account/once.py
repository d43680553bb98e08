"""Forms whose answer shows a secret: each is taken once.

The secret stands in the answer to the form and nowhere else, no address and no cookie leads to it again. So whoever
reloads that answer sends the form anew, and must not be given a second one unawares: a form carries an id of its own,
and one that was taken before is answered by the page as it is by now, without a secret.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from service.parts import PARTS
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import web

    from service.pages.account.holder import Holder

FIELD = "once"
LIFETIME = timedelta(hours=1)
REMEMBERED = 2 * LIFETIME
MILLISECONDS_AT = 80  # of a UUIDv7: its first 48 bits


def new(request: web.Request) -> str:
    """Return the id of a new form."""
    return str(request.app[PARTS].clock.new_id())


@asynccontextmanager
async def taking(request: web.Request, who: Holder, form: Mapping[str, str]) -> AsyncIterator[bool]:
    """Take a form for what is done meanwhile; False: it was taken before, is older than an hour, or none of ours.

    When that is refused or fails, the form may be sent again.
    """
    parts = request.app[PARTS]
    made = _made(form.get(FIELD, ""))
    now = int(parts.clock.now().timestamp() * 1000)
    if made is None or now - made[1] >= LIFETIME / timedelta(milliseconds=1):
        yield False
        return
    bucket = Bucket.of("account-form", who.user.bytes, made[0].bytes, burst=1, every=REMEMBERED.total_seconds())
    if await parts.throttle.wait(bucket):
        yield False
        return
    try:
        yield True
    except Exception:
        await parts.throttle.succeeded(bucket)
        raise


def _made(text: str) -> tuple[UUID, int] | None:
    """Return an id and when it was made, in milliseconds since 1970; None for any other text."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return (found, found.int >> MILLISECONDS_AT) if found.version == 7 else None  # noqa: PLR2004 - RFC 9562
