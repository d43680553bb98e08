"""/api/interfaces: what can be called of an API resource, by whom, and how often.

`read_api` reads, `write_api` creates, changes and deletes. An interface answers a method, or `*` for every one that no
other names, and a path such as `/orders/{id}`; no two of a resource have the same. Its identifier never changes.
Whatever else does, the grants for it stay; they end with it. The token of a caller may stand in the header
`X-Authorization-access_token` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.interface import FREQUENCY, TEST_FREQUENCY, Method, Scope
from domain.refusals import (
    AddressTaken,
    IdentifierTaken,
    InvalidApiIdentifier,
    InvalidDescription,
    InvalidName,
    InvalidPath,
    TooManyInterfaces,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownApiResource,
    UnknownInterface,
)
from projections import interfaces as rows
from service.commands import interfaces
from service.doors.interfaces.sought import sought
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, page
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from domain import interface

DOOR = TokenHeaderDoor("interfaces")
DETAILS = (InvalidName, InvalidPath, InvalidDescription, AddressTaken)
MOST = 2**31 - 1


class Interface(Output):
    """An interface. `frequency` is how many calls a minute are let pass, `test_frequency` how many that are tests.

    Each application that is granted it has so many of its own; of an `anonymous` one, which takes no token, each
    address. `submit_limited`: calls that may change something are refused.
    """

    id: Id
    organization: Id
    resource: Id
    identifier: str
    name: str
    method: Method
    path: str
    frequency: int
    test_frequency: int
    submit_limited: bool
    scope: Scope
    description: str | None
    created_at: Moment
    updated_at: Moment


DOCUMENT = Document(Interface)


class Creation(Input):
    """A new interface of an API resource."""

    resource: Id
    identifier: str
    name: str
    method: Method
    path: str
    frequency: int = pydantic.Field(default=FREQUENCY, ge=1, le=MOST)
    test_frequency: int = pydantic.Field(default=TEST_FREQUENCY, ge=1, le=MOST)
    submit_limited: bool = False
    scope: Scope = Scope.AUTHORIZED
    description: str | None = None


class Change(Input):
    """What is to be different; resource and identifier never change. `description` null removes it."""

    name: str = ""
    method: Method = Method.GET
    path: str = ""
    frequency: int = pydantic.Field(default=FREQUENCY, ge=1, le=MOST)
    test_frequency: int = pydantic.Field(default=TEST_FREQUENCY, ge=1, le=MOST)
    submit_limited: bool = False
    scope: Scope = Scope.AUTHORIZED
    description: str | None = None


class Filter(OrganizationPage):
    """Which interfaces. `search` is a part of the name, of the identifier or of the path, in upper or lower case."""

    resource: Id | None = None
    search: str | None = None
    method: Method | None = None
    scope: Scope | None = None


def _shown(made: interface.Interface) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/interfaces",
    permission="write_api",
    summary="Create an interface",
    body=Creation,
    status=201,
    answer=Interface,
    refuses=(UnknownApiResource, InvalidApiIdentifier, IdentifierTaken, TooManyInterfaces, *DETAILS),
)
async def create(call: Call) -> Answer:
    body: Creation = call.body
    return await call.carry_out(
        interfaces.create,
        _shown,
        resource=body.resource,
        identifier=body.identifier,
        name=body.name,
        method=body.method,
        path=body.path,
        frequency=body.frequency,
        test_frequency=body.test_frequency,
        submit_limited=body.submit_limited,
        scope=body.scope,
        description=body.description,
    )


@DOOR.route(
    "GET",
    "/api/interfaces",
    permission="read_api",
    summary="List interfaces",
    query=Filter,
    answer=Listed[Interface],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.page(
        call.parts.store.pool,
        call.organization(query.organization),
        resource=query.resource,
        search=sought(query.search),
        method=query.method,
        scope=query.scope,
        after=query.after,
        limit=query.wanted,
    )
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/interfaces/{interface_id}",
    permission="read_api",
    summary="Read an interface",
    answer=Interface,
    refuses=(UnknownInterface,),
)
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("interface_id", UnknownInterface))
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownInterface)))


@DOOR.route(
    "PATCH",
    "/api/interfaces/{interface_id}",
    permission="write_api",
    summary="Change an interface",
    body=Change,
    answer=Interface,
    refuses=(UnknownInterface, *DETAILS),
)
async def change(call: Call) -> Answer:
    interface = call.id("interface_id", UnknownInterface)
    return await call.carry_out(interfaces.change, _shown, interface=interface, **call.body.stated())


@DOOR.route(
    "DELETE",
    "/api/interfaces/{interface_id}",
    permission="write_api",
    summary="Delete an interface, and withdraw the grants for it",
    status=204,
    refuses=(UnknownInterface, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    interface = call.id("interface_id", UnknownInterface)
    return await call.carry_out(interfaces.delete, no_content, interface=interface)
