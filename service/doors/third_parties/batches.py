"""/api/third-parties/approve, /reject and /delete: decisions about up to 100 third parties at once.

Each is decided for itself: what is refused is told with its code, and spoils nothing for the others. Callers,
permissions and rules are those of a single third party.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import InvalidExpiry, InvalidReason, ReasonMissing
from service.commands import third_party_batches
from service.http.input import Moment  # noqa: TC001 - pydantic reads it at run time
from service.http.several import Outcomes, Several, decided
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from service.http.call import Answer, Call

DOOR = TokenHeaderDoor("third-party-batches")


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
    return await decided(
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
    return await decided(call, third_party_batches.reject, ids=call.body.ids, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/third-parties/delete",
    permission="write_app",
    summary="Delete third parties: their tokens end",
    body=Deletions,
    answer=Outcomes,
)
async def delete(call: Call) -> Answer:
    return await decided(call, third_party_batches.delete, ids=call.body.ids, force=call.body.force)
