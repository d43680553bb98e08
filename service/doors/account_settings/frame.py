"""The frame of the account-settings door: its names, its times and its refusals (spec/logto.md sections 3 and 4).

A refusal is `{code, message}`: the code, with dots in it, is for programs. What is wrong with a body or a query is
told as a list of issues in `data`, and in a line each in `details`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pydantic
from aiohttp import web
from pydantic.alias_generators import to_camel

from domain import refusals
from domain.person import Profile
from service.http.bearer import UnsupportedScheme
from service.http.document import Output
from service.http.door import Door
from service.http.group import Group
from service.http.input import Input

if TYPE_CHECKING:
    from datetime import datetime

    from service.http.bearer import Unauthenticated

INVALID_INPUT = "guard.invalid_input"
UNPROCESSABLE = 422
SCHEME = "unsupported_scheme"

# What this dialect calls a refusal, and the status that it has there. What is not here is called `request.…` and has
# the status that it has elsewhere.
CALLED: dict[str, tuple[int, str]] = {
    "unauthenticated": (401, "auth.authorization_header_missing"),
    SCHEME: (401, "auth.authorization_token_type_not_supported"),
    "invalid_token": (401, "auth.unauthorized"),
    "invalid_request": (401, "auth.unauthorized"),
    "insufficient_scope": (403, "auth.forbidden"),
    "wrong_client_kind": (403, "auth.forbidden"),
    refusals.UnknownAccount.code: (404, "entity.not_found"),
    refusals.UnknownUser.code: (404, "entity.not_found"),
    refusals.ValueTooLong.code: (UNPROCESSABLE, "entity.value_too_long"),
    refusals.UsernameTaken.code: (UNPROCESSABLE, "user.username_already_in_use"),
    refusals.EmailTaken.code: (UNPROCESSABLE, "user.email_already_in_use"),
    refusals.PhoneTaken.code: (UNPROCESSABLE, "user.phone_already_in_use"),
    refusals.InvalidPhone.code: (UNPROCESSABLE, "user.invalid_phone"),
    refusals.PasswordAndDigest.code: (400, "user.password_and_digest"),
    refusals.DigestAlgorithmMissing.code: (400, "user.password_algorithm_required"),
    refusals.InvalidDigest.code: (400, "password.unsupported_legacy_hash_algorithm"),
}
UNFIT = frozenset({"invalid_body", "invalid_query", "invalid_position"})
"""Of the frame: what came does not fit, and may have a status of its own (413, 415 …)."""
BY_RULES = frozenset(
    one.code
    for one in (
        refusals.InvalidUsername,
        refusals.InvalidEmail,
        refusals.InvalidName,
        refusals.InvalidLocale,
        refusals.InvalidProfile,
        refusals.InvalidPassword,
    )
)
"""Of the rules: a value that no user can have."""
FIELDS = {
    "email": "primaryEmail",
    "phone": "primaryPhone",
    "picture": "avatar",
    "password_digest": "passwordDigest",
}
"""How this dialect calls what the rules name, beside the members of a profile."""
PROFILE = frozenset(member.name for member in fields(Profile))


class Refusal(Output):
    """Why a request was refused: `code` is for programs, `message` for people; `data` and `details` tell of fields."""

    code: str
    message: str
    data: dict[str, Any] | None = pydantic.Field(default=None)
    details: str = pydantic.Field(default="")


class AccountSettingsDoor(Door):
    """A door to the accounts of people, for the server-side applications that let them change their settings."""

    REFUSAL: ClassVar = Refusal
    GROUP: ClassVar = Group.ACCOUNT_SETTINGS

    def word(self, code: str) -> str:
        """Return what this dialect calls a refusal."""
        if code in UNFIT or code in BY_RULES:
            return INVALID_INPUT
        return CALLED[code][1] if code in CALLED else f"request.{code}"

    def nobody(self, refused: Unauthenticated) -> str:
        """Tell credentials of another kind from none."""
        return SCHEME if isinstance(refused, UnsupportedScheme) else super().nobody(refused)

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal in this door's shape."""
        body: dict[str, Any] = {"code": self.word(code), "message": sentence}
        if code == SCHEME:
            body["data"] = {"supportedTypes": ["Bearer"]}
        elif errors and body["code"] == INVALID_INPUT:
            issues = [_issue(error) for error in errors]
            body["data"] = {"name": "ZodError", "issues": issues}
            body["details"] = "\n".join(f"{'.'.join(issue['path'])}: {issue['message']}" for issue in issues)
        return web.Response(
            body=msgspec.json.encode(body),
            status=CALLED[code][0] if code in CALLED else status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", **(headers or {})},
        )


def _issue(error: dict[str, Any]) -> dict[str, Any]:
    field = error["field"]
    if "in" not in error:  # told by the rules, which have words of their own
        field = FIELDS.get(field) or (f"profile.{to_camel(field)}" if field in PROFILE else field)
    return {"code": "custom", "path": field.split(".") if field else [], "message": error["message"]}


class Body(Input):
    """A request's body, whose members are written in camel case; what nobody knows of is passed over."""

    model_config = pydantic.ConfigDict(alias_generator=to_camel, extra="ignore")


class Reply(Output):
    """The shape of an answer, whose members are written in camel case."""

    model_config = pydantic.ConfigDict(strict=True, alias_generator=to_camel)


def milliseconds(moment: datetime) -> int:
    """Return a moment as this dialect writes it: in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
