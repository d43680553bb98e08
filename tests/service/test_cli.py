"""The command line as an operator meets it: what can be mended is told in one sentence, without a traceback."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

KEY, OTHER_KEY = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
PASSWORD = "p4ssw0rd"


@pytest.fixture
def muniment(tmp_path: Path) -> Run:
    """A function that runs the program and returns its status and what it wrote."""

    def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from service.cli import main; main()", *arguments],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")},
                "MUNIMENT_DATA_DIR": str(tmp_path / "var"),
                **{f"MUNIMENT_{name}": value for name, value in variables.items()},
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def refused(result: tuple[int, str, str]) -> str:
    """Return the one sentence a program ended with."""
    status, _, told = result
    assert status == 1, told
    [line] = told.splitlines()
    assert line.startswith("muniment: ")
    return line


def test_a_bad_variable_ends_every_command(muniment: Run) -> None:
    assert "MUNIMENT_PORT" in refused(muniment("keys", "list", PORT="none"))


def test_a_taken_port_is_named_and_nothing_is_started(muniment: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = refused(muniment("serve", "--port", str(port)))
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in sentence
    assert "MUNIMENT_PORT" in sentence
    assert not (tmp_path / "var").exists()


def test_a_database_that_is_away_is_named_without_its_password(muniment: Run) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"postgresql://user:{PASSWORD}@127.0.0.1:{nobody.getsockname()[1]}/database"
        sentence = refused(muniment("serve", "--port", "0", DATABASE_URL=address, MASTER_KEY=KEY))
    assert "the database cannot be used" in sentence
    assert PASSWORD not in sentence


def test_a_database_that_does_not_exist_is_named(muniment: Run, fresh_database: str) -> None:
    address = re.sub(r"@/\w+", "@/nothing_here", fresh_database)
    assert 'database "nothing_here" does not exist' in refused(muniment("init", DATABASE_URL=address, MASTER_KEY=KEY))


def test_an_empty_database_asks_for_init(muniment: Run, fresh_database: str) -> None:
    assert "run `muniment init`" in refused(muniment("keys", "list", DATABASE_URL=fresh_database, MASTER_KEY=KEY))


def test_a_wrong_master_key_is_told_before_anything_is_done(muniment: Run, fresh_database: str) -> None:
    first = {"DATABASE_URL": fresh_database, "MASTER_KEY": KEY, "PORT": "8080"}
    assert muniment("init", **first)[0] == 0
    wrong = {**first, "MASTER_KEY": OTHER_KEY}
    for command in (("init",), ("keys", "list"), ("keys", "rotate"), ("keys", "rotate-master")):
        assert "master key" in refused(muniment(*command, **wrong))
    assert "active" in muniment("keys", "list", **first)[1]


def test_a_key_that_waits_is_told_how_long(muniment: Run, fresh_database: str) -> None:
    variables = {"DATABASE_URL": fresh_database, "MASTER_KEY": KEY}
    assert muniment("init", **variables)[0] == 0
    status, told, _ = muniment("keys", "rotate", **variables)
    assert status == 0
    assert "It signs once it was published for 24 h" in told
    assert "has not been published long enough" in refused(muniment("keys", "rotate", **variables))


def test_the_keys_of_each_algorithm_in_use_are_rotated_unless_one_is_named(muniment: Run, fresh_database: str) -> None:
    variables = {"DATABASE_URL": fresh_database, "MASTER_KEY": KEY}
    assert muniment("init", **variables)[0] == 0
    assert muniment("keys", "rotate", "--algorithm", "RS256", **variables)[0] == 0
    listed = muniment("keys", "list", **variables)[1]
    assert (listed.count("ES256"), listed.count("RS256"), listed.count("introduced")) == (1, 2, 1)
    # One that has to wait does not keep the other from its turn.
    assert "has not been published long enough" in refused(muniment("keys", "rotate", **variables))
    listed = muniment("keys", "list", **variables)[1]
    assert (listed.count("ES256"), listed.count("RS256"), listed.count("introduced")) == (2, 2, 2)
    assert muniment("keys", "rotate", "--now", **variables)[0] == 0
    listed = muniment("keys", "list", **variables)[1]
    assert (listed.count(" active "), listed.count("retired"), listed.count("introduced")) == (2, 2, 2)
    assert "No such signing algorithm" in refused(muniment("keys", "rotate", "--algorithm", "HS256", **variables))


def test_the_api_document_is_printed_without_a_database(muniment: Run, tmp_path: Path) -> None:
    printed = {}
    for option in ((), ("--admin",)):
        status, told, _ = muniment("openapi", *option, ISSUER="https://auth.example.com/")
        assert status == 0
        printed[option] = json.loads(told)
        assert printed[option]["servers"] == [{"url": "https://auth.example.com"}]
    assert "/api/roles" in printed[()]["paths"]
    assert "/api/accounts" in printed["--admin",]["paths"]
    assert not printed[()]["paths"].keys() & printed["--admin",]["paths"].keys()
    assert not (tmp_path / "var").exists()


def test_the_api_document_names_the_port_where_there_is_no_issuer(muniment: Run) -> None:
    assert json.loads(muniment("openapi", PORT="8099")[1])["servers"] == [{"url": "http://127.0.0.1:8099"}]
