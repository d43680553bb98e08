"""The embedded database against a real PostgreSQL: it starts, keeps what it was told, and outlives nobody."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest

from service.postgres import EmbeddedPostgres, PostgresProblem
from service.postgres.identity import PREFERRED_USERS
from tests.service.postgres.observing import alive, eventually, execute, server_of, socket_folder_of


def test_the_first_start_makes_an_empty_durable_database(open_folder):
    with EmbeddedPostgres(open_folder / "var") as server:
        assert execute(server.address, "SELECT current_database()") == "muniment"
        assert execute(server.address, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert execute(server.address, f"SHOW {setting}") == "on"
        assert execute(server.address, "SHOW server_encoding") == "UTF8"
        assert execute(server.address, "SHOW server_version_num").startswith(str(server.major_version))
        assert not execute(server.address, "SHOW listen_addresses")


def test_what_was_committed_is_there_after_a_restart_in_a_folder_with_spaces(data_dir):
    server = EmbeddedPostgres(data_dir)
    execute(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    started = time.monotonic()
    address = server.start()
    taken = time.monotonic() - started
    assert execute(address, "SELECT figure FROM kept") == 7
    server.stop()
    # 0.05 s where it was measured: far more would be a wait that nobody meant.
    assert taken < 10


def test_nothing_is_left_after_a_stop(data_dir):
    server = EmbeddedPostgres(data_dir)
    socket_folder = socket_folder_of(server.start())
    process_id = server.process_id
    assert server.running
    assert socket_folder.stat().st_mode & 0o777 == 0o700
    server.stop()
    server.stop()
    assert not server.running
    assert not alive(process_id)
    assert not socket_folder.exists()
    for told in ("process_id", "address"):
        with pytest.raises(PostgresProblem, match="not started"):
            getattr(server, told)


def test_a_stop_ends_sessions_that_are_still_open(data_dir):
    server = EmbeddedPostgres(data_dir, durable=False)
    with psycopg.connect(server.start()) as connection:
        connection.execute("SELECT 1")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_what_was_committed_survives_the_killing_of_the_server(data_dir):
    server = EmbeddedPostgres(data_dir)
    execute(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    os.kill(server.process_id, signal.SIGKILL)
    assert eventually(lambda: not server.running)
    server.stop()
    assert execute(server.start(), "SELECT figure FROM kept") == 7
    server.stop()


def test_the_server_dies_with_a_killed_parent_and_the_next_one_takes_over(data_dir, parent_of):
    with parent_of(data_dir) as parent:
        execute(parent.address, "CREATE TABLE kept AS SELECT 7 AS figure")
        orphan = server_of(data_dir)
        parent.kill()
        with EmbeddedPostgres(data_dir) as server:
            assert not alive(orphan)
            assert execute(server.address, "SELECT figure FROM kept") == 7
        assert not socket_folder_of(parent.address).exists()


def test_killing_parent_and_server_together_loses_nothing(data_dir, parent_of):
    with parent_of(data_dir) as parent:
        execute(parent.address, "CREATE TABLE kept AS SELECT 7 AS figure")
        orphan = server_of(data_dir)
        parent.kill()
        os.kill(orphan, signal.SIGKILL)
        with EmbeddedPostgres(data_dir) as server:
            assert execute(server.address, "SELECT figure FROM kept") == 7


def test_no_orphan_is_left_when_nobody_starts_again(data_dir, parent_of):
    with parent_of(data_dir) as parent:
        orphan = server_of(data_dir)
        assert alive(orphan)
        parent.kill()
        assert eventually(lambda: not alive(orphan))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_run_alone_it_stops_in_order_when_asked(data_dir, parent_of, end):
    with parent_of(data_dir) as parent:
        parent.process.send_signal(end)
        assert parent.process.wait(20) == 0
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_two_supervisors_never_share_a_folder(data_dir):
    with EmbeddedPostgres(data_dir, durable=False) as server:
        second = EmbeddedPostgres(data_dir)
        with pytest.raises(PostgresProblem, match="already in use"):
            second.start()
        assert execute(server.address, "SELECT 1") == 1


def test_two_processes_never_share_a_folder(data_dir, parent_of):
    with EmbeddedPostgres(data_dir, durable=False), parent_of(data_dir) as second:
        assert second.process.wait(20) == 1
        assert not second.address


def test_a_supervisor_starts_once(data_dir):
    with EmbeddedPostgres(data_dir, durable=False) as server, pytest.raises(PostgresProblem, match="already"):
        server.start()


def test_the_server_never_runs_as_root(open_folder):
    data_dir = open_folder / "var"
    with EmbeddedPostgres(data_dir, durable=False) as server:
        user = Path("/proc", str(server.process_id)).stat().st_uid
        assert user != 0
        assert user == (data_dir / "postgres").stat().st_uid
        if os.geteuid() == 0:
            assert pwd.getpwuid(user).pw_name in PREFERRED_USERS
        else:
            assert user == os.geteuid()


def test_secrets_of_the_environment_do_not_reach_the_server(data_dir, monkeypatch):
    monkeypatch.setenv("MUNIMENT_MASTER_KEY", "a-secret")
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedPostgres(data_dir, durable=False) as server:
        told = subprocess.run(["cat", f"/proc/{server.process_id}/environ"], capture_output=True, check=True).stdout
        assert execute(server.address, "SELECT 1") == 1
    assert b"PATH=" in told
    assert b"a-secret" not in told
    assert b"PGPORT" not in told


def test_only_the_main_thread_may_start_it(data_dir):
    refused: list[PostgresProblem] = []

    def start() -> None:
        try:
            EmbeddedPostgres(data_dir).start()
        except PostgresProblem as problem:
            refused.append(problem)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(refused[0])


def test_a_server_that_cannot_start_says_why_and_frees_the_folder(data_dir):
    server = EmbeddedPostgres(data_dir, durable=False)
    control = data_dir / "postgres" / "global" / "pg_control"
    hidden = control.rename(control.with_name("hidden"))
    with pytest.raises(PostgresProblem, match="pg_control"):
        server.start()
    hidden.rename(control)
    assert execute(server.start(), "SELECT 1") == 1
    server.stop()


def test_only_a_socket_folder_of_its_own_is_removed(data_dir):
    other = data_dir.parent / "other"
    other.mkdir()
    (data_dir / "postgres.lock").write_text(str(other))
    with EmbeddedPostgres(data_dir, durable=False):
        assert other.is_dir()


def test_programs_started_later_do_not_keep_the_folder_locked(data_dir):
    server = EmbeddedPostgres(data_dir, durable=False)
    server.start()
    with subprocess.Popen(["/bin/sleep", "60"], close_fds=False) as worker:
        server.stop()
        assert execute(server.start(), "SELECT 1") == 1
        server.stop()
        worker.kill()


def test_a_log_that_grew_large_is_set_aside(data_dir, monkeypatch):
    monkeypatch.setattr("service.postgres.supervisor._LARGEST_LOG", 10)
    (data_dir / "postgres.log").write_text("a long story\n")
    with EmbeddedPostgres(data_dir, durable=False):
        assert (data_dir / "postgres.log.old").read_text() == "a long story\n"
        assert "a long story" not in (data_dir / "postgres.log").read_text()
