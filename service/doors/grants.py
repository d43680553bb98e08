"""/api/grants: requests for an application's right to an audience, and their approval.

Whoever may change applications (`write_app`) may ask; `read_grant` reads; `approve_grant` approves, rejects, revokes.
Nobody approves their own request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant import Status  # noqa: TC001 - pydantic reads it at run time
from domain.refusals import (
    GrantExpired,
    GrantNotEffective,
    GrantNotPending,
    InvalidAudience,
    InvalidExpiry,
    InvalidReason,
    InvalidScope,
    MissingPermission,
    RootRequired,
    SelfApproval,
    SignInOnly,
    TooMany,
    UnknownAccount,
    UnknownApplication,
    UnknownGrant,
)
from projections import grants as rows
from service.commands import grants
from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, page

if TYPE_CHECKING:
    from domain import grant

DOOR = Door("grants")


class Grant(Output):
    """A grant."""

    id: Id
    organization: Id
    application: Id
    audience: str
    scope: list[str]
    status: Status
    requested_by: Id
    expires_at: Moment | None
    created_at: Moment
    updated_at: Moment


class DecidedGrant(Grant):
    """A grant, and who decided on it."""

    decided_by: Id | None
    reason: str | None


DOCUMENT, READ = Document(Grant), Document(DecidedGrant)


class NewGrant(Input):
    """A right asked for; `expires_at` null: until it is revoked."""

    application: Id
    audience: str
    scope: list[str]
    expires_at: Moment | None = None


class Approval(Input):
    """Until when the right is in force; null: as was asked for."""

    expires_at: Moment | None = None


class Reason(Input):
    """Why, for the auditors."""

    reason: str | None = None


class Filter(OrganizationPage):
    """Which grants."""

    application: Id | None = None
    status: Status | None = None


def _shown(made: grant.Grant) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/grants",
    permission="write_app",
    summary="Ask for a right",
    body=NewGrant,
    status=201,
    answer=Grant,
    refuses=(
        UnknownApplication,
        SignInOnly,
        InvalidAudience,
        InvalidScope,
        TooMany,
        InvalidExpiry,
        RootRequired,
        MissingPermission,
    ),
)
async def request(call: Call) -> Answer:
    body: NewGrant = call.body
    return await call.carry_out(
        grants.request,
        _shown,
        application=body.application,
        audience=body.audience,
        scope=body.scope,
        expires_at=body.expires_at,
    )


@DOOR.route(
    "GET",
    "/api/grants",
    permission="read_grant",
    summary="List grants",
    query=Filter,
    answer=Listed[DecidedGrant],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.page(
        call.parts.store.pool,
        call.organization(query.organization),
        application=query.application,
        status=query.status,
        after=query.after,
        limit=query.wanted,
    )
    return page(found, query, READ.of_row)


@DOOR.route(
    "GET",
    "/api/grants/{grant_id}",
    permission="read_grant",
    summary="Read a grant and who decided on it",
    answer=DecidedGrant,
    refuses=(UnknownGrant,),
)
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("grant_id", UnknownGrant))
    return Answer(READ.of_row(call.seen(row, UnknownGrant)))


@DOOR.route(
    "POST",
    "/api/grants/{grant_id}/approve",
    permission="approve_grant",
    summary="Put a right in force",
    body=Approval,
    answer=Grant,
    refuses=(
        UnknownGrant,
        UnknownApplication,
        SignInOnly,
        InvalidExpiry,
        GrantNotPending,
        GrantExpired,
        SelfApproval,
        RootRequired,
        MissingPermission,
    ),
)
async def approve(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.approve, _shown, grant=grant, expires_at=call.body.expires_at)


@DOOR.route(
    "POST",
    "/api/grants/{grant_id}/reject",
    permission="approve_grant",
    summary="Deny a right",
    body=Reason,
    answer=Grant,
    refuses=(UnknownGrant, InvalidReason, GrantNotPending),
)
async def reject(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.reject, _shown, grant=grant, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/grants/{grant_id}/revoke",
    permission="approve_grant",
    summary="End a right",
    body=Reason,
    answer=Grant,
    refuses=(UnknownGrant, InvalidReason, GrantNotEffective),
)
async def revoke(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.revoke, _shown, grant=grant, reason=call.body.reason)
