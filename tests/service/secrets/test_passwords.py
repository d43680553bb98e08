"""Passwords are digested slowly, compared without telling whose they are, and never more at once than is bearable."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from domain.refusals import InvalidPassword
from service.secrets.password_formats import adopted
from service.secrets.passwords import FOREIGN_THREADS, FOREIGN_WAITING, Passwords, normalised
from service.store.refusals import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SHA1_OF_OPEN_SESAME = "5bcaff7f22ff533ca099b3408ead876c0ebba9a7"


class Counting(PasswordHasher):
    """Argon2id that is quick, and notes the parameters of each comparison."""

    def __init__(self) -> None:
        super().__init__(time_cost=2, memory_cost=16, parallelism=1)
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.compared.append(str(hash).rsplit("$", 2)[0])
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> Counting:
    return Counting()


@pytest.fixture
def passwords(hasher: Counting) -> Iterator[Passwords]:
    made = Passwords(hasher)
    yield made
    made.close()


async def test_a_password_is_known_by_its_digest(passwords: Passwords) -> None:
    digest = await passwords.digest("correct horse")
    assert digest.startswith("$argon2id$")
    assert digest != await passwords.digest("correct horse"), "each digest has its own salt"
    assert await passwords.verify(digest, "correct horse")
    for wrong in ("Correct horse", "correct horse ", "", "correct", "x" * 257):
        assert not await passwords.verify(digest, wrong)


async def test_the_costs_are_those_that_are_recommended(
    costs_in_earnest: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, cost in zip(("MEMORY_KIB", "PASSES"), costs_in_earnest, strict=True):
        monkeypatch.setattr(f"service.secrets.passwords.{name}", cost)
    passwords = Passwords()
    digest = await passwords.digest("correct horse")
    assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not passwords.outdated(digest)
    passwords.close()


async def test_the_same_keys_on_another_machine_are_the_same_password(passwords: Passwords) -> None:
    digest = await passwords.digest("Zo\u00eb \uff11\u2460")
    assert await passwords.verify(digest, "Zoe\u0308 11")


def test_a_password_is_normalised_before_it_is_counted() -> None:
    assert normalised("e\u0301" * 256) == "\u00e9" * 256
    assert normalised("\U0001f511" * 256) == "\U0001f511" * 256
    assert normalised(" ") == " "


@pytest.mark.parametrize("password", ["", "x" * 257, "\ufdfa" * 15, "\ud83d", "a\udc00"])
async def test_what_nobody_can_have_as_password_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(InvalidPassword) as refused:
        await passwords.digest(password)
    assert refused.value.field == "password"


async def test_a_comparison_costs_the_same_whoever_it_was(passwords: Passwords, hasher: Counting) -> None:
    digest = await passwords.digest("correct horse")
    todays = digest.rsplit("$", 2)[0]
    for compared, password in ((digest, "correct horse"), (digest, "wrong"), (None, "wrong"), (digest, "x" * 300),
                               (digest, ""), (None, "\ud83d")):  # fmt: skip
        hasher.compared.clear()
        await passwords.verify(compared, password)
        assert hasher.compared == [todays]


async def test_a_weaker_digest_costs_no_less(passwords: Passwords, hasher: Counting) -> None:
    todays = (await passwords.digest("x")).rsplit("$", 2)[0]
    weak = WEAK.hash("open sesame")
    assert await passwords.verify(weak, "open sesame")
    assert hasher.compared == [todays, weak.rsplit("$", 2)[0]]
    hasher.compared.clear()
    assert await passwords.verify(adopted("SHA1", SHA1_OF_OPEN_SESAME), "open sesame")
    assert hasher.compared == [todays]


async def test_nobody_has_the_password_of_nobody(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "")
    assert not await passwords.verify(None, "x")
    assert not await passwords.verify("nonsense", "x")


async def test_digests_of_other_makings_are_outdated(passwords: Passwords) -> None:
    assert not passwords.outdated(await passwords.digest("x"))
    for other in (WEAK.hash("x"), adopted("SHA1", SHA1_OF_OPEN_SESAME), adopted("Argon2id", WEAK.hash("x")), ""):
        assert passwords.outdated(other)


class Waiting(Counting):
    """Argon2id that begins when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.go.wait(10)
        return super().hash(password, salt=salt)


@contextmanager
def crowded() -> Iterator[tuple[Passwords, Waiting]]:
    hasher = Waiting()
    passwords = Passwords(hasher, threads=1, waiting=2)
    yield passwords, hasher
    hasher.go.set()
    passwords.close()


async def test_who_comes_when_too_many_wait_is_sent_away() -> None:
    with crowded() as (passwords, hasher):
        waiting = [asyncio.create_task(passwords.digest("x")) for _ in range(3)]
        await asyncio.sleep(0)
        for late in (passwords.digest("x"), passwords.verify(None, "x")):
            with pytest.raises(Overloaded):
                await late
        hasher.go.set()
        assert len(await asyncio.gather(*waiting)) == 3
        assert await passwords.digest("x")


async def test_who_gives_up_makes_room() -> None:
    with crowded() as (passwords, hasher):
        waiting = [asyncio.create_task(passwords.digest("x")) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[2].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[2]
        late = asyncio.create_task(passwords.digest("x"))
        await asyncio.sleep(0)
        hasher.go.set()
        assert len(await asyncio.gather(*waiting[:2], late)) == 3


async def test_digests_of_other_systems_get_in_nobody_elses_way(passwords: Passwords) -> None:
    own = await passwords.digest("open sesame")
    slow = adopted("Legacy", json.dumps(["pbkdf2", ["salt", 1_000_000, 64, "sha512", "@"], "00" * 64]))
    crowd = [asyncio.create_task(passwords.verify(slow, "open sesame")) for _ in range(100)]
    await asyncio.sleep(0)
    assert await passwords.verify(own, "open sesame")
    assert not all(task.done() for task in crowd)
    passwords.close()  # what waits is cancelled
    ended = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(one) for one in ended].count(Overloaded) == 100 - FOREIGN_THREADS - FOREIGN_WAITING


async def test_the_event_loop_goes_on_meanwhile() -> None:
    with crowded() as (passwords, hasher):
        task = asyncio.create_task(passwords.digest("x"))
        await asyncio.sleep(0.05)
        assert not task.done()
        hasher.go.set()
        await task


async def test_no_password_takes_long_to_read(passwords: Passwords) -> None:
    many_marks = "a" + "\u0301\u0316" * 16_000  # seconds of work to bring to an order
    digest = await passwords.digest("open sesame")
    began = perf_counter()
    with pytest.raises(InvalidPassword):
        normalised(many_marks)
    assert not await passwords.verify(digest, many_marks)
    assert perf_counter() - began < 0.5
