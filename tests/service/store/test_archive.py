"""Months of token events leave the log once nothing depends on them, and nobody notices but who looks for them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from projections import MODELS, audit_pages, token_purge
from service.store import archive, connections, retention
from service.store.archive import Ages, Kept, require_due
from service.store.archive_file import Damaged, Line, check
from service.store.follower import Bell
from service.store.log import head, read_page
from service.store.projector import Projector
from service.store.rebuild import REBUILD_LOCK, differences, install
from tests.service.store.given import a_token, an_account, history, write

if TYPE_CHECKING:
    from pathlib import Path

    from domain.token_family import TokenFamily
    from tests.store_fixture import StoreParts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT_ONCE = Ages(timedelta(0), timedelta(0))
AGED = "UPDATE muniment.token_events SET recorded_at = recorded_at - $1::interval"
BUILDING = """
INSERT INTO muniment.rebuilds (id, model, kind, started_at) VALUES (gen_random_uuid(), 'audit', 'rebuild', now())
"""
CALL = "SELECT muniment.{name}($1)"


def born(moment: datetime) -> UUID:
    """Return a UUIDv7 of a moment (RFC 9562 section 5.7)."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | 0x7 << 76 | 0b10 << 62 | uuid4().int & (2**62 - 1))


def long_ago(parts: StoreParts) -> datetime:
    return parts.clock.now() - timedelta(days=100)


def month(parts: StoreParts) -> str:
    return f"token_events_{long_ago(parts):%Y%m}"


def an_old_token(parts: StoreParts, **told: Any) -> TokenFamily:
    at = long_ago(parts)
    return a_token(parts, id=born(at), now=at, **{"expires_at": at + HOUR, **told})


async def follow(parts: StoreParts) -> None:
    """Bring the audit up to the head."""
    session = await connections.connector(parts.dsn, name="projector")()
    while await Projector(None, [], parts.vault, Bell(None)).advance(session, MODELS["audit"]):  # type: ignore[arg-type]
        pass
    await session.close()


async def purge(parts: StoreParts) -> None:
    at = await token_purge.raise_horizon(parts.owner, parts.clock.now() - DAY)
    await retention.purge(parts.owner, at, {"tokens": 0, "refresh_tokens": 0})


async def some_history(parts: StoreParts, *old: TokenFamily) -> None:
    """Commit old tokens among other events, purge, and let the audit follow; the month has positions 2 and 4 to …"""
    await parts.owner.execute("SELECT muniment.ensure_partitions($1)", long_ago(parts))
    await write(parts, an_account(parts))
    await write(parts, an_old_token(parts))
    await write(parts, an_account(parts), *old, a_token(parts))
    await write(parts, an_account(parts))
    await purge(parts)
    await follow(parts)


async def shown(parts: StoreParts) -> list[int]:
    page = await audit_pages.page(parts.pool, {}, since=None, until=None, newest_first=False, limit=99)
    return [row["position"] for row in page.rows]


async def agree(parts: StoreParts) -> bool:
    return all([await differences(parts.owner, MODELS[name], parts.vault) == [] for name in ("tokens", "audit")])


async def why(parts: StoreParts, ages: Ages = AT_ONCE) -> str:
    """Return why a month stays."""
    with pytest.raises(Kept) as kept:
        await require_due(parts.owner, month(parts), ages)
    return str(kept.value)


async def test_a_month_goes_to_a_file_and_out_of_the_log(parts: StoreParts, tmp_path: Path) -> None:
    ended = an_old_token(parts)
    ended.revoke(None, "lost", parts.clock.now())
    await some_history(parts, ended)
    before = await history(parts)
    assert await agree(parts)
    manifest = await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert check(tmp_path / month(parts)) == manifest
    assert (manifest.events, manifest.first, manifest.last) == (3, 2, 5)
    after = await history(parts)
    gone = [entry for entry in before if entry.position in (2, 4, 5)]
    assert after == [entry for entry in before if entry not in gone]
    assert await shown(parts) == [1, 3, 6, 7]
    assert await head(parts.pool) == 7
    assert await agree(parts)
    row = await parts.pool.fetchrow("SELECT * FROM muniment.archives")
    assert (row["partition"], row["events"], row["first"], row["last"]) == (month(parts), 3, 2, 5)
    assert row["sha256"] == manifest.sha256
    assert row["dropped_at"] >= row["archived_at"]
    assert await archive.months(parts.owner) == [name for name in await months_there(parts) if name != month(parts)]
    assert (await write(parts, an_account(parts))).position == 8


async def months_there(parts: StoreParts) -> list[str]:
    rows = await parts.owner.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid"
        " WHERE i.inhparent = 'muniment.token_events'::regclass AND c.relname ~ '[0-9]' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def test_the_file_holds_what_the_log_held(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts, an_old_token(parts), an_old_token(parts))
    gone = [entry for entry in await history(parts) if entry.position in (2, 4, 5)]
    seen: list[Line] = []
    write_lines = archive.Writer.write

    def spy(self: archive.Writer, lines: list[Line]) -> None:
        seen.extend(lines)
        write_lines(self, lines)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive.Writer, "write", spy)
        patch.setattr(archive, "PAGE_SIZE", 2)
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert [tuple(getattr(line, name) for name in line.__struct_fields__) for line in seen] == [*map(tuple, gone)]


async def test_a_follower_by_position_goes_on_across_the_gap(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts, an_old_token(parts))
    await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    seen, after = [], 0
    while page := await read_page(parts.pool, after=after, until=await head(parts.pool), limit=1):
        after = page[-1].position
        seen.append(after)
    assert seen == [1, 3, 5, 6]


async def test_a_month_stays_as_long_as_something_depends_on_it(parts: StoreParts) -> None:
    await parts.owner.execute("SELECT muniment.ensure_partitions($1)", long_ago(parts))
    assert await why(parts) == "no purge has come so far"
    await write(parts, an_old_token(parts))
    assert await why(parts) == "some of its tokens are not purged"
    await purge(parts)
    assert await why(parts) == "the audit has not come so far"
    await follow(parts)
    await require_due(parts.owner, month(parts), AT_ONCE)
    renewable = an_old_token(parts, user=uuid4(), refresh_digest="ab" * 32, refresh_expires_at=None)
    await write(parts, renewable)
    await purge(parts)
    await follow(parts)
    assert await why(parts) == "some of its tokens are not purged"
    renewable.revoke(None, "lost", parts.clock.now())
    await write(parts, renewable)
    await purge(parts)
    await follow(parts)
    await require_due(parts.owner, month(parts), AT_ONCE)


async def test_a_refreshed_token_keeps_the_month_in_which_its_family_was_born(parts: StoreParts) -> None:
    family = an_old_token(parts, user=uuid4(), refresh_digest="ab" * 32, refresh_expires_at=None)
    now = parts.clock.now()
    family.refresh(
        "ab" * 32, token=born(now), scope="read_user", audience="api", format="jwt", digest="cd" * 32,
        expires_at=now + HOUR, refresh_digest=None, refresh_expires_at=None, now=now,
    )  # fmt: skip
    await some_history(parts, family)
    await parts.owner.execute("DELETE FROM models.refresh_tokens")
    await parts.owner.execute("DELETE FROM models.tokens WHERE id = family")
    assert await why(parts) == "some of its tokens are not purged"


async def test_the_month_of_today_and_those_to_come_stay(parts: StoreParts) -> None:
    await parts.owner.execute("UPDATE muniment.horizons SET at = $1", parts.clock.now() - DAY)
    for name in await archive.months(parts.owner):
        assert await parts.owner.fetchval(CALL.format(name="why_kept"), name) == "tokens may still be born into it"
    assert await parts.owner.fetchval(CALL.format(name="why_kept"), "token_events_rest") == "there is no such month"
    assert await parts.owner.fetchval(CALL.format(name="why_kept"), "events") == "there is no such month"


async def test_an_empty_month_stays(parts: StoreParts) -> None:
    await parts.owner.execute("SELECT muniment.ensure_partitions($1)", long_ago(parts))
    await purge(parts)
    assert await why(parts) == "there is nothing in it"


async def test_a_month_goes_when_the_longest_age_of_whose_tokens_are_in_it_has_passed(parts: StoreParts) -> None:
    await some_history(parts)
    await parts.owner.execute(AGED, timedelta(days=30))
    month_old, older = timedelta(days=30), timedelta(days=31)
    await require_due(parts.owner, month(parts), Ages(month_old, None))
    assert await why(parts, Ages(None, None)) == "no age is set at which token events leave"
    assert await why(parts, Ages(older, None)) == "it is not old enough"
    assert await why(parts, Ages(older, month_old)) == "tokens of machines in it are kept longer"
    assert await why(parts, Ages(None, month_old)) == "tokens of machines in it are kept for ever"
    await write(parts, an_old_token(parts, user=uuid4()))
    await purge(parts)
    await follow(parts)
    await parts.owner.execute(AGED, timedelta(days=30))
    assert await why(parts, Ages(month_old, None)) == "tokens of people in it are kept for ever"
    assert await why(parts, Ages(month_old, older)) == "tokens of people in it are kept longer"
    await require_due(parts.owner, month(parts), Ages(month_old, month_old))


async def test_a_token_for_somebody_whom_an_application_names_is_a_persons(parts: StoreParts) -> None:
    await some_history(parts)
    await parts.owner.execute("TRUNCATE muniment.token_events, models.audit")
    await write(parts, an_old_token(parts, end_user="someone"))
    await purge(parts)
    await follow(parts)
    assert await why(parts, Ages(timedelta(0), None)) == "tokens of people in it are kept for ever"
    await require_due(parts.owner, month(parts), Ages(None, timedelta(0)))


async def test_a_run_that_broke_off_is_gone_on_with(
    parts: StoreParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_history(parts, an_old_token(parts))
    for step in ("_leave_audit", "_drop"):
        with monkeypatch.context() as patch:
            patch.setattr(archive, step, _broken)
            with pytest.raises(ConnectionError):
                await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
        assert await agree(parts), "what is on its way out is no difference"
        assert len(await history(parts)) == 6
    # An audit that is built anew meanwhile does not bring back what is on its way out.
    await parts.owner.execute("UPDATE muniment.models SET version = 0 WHERE name = 'audit'")
    assert await install(parts.owner, [MODELS["audit"]], parts.vault) == ["audit"]
    assert await shown(parts) == [1, 3, 5, 6]
    await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert await shown(parts) == [1, 3, 5, 6]
    assert await agree(parts)


async def _broken(*_: Any) -> None:
    raise ConnectionError


async def test_no_generation_of_the_audit_brings_archived_events_back(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts)
    kept = "INSERT INTO muniment.former_generations (model, version, generation, position) VALUES ($1, 1, 1, 1)"
    for model in ("audit", "tokens", "users"):
        await parts.owner.execute(kept, model)
    await parts.owner.execute(BUILDING)
    with pytest.raises(Kept, match="the audit is being rebuilt"):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    await parts.owner.execute("UPDATE muniment.rebuilds SET ended_at = now()")
    await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert [row[0] for row in await parts.owner.fetch("SELECT model FROM muniment.former_generations")] == ["users"]


async def test_nothing_leaves_while_read_models_are_compared(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts)
    other = await asyncpg.connect(parts.dsn)
    await other.execute(REBUILD_LOCK)
    with pytest.raises(Kept, match="try again"):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    await other.close()
    assert len(await history(parts)) == 5


async def test_a_reader_is_waited_for_a_moment_at_a_time(
    parts: StoreParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "DROP_PAUSE", 0.01)
    monkeypatch.setattr(archive, "LOCK_TIMEOUT", "10ms")
    await some_history(parts)
    reader = await asyncpg.connect(parts.dsn)
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT FROM muniment.log")
    with pytest.raises(Kept, match="the next run drops it"):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert (await write(parts, an_account(parts))).position == 6
    await transaction.rollback()
    await reader.close()
    await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert await shown(parts) == [1, 3, 4, 5]


async def test_the_database_believes_nobody(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts)
    drop, name = CALL.format(name="drop_archived"), month(parts)

    async def refused() -> str:
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError) as error:
            await parts.owner.execute(drop, name)
        return str(error.value)

    assert "it is not archived" in await refused()
    await parts.owner.execute(
        archive.BEGIN, name, 1, 2, 2, parts.clock.now(), parts.clock.now(), str(tmp_path), "ab" * 32
    )
    assert "the audit still shows it" in await refused()
    await parts.owner.execute("DELETE FROM models.audit WHERE position = 2")
    late = an_old_token(parts)
    await write(parts, late)
    assert "some of its tokens are not purged" in await refused()
    await purge(parts)
    await follow(parts)
    assert "it grew since it was archived" in await refused()
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await parts.owner.execute(
            archive.BEGIN, "events", 1, 2, 2, parts.clock.now(), parts.clock.now(), str(tmp_path), "ab" * 32
        )


@pytest.mark.parametrize("name", ["token_months", "why_kept", "begin_archive", "drop_archived"])
async def test_workers_archive_nothing(parts: StoreParts, name: str) -> None:
    allowed = "SELECT has_function_privilege('muniment_service', p.oid, 'EXECUTE') FROM pg_proc p WHERE p.proname = $1"
    assert await parts.owner.fetchval(allowed, name) is False


async def test_what_lies_where_an_archive_shall_be_is_never_taken_for_it(parts: StoreParts, tmp_path: Path) -> None:
    await some_history(parts)
    (tmp_path / month(parts)).mkdir()
    with pytest.raises(Damaged):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert len(await history(parts)) == 5


async def test_an_archive_of_an_earlier_state_is_never_taken_for_the_month(
    parts: StoreParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await some_history(parts)
    monkeypatch.setattr(archive, "_leave_audit", _broken)
    with pytest.raises(ConnectionError):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    await write(parts, an_old_token(parts))
    await purge(parts)
    await follow(parts)
    with pytest.raises(Damaged, match="something else"):
        await archive.archive(parts.owner, month(parts), tmp_path, AT_ONCE)
    assert len(await history(parts)) == 6
