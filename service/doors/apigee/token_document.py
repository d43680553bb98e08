"""One token as this dialect tells of it, and how it is found: by its id or by itself.

It is told of by its id, for tokens themselves are not kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from domain.refusals import UnknownToken
from projections import applications, token_look_ups
from service.doors.apigee.frame import Reply, milliseconds, organization
from service.http.call import Answer, Call
from service.http.input import Id  # noqa: TC001 - pydantic reads the annotations
from service.secrets.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES = {"active": "approved", "blocked": "approved", "revoked": "revoked", "expired": "expired"}
"""What this dialect calls the status of a token. One that something else is in the way of is approved itself."""
NEVER = -1


class Shown(Reply):
    """One attribute."""

    name: str
    value: str


class Token(Reply):
    """A token. Times are in milliseconds since 1970; `expiresAt` -1: never.

    `token` and `refreshToken` are ids; `app` is the application's name. `refreshToken` and `endUser` are absent where
    there is none.
    """

    token: str
    token_type: Literal["BearerToken"]
    app: str
    app_id: Id
    client_id: str
    api_products: list[str]
    scope: str
    status: Literal["approved", "revoked", "expired"]
    grant_type: str
    issued_at: int
    expires_at: int
    created_at: int
    created_by: str
    last_modified_at: int
    refresh_count: int
    attributes: list[Shown]
    refresh_token: str = ""
    end_user: str = ""


async def found(call: Call, kind: str) -> Mapping[str, Any]:
    """Return the row of the token in the path, of this kind and of the organization in the path.

    Raises UnknownAccount or UnknownToken.
    """
    owner = (await organization(call))["id"]
    text, now = call.request.match_info[f"{kind}_token"], call.parts.clock.now()
    pool = call.parts.store.pool
    try:
        row = await token_look_ups.one(pool, UUID(text), now)
    except ValueError:
        row = await token_look_ups.by_digest(pool, sha256(text), now)
    if row is None or row["kind"] != kind or row["organization"] != owner:
        raise UnknownToken
    application = await applications.one(pool, row["application"])
    return dict(row.items()) | {"application_name": "" if application is None else application["name"]}


def told(row: Mapping[str, Any], **changed: Any) -> Answer:
    """Return what is told of a token; `changed` are columns that a command has just set otherwise."""
    row = {**row, **changed}
    issued_at, expires_at = milliseconds(row["issued_at"]), row["expires_at"]
    attributes = row["attributes"]
    if isinstance(attributes, str):
        attributes = json.loads(attributes)
    shown: dict[str, Any] = {
        "token": str(row["id"]),
        "tokenType": "BearerToken",
        "app": row["application_name"],
        "appId": row["application"],
        "clientId": row["client_id"] or "",
        "apiProducts": [row["audience"]],
        "scope": row["scope"],
        "status": STATUSES[row["status"]],
        "grantType": row["grant_type"],
        "issuedAt": issued_at,
        "expiresAt": NEVER if expires_at is None else milliseconds(expires_at),
        "createdAt": issued_at,
        "createdBy": row["client_id"] or "",
        "lastModifiedAt": issued_at if row["ended_at"] is None else milliseconds(row["ended_at"]),
        "refreshCount": row["renewals"],
        "attributes": [{"name": name, "value": value} for name, value in (attributes or {}).items()],
    }
    if row["refresh_id"] is not None and row["refresh_id"] != row["id"]:
        shown["refreshToken"] = str(row["refresh_id"])
    if row["end_user"] is not None:
        shown["endUser"] = row["end_user"]
    return Answer(shown)
