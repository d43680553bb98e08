"""/api/roles: the sets of permissions that an organization defines. `read_role` reads, `write_role` changes.

What a role may hold and who may define it is the domain's to say: root alone gives root away, built-in names are the
service's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import (
    AccountNotActive,
    BuiltInRole,
    InvalidDescription,
    InvalidName,
    InvalidScope,
    MissingPermission,
    NameTaken,
    RoleInUse,
    RootRequired,
    TooMany,
    UnknownAccount,
    UnknownRole,
)
from projections import roles as rows
from service.commands import roles
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, page

if TYPE_CHECKING:
    from domain import role

DOOR = Door("roles")
RULES = (
    InvalidName,
    InvalidScope,
    InvalidDescription,
    TooMany,
    BuiltInRole,
    RootRequired,
    MissingPermission,
    NameTaken,
)


class Role(Output):
    """A role. Root alone assigns a privileged one."""

    id: Id
    organization: Id
    name: str
    description: str | None
    permissions: list[str]
    privileged: bool
    created_at: Moment
    updated_at: Moment


DOCUMENT = Document(Role)


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


def _shown(made: role.Role) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/roles",
    permission="write_role",
    summary="Define a role",
    body=Definition,
    status=201,
    answer=Role,
    refuses=(UnknownAccount, AccountNotActive, *RULES),
)
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


@DOOR.route(
    "GET",
    "/api/roles",
    permission="read_role",
    summary="List roles",
    query=OrganizationPage,
    answer=Listed[Role],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: OrganizationPage = call.query
    organization = call.organization(query.organization)
    found = await rows.page(call.parts.store.pool, organization, after=query.after, limit=query.wanted)
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/roles/{role_id}",
    permission="read_role",
    summary="Read a role",
    answer=Role,
    refuses=(UnknownRole,),
)
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("role_id", UnknownRole))
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownRole)))


@DOOR.route(
    "PATCH",
    "/api/roles/{role_id}",
    permission="write_role",
    summary="Change a role",
    body=Change,
    answer=Role,
    refuses=(UnknownRole, *RULES),
)
async def change(call: Call) -> Answer:
    return await call.carry_out(roles.change, _shown, role=call.id("role_id", UnknownRole), **call.body.stated())


@DOOR.route(
    "DELETE",
    "/api/roles/{role_id}",
    permission="write_role",
    summary="Delete a role nobody has",
    status=204,
    refuses=(UnknownRole, RoleInUse, BuiltInRole, MissingPermission),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(roles.delete, no_content, role=call.id("role_id", UnknownRole))
