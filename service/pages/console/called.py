"""What the console calls those who did something: applications by name, and people before those who may see people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections import application_search
from service.pages.console.opening import READ_USER
from service.pages.person import people
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from aiohttp import web

    from service.pages.console.administrator import Administrator


async def names(request: web.Request, who: Administrator, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what those of these that may be named are called; others are absent."""
    parts, wanted = request.app[PARTS], set(ids)
    if not wanted:
        return {}
    named = await people(parts, wanted) if who.may(READ_USER) else {}
    programs = await application_search.names(parts.store.pool, who.signed_in.organization, wanted)
    return {**programs, **{user: one.name for user, one in named.items()}}
