"""Takes over who users are at their enterprises' own providers, from lines of JSON that another system wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from domain.caller import SYSTEM
from service.commands import identities
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from service.store.store import Store

LINE_LIMIT = 128 * 1024
"""Bytes of a line: what may be told of somebody, written in the longest way."""


class BadLine(Exception):
    """A line is not what it should be. The sentence quotes nothing of it: it tells of a person."""


class Line(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Who a user is at a provider."""

    user: UUID
    sso_connector_id: str
    issuer: str
    identity_id: str
    detail: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(Line)


def lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, each up to a little more than it may have; what is blank is one, too."""
    while line := source.readline(LINE_LIMIT + 1):
        yield line
        while line and not line.endswith(b"\n"):  # the rest of one that is too long
            line = source.readline(LINE_LIMIT)


async def record(store: Store, line: bytes) -> None:
    """Record what a line says. Raises BadLine, and what `identities.record_enterprise` refuses."""
    if len(line) > LINE_LIMIT:
        msg = "longer than 128 KiB"
        raise BadLine(msg)
    try:
        said = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        msg = "not an object of user, ssoConnectorId, issuer, identityId and perhaps detail"
        raise BadLine(msg) from None
    await identities.record_enterprise(
        store,
        Origin(SYSTEM.actor, SYSTEM.organization, None, store.clock.new_id()),
        SYSTEM,
        user=said.user,
        connector=said.sso_connector_id,
        issuer=said.issuer,
        identity_id=said.identity_id,
        detail=said.detail,
    )
