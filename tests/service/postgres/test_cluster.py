"""Clusters of other versions, and clusters that were never finished."""

from __future__ import annotations

import pytest

from service.postgres import EmbeddedPostgres, PostgresProblem
from service.postgres.cluster import make_cluster
from tests.service.postgres.observing import execute


def test_a_cluster_of_another_major_version_is_refused_with_the_way_out(data_dir):
    server = EmbeddedPostgres(data_dir, durable=False)
    version = data_dir / "postgres" / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(PostgresProblem) as refused:
        server.start()
    sentence = str(refused.value)
    assert "made by PostgreSQL 12" in sentence
    assert f"at hand is {server.major_version}" in sentence
    assert "pg_dump" in sentence
    assert "pg_restore" in sentence
    assert version.read_text() == "12\n"


def test_a_first_start_that_was_cut_short_begins_anew(open_folder, monkeypatch):
    data_dir = open_folder / "var"
    server = EmbeddedPostgres(data_dir, durable=False)

    def cut_short(*arguments, **options):
        monkeypatch.undo()
        with monkeypatch.context() as patched:
            patched.setattr("pathlib.Path.rename", fail)
            make_cluster(*arguments, **options)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("service.postgres.supervisor.make_cluster", cut_short)
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert not (data_dir / "postgres").exists()
    assert len(list(data_dir.glob("postgres.draft-*"))) == 1
    assert execute(server.start(), "SELECT 1") == 1
    server.stop()
    assert not list(data_dir.glob("postgres.draft-*"))


def test_a_cluster_that_cannot_be_made_says_why(open_folder, monkeypatch):
    monkeypatch.setattr("service.postgres.cluster.DATABASE", "postgres")
    with pytest.raises(PostgresProblem, match='database "postgres" already exists'):
        EmbeddedPostgres(open_folder / "var", durable=False).start()
