"""The record of messages, as managers read it: whom each went to and what it said, for as long as that person is here.

Codes and the secrets of links are left out of the text. Once a person is deleted, receiver, content and what the mail
server said read None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.messages.delivery import PLACE
from service.secrets.sealing import open_sealed
from service.store import outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from service.store.vault import Vault

SEALED = ("receiver", "content", "response")
MEMBERS = ("id", "success", "receiver", "response", "content", "created_at", "updated_at")


async def page(
    pool: asyncpg.Pool, vault: Vault, organization: UUID, *, channel: str, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return messages of an organization, newest first, that were sent or at least tried."""
    return await _opened(vault, await outgoing.logged(pool, organization, channel=channel, limit=limit, offset=offset))


async def one(
    pool: asyncpg.Pool, vault: Vault, organization: UUID, message: UUID, *, channel: str
) -> dict[str, Any] | None:
    """Return one of them, None when there is none."""
    row = await outgoing.one_logged(pool, organization, message, channel=channel)
    return None if row is None else (await _opened(vault, [row]))[0]


async def count(pool: asyncpg.Pool, organization: UUID, *, channel: str) -> int:
    """Return how many there are."""
    return await outgoing.count(pool, organization, channel=channel)


async def delete_before(pool: asyncpg.Pool, organization: UUID, *, channel: str, before: datetime) -> int:
    """Delete those from before a time, but for what still waits to be sent; return how many."""
    return await outgoing.delete_before(pool, organization, channel=channel, before=before)


async def _opened(vault: Vault, rows: Sequence[asyncpg.Record]) -> list[dict[str, Any]]:
    ciphers = await vault.ciphers({row["subject"] for row in rows}) if rows else {}
    found = []
    for row in rows:
        shown = {name: row[name] for name in MEMBERS}
        cipher = ciphers.get(row["subject"])
        for name in SEALED if row["receiver"] is not None else ():
            sealed = row[name]
            shown[name] = (
                None
                if cipher is None or sealed is None
                else open_sealed(cipher, sealed, subject=row["subject"], topic=PLACE, field=name).decode()
            )
        found.append(shown)
    return found
