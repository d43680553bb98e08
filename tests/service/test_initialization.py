"""First starts: however many begin at once on one database, they make one root application that all can use."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from domain.account import Account
from projections import MODELS
from service.bootstrap import FILE, origin
from service.clock import Clock
from service.initialization import MASTER_KEY_FILE, WrongMasterKey, initialize
from service.secrets.digests import sha256_hex
from service.settings import Settings
from service.store.migrations import SchemaMismatch
from tests.fake_clock import FakeClock
from tests.store_fixture import MASTER_KEY, opened

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from service.store.decision import Decision

KEYS = "SELECT algorithm, status FROM models.signing_keys ORDER BY algorithm"
KEY, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
SETTINGS = Settings(issuer="https://muniment.test", management_audiences=("https://muniment.test/api",))


def settings(folder: Path, **more: object) -> Settings:
    return replace(SETTINGS, data_dir=folder, **{"master_key": KEY, **more})  # type: ignore[arg-type]


async def query(dsn: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


@pytest.mark.parametrize("shared", [True, False])
async def test_of_first_starts_at_once_one_makes_the_root_application(
    fresh_database: str,
    tmp_path: Path,
    shared: bool,  # noqa: FBT001 - a table's column
) -> None:
    """`shared`: processes of one host with one data folder; otherwise hosts of their own on one database."""
    folders = [tmp_path / ("var" if shared else f"var {number}") for number in range(4)]
    made = await asyncio.gather(*(initialize(fresh_database, settings(folder), Clock()) for folder in folders))
    [root] = [each for each in made if each is not None]
    assert await query(fresh_database, "SELECT client_id FROM models.applications") == [(root.client_id,)]
    assert await query(fresh_database, KEYS) == [("ES256", "active"), ("RS256", "active")]
    assert len(await query(fresh_database, "SELECT 1 FROM models.accounts")) == 1
    [(digest,)] = await query(fresh_database, "SELECT digest FROM models.application_secrets")
    assert digest == sha256_hex(root.client_secret)
    kept = {folder / FILE for folder in folders if (folder / FILE).exists()}
    assert kept == {root.path}
    assert json.loads(root.path.read_text()) == {"client_id": root.client_id, "client_secret": root.client_secret}
    assert stat.S_IMODE(root.path.stat().st_mode) == 0o600


async def test_a_data_folder_is_made_for_its_owner_alone(fresh_database: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data folder"
    await initialize(fresh_database, settings(folder, master_key=None), Clock())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in (FILE, MASTER_KEY_FILE):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


async def test_a_second_start_changes_nothing(fresh_database: str, tmp_path: Path) -> None:
    assert await initialize(fresh_database, settings(tmp_path), Clock()) is not None
    before = await query(fresh_database, "SELECT max(last) FROM muniment.batches")
    assert await initialize(fresh_database, settings(tmp_path), Clock()) is None
    assert await query(fresh_database, "SELECT max(last) FROM muniment.batches") == before


async def test_a_start_makes_the_signing_keys_that_are_missing(fresh_database: str, tmp_path: Path) -> None:
    await initialize(fresh_database, settings(tmp_path, id_token_algorithm="ES256"), Clock())
    assert await query(fresh_database, KEYS) == [("ES256", "active")]
    before = await query(fresh_database, "SELECT kid FROM models.signing_keys")
    await asyncio.gather(*(initialize(fresh_database, settings(tmp_path), Clock()) for _ in range(2)))
    assert await query(fresh_database, KEYS) == [("ES256", "active"), ("RS256", "active")]
    assert before[0] in await query(fresh_database, "SELECT kid FROM models.signing_keys")


async def test_a_start_gives_organizations_of_before_their_built_in_roles(fresh_database: str, tmp_path: Path) -> None:
    known = settings(tmp_path, master_key=base64.b64encode(MASTER_KEY).decode())
    await initialize(fresh_database, known, Clock())
    async with opened(fresh_database, FakeClock()) as parts:
        before = Account.create(id=parts.clock.new_id(), name="Before", parent=None, now=parts.clock.now())

        async def command(decision: Decision) -> None:
            decision.organization = before.id
            decision.save(before)

        await parts.store.decide(command, origin(Clock()))
    await asyncio.gather(*(initialize(fresh_database, known, Clock()) for _ in range(2)))
    named = await query(fresh_database, f"SELECT name FROM models.roles WHERE organization = '{before.id}' ORDER BY 1")
    assert named == [("opsadmin",), ("orgadmin",)]


async def test_credentials_that_were_written_before_a_crash_are_used_again(fresh_database: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"client_id":"kept","client_secret":"a-secret-that-was-written-before"}')
    (tmp_path / FILE).chmod(0o600)
    root = await initialize(fresh_database, settings(tmp_path), Clock())
    assert root is not None
    assert (root.client_id, root.client_secret) == ("kept", "a-secret-that-was-written-before")


async def test_chosen_credentials_are_not_written_anywhere(fresh_database: str, tmp_path: Path) -> None:
    secret = "an-operators-own-secret"
    chosen = settings(tmp_path, root_client_id="operator", root_client_secret=secret)
    root = await initialize(fresh_database, chosen, Clock())
    assert root is not None
    assert not root.generated
    assert not (tmp_path / FILE).exists()
    assert await query(fresh_database, "SELECT client_id FROM models.applications") == [("operator",)]
    assert secret not in str(await query(fresh_database, "SELECT state FROM muniment.events"))


async def test_another_master_key_is_refused(fresh_database: str, tmp_path: Path) -> None:
    await initialize(fresh_database, settings(tmp_path), Clock())
    with pytest.raises(WrongMasterKey):
        await initialize(fresh_database, settings(tmp_path, master_key=OTHER), Clock())
    assert await initialize(fresh_database, settings(tmp_path, master_key=f"{OTHER},{KEY}"), Clock()) is None


@pytest.mark.parametrize(
    "newer",
    [
        "INSERT INTO muniment.schema_migrations (number, name, digest) VALUES (9999, 'later', 'x')",
        "UPDATE muniment.models SET version = 9999 WHERE name = 'users'",
    ],
)
async def test_a_database_of_a_newer_program_is_refused(fresh_database: str, tmp_path: Path, newer: str) -> None:
    await initialize(fresh_database, settings(tmp_path), Clock())
    await query(fresh_database, newer)
    with pytest.raises(SchemaMismatch, match="newer"):
        await initialize(fresh_database, settings(tmp_path), Clock())


async def test_a_model_of_an_older_program_is_built_anew(fresh_database: str, tmp_path: Path) -> None:
    await initialize(fresh_database, settings(tmp_path), Clock())
    rows = await query(fresh_database, "SELECT * FROM models.roles")
    await query(fresh_database, "UPDATE muniment.models SET version = 0 WHERE name = 'roles'")
    assert await initialize(fresh_database, settings(tmp_path), Clock()) is None
    assert await query(fresh_database, "SELECT * FROM models.roles") == rows
    registered = await query(fresh_database, "SELECT version, generation FROM muniment.models WHERE name = 'roles'")
    assert registered == [(MODELS["roles"].version, 2)]
