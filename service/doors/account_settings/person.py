"""/api/users/{user_id}: a person (spec/logto.md sections 6.1, 6.2 and 6.7, rows 1, 2, 16 and 24).

`read_user` reads, `write_user` changes and deletes. People who were only invited are shown like others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.refusals import (
    EmailTaken,
    InvalidEmail,
    InvalidLocale,
    InvalidName,
    InvalidPhone,
    InvalidProfile,
    InvalidUsername,
    InvitationPending,
    LastOwner,
    MissingPermission,
    NothingStated,
    NotVerified,
    OwnDeletion,
    PhoneTaken,
    TooMuchAtOnce,
    UnknownUser,
    UsernameTaken,
    ValueTooLong,
)
from projections import identities, user_search
from service.commands import people_settings, users
from service.commands.unchanged import UNCHANGED
from service.doors.account_settings import fields, user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Flag
from service.doors.account_settings.user_document import ProfileDocument
from service.http.call import Answer, Call, no_content
from service.http.consistency import await_model

if TYPE_CHECKING:
    from domain import user

DOOR = AccountSettingsDoor("person")


class Shown(Body):
    """What is told of a person beside what always is."""

    include_sso_identities: Flag = False


class Changes(Body):
    """What is to be different. Of what people sign in with, name and avatar, nothing (`""` or null) removes a value.

    `customData` and `profile` take the place of what was there.
    """

    username: str | None = pydantic.Field(default=None, pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    primary_email: str | None = pydantic.Field(default=None, pattern=r"^(\S+@\S+\.\S+)?$")
    primary_phone: str | None = pydantic.Field(default=None, pattern=r"^[0-9]*$")
    name: str | None = None
    avatar: str | None = None
    custom_data: dict[str, Any] = pydantic.Field(default={})
    profile: ProfileDocument = pydantic.Field(default=ProfileDocument())


@DOOR.route(
    "GET",
    "/api/users/{user_id}",
    permission="read_user",
    summary="Read a person",
    query=Shown,
    answer=user_document.UserInFull,
    refuses=(UnknownUser,),
)
async def one(call: Call) -> Answer:
    pool, user = call.parts.store.pool, call.id("user_id", UnknownUser)
    await await_model(call.request, call.parts, "audit")  # which tells of the application that they first signed in to
    row = call.seen(await user_search.one(pool, user), UnknownUser)
    linked = await identities.of_users(pool, [user])
    shown = user_document.of_row(row, linked[user])
    if call.query.include_sso_identities:
        rows = await identities.enterprise_of(pool, user)
        shown["ssoIdentities"] = [user_document.enterprise(each) for each in rows]
    return Answer(shown)


@DOOR.route(
    "PATCH",
    "/api/users/{user_id}",
    permission="write_user",
    summary="Change a person, and what they sign in with",
    body=Changes,
    answer=user_document.User,
    refuses=(
        UnknownUser,
        NothingStated,
        ValueTooLong,
        InvalidUsername,
        InvalidEmail,
        InvalidPhone,
        InvitationPending,
        NotVerified,
        MissingPermission,
        InvalidName,
        InvalidLocale,
        InvalidProfile,
        UsernameTaken,
        EmailTaken,
        PhoneTaken,
    ),
)
async def change(call: Call) -> Answer:
    body: Changes = call.body
    person = call.id("user_id", UnknownUser)
    beside = await user_document.beside(call, person)
    if not body.model_fields_set:
        raise NothingStated
    fields.require_short(body)

    def shown(left: user.User) -> Answer:
        return Answer(user_document.of(left, beside))

    return await call.carry_out(
        people_settings.change,
        shown,
        user=person,
        username=_text(body, "username"),
        email=_text(body, "primary_email"),
        phone=_text(body, "primary_phone"),
        name=_text(body, "name"),
        picture=_text(body, "avatar"),
        profile=fields.profile(body.profile) if "profile" in body.model_fields_set else UNCHANGED,
        custom_data=body.custom_data if "custom_data" in body.model_fields_set else UNCHANGED,
    )


def _text(body: Changes, member: str) -> Any:
    """Return what is stated: a text, None for nothing; UNCHANGED where the member is left out."""
    return (getattr(body, member) or None) if member in body.model_fields_set else UNCHANGED


@DOOR.route(
    "DELETE",
    "/api/users/{user_id}",
    permission="write_user",
    summary="Delete a person: ends sessions, tokens and memberships, destroys personal data",
    status=204,
    refuses=(UnknownUser, OwnDeletion, LastOwner, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(users.delete, no_content, user=call.id("user_id", UnknownUser))
