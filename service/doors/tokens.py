"""/api/tokens: tokens looked up by what they were issued to, and each on its own: ended, approved again, described.

`read_token` reads, `revoke_token` changes. A token goes by its id here, never by its text: paths are kept in too many
places. The id of an access token is its `jti`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Self

import pydantic

from domain.refusals import (
    InvalidAttributes,
    InvalidReason,
    TokenEnded,
    TokenExpired,
    TokenRevokedInBulk,
    UnknownAccount,
    UnknownToken,
)
from projections import token_look_ups
from projections.token_look_ups import LookUp
from service.commands import tokens
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, InvalidInput, Moment
from service.http.paging import DEFAULT, MOST

if TYPE_CHECKING:
    from service.http.document import Row

DOOR = Door("tokens")
FURTHEST = 2**63 - 1
EVERYWHERE = ("application", "user", "account")
NAMED = (*EVERYWHERE, "end_user")

Kind = Literal["access", "refresh"]
Status = Literal["active", "blocked", "revoked", "expired"]


class Token(Output):
    """A token as it is at this moment.

    `status`: `active` tokens are honoured; `blocked` ones rest on something that is out of use and would be honoured
    again with it; `revoked` ones were ended, themselves or among others; whatever was said of it, a token is `expired`
    from `expires_at` on. `end_user` is whom the application says that it serves, `actor` who acts in the user's name,
    `attributes` are what was noted about the token. A refresh token whose `expires_at` is null does not expire.
    """

    id: Id
    kind: Kind
    status: Status
    family: Id
    organization: Id
    application: Id
    client_id: str | None
    user: Id | None
    account: Id | None
    membership: Id | None
    end_user: str | None
    actor: Id | None
    session: Id | None
    scope: list[str]
    audience: str
    format: Literal["jwt", "opaque"]
    grant_type: str
    issued_at: Moment
    expires_at: Moment | None
    ended_at: Moment | None
    ended_because: str | None
    attributes: dict[str, str]


class RefreshToken(Output):
    """The newest refresh token of a token's family."""

    id: Id
    status: Status
    issued_at: Moment
    expires_at: Moment | None


class DetailedToken(Token):
    """A token, how often its family was refreshed, and by which refresh token that goes on (null: by none)."""

    refreshes: int
    refresh_token: RefreshToken | None


def _attributes(row: Row) -> dict[str, str]:
    return json.loads(row["attributes"]) if row["attributes"] else {}


def _refresh_token(row: Row) -> dict[str, Any] | None:
    if row["refresh_id"] is None:
        return None
    return {name: row[f"refresh_{name}"] for name in RefreshToken.model_fields}


READ: dict[str, Any] = {
    "user": ("user_id", "user"),
    "scope": (lambda row: row["scope"].split(), "scope"),
    "attributes": (_attributes, "attributes"),
}
DOCUMENT = Document(Token, **READ)
DETAILED = Document(
    DetailedToken,
    refreshes=("renewals", "renewals"),
    refresh_token=(_refresh_token, "refresh_token"),
    **READ,
)


class Tokens(Output):
    """A page of tokens, the newest first. `next` goes into `start` to continue, and is null at the end.

    The answer to a rare combination of filters comes in short pages, even empty ones: each tells how far it looked.
    """

    items: list[Token]
    next: int | None


class Filter(Input):
    """Which tokens: at least an application, a user, an end user or an account is named; several narrow it down.

    Times are inclusive where they begin and exclusive where they end (`from` and `to`); `start` is a `next`, with which
    the page begins. Root names an organization with an end user.
    """

    application: Id | None = None
    user: Id | None = None
    end_user: str | None = pydantic.Field(default=None, min_length=1, max_length=255)
    account: Id | None = None
    kind: Kind = "access"
    status: Status | None = None
    issued_from: Moment | None = None
    issued_to: Moment | None = None
    expires_from: Moment | None = None
    expires_to: Moment | None = None
    organization: Id | None = None
    start: int | None = pydantic.Field(default=None, ge=0, le=FURTHEST)
    limit: int = pydantic.Field(default=DEFAULT, ge=1, le=MOST)

    @pydantic.model_validator(mode="after")
    def _named(self) -> Self:
        if all(getattr(self, name) is None for name in NAMED):
            msg = "tokens are looked up by application, user, end_user or account"
            raise ValueError(msg)
        return self


class Ending(Input):
    """Whether the refresh tokens of its family end with a token, and why it ends, for the auditors."""

    cascade: bool = True
    reason: str | None = None


class Approval(Input):
    """Whether the refresh token of its family is approved with a token."""

    cascade: bool = True


class Described(Output):
    """All that is noted about a token now."""

    attributes: dict[str, str]


class Attributes(Input):
    """What is noted about a token: at most 20 names of 1 to 128 characters, values of at most 2048.

    Attributes that are not named stay as they are.
    """

    attributes: dict[str, str]


@DOOR.route(
    "GET",
    "/api/tokens",
    permission="read_token",
    summary="Look tokens up by application, user, end user or account",
    query=Filter,
    answer=Tokens,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    organization = call.organization(query.organization)
    if organization is None and all(getattr(query, name) is None for name in EVERYWHERE):
        fault = {"in": "query", "field": "organization", "message": "an end user is looked up in one organization"}
        raise InvalidInput("query", "The query does not fit", [fault])
    look_up = LookUp(
        organization=organization,
        **{name: getattr(query, name) for name in NAMED},
        kind=query.kind,
        status=frozenset() if query.status is None else frozenset((query.status,)),
        issued_from=query.issued_from,
        issued_to=query.issued_to,
        expires_from=query.expires_from,
        expires_to=query.expires_to,
    )
    found = await token_look_ups.page(
        call.parts.store.pool, look_up, start=query.start, limit=query.limit, now=call.parts.clock.now()
    )
    return Answer({"items": [DOCUMENT.of_row(row) for row in found.rows], "next": found.next})


@DOOR.route(
    "GET",
    "/api/tokens/{token_id}",
    permission="read_token",
    summary="Read a token",
    answer=DetailedToken,
    refuses=(UnknownToken,),
)
async def one(call: Call) -> Answer:
    token = call.id("token_id", UnknownToken)
    row = await token_look_ups.one(call.parts.store.pool, token, call.parts.clock.now())
    return Answer(DETAILED.of_row(call.seen(row, UnknownToken)))


@DOOR.route(
    "POST",
    "/api/tokens/{token_id}/revoke",
    permission="revoke_token",
    summary="End a token; what has ended is ended already",
    body=Ending,
    status=204,
    refuses=(UnknownToken, InvalidReason),
)
async def revoke(call: Call) -> Answer:
    token, body = call.id("token_id", UnknownToken), call.body
    return await call.carry_out(tokens.revoke, no_content, token=token, cascade=body.cascade, reason=body.reason)


@DOOR.route(
    "POST",
    "/api/tokens/{token_id}/approve",
    permission="revoke_token",
    summary="Undo the revocation of a token, until it expires; one made in bulk stays",
    body=Approval,
    status=204,
    refuses=(UnknownToken, TokenEnded, TokenExpired, TokenRevokedInBulk),
)
async def approve(call: Call) -> Answer:
    token = call.id("token_id", UnknownToken)
    return await call.carry_out(tokens.approve, no_content, token=token, cascade=call.body.cascade)


@DOOR.route(
    "PATCH",
    "/api/tokens/{token_id}/attributes",
    permission="revoke_token",
    summary="Note something about a token that is neither revoked nor expired",
    body=Attributes,
    answer=Described,
    refuses=(UnknownToken, TokenEnded, TokenExpired, TokenRevokedInBulk, InvalidAttributes),
)
async def describe(call: Call) -> Answer:
    token = call.id("token_id", UnknownToken)
    return await call.carry_out(tokens.describe, _described, token=token, attributes=call.body.attributes)


def _described(attributes: dict[str, str]) -> Answer:
    return Answer({"attributes": attributes})
