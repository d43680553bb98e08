"""/api/keys: the keys that sign tokens. They belong to the service: `read_projection` lists them, root rotates them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.refusals import KeyTooYoung
from domain.signing_key import Algorithm
from projections import signing_keys
from service.commands import signing_keys as commands
from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import Whole

if TYPE_CHECKING:
    from service.commands.signing_keys import Rotation

DOOR = Door("keys")
PUBLISHED_SECONDS = int(commands.PUBLISHED_FOR.total_seconds())
OVERLAP_SECONDS = int(commands.OVERLAP.total_seconds())
LONGEST = 31_536_000


class Key(Output):
    """A key. Once retired it stays published until its last tokens have ended."""

    id: Id
    kid: str
    algorithm: Algorithm
    status: Literal["introduced", "active", "retired"]
    introduced_at: Moment
    activated_at: Moment | None
    retired_at: Moment | None
    published_until: Moment | None
    public_key: dict[str, Any]


class Turned(Output):
    """The `kid`s of the keys that changed place; `activated` is null while the new key waits."""

    introduced: str
    activated: str | None
    retired: list[str]


# A key is shown from its row alone: what it signs with never leaves the aggregate.
DOCUMENT = Document(Key, public_key=(lambda row: json.loads(row["public_key"]), "kid"))


class Turn(Input):
    """A rotation, of the keys for access tokens unless an algorithm is named.

    `force` lets the new key sign at once: for a leaked one, while verifiers hold older key sets.
    """

    algorithm: Algorithm | None = None
    published_for: int = pydantic.Field(default=PUBLISHED_SECONDS, ge=0, le=LONGEST)
    overlap: int = pydantic.Field(default=OVERLAP_SECONDS, ge=0, le=LONGEST)
    force: bool = False


def _turned(rotation: Rotation) -> Answer:
    return Answer(
        {
            "introduced": rotation.introduced.kid,
            "activated": None if rotation.activated is None else rotation.activated.kid,
            "retired": [key.kid for key in rotation.retired],
        }
    )


@DOOR.route(
    "GET",
    "/api/keys",
    permission="read_projection",
    summary="List the signing keys, the oldest first, retired ones too",
    answer=Whole[Key],
)
async def listed(call: Call) -> Answer:
    """Answer all at once, the oldest first, in a list without pages."""
    rows = await signing_keys.every(call.parts.store.pool)
    return Answer({"items": [DOCUMENT.of_row(row) for row in rows], "next": None})


@DOOR.route(
    "POST",
    "/api/keys/rotate",
    permission="root",
    summary="Introduce a key, let the one that waited sign, retire the former",
    body=Turn,
    answer=Turned,
    refuses=(KeyTooYoung,),
)
async def rotate(call: Call) -> Answer:
    body: Turn = call.body
    return await call.carry_out(
        commands.rotate,
        _turned,
        published_for=timedelta(seconds=body.published_for),
        overlap=timedelta(seconds=body.overlap),
        algorithm=body.algorithm or Algorithm(call.parts.settings.signing_algorithm),
        force=body.force,
    )
