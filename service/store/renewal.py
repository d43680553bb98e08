"""One rebuild, from the empty tables to the promotion: fill, index, catch up, compare, put in the live one's place.

Each step can be broken off anywhere and gone on with: how far the rows have come is committed with them. Switching
back is the same with the former generation, which is filled already.
"""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from projections import registry
from service.store import generation, rebuild
from service.store import rebuild_jobs as jobs
from service.store.log import head

if TYPE_CHECKING:
    from projections.model import Model
    from service.store.vault import Vault

NEAR = 100_000  # positions behind the head from which on a generation gets its indexes
SMALL = 500  # positions left to apply while the log stands still
MOST = 5_000  # left by then, after all: rather another round
COMPARED_ROWS = 20
TURN = "SELECT pg_try_advisory_lock(5567012645)"
TURN_SECONDS = 0.5
# The others are for those who are asking meanwhile.
ONE_CORE = "SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0"
VACUUM_TIMEOUT = "3s"  # nobody waits for us meanwhile
# Shorter than the second after which PostgreSQL looks for deadlocks, and could end a reader. Now and then longer than
# that: it is then that PostgreSQL ends a vacuum which is in the way.
LOCK_TIMEOUTS = ("300ms",) * 5 + ("1500ms",)
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
RATE_SECONDS = 5.0  # what came before counts less and less

log = structlog.get_logger(__name__)


class Failed(Exception):
    """The rebuild cannot be done; the message says why."""


class NotNow(Exception):
    """It cannot be promoted at this moment; the message says why."""


class Pace:
    """How many positions a second the rows come on, of late."""

    def __init__(self) -> None:
        """Begin to count at the present moment."""
        self._rate = 0.0
        self._told_at = monotonic()

    def after(self, positions: int) -> float:
        """Return the rate after so many positions more."""
        now = monotonic()
        seconds = max(now - self._told_at, 0.001)
        weight = min(seconds / RATE_SECONDS, 1.0) if self._rate else 1.0
        self._rate += weight * (positions / seconds - self._rate)
        self._told_at = now
        return self._rate


class Renewal:
    """A job of the kinds "rebuild" and "switch_back" on a connection of the owner."""

    def __init__(self, connection: asyncpg.Connection, model: Model, vault: Vault, job: asyncpg.Record) -> None:
        """Take the job as its row tells it; nothing is done before `run`."""
        self._connection = connection
        self._model = model
        self._vault = vault
        self._job = job["id"]
        self._row = job
        self._back = job["kind"] == "switch_back"
        self._generation = 0
        self._position = 0
        self._indexed = False
        self._pace = Pace()

    async def run(self) -> None:
        """Do what is left to do. Raises Failed, Poison, Gone, Superseded, and what the database says."""
        await self._connection.execute("SET synchronous_commit = off")  # a page that is lost is applied again
        await self._connection.execute(ONE_CORE)
        await self._begin()
        if not self._indexed:
            await self._fill_first()
        await jobs.step(self._connection, self._job, "catching_up", indexed=True)
        await self._catch_up()
        while not await self._connection.fetchval(TURN):
            await jobs.note(self._connection, self._job, "waits for a comparison or an installation to end")
            await asyncio.sleep(TURN_SECONDS)
            await self._catch_up()
        await jobs.step(self._connection, self._job, "comparing", indexed=True)
        await self._compare()
        await jobs.step(self._connection, self._job, "catching_up", indexed=True)
        await self._promote()

    async def _begin(self) -> None:
        live = await self._live()
        if self._back:
            former = (await jobs.formers(self._connection)).get(self._model.name)
            if former is None or former["version"] != self._model.version:
                msg = f"no former generation of version {self._model.version} is kept"
                raise Failed(msg)
            self._generation, self._position, self._indexed = former["generation"], former["position"], True
            await self._note_begin(live)
        elif self._row["version"] == self._model.version and self._row["generation"] is not None:
            self._generation, self._position = self._row["generation"], self._row["position"]
            self._indexed = self._row["indexed"]
            await jobs.step(self._connection, self._job, "building", indexed=self._indexed)
        else:
            self._generation = await rebuild.next_generation(self._connection, self._model.name)
            async with self._connection.transaction():
                await generation.create(self._connection, self._model, self._schema)
                await self._note_begin(live)
        await self._connection.execute(f"SET search_path = {self._schema}, muniment")

    async def _note_begin(self, live: asyncpg.Record) -> None:
        await jobs.begin(
            self._connection,
            self._job,
            "catching_up" if self._back else "building",
            version=self._model.version,
            generation=self._generation,
            indexed=self._indexed,
            position=self._position,
            head=await self._goal(live),
        )

    async def _live(self) -> asyncpg.Record:
        rows = await registry.rows(self._connection)
        live = next((row for row in rows if row["name"] == self._model.name), None)
        if live is None or live["version"] != self._model.version:
            raise registry.Superseded(self._model.name)
        return live

    async def _goal(self, live: asyncpg.Record | None = None) -> int:
        """Return how far the live generation is: the head, or where an eventual model stands."""
        if self._model.mode == "immediate":
            return await head(self._connection)
        return int(live["position"]) if live else await registry.position(self._connection, self._model.name)

    @property
    def _schema(self) -> str:
        return generation.schema_of(self._model.name, self._generation)

    async def _fill_first(self) -> None:
        goal = await self._goal()
        while True:
            await rebuild.fill_at_first(
                self._connection,
                self._model,
                self._vault,
                schema=self._schema,
                after=self._position,
                until=goal,
                on_page=self._on_page,
                on_poison=self._aside(),
            )
            goal = await self._goal()
            if goal - self._position <= NEAR:
                break
        async with self._connection.transaction():
            await generation.complete(self._connection, self._model, self._schema)
            await jobs.step(self._connection, self._job, "catching_up", indexed=True)
        self._indexed = True

    async def _catch_up(self) -> None:
        while (goal := await self._goal()) - self._position > SMALL:
            await self._fill(goal)

    async def _fill(self, goal: int, vault: Vault | None = None) -> None:
        await rebuild.fill(
            self._connection,
            self._model,
            vault or self._vault,
            schema=self._schema,
            after=self._position,
            until=goal,
            on_page=self._on_page,
            on_poison=self._aside(),
        )

    def _aside(self) -> rebuild.OnPoison | None:
        return rebuild.setting_aside(self._connection, self._model, self._generation)

    async def _on_page(self, position: int, events: int) -> None:
        rate = self._pace.after(position - self._position)
        await jobs.progress(self._connection, self._job, self._position, position, events=events, rate=rate)
        if self._back:
            await jobs.former_reached(self._connection, self._model.name, position)
        self._position = position

    async def _compare(self) -> None:
        """Compare with the live generation in one snapshot, to whose position this one is brought first."""
        while True:
            before = self._position
            try:
                async with self._connection.transaction(isolation="repeatable_read"):
                    # With the keys of this moment, or who is erased from now on would differ.
                    await self._fill(await self._goal(), self._vault.through(self._connection))
                    lines = await rebuild.unequal_rows(self._connection, self._model, self._schema, COMPARED_ROWS)
                break
            except asyncpg.SerializationError:  # somebody wished for something meanwhile
                self._position = before
        keys = await rebuild.key_columns(self._connection, self._model, self._schema)
        found = told(lines, keys)
        await jobs.compared(self._connection, self._job, found)
        if found["count"]:
            log.warning("generations_differ", model=self._model.name, generation=self._generation, **found)

    async def _promote(self) -> None:
        attempt = 0
        while True:
            await self._catch_up()
            before = self._position
            try:
                if await generation.is_held(self._connection, self._model):
                    raise NotNow("somebody holds its tables")  # noqa: TRY301 - as if the lock had timed out
                await self._try_to_promote(LOCK_TIMEOUTS[attempt % len(LOCK_TIMEOUTS)])
            except (NotNow, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                self._position = before
                waits = str(error) if isinstance(error, NotNow) else "its tables or the log are held"
                await jobs.note(self._connection, self._job, f"built, and waits for its promotion: {waits}")
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1
            else:
                log.info("generation_promoted", model=self._model.name, generation=self._generation)
                return

    async def _try_to_promote(self, lock_timeout: str) -> None:
        connection = self._connection
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{VACUUM_TIMEOUT}'")
            await generation.spare(connection, self._model, self._schema)
            await connection.execute(f"SET LOCAL lock_timeout = '{lock_timeout}'")
            await connection.execute("SET LOCAL synchronous_commit TO DEFAULT")
            if self._model.mode == "immediate":
                await connection.execute(rebuild.APPEND_LOCK)
            live = await registry.hold(connection, self._model)
            goal = await self._goal(live)
            if goal - self._position > MOST:
                raise NotNow("the log grows fast")
            await self._fill(goal)
            await generation.promote(
                connection, self._model, generation=self._generation, position=max(goal, self._position), keep=live
            )
            state = "switched_back" if self._back else "promoted"
            if not await jobs.end(connection, self._job, state, former=live["generation"]):
                raise jobs.Gone(str(self._job))


def told(lines: list[str], keys: dict[str, list[str]]) -> dict[str, Any]:
    """Return what may be kept of a comparison: which rows differ, by key, and in what, without any other value.

    A row may tell of a person who is erased later. `lines` are those of `rebuild.unequal_rows`.
    """
    live: dict[tuple[str, str], dict[str, Any]] = {}
    built: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        mark, table, text = line.split(" ", 2)
        row = json.loads(text)
        key = ", ".join(str(row[name]) for name in keys[table])
        (live if mark == "-" else built)[table, key] = row
    rows = []
    for table, key in sorted(live.keys() | built.keys()):
        one, other = live.get((table, key)), built.get((table, key))
        if one is None or other is None:
            difference: Any = "only live" if other is None else "only rebuilt"
        else:
            difference = sorted(name for name in one if one[name] != other.get(name))
        rows.append({"table": table, "key": key, "difference": difference})
    return {"count": len(rows), "more": len(lines) >= COMPARED_ROWS, "rows": rows[:COMPARED_ROWS]}
