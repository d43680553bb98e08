"""/api/third-parties/approve, /reject and /delete: decisions about up to 100 third parties at once.

Each is decided for itself: what is refused is told with its code, and spoils nothing for the others. Callers,
permissions and rules are those of a single third party.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from domain.refusals import InvalidExpiry, InvalidReason, ReasonMissing
from service.commands import third_party_batches
from service.doors.third_parties.frame import ThirdPartyDoor
from service.http import problems
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import Input, Moment
from service.http.request import client_address
from service.parts import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.commands.third_party_batches import One
    from service.store import store

DOOR = ThirdPartyDoor("third-party-batches")
MOST = 100


class Outcome(Output):
    """What became of one third party. `code` and `detail` say why it was refused, null where it was not."""

    id: str
    outcome: Literal["done", "refused"]
    code: str | None
    detail: str | None


class Outcomes(Output):
    """What became of each, in the order given, none twice."""

    results: list[Outcome]


class Several(Input):
    """Which third parties, 1 to 100 of them."""

    ids: list[Annotated[str, pydantic.Field(max_length=64)]] = pydantic.Field(min_length=1, max_length=MOST)


class Approvals(Several):
    """Which to approve, and until when: null for a year. `trusted`: people may give them their passwords."""

    expires_at: Moment | None = None
    trusted: bool = False


class Rejections(Several):
    """Which to reject, and why."""

    reason: str


class Deletions(Several):
    """Which to delete, and whether those that are in effect may go, too."""

    force: bool = False


def _told(done: list[One]) -> Answer:
    return Answer({"results": [_outcome(one) for one in done]})


def _outcome(one: One) -> dict[str, str | None]:
    if one.refusal is None:
        return {"id": one.id, "outcome": "done", "code": None, "detail": None}
    return {"id": one.id, "outcome": "refused", "code": one.refusal.code, "detail": one.refusal.sentence}


async def _decided(call: Call, command: Callable[..., Awaitable[store.Outcome[list[One]]]], **asked: Any) -> Answer:
    """Give the command, and put what it refused on record, as if each had been asked for by itself."""
    done: list[One] = []

    def told(outcome: list[One]) -> Answer:
        done[:] = outcome
        return _told(outcome)

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


@DOOR.route(
    "POST",
    "/api/third-parties/approve",
    permission="approve_grant",
    summary="Let third parties that wait be used",
    body=Approvals,
    answer=Outcomes,
    refuses=(InvalidExpiry,),
)
async def approve(call: Call) -> Answer:
    body: Approvals = call.body
    return await _decided(
        call, third_party_batches.approve, ids=body.ids, expires_at=body.expires_at, trusted=body.trusted
    )


@DOOR.route(
    "POST",
    "/api/third-parties/reject",
    permission="approve_grant",
    summary="Let third parties not be used, also those that were: their tokens end",
    body=Rejections,
    answer=Outcomes,
    refuses=(InvalidReason, ReasonMissing),
)
async def reject(call: Call) -> Answer:
    return await _decided(call, third_party_batches.reject, ids=call.body.ids, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/third-parties/delete",
    permission="write_app",
    summary="Delete third parties: their tokens end",
    body=Deletions,
    answer=Outcomes,
)
async def delete(call: Call) -> Answer:
    return await _decided(call, third_party_batches.delete, ids=call.body.ids, force=call.body.force)
