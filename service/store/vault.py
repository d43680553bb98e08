"""Fetches subject keys for reading and sealing. A destroyed or unknown key is simply absent: its fields read None."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from service.store import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import asyncpg
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from service.secrets.master_key import MasterKeys
    from service.secrets.subject_keys import NewSubjectKey, SubjectKeys
    from service.store.log import Entry, Stored

KEYS = """
SELECT subject, wrapped, master_key FROM muniment.subject_keys WHERE subject = ANY ($1::uuid[]) AND wrapped IS NOT NULL
"""


WRAPPED_PAGE = """
SELECT subject, wrapped, master_key FROM muniment.subject_keys
 WHERE wrapped IS NOT NULL AND subject > $1 AND master_key <> $2 ORDER BY subject LIMIT $3
"""
REWRAP = """
UPDATE muniment.subject_keys k SET wrapped = n.wrapped, master_key = $3
  FROM unnest($1::uuid[], $2::bytea[]) n(subject, wrapped) WHERE k.subject = n.subject
"""
PAGE = 1_000
NIL = UUID(int=0)
DESTROYED = "SELECT EXISTS (SELECT FROM muniment.subject_keys WHERE subject = $1 AND wrapped IS NULL)"


class SubjectKeyDestroyed(Exception):
    """Something should be sealed for a subject whose key was destroyed: the subject is gone for ever."""


class Vault:
    """Subject keys on demand, from memory for at most a minute, else from their rows, unwrapped by the master key."""

    def __init__(
        self,
        connection: asyncpg.Pool | asyncpg.Connection,
        keys: SubjectKeys,
        ring: MasterKeys,
        reload: Callable[[], None] = lambda: None,
    ) -> None:
        """Take where rows are read, the cache of unwrapped keys and the ring that unwraps them.

        `reload` brings keys to the ring that were added to its source since: the master key may rotate meanwhile.
        """
        self._connection = connection
        self._keys = keys
        self._ring = ring
        self._reload = reload

    async def ciphers(self, subjects: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """Return the ciphers of those subjects that have a live key, with at most one query."""
        found: dict[UUID, AESGCM] = {}
        missing: list[UUID] = []
        for subject in set(subjects):
            cipher = self._keys.get(subject)
            if cipher is None:
                missing.append(subject)
            else:
                found[subject] = cipher
        if missing:
            for row in await self._connection.fetch(KEYS, missing):
                if row["master_key"] not in self._ring.ids:
                    self._reload()
                found[row["subject"]] = self._keys.put(row["subject"], row["wrapped"], row["master_key"])
        return found

    async def present_ciphers(self, subjects: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """Return as `ciphers` does, but never from memory: what is sealed is guarded as of now."""
        wanted = list(subjects)
        for subject in wanted:
            self.forget(subject)
        return await self.ciphers(wanted)

    def master_key_moved(self, key_id: str) -> None:
        """Wrap new keys under this master key from now on: a rotation finished. Raises UnknownMasterKey."""
        if key_id not in self._ring.ids:
            self._reload()
        self._ring.prefer(key_id)

    @property
    def source(self) -> asyncpg.Pool | asyncpg.Connection:
        """Where keys are read; what belongs to them may be read there too, beside a session that is busy writing."""
        return self._connection

    @property
    def master_key(self) -> str:
        """The id of the master key that new subject keys are wrapped under."""
        return self._ring.current_id

    def through(self, connection: asyncpg.Connection) -> Vault:
        """Return this vault reading on another connection: in a snapshot, keys are there that were destroyed since."""
        return Vault(connection, self._keys, self._ring, self._reload)

    async def rewrap(self, connection: asyncpg.Connection) -> int:
        """Wrap every subject key under the current master key, inside the caller's transaction; return how many.

        The caller holds the append lock. What the keys seal is not touched.
        """
        rewrapped = 0
        after = NIL
        while rows := await connection.fetch(WRAPPED_PAGE, after, self._ring.current_id, PAGE):
            subjects, wrapped = [], []
            for row in rows:
                data_key = self._ring.unwrap(row["wrapped"], subject=row["subject"], key_id=row["master_key"])
                subjects.append(row["subject"])
                wrapped.append(self._ring.wrap(data_key, subject=row["subject"]))
            await connection.execute(REWRAP, subjects, wrapped, self._ring.current_id)
            rewrapped += len(rows)
            after = subjects[-1]
        return rewrapped

    async def is_destroyed(self, subject: UUID) -> bool:
        """Say whether the subject's key was destroyed, which nothing undoes."""
        return bool(await self._connection.fetchval(DESTROYED, subject))

    async def for_entries(self, entries: Iterable[Entry]) -> dict[UUID, AESGCM]:
        """Return the ciphers that a page of the log needs."""
        subjects = (codec.sealed_subject(e.topic, e.stream, e.version, e.state) for e in entries)
        wanted = {subject for subject in subjects if subject is not None}
        return await self.ciphers(wanted) if wanted else {}

    async def for_streams(self, streams: Mapping[UUID, Iterable[Stored]]) -> dict[UUID, AESGCM]:
        """Return the ciphers that these streams need."""
        subjects = (
            codec.sealed_subject(e.topic, stream, e.version, e.state)
            for stream, events in streams.items()
            for e in events
        )
        wanted = {subject for subject in subjects if subject is not None}
        return await self.ciphers(wanted) if wanted else {}

    def new_key(self, subject: UUID) -> NewSubjectKey:
        """Make a key; it exists once an append has committed it and `admit` was called."""
        return self._keys.new_key(subject)

    def admit(self, key: NewSubjectKey) -> None:
        """Hold a key whose append was committed."""
        self._keys.admit(key)

    def forget(self, subject: UUID) -> None:
        """Drop a destroyed key from memory at once."""
        self._keys.forget(subject)
