"""/api/v1/users: the users of the caller's organization (spec/melody.md section 4.2).

`read_user` reads, `write_user` changes; root alone assigns a privileged role (M16, M17). A change is made as a whole or
not at all, and a role that the organization does not have is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.refusals import (
    AccountNotActive,
    AttributesNotEnabled,
    EmailAlreadyVerified,
    EmailMissing,
    InvalidLocale,
    InvalidName,
    InvalidRole,
    InvitationPending,
    LastOwner,
    MissingPermission,
    NotInOrganization,
    OwnDeletion,
    PrivilegedRole,
    TooMany,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownUser,
)
from projections import groups, memberships
from projections import users as rows
from service.commands import email_verifications, people, users
from service.doors.s2s import user_document
from service.doors.s2s.frame import Body, Listing, Reply, ServerToServerDoor, whole
from service.http.call import Answer, Call, no_content

if TYPE_CHECKING:
    from uuid import UUID

    from service.commands.detail import Detail

DOOR = ServerToServerDoor("users")
# What a member is called by the command.
CALLED = {
    "first_name": "given_name",
    "last_name": "family_name",
    "locale": "locale",
    "org_slug": "org",
    "is_active": "active",
    "roles": "roles",
    "attributes": "attributes",
}


class Users(Reply):
    """Users, and how many there are in all."""

    users: list[user_document.User]
    count: int


class OneUser(Reply):
    """One user."""

    user: user_document.UserDetail


class Done(Reply):
    """It is done."""

    success: Literal[True]


class Search(Listing):
    """Which users: `search` is a part of first name, last name and e-mail address."""

    search: str | None = pydantic.Field(default=None, max_length=200)


class Change(Body):
    """What of a user is to be different. `roles` names all that they are to have; null or "" clears the others."""

    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    org_slug: str | None = None
    is_active: bool = True
    roles: list[str] = pydantic.Field(default_factory=list)
    attributes: dict[str, str | None] = pydantic.Field(default_factory=dict)


def shown(left: Detail) -> Answer:
    """Answer a command with the user it left."""
    return Answer({"user": user_document.detail(left)})


def done(_: object) -> Answer:
    """Answer a command that leaves nothing to tell but that it was carried out."""
    return Answer({"success": True})


@DOOR.route("GET", "/api/v1/users", permission="read_user", summary="List the users", query=Search, answer=Users)
async def listed(call: Call) -> Answer:
    query: Search = call.query
    pool, organization = call.parts.store.pool, call.by.organization
    found = await rows.listing(pool, organization, search=query.search or None, limit=query.limit, offset=query.offset)
    count = len(found)
    if query.page_size is None:
        found = list(whole(found))
    else:
        count = await rows.listing_count(pool, organization, search=query.search or None)
    return Answer({"users": [user_document.of_row(row) for row in found], "count": count})


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}",
    permission="read_user",
    summary="Read a user",
    answer=OneUser,
    refuses=(UnknownUser,),
)
async def one(call: Call) -> Answer:
    pool, user = call.parts.store.pool, user_id(call)
    row = call.seen(await rows.person(pool, user), UnknownUser)
    org, in_groups = await memberships.active_org(pool, user), await groups.of_user(pool, user)
    return Answer({"user": user_document.detail_of_row(row, org, in_groups)})


@DOOR.route(
    "PUT",
    "/api/v1/users/{auth_id}",
    permission="write_user",
    summary="Change a user; root alone assigns a privileged role",
    body=Change,
    answer=OneUser,
    refuses=(
        AttributesNotEnabled,
        UnknownUser,
        TooMany,
        PrivilegedRole,
        MissingPermission,
        InvitationPending,
        NotInOrganization,
        UnknownAccount,
        AccountNotActive,
        TooMuchAtOnce,
        InvalidRole,
        InvalidName,
        InvalidLocale,
    ),
)
async def change(call: Call) -> Answer:
    stated: dict[str, Any] = call.body.stated()
    wanted = {CALLED[name]: value for name, value in stated.items()}
    return await call.carry_out(people.change, shown, user=user_id(call), **wanted)


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}",
    permission="write_user",
    summary="Delete a user: ends what hangs on them, destroys personal data",
    status=204,
    refuses=(UnknownUser, OwnDeletion, LastOwner, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(users.delete, no_content, user=user_id(call))


@DOOR.route(
    "POST",
    "/api/v1/users/{auth_id}/verify-email",
    permission="write_user",
    summary="Send a user a link by which they confirm their e-mail address",
    answer=Done,
    refuses=(UnknownUser, EmailMissing, EmailAlreadyVerified),
)
async def verify_email(call: Call) -> Answer:
    return await call.carry_out(email_verifications.request, done, links=call.parts.links, user=user_id(call))


def user_id(call: Call) -> UUID:
    """Return the id in the path. Raises UnknownUser for what is none."""
    return call.id("auth_id", UnknownUser)
