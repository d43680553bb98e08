"""Decisions about up to 100 things at once, as native doors ask for them and tell of them.

Each is decided for itself: what is refused is told with its code, and spoils nothing for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from service.http import problems
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import Input
from service.http.request import client_address
from service.parts import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.commands.one_by_one import One
    from service.store import store

MOST = 100


class Outcome(Output):
    """What became of one of them. `code` and `detail` say why it was refused, null where it was not."""

    id: str
    outcome: Literal["done", "refused"]
    code: str | None
    detail: str | None


class Outcomes(Output):
    """What became of each, in the order given, none twice."""

    results: list[Outcome]


class Several(Input):
    """Which ones, 1 to 100 of them."""

    ids: list[Annotated[str, pydantic.Field(max_length=64)]] = pydantic.Field(min_length=1, max_length=MOST)


async def decided(call: Call, command: Callable[..., Awaitable[store.Outcome[list[One]]]], **asked: Any) -> Answer:
    """Give the command, and put what it refused on record, as if each had been asked for by itself."""
    done: list[One] = []

    def told(outcome: list[One]) -> Answer:
        done[:] = outcome
        return Answer({"results": [_outcome(one) for one in outcome]})

    answer = await call.carry_out(command, told, **asked)
    for one in done:
        if one.refusal is not None:
            call.parts.refused.note(
                organization=call.by.organization,
                actor=call.by.actor,
                client=call.authenticated.client_id,
                operation=f"{call.route.method} {call.route.path}",
                status=problems.status_of(one.refusal),
                code=one.refusal.code,
                detail=f"{one.id!r}: {one.refusal.sentence}",
                request_id=call.request[REQUEST_ID],
                address=client_address(call.request),
            )
    return answer


def _outcome(one: One) -> dict[str, str | None]:
    if one.refusal is None:
        return {"id": one.id, "outcome": "done", "code": None, "detail": None}
    return {"id": one.id, "outcome": "refused", "code": one.refusal.code, "detail": one.refusal.sentence}
