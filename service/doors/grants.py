"""/api/grants: requests for an application's right to an audience, and their approval.

Whoever may change applications (`write_app`) may ask; `read_grant` reads; `approve_grant` approves, rejects, revokes.
Nobody approves their own request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant import Status  # noqa: TC001 - pydantic reads it at run time
from domain.refusals import UnknownGrant
from projections import grants as rows
from service.commands import grants
from service.http.call import Answer, Call
from service.http.document import Document
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import OrganizationPage, page

if TYPE_CHECKING:
    from typing import Any

    from domain.grant import Grant
    from service.http.document import Row

DOOR = Door("grants")
DOCUMENT = Document("id", "organization", "application", "audience", "scope", "status", "requested_by", "expires_at")


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


def _shown(grant: Grant) -> Answer:
    return Answer(DOCUMENT.of(grant))


def _of_row(row: Row) -> dict[str, Any]:
    return {**DOCUMENT.of_row(row), "decided_by": row["decided_by"], "reason": row["reason"]}


@DOOR.route("POST", "/api/grants", permission="write_app", summary="Ask for a right", body=NewGrant, status=201)
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


@DOOR.route("GET", "/api/grants", permission="read_grant", summary="List grants", query=Filter)
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
    return page(found, query, _of_row)


@DOOR.route("GET", "/api/grants/{grant_id}", permission="read_grant", summary="Read a grant and who decided on it")
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("grant_id", UnknownGrant))
    return Answer(_of_row(call.seen(row, UnknownGrant)))


@DOOR.route(
    "POST",
    "/api/grants/{grant_id}/approve",
    permission="approve_grant",
    summary="Put a right in force",
    body=Approval,
)
async def approve(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.approve, _shown, grant=grant, expires_at=call.body.expires_at)


@DOOR.route("POST", "/api/grants/{grant_id}/reject", permission="approve_grant", summary="Deny a right", body=Reason)
async def reject(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.reject, _shown, grant=grant, reason=call.body.reason)


@DOOR.route("POST", "/api/grants/{grant_id}/revoke", permission="approve_grant", summary="End a right", body=Reason)
async def revoke(call: Call) -> Answer:
    grant = call.id("grant_id", UnknownGrant)
    return await call.carry_out(grants.revoke, _shown, grant=grant, reason=call.body.reason)
