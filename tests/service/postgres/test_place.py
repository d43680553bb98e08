"""Where the database lives when PostgreSQL's user cannot reach the data folder or the programs."""

from __future__ import annotations

import os
import shutil

import pytest

from service.postgres import Binaries, EmbeddedPostgres, PostgresProblem, find_binaries
from service.postgres.binaries import WHEEL, wheel_folder
from tests.service.postgres.observing import execute

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another user")


@pytest.fixture
def closed_folder(open_folder):
    folder = open_folder / "closed"
    folder.mkdir(mode=0o700)
    return folder


@as_root
def test_a_data_folder_out_of_reach_keeps_its_database_in_the_refuge(open_folder, closed_folder):
    data_dir = closed_folder / "var"
    server = EmbeddedPostgres(data_dir, durable=False, refuge=open_folder / "refuge")
    execute(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    assert (data_dir / "postgres").is_symlink()
    assert (data_dir / "postgres").resolve().is_relative_to(open_folder / "refuge")
    assert execute(server.start(), "SELECT figure FROM kept") == 7
    server.stop()
    assert closed_folder.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_data_folder_that_moves_takes_its_database_along(open_folder, closed_folder):
    before = EmbeddedPostgres(closed_folder / "var", durable=False, refuge=open_folder / "refuge")
    execute(before.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    before.stop()
    (closed_folder / "var").rename(closed_folder / "moved")
    after = EmbeddedPostgres(closed_folder / "moved", durable=False, refuge=open_folder / "refuge")
    assert execute(after.start(), "SELECT figure FROM kept") == 7
    after.stop()


@as_root
def test_a_data_folder_that_was_emptied_starts_an_empty_database(open_folder, closed_folder):
    data_dir = closed_folder / "var"
    server = EmbeddedPostgres(data_dir, durable=False, refuge=open_folder / "refuge")
    execute(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    shutil.rmtree(data_dir)
    assert execute(server.start(), "SELECT to_regclass('kept')") is None
    server.stop()


@as_root
def test_a_database_gone_from_the_refuge_is_not_silently_replaced(open_folder, closed_folder):
    server = EmbeddedPostgres(closed_folder / "var", durable=False, refuge=open_folder / "refuge")
    server.start()
    server.stop()
    shutil.rmtree(open_folder / "refuge")
    with pytest.raises(PostgresProblem, match="which is gone"):
        server.start()


@as_root
def test_a_database_closed_to_its_user_is_not_silently_replaced(open_folder, data_dir):
    server = EmbeddedPostgres(data_dir, durable=False, refuge=open_folder / "refuge")
    data_dir.chmod(0o700)
    with pytest.raises(PostgresProblem, match="may not enter"):
        server.start()


@as_root
def test_programs_out_of_reach_are_copied_once(open_folder, closed_folder, data_dir, monkeypatch):
    package = wheel_folder()
    assert package is not None
    (closed_folder / WHEEL).symlink_to(package)
    (closed_folder / f"{WHEEL}.libs").symlink_to(package.parent / f"{WHEEL}.libs")
    binaries = Binaries(closed_folder / WHEEL / "pginstall18" / "bin", find_binaries().version, from_wheel=True)
    server = EmbeddedPostgres(data_dir, durable=False, binaries=binaries, refuge=open_folder / "refuge")
    assert execute(server.start(), "SELECT 1") == 1
    server.stop()
    (copy,) = (open_folder / "refuge").iterdir()
    monkeypatch.setattr("service.postgres.place._copy_wheel", None)
    assert execute(server.start(), "SELECT 1") == 1
    server.stop()
    assert list((open_folder / "refuge").iterdir()) == [copy]


@as_root
def test_programs_of_the_system_are_not_copied(open_folder, closed_folder):
    binaries = Binaries(closed_folder, "18.4")
    server = EmbeddedPostgres(open_folder / "var", binaries=binaries, refuge=open_folder / "refuge")
    with pytest.raises(PostgresProblem, match="may not run the programs"):
        server.start()


@as_root
def test_a_refuge_that_another_user_owns_is_refused(open_folder, closed_folder):
    refuge = open_folder / "refuge"
    refuge.mkdir(mode=0o755)
    os.chown(refuge, 65534, 65534)
    with pytest.raises(PostgresProblem, match="must belong to root"):
        EmbeddedPostgres(closed_folder / "var", refuge=refuge).start()
