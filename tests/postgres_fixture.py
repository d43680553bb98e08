"""One PostgreSQL for the whole test run, and an empty database for each test that asks."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pytest

from service.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


MEMORY = Path("/dev/shm")
FIRST_OWN_TYPE = 16_384
"""Types of PostgreSQL itself have lower numbers, the same ones in every database."""
ENOUGH_MEMORY = 4 * 2**30


def make_open_folder() -> Path:
    """Make a folder that other users may pass through, unlike pytest's own: as root, PostgreSQL runs as another user.

    In memory where there is plenty: making hundreds of databases costs a disk more than it costs PostgreSQL.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_MEMORY
    folder = Path(tempfile.mkdtemp(prefix="muniment-test-", dir=MEMORY if roomy else None))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="session", autouse=True)
def known_types() -> Iterator[None]:
    """Let connections tell each other what PostgreSQL's own types are.

    Each asks for itself otherwise, which is nothing to a service and a quarter of PostgreSQL's work in these tests.
    """
    method = "_introspect_types"
    ask = getattr(asyncpg.Connection, method)
    known: dict[frozenset[int], Any] = {}

    async def introspect(self: asyncpg.Connection, types: set[int], *more: Any) -> Any:
        key = frozenset(types)
        answer = known.get(key)
        if answer is None:
            answer = await ask(self, types, *more)
            if max(key) < FIRST_OWN_TYPE:
                known[key] = answer
        return answer

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncpg.Connection, method, introspect)
        yield


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, removed after the test."""
    folder = make_open_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A superuser's address of a running server without durability. Make databases of your own in it."""
    folder = make_open_folder()
    server = EmbeddedPostgres(folder / "var", durable=False, refuge=folder / "refuge")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def copied(postgres_dsn: str, template: str) -> Iterator[str]:
    """Make a copy of a database, give its address, and drop it afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield database(postgres_dsn, name)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def database(dsn: str, name: str) -> str:
    """Return the address of another database of the same server."""
    return dsn.replace("@/muniment?", f"@/{name}?")


@pytest.fixture
def make_database(postgres_dsn: str) -> Iterator[Callable[[], str]]:
    """A function that makes an empty database and returns its address. All are dropped after the test."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            # Without fsync, copying the template's files is faster than logging their pages.
            connection.execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        made.append(name)
        return database(postgres_dsn, name)

    yield make
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def fresh_database(make_database: Callable[[], str]) -> str:
    """The address of an empty database, dropped after the test."""
    return make_database()
