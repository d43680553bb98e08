"""Users: /api/applications/…/users, and their suspension and roles. `read_user` reads, `write_user` changes.

Making and listing the users of an application is back-end administration (spec/inbox-manager.md section 2, call 1) and
a private back end's alone; a user's own tokens may carry the same audience. Suspending and assigning roles is open to
whoever holds `write_user`. What else there is at /api/users, the account-settings door has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain.refusals import (
    ApplicationNotActive,
    InvalidName,
    InvalidReason,
    InvitationPending,
    MissingPermission,
    PrivilegedRole,
    UnknownApplication,
    UnknownRole,
    UnknownUser,
)
from projections import applications
from projections import users as rows
from service.commands import users
from service.http.administration import AdministrationDoor
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment, Nothing
from service.http.paging import Listed, Page, page

if TYPE_CHECKING:
    from domain import user

DOOR = AdministrationDoor("users")


class User(Output):
    """A user, of an application or of the organization as such. `roles` lists the ids of assigned roles."""

    id: Id
    organization_id: Id
    application_id: Id | None
    status: Literal["active", "suspended", "invited"]
    name: str | None
    created_at: Moment
    updated_at: Moment
    roles: list[Id]


DOCUMENT = Document(
    User,
    organization_id=("organization", "organization"),
    application_id=("application", "application"),
    roles=("roles", lambda user: sorted(user.roles)),
)


class NewUser(Input):
    """A user of the application in the path."""

    status: Literal["active", "suspended"] = "active"
    name: str | None = None


class Reason(Input):
    """Why, for the auditors."""

    reason: str | None = None


class Assigned(Output):
    """The ids of the roles that a user has."""

    roles: list[Id]


class Filter(Page):
    """Which users."""

    status: Literal["active", "suspended", "invited"] | None = None


def _shown(made: user.User) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/applications/{application_id}/users",
    permission="write_user",
    summary="Make a user of an application",
    body=NewUser,
    status=201,
    machines_only=True,
    answer=User,
    refuses=(UnknownApplication, ApplicationNotActive, InvalidName),
)
async def create(call: Call) -> Answer:
    body: NewUser = call.body
    application = call.id("application_id", UnknownApplication)
    return await call.carry_out(users.create, _shown, application=application, name=body.name, status=body.status)


@DOOR.route(
    "GET",
    "/api/applications/{application_id}/users",
    permission="read_user",
    summary="List the users of an application",
    query=Filter,
    machines_only=True,
    answer=Listed[User],
    refuses=(UnknownApplication,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    pool = call.parts.store.pool
    application = call.id("application_id", UnknownApplication)
    home = call.seen(await applications.one(pool, application), UnknownApplication)
    found = await rows.page(
        pool,
        home["organization"],
        application=application,
        status=query.status,
        after=query.after,
        limit=query.wanted,
    )
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "POST",
    "/api/users/{user_id}/suspend",
    permission="write_user",
    summary="Lock a user out",
    body=Reason,
    answer=User,
    refuses=(UnknownUser, InvalidReason, InvitationPending),
)
async def suspend(call: Call) -> Answer:
    return await call.carry_out(users.suspend, _shown, user=call.id("user_id", UnknownUser), reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/users/{user_id}/reinstate",
    permission="write_user",
    summary="Let a user in again, unless their roles hold more than the caller does",
    body=Nothing,
    answer=User,
    refuses=(UnknownUser, InvitationPending, MissingPermission),
)
async def reinstate(call: Call) -> Answer:
    return await call.carry_out(users.reinstate, _shown, user=call.id("user_id", UnknownUser))


@DOOR.route(
    "GET",
    "/api/users/{user_id}/roles",
    permission="read_user",
    summary="Read which roles a user has",
    answer=Assigned,
    refuses=(UnknownUser,),
)
async def assigned(call: Call) -> Answer:
    row = call.seen(await rows.one(call.parts.store.pool, call.id("user_id", UnknownUser)), UnknownUser)
    return Answer({"roles": row["roles"]})


@DOOR.route(
    "PUT",
    "/api/users/{user_id}/roles/{role_id}",
    permission="write_user",
    summary="Assign a role whose permissions the caller holds; root alone assigns a privileged one",
    status=204,
    refuses=(UnknownUser, UnknownRole, PrivilegedRole, MissingPermission),
)
async def assign_role(call: Call) -> Answer:
    user, role = call.id("user_id", UnknownUser), call.id("role_id", UnknownRole)
    return await call.carry_out(users.assign_role, no_content, user=user, role=role)


@DOOR.route(
    "DELETE",
    "/api/users/{user_id}/roles/{role_id}",
    permission="write_user",
    summary="Take a role away; one that the user does not have is gone already",
    status=204,
    refuses=(UnknownUser, UnknownRole),
)
async def unassign_role(call: Call) -> Answer:
    user, role = call.id("user_id", UnknownUser), call.id("role_id", UnknownRole)
    return await call.carry_out(users.unassign_role, no_content, user=user, role=role)
