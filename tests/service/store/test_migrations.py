"""The schema moves forward only, each file once, whoever starts first; and it fits the program or is refused."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from service.store import connections, migrations
from service.store.migrations import FOLDER, SchemaMismatch, check, known, migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LATEST = known()[-1]
NEXT = f"{LATEST.number + 1:04}_next.sql"


@pytest.fixture
async def owner(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connections.owner(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to be changed."""
    return shutil.copytree(FOLDER, tmp_path / "migrations")


async def applied(connection: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch(migrations.APPLIED)]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.sql")), ids=lambda path: path.stem)
def test_every_migration_opens_with_its_reason(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("-- Why: ")


def test_migrations_are_numbered_without_gap() -> None:
    assert [migration.number for migration in known()] == list(range(1, LATEST.number + 1))
    assert len(known()) == len(list(FOLDER.glob("*.sql")))


async def test_what_is_missing_is_applied_in_order_and_once(owner: asyncpg.Connection) -> None:
    names = [migration.name for migration in known()]
    with pytest.raises(SchemaMismatch, match="muniment init"):
        await check(owner)
    assert await migrate(owner) == names
    assert await migrate(owner) == []
    assert await applied(owner) == names
    await check(owner)


async def test_two_processes_that_start_at_once_apply_each_file_once(fresh_database: str) -> None:
    both = [await connections.owner(fresh_database) for _ in range(2)]
    done = await asyncio.gather(*(migrate(connection) for connection in both))
    assert sorted(done) == [[], [migration.name for migration in known()]]
    for connection in both:
        await connection.close()


async def test_an_older_schema_takes_only_what_it_lacks(owner: asyncpg.Connection, folder: Path) -> None:
    await migrate(owner)
    (folder / NEXT).write_text("-- Why: a test.\nCREATE TABLE muniment.next (id int);")
    with pytest.raises(SchemaMismatch, match="next"):
        await check(owner, folder)
    assert await migrate(owner, folder) == ["next"]
    await check(owner, folder)


async def test_a_schema_that_is_newer_than_the_program_is_refused(owner: asyncpg.Connection) -> None:
    await migrate(owner)
    await owner.execute(migrations.NOTE, LATEST.number + 1, "from_the_future", "digest")
    for refused in (check, migrate):
        with pytest.raises(SchemaMismatch, match="run a newer muniment"):
            await refused(owner)


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(owner: asyncpg.Connection, folder: Path) -> None:
    await migrate(owner)
    changed = folder / f"{LATEST.number:04}_{LATEST.name}.sql"
    changed.write_text(changed.read_text() + "\n-- an afterthought\n")
    for refused in (check, migrate):
        with pytest.raises(SchemaMismatch, match="is not the one that was applied"):
            await refused(owner, folder)


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(owner: asyncpg.Connection, folder: Path) -> None:
    await migrate(owner)
    (folder / NEXT).write_text("CREATE TABLE muniment.next (id int); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(owner, folder)
    await check(owner)
    assert await owner.fetchval("SELECT to_regclass('muniment.next')") is None


async def test_an_installation_without_its_migrations_is_refused(owner: asyncpg.Connection, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="incomplete"):
        await migrate(owner, tmp_path)


async def test_the_service_checks_what_it_may_not_change(owner: asyncpg.Connection, fresh_database: str) -> None:
    await migrate(owner)
    service = await connections.connector(fresh_database, name="service")()
    await check(service)
    assert not await migrations.may_create(service)
    assert await migrations.may_create(owner)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(migrations.NOTE, 99, "mine", "digest")
    await service.close()


@pytest.mark.parametrize("granted", ["muniment_service, muniment_reader", "muniment_service"])
async def test_a_login_that_owns_the_database_migrates_without_being_superuser(
    owner: asyncpg.Connection, fresh_database: str, granted: str
) -> None:
    # The roles belong to the cluster: here somebody else made them, and perhaps let the login be a member.
    await migrate(owner)
    name, database = f"owner_{uuid4().hex[:8]}", f"owned_{uuid4().hex[:8]}"
    await owner.execute(f"CREATE ROLE {name} LOGIN; GRANT {granted} TO {name}")
    await owner.execute(f"CREATE DATABASE {database} OWNER {name} STRATEGY file_copy")
    connection = await asyncpg.connect(fresh_database, user=name, database=database)
    try:
        if "reader" in granted:
            assert await migrate(connection) == [migration.name for migration in known()]
            await connection.execute("SET ROLE muniment_service")
            await check(connection)
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await migrate(connection)
    finally:
        await connection.close()
        await owner.execute(f"DROP DATABASE {database} WITH (FORCE)")
        await owner.execute(f"DROP ROLE {name}")


async def test_the_master_key_is_noted_once_and_changed_only_by_a_rotation(owner: asyncpg.Connection) -> None:
    await migrate(owner)
    assert await migrations.noted_master_key(owner) is None
    await migrations.note_master_key(owner, "first")
    await migrations.note_master_key(owner, "second")
    assert await migrations.noted_master_key(owner) == "first"
    await migrations.change_master_key(owner, "second")
    assert await migrations.noted_master_key(owner) == "second"
