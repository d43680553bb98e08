"""Who asks: a gateway proves itself as an application that holds `decide`, as the database has it at each question.

It does so in a header of its own, for `Authorization` belongs to the call: `Muniment-Gateway: Basic …`, client id and
secret written as for HTTP Basic. Questions that arrive together are proved together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permissions import DECIDE, allows
from service.access.questions import BadQuestion
from service.coalescer import LAPS, Coalescer
from service.oauth.client_authentication import Credentials, basic, verify
from service.oauth.clients import Client
from service.oauth.errors import OAuthError

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from service.clock import Clock
    from service.oauth.clients import Clients

HEADER = "Muniment-Gateway"


class Gateways:
    """The gateways of one worker."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        """Take where applications are read and what time it is."""
        self._clients = clients
        self._clock = clock
        self._proofs: Coalescer[str, Client | BadQuestion] = Coalescer(self._prove, laps=LAPS)

    def prove(self, header: str) -> asyncio.Future[Client | BadQuestion | None]:
        """Return the coming application behind a header, or why there is none. The question was sent already."""
        return self._proofs.get(header)

    async def _prove(self, headers: list[str]) -> dict[str, Client | BadQuestion]:
        presented = {header: _read(header) for header in headers}
        named = {one.client_id for one in presented.values() if isinstance(one, Credentials)}
        clients = await self._clients.several(named)
        now = self._clock.now()
        return {header: _judged(one, clients, now) for header, one in presented.items()}


def _read(header: str) -> Credentials | BadQuestion:
    try:
        return basic(header)
    except OAuthError as refused:
        return _unknown(refused.detail)


def _judged(presented: Credentials | BadQuestion, clients: dict[str, Client], now: datetime) -> Client | BadQuestion:
    if isinstance(presented, BadQuestion):
        return presented
    try:
        client = verify(presented, clients.get(presented.client_id), now, audiences=())
    except OAuthError as refused:
        return _unknown(refused.detail or refused.description)
    if not allows(client.permissions, DECIDE):
        return BadQuestion(f"The permission {DECIDE} is missing", code="gateway_not_permitted")
    return client


async def proved(coming: asyncio.Future[Client | BadQuestion | None]) -> Client:
    """Return the application, once it is known. Raises BadQuestion."""
    answer = await coming
    if isinstance(answer, Client):
        return answer
    refused = answer or _unknown("not looked up")
    # Several may have asked at once: each is told by an exception of its own.
    raise BadQuestion(refused.sentence, code=refused.code, detail=refused.detail)


def _unknown(detail: str) -> BadQuestion:
    """Return the one answer for an unknown application, a wrong secret and one that is not in use."""
    return BadQuestion(f"The gateway must prove itself in {HEADER}", code="unknown_gateway", detail=detail)
