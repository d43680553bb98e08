"""One request as a handler sees it, and what the handler returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from domain.refusals import Unknown, UnknownAccount

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from domain.caller import Caller
    from service.http.bearer import Authenticated
    from service.http.exactly_once import OnceOnly
    from service.http.route import Route
    from service.parts import Parts
    from service.store.decision import Origin
    from service.store.pending import Remembered
    from service.store.store import Outcome, Store

P = ParamSpec("P")
T = TypeVar("T")
POSITION = "Muniment-Position"


@dataclass(slots=True)
class Answer:
    """What a handler returns. `body` None: no content. `position` becomes the Muniment-Position header.

    `status` is one that the route declares beside its own; None: the route's own.
    """

    body: Any = None
    position: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None


def no_content(_: object) -> Answer:
    """Answer a command that leaves nothing to tell."""
    return Answer()


@dataclass(slots=True)
class Call:
    """One request, authenticated and validated."""

    request: web.Request
    parts: Parts
    route: Route
    authenticated: Authenticated
    origin: Origin
    body: Any = None
    query: Any = None
    once: OnceOnly | None = None

    @property
    def by(self) -> Caller:
        """The caller as the rules see it."""
        return self.authenticated.caller

    def id(self, name: str, unknown: type[Unknown]) -> UUID:
        """Return a path parameter as an id; what is no UUID names nothing. Raises the given refusal."""
        text = self.request.match_info[name]
        try:
            value = UUID(text)
        except ValueError:
            raise unknown from None
        if str(value) != text.lower():
            raise unknown
        return value

    def seen(self, row: asyncpg.Record | None, unknown: type[Unknown]) -> asyncpg.Record:
        """Return a row of the caller's organization (of any, for root); another one does not exist for the caller."""
        if row is None or not self.by.sees(row["organization"]):
            raise unknown
        return row

    def organization(self, chosen: UUID | None) -> UUID | None:
        """Return whose things to list: the caller's own; for root the chosen organization's, or all (None)."""
        if self.by.is_root:
            return chosen
        if chosen not in (None, self.by.organization):
            raise UnknownAccount
        return self.by.organization

    async def carry_out(
        self,
        command: Callable[Concatenate[Store, Origin, Caller, P], Awaitable[Outcome[T]]],
        answer: Callable[[T], Answer],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Answer:
        """Give a command for this caller and answer with its outcome, kept under the Idempotency-Key if there is one.

        `answer` is called before the commit too, so that the answer is kept in the same transaction as the events.
        """
        remember: Callable[[T], Remembered] | None = None
        if self.once is not None:
            once = self.once

            def remember(value: T) -> Remembered:
                return once.remembered(render(answer(value), self.route.status))

        outcome = await command(self.parts.store, self.origin, self.by, *args, **kwargs, remember=remember)  # type: ignore[arg-type] # every command takes it
        done = answer(outcome.value)
        done.position = outcome.position
        return done


def render(answer: Answer, status: int) -> web.Response:
    """Return an answer as JSON, never stored by caches, with this status unless it has one of its own."""
    status = answer.status or status
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.position is not None:
        headers[POSITION] = str(answer.position)
    if answer.body is None:
        return web.Response(status=status, headers=headers)
    return web.Response(
        body=msgspec.json.encode(answer.body),
        status=status,
        content_type="application/json",
        headers=headers,
    )
