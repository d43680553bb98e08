"""The list of erased people: a restored backup brings nobody back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.account import Account
from domain.application import Application, ApplicationSettings
from domain.caller import SYSTEM
from projections import users as rows
from service import erasures
from service.commands import users
from service.store.decision import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

NIL = UUID(int=0)


async def person(parts: StoreParts) -> UUID:
    """Make an organization, an application and a user of it; return the user's id."""
    clock = parts.clock
    origin = Origin(NIL, NIL, None, clock.new_id())

    async def command(decision: Decision) -> UUID:
        organization = Account.create(id=clock.new_id(), name="Org", parent=None, now=clock.now())
        application = Application.register(
            id=clock.new_id(),
            organization=organization.id,
            client_id="app",
            kind="machine",
            settings=ApplicationSettings(name="App"),
            by=SYSTEM,
            now=clock.now(),
        )
        decision.save(organization, application)
        return application.id

    application = (await parts.store.decide(command, origin)).value
    made = await users.create(parts.store, origin, SYSTEM, application=application, name="Žofie")
    return made.value.id


async def test_a_person_on_the_list_is_deleted_again(parts: StoreParts, tmp_path: Path) -> None:
    back = await person(parts)
    erasures.recorder(tmp_path, parts.clock)(back)

    assert await erasures.apply_again(parts.store, tmp_path) == [back]

    assert await rows.one(parts.pool, back) is None
    assert await parts.vault.is_destroyed(back)
    assert await erasures.apply_again(parts.store, tmp_path) == []


async def test_nobody_else_is_deleted_and_a_missing_list_is_empty(parts: StoreParts, tmp_path: Path) -> None:
    stays = await person(parts)
    assert await erasures.apply_again(parts.store, tmp_path) == []
    erasures.recorder(tmp_path, parts.clock)(parts.clock.new_id())

    assert await erasures.apply_again(parts.store, tmp_path) == []
    assert await rows.one(parts.pool, stays) is not None


async def test_a_line_cut_short_by_a_crash_hides_no_other(parts: StoreParts, tmp_path: Path) -> None:
    back = await person(parts)
    record = erasures.recorder(tmp_path, parts.clock)
    record(back)
    path = tmp_path / erasures.FILE
    path.write_bytes(path.read_bytes() + b'{"subject":"01a2')

    assert erasures.listed(tmp_path) == {back}
    assert (path.stat().st_mode & 0o777) == 0o600


async def test_deleting_a_user_adds_them_to_the_list(parts: StoreParts, tmp_path: Path) -> None:
    gone = await person(parts)
    told: list[UUID] = []
    parts.store._on_destroyed = told.append

    await users.delete(parts.store, Origin(NIL, NIL, None, parts.clock.new_id()), SYSTEM, user=gone)

    assert told == [gone]


async def test_a_full_disk_does_not_undo_a_deletion_and_the_next_line_brings_both(
    parts: StoreParts, tmp_path: Path
) -> None:
    folder = tmp_path / "missing"
    record = erasures.recorder(folder, parts.clock)
    first, second = parts.clock.new_id(), parts.clock.new_id()
    record(first)
    folder.mkdir()
    record(second)

    assert erasures.listed(folder) == {first, second}
