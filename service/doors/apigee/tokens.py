"""/v1/organizations/{organization_id}/oauth2/accesstokens and …/refreshtokens: one token, by its id or by itself.

`read_token` reads; `revoke_token` approves, revokes, describes and deletes. What was revoked may be approved again
until its expiry, unless many tokens were revoked at once; what was deleted is gone. With a refresh token everything
ends that was issued by it (spec/apigee.md sections 1.3, 1.4 and 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from domain.refusals import (
    InvalidAttributes,
    InvalidScope,
    NothingToChange,
    TokenEnded,
    TokenExpired,
    TokenRevokedInBulk,
    UnknownAccount,
    UnknownToken,
)
from service.commands import tokens
from service.doors.apigee.frame import SERVICE, ApigeeDoor
from service.doors.apigee.token_document import Token, found, told
from service.doors.apigee.which import Flag, lower
from service.http.input import Input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.http.call import Answer, Call

CHANGING = (
    UnknownAccount,
    UnknownToken,
    NothingToChange,
    InvalidAttributes,
    InvalidScope,
    TokenEnded,
    TokenExpired,
    TokenRevokedInBulk,
)


class Attribute(Input):
    """A name and a value that management gives a token."""

    name: str
    value: str


class Action(Input):
    """What to do with a token. `cascade` does it to the refresh token as well."""

    action: Annotated[Literal["approve", "revoke"] | None, pydantic.BeforeValidator(lower)] = None
    cascade: Flag = "false"


class Change(Input):
    """Attributes to set; a token's others stay. `scope` cannot be changed: what is named is what the token has."""

    model_config = pydantic.ConfigDict(extra="ignore")  # clients send back what they were told

    attributes: list[Attribute] = pydantic.Field(default_factory=list)
    scope: str | None = None


def _door(name: str, kind: str, missing: str) -> ApigeeDoor:
    """Return the door to tokens of a kind, which calls one that there is not as told."""
    door = ApigeeDoor(f"{name}s", {UnknownToken.code: (404, f"{SERVICE}{missing}")})
    path = f"/oauth2/{kind}tokens/{{{kind}_token}}"

    @door.route(
        "GET",
        path,
        permission="read_token",
        summary=f"Read one of the {name}s",
        answer=Token,
        refuses=(UnknownAccount, UnknownToken),
    )
    async def one(call: Call) -> Answer:
        return told(await found(call, kind))

    @door.route(
        "POST",
        path,
        permission="revoke_token",
        summary=f"Approve or revoke one of the {name}s, or set attributes of it",
        query=Action,
        body=Change,
        answer=Token,
        refuses=CHANGING,
    )
    async def change(call: Call) -> Answer:
        row = await found(call, kind)
        query: Action = call.query
        body: Change = call.body
        if body.scope is not None and body.scope != row["scope"]:
            raise InvalidScope(field="scope")
        if (query.action is None) == (not body.attributes):
            raise NothingToChange
        token, cascade = row["id"], query.cascade == "true"
        if query.action == "approve":
            approved = told(row, **_approved(row))
            return await call.carry_out(tokens.approve, lambda _: approved, token=token, cascade=cascade)
        if query.action == "revoke":
            revoked = told(row, **_revoked(call, row))
            return await call.carry_out(tokens.revoke, lambda _: revoked, token=token, cascade=cascade)
        named = {attribute.name: attribute.value for attribute in body.attributes}
        if len(named) < len(body.attributes):
            raise InvalidAttributes(field="attributes")
        return await call.carry_out(
            tokens.describe, lambda all_: told(row, attributes=all_), token=token, attributes=named
        )

    @door.route(
        "DELETE",
        path,
        permission="revoke_token",
        summary=f"Delete one of the {name}s",
        answer=Token,
        refuses=(UnknownAccount, UnknownToken, TokenEnded),
    )
    async def delete(call: Call) -> Answer:
        row = await found(call, kind)
        return await call.carry_out(tokens.delete, lambda _: told(row), token=row["id"])

    return door


def _approved(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an approval leaves different."""
    return {"status": "active", "ended_at": None} if row["status"] == "revoked" else {}


def _revoked(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a revocation leaves different: an expired token is still told as expired."""
    if row["status"] in ("revoked", "expired"):
        return {}
    return {"status": "revoked", "ended_at": call.parts.clock.now()}


ACCESS = _door("access token", "access", "AccessTokenDoesntExists")
REFRESH = _door("refresh token", "refresh", "RefreshTokenDoesntExists")
