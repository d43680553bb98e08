"""/api/v1/roles: the roles of the caller's organization (spec/melody.md section 4.3).

A role of this dialect is a name with a note; what it permits is defined at `/api/roles`. Nobody makes, renames into,
changes or deletes a built-in role here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.refusals import (
    AccountNotActive,
    BuiltInRole,
    InvalidDescription,
    InvalidName,
    MissingPermission,
    NameTaken,
    RootRequired,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownRole,
)
from projections import roles as rows
from projections import users
from service.commands import roles
from service.doors.s2s import user_document
from service.doors.s2s.frame import EVERYTHING, Body, Reply, ServerToServerDoor, already_gone, times, whole
from service.http.call import Answer, Call, no_content
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.http.paging import START

if TYPE_CHECKING:
    from domain import role
    from service.http.document import Row

DOOR = ServerToServerDoor("roles")
RULES = (InvalidName, InvalidDescription, BuiltInRole, NameTaken)

Name = Annotated[str, pydantic.Field(min_length=1, max_length=50)]


class Role(Reply):
    """A role."""

    id: Id
    name: str
    note: str
    created_at: str
    updated_at: str
    deleted_at: None


class Roles(Reply):
    """All roles of the organization."""

    roles: list[Role]


class OneRole(Reply):
    """One role."""

    role: Role


class Holders(Reply):
    """The users who have a role."""

    users: list[user_document.User]


class NewRole(Body):
    """A new role."""

    name: Name
    note: str | None = None


class Change(Body):
    """What of a role is to be different."""

    name: Name = ""
    note: str | None = None


def _shown(made: role.Role) -> Answer:
    return Answer({"role": _role(made.id, made.name, made.description) | times(made.created_on, made.modified_on)})


def _of_row(row: Row) -> dict[str, Any]:
    return _role(row["id"], row["name"], row["description"]) | times(row["created_at"], row["updated_at"])


def _role(id: object, name: str, note: str | None) -> dict[str, Any]:
    return {"id": id, "name": name, "note": note or ""}


@DOOR.route("GET", "/api/v1/roles", permission="read_role", summary="List the roles", answer=Roles)
async def listed(call: Call) -> Answer:
    found = await rows.page(call.parts.store.pool, call.by.organization, after=START, limit=EVERYTHING + 1)
    return Answer({"roles": [_of_row(row) for row in whole(found)]})


@DOOR.route(
    "GET",
    "/api/v1/roles/{role_id}",
    permission="read_role",
    summary="Read a role",
    answer=OneRole,
    refuses=(UnknownRole,),
)
async def one(call: Call) -> Answer:
    return Answer({"role": _of_row(await _row(call))})


@DOOR.route(
    "GET",
    "/api/v1/roles/{role_id}/users",
    permission="read_user read_role",
    summary="List the users who have a role",
    answer=Holders,
    refuses=(UnknownRole,),
)
async def holders(call: Call) -> Answer:
    row = await _row(call)
    found = await users.listing(
        call.parts.store.pool, row["organization"], role=row["id"], limit=EVERYTHING + 1, offset=0
    )
    return Answer({"users": [user_document.of_row(user) for user in whole(found)]})


@DOOR.route(
    "POST",
    "/api/v1/roles",
    permission="write_role",
    summary="Make a role",
    body=NewRole,
    status=201,
    answer=OneRole,
    refuses=(UnknownAccount, AccountNotActive, *RULES),
)
async def create(call: Call) -> Answer:
    body: NewRole = call.body
    return await call.carry_out(
        roles.define, _shown, organization=call.by.organization, name=body.name.strip(), description=body.note
    )


@DOOR.route(
    "PUT",
    "/api/v1/roles/{role_id}",
    permission="write_role",
    summary="Change a role's name or note",
    body=Change,
    answer=OneRole,
    refuses=(UnknownRole, RootRequired, MissingPermission, *RULES),
)
async def update(call: Call) -> Answer:
    stated = call.body.stated()
    if "note" in stated:
        stated["description"] = stated.pop("note")
    if "name" in stated:
        stated["name"] = stated["name"].strip()
    return await call.carry_out(roles.change, _shown, role=call.id("role_id", UnknownRole), **stated)


@DOOR.route(
    "DELETE",
    "/api/v1/roles/{role_id}",
    permission="write_role",
    summary="Delete a role, and take it from all who have it; one that is not there is gone already",
    status=204,
    refuses=(UnknownRole, BuiltInRole, MissingPermission, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    role_id = call.id("role_id", UnknownRole)
    return await already_gone(lambda: call.carry_out(roles.delete, no_content, role=role_id, unassign=True))


async def _row(call: Call) -> Row:
    return call.seen(await rows.one(call.parts.store.pool, call.id("role_id", UnknownRole)), UnknownRole)
