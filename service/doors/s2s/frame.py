"""The frame of the server-to-server door: refusals, callers, pages and times (spec/melody.md section 1).

Refusals are plain text, the message alone. What the rules forbid or the present state does not allow answers 400, a
missing scope 401; a value that does not fit is told as a JSON array. A name that is taken is 409, where the product
that this dialect is of answers 500.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pydantic
from aiohttp import web
from pydantic.alias_generators import to_camel

from domain import refusals
from domain.refusals import Unknown
from service.http.call import Answer
from service.http.document import Output
from service.http.door import Door, Refused
from service.http.group import Group
from service.http.input import Input, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from service.http.bearer import Authenticated, Unauthenticated
    from service.http.route import Route

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, CONFLICT = 400, 401, 403, 409
EVERYTHING = 10_000  # things that a list without pages holds at most
PAGE_LIMIT = 1_000

# What this dialect says where the rules say something else. A missing application is told by its status alone.
SENTENCES = {
    refusals.UnknownUser.code: "No user found",
    refusals.UnknownRole.code: "Role not found",
    refusals.UnknownApplication.code: "",
    refusals.UnknownAccount.code: "No organization found",
    refusals.UnknownGroup.code: "Organization group not found",
    refusals.UserNotActive.code: "Try to access a disabled account",
}
FIELDS = {"description": "note", "permissions": "scopes", "given_name": "firstName", "family_name": "lastName"}
# What stays a conflict: a name that another has, and a change at the same moment.
CONFLICTS = frozenset({refusals.NameTaken.code, "conflict"})
# Refusals of the rules that nevertheless answer as if the caller were nobody, with their own sentence.
UNAUTHORIZED_CODES = frozenset({refusals.ImpersonationDenied.code})


class ServerToServerDoor(Door):
    """A door whose callers are server applications (type s2s) alone, and whose refusals are plain text."""

    REFUSAL: ClassVar = None
    GROUP: ClassVar = Group.SERVER_TO_SERVER

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal: the message alone, or the fields at fault."""
        if errors and status == BAD_REQUEST:
            text = msgspec.json.encode([_field_error(code, error) for error in errors]).decode()
        elif status == UNAUTHORIZED:
            text = "Unauthorized"
        elif code == "invalid_request":
            text = "Bad Request"
        else:
            text = SENTENCES.get(code, sentence)
        if code in UNAUTHORIZED_CODES:
            status = UNAUTHORIZED
        elif status == FORBIDDEN or (status == CONFLICT and code not in CONFLICTS):
            status = BAD_REQUEST
        return web.Response(
            text=text,
            status=status,
            content_type="text/plain",
            charset="utf-8",
            headers={"Cache-Control": "no-store", **(headers or {})},
        )

    def challenge(self, refused: Unauthenticated) -> str:
        """Return how a caller who is nobody is told to authenticate."""
        return 'Bearer realm=""' if refused.error is None else f'Bearer error="{refused.error}"'

    def permit(self, route: Route, authenticated: Authenticated) -> None:
        """Refuse whoever is no server application, and whoever lacks one of the route's scopes. Raises Refused."""
        if not authenticated.is_machine:
            raise _unauthorized(
                "wrong_client_kind", "Only a server application may do this", 'Bearer error="invalid_token"'
            )
        for scope in route.permissions:
            if not authenticated.caller.holds(scope):
                challenge = f'Bearer error="invalid_token", scope="{route.permission}"'
                raise _unauthorized("insufficient_scope", f"The scope {scope} is missing", challenge)


def _unauthorized(code: str, sentence: str, challenge: str) -> Refused:
    return Refused(UNAUTHORIZED, code, sentence, headers={"WWW-Authenticate": challenge})


def _field_error(code: str, error: dict[str, Any]) -> dict[str, Any]:
    field = error["field"]
    if "in" not in error:  # told by the rules, which have words of their own
        field = FIELDS.get(field) or to_camel(field)
    return {"property": field, "constraints": {code: error["message"]}}


class Body(Input):
    """A request's body, whose members are written in camel case."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel)


class Reply(Output):
    """The shape of an answer, whose members are written in camel case."""

    model_config = pydantic.ConfigDict(strict=True, alias_generator=to_camel)


class Listing(Input):
    """Which page of a list: both or neither, and without them everything."""

    page_size: int | None = pydantic.Field(default=None, ge=1, le=PAGE_LIMIT)
    page_number: int | None = pydantic.Field(default=None, ge=1, le=1_000_000)

    @pydantic.model_validator(mode="after")
    def _both_or_neither(self) -> Listing:
        if (self.page_size is None) != (self.page_number is None):
            msg = "page_size and page_number are given together"
            raise ValueError(msg)
        return self

    @property
    def limit(self) -> int:
        """How many rows to read: those of a page, or one more than a list without pages may hold."""
        return EVERYTHING + 1 if self.page_size is None else self.page_size

    @property
    def offset(self) -> int:
        """How many rows come before."""
        return 0 if self.page_size is None or self.page_number is None else self.page_size * (self.page_number - 1)


def whole(rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of a list, of which EVERYTHING and one more were asked for. Raises InvalidInput for that one."""
    if len(rows) > EVERYTHING:
        raise InvalidInput("query", "There are too many for one answer: name page_size and page_number")
    return rows


def timestamp(moment: datetime) -> str:
    """Return a moment as this dialect writes it, in UTC and to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def times(created_at: datetime, updated_at: datetime) -> dict[str, Any]:
    """Return the three times of a thing. What is deleted is not shown, so `deletedAt` is always null."""
    return {"createdAt": timestamp(created_at), "updatedAt": timestamp(updated_at), "deletedAt": None}


async def already_gone(deletion: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer of a deletion that may be repeated: what is not there (for this caller) is gone already."""
    try:
        return await deletion()
    except Unknown:
        return Answer()
