"""/v1/organizations/{organization_id}/oauth2/search: tokens by application, by end user, or by both.

The organization has the feature `token_search`. Access tokens that are neither revoked nor expired are listed, newest
first, by their ids: the tokens themselves are not kept. Those issued before the feature was switched on are among them
(spec/apigee.md section 1.1 and A13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.account import TOKEN_SEARCH
from domain.refusals import (
    FeatureNotEnabled,
    InvalidEndUser,
    InvalidPageLimit,
    NothingToSearch,
    UnknownAccount,
    UnknownApplication,
    UnknownToken,
)
from projections import token_look_ups
from projections.token_look_ups import LookUp
from service.commands import revocations
from service.doors.apigee.frame import SERVICE, ApigeeDoor, Reply, organization_with
from service.doors.apigee.which import Which, named
from service.http.call import Answer, Call
from service.secrets.digests import sha256

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from projections.token_look_ups import Found

DOOR = ApigeeDoor("token search", {UnknownToken.code: (404, f"{SERVICE}AccessTokenDoesntExists")})
APPROVED = frozenset({"active", "blocked"})
USUAL_LIMIT = 10
LOOKS = 4  # for one page, each at a bounded number of tokens


class Search(Which):
    """Whose tokens, how many of them, and with which the page begins: `next` of the page before."""

    limit: int = USUAL_LIMIT
    start: str | None = None


class Meta(Reply):
    """About a page. `next` begins the next one and is absent at the end: a short page, even an empty one, may have one.

    `totalResults` counts up to 1000; `start` is empty on the first page.
    """

    limit: int
    next: str = ""
    query: dict[str, str]
    start: str
    total_results: int


class Listed(Reply):
    """A page of token ids."""

    list: list[str]
    meta: Meta


@DOOR.route(
    "GET",
    "/oauth2/search",
    permission="read_token",
    summary="Search access tokens by application, by end user, or by both",
    query=Search,
    answer=Listed,
    refuses=(
        UnknownAccount,
        FeatureNotEnabled,
        NothingToSearch,
        InvalidPageLimit,
        InvalidEndUser,
        UnknownApplication,
        UnknownToken,
    ),
)
async def search(call: Call) -> Answer:
    organization = await organization_with(call, TOKEN_SEARCH)
    query: Search = call.query
    if not 1 <= query.limit <= call.parts.settings.token_search_limit:
        raise InvalidPageLimit(field="limit")
    of = await named(call, organization, query, NothingToSearch)
    pool, now = call.parts.store.pool, call.parts.clock.now()
    look_up = LookUp(organization=organization, application=of.application, end_user=of.end_user, status=APPROVED)
    start = await _position(call, organization, query.start, now) if query.start else None
    found = await _page(call, look_up, start, query.limit, now)
    total, _ = await token_look_ups.count(pool, look_up, before=None, cap=revocations.COUNTED, now=now)
    meta: dict[str, Any] = {"limit": query.limit}
    if found.next_id is not None:
        meta["next"] = str(found.next_id)
    asked = {"endUser": query.enduser, "app": query.app}
    meta["query"] = {name: value for name, value in asked.items() if value is not None}
    meta |= {"start": query.start or "", "totalResults": total}
    return Answer({"list": [str(row["id"]) for row in found.rows], "meta": meta})


async def _page(call: Call, look_up: LookUp, start: int | None, limit: int, now: datetime) -> Found:
    """Return a page that is full, unless too many tokens would have to be looked at that are no more."""
    pool = call.parts.store.pool
    rows: list[asyncpg.Record] = []
    for _ in range(LOOKS):
        found = await token_look_ups.page(pool, look_up, start=start, limit=limit - len(rows), now=now)
        rows += found.rows
        start = found.next
        if start is None or len(rows) == limit:
            break
    return found._replace(rows=rows)


async def _position(call: Call, organization: UUID, text: str, now: datetime) -> int:
    """Return where a page begins that begins with a token, named by its id or as itself. Raises UnknownToken."""
    pool = call.parts.store.pool
    position: int | None
    try:
        position = await token_look_ups.start_of(pool, UUID(text), organization)
    except ValueError:
        row = await token_look_ups.by_digest(pool, sha256(text), now)
        position = None if row is None or row["organization"] != organization else row["position"]
    if position is None:
        raise UnknownToken
    return position
