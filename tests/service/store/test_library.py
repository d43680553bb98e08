"""The eventsourcing library follows the log by itself: its own recorder and its projection runner, reading only."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import Mapper, PersistenceError, StoredEvent
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import get_topic

from domain.account import Account
from service.store import archive, codec, connections
from service.store.follower import Bell
from tests.service.store import test_archive
from tests.service.store.given import a_token, an_account, history, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from eventsourcing.persistence import Tracking

    from tests.store_fixture import StoreParts

PATIENCE = 10.0


class LogRecorder(PostgresApplicationRecorder):
    """The library's recorder on the view of the log, as the library makes it from its settings."""

    def __init__(self, datastore: PostgresDatastore, **_: Any) -> None:
        super().__init__(datastore, events_table_name="log")


class TypedMapper(Mapper[UUID]):
    """Reads states with their types; without it the library yields the same events with texts for ids and times."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        told = stored_event.topic, stored_event.originator_id, stored_event.originator_version, stored_event.state
        return codec.decode(*told)  # type: ignore[arg-type]


class Muniment(Application[UUID]):
    """The service's log as an application of the library."""


class Counts(POPOTrackingRecorder):
    """A read model that somebody else keeps, in their memory."""

    def __init__(self) -> None:
        super().__init__()
        self.positions: list[int] = []
        self.topics: Counter[str] = Counter()


class Counting(Projection[Counts]):
    """Counts events by topic."""

    name = "counting"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        assert isinstance(domain_event.originator_id, UUID)
        self.view.topics[type(domain_event).TOPIC] += 1
        self.view.positions.append(tracking.notification_id)
        self.view.insert_tracking(tracking)


@pytest.fixture
async def reader(parts: StoreParts) -> AsyncIterator[str]:
    """The name of a login that may read the log and nothing else."""
    name = f"reader_{uuid4().hex[:8]}"
    await parts.owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE muniment_reader")
    yield name
    await parts.owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.fixture
def environment(parts: StoreParts, reader: str) -> dict[str, str]:
    address = urlsplit(parts.dsn)
    place = parse_qs(address.query)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": address.path[1:],
        "POSTGRES_HOST": place["host"][0],
        "POSTGRES_PORT": place["port"][0],
        "POSTGRES_USER": reader,
        "POSTGRES_PASSWORD": "none is asked for",
        "POSTGRES_SCHEMA": "muniment",
        "CREATE_TABLE": "no",
        "APPLICATION_RECORDER_TOPIC": get_topic(LogRecorder),
        "MAPPER_TOPIC": get_topic(TypedMapper),
        "COUNTING_PERSISTENCE_MODULE": "eventsourcing.popo",
    }


@pytest.fixture
def muniment(environment: dict[str, str]) -> Iterator[Application[UUID]]:
    application = Muniment(environment)
    yield application
    application.close()


@asynccontextmanager
async def ringing(parts: StoreParts) -> AsyncIterator[None]:
    """Ring after each append, as a worker does."""
    bell = Bell(connections.connector(parts.dsn, name="bell"))
    await bell.start()
    parts.appender.on_commit = bell.ring
    yield
    await bell.stop()


async def test_its_recorder_reads_the_log_by_position(parts: StoreParts, muniment: Application[UUID]) -> None:
    await write(parts, an_account(parts), a_token(parts), an_account(parts))
    recorder = muniment.recorder
    entries = await history(parts)
    assert recorder.max_notification_id() == 3
    read = recorder.select_notifications(start=1, limit=10)
    assert [(n.id, n.originator_id, n.topic, n.state) for n in read] == [
        (entry.position, entry.stream, entry.topic, entry.state) for entry in entries
    ]
    assert [n.id for n in recorder.select_notifications(start=1, limit=10, topics=["token.issued"])] == [2]
    assert [n.id for n in recorder.select_notifications(start=1, limit=1, inclusive_of_start=False)] == [2]


async def test_its_repository_brings_aggregates_of_both_tables_back(
    parts: StoreParts, muniment: Application[UUID]
) -> None:
    account, family = an_account(parts), a_token(parts)
    account.rename("Renamed", parts.clock.now())
    family.revoke(None, "lost", parts.clock.now())
    await write(parts, account, family)
    assert muniment.repository.get(account.id) == account
    assert muniment.repository.get(family.id) == family
    assert family.ended


async def test_it_may_not_write(parts: StoreParts, muniment: Application[UUID]) -> None:
    event = StoredEvent(uuid4(), 1, Account.Reinstated.TOPIC, b"{}")
    with pytest.raises(PersistenceError, match="permission denied for view log"):
        muniment.recorder.insert_events([event])
    assert await history(parts) == []


async def test_its_projection_runner_catches_up_and_then_follows(
    parts: StoreParts, environment: dict[str, str]
) -> None:
    for _ in range(3):
        await write(parts, an_account(parts), a_token(parts))
    async with ringing(parts):
        runner = ProjectionRunner(
            application_class=Muniment, projection_class=Counting, view_class=Counts, env=environment
        )
        runner.__enter__()
        try:
            await asyncio.to_thread(runner.wait, 6, PATIENCE)
            for position in (8, 10):
                assert (await write(parts, an_account(parts), a_token(parts))).position == position
                await asyncio.to_thread(runner.wait, position, PATIENCE)
        finally:
            await asyncio.to_thread(runner.__exit__, None, None, None)
    assert runner.view.positions == list(range(1, 11))
    assert runner.view.topics == {"account.created": 5, "token.issued": 5}


async def test_it_goes_on_across_what_was_archived(
    parts: StoreParts, muniment: Application[UUID], environment: dict[str, str], tmp_path: Path
) -> None:
    await test_archive.some_history(parts)
    await archive.archive(parts.owner, test_archive.month(parts), tmp_path, test_archive.AT_ONCE)
    assert [n.id for n in muniment.recorder.select_notifications(start=1, limit=2)] == [1, 3]
    runner = ProjectionRunner(application_class=Muniment, projection_class=Counting, view_class=Counts, env=environment)
    runner.__enter__()
    try:
        await asyncio.to_thread(runner.wait, 5, PATIENCE)
    finally:
        await asyncio.to_thread(runner.__exit__, None, None, None)
    assert runner.view.positions == [1, 3, 4, 5]
