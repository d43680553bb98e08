"""Decisions about many interface grants at once: up to 100 that are named, or all that wait.

Of those that are named each is decided for itself: what is refused is told with its code, and spoils nothing for the
others. Callers, permissions and rules are those of a single grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import InvalidExpiry, InvalidReason, ReasonMissing, UnknownAccount
from service.commands import interface_grant_batches
from service.doors.interfaces.sought import sought
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import Id, Input, Moment
from service.http.several import Outcomes, Several, decided
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from service.commands.interface_grant_batches import Decided

DOOR = TokenHeaderDoor("interface-grant-batches")


class ApprovedCount(Output):
    """How many were approved; `left_out` wait on, since the caller asked for them or they cannot be approved now."""

    approved: int
    left_out: int


class GrantApprovals(Several):
    """Which to approve, and until when: where null, as was asked for, or for a year."""

    expires_at: Moment | None = None


class GrantRejections(Several):
    """Which to reject, and why."""

    reason: str


class GrantDeletions(Several):
    """Which to delete."""


class EveryApproval(Input):
    """Which of those that wait: of an application, of an API resource, or those that a search finds; null: any.

    What was asked for from `submitted_before` on is left as it is: so nothing is approved that nobody has looked at.
    """

    organization: Id | None = None
    application: Id | None = None
    resource: Id | None = None
    search: str | None = None
    submitted_before: Moment | None = None
    expires_at: Moment | None = None


def _counted(done: Decided) -> Answer:
    return Answer({"approved": done.approved, "left_out": done.left_out})


@DOOR.route(
    "POST",
    "/api/interface-grants/approve",
    permission="approve_grant",
    summary="Put interface grants that wait in force",
    body=GrantApprovals,
    answer=Outcomes,
    refuses=(InvalidExpiry,),
)
async def approve(call: Call) -> Answer:
    body: GrantApprovals = call.body
    return await decided(call, interface_grant_batches.approve, ids=body.ids, expires_at=body.expires_at)


@DOOR.route(
    "POST",
    "/api/interface-grants/reject",
    permission="approve_grant",
    summary="Deny interface grants that wait, or end those that are in force",
    body=GrantRejections,
    answer=Outcomes,
    refuses=(InvalidReason, ReasonMissing),
)
async def reject(call: Call) -> Answer:
    return await decided(call, interface_grant_batches.reject, ids=call.body.ids, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/interface-grants/delete",
    permission="write_app",
    summary="Delete interface grants",
    body=GrantDeletions,
    answer=Outcomes,
)
async def delete(call: Call) -> Answer:
    return await decided(call, interface_grant_batches.delete, ids=call.body.ids)


@DOOR.route(
    "POST",
    "/api/interface-grants/approve-all",
    permission="approve_grant",
    summary="Put every interface grant that waits in force",
    body=EveryApproval,
    answer=ApprovedCount,
    refuses=(UnknownAccount, InvalidExpiry),
)
async def approve_all(call: Call) -> Answer:
    body: EveryApproval = call.body
    return await call.carry_out(
        interface_grant_batches.approve_all,
        _counted,
        organization=body.organization or call.by.organization,
        application=body.application,
        resource=body.resource,
        search=sought(body.search),
        submitted_before=body.submitted_before,
        expires_at=body.expires_at,
    )
