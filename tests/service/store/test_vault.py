"""Subject keys: read with one query, held for a minute at most, wrapped anew by a rotation, gone once destroyed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain.user import User
from service.secrets.master_key import MasterKeys, UnknownMasterKey
from service.secrets.sealing import open_sealed, seal
from service.secrets.subject_keys import SubjectKeys
from service.store import vault as vault_module
from service.store.log import Stored
from service.store.vault import Vault
from tests.service.store.given import CLIENT, ORGANIZATION, an_account, history, prepared, write
from tests.store_fixture import MASTER_KEY

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from tests.store_fixture import StoreParts

NEW_KEY = bytes(range(1, 33))
OLD, NEW = MasterKeys([MASTER_KEY]), MasterKeys([NEW_KEY, MASTER_KEY])
KEEP = "INSERT INTO muniment.subject_keys (subject, wrapped, master_key) VALUES ($1, $2, $3)"
WRAPPED = "SELECT subject, wrapped, master_key FROM muniment.subject_keys WHERE wrapped IS NOT NULL ORDER BY subject"


async def keep(parts: StoreParts, ring: MasterKeys, count: int) -> dict[UUID, bytes]:
    """Store so many subject keys; return them unwrapped."""
    keys = {uuid4(): bytes([n]) * 32 for n in range(count)}
    for subject, key in keys.items():
        await parts.owner.execute(KEEP, subject, ring.wrap(key, subject=subject), ring.current_id)
    return keys


def opens(cipher: AESGCM, key: bytes) -> bool:
    place = {"subject": ORGANIZATION, "topic": "t", "field": "f"}
    return open_sealed(cipher, seal(key, b"text", **place), **place) == b"text"  # type: ignore[arg-type]


def a_vault(parts: StoreParts, ring: MasterKeys = OLD) -> Vault:
    return Vault(parts.pool, SubjectKeys(ring, parts.clock.monotonic), ring)


async def test_live_keys_are_returned_and_all_others_are_absent(parts: StoreParts) -> None:
    keys = await keep(parts, OLD, 3)
    gone, *left = keys
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL WHERE subject = $1", gone)
    found = await a_vault(parts).ciphers([*keys, uuid4()])
    assert found.keys() == set(left)
    assert all(opens(found[subject], keys[subject]) for subject in left)


async def test_a_key_is_held_for_a_minute_and_not_longer(parts: StoreParts) -> None:
    [subject] = await keep(parts, OLD, 1)
    vault = a_vault(parts)
    await vault.ciphers([subject])
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL")
    parts.clock.move(timedelta(seconds=60) - timedelta(microseconds=1))
    assert await vault.ciphers([subject])
    parts.clock.move(timedelta(microseconds=1))
    assert not await vault.ciphers([subject])


async def test_what_is_sealed_is_sealed_under_what_is_there_now(parts: StoreParts) -> None:
    [subject] = await keep(parts, OLD, 1)
    vault = a_vault(parts)
    assert await vault.present_ciphers([subject])
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL")
    assert await vault.ciphers([subject])
    assert not await vault.present_ciphers([subject])


async def test_a_forgotten_key_is_read_again(parts: StoreParts) -> None:
    [subject] = await keep(parts, OLD, 1)
    vault = a_vault(parts)
    await vault.ciphers([subject])
    await parts.owner.execute("DELETE FROM muniment.subject_keys")
    vault.forget(subject)
    assert not await vault.ciphers([subject])


async def test_only_a_tombstone_says_destroyed(parts: StoreParts) -> None:
    live, dead = await keep(parts, OLD, 2)
    await parts.owner.execute("UPDATE muniment.subject_keys SET wrapped = NULL WHERE subject = $1", dead)
    vault = a_vault(parts)
    assert [await vault.is_destroyed(subject) for subject in (live, dead, uuid4())] == [False, True, False]


async def test_a_rotation_wraps_every_live_key_anew_and_changes_none(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vault_module, "PAGE", 2)
    keys = await keep(parts, OLD, 5)
    await parts.owner.execute("INSERT INTO muniment.subject_keys (subject, destroyed_at) VALUES ($1, now())", uuid4())
    vault = a_vault(parts, NEW)
    assert await vault.rewrap(parts.owner) == 5
    rows = await parts.owner.fetch(WRAPPED)
    only_new = MasterKeys([NEW_KEY])
    assert {row["master_key"] for row in rows} == {only_new.current_id}
    for row in rows:
        assert only_new.unwrap(row["wrapped"], subject=row["subject"], key_id=row["master_key"]) == keys[row["subject"]]
    assert await vault.rewrap(parts.owner) == 0


async def test_a_process_that_missed_a_rotation_reads_its_ring_again(parts: StoreParts) -> None:
    keys = await keep(parts, NEW, 1)
    [subject] = keys
    ring = MasterKeys([MASTER_KEY])
    reloaded = Vault(
        parts.pool,
        SubjectKeys(ring, parts.clock.monotonic),
        ring,
        lambda: ring.adopt(MasterKeys([NEW_KEY, MASTER_KEY])),
    )
    assert opens((await reloaded.ciphers([subject]))[subject], keys[subject])
    with pytest.raises(UnknownMasterKey):
        await a_vault(parts, OLD).ciphers([subject])


async def test_after_a_rotation_new_keys_are_wrapped_under_the_new_master_key(parts: StoreParts) -> None:
    ring = MasterKeys([MASTER_KEY])
    vault = Vault(
        parts.pool,
        SubjectKeys(ring, parts.clock.monotonic),
        ring,
        lambda: ring.adopt(MasterKeys([MASTER_KEY, NEW_KEY])),
    )
    assert vault.master_key == OLD.current_id
    vault.master_key_moved(NEW.current_id)
    assert vault.master_key == vault.new_key(uuid4()).master_key_id == NEW.current_id


async def test_a_page_of_the_log_takes_only_the_keys_of_its_sealed_events(parts: StoreParts) -> None:
    users = [a_user(parts, name) for name in ("Ada", None)]
    keys = {user.id: parts.vault.new_key(user.id) for user in users}
    events = [event for user in users for event in user.collect_events()]
    append = prepared(parts, an_account(parts))
    sealed = parts.store.prepare(events, append.envelope, {subject: key.cipher for subject, key in keys.items()})  # type: ignore[arg-type]
    await parts.appender.append(append)
    await parts.appender.append(sealed)
    for key in keys.values():
        await parts.owner.execute(KEEP, key.subject, key.wrapped, key.master_key_id)
    entries = await history(parts)
    assert (await a_vault(parts).for_entries(entries)).keys() == {users[0].id}
    streams = {entry.stream: [Stored(entry.version, entry.topic, entry.state)] for entry in entries}
    assert (await a_vault(parts).for_streams(streams)).keys() == {users[0].id}


async def test_a_log_without_personal_fields_takes_no_query(parts: StoreParts) -> None:
    await write(parts, an_account(parts))
    entries = await history(parts)
    await parts.pool.close()
    assert await a_vault(parts).for_entries(entries) == {}


def a_user(parts: StoreParts, name: str | None) -> User:
    return User.create(
        id=parts.clock.new_id(), organization=ORGANIZATION, application=CLIENT, name=name, now=parts.clock.now()
    )
