"""/api/v1/users/…/orgs and …/org-groups: where a user belongs (spec/melody.md sections 4.2 and 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import (
    AccountNotActive,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownGroup,
    UnknownUser,
    UserNotActive,
)
from projections import accounts, users
from service.commands import groups, orgs
from service.doors.s2s.frame import EVERYTHING, Body, Reply, ServerToServerDoor, whole
from service.doors.s2s.org_document import Org, of_row
from service.http.call import Answer, Call
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from uuid import UUID

DOOR = ServerToServerDoor("user-orgs")
ORG_LIMIT = 100  # of one request


class Orgs(Reply):
    """The orgs that a user is a member of."""

    orgs: list[Org]


class Success(Reply):
    """The request was carried out."""

    success: bool


class Membership(Body):
    """The orgs that a user is to be a member of, instead of those of now."""

    orgs: list[Id] = pydantic.Field(max_length=ORG_LIMIT)


def _success(_: object) -> Answer:
    return Answer({"success": True})


def _user(call: Call) -> UUID:
    return call.id("auth_id", UnknownUser)


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}/orgs",
    permission="read_user read_org",
    summary="List the orgs that a user is a member of",
    answer=Orgs,
    refuses=(UnknownUser,),
)
async def listed(call: Call) -> Answer:
    pool, user = call.parts.store.pool, _user(call)
    call.seen(await users.one(pool, user), UnknownUser)
    found = await accounts.orgs_of_user(pool, user, limit=EVERYTHING + 1)
    return Answer({"orgs": [of_row(row) for row in whole(found)]})


@DOOR.route(
    "POST",
    "/api/v1/users/{auth_id}/orgs",
    permission="write_user write_org",
    summary="Make a user a member of these orgs and of no others",
    body=Membership,
    answer=Success,
    refuses=(UnknownUser, UserNotActive, UnknownAccount, AccountNotActive, TooMuchAtOnce),
)
async def replace(call: Call) -> Answer:
    return await call.carry_out(orgs.replace_memberships, _success, user=_user(call), orgs=call.body.orgs)


@DOOR.route(
    "POST",
    "/api/v1/users/{auth_id}/org-groups/{group_id}",
    permission="write_user write_org",
    summary="Put a user into a group of the org that they are active in",
    answer=Success,
    refuses=(UnknownUser, UnknownGroup),
)
async def enter(call: Call) -> Answer:
    group = call.id("group_id", UnknownGroup)
    return await call.carry_out(groups.add_member, _success, user=_user(call), group=group)


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/org-groups/{group_id}",
    permission="write_user write_org",
    summary="Take a user out of a group of the org that they are active in",
    answer=Success,
    refuses=(UnknownUser, UnknownGroup),
)
async def leave(call: Call) -> Answer:
    group = call.id("group_id", UnknownGroup)
    return await call.carry_out(groups.remove_member, _success, user=_user(call), group=group)
