"""/api/v1/users/invitations: invite people by mail, remind them, call it back (spec/melody.md section 4.2).

A refused invitation leaves nothing: no user, no role, no mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pydantic

from domain.refusals import (
    AccountNotActive,
    ApplicationNotActive,
    EmailTaken,
    InvalidEmail,
    InvalidLocale,
    InvalidName,
    InvalidSigninUrl,
    InvitationClosed,
    MissingPermission,
    OrganizationClosed,
    PrivilegedRole,
    TooMany,
    UnknownAccount,
    UnknownApplication,
    UnknownRole,
    UnknownUser,
    UserAlreadyActive,
)
from service.commands import invitations
from service.doors.s2s import user_document
from service.doors.s2s.frame import Body, Reply, ServerToServerDoor
from service.http.call import Answer, Call, no_content

if TYPE_CHECKING:
    from service.commands.detail import Detail

DOOR = ServerToServerDoor("invitations")


class InvitedUser(Reply):
    """Who was invited."""

    user: user_document.UserDetail


class Sent(Reply):
    """A new link is on its way."""

    success: Literal[True]


class NewInvitation(Body):
    """Whom to invite. `signinUrl` is where they go on after accepting, on the origin of an app's redirect URI."""

    email: str
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    org_slug: str | None = None
    roles: list[str] = pydantic.Field(default_factory=list)
    signin_url: str | None = None


class Reminder(Body):
    """What is to be different about the next link."""

    locale: str | None = None
    signin_url: str | None = None


def _invited(left: Detail) -> Answer:
    return Answer({"user": user_document.detail(left)})


def _sent(_: object) -> Answer:
    return Answer({"success": True})


@DOOR.route(
    "POST",
    "/api/v1/users/invitations",
    permission="write_user",
    summary="Invite somebody by mail; root alone assigns a privileged role",
    body=NewInvitation,
    answer=InvitedUser,
    refuses=(
        InvalidEmail,
        UnknownApplication,
        ApplicationNotActive,
        AccountNotActive,
        TooMany,
        PrivilegedRole,
        MissingPermission,
        InvalidName,
        InvalidLocale,
        UnknownAccount,
        OrganizationClosed,
        UnknownRole,
        InvalidSigninUrl,
        EmailTaken,
    ),
)
async def invite(call: Call) -> Answer:
    body: NewInvitation = call.body
    if call.by.application is None:
        raise MissingPermission("an application invites")
    return await call.carry_out(
        invitations.invite,
        _invited,
        links=call.parts.links,
        application=call.by.application,
        email=body.email,
        given_name=body.first_name,
        family_name=body.last_name,
        locale=body.locale,
        org=body.org_slug,
        roles=body.roles,
        signin_url=body.signin_url,
    )


@DOOR.route(
    "POST",
    "/api/v1/users/invitations/{auth_id}",
    permission="write_user",
    summary="Send an invited user a new link; the one before is dead",
    body=Reminder,
    answer=Sent,
    refuses=(UnknownUser, UserAlreadyActive, InvitationClosed, InvalidLocale, InvalidSigninUrl),
)
async def resend(call: Call) -> Answer:
    body: Reminder = call.body
    return await call.carry_out(
        invitations.resend,
        _sent,
        links=call.parts.links,
        user=call.id("auth_id", UnknownUser),
        locale=body.locale,
        signin_url=body.signin_url,
    )


@DOOR.route(
    "DELETE",
    "/api/v1/users/invitations/{auth_id}",
    permission="write_user",
    summary="Call an invitation back; the user stays, and is not active",
    status=204,
    refuses=(UnknownUser, UserAlreadyActive, InvitationClosed),
)
async def revoke(call: Call) -> Answer:
    return await call.carry_out(invitations.revoke, no_content, user=call.id("auth_id", UnknownUser))
