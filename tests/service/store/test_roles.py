"""The service appends through one function and reads; it can rewrite nothing. Readers see the log and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from projections import EVENTUAL, IMMEDIATE
from service.store.log import head
from tests.service.store.given import an_account, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.store_fixture import StoreParts

SCHEMAS = ("muniment", "models")
RIGHTS = """
SELECT c.oid::regclass::text AS relation, r.name AS right
  FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) r(name)
 WHERE s.nspname = ANY ($2) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND has_table_privilege($1, c.oid, r.name)
"""
COLUMNS = """
SELECT a.attrelid::regclass::text || '.' || a.attname AS column
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname = ANY ($2) AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')
   AND NOT has_table_privilege($1, c.oid, 'UPDATE') AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE')
"""
FUNCTIONS = """
SELECT p.proname FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace
 WHERE s.nspname = ANY ($2) AND p.prosecdef AND has_function_privilege($1, p.oid, 'EXECUTE') ORDER BY 1
"""
READ_ONLY = {"SELECT"}
SERVICE = {
    "muniment.archives": READ_ONLY,
    "muniment.batches": READ_ONLY,
    "muniment.call_counts": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "muniment.claims": READ_ONLY,
    "muniment.client_assertions": {"SELECT", "INSERT", "DELETE"},
    "muniment.code_sends": {"SELECT", "INSERT", "DELETE"},
    "muniment.device_polls": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    "muniment.events": READ_ONLY,
    "muniment.guards": READ_ONLY,
    "muniment.horizons": READ_ONLY,
    "muniment.idempotency": {"SELECT", "DELETE"},
    "muniment.interface_calls": {"SELECT", "INSERT"},
    "muniment.jobs": {"SELECT", "INSERT", "UPDATE"},
    "muniment.followers": READ_ONLY,
    "muniment.former_generations": READ_ONLY,
    "muniment.log": READ_ONLY,
    "muniment.logouts": {"SELECT", "INSERT", "DELETE"},
    "muniment.messages": {"SELECT", "INSERT", "DELETE"},
    "muniment.models": READ_ONLY,
    "muniment.quarantine": {"SELECT", "INSERT"},
    "muniment.rebuild_requests": READ_ONLY,
    "muniment.rebuilds": READ_ONLY,
    "muniment.refusals": {"SELECT", "INSERT"},
    "muniment.request_journal": {"SELECT", "INSERT"},
    "muniment.schema_migrations": READ_ONLY,
    "muniment.session_applications": {"SELECT", "INSERT", "DELETE"},
    "muniment.settings": READ_ONLY,
    "muniment.subject_keys": READ_ONLY,
    "muniment.throttle": {"SELECT", "INSERT", "DELETE"},
    "muniment.token_events": READ_ONLY,
    **{f"models.{table}": READ_ONLY for model in IMMEDIATE.values() for table in model.tables},
    **{f"models.{table}": {*READ_ONLY, "INSERT", "UPDATE", "DELETE"} for m in EVENTUAL.values() for table in m.tables},
}
UPDATED = {
    "muniment.followers": {"position"},
    "muniment.logouts": {"attempts", "next_at"},
    "muniment.messages": {"updated_at", "attempts", "next_at", "success", "response", "receiver", "content"},
    "muniment.models": {"position", "rate", "error", "updated_at"},
    "muniment.throttle": {"opens_at", "empties_at"},
}
READER = {f"muniment.{name}": READ_ONLY for name in ("archives", "batches", "log", "schema_migrations")}

REFUSED = (
    "UPDATE muniment.events SET state = ''",
    "DELETE FROM muniment.events",
    "TRUNCATE muniment.events",
    "INSERT INTO muniment.events SELECT * FROM muniment.events",
    "INSERT INTO muniment.token_events_rest SELECT * FROM muniment.token_events",
    "UPDATE muniment.token_events SET state = ''",
    "UPDATE muniment.batches SET recorded_at = now()",
    "INSERT INTO muniment.batches VALUES (99, 99, now())",
    "UPDATE models.accounts SET name = 'mine'",
    "DELETE FROM models.revocation_epochs",
    "INSERT INTO muniment.claims VALUES (gen_random_uuid(), 's', '', gen_random_uuid())",
    "DELETE FROM muniment.guards",
    "UPDATE muniment.subject_keys SET wrapped = NULL",
    "INSERT INTO muniment.idempotency VALUES ('', '', '', gen_random_uuid(), now())",
    "UPDATE muniment.models SET generation = 2",
    "UPDATE muniment.settings SET value = 'mine'",
    "DROP TABLE muniment.token_events_rest",
    "ALTER TABLE muniment.events DISABLE TRIGGER ALL",
    "CREATE TABLE muniment.mine (id int)",
    "CREATE TABLE models.mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION models.apply_accounts(json) RETURNS void LANGUAGE sql AS ''",
    """SELECT models.apply_accounts('[{"n": 1, "t": "accounts", "o": "d", "v": {}}]', '{1}')""",
)


async def rights(parts: StoreParts, role: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in await parts.owner.fetch(RIGHTS, role, SCHEMAS):
        found.setdefault(row["relation"], set()).add(row["right"])
    return found


@pytest.fixture
async def reader(parts: StoreParts) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(parts.dsn, server_settings={"role": "muniment_reader"})
    yield connection
    await connection.close()


async def test_the_service_holds_these_rights_and_no_others(parts: StoreParts) -> None:
    assert await rights(parts, "muniment_service") == SERVICE


async def test_the_service_updates_these_columns_and_no_others(parts: StoreParts) -> None:
    columns: dict[str, set[str]] = {}
    for row in await parts.owner.fetch(COLUMNS, "muniment_service", SCHEMAS):
        table, column = row["column"].rsplit(".", 1)
        columns.setdefault(table, set()).add(column)
    assert columns == UPDATED


async def test_the_service_borrows_the_owners_rights_through_these_functions_alone(parts: StoreParts) -> None:
    functions = [row["proname"] for row in await parts.owner.fetch(FUNCTIONS, "muniment_service", SCHEMAS)]
    assert functions == [
        "append", "ask_rebuild", "drop_calls_before", "drop_journal_before", "ensure_partitions", "keep_answer",
        "purge_calls_rest", "purge_journal_rest", "purge_token_guards", "purge_verification_claims",
    ]  # fmt: skip


async def test_every_function_that_borrows_rights_fixes_its_search_path(parts: StoreParts) -> None:
    paths = await parts.owner.fetch(
        "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'muniment'::regnamespace"
    )
    assert paths
    for row in paths:
        [path] = [setting for setting in row["proconfig"] or [] if setting.startswith("search_path=")]
        assert path.endswith("pg_temp"), row["proname"]


async def test_readers_see_the_log_and_nothing_else(parts: StoreParts) -> None:
    assert await rights(parts, "muniment_reader") == READER
    assert await parts.owner.fetch(FUNCTIONS, "muniment_reader", SCHEMAS) == []


async def test_the_public_sees_nothing(parts: StoreParts) -> None:
    name = f"nobody_{uuid4().hex[:8]}"
    await parts.owner.execute(f"CREATE ROLE {name}")
    try:
        assert await rights(parts, name) == {}
        assert await parts.owner.fetch(FUNCTIONS, name, SCHEMAS) == []
    finally:
        await parts.owner.execute(f"DROP ROLE {name}")


async def test_the_service_is_refused_whatever_would_rewrite_history(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    for statement in REFUSED:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await parts.pool.execute(statement)


async def test_a_reader_follows_the_log_and_is_refused_the_rest(parts: StoreParts, reader: asyncpg.Connection) -> None:
    await write(parts, an_account(parts))
    assert await reader.fetchval("SELECT topic FROM muniment.log WHERE notification_id > 0") == "account.created"
    assert await head(reader) == 1
    for statement in (
        "SELECT * FROM muniment.events",
        "SELECT * FROM muniment.subject_keys",
        "SELECT * FROM models.accounts",
        "INSERT INTO muniment.batches VALUES (99, 99, now())",
        "DELETE FROM muniment.batches",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)


async def test_no_right_is_given_on_a_partition_of_its_own(parts: StoreParts) -> None:
    names = [row[0] for row in await parts.owner.fetch("SELECT inhrelid::regclass::text FROM pg_inherits")]
    assert any(re.fullmatch(r"muniment\.token_events_\d{6}", name) for name in names)
    assert not set(names) & (await rights(parts, "muniment_service")).keys()
