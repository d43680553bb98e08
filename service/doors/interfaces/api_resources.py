"""/api/api-resources: the services whose interfaces applications may be granted.

`read_api` reads, `write_api` creates, changes and deletes. An identifier never changes, and is told apart from others
of the organization without regard to letter case. The token of a caller may stand in the header
`X-Authorization-access_token` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain.refusals import (
    AccountNotActive,
    ApiResourceInUse,
    IdentifierTaken,
    InvalidApiIdentifier,
    InvalidAudience,
    InvalidDescription,
    InvalidName,
    InvalidUri,
    TooManyApiResources,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownApiResource,
)
from projections import interfaces as rows
from service.commands import api_resources
from service.doors.interfaces.sought import sought
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, page
from service.http.token_header import TokenHeaderDoor

if TYPE_CHECKING:
    from domain import api_resource

DOOR = TokenHeaderDoor("api-resources")
DETAILS = (InvalidName, InvalidUri, InvalidAudience, InvalidDescription)


class ApiResource(Output):
    """A service with interfaces. `uri` tells people where it is at home and decides nothing.

    Where `audience` is set, a token must have exactly that one for a call; where it is null, any will do.
    """

    id: Id
    organization: Id
    identifier: str
    name: str
    uri: str | None
    audience: str | None
    description: str | None
    created_by: Id
    created_at: Moment
    updated_at: Moment


DOCUMENT = Document(ApiResource)


class Creation(Input):
    """A new API resource. `organization` is root's to name; the caller's own otherwise."""

    identifier: str
    name: str
    uri: str | None = None
    audience: str | None = None
    description: str | None = None
    organization: Id | None = None


class Change(Input):
    """What is to be different; the identifier never changes. `uri`, `audience` and `description` null remove them."""

    name: str = ""
    uri: str | None = None
    audience: str | None = None
    description: str | None = None


class Filter(OrganizationPage):
    """Which API resources. `search` is a part of the name or of the identifier, in upper or lower case."""

    search: str | None = None


class Deletion(Input):
    """Whether its interfaces may go with it, and the grants for them."""

    cascade: Literal["true", "false"] = "false"


def _shown(made: api_resource.ApiResource) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/api-resources",
    permission="write_api",
    summary="Create an API resource",
    body=Creation,
    status=201,
    answer=ApiResource,
    refuses=(UnknownAccount, AccountNotActive, InvalidApiIdentifier, IdentifierTaken, TooManyApiResources, *DETAILS),
)
async def create(call: Call) -> Answer:
    body: Creation = call.body
    return await call.carry_out(
        api_resources.create,
        _shown,
        organization=body.organization or call.by.organization,
        identifier=body.identifier,
        name=body.name,
        uri=body.uri,
        audience=body.audience,
        description=body.description,
    )


@DOOR.route(
    "GET",
    "/api/api-resources",
    permission="read_api",
    summary="List API resources",
    query=Filter,
    answer=Listed[ApiResource],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.resources_page(
        call.parts.store.pool,
        call.organization(query.organization),
        search=sought(query.search),
        after=query.after,
        limit=query.wanted,
    )
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/api-resources/{api_resource_id}",
    permission="read_api",
    summary="Read an API resource",
    answer=ApiResource,
    refuses=(UnknownApiResource,),
)
async def one(call: Call) -> Answer:
    row = await rows.resource(call.parts.store.pool, call.id("api_resource_id", UnknownApiResource))
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownApiResource)))


@DOOR.route(
    "PATCH",
    "/api/api-resources/{api_resource_id}",
    permission="write_api",
    summary="Change an API resource",
    body=Change,
    answer=ApiResource,
    refuses=(UnknownApiResource, *DETAILS),
)
async def change(call: Call) -> Answer:
    resource = call.id("api_resource_id", UnknownApiResource)
    return await call.carry_out(api_resources.change, _shown, resource=resource, **call.body.stated())


@DOOR.route(
    "DELETE",
    "/api/api-resources/{api_resource_id}",
    permission="write_api",
    summary="Delete an API resource, its interfaces and the grants for them",
    query=Deletion,
    status=204,
    refuses=(UnknownApiResource, ApiResourceInUse, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    resource = call.id("api_resource_id", UnknownApiResource)
    cascade = call.query.cascade == "true"
    return await call.carry_out(api_resources.delete, no_content, resource=resource, cascade=cascade)
