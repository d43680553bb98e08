"""Digests of passwords: Argon2id (RFC 9106), in a few threads of its own, and never more at once than it can bear.

A password is brought to NFKC first, as NIST SP 800-63B section 3.1.1.2 asks of a verifier that takes Unicode: the same
keys pressed on another machine are the same password. It is never cut off, and every character counts as one.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from domain.refusals import InvalidPassword
from domain.text import is_orderly
from service.secrets import password_formats
from service.store.refusals import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

LIMIT = 256
"""The most characters of a password, once normalised: enough for any sentence, and no work to speak of."""

# 19 MiB, twice over, in one lane: what OWASP's cheat sheet recommends where memory is scarce. Some 30 ms of one core.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
THREADS = 2
WAITING = 64
"""How many may wait for a thread, a second or so: whoever comes then is sent away rather than let to pile up."""
FOREIGN_THREADS, FOREIGN_WAITING = 1, 16
"""The same for digests of other systems. One of them may take as long as fifty of ours, and whoever takes them over
chooses them: they get in nobody's way but each other's.
"""


def normalised(password: str) -> str:
    """Return the form of a password that is digested. Raises InvalidPassword unless it has 1 to 256 characters."""
    if not is_orderly(password):
        raise InvalidPassword(field="password")
    text = unicodedata.normalize("NFKC", password)
    if not 1 <= len(text) <= LIMIT or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidPassword(field="password")
    return text


class Passwords:
    """Makes digests and compares with them, off the event loop. One per process."""

    def __init__(self, hasher: PasswordHasher | None = None, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        """Take what digests; its parameters are today's."""
        self._hasher = hasher or PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._nobodys = _nobodys(self._hasher)
        self._own = _Workers("passwords", threads, waiting)
        self._foreign = _Workers("foreign-passwords", FOREIGN_THREADS, FOREIGN_WAITING)

    def close(self) -> None:
        """Begin nothing more; what waits is cancelled."""
        for workers in (self._own, self._foreign):
            workers.close()

    async def digest(self, password: str) -> str:
        """Return the digest to keep in a password's place. Raises InvalidPassword and Overloaded."""
        return await self._own.work(self._hasher.hash, normalised(password))

    async def verify(self, digest: str | None, password: str) -> bool:
        """Say whether a password is the one of this digest. Raises Overloaded.

        The work is the same whatever is compared: with no digest (None), with one of a weaker kind, and for a password
        that nobody can have. So what it costs tells nothing about whose password it was.
        """
        foreign = digest is not None and password_formats.is_foreign(digest)
        return await (self._foreign if foreign else self._own).work(self._verify, digest, password)

    def outdated(self, digest: str) -> bool:
        """Say whether a digest was made with other parameters than today's, or in another way."""
        try:
            return self._hasher.check_needs_rehash(digest)
        except InvalidHashError:
            return True

    def _verify(self, digest: str | None, password: str) -> bool:
        try:
            text = normalised(password)
        except InvalidPassword:
            digest, text = None, "x"
        if digest is None or self.outdated(digest):
            self._matches(self._nobodys, text)
        if digest is None:
            return False
        if password_formats.is_foreign(digest):
            return password_formats.matches(digest, password)  # of what was typed, not of what we make of it
        return self._matches(digest, text)

    def _matches(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False


class _Workers:
    """Threads of one kind of work, and those who may wait for them."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._under_way = 0

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def work(self, job: Callable[P, T], *arguments: P.args, **_: P.kwargs) -> T:
        """Do a job once a thread is free. Raises Overloaded when too many wait."""
        if self._under_way >= self._most:
            raise Overloaded
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job, *arguments)
        finally:
            self._under_way -= 1


def _nobodys(hasher: PasswordHasher) -> str:
    """Return a digest that takes today's work to compare with and that no password is known to have."""
    salt, key = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${costs}${salt}${key}"
