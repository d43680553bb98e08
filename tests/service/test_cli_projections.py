"""muniment projections: read models at the command line, where no service runs and where one does."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from projections import MODELS
from service.cli.following import Bar, line
from service.postgres.supervisor import EmbeddedPostgres
from service.store.connections import owner
from service.store.rebuild import APPEND_LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

KEY = base64.b64encode(bytes([1]) * 32).decode()
PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]
JOB: dict[str, Any] = {
    "model": "tokens", "kind": "rebuild", "state": "building", "position": 250, "head_at_start": 1000, "rate": 50.0,
    "error": None,
}  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path, fresh_database: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    named = {"DATA_DIR": str(tmp_path / "var"), "DATABASE_URL": fresh_database, "MASTER_KEY": KEY, "PORT": "8080"}
    return {**kept, **{f"MUNIMENT_{name}": value for name, value in named.items()}}


@pytest.fixture
def muniment(environment: dict[str, str]) -> Run:
    """A function that runs the program on an initialised database and returns its status and what it wrote."""

    def run(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout, done.stderr

    status, _, told = run("init")
    assert status == 0, told
    return run


@pytest.fixture
def database(fresh_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        yield connection


def test_read_models_are_listed_with_how_they_stand(muniment: Run, database: psycopg.Connection) -> None:
    database.execute("UPDATE muniment.models SET error = 'position 1, account.created: bad' WHERE name = 'audit'")
    database.execute("INSERT INTO muniment.quarantine SELECT name, generation, 1, 'a', 'b' FROM muniment.models"
                     " WHERE name = 'audit'")  # fmt: skip
    status, told, _ = muniment("projections", "list")
    assert status == 0
    lines = {text.split()[0]: text for text in told.splitlines()}
    assert lines.keys() == MODELS.keys()
    accounts = MODELS["accounts"]
    assert re.search(rf"immediate version {accounts.version} generation 1 position (\d+) of \1$", lines["accounts"])
    assert lines["audit"].endswith("1 EVENTS SET ASIDE  STOPPED: position 1, account.created: bad")


def test_without_a_service_the_command_does_the_work_itself(muniment: Run, database: psycopg.Connection) -> None:
    status, told, _ = muniment("projections", "rebuild", "accounts")
    assert status == 0
    assert told.splitlines()[-1].startswith("accounts: rebuild promoted, position ")
    assert muniment("projections", "verify", "accounts")[:2] == (0, "accounts: equal\n")
    assert "generation 2" in muniment("projections", "list")[1]
    assert muniment("projections", "switch-back", "accounts")[1].splitlines()[-1].startswith("accounts: switch back")
    who = "SELECT DISTINCT actor, client FROM muniment.rebuild_requests"
    assert [(actor.int, client) for actor, client in database.execute(who)] == [(0, None)]


def test_rows_that_differed_are_told_by_their_keys(muniment: Run, database: psycopg.Connection) -> None:
    database.execute("UPDATE models.accounts SET name = 'Secret'")
    status, told, _ = muniment("projections", "verify", "accounts")
    assert (status, "DIFFERENT" in told, "Secret" in told) == (1, True, True), "at the machine itself, whole rows"
    status, told, _ = muniment("projections", "rebuild", "accounts")
    assert status == 0
    assert re.search(r"^1 rows differed from the live ones:\n  accounts [0-9a-f-]{36}: name$", told, re.MULTILINE)
    assert "Secret" not in told


def test_a_rebuild_that_fails_ends_with_1_and_says_why(muniment: Run, database: psycopg.Connection) -> None:
    database.execute("UPDATE muniment.events SET topic = 'planet.formed' WHERE notification_id = 2")
    status, told, _ = muniment("projections", "rebuild", "accounts")
    assert status == 1
    assert "rebuild failed, position" in told
    assert "planet.formed (version 1 of" in told
    assert "rebuild failed" in muniment("projections", "list")[1]
    database.execute("UPDATE muniment.events SET topic = 'role.defined' WHERE notification_id = 2")
    status, told, _ = muniment("projections", "retry", "accounts")
    assert (status, "rebuild promoted" in told) == (0, True)


def test_what_makes_no_sense_now_is_told_in_one_sentence(muniment: Run) -> None:
    for command, sentence in (
        ("pause", "Nothing of that kind is under way for this read model"),
        ("resume", "Nothing of that kind is under way for this read model"),
        ("cancel", "Nothing of that kind is under way for this read model"),
        ("retry", "Nothing of this read model has failed, stopped or been set aside"),
        ("switch-back", "No former generation of this read model is kept"),
    ):
        assert muniment("projections", command, "accounts") == (1, "", f"muniment: {sentence}\n")
        status, _, told = muniment("projections", command, "nothing")
        assert (status, told.startswith("muniment: no read model nothing; there are accounts, ")) == (2, True)


def test_ctrl_c_leaves_the_rebuild_and_tells_how_to_follow_it(
    muniment: Run, database: psycopg.Connection, environment: dict[str, str]
) -> None:
    with database.transaction():
        database.execute(APPEND_LOCK)
        with subprocess.Popen(
            [*PROGRAM, "projections", "rebuild", "accounts"], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = process.stdout.readline()
            assert told.startswith("accounts: rebuild")
            process.send_signal(signal.SIGINT)
            told = process.stdout.read()
            assert process.wait(20) == 130
    assert "`muniment projections list` tells how far it is" in told
    status, told, _ = muniment("projections", "rebuild", "accounts")
    assert (status, "rebuild promoted" in told) == (0, True), "asked for again, it is gone on with"
    assert database.execute("SELECT count(*) FROM muniment.rebuilds").fetchone() == (1,)


def test_a_database_that_ends_while_a_rebuild_is_followed_is_told_in_one_sentence(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")}
    alone = EmbeddedPostgres(tmp_path / "database")
    named = {"DATA_DIR": str(tmp_path / "var"), "DATABASE_URL": alone.start(), "MASTER_KEY": KEY}
    environment = {**kept, **{f"MUNIMENT_{name}": value for name, value in named.items()}}
    try:
        subprocess.run([*PROGRAM, "init"], env=environment, check=True, capture_output=True, timeout=60)
        with psycopg.connect(named["DATABASE_URL"], autocommit=True) as service:
            service.execute("SELECT pg_advisory_lock(5567012650)")  # as if a service's background process were there
            process = subprocess.Popen(
                [*PROGRAM, "projections", "rebuild", "accounts"],
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            assert process.stdout.readline() == "accounts: rebuild waiting\n"
    finally:
        alone.stop()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith("muniment: the database is gone; once it is back, the service goes on")


def test_one_that_rests_can_be_paused_resumed_and_cancelled_from_elsewhere(
    muniment: Run, database: psycopg.Connection, environment: dict[str, str]
) -> None:
    with database.transaction():
        database.execute(APPEND_LOCK)
        with subprocess.Popen(
            [*PROGRAM, "projections", "rebuild", "accounts"], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            status, told, _ = muniment("projections", "pause", "accounts")
            assert (status, told.endswith("(pause asked)\n")) == (0, True)
            assert "rebuild paused" in process.stdout.read()
            assert process.wait(20) == 1, "it is not done"
    status, told, _ = muniment("projections", "resume", "accounts")
    assert (status, "rebuild promoted" in told) == (0, True)


def test_beside_a_service_the_command_looks_on(
    muniment: Run, fresh_database: str, database: psycopg.Connection
) -> None:
    """The lock that a service's background process holds says that it is there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    connection = run(owner(fresh_database))
    run(connection.execute("SELECT pg_advisory_lock(5567012650)"))
    end = "UPDATE muniment.rebuilds SET state = 'failed', error = 'as told', ended_at = clock_timestamp()"

    def end_it() -> None:
        while run(connection.execute(end)) == "UPDATE 0":
            time.sleep(0.1)

    service = threading.Thread(target=end_it)
    service.start()
    status, told, _ = muniment("projections", "rebuild", "accounts")
    service.join()
    run(connection.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    assert (status, told.splitlines()[-1]) == (1, "accounts: rebuild failed, as told")
    assert database.execute("SELECT generation FROM muniment.models WHERE name = 'accounts'").fetchone() == (1,)


def test_a_line_tells_progress_rate_and_time_left() -> None:
    assert line(JOB) == "tokens: rebuild building, position 250 of 1000, 50/s, 15 s left"  # type: ignore[arg-type]
    long = {**JOB, "head_at_start": 10_250, "rate": 100.0, "error": "interrupted"}
    assert line(long).endswith("position 250 of 10250, 100/s, 1 min 40 s left, interrupted")  # type: ignore[arg-type]
    there = {**JOB, "state": "catching_up", "position": 1000}
    assert line(there) == "tokens: rebuild catching up, position 1000 of 1000, 50/s"  # type: ignore[arg-type]


def test_on_a_terminal_a_bar_tells_the_same() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    columns = [TextColumn("{task.description} {task.percentage:.0f}% {task.fields[speed]} {task.fields[left]}")]
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        Bar(progress).show(JOB)  # type: ignore[arg-type]
        progress.refresh()
        assert "tokens building 25% 50/s 15 s left" in console.file.getvalue()  # type: ignore[attr-defined]
        Bar(progress).show({**JOB, "state": "catching_up", "position": 1000})  # type: ignore[arg-type]
        progress.refresh()
        assert re.search(r"tokens catching up 100% 50/s *$", console.file.getvalue())  # type: ignore[attr-defined]
