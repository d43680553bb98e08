"""The list of erased people, kept outside the database: a backup that is restored must not bring anybody back.

Each deletion of a user adds a line to `erased.jsonl` in the data folder, by id alone. At every start the users on the
list that live (again) are deleted once more, with an event of their own.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
import structlog

from domain.caller import SYSTEM
from domain.refusals import UnknownUser
from projections.users import known as known_users
from service.commands import users as commands
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.clock import Clock
    from service.store.store import Store

FILE = "erased.jsonl"
ANNOUNCED = 20  # ids named in one log line

log = structlog.get_logger(__name__)


class Erasure(msgspec.Struct):
    """One line of the list."""

    subject: UUID
    at: datetime


def recorder(data_dir: Path, clock: Clock) -> Callable[[UUID], None]:
    """Return the function that adds a subject to the list; several processes may do so at once."""
    path = data_dir / FILE
    unlisted: list[Erasure] = []

    def record(subject: UUID) -> None:
        unlisted.append(Erasure(subject, clock.now()))
        # Begins with a line feed, so that a line cut short before takes no other along.
        lines = b"".join(b"\n" + msgspec.json.encode(erasure) + b"\n" for erasure in unlisted)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, lines)  # one write: lines of different processes never mix
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            # The deletion is committed and stands; its line goes out with the next one's.
            log.error("erasure_not_listed", error=repr(error), users=[str(e.subject) for e in unlisted[-ANNOUNCED:]])  # noqa: TRY400
        else:
            unlisted.clear()

    return record


def listed(data_dir: Path) -> set[UUID]:
    """Return everybody on the list. A line cut short by a crash is passed over."""
    found: set[UUID] = set()
    try:
        lines = (data_dir / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return found
    for line in filter(None, lines):
        try:
            found.add(msgspec.json.decode(line, type=Erasure).subject)
        except msgspec.DecodeError:
            log.warning("erasure_unreadable")
    return found


async def apply_again(store: Store, data_dir: Path) -> list[UUID]:
    """Delete the users on the list that exist, as the service itself; return who that was."""
    nil = SYSTEM.organization
    again = []
    for subject in await known_users(store.pool, listed(data_dir)):
        try:
            await commands.delete(store, Origin(nil, nil, None, store.clock.new_id()), SYSTEM, user=subject)
        except UnknownUser:  # another process that starts now was quicker
            continue
        again.append(subject)
    if again:
        log.warning("erased_again", count=len(again), users=[str(user) for user in again[:ANNOUNCED]])
    return again
