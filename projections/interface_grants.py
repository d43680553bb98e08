"""Interface grants: which application may call which interface, how often and until when.

A grant counts for nothing once its application or its interface is gone: whoever reads it looks at those, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.interface_grant import InterfaceGrant
from projections.row_model import Table, row_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    import asyncpg

    from projections.model import Context, Fact

GRANTS = Table(
    "interface_grants",
    key=("id",),
    columns={
        "id": "uuid NOT NULL",
        "organization": "uuid NOT NULL",
        "application": "uuid NOT NULL",
        "resource": "uuid NOT NULL",
        "interface": "uuid NOT NULL",
        "status": "text NOT NULL",
        "frequency": "integer NOT NULL",
        "test_frequency": "integer NOT NULL",
        "expires_at": "timestamptz",
        "requested_by": "uuid NOT NULL",
        "requested_at": "timestamptz NOT NULL",
        "decided_by": "uuid",
        "decided_at": "timestamptz",
        "reason": "text",
        "created_at": "timestamptz NOT NULL",
        "updated_at": "timestamptz NOT NULL",
    },
    indexes=(
        "CREATE UNIQUE INDEX interface_grants_pair ON interface_grants (application, interface)",
        "CREATE INDEX interface_grants_interface ON interface_grants (interface)",
        "CREATE INDEX interface_grants_organization ON interface_grants (organization, id)",
        "CREATE INDEX interface_grants_pending ON interface_grants (organization, id) WHERE status = 'pending'",
    ),
)


def _requested(event: InterfaceGrant.Requested, _: Context) -> Iterable[Fact]:
    yield GRANTS.insert(
        id=event.originator_id,
        organization=event.organization,
        application=event.application,
        resource=event.resource,
        interface=event.interface,
        created_at=event.timestamp,
        **_asked(event),
    )


def _requested_again(event: InterfaceGrant.RequestedAgain, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(id=event.originator_id, decided_by=None, decided_at=None, reason=None, **_asked(event))


def _asked(event: InterfaceGrant.Requested | InterfaceGrant.RequestedAgain) -> Fact:
    return {
        "status": "pending",
        "frequency": event.frequency,
        "test_frequency": event.test_frequency,
        "expires_at": event.expires_at,
        "requested_by": event.requested_by,
        "requested_at": event.timestamp,
        "updated_at": event.timestamp,
    }


def _approved(event: InterfaceGrant.Approved, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(
        id=event.originator_id,
        status="effective",
        frequency=event.frequency,
        test_frequency=event.test_frequency,
        expires_at=event.expires_at,
        decided_by=event.approver,
        decided_at=event.timestamp,
        reason=None,
        updated_at=event.timestamp,
    )


def _rejected(event: InterfaceGrant.Rejected, _: Context) -> Iterable[Fact]:
    yield GRANTS.update(
        id=event.originator_id,
        status="rejected",
        expires_at=None,
        decided_by=event.by,
        decided_at=event.timestamp,
        reason=event.reason,
        updated_at=event.timestamp,
    )


def _gone(event: InterfaceGrant.Withdrawn | InterfaceGrant.Deleted, _: Context) -> Iterable[Fact]:
    yield GRANTS.delete(id=event.originator_id)


MODEL = row_model(
    "interface_grants",
    1,
    (GRANTS,),
    {
        InterfaceGrant.Requested.TOPIC: _requested,
        InterfaceGrant.RequestedAgain.TOPIC: _requested_again,
        InterfaceGrant.Approved.TOPIC: _approved,
        InterfaceGrant.Rejected.TOPIC: _rejected,
        InterfaceGrant.Withdrawn.TOPIC: _gone,
        InterfaceGrant.Deleted.TOPIC: _gone,
    },
)

# What commands look for: grants as they are kept. Reading for people is for projections/interface_grant_pages.py.
OF_APPLICATION = "SELECT id, interface FROM interface_grants WHERE application = $1 AND interface = ANY ($2::uuid[])"
# Those of applications that are gone are gone, too: nobody is told of them, and nothing has to end them.
OF_INTERFACES = """
SELECT g.id FROM interface_grants g JOIN applications a ON a.id = g.application
 WHERE g.interface = ANY ($1::uuid[]) ORDER BY g.id LIMIT $2
"""
COUNTS = """
SELECT g.interface, count(*) FROM interface_grants g JOIN applications a ON a.id = g.application
 WHERE g.interface = ANY ($1::uuid[]) GROUP BY g.interface
"""
ORGANIZATIONS = "SELECT id, organization FROM interface_grants WHERE id = ANY ($1::uuid[])"


async def of_application(connection: asyncpg.Pool, application: UUID, interfaces: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return by interface the grants that an application has for these; those without one are absent."""
    rows = await connection.fetch(OF_APPLICATION, application, interfaces)
    return {row["interface"]: row["id"] for row in rows}


async def of_interfaces(connection: asyncpg.Pool, interfaces: Sequence[UUID], *, limit: int) -> list[UUID]:
    """Return up to `limit` grants for these interfaces, whatever their status."""
    return [row["id"] for row in await connection.fetch(OF_INTERFACES, interfaces, limit)]


async def count_of(connection: asyncpg.Pool, interfaces: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many grants there are for each of these interfaces; those without any are absent."""
    return {row["interface"]: row["count"] for row in await connection.fetch(COUNTS, interfaces)}


async def organizations_of(connection: asyncpg.Pool, grants: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return whose these grants are; what is none is left out."""
    return {row["id"]: row["organization"] for row in await connection.fetch(ORGANIZATIONS, grants)}
