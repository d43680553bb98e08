"""Connectors as the log has them, with what they are configured with, for those who use one and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.connector import Connector
from projections import connectors
from service.connectors.registry import LINKABLE
from service.store.decision import EVERYWHERE, Decision

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from service.store.vault import Vault

MOST = 50
"""Connectors of an organization."""


async def one(pool: asyncpg.Pool, vault: Vault, connector: UUID) -> Connector | None:
    """Return a connector as it is now; None when there is none, or none any more."""
    found = await _reading(pool, vault).peek(Connector, connector)
    return None if found is None or found.deleted else found


async def of_organization(pool: asyncpg.Pool, vault: Vault, organization: UUID) -> list[Connector]:
    """Return the connectors of an organization, the oldest first."""
    rows = await connectors.of_organization(pool, organization, limit=MOST)
    found = await _reading(pool, vault).load_many(Connector, [row["id"] for row in rows])
    return [each for each in found if not each.deleted]


async def linkable(pool: asyncpg.Pool, organization: UUID) -> list[asyncpg.Record]:
    """Return the rows of the connectors by way of which an organization's people can link an identity, by target."""
    return await connectors.social(pool, organization, LINKABLE)


def _reading(pool: asyncpg.Pool, vault: Vault) -> Decision:
    return Decision(pool, vault, position=0, organization=EVERYWHERE)
