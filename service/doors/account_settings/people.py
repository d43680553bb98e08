"""/api/users: people with what they sign in with (spec/logto.md section 11.1). `write_user` makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.refusals import (
    AccountNotActive,
    DigestAlgorithmMissing,
    EmailTaken,
    InvalidDigest,
    InvalidEmail,
    InvalidLocale,
    InvalidName,
    InvalidPassword,
    InvalidPhone,
    InvalidProfile,
    InvalidUsername,
    PasswordAndDigest,
    PhoneTaken,
    UnknownAccount,
    UnsupportedDigest,
    UsernameTaken,
    ValueTooLong,
)
from service.commands import registrations
from service.doors.account_settings import fields, user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.doors.account_settings.user_document import ProfileDocument  # noqa: TC001 - pydantic reads it
from service.http.call import Answer, Call
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.secrets import password_formats

if TYPE_CHECKING:
    from domain import user

DOOR = AccountSettingsDoor("account-settings")


class NewPerson(Body):
    """A person. All may be left out; `organizationId` is the caller's own, but root may name another."""

    organization_id: Id | None = None
    username: str | None = pydantic.Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    primary_email: str | None = pydantic.Field(default=None, pattern=r"^\S+@\S+\.\S+$")
    primary_phone: str | None = pydantic.Field(default=None, pattern=r"^[0-9]+$")
    password: str | None = pydantic.Field(default=None, min_length=1)
    password_digest: str | None = pydantic.Field(default=None, min_length=1, max_length=256)
    password_algorithm: (
        Literal["Argon2i", "Argon2id", "Argon2d", "SHA1", "SHA256", "MD5", "Bcrypt", "Legacy"] | None
    ) = None
    name: str | None = None
    avatar: str | None = None
    custom_data: dict[str, Any] | None = None
    profile: ProfileDocument | None = None


def _shown(made: user.User) -> Answer:
    return Answer(user_document.of_new(made))


@DOOR.route(
    "POST",
    "/api/users",
    permission="write_user",
    summary="Make a person with what they sign in with",
    body=NewPerson,
    answer=user_document.User,
    refuses=(
        ValueTooLong,
        PasswordAndDigest,
        DigestAlgorithmMissing,
        InvalidDigest,
        UnsupportedDigest,
        InvalidPassword,
        UnknownAccount,
        AccountNotActive,
        InvalidName,
        InvalidUsername,
        InvalidEmail,
        InvalidPhone,
        InvalidLocale,
        InvalidProfile,
        UsernameTaken,
        EmailTaken,
        PhoneTaken,
    ),
)
async def create(call: Call) -> Answer:
    body: NewPerson = call.body
    fields.require_short(body)
    return await call.carry_out(
        registrations.register,
        _shown,
        passwords=call.parts.passwords,
        organization=body.organization_id or call.by.organization,
        username=body.username,
        email=body.primary_email,
        phone=body.primary_phone,
        password=body.password,
        digest=_digest(body),
        name=body.name or None,
        profile=replace(fields.profile(body.profile), picture=body.avatar),
        custom_data=body.custom_data,
    )


def _digest(body: NewPerson) -> str | None:
    """Return the digest that another system made, in our form. Raises what is wrong with it."""
    digest, algorithm = body.password_digest, body.password_algorithm
    if digest is not None and body.password is not None:
        raise PasswordAndDigest(field="password_digest")
    if digest is None and algorithm is None:
        return None
    if digest is None or algorithm is None:
        raise DigestAlgorithmMissing(field="password_algorithm")
    return password_formats.adopted(algorithm, digest)
