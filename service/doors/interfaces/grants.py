"""/api/interface-grants: which application may call which interface, how often and until when.

Whoever may change applications (`write_app`) asks and deletes; `read_grant` reads; `approve_grant` decides. Nobody
approves their own request, nor one for a third party that they registered. There is one grant for an application and an
interface: what waits or is in force is not asked for twice, what was rejected or has expired may be asked for again.
Once its application or its interface is gone, so is a grant. The token of a caller may stand in the header
`X-Authorization-access_token` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from domain.interface import Method, Scope  # noqa: TC001 - pydantic reads them at run time
from domain.refusals import (
    GrantExpired,
    GrantNotEffective,
    GrantNotPending,
    InvalidExpiry,
    InvalidReason,
    ReasonMissing,
    RequestedAgain,
    SelfApproval,
    SignInOnly,
    ThirdPartyNotEffective,
    UnknownAccount,
    UnknownApplication,
    UnknownInterface,
    UnknownInterfaceGrant,
)
from projections import applications
from projections import interface_grant_pages as rows
from service.commands import interface_grant_batches, interface_grants
from service.commands.interface_grants import Wanted
from service.doors.interfaces.sought import sought
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, Page, page
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from domain import interface_grant
    from service.commands.interface_grants import Requested

DOOR = TokenHeaderDoor("interface-grants")
MOST = 100

Status = Literal["pending", "effective", "rejected", "expired"]
Calls = Annotated[int, pydantic.Field(ge=1, le=2**31 - 1)]


class InterfaceGrant(Output):
    """An application's grant for an interface. `frequency` and `test_frequency` are calls a minute.

    `expires_at` is what was asked for while the grant waits, and the end of its approval once it was approved.
    """

    id: Id
    organization: Id
    application: Id
    resource: Id
    interface: Id
    status: Status
    frequency: int
    test_frequency: int
    expires_at: Moment | None
    requested_by: Id
    requested_at: Moment
    decided_by: Id | None
    decided_at: Moment | None
    reason: str | None
    created_at: Moment
    updated_at: Moment


class NamedInterfaceGrant(InterfaceGrant):
    """A grant, and what people call its application, its interface and the API resource."""

    application_name: str
    client_id: str
    resource_identifier: str
    resource_name: str
    interface_identifier: str
    interface_name: str
    method: Method
    path: str
    scope: Scope


class AvailableInterface(Output):
    """An interface that may be asked for, and how often it is called unless something else is asked for."""

    id: Id
    resource: Id
    resource_identifier: str
    resource_name: str
    identifier: str
    name: str
    method: Method
    path: str
    scope: Scope
    frequency: int
    test_frequency: int


class RequestedGrants(Output):
    """The grants that wait now; `skipped` are the interfaces whose grants waited or were in force before."""

    requested: list[InterfaceGrant]
    skipped: list[Id]


class RequestedCount(Output):
    """How many grants wait now that did not before."""

    requested: int


DOCUMENT, READ, AVAILABLE = Document(InterfaceGrant), Document(NamedInterfaceGrant), Document(AvailableInterface)


class WantedInterface(Input):
    """An interface, and how many calls a minute are asked for; null: as many as the interface says."""

    interface: Id
    frequency: Calls | None = None
    test_frequency: Calls | None = None


class Request(Input):
    """Which interfaces an application is to call; `expires_at` null: for as long as whoever approves it says."""

    application: Id
    interfaces: list[WantedInterface] = pydantic.Field(min_length=1, max_length=MOST)
    expires_at: Moment | None = None


class RequestAll(Input):
    """For which application; of one API resource perhaps, and perhaps those alone that a search finds."""

    application: Id
    resource: Id | None = None
    search: str | None = None


class Approval(Input):
    """Until when and how often, as was asked for where null; for a year where nobody said until when.

    `requested_at`, as it was shown, makes sure that nothing else is approved than was looked at.
    """

    expires_at: Moment | None = None
    frequency: Calls | None = None
    test_frequency: Calls | None = None
    requested_at: Moment | None = None


class Rejection(Input):
    """Why, for whoever asked."""

    reason: str


class Filter(OrganizationPage):
    """Which grants. `search` is a part of what the application or the interface is called, or of the path."""

    application: Id | None = None
    resource: Id | None = None
    interface: Id | None = None
    status: Status | None = None
    search: str | None = None


class Selection(Page):
    """For which application. `search` is a part of what the interface is called, or of its path."""

    application: Id
    resource: Id | None = None
    search: str | None = None


def _shown(made: interface_grant.InterfaceGrant) -> Answer:
    return Answer(DOCUMENT.of(made))


def _requested(made: Requested) -> Answer:
    body = {"requested": [DOCUMENT.of(grant) for grant in made.grants], "skipped": made.skipped}
    return Answer(body, status=None if made.grants else 200)


def _counted(requested: int) -> Answer:
    return Answer({"requested": requested})


@DOOR.route(
    "GET",
    "/api/interface-grants",
    permission="read_grant",
    summary="List interface grants",
    query=Filter,
    answer=Listed[NamedInterfaceGrant],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.page(
        call.parts.store.pool,
        call.organization(query.organization),
        application=query.application,
        resource=query.resource,
        interface=query.interface,
        status=query.status,
        search=sought(query.search),
        after=query.after,
        limit=query.wanted,
        now=call.parts.clock.now(),
    )
    return page(found, query, READ.of_row)


@DOOR.route(
    "GET",
    "/api/interface-grants/available",
    permission="read_grant",
    summary="List the interfaces that an application has no grant for, and none that waits",
    query=Selection,
    answer=Listed[AvailableInterface],
    refuses=(UnknownApplication,),
)
async def available(call: Call) -> Answer:
    query: Selection = call.query
    pool = call.parts.store.pool
    call.seen(await applications.one(pool, query.application), UnknownApplication)
    found = await rows.available(
        pool,
        query.application,
        resource=query.resource,
        search=sought(query.search),
        after=query.after,
        limit=query.wanted,
        now=call.parts.clock.now(),
    )
    return page(found, query, AVAILABLE.of_row)


@DOOR.route(
    "POST",
    "/api/interface-grants",
    permission="write_app",
    summary="Ask for an application's right to call interfaces",
    body=Request,
    status=201,
    also=200,
    answer=RequestedGrants,
    refuses=(UnknownApplication, UnknownInterface, SignInOnly, ThirdPartyNotEffective, InvalidExpiry),
)
async def request(call: Call) -> Answer:
    body: Request = call.body
    return await call.carry_out(
        interface_grants.request,
        _requested,
        application=body.application,
        interfaces=[Wanted(one.interface, one.frequency, one.test_frequency) for one in body.interfaces],
        expires_at=body.expires_at,
    )


@DOOR.route(
    "POST",
    "/api/interface-grants/all",
    permission="write_app",
    summary="Ask for an application's right to call every interface that it has no grant for",
    body=RequestAll,
    answer=RequestedCount,
    refuses=(UnknownApplication, SignInOnly, ThirdPartyNotEffective),
)
async def request_all(call: Call) -> Answer:
    body: RequestAll = call.body
    return await call.carry_out(
        interface_grant_batches.request_all,
        _counted,
        application=body.application,
        resource=body.resource,
        search=sought(body.search),
    )


@DOOR.route(
    "GET",
    "/api/interface-grants/{interface_grant_id}",
    permission="read_grant",
    summary="Read an interface grant",
    answer=NamedInterfaceGrant,
    refuses=(UnknownInterfaceGrant,),
)
async def one(call: Call) -> Answer:
    grant = call.id("interface_grant_id", UnknownInterfaceGrant)
    row = await rows.one(call.parts.store.pool, grant, call.parts.clock.now())
    return Answer(READ.of_row(call.seen(row, UnknownInterfaceGrant)))


@DOOR.route(
    "POST",
    "/api/interface-grants/{interface_grant_id}/approve",
    permission="approve_grant",
    summary="Put an interface grant that waits in force",
    body=Approval,
    answer=InterfaceGrant,
    refuses=(
        UnknownInterfaceGrant,
        UnknownApplication,
        UnknownInterface,
        InvalidExpiry,
        GrantNotPending,
        GrantExpired,
        RequestedAgain,
        SelfApproval,
        SignInOnly,
        ThirdPartyNotEffective,
    ),
)
async def approve(call: Call) -> Answer:
    grant = call.id("interface_grant_id", UnknownInterfaceGrant)
    return await call.carry_out(interface_grants.approve, _shown, grant=grant, **call.body.stated())


@DOOR.route(
    "POST",
    "/api/interface-grants/{interface_grant_id}/reject",
    permission="approve_grant",
    summary="Deny an interface grant that waits, or end one that is in force",
    body=Rejection,
    answer=InterfaceGrant,
    refuses=(UnknownInterfaceGrant, GrantNotEffective, InvalidReason, ReasonMissing),
)
async def reject(call: Call) -> Answer:
    grant = call.id("interface_grant_id", UnknownInterfaceGrant)
    return await call.carry_out(interface_grants.reject, _shown, grant=grant, reason=call.body.reason)


@DOOR.route(
    "DELETE",
    "/api/interface-grants/{interface_grant_id}",
    permission="write_app",
    summary="Delete an interface grant: it may be asked for anew",
    status=204,
    refuses=(UnknownInterfaceGrant,),
)
async def delete(call: Call) -> Answer:
    grant = call.id("interface_grant_id", UnknownInterfaceGrant)
    return await call.carry_out(interface_grants.delete, no_content, grant=grant)
