"""/api/roles: the sets of permissions that an organization defines. `read_role` reads, `write_role` changes.

What a role may hold and who may define it is the domain's to say: root alone gives root away, built-in names are the
service's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import UnknownRole
from projections import roles as rows
from service.commands import roles
from service.http.call import Answer, Call, no_content
from service.http.document import Document
from service.http.door import Door
from service.http.input import Id, Input
from service.http.paging import OrganizationPage, page

if TYPE_CHECKING:
    from domain.role import Role

DOOR = Door("roles")
DOCUMENT = Document("id", "organization", "name", "description", "permissions", "privileged")


class Definition(Input):
    """A new role. `organization` is root's to name; the caller's own otherwise."""

    name: str
    description: str | None = None
    permissions: list[str] = pydantic.Field(default_factory=list)
    organization: Id | None = None


class Change(Input):
    """What of a role is to be different."""

    name: str = ""
    description: str | None = None
    permissions: list[str] = pydantic.Field(default_factory=list)


def _shown(role: Role) -> Answer:
    return Answer(DOCUMENT.of(role))


@DOOR.route("POST", "/api/roles", permission="write_role", summary="Define a role", body=Definition, status=201)
async def define(call: Call) -> Answer:
    body: Definition = call.body
    return await call.carry_out(
        roles.define,
        _shown,
        organization=body.organization or call.by.organization,
        name=body.name,
        description=body.description,
        permissions=body.permissions,
    )


@DOOR.route("GET", "/api/roles", permission="read_role", summary="List roles", query=OrganizationPage)
async def listed(call: Call) -> Answer:
    query: OrganizationPage = call.query
    organization = call.organization(query.organization)
    found = await rows.page(call.parts.store.pool, organization, after=query.after, limit=query.wanted)
    return page(found, query, DOCUMENT.of_row)


@DOOR.route("GET", "/api/roles/{role_id}", permission="read_role", summary="Read a role")
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("role_id", UnknownRole))
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownRole)))


@DOOR.route("PATCH", "/api/roles/{role_id}", permission="write_role", summary="Change a role", body=Change)
async def change(call: Call) -> Answer:
    return await call.carry_out(roles.change, _shown, role=call.id("role_id", UnknownRole), **call.body.stated())


@DOOR.route("DELETE", "/api/roles/{role_id}", permission="write_role", summary="Delete a role nobody has", status=204)
async def delete(call: Call) -> Answer:
    return await call.carry_out(roles.delete, no_content, role=call.id("role_id", UnknownRole))
