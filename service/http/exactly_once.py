"""`Idempotency-Key`: a repeated request is answered as the first was, and carried out once.

Only answers to commands that were carried out are kept: a refusal changed nothing, so asking again is another attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from service.http.call import POSITION
from service.store.idempotency import StoredAnswer
from service.store.log import head
from service.store.refusals import InvalidIdempotencyKey

if TYPE_CHECKING:
    from service.http.call import Call
    from service.parts import Parts
    from service.store.idempotency import Attempt
    from service.store.pending import Remembered
    from service.store.refusals import AlreadyAnswered

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_HEADERS = ("Content-Type", "Cache-Control")


class OnceOnly:
    """One attempt at a request that may be repeated."""

    def __init__(self, parts: Parts, attempt: Attempt) -> None:
        """Take where answers are kept, and what identifies the request."""
        self._parts = parts
        self._attempt = attempt

    @property
    def key(self) -> bytes:
        """What the answer is kept under."""
        return self._attempt.digest

    async def find(self) -> web.Response | None:
        """Return the answer that was given before, None when there was none. Raises IdempotencyMismatch."""
        stored = await self._parts.idempotency.find(self._attempt)
        return None if stored is None else await self._again(stored)

    async def replay(self, answered: AlreadyAnswered) -> web.Response:
        """Return the answer of the request that won the race. Raises IdempotencyMismatch."""
        return await self._again(self._parts.idempotency.replay(self._attempt, answered))

    def remembered(self, response: web.Response) -> Remembered:
        """Return what to commit together with the events that this response tells about."""
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        body = response.body if isinstance(response.body, bytes) else b""
        return self._parts.idempotency.remembered(self._attempt, StoredAnswer(response.status, body, headers))

    async def _again(self, stored: StoredAnswer) -> web.Response:
        # The position of the first answer was not known when it was stored. The head lies at or after it.
        position = str(await head(self._parts.store.pool))
        return web.Response(
            status=stored.status,
            body=stored.body or None,
            headers={**stored.headers, POSITION: position, REPLAYED: "true"},
        )


async def replayed(call: Call, raw: bytes) -> web.Response | None:
    """Return the answer this request had before, else None, after which the call's answer is kept under its key.

    Keys are scoped by the client with the user it acts for, and by route. Raises InvalidIdempotencyKey and
    IdempotencyMismatch.
    """
    keys = call.request.headers.getall(HEADER, [])
    if not keys:
        return None
    if len(keys) > 1:
        raise InvalidIdempotencyKey
    attempt = call.parts.idempotency.attempt(
        client=f"{call.by.application} {call.by.actor}",
        route=f"{call.route.method} {call.route.path}",
        key=keys[0],
        method=call.route.method,
        path=call.request.raw_path,
        body=raw,
    )
    call.once = OnceOnly(call.parts, attempt)
    return await call.once.find()
