"""Tokens that have served their time leave the live rows little by little, and rebuilt ones at once, by one rule."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from domain.device_authorization import DeviceAuthorization
from domain.token_family import refresh_token_id
from projections import MODELS, token_purge
from service.secrets.digests import sha256_hex
from service.store import connections, rebuild, retention
from service.store.job_reports import reports
from service.store.rebuild import differences
from service.store.retention import Retention
from tests.service.store.given import a_token, until, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from domain.token_family import TokenFamily
    from tests.store_fixture import StoreParts

TOKENS = MODELS["tokens"]
HOUR, DAY, INSTANT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
COPIED = sha256_hex("copied")


def born(moment: datetime) -> UUID:
    """Return a UUIDv7 of a moment (RFC 9562 section 5.7)."""
    count = int(moment.timestamp() * 1000)
    return UUID(int=(count << 80) | 0x7 << 76 | 0b10 << 62 | uuid4().int & (2**62 - 1))


def digest() -> str:
    return sha256_hex(str(uuid4()))


def horizon(parts: StoreParts) -> datetime:
    return parts.clock.now() - DAY


def a_machines(parts: StoreParts, expires_at: datetime) -> TokenFamily:
    return a_token(parts, id=born(expires_at - HOUR), now=expires_at - HOUR, expires_at=expires_at)


def a_device(parts: StoreParts, expires_at: datetime) -> DeviceAuthorization:
    return DeviceAuthorization.request(
        id=parts.clock.new_id(), organization=uuid4(), application=uuid4(), scope="openid", audience="api",
        user_code_digest=digest(), digest=digest(), expires_at=expires_at, now=expires_at - HOUR,
    )  # fmt: skip


def a_persons(
    parts: StoreParts, expires_at: datetime, *, until: datetime | None, refresh_digest: str | None = None
) -> TokenFamily:
    """Return a family with a refresh token that can be used until a time (None: for ever)."""
    return a_token(
        parts, id=born(expires_at - HOUR), now=expires_at - HOUR, expires_at=expires_at, user=uuid4(),
        grant_type="authorization_code", refresh_digest=refresh_digest or digest(), refresh_expires_at=until,
    )  # fmt: skip


def refresh(family: TokenFamily, at: datetime, *, until: datetime | None) -> None:
    family.refresh(
        family.refresh_digest or "", token=born(at), scope="read_user", audience="api", format="jwt", digest=digest(),
        expires_at=at + HOUR, refresh_digest=digest(), refresh_expires_at=until, now=at,
    )  # fmt: skip


async def purge(parts: StoreParts) -> dict[str, int]:
    """Raise the horizon to a day ago and purge all there is."""
    counts = {"tokens": 0, "refresh_tokens": 0}
    at = await token_purge.raise_horizon(parts.owner, horizon(parts))
    await retention.purge(parts.owner, at, counts)
    return counts


async def families(parts: StoreParts) -> set[UUID]:
    rows = await parts.owner.fetch(
        "SELECT family FROM models.tokens UNION ALL SELECT family FROM models.refresh_tokens"
    )
    return {row[0] for row in rows}


async def agrees(parts: StoreParts) -> bool:
    return await differences(parts.owner, TOKENS, parts.vault) == []


@asynccontextmanager
async def retaining(parts: StoreParts) -> AsyncIterator[Retention]:
    job = Retention(lambda: connections.owner(parts.dsn), parts.clock, expired_for=DAY)
    await job.start()
    try:
        yield job
    finally:
        await job.stop()


async def test_a_machines_token_goes_once_it_had_expired_by_the_horizon(parts: StoreParts) -> None:
    at_it = a_machines(parts, horizon(parts))
    after_it = a_machines(parts, horizon(parts) + INSTANT)
    live = a_token(parts)
    await write(parts, at_it, after_it, live)
    assert await purge(parts) == {"tokens": 1, "refresh_tokens": 0}
    assert await families(parts) == {after_it.id, live.id}
    assert await agrees(parts)


async def test_a_family_that_can_be_renewed_keeps_every_row_it_ever_had(parts: StoreParts) -> None:
    long_ago = horizon(parts) - 30 * DAY
    renewable = a_persons(parts, long_ago, until=horizon(parts) + INSTANT, refresh_digest=COPIED)
    refresh(renewable, long_ago, until=horizon(parts) + INSTANT)
    for_ever = a_persons(parts, long_ago, until=None)
    await write(parts, renewable, for_ever)
    assert await purge(parts) == {"tokens": 0, "refresh_tokens": 0}
    assert await families(parts) == {renewable.id, for_ever.id}
    # The first refresh token was used: whoever copied it is still found out.
    row = await parts.owner.fetchrow(
        "SELECT used_at FROM models.refresh_tokens WHERE digest = $1", bytes.fromhex(COPIED)
    )
    assert row["used_at"] == long_ago
    assert await agrees(parts)


async def test_a_family_goes_whole_once_nothing_of_it_can_be_used(parts: StoreParts) -> None:
    long_ago = horizon(parts) - 30 * DAY
    expired = a_persons(parts, long_ago, until=horizon(parts))
    refresh(expired, long_ago, until=horizon(parts))
    refresh(expired, long_ago + DAY, until=horizon(parts))
    await write(parts, expired)
    ended = a_persons(parts, long_ago, until=None)
    ended.revoke(None, "lost", parts.clock.now())
    await write(parts, ended)
    assert await purge(parts) == {"tokens": 4, "refresh_tokens": 4}
    assert await families(parts) == set()
    assert await agrees(parts)


async def test_a_family_stays_whole_for_as_long_as_its_refresh_token_could_be_approved_again(parts: StoreParts) -> None:
    long_ago, until = horizon(parts) - 30 * DAY, horizon(parts) + HOUR
    family = a_persons(parts, long_ago, until=until)
    refresh(family, long_ago, until=until)
    family.revoke(None, "lost", long_ago)
    await write(parts, family)
    assert await purge(parts) == {"tokens": 0, "refresh_tokens": 0}
    assert await agrees(parts)
    refresh_token = refresh_token_id(family.refresh_digest or "")
    family.approve(refresh_token, cascade=False, expires_at=until, now=parts.clock.now() - DAY)
    await write(parts, family)
    assert await purge(parts) == {"tokens": 0, "refresh_tokens": 0}
    parts.clock.move(HOUR)
    assert await purge(parts) == {"tokens": 2, "refresh_tokens": 2}
    assert await agrees(parts)


async def test_a_family_with_one_token_that_has_not_expired_stays_whole(parts: StoreParts) -> None:
    long_ago = horizon(parts) - 30 * DAY
    family = a_persons(parts, long_ago, until=horizon(parts) + HOUR)
    refresh(family, horizon(parts), until=horizon(parts) + HOUR)
    family.revoke(None, "lost", parts.clock.now())
    await write(parts, family)
    assert await purge(parts) == {"tokens": 0, "refresh_tokens": 0}
    assert len(await parts.owner.fetch("SELECT FROM models.tokens")) == 2
    assert await agrees(parts)


async def test_rebuilt_rows_are_the_live_ones_before_during_and_after_a_purge(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        await write(parts, a_machines(parts, horizon(parts) - n * HOUR))
    await write(parts, a_machines(parts, horizon(parts) + HOUR))
    assert await agrees(parts)
    at = await token_purge.raise_horizon(parts.owner, horizon(parts))
    assert len(await families(parts)) == 7
    assert await agrees(parts)
    page = await token_purge.purge_page(parts.owner, at, schema="models", limit=2)
    assert (page.tokens, len(await families(parts))) == (2, 5)
    assert await agrees(parts)
    monkeypatch.setattr(retention, "PAGE", 3)
    await purge(parts)
    assert len(await families(parts)) == 1
    assert await agrees(parts)
    # A row that should be there is still missed.
    await parts.owner.execute("DELETE FROM models.tokens")
    assert len(await differences(parts.owner, TOKENS, parts.vault)) == 1


async def test_a_new_generation_begins_without_what_has_served_its_time(parts: StoreParts) -> None:
    await write(parts, a_machines(parts, horizon(parts)), a_token(parts))
    await token_purge.raise_horizon(parts.owner, horizon(parts))
    assert len(await families(parts)) == 2
    await parts.owner.execute("UPDATE muniment.models SET version = 0 WHERE name = 'tokens'")
    assert await rebuild.install(parts.owner, [TOKENS], parts.vault) == ["tokens"]
    assert len(await families(parts)) == 1


async def test_what_ends_a_purged_family_changes_nothing(parts: StoreParts) -> None:
    family = a_machines(parts, horizon(parts))
    await write(parts, family)
    await purge(parts)
    family.revoke(None, "late", parts.clock.now())
    await write(parts, family)
    assert await families(parts) == set()
    assert await agrees(parts)


async def test_the_horizon_only_rises(parts: StoreParts) -> None:
    at = await token_purge.raise_horizon(parts.owner, horizon(parts))
    assert await token_purge.raise_horizon(parts.owner, at - DAY) == at
    assert await token_purge.raise_horizon(parts.owner, at + INSTANT) == at + INSTANT
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await parts.owner.execute("UPDATE muniment.horizons SET at = $1", at)


async def test_the_database_itself_refuses_to_purge_the_last_half_hour(parts: StoreParts) -> None:
    now = await parts.owner.fetchval("SELECT clock_timestamp()")
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await token_purge.raise_horizon(parts.owner, now - timedelta(minutes=29))
    await token_purge.raise_horizon(parts.owner, now - timedelta(minutes=31))


async def test_workers_cannot_purge(parts: StoreParts) -> None:
    for statement in ("UPDATE muniment.horizons SET at = at", "DELETE FROM models.tokens"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await parts.pool.execute(statement)


async def test_rows_that_somebody_holds_are_waited_for_a_moment_at_a_time(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "GENTLY", retention.GENTLY.replace("100ms", "10ms"))
    await write(parts, a_machines(parts, horizon(parts)))
    holder = await asyncpg.connect(parts.dsn)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT FROM models.tokens FOR UPDATE")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await purge(parts)
    work = asyncio.create_task(purge(parts))
    await asyncio.sleep(0.02)
    await transaction.rollback()
    await holder.close()
    assert await work == {"tokens": 1, "refresh_tokens": 0}


async def test_devices_go_with_the_tokens_that_expired_when_they_did(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 2)
    ends = [horizon(parts) - HOUR, horizon(parts) - HOUR, horizon(parts), horizon(parts) + INSTANT]
    await write(parts, *(a_device(parts, expires_at) for expires_at in ends))
    assert await Retention(lambda: connections.owner(parts.dsn), parts.clock, expired_for=DAY).run(parts.owner)
    [told] = await reports(parts.pool)
    assert told["counts"]["device_authorizations"] == 3
    assert await parts.owner.fetchval("SELECT expires_at FROM models.device_authorizations") == ends[-1]
    assert await differences(parts.owner, MODELS["device_authorizations"], parts.vault) == []


async def test_a_run_reports_what_it_removed(parts: StoreParts) -> None:
    await write(parts, a_machines(parts, horizon(parts)))
    job = Retention(lambda: connections.owner(parts.dsn), parts.clock, expired_for=DAY)
    with capture_logs() as lines:
        assert await job.run(parts.owner)
    [line] = lines
    assert (line["event"], line["log_level"], line["tokens"], line["error"]) == ("purge", "info", 1, None)
    [told] = await reports(parts.pool)
    removed = {"tokens": 1, "refresh_tokens": 0, "authorizations": 0, "device_authorizations": 0}
    assert (told["name"], told["counts"], told["error"]) == ("purge", removed, None)
    assert told["started_at"] <= told["ended_at"] == told["succeeded_at"]


async def test_a_run_that_fails_reports_why_and_keeps_the_time_of_the_last_success(parts: StoreParts) -> None:
    job = Retention(lambda: connections.owner(parts.dsn), parts.clock, expired_for=DAY)
    assert await job.run(parts.owner)
    parts.clock.move(2 * DAY)  # a clock that is wrong
    assert not await job.run(parts.owner)
    [told] = await reports(parts.pool)
    assert told["succeeded_at"] < told["ended_at"]
    assert "half an hour ago" in told["error"]


async def test_of_several_processes_one_purges_and_others_go_on_without_it(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RUN_SECONDS", 0.02)
    async with retaining(parts), retaining(parts) as second:
        await write(parts, a_machines(parts, horizon(parts)))

        async def gone() -> bool:
            return await families(parts) == set()

        await until(gone)
        await parts.owner.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muniment-owner'"
            " AND pid <> pg_backend_pid()"
        )
        await second.stop()
        await write(parts, a_machines(parts, horizon(parts)))
        await until(gone)


async def test_a_login_that_owns_nothing_stands_aside(parts: StoreParts) -> None:
    connect = connections.connector(parts.dsn, name="restricted")
    job = Retention(connect, parts.clock, expired_for=DAY)
    with capture_logs() as lines:
        await job.start()
        await until(lambda: any(line["event"] == "retention_stands_aside" for line in lines))
        await job.stop()
    assert await reports(parts.pool) == []


async def test_nothing_has_served_its_time_before_the_first_purge(parts: StoreParts) -> None:
    await write(parts, a_machines(parts, datetime(2020, 1, 1, tzinfo=UTC)))
    await retention.purge(parts.owner, horizon(parts), {"tokens": 0, "refresh_tokens": 0})
    assert len(await families(parts)) == 1
    assert await agrees(parts)
