"""/api/users/{user_id}/personal-access-tokens: what lets a user's programs come by access tokens (spec/logto.md 8).

A token is named by its name: in the path, or in a body, for names that some proxies do not let through in a path. Its
value is told once, when it is made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.personal_access_token import NAME_LIMIT
from domain.refusals import (
    InvalidExpiry,
    InvalidTokenName,
    MissingPermission,
    PersonalAccessTokenNameTaken,
    TooManyPersonalAccessTokens,
    UnknownPersonalAccessToken,
    UnknownUser,
)
from projections import personal_access_tokens as tokens
from projections import users
from service.commands import personal_access_tokens
from service.doors.account_settings.frame import EPOCH, AccountSettingsDoor, Body, Reply, milliseconds
from service.http.call import Answer, Call, no_content
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.secrets.personal_access_tokens import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from domain.personal_access_token import PersonalAccessToken
    from service.commands.personal_access_tokens import IssuedPersonalAccessToken

PATH = "/api/users/{user_id}/personal-access-tokens"
LAST = 253_402_300_799_999  # the last millisecond that calendars here have
TokenName = Annotated[str, pydantic.Field(min_length=1, max_length=NAME_LIMIT)]


class TokenDoor(AccountSettingsDoor):
    """A door that calls some refusals otherwise than its dialect does elsewhere, as clients of it know them."""

    def __init__(self, name: str, words: Mapping[str, str]) -> None:
        """Take the words, by the codes of the refusals."""
        super().__init__(name)
        self._words = words

    def word(self, code: str) -> str:
        """Return what this door calls a refusal."""
        return self._words.get(code) or super().word(code)


DOOR = AccountSettingsDoor("personal-access-tokens")
MAKING = TokenDoor("personal-access-tokens-made", {UnknownUser.code: "entity.relation_foreign_key_not_found"})
RENAMING = TokenDoor(
    "personal-access-tokens-renamed",
    {one.code: "entity.not_exists" for one in (UnknownUser, UnknownPersonalAccessToken)},
)
DOORS = (DOOR, MAKING, RENAMING)


class NewToken(Body):
    """A token. `expiresAt` is in milliseconds since 1970; null or left out: it does not expire."""

    name: TokenName
    expires_at: int | None = pydantic.Field(default=None, ge=0, le=LAST)


class Renamed(Body):
    """Another name."""

    name: TokenName


class RenamedByBody(Renamed):
    """Another name, and the one that the token has."""

    current_name: TokenName


class Named(Body):
    """Which token."""

    name: TokenName


class Token(Reply):
    """A personal access token. Its `value` is told once, when it is made; afterwards only how it ends.

    Times are in milliseconds since 1970; `expiresAt` null: it does not expire.
    """

    tenant_id: Id
    user_id: Id
    name: str
    value: str
    created_at: int
    expires_at: int | None


class Tokens(Output, pydantic.RootModel[list[Token]]):
    """All personal access tokens of a user, in the order in which they were made, expired ones too."""


def _document(token: PersonalAccessToken, value: str) -> dict[str, Any]:
    return {
        "tenantId": token.organization,
        "userId": token.user,
        "name": token.name,
        "value": value,
        "createdAt": milliseconds(token.created_on),
        "expiresAt": None if token.expires_at is None else milliseconds(token.expires_at),
    }


def _of_row(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "tenantId": row["organization"],
        "userId": row["user_id"],
        "name": row["name"],
        "value": masked(row["hint"]),
        "createdAt": milliseconds(row["created_at"]),
        "expiresAt": None if row["expires_at"] is None else milliseconds(row["expires_at"]),
    }


def _made(made: IssuedPersonalAccessToken) -> Answer:
    return Answer(_document(made.token, made.value))


def _renamed(token: PersonalAccessToken) -> Answer:
    return Answer(_document(token, masked(token.hint)))


@DOOR.route(
    "GET", PATH, permission="read_user", summary="List a user's personal access tokens", answer=Tokens,
    refuses=(UnknownUser,),
)  # fmt: skip
async def list_all(call: Call) -> Answer:
    user = call.id("user_id", UnknownUser)
    call.seen(await users.one(call.parts.store.pool, user), UnknownUser)
    return Answer([_of_row(row) for row in await tokens.of_user(call.parts.store.pool, user)])


@MAKING.route(
    "POST",
    PATH,
    permission="write_user",
    summary="Make a personal access token of a user",
    body=NewToken,
    answer=Token,
    status=201,
    refuses=(
        UnknownUser,
        InvalidTokenName,
        InvalidExpiry,
        TooManyPersonalAccessTokens,
        MissingPermission,
        PersonalAccessTokenNameTaken,
    ),
)
async def make(call: Call) -> Answer:
    body: NewToken = call.body
    expires_at = None if body.expires_at is None else EPOCH + timedelta(milliseconds=body.expires_at)
    return await call.carry_out(
        personal_access_tokens.issue,
        _made,
        user=call.id("user_id", UnknownUser),
        name=body.name,
        expires_at=expires_at,
    )


@RENAMING.route(
    "PATCH",
    PATH + "/{name}",
    permission="write_user",
    summary="Rename a personal access token",
    body=Renamed,
    answer=Token,
    refuses=(UnknownUser, UnknownPersonalAccessToken, InvalidTokenName, PersonalAccessTokenNameTaken),
)
async def rename(call: Call) -> Answer:
    return await _rename(call, call.request.match_info["name"], call.body.name)


@RENAMING.route(
    "PATCH",
    PATH,
    permission="write_user",
    summary="Rename the personal access token that is named in the body",
    body=RenamedByBody,
    answer=Token,
    refuses=(UnknownUser, UnknownPersonalAccessToken, InvalidTokenName, PersonalAccessTokenNameTaken),
)
async def rename_named(call: Call) -> Answer:
    return await _rename(call, call.body.current_name, call.body.name)


@DOOR.route(
    "DELETE",
    PATH + "/{name}",
    permission="write_user",
    summary="Delete a personal access token, and what was exchanged for it",
    status=204,
    refuses=(UnknownUser, UnknownPersonalAccessToken),
)
async def delete(call: Call) -> Answer:
    return await _delete(call, call.request.match_info["name"])


@DOOR.route(
    "POST",
    PATH + "/delete",
    permission="write_user",
    summary="Delete the personal access token that is named in the body, and what was exchanged for it",
    body=Named,
    status=204,
    refuses=(UnknownUser, UnknownPersonalAccessToken),
)
async def delete_named(call: Call) -> Answer:
    return await _delete(call, call.body.name)


async def _rename(call: Call, name: str, new_name: str) -> Answer:
    user = call.id("user_id", UnknownUser)
    return await call.carry_out(personal_access_tokens.rename, _renamed, user=user, name=name, new_name=new_name)


async def _delete(call: Call, name: str) -> Answer:
    user = call.id("user_id", UnknownUser)
    return await call.carry_out(personal_access_tokens.delete, no_content, user=user, name=name)
