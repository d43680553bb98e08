"""Carries out what operators ask of read models, one job at a time, as the owner: a process of its own leads.

Several services may share a database; a lock in it picks who works. The session that holds the lock also watches for
wishes: a rebuild that shall pause or end is broken off wherever it is, for each of its pages is committed whole. A job
whose process died is gone on with by the next leader.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

import asyncpg
import structlog

from domain import EVENTS
from projections import registry
from service.operations.exception_text import described
from service.store import generation, migrations, rebuild
from service.store import rebuild_jobs as jobs
from service.store.connections import DatabaseUnreachable
from service.store.duty import Duty
from service.store.lane import LOST
from service.store.log import head, read_page
from service.store.poison import Poison, passes
from service.store.renewal import COMPARED_ROWS, Failed, Pace, Renewal, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from projections.model import Model
    from service.store.vault import Vault

# A leader looks several times a second. One that is stopped must not keep the lead from the others.
NEVER_IDLE = "SET idle_session_timeout = '5s'"
# Nor may it keep its turn at building: this is longer than a rebuild rests between two attempts at its promotion.
SELDOM_IDLE = "SET idle_session_timeout = '30s'"
LEADER = "SELECT pg_try_advisory_lock(5567012650)"
# The lock's number in two halves.
LED = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1 AND objid = 1272045354
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
POLL_SECONDS = 0.5
STANDBY_SECONDS = 2.0
RETRY_SECONDS = 1.0
SUPERSEDED_SECONDS = 5.0  # longer than a standby waits: a newer program shall lead
RESTRICTED_SECONDS = 600.0
FOLLOW_SECONDS = 60.0  # an erased person is gone from a former generation by then, too
AGE = "SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)::float8"
KEPT_SECONDS = 86_400.0  # a former generation takes as much room as the live one

log = structlog.get_logger(__name__)


class Rebuilder(Duty):
    """Works off the jobs of all read models.

    Stopped, it rolls back the page under way; whoever leads next goes on with the job.
    """

    NAME = "rebuilder"

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], models: Iterable[Model], vault: Vault
    ) -> None:
        """Take a way to connect as the owner: the work makes and drops tables."""
        self._connect = connect
        self._models = {model.name: model for model in models}
        self._vault = vault
        self._followed_at = 0.0
        self.leading = False

    async def _run(self) -> None:
        told_of = False
        while True:
            try:
                async with self._session() as control:
                    told_of = False
                    if not await migrations.may_create(control):
                        log.info("rebuilder_stands_aside")  # somebody else's login owns the tables
                        await asyncio.sleep(RESTRICTED_SECONDS)
                        continue
                    await control.execute(NEVER_IDLE)
                    while not await control.fetchval(LEADER):  # noqa: ASYNC110 - the lock lives in the database
                        await asyncio.sleep(STANDBY_SECONDS)
                    self.leading = True
                    await self._lead(control)
            except registry.Superseded as error:
                log.warning("rebuilder_superseded", model=str(error))
                await asyncio.sleep(SUPERSEDED_SECONDS)
            except (asyncpg.PostgresError, DatabaseUnreachable, *LOST) as error:
                if not told_of:  # once an outage
                    log.warning("rebuilder_interrupted", error=error)
                told_of = True
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                self.leading = False

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._connect()
        try:
            yield connection
        finally:
            connection.terminate()

    async def _lead(self, control: asyncpg.Connection) -> None:
        await generation.tidy(control)
        while True:
            job = await jobs.next_job(control)
            if job is not None:
                await self._carry_out(control, job)
                await generation.tidy(control)
            elif monotonic() - self._followed_at > FOLLOW_SECONDS:
                await self._follow_formers(control)
                self._followed_at = monotonic()
            else:
                await asyncio.sleep(POLL_SECONDS)

    async def _carry_out(self, control: asyncpg.Connection, job: asyncpg.Record) -> None:
        """Work on a job until it has ended, or somebody wishes that it does not go on."""
        work = asyncio.create_task(self._work(job), name=f"rebuild of {job['model']}")
        wish = await jobs.wish(control, job["id"])
        try:
            while wish == "go" and not work.done():
                await asyncio.wait({work}, timeout=POLL_SECONDS)
                wish = await jobs.wish(control, job["id"])
        finally:
            work.cancel()
            await asyncio.wait({work})
            error = None if work.cancelled() else work.exception()
        if wish == "cancel":
            await jobs.end(control, job["id"], "cancelled")
        elif error is not None and not isinstance(error, jobs.Gone):
            await self._failed(control, job, error)
        elif wish == "pause":
            await jobs.pause(control, job["id"])

    async def _failed(self, control: asyncpg.Connection, job: asyncpg.Record, error: BaseException) -> None:
        if isinstance(error, registry.Superseded):
            await jobs.note(control, job["id"], "another version of the read model is live: waits for a newer program")
            raise error
        if passes(error) or isinstance(error, DatabaseUnreachable):
            await jobs.note(control, job["id"], f"interrupted, tried again: {described(error)}")
            await asyncio.sleep(RETRY_SECONDS)
            return
        text = str(error) if isinstance(error, Failed | Poison) else described(error)
        log.error("rebuild_failed", model=job["model"], kind=job["kind"], error=text)
        await jobs.end(control, job["id"], "failed", error=text)

    async def _work(self, job: asyncpg.Record) -> None:
        model = self._models.get(job["model"])
        if model is None:
            msg = f"this program has no read model {job['model']}"
            raise Failed(msg)
        async with self._session() as connection:
            await connection.execute(SELDOM_IDLE)
            try:
                await self._do(connection, model, job)
            except Exception as error:
                if connection.is_closed():  # whatever its loss was told as
                    raise ConnectionError("the connection was lost") from error
                raise

    async def _do(self, connection: asyncpg.Connection, model: Model, job: asyncpg.Record) -> None:
        if job["kind"] == "verify":
            await self._verify(connection, model, job)
        elif job["kind"] == "retry":
            await self._retry(connection, model, job)
        else:
            await Renewal(connection, model, self._vault, job).run()

    async def _verify(self, connection: asyncpg.Connection, model: Model, job: asyncpg.Record) -> None:
        reached, pace = 0, Pace()

        async def on_page(position: int, events: int) -> None:
            nonlocal reached
            rate = pace.after(position - reached)
            await jobs.progress(connection, job["id"], reached, position, events=events, rate=rate)
            reached = position

        await jobs.begin(
            connection,
            job["id"],
            "comparing",
            version=model.version,
            generation=None,
            indexed=False,
            position=0,
            head=await head(connection),
        )
        lines = await rebuild.differences(connection, model, self._vault, limit=COMPARED_ROWS, on_page=on_page)
        keys = await rebuild.key_columns(connection, model, registry.LIVE)
        await jobs.compared(connection, job["id"], told(lines, keys))
        await jobs.end(connection, job["id"], "verified")

    async def _retry(self, connection: asyncpg.Connection, model: Model, job: asyncpg.Record) -> None:
        """Apply again, in order, what was set aside, and let a stopped model go on."""
        await jobs.step(connection, job["id"], "catching_up", indexed=True)
        left, after = 0, 0
        while page := await jobs.quarantined(connection, model.name, after=after, limit=1):
            after = page[0]["position"]
            async with connection.transaction():
                live = await registry.hold(connection, model)
                left += not await self._apply_late(connection, model, live["generation"], after)
        await registry.resume(connection, model.name)
        if left:
            msg = f"{left} events still cannot be applied"
            raise Failed(msg)
        await jobs.end(connection, job["id"], "retried")

    async def _apply_late(self, connection: asyncpg.Connection, model: Model, number: int, position: int) -> bool:
        await connection.execute(f"SET LOCAL search_path = {registry.LIVE}, muniment")
        page = await read_page(connection, after=position - 1, until=position, limit=1)
        try:
            async with connection.transaction():
                await rebuild.apply_entries(connection, model, page, self._vault, registry.LIVE)
        except Exception as error:
            if passes(error):
                raise
            await jobs.still(connection, model.name, number, position, error=described(error))
            return False
        await jobs.released(connection, model.name, number, position)
        return True

    async def _follow_formers(self, control: asyncpg.Connection) -> None:
        """Keep the former generations that hold people up with the log, and give those up that are too old."""
        live = {row["name"]: row for row in await registry.rows(control)}
        for name, former in (await jobs.formers(control)).items():
            model = self._models.get(name)
            stale = model is None or former["version"] != live[name]["version"]
            if stale or await control.fetchval(AGE, former["kept_at"]) > KEPT_SECONDS:
                await generation.forget_former(control, name)
            elif model is not None and _holds_people(model):
                try:
                    await self._follow(model, former)
                except Poison as poison:
                    await generation.forget_former(control, name)  # first: whoever leads no more cannot
                    log.warning("former_generation_given_up", model=name, error=str(poison))
        await generation.tidy(control)

    async def _follow(self, model: Model, former: asyncpg.Record) -> None:
        schema = generation.schema_of(model.name, former["generation"])
        async with self._session() as connection:
            await connection.execute(f"SET search_path = {schema}, muniment")

            async def on_page(position: int, _: int) -> None:
                await jobs.former_reached(connection, model.name, position)

            goal = await (head(connection) if model.mode == "immediate" else registry.position(connection, model.name))
            await rebuild.fill(
                connection,
                model,
                self._vault,
                schema=schema,
                after=former["position"],
                until=goal,
                on_page=on_page,
                on_poison=rebuild.setting_aside(connection, model, former["generation"]),
            )


def _holds_people(model: Model) -> bool:
    return any(EVENTS[topic].PERSONAL for topic in model.handlers if topic in EVENTS)


async def is_led(connection: asyncpg.Connection | asyncpg.Pool) -> bool:
    """Say whether some process works off the jobs of this database."""
    return bool(await connection.fetchval(LED))
