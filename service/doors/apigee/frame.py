"""The frame of the token look-up door: its two bases, its refusals and its callers (spec/apigee.md section 1).

A refusal is `{code, message, contexts}`, `contexts` always empty. Callers come with a bearer token, or with the id and
secret of an application by HTTP Basic. Organizations are named by their ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import msgspec
import pydantic
from aiohttp import web
from pydantic.alias_generators import to_camel

from domain import refusals
from domain.refusals import FeatureNotEnabled, UnknownAccount
from projections import accounts
from service.doors.apigee import callers
from service.http.document import Output
from service.http.door import Door
from service.http.group import Group
from service.oauth.client_authentication import CHALLENGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from service.http.bearer import Authenticated, Unauthenticated
    from service.http.call import Call
    from service.http.document import Row
    from service.http.route import Declared, Handler, Kind
    from service.parts import Parts
    from service.store.decision import Origin

BASES = ("/v1/organizations/{organization_id}", "/v1/o/{organization_id}")
BAD_REQUEST = 400
SERVICE = "keymanagement.service."
# What this dialect calls a refusal, and the status that it has there. What is not here keeps its name and its status.
CALLED: dict[str, tuple[int, str]] = {
    refusals.UnknownApplication.code: (BAD_REQUEST, f"{SERVICE}app_id_not_found"),
    refusals.InvalidEndUser.code: (BAD_REQUEST, "parameters_missing"),
    refusals.NothingToSearch.code: (BAD_REQUEST, "parameters_missing"),
    refusals.NothingToRevoke.code: (BAD_REQUEST, "parameters_missing"),
    refusals.NothingToChange.code: (BAD_REQUEST, "parameters_missing"),
    refusals.InvalidPageLimit.code: (BAD_REQUEST, "InvalidValueForLimitParam"),
    refusals.FeatureNotEnabled.code: (BAD_REQUEST, "UnsupportedOperationRevoke"),
    refusals.UnknownCode.code: (404, f"{SERVICE}invalid_request-authorization_code_invalid"),
    refusals.InvalidScope.code: (BAD_REQUEST, f"{SERVICE}InvalidScopes"),
    refusals.TokenEnded.code: (BAD_REQUEST, f"{SERVICE}access_token_not_approved"),
    refusals.TokenExpired.code: (BAD_REQUEST, f"{SERVICE}access_token_expired"),
    refusals.TokenRevokedInBulk.code: (BAD_REQUEST, f"{SERVICE}access_token_approve_failed"),
}


class Reply(Output):
    """The shape of an answer, whose members are written in camel case."""

    model_config = pydantic.ConfigDict(strict=True, alias_generator=to_camel)


class LookUpRefusal(Output):
    """Why a request was refused: `code` is for programs, `message` for people; `contexts` is always empty."""

    code: str
    message: str
    contexts: list[str]


class ApigeeDoor(Door):
    """A door whose routes stand under both bases, for bearer tokens and for applications by HTTP Basic."""

    REFUSAL: ClassVar = LookUpRefusal
    GROUP: ClassVar = Group.APIGEE
    BASIC: ClassVar = True

    def __init__(self, name: str, called: Mapping[str, tuple[int, str]] | None = None) -> None:
        """Take the door's name, and its own words for refusals beside those that all doors of the dialect have."""
        super().__init__(name)
        self._called = CALLED | dict(called or {})

    def route(
        self, method: Kind, path: str, *, permission: str, summary: str, **more: Unpack[Declared]
    ) -> Callable[[Handler], Handler]:
        """Declare the route of the decorated handler, its path below an organization's, under both bases."""

        def declare(handler: Handler) -> Handler:
            for base in BASES:
                Door.route(self, method, f"{base}{path}", permission=permission, summary=summary, **more)(handler)
            return handler

        return declare

    async def authenticate(self, request: web.Request, parts: Parts) -> Authenticated:
        """Return the caller behind a bearer token, or behind an application's own credentials."""
        if callers.has_credentials(request):
            return await callers.by_credentials(request, parts)
        return await super().authenticate(request, parts)

    def origin(self, parts: Parts, authenticated: Authenticated, request_id: UUID) -> Origin:
        """Return where a caller's commands come from; credentials are proved again as tokens are looked up again."""
        if isinstance(authenticated, callers.ByCredentials):
            return callers.origin(parts, authenticated, request_id)
        return super().origin(parts, authenticated, request_id)

    def challenge(self, refused: Unauthenticated) -> str:
        """Return how a caller who is nobody is told to authenticate: in either way."""
        return f"{super().challenge(refused)}, {CHALLENGE}"

    def word(self, code: str) -> str:
        """Return what this dialect calls a refusal."""
        return self._called[code][1] if code in self._called else code

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
        unfit = [error for error in errors or () if "in" in error]  # what the rules name, they tell in their sentence
        if code == "invalid_query" and any(error["field"] == "limit" for error in unfit):
            code = refusals.InvalidPageLimit.code
        message = "; ".join([sentence, *(f"{error['field']}: {error['message']}" for error in unfit)])
        return web.Response(
            body=msgspec.json.encode({"code": self.word(code), "message": message, "contexts": []}),
            status=self._called[code][0] if code in self._called else status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", **(headers or {})},
        )


async def organization(call: Call) -> Row:
    """Return the row of the organization in the path, as far as the caller may know of it. Raises UnknownAccount."""
    found = await accounts.one(call.parts.store.pool, call.id("organization_id", UnknownAccount))
    row = call.seen(found, UnknownAccount)
    if row["parent"] is not None:
        raise UnknownAccount
    return row


async def organization_with(call: Call, feature: str) -> UUID:
    """Return the organization in the path if it has a feature. Raises UnknownAccount or FeatureNotEnabled."""
    row = await organization(call)
    if feature not in row["features"]:
        raise FeatureNotEnabled
    found: UUID = row["id"]
    return found


def milliseconds(moment: datetime) -> int:
    """Return a moment as this dialect writes it: in milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
