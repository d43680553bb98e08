"""/api/users/{user_id}/mfa-verifications: what a person proves themselves with besides a password (spec/logto.md 10).

`read_user` lists, `write_user` adds, removes and checks. What is added counts at once: whoever adds an app sees to it
that the person has the secret in it. Secrets and codes are told once, when they are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pydantic

from domain.factor import Kind
from domain.refusals import (
    BackupCodesAlone,
    BackupCodesInUse,
    InvalidBackupCodes,
    InvalidTotpSecret,
    MissingPermission,
    TooManyGuesses,
    TotpInUse,
    UnknownFactor,
    UnknownUser,
    WrongBackupCode,
    WrongTotpCode,
)
from projections import factors as rows
from projections import users
from service.commands import factors
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Reply
from service.http.call import Answer, Call, no_content
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.secrets import one_time
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from service.commands.factors import NewBackupCodes, NewTotp

DOOR = AccountSettingsDoor("mfa-verifications")
PATH = "/api/users/{user_id}/mfa-verifications"
CODES_LIMIT = 100  # of a list that has ten: more is nobody's set
# Guesses at once, and the seconds after which one more is let through. They count apart from those at sign-in: whoever
# asks here has proved who they are, and locks nobody out.
OF_USER = (10, 360.0)


class NewFactor(Body):
    """A factor. `secret` is that of an app that is set up already, `codes` are ten backup codes; else they are made."""

    type: Literal["Totp", "BackupCode"]
    secret: str | None = None
    codes: list[str] | None = pydantic.Field(default=None, max_length=CODES_LIMIT)


class Typed(Body):
    """What a person typed, and what it is to be a code of."""

    type: Literal["Totp", "BackupCode"]
    code: str = pydantic.Field(min_length=1)


class Factor(Reply):
    """A factor. Times are written as ISO 8601; `lastUsedAt` tells that it was used, `remainCodes` of backup codes."""

    id: Id
    type: Literal["Totp", "BackupCode"]
    created_at: str
    last_used_at: str = pydantic.Field(default="")
    remain_codes: int = pydantic.Field(default=0)


class Factors(Output, pydantic.RootModel[list[Factor]]):
    """All factors of a person, in the order in which they were added."""


class AddedFactor(Reply):
    """What the person needs of a new factor: of an app its `secret`, also as a QR code (a PNG data URL); or `codes`."""

    type: Literal["Totp", "BackupCode"]
    secret: str = pydantic.Field(default="")
    secret_qr_code: str = pydantic.Field(default="")
    codes: list[str] = pydantic.Field(default=[])


@DOOR.route(
    "GET",
    PATH,
    permission="read_user",
    summary="List the factors of a person",
    answer=Factors,
    refuses=(UnknownUser,),
)
async def listed(call: Call) -> Answer:
    return Answer([_shown(row) for row in await rows.of_user(call.parts.store.pool, await _known(call))])


@DOOR.route(
    "POST",
    PATH,
    permission="write_user",
    summary="Add a factor to a person, which counts at once",
    body=NewFactor,
    answer=AddedFactor,
    refuses=(
        UnknownUser,
        MissingPermission,
        TotpInUse,
        InvalidTotpSecret,
        BackupCodesInUse,
        BackupCodesAlone,
        InvalidBackupCodes,
    ),
)
async def add(call: Call) -> Answer:
    body: NewFactor = call.body
    user = call.id("user_id", UnknownUser)
    if Kind(body.type) is Kind.BACKUP_CODES:
        return await call.carry_out(factors.add_backup_codes, _codes, user=user, codes=body.codes)
    # As configured, for an application may reach the service by whatever name.
    host = urlsplit(call.parts.settings.issuer).hostname or ""
    return await call.carry_out(factors.add_totp, _app, user=user, host=host, secret=body.secret)


@DOOR.route(
    "DELETE",
    f"{PATH}/{{verification_id}}",
    permission="write_user",
    summary="Take a factor from a person; backup codes stay",
    status=204,
    refuses=(UnknownUser, UnknownFactor, MissingPermission),
)
async def remove(call: Call) -> Answer:
    return await call.carry_out(
        factors.remove,
        no_content,
        user=call.id("user_id", UnknownUser),
        factor=call.id("verification_id", UnknownFactor),
    )


@DOOR.route(
    "POST",
    f"{PATH}/verify",
    permission="write_user",
    summary="Check a code of a person's app, or a backup code, which is used up by it",
    body=Typed,
    status=204,
    refuses=(UnknownUser, TooManyGuesses, WrongTotpCode, WrongBackupCode),
)
async def verify(call: Call) -> Answer:
    body: Typed = call.body
    user = await _known(call)
    bucket = Bucket.of("factor-check", user.bytes, burst=OF_USER[0], every=OF_USER[1])
    seconds = await call.parts.throttle.wait(bucket)
    if seconds:
        raise TooManyGuesses(seconds=seconds)
    done = await call.carry_out(factors.verify, no_content, user=user, kind=Kind(body.type), code=body.code)
    await call.parts.throttle.succeeded(bucket)
    return done


async def _known(call: Call) -> UUID:
    """Return the person in the path. Raises UnknownUser."""
    user = call.id("user_id", UnknownUser)
    call.seen(await users.one(call.parts.store.pool, user), UnknownUser)
    return user


def _shown(row: asyncpg.Record) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row["id"], "type": row["type"], "createdAt": _moment(row["created_at"])}
    if row["last_used_at"] is not None:
        shown["lastUsedAt"] = _moment(row["last_used_at"])
    if row["remaining"] is not None:
        shown["remainCodes"] = row["remaining"]
    return shown


def _app(added: NewTotp) -> Answer:
    return Answer({"type": Kind.TOTP.value, "secret": added.secret, "secretQrCode": one_time.image(added.uri)})


def _codes(added: NewBackupCodes) -> Answer:
    return Answer({"type": Kind.BACKUP_CODES.value, "codes": added.codes})


def _moment(moment: datetime) -> str:
    """Return a moment as JavaScript writes it, to the millisecond: clients of this dialect expect no other."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
