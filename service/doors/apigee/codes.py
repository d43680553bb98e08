"""/v1/organizations/{organization_id}/oauth2/authorizationcodes: the authorization codes of an organization.

`read_token` reads, `revoke_token` deletes. A code is named by its id or by itself and told of by its id. It is expired
from its use on, too; one that was deleted is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pydantic

from domain.refusals import UnknownAccount, UnknownCode
from projections import authorizations as rows
from service.commands import authorizations
from service.doors.apigee.frame import ApigeeDoor, Reply, milliseconds, organization
from service.http.call import Answer, Call
from service.http.input import Id, Input
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from datetime import datetime

    from service.http.document import Row

DOOR = ApigeeDoor("authorization codes")
LIST = "/oauth2/authorizationcodes"
ONE = f"{LIST}/{{code}}"
LAST = UUID(int=2**128 - 1)
USUAL, MOST = 100, 1000


class Code(Reply):
    """An authorization code. Times are in milliseconds since 1970; there are no attributes."""

    code: str
    client_id: str = pydantic.Field(alias="client_id")  # this one in snake case
    scope: str
    status: Literal["active", "expired"]
    issued_at: int
    expires_at: int
    created_at: int
    created_by: str
    attributes: list[str]


class Codes(Reply):
    """A page of codes, the newest first."""

    authorization_code: list[Code]


class Page(Input):
    """Which page of the list: `startKey` is the id of the code that it begins with."""

    start_key: Id | None = pydantic.Field(default=None, alias="startKey")
    count: int = pydantic.Field(default=USUAL, ge=1, le=MOST)


@DOOR.route(
    "GET",
    LIST,
    permission="read_token",
    summary="List authorization codes",
    query=Page,
    answer=Codes,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    owner, now = (await organization(call))["id"], call.parts.clock.now()
    query: Page = call.query
    found = await rows.page(call.parts.store.pool, owner, start=query.start_key or LAST, limit=query.count)
    return Answer({"authorizationCode": [_shown(row, now) for row in found]})


@DOOR.route(
    "GET",
    ONE,
    permission="read_token",
    summary="Read an authorization code",
    answer=Code,
    refuses=(UnknownAccount, UnknownCode),
)
async def one(call: Call) -> Answer:
    return Answer(_shown(await _row(call), call.parts.clock.now()))


@DOOR.route(
    "DELETE",
    ONE,
    permission="revoke_token",
    summary="Delete an authorization code",
    answer=Code,
    refuses=(UnknownAccount, UnknownCode),
)
async def delete(call: Call) -> Answer:
    row = await _row(call)
    shown = Answer(_shown(row, call.parts.clock.now()))
    return await call.carry_out(authorizations.withdraw, lambda _: shown, code=row["id"])


async def _row(call: Call) -> Row:
    owner, text = (await organization(call))["id"], call.request.match_info["code"]
    code: UUID | str
    try:
        code = UUID(text)
    except ValueError:
        code = sha256_hex(text)
    row = await rows.told(call.parts.store.pool, owner, code)
    if row is None:
        raise UnknownCode
    return row


def _shown(row: Row, now: datetime) -> dict[str, Any]:
    issued_at = milliseconds(row["issued_at"])
    return {
        "code": str(row["id"]),
        "client_id": row["client_id"] or "",
        "scope": row["scope"],
        "status": "active" if row["family"] is None and now < row["expires_at"] else "expired",
        "issuedAt": issued_at,
        "expiresAt": milliseconds(row["expires_at"]),
        "createdAt": issued_at,
        "createdBy": str(row["user_id"]),
        "attributes": [],
    }
