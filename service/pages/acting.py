"""What somebody signed in does: in their own name, on the strength of a session that still lives when it commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import UnknownSession
from service.parts import PARTS, REQUEST_ID
from service.store.decision import Origin

if TYPE_CHECKING:
    from aiohttp import web

    from service.sessions import SignedIn


def origin_of(request: web.Request, signed_in: SignedIn) -> Origin:
    """Return where a command of this person's comes from.

    When the ground moves, the session is looked up again: the command raises UnknownSession when it is over.
    """

    async def renew() -> Origin:
        present = await request.app[PARTS].sessions.present(request)
        if present is None or present.id != signed_in.id:
            raise UnknownSession
        return origin_of(request, present)

    return Origin(
        actor=signed_in.user,
        organization=signed_in.organization,
        client=None,
        request_id=request[REQUEST_ID],
        reads=signed_in.guards,
        renew=renew,
    )
