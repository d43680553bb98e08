"""/api/v1/org-groups: the groups of orgs (spec/melody.md section 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.refusals import (
    AccountNotActive,
    InvalidName,
    NameTaken,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownGroup,
)
from projections import accounts, users
from projections import groups as rows
from service.commands import groups
from service.doors.s2s import user_document
from service.doors.s2s.frame import EVERYTHING, Body, Reply, ServerToServerDoor, times, whole
from service.http.call import Answer, Call, no_content
from service.http.input import Id, Input

if TYPE_CHECKING:
    from domain import group
    from service.http.document import Row

DOOR = ServerToServerDoor("groups")

Name = Annotated[str, pydantic.Field(min_length=1, max_length=50)]


class OrgGroup(Reply):
    """A group of an org."""

    id: Id
    org_id: Id
    name: str
    created_at: str
    updated_at: str
    deleted_at: None


class OrgGroups(Reply):
    """Groups of one org, or of all."""

    org_groups: list[OrgGroup]


class OneOrgGroup(Reply):
    """One group."""

    org_group: OrgGroup


class Members(Reply):
    """The users who are in a group."""

    users: list[user_document.User]


class NewOrgGroup(Body):
    """A new group of an org."""

    name: Name
    org_id: Id


class Change(Body):
    """Another name."""

    name: Name


class Filter(Input):
    """Of which org; of all, unless one is named."""

    org_id: Id | None = None


def _shown(made: group.Group) -> Answer:
    return Answer({"orgGroup": _group(made.id, made.account, made.name) | times(made.created_on, made.modified_on)})


def _of_row(row: Row) -> dict[str, Any]:
    return _group(row["id"], row["account"], row["name"]) | times(row["created_at"], row["updated_at"])


def _group(id: Id, org: Id, name: str) -> dict[str, Any]:
    return {"id": id, "orgId": org, "name": name}


@DOOR.route(
    "GET",
    "/api/v1/org-groups",
    permission="read_org",
    summary="List the groups of orgs",
    query=Filter,
    answer=OrgGroups,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    pool, org, organization = call.parts.store.pool, call.query.org_id, call.by.organization
    if org is not None:
        organization = call.seen(await accounts.one(pool, org), UnknownAccount)["organization"]
    found = await rows.of_organization(pool, organization, org=org, limit=EVERYTHING + 1)
    return Answer({"orgGroups": [_of_row(row) for row in whole(found)]})


@DOOR.route(
    "POST",
    "/api/v1/org-groups",
    permission="write_org",
    summary="Make a group of an org",
    body=NewOrgGroup,
    status=201,
    answer=OneOrgGroup,
    refuses=(UnknownAccount, AccountNotActive, InvalidName, NameTaken),
)
async def create(call: Call) -> Answer:
    return await call.carry_out(groups.create, _shown, org=call.body.org_id, name=call.body.name)


@DOOR.route(
    "PUT",
    "/api/v1/org-groups/{group_id}",
    permission="write_org",
    summary="Rename a group",
    body=Change,
    answer=OneOrgGroup,
    refuses=(UnknownGroup, InvalidName, NameTaken),
)
async def rename(call: Call) -> Answer:
    return await call.carry_out(groups.rename, _shown, group=call.id("group_id", UnknownGroup), name=call.body.name)


@DOOR.route(
    "DELETE",
    "/api/v1/org-groups/{group_id}",
    permission="write_org",
    summary="Delete a group; its members stay in the org",
    status=204,
    refuses=(UnknownGroup, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(groups.delete, no_content, group=call.id("group_id", UnknownGroup))


@DOOR.route(
    "GET",
    "/api/v1/org-groups/{group_id}/users",
    permission="read_user read_org",
    summary="List the users who are in a group",
    answer=Members,
    refuses=(UnknownGroup,),
)
async def members(call: Call) -> Answer:
    pool = call.parts.store.pool
    row = call.seen(await rows.one(pool, call.id("group_id", UnknownGroup)), UnknownGroup)
    found = await users.listing(pool, row["organization"], group=row["id"], limit=EVERYTHING + 1, offset=0)
    return Answer({"users": [user_document.of_row(user) for user in whole(found)]})
