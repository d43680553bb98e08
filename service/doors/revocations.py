"""/api/tokens/revoke: ending many tokens at once, with `revoke_token`. One event, however many tokens it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import (
    InvalidEndUser,
    InvalidReason,
    NothingToRevoke,
    UnknownAccount,
    UnknownApplication,
    UnknownUser,
)
from projections import applications, users
from service.commands import revocations
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.door import Door
from service.http.input import Id, Input, Moment

if TYPE_CHECKING:
    from uuid import UUID

    from domain import revocation

DOOR = Door("revocations")


class Target(Input):
    """Whose tokens end: those that match everything named, of which there is at least one.

    `before` keeps those issued from that time on; `cascade` false keeps refresh tokens.
    """

    application: Id | None = None
    user: Id | None = None
    end_user: str | None = None
    before: Moment | None = None
    cascade: bool = True
    reason: str | None = None
    organization: Id | None = None


class Revocation(Output):
    """What was revoked: the revocation's own id, and whose tokens ended when.

    `tokens` counts the access tokens that it ended, up to 1000; `more` says that there were others. Those that were
    issued while it was recorded are not counted, ended they are.
    """

    id: Id
    organization: Id
    application: Id | None
    user: Id | None
    end_user: str | None
    before: Moment | None
    cascade: bool
    recorded_at: Moment
    tokens: int
    more: bool


@DOOR.route(
    "POST",
    "/api/tokens/revoke",
    permission="revoke_token",
    summary="End the tokens of an application, a user or an end user",
    body=Target,
    answer=Revocation,
    refuses=(UnknownAccount, UnknownApplication, UnknownUser, NothingToRevoke, InvalidEndUser, InvalidReason),
)
async def revoke(call: Call) -> Answer:
    body: Target = call.body
    organization = body.organization or await _organization(call, body)
    tokens, more = await revocations.count(
        call.parts.store,
        call.by,
        organization=organization,
        application=body.application,
        user=body.user,
        end_user=body.end_user,
        before=body.before,
    )

    def shown(made: revocation.Revocation) -> Answer:
        return Answer(
            {
                "id": made.id,
                "organization": organization,
                "application": body.application,
                "user": body.user,
                "end_user": body.end_user,
                "before": body.before,
                "cascade": body.cascade,
                "recorded_at": made.created_on,
                "tokens": tokens,
                "more": more,
            }
        )

    return await call.carry_out(
        revocations.record,
        shown,
        organization=organization,
        application=body.application,
        user=body.user,
        end_user=body.end_user,
        before=body.before,
        cascade=body.cascade,
        reason=body.reason,
    )


async def _organization(call: Call, body: Target) -> UUID:
    """Return the caller's organization; for root, that of the application or user which is named."""
    row = None
    if call.by.is_root and body.application is not None:
        row = await applications.one(call.parts.store.pool, body.application)
    elif call.by.is_root and body.user is not None:
        row = await users.one(call.parts.store.pool, body.user)
    organization: UUID = call.by.organization if row is None else row["organization"]
    return organization
