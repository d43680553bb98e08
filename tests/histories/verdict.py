"""What holds at the end of any history: the log is whole, and everything that stands beside it follows from it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.connector import Connector
from domain.factor import AuthenticationFactor, Kind
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.identity import EnterpriseIdentity, Identity
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.membership import Membership
from domain.personal_access_token import PersonalAccessToken
from domain.role import Role
from domain.scope_definition import ScopeDefinition
from domain.signing_key import SigningKey
from domain.user import User
from domain.verification import Verification
from projections import EVENTUAL, MODELS
from service.secrets import identifiers
from service.secrets.subject_keys import SubjectKeys
from service.store import codec, rebuild
from service.store.follower import Bell
from service.store.log import head, read_page
from service.store.projector import Projector
from service.store.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from eventsourcing.domain import Aggregate

    from tests.store_fixture import StoreParts


async def history(parts: StoreParts) -> list[Any]:
    """Return every event of the log, decoded, in order."""
    entries = await read_page(parts.pool, after=0, until=2**62, limit=1_000_000)
    ciphers = await parts.vault.for_entries(entries)
    return [codec.decode(e.topic, e.stream, e.version, e.state, ciphers) for e in entries]


def folded(events: Iterable[Any]) -> dict[UUID, Aggregate]:
    """Return what the domain makes of the events, by stream. Versions have no gap."""
    aggregates: dict[UUID, Aggregate] = {}
    for event in events:
        before = aggregates.get(event.originator_id)
        assert event.originator_version == (before.version if before else 0) + 1
        aggregates[event.originator_id] = event.mutate(before)
    return aggregates


async def the_log_is_whole(parts: StoreParts) -> None:
    """Positions have no gap, batches follow each other, times never decrease."""
    rows = await parts.pool.fetch("SELECT notification_id, recorded_at FROM muniment.log ORDER BY 1")
    assert [row[0] for row in rows] == list(range(1, await head(parts.pool) + 1))
    batches = await parts.pool.fetch("SELECT first, last, recorded_at FROM muniment.batches ORDER BY last")
    for before, after in pairwise(batches):
        assert after["first"] == before["last"] + 1
        assert after["recorded_at"] >= before["recorded_at"]
    recorded = {p: batch["recorded_at"] for batch in batches for p in range(batch["first"], batch["last"] + 1)}
    assert all(row["recorded_at"] == recorded[row["notification_id"]] for row in rows)


async def rebuilt_models_are_equal(parts: StoreParts, *pages: int, names: Iterable[str] = tuple(MODELS)) -> None:
    """Every read model, the eventual ones once they are at the head, is row for row the one rebuilt from the log.

    They are rebuilt in pages of these sizes.
    """
    projector = Projector(parts.pool.acquire, (), parts.vault, Bell(parts.pool.acquire))
    async with parts.pool.acquire() as connection:
        for model in EVENTUAL.values():
            while await projector.advance(connection, model, limit=pages[0]):
                pass
    for page in pages:
        for name in names:
            # As another process would, without any key in memory.
            vault = Vault(parts.owner, SubjectKeys(parts.master_keys, parts.clock.monotonic), parts.master_keys)
            with capture_logs() as logs:
                found = await rebuild.differences(parts.owner, MODELS[name], vault, page_size=page)
            assert found == [], (name, page)
            assert logs == [], "the bulk path gave up"


async def guards_claims_and_keys_follow(parts: StoreParts, events: list[Any]) -> None:
    """Guards stand where events touched them last; names are held, and keys live, as long as their owners do."""
    touched = {key: position for position, event in enumerate(events, 1) for key in event.touches}
    rows = await parts.pool.fetch("SELECT key, position FROM muniment.guards WHERE NOT starts_with(key, 'subject:')")
    assert {row["key"]: row["position"] for row in rows} == touched
    things = folded(events).values()
    holders = {each.id for each in things if isinstance(each, Application)}
    holders |= {each.id for each in things if isinstance(each, Membership) and not each.removed}
    named = (Role, ScopeDefinition, Group, ApiResource)
    holders |= {each.id for each in things if isinstance(each, named) and not each.deleted}
    holders |= {each.id for each in things if isinstance(each, GroupMembership) and not each.removed}
    holders |= {each.id for each in things if isinstance(each, Account) and each.slug and each.status != "deleted"}
    holders |= {each.id for each in things if isinstance(each, PersonalAccessToken | Connector) and not each.deleted}
    holders |= {each.id for each in things if isinstance(each, EnterpriseIdentity) and not each.unlinked}
    holders |= {each.id for each in things if isinstance(each, Verification) and each.waits}
    unused = [each for each in things if isinstance(each, AuthenticationFactor) and not each.removed]
    holders |= {each.id for each in unused if each.kind is Kind.TOTP or each.remaining}
    holders |= {each.id for each in things if isinstance(each, InterfaceGrant) and not each.ended}
    both = [each.id for each in things if isinstance(each, Identity) and not each.unlinked]  # who, and where
    both += [each.id for each in things if isinstance(each, Interface) and not each.deleted]  # identifier and address
    held = await parts.pool.fetch("SELECT owner FROM muniment.claims WHERE space <> 'verified'")
    assert sorted(row[0] for row in held) == sorted([*holders, *both, *both])
    shown = {each.id for each in things if isinstance(each, Verification) and each.consumed_at and not each.spent}
    verified = await parts.pool.fetch("SELECT owner FROM muniment.claims WHERE space = 'verified'")
    assert {row[0] for row in verified} <= shown
    gone = {each.id for each in things if isinstance(each, User) and each.status == "deleted"}
    gone |= {each.id for each in things if isinstance(each, SigningKey) and each.status == "retired"}
    gone |= {each.id for each in things if isinstance(each, Connector) and each.deleted}
    keys = await parts.owner.fetch("SELECT subject, wrapped FROM muniment.subject_keys")
    assert {row["subject"] for row in keys if row["wrapped"] is None} == gone
    sealed = {e.subject for e in events if type(e).PERSONAL and any(getattr(e, n) for n in type(e).PERSONAL)}
    living = {row["subject"] for row in keys if row["wrapped"] is not None}
    assert living - {identifiers.SUBJECT} == sealed - gone
