"""Builds a read model from the log: into a scratch schema, compared with the live one or promoted in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from domain import EVENTS
from projections import registry
from projections.model import Context
from service.store import bulk, codec, generation
from service.store.log import Entry, head
from service.store.migrations import SchemaMismatch
from service.store.poison import Poison, passes, set_aside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import asyncpg

    from projections.model import Model, Numbered
    from service.store.vault import Vault

    OnPage = Callable[[int, int], Awaitable[None]]
    OnPoison = Callable[[Poison], Awaitable[None]]

PAGE_SIZE = 5_000
WINDOW = 100_000  # positions that one query looks through: a model that handles few of them tells how far it is, too
REBUILD_LOCK = (
    "SELECT pg_advisory_lock(5567012645)"  # while a comparison looks at tables, nobody else may put others in place
)
REBUILD_UNLOCK = "SELECT pg_advisory_unlock(5567012645)"
APPEND_LOCK = "SELECT pg_advisory_xact_lock(5567012641)"  # the append function's lock: while held, the log stands still
BUILT = """
SELECT 1 + greatest(coalesce((SELECT generation FROM muniment.models WHERE name = $1), 0),
                    coalesce((SELECT max(generation) FROM muniment.rebuilds WHERE model = $1), 0),
                    coalesce((SELECT max(generation) FROM muniment.quarantine WHERE model = $1), 0),
                    coalesce((SELECT max(generation) FROM muniment.former_generations WHERE model = $1), 0))
"""

KEYS = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum)::text[]
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
 WHERE i.indisprimary AND n.nspname = $1 AND c.relname = ANY ($2::text[])
 GROUP BY c.relname
"""

log = structlog.get_logger(__name__)

# What the model handles, and what this program does not know at all: that must stop it, not be skipped.
PAGE = """
SELECT notification_id, originator_id, originator_version, topic, state,
       recorded_at, organization, actor, client, request_id, causation
  FROM muniment.log
 WHERE notification_id > $1 AND notification_id <= $2
   AND (topic = ANY ($3::text[]) OR topic <> ALL ($4::text[]))
 ORDER BY notification_id
 LIMIT $5
"""


async def read_for(connection: asyncpg.Connection, model: Model, *, after: int, until: int, limit: int) -> list[Entry]:
    """Return up to `limit` events with after < position <= until that a model has to see, in order."""
    rows = await connection.fetch(PAGE, after, until, list(model.handlers), list(EVENTS), limit)
    return [Entry(*row) for row in rows]


async def apply_entries(
    connection: asyncpg.Connection, model: Model, entries: Sequence[Entry], vault: Vault, schema: str
) -> None:
    """Apply a page of the log to a generation of a model. Raises UnknownTopic and what a poison event raises."""
    ciphers = await vault.for_entries(entries)
    numbered: list[Numbered] = []
    for n, entry in enumerate(entries, 1):
        event = codec.decode(entry.topic, entry.stream, entry.version, entry.state, ciphers)
        context = Context(entry.organization, entry.actor, entry.client, entry.request_id, entry.recorded_at)
        numbered.extend(model.facts(event, context, n))
    facts = [{**fact, "n": n} for n, fact in model.merge(numbered)]
    if facts:
        positions = [entry.position for entry in entries]
        await connection.execute(
            f"SELECT {schema}.apply_{model.name}($1, $2)",
            msgspec.json.encode(facts).decode(),
            positions,
        )


async def fill(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str,
    after: int = 0,
    until: int | None = None,
    page_size: int | None = None,
    on_page: OnPage | None = None,
    on_poison: OnPoison | None = None,
) -> int:
    """Apply the log from `after` up to `until` (the present head when None); return the position reached.

    Each page is a transaction, in which `on_page(position, events)` is awaited last. An event that cannot be applied
    is handed to `on_poison` and passed over; without it, Poison is raised. The search path must name the schema first.
    """
    end = await head(connection) if until is None else until
    limit = page_size or PAGE_SIZE
    reached = after
    while reached < end:
        window = min(end, reached + WINDOW)
        page = await read_for(connection, model, after=reached, until=window, limit=limit)
        reached = page[-1].position if len(page) == limit else window
        if page or on_page is not None:
            async with connection.transaction():
                if page:
                    await _apply(connection, model, page, vault, schema=schema, on_poison=on_poison)
                if on_page is not None:
                    await on_page(reached, len(page))
    return max(end, after)


async def _apply(
    connection: asyncpg.Connection,
    model: Model,
    page: Sequence[Entry],
    vault: Vault,
    *,
    schema: str,
    on_poison: OnPoison | None,
) -> None:
    """Apply a page; of one that cannot be applied, the halves, in order, down to the event at fault."""
    poison: Poison | None = None
    try:
        async with connection.transaction():
            await apply_entries(connection, model, page, vault, schema)
            return
    except Exception as error:
        if passes(error):
            raise
        if len(page) == 1:
            poison = Poison(page[0], error)
            poison.__cause__ = error
    if poison is None:
        half = len(page) // 2
        await _apply(connection, model, page[:half], vault, schema=schema, on_poison=on_poison)
        await _apply(connection, model, page[half:], vault, schema=schema, on_poison=on_poison)
    elif on_poison is None or poison.is_unknown:
        raise poison
    else:
        await on_poison(poison)


async def fill_at_first(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str,
    after: int = 0,
    until: int,
    page_size: int | None = None,
    on_page: OnPage | None = None,
    on_poison: OnPoison | None = None,
) -> int:
    """Fill a generation that has no indexes yet, as `fill` does, by the model's bulk path where it has one."""
    reached = after
    if model.bulk is not None:

        async def note(position: int, events: int) -> None:
            nonlocal reached
            if on_page is not None:
                await on_page(position, events)
            reached = position

        try:
            return await bulk.fill(
                connection,
                model,
                vault,
                schema=schema,
                after=after,
                until=until,
                page_size=page_size or PAGE_SIZE,
                on_page=note,
            )
        except Exception as error:
            if passes(error) or connection.is_closed():
                raise
            # Event by event it goes on, or finds the one at fault.
            log.warning("bulk_fill_failed", model=model.name, error=error, position=reached)
    return await fill(
        connection,
        model,
        vault,
        schema=schema,
        after=reached,
        until=until,
        page_size=page_size,
        on_page=on_page,
        on_poison=on_poison,
    )


def setting_aside(connection: asyncpg.Connection, model: Model, number: int) -> OnPoison | None:
    """Return what a generation does with events that it cannot apply; None when such an event stops it."""
    if model.on_poison == "stop":
        return None

    async def aside(poison: Poison) -> None:
        if not await set_aside(connection, model.name, number, poison):
            raise poison

    return aside


async def _pass_over(_: Poison) -> None:
    """Leave an event out of a comparison: the live model, too, goes without what cannot be applied."""


async def scratch(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    schema: str,
    *,
    until: int | None = None,
    page_size: int | None = None,
    on_page: OnPage | None = None,
    on_poison: OnPoison | None = None,
) -> int:
    """Build a generation of a model in a new schema, up to the head if not told otherwise; return where it stands."""
    async with connection.transaction():
        await generation.create(connection, model, schema)
    await connection.execute(f"SET search_path = {schema}, muniment")
    try:
        end = await head(connection) if until is None else until
        return await fill_at_first(
            connection,
            model,
            vault,
            schema=schema,
            until=end,
            page_size=page_size,
            on_page=on_page,
            on_poison=on_poison,
        )
    finally:
        await connection.execute("RESET search_path")


async def next_generation(connection: asyncpg.Connection, name: str) -> int:
    """Return the number of a model's next generation: none before had it."""
    return int(await connection.fetchval(BUILT, name))


async def install(connection: asyncpg.Connection, models: Sequence[Model], vault: Vault) -> list[str]:
    """Make every model that is missing or of an older version, as the owner; return their names.

    A model is filled beside the live one and put in its place while the append lock stands still, so writers of the
    old version are refused from that moment and none is lost. Raises SchemaMismatch for a newer version, and
    for an event that a model cannot apply and may not pass over.
    """
    changed: list[str] = []
    if await _all_there(connection, models):
        return changed  # without waiting for somebody's comparison
    await connection.execute(REBUILD_LOCK)
    try:
        for model in models:
            row = next((r for r in await registry.rows(connection) if r["name"] == model.name), None)
            if row is not None and row["version"] == model.version:
                continue
            if row is not None and row["version"] > model.version:
                msg = (
                    f"read model {model.name} is of version {row['version']}, newer than this program's {model.version}"
                )
                raise SchemaMismatch(msg)
            try:
                await _promote(connection, model, vault, number=await next_generation(connection, model.name))
            except Poison as poison:
                msg = f"read model {model.name} cannot be built: {poison}"
                raise SchemaMismatch(msg) from poison
            changed.append(model.name)
    finally:
        await connection.execute(REBUILD_UNLOCK)
    return changed


async def _all_there(connection: asyncpg.Connection, models: Sequence[Model]) -> bool:
    live = {row["name"]: row["version"] for row in await registry.rows(connection)}
    return all(live.get(model.name) == model.version for model in models)


async def _promote(connection: asyncpg.Connection, model: Model, vault: Vault, *, number: int) -> None:
    schema = generation.schema_of(model.name, number)
    aside = setting_aside(connection, model, number)
    reached = await scratch(connection, model, vault, schema, on_poison=aside)
    async with connection.transaction():
        await generation.complete(connection, model, schema)
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '10s'")
        await connection.execute(APPEND_LOCK)
        await registry.wait(connection, model.name)
        await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
        reached = await fill(connection, model, vault, schema=schema, after=reached, on_poison=aside)
        await generation.promote(connection, model, generation=number, position=reached)


async def differences(
    connection: asyncpg.Connection,
    model: Model,
    vault: Vault,
    *,
    schema: str = "models_check",
    limit: int = 20,
    page_size: int | None = None,
    on_page: OnPage | None = None,
) -> list[str]:
    """Rebuild a model beside the live one and return up to `limit` rows in which they differ, [] when they are equal.

    Nobody waits for it: the comparison is made in one snapshot, which holds the live rows and the position they stand
    at, and the rebuilt ones are first brought to that position.
    """
    await connection.execute(REBUILD_LOCK)
    try:
        over = _pass_over if model.on_poison == "quarantine" else None
        # An eventual model may be behind: what it does not show yet is no difference.
        until = await registry.position(connection, model.name) if model.mode == "eventual" else None
        reached = await scratch(
            connection, model, vault, schema, until=until, page_size=page_size, on_page=on_page, on_poison=over
        )
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(f"SET LOCAL search_path = {schema}, muniment")
            until = await registry.position(connection, model.name) if model.mode == "eventual" else None
            await fill(
                connection,
                model,
                vault.through(connection),  # or who is erased from now on would differ
                schema=schema,
                after=reached,
                until=until,
                page_size=page_size,
                on_poison=over,
            )
            found = await unequal_rows(connection, model, schema, limit)
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    finally:
        await connection.execute(REBUILD_UNLOCK)
    return found[:limit]


async def unequal_rows(connection: asyncpg.Connection, model: Model, schema: str, limit: int) -> list[str]:
    """Return about `limit` rows of each table that only one of the two has: `- table {row}` are live, `+` rebuilt.

    Rows that have served their time may be there or not.
    """
    found: list[str] = []
    for table in model.tables:
        for mark, one, other in (("-", registry.LIVE, schema), ("+", schema, registry.LIVE)):
            surplus = f"{_kept(model, one, table)} EXCEPT ALL {_kept(model, other, table)}"
            rows = await connection.fetch(f"SELECT to_jsonb(d)::text FROM ({surplus}) d LIMIT {int(limit)}")  # noqa: S608
            found += [f"{mark} {table} {row[0]}" for row in rows]
    return found


def _kept(model: Model, schema: str, table: str) -> str:
    """Return the statement that reads the rows which have to be there: not those that have served their time."""
    served = model.served.get(table, "false").format(schema=schema)
    return f"SELECT * FROM {schema}.{table} r WHERE ({served}) IS NOT TRUE"  # noqa: S608


async def key_columns(connection: asyncpg.Connection, model: Model, schema: str) -> dict[str, list[str]]:
    """Return the columns of each table's primary key."""
    return {row[0]: row[1] for row in await connection.fetch(KEYS, schema, list(model.tables))}
