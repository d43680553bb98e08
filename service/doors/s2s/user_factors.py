"""Factors, passkeys and linked accounts of a user at /api/v1/users/… (spec/melody.md section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain.person import Factor
from domain.refusals import (
    AlreadyLinked,
    InvalidLink,
    MissingPermission,
    TargetAlreadyLinked,
    UnknownPasskey,
    UnknownUser,
    UserNotActive,
)
from projections import users as rows
from service.commands import people
from service.doors.s2s.frame import Reply, ServerToServerDoor
from service.http.call import Answer, Call, no_content
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

DOOR = ServerToServerDoor("user-factors")


class Passkey(Reply):
    """A passkey."""

    id: Id
    credential_id: str
    counter: int
    created_at: str
    updated_at: str
    deleted_at: None


class Passkeys(Reply):
    """The passkeys of a user."""

    passkeys: list[Passkey]


class Linked(Reply):
    """It is done."""

    success: Literal[True]


def _linked(_: object) -> Answer:
    return Answer({"success": True})


def _user(call: Call) -> UUID:
    return call.id("auth_id", UnknownUser)


def _requiring(factor: Factor) -> Callable[[Call], Awaitable[Answer]]:
    async def require(call: Call) -> Answer:
        return await call.carry_out(people.require_factor, no_content, user=_user(call), factor=factor)

    return require


def _waiving(factor: Factor) -> Callable[[Call], Awaitable[Answer]]:
    async def waive(call: Call) -> Answer:
        return await call.carry_out(people.waive_factor, no_content, user=_user(call), factor=factor)

    return waive


for _factor in Factor:
    DOOR.route(
        "POST",
        f"/api/v1/users/{{auth_id}}/{_factor}-mfa",
        permission="write_user",
        summary=f"Have a user prove themselves by {_factor} besides",
        status=204,
        refuses=(UnknownUser, UserNotActive),
    )(_requiring(_factor))
    DOOR.route(
        "DELETE",
        f"/api/v1/users/{{auth_id}}/{_factor}-mfa",
        permission="write_user",
        summary=f"Ask a user no more for a proof by {_factor}",
        status=204,
        refuses=(UnknownUser, UserNotActive, MissingPermission),
    )(_waiving(_factor))


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}/passkeys",
    permission="read_user",
    summary="List a user's passkeys",
    answer=Passkeys,
    refuses=(UnknownUser,),
)
async def passkeys(call: Call) -> Answer:
    """Answer that there are none: nobody can register one yet."""
    call.seen(await rows.one(call.parts.store.pool, _user(call)), UnknownUser)
    return Answer({"passkeys": []})


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/passkeys/{passkey_id}",
    permission="write_user",
    summary="Take a passkey from a user",
    status=204,
    refuses=(UnknownUser, UnknownPasskey),
)
async def remove_passkey(call: Call) -> Answer:
    call.seen(await rows.one(call.parts.store.pool, _user(call)), UnknownUser)
    raise UnknownPasskey


@DOOR.route(
    "POST",
    "/api/v1/users/{auth_id}/account-linking/{linking_auth_id}",
    permission="write_user",
    summary="Say that two users are the same person",
    answer=Linked,
    refuses=(UnknownUser, InvalidLink, AlreadyLinked, TargetAlreadyLinked, MissingPermission),
)
async def link(call: Call) -> Answer:
    other = call.id("linking_auth_id", UnknownUser)
    return await call.carry_out(people.link, _linked, user=_user(call), other=other)


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/account-linking",
    permission="write_user",
    summary="Let a user and the one they are linked with go by themselves again",
    answer=Linked,
    refuses=(UnknownUser,),
)
async def unlink(call: Call) -> Answer:
    return await call.carry_out(people.unlink, _linked, user=_user(call))
