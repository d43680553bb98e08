"""Archives months of token events that nothing depends on any more: to a file, then out of the audit and the log.

The database decides itself whether a month may leave (see the migration); here is when it is old enough, and the work.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import structlog

from projections import audit, registry
from service.store.archive_file import Damaged, Line, Manifest, Writer, check

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

MONTHS = "SELECT partition FROM muniment.token_months()"
WHY_KEPT = "SELECT muniment.why_kept($1)"
NEWEST = """
SELECT notification_id, recorded_at, clock_timestamp() AS now
  FROM muniment.{partition} ORDER BY notification_id DESC LIMIT 1
"""
# A token is a person's when it was issued for a user, ours or an end user whom the application names.
CLASSES = """
SELECT coalesce(bool_or(s.person), false) AS people, coalesce(bool_or(NOT s.person), false) AS machines
  FROM (SELECT (e.state ->> 'user') IS NOT NULL OR (e.state ->> 'end_user') IS NOT NULL AS person
          FROM (SELECT convert_from(state, 'UTF8')::json AS state
                  FROM muniment.{partition} WHERE topic = 'token.issued') e) s
"""
PAGE = """
SELECT notification_id, originator_id, originator_version, topic, state,
       recorded_at, organization, actor, client, request_id, causation
  FROM muniment.{partition} WHERE notification_id > $1 ORDER BY notification_id LIMIT $2
"""
POSITIONS = """
SELECT coalesce(array_agg(p.notification_id ORDER BY p.notification_id), '{{}}')
  FROM (SELECT notification_id FROM muniment.{partition} WHERE notification_id > $1
         ORDER BY notification_id LIMIT $2) p
"""
BEGIN = "SELECT muniment.begin_archive($1, $2, $3, $4, $5, $6, $7, $8)"
DROP = "SELECT muniment.drop_archived($1)"
TURN = "SELECT pg_try_advisory_lock(5567012645)"  # the lock of rebuilds: none may fill the audit meanwhile
TURN_OVER = "SELECT pg_advisory_unlock(5567012645)"

PAGE_SIZE = 5_000
DROP_TRIES = 20
DROP_PAUSE = 0.5
LOCK_TIMEOUT = "300ms"  # shorter than PostgreSQL waits before it ends somebody for a deadlock

log = structlog.get_logger(__name__)


class Kept(Exception):
    """A month stays in the log; the message says why."""


class Ages(NamedTuple):
    """How old the last event of a month must be, by whose tokens are in it; None: they never leave."""

    machines: timedelta | None
    people: timedelta | None


async def months(owner: asyncpg.Connection) -> list[str]:
    """Return the months of token events that are in the log, the oldest first."""
    return [row["partition"] for row in await owner.fetch(MONTHS)]


async def require_due(owner: asyncpg.Connection, partition: str, ages: Ages) -> None:
    """Raise Kept unless nothing depends on a month and each class of tokens in it has reached its age."""
    reason = await owner.fetchval(WHY_KEPT, partition)
    if reason is not None:
        raise Kept(reason)
    newest = await owner.fetchrow(NEWEST.format(partition=partition))
    if newest is None:
        msg = "there is nothing in it"
        raise Kept(msg)
    age = newest["now"] - newest["recorded_at"]
    given = [each for each in ages if each is not None]
    if not given or age < min(given):
        msg = "it is not old enough" if given else "no age is set at which token events leave"
        raise Kept(msg)
    found = await owner.fetchrow(CLASSES.format(partition=partition))
    assert found is not None  # noqa: S101 - an aggregate has a row
    for there, wanted, whose in (
        (found["people"], ages.people, "people"),
        (found["machines"], ages.machines, "machines"),
    ):
        if there and (wanted is None or age < wanted):
            msg = f"tokens of {whose} in it are kept {'for ever' if wanted is None else 'longer'}"
            raise Kept(msg)


async def archive(owner: asyncpg.Connection, partition: str, folder: Path, ages: Ages) -> Manifest:
    """Write a month to a folder, take it out of the audit, and drop it from the log; return what was written.

    What a broken run left is gone on with. Raises Kept, Damaged, and OSError when the folder cannot be written.
    """
    if not await owner.fetchval(TURN):
        msg = "a read model is being rebuilt or compared; try again when that is over"
        raise Kept(msg)
    try:
        await require_due(owner, partition, ages)
        manifest = await _written(owner, partition, folder)
        await owner.execute(
            BEGIN,
            partition,
            manifest.events,
            manifest.first,
            manifest.last,
            manifest.first_at,
            manifest.last_at,
            str(folder / partition),
            manifest.sha256,
        )
        await _leave_audit(owner, partition)
        await _drop(owner, partition)
    except asyncpg.ObjectNotInPrerequisiteStateError as error:  # the database's own word
        raise Kept(str(error)) from error
    finally:
        await owner.execute(TURN_OVER)
    log.info("archived", partition=partition, events=manifest.events, first=manifest.first, last=manifest.last)
    return manifest


async def _written(owner: asyncpg.Connection, partition: str, folder: Path) -> Manifest:
    if (folder / partition).exists():
        manifest = await asyncio.to_thread(check, folder / partition)
        newest = await owner.fetchrow(NEWEST.format(partition=partition))
        if newest is None or manifest.last != newest["notification_id"] or manifest.partition != partition:
            msg = f"{folder / partition} is an archive of something else"
            raise Damaged(msg)
        return manifest
    writer = await asyncio.to_thread(Writer, folder, partition)
    try:
        after = 0
        while rows := await owner.fetch(PAGE.format(partition=partition), after, PAGE_SIZE):
            await asyncio.to_thread(writer.write, [Line(*row) for row in rows])
            after = rows[-1]["notification_id"]
        return await asyncio.to_thread(writer.finish)
    except BaseException:
        writer.give_up()
        raise


async def _leave_audit(owner: asyncpg.Connection, partition: str) -> None:
    after = 0
    while positions := await owner.fetchval(POSITIONS.format(partition=partition), after, PAGE_SIZE):
        await audit.forget(owner, positions, schema=registry.LIVE)
        after = positions[-1]


async def _drop(owner: asyncpg.Connection, partition: str) -> None:
    """Drop a month. Whoever reads token events is waited for a moment at a time: meanwhile others wait for us."""
    for left in range(DROP_TRIES, 0, -1):
        try:
            async with owner.transaction():
                await owner.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                await owner.execute(DROP, partition)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if left == 1:
                msg = "its table is being read all the time; it is archived, and the next run drops it"
                raise Kept(msg) from error
            await asyncio.sleep(DROP_PAUSE)
        else:
            return
