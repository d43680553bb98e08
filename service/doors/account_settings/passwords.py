"""/api/users/{user_id}/password: the password of a person (spec/logto.md section 6.6, rows 9 to 11).

`read_user` reads whether there is one, `write_user` sets and checks it. Setting asks for no former one: that is for
the application to check before, by row 9.
"""

from __future__ import annotations

import pydantic

from domain.refusals import (
    InvalidPassword,
    MissingPermission,
    TooManyGuesses,
    TooMuchAtOnce,
    UnknownUser,
    WrongPassword,
)
from projections import users
from service import password_checks
from service.commands import passwords
from service.doors.account_settings import user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Reply
from service.http.call import Answer, Call
from service.secrets.passwords import normalised

DOOR = AccountSettingsDoor("passwords")


class Password(Body):
    """A password that a person may have."""

    password: str = pydantic.Field(min_length=1)


class NewPassword(Password):
    """The password that a person is to have; with `revoke`, their sessions and tokens end in the same moment."""

    revoke: bool = False


class HasPassword(Reply):
    """Whether there is a password."""

    has_password: bool


@DOOR.route(
    "POST",
    "/api/users/{user_id}/password/verify",
    permission="write_user",
    summary="Check the password of a person",
    body=Password,
    status=204,
    refuses=(UnknownUser, WrongPassword, TooManyGuesses),
)
async def verify(call: Call) -> Answer:
    user = call.id("user_id", UnknownUser)
    checked = await password_checks.require_right(
        call.parts, call.origin, call.by, user=user, password=call.body.password
    )
    return Answer(position=checked.position)


@DOOR.route(
    "PATCH",
    "/api/users/{user_id}/password",
    permission="write_user",
    summary="Give a person another password, or their first",
    body=NewPassword,
    answer=user_document.User,
    refuses=(InvalidPassword, UnknownUser, MissingPermission, TooMuchAtOnce),
)
async def change(call: Call) -> Answer:
    body: NewPassword = call.body
    normalised(body.password)  # what nobody can have is refused before anybody is looked for
    user = call.id("user_id", UnknownUser)
    beside = await user_document.beside(call, user)
    return await call.carry_out(
        passwords.change,
        lambda left: Answer(user_document.of(left, beside)),
        passwords=call.parts.passwords,
        user=user,
        password=body.password,
        revoke=body.revoke,
    )


@DOOR.route(
    "GET",
    "/api/users/{user_id}/has-password",
    permission="read_user",
    summary="Tell whether a person has a password",
    answer=HasPassword,
    refuses=(UnknownUser,),
)
async def has_password(call: Call) -> Answer:
    row = call.seen(await users.one(call.parts.store.pool, call.id("user_id", UnknownUser)), UnknownUser)
    return Answer({"hasPassword": row["has_password"]})
