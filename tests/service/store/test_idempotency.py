"""A repeated request gets the first one's answer; what is kept tells nothing to who lacks its key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.account import Account
from service.secrets.master_key import MasterKeys
from service.store.decision import Origin
from service.store.idempotency import AnswerUnreadable, Idempotency, StoredAnswer
from service.store.refusals import AlreadyAnswered, IdempotencyMismatch, InvalidIdempotencyKey

if TYPE_CHECKING:
    from service.store.idempotency import Attempt
    from service.store.pending import Remembered
    from tests.store_fixture import StoreParts

KEY = "2f6b5c1e-payment-17"
ANSWER = StoredAnswer(201, b'{"client_secret":"mun_sec_hush"}', {"Location": "/api/applications/1"})
OLD, NEW = bytes(range(32)), bytes(range(1, 33))
KEEP = """
INSERT INTO muniment.idempotency (key, request_mac, answer, causation, expires_at)
VALUES ($1, $2, $3, gen_random_uuid(), now() + $4::text::interval)
"""


@pytest.fixture
def idempotency(parts: StoreParts) -> Idempotency:
    return Idempotency(parts.pool, parts.master_keys)


def attempt(idempotency: Idempotency, **changed: Any) -> Attempt:
    told = {
        "client": "app", "route": "/api/applications", "key": KEY, "method": "POST", "path": "/api/applications",
        "body": b'{"name":"x"}',
    }  # fmt: skip
    return idempotency.attempt(**{**told, **changed})


async def keep(parts: StoreParts, remembered: Remembered, lasting: str = "24 hours") -> None:
    await parts.owner.execute(KEEP, *remembered, lasting)


@pytest.mark.parametrize("key", ["!", "~" * 255, KEY, '"quoted"'])
async def test_a_key_is_1_to_255_visible_ascii_characters(idempotency: Idempotency, key: str) -> None:
    assert attempt(idempotency, key=key).key == key


@pytest.mark.parametrize("key", ["", "~" * 256, "two words", "tab\t", "naïve", "line\n", "\x7f", "\udc80"])
async def test_anything_else_is_no_key(idempotency: Idempotency, key: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        attempt(idempotency, key=key)


async def test_the_answer_is_given_again(parts: StoreParts, idempotency: Idempotency) -> None:
    assert await idempotency.find(attempt(idempotency)) is None
    await keep(parts, idempotency.remembered(attempt(idempotency), ANSWER))
    assert await idempotency.find(attempt(idempotency)) == ANSWER


async def test_after_24_hours_the_key_is_new(parts: StoreParts, idempotency: Idempotency) -> None:
    await keep(parts, idempotency.remembered(attempt(idempotency), ANSWER), lasting="0 hours")
    assert await idempotency.find(attempt(idempotency)) is None


@pytest.mark.parametrize("changed", [{"client": "other"}, {"route": "/api/roles"}, {"key": KEY + "8"}])
async def test_another_client_route_or_key_is_another_matter(
    parts: StoreParts, idempotency: Idempotency, changed: dict[str, Any]
) -> None:
    await keep(parts, idempotency.remembered(attempt(idempotency), ANSWER))
    assert await idempotency.find(attempt(idempotency, **changed)) is None


async def test_no_two_scopes_read_alike(idempotency: Idempotency) -> None:
    one = attempt(idempotency, client="ab", route="c")
    other = attempt(idempotency, client="a", route="bc")
    assert one.digest != other.digest


@pytest.mark.parametrize("changed", [{"method": "PUT"}, {"path": "/api/applications?x=1"}, {"body": b'{"name":"y"}'}])
async def test_another_request_under_the_same_key_is_a_mismatch(
    parts: StoreParts, idempotency: Idempotency, changed: dict[str, Any]
) -> None:
    await keep(parts, idempotency.remembered(attempt(idempotency), ANSWER))
    with pytest.raises(IdempotencyMismatch):
        await idempotency.find(attempt(idempotency, **changed))


async def test_nothing_kept_shows_the_key_the_request_or_the_answer(idempotency: Idempotency) -> None:
    kept = idempotency.remembered(attempt(idempotency), ANSWER)
    again = idempotency.remembered(attempt(idempotency), ANSWER)
    assert kept.answer != again.answer
    for part in (*kept, repr(attempt(idempotency)).encode(), repr(ANSWER).encode()):
        assert KEY.encode() not in part
        assert b"hush" not in part
        assert b"name" not in part


async def test_an_answer_opens_only_with_its_key_and_in_its_place(idempotency: Idempotency) -> None:
    mine = attempt(idempotency)
    sealed = idempotency.seal(mine, b"answer")
    assert idempotency.open_sealed(mine, sealed) == b"answer"
    for other in (attempt(idempotency, key="guess"), attempt(idempotency, client="other")):
        with pytest.raises(AnswerUnreadable):
            idempotency.open_sealed(other, sealed)


async def test_a_changed_bit_anywhere_makes_an_answer_unreadable(idempotency: Idempotency) -> None:
    mine = attempt(idempotency)
    sealed = idempotency.seal(mine, b"answer")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(AnswerUnreadable):
            idempotency.open_sealed(mine, bytes(changed))
    with pytest.raises(AnswerUnreadable):
        idempotency.open_sealed(mine, sealed[:20])


async def test_an_answer_survives_the_rotation_of_the_master_key(parts: StoreParts) -> None:
    before = Idempotency(parts.pool, MasterKeys([OLD]))
    await keep(parts, before.remembered(attempt(before), ANSWER))
    after = Idempotency(parts.pool, MasterKeys([NEW, OLD]))
    assert await after.find(attempt(after)) == ANSWER
    with pytest.raises(IdempotencyMismatch):
        await after.find(attempt(after, body=b"another"))


async def test_a_process_that_missed_a_rotation_reads_the_ring_again(parts: StoreParts) -> None:
    rotated = Idempotency(parts.pool, MasterKeys([NEW, OLD]))
    await keep(parts, rotated.remembered(attempt(rotated), ANSWER))
    ring = MasterKeys([OLD])
    behind = Idempotency(parts.pool, ring, lambda: ring.adopt(MasterKeys([NEW, OLD])))
    assert await behind.find(attempt(behind)) == ANSWER
    forgetful = Idempotency(parts.pool, MasterKeys([OLD]))
    with pytest.raises(AnswerUnreadable):
        await forgetful.find(attempt(forgetful))


async def test_of_two_racing_requests_one_decides_and_both_answer_alike(
    parts: StoreParts, idempotency: Idempotency
) -> None:
    nil = UUID(int=0)

    async def create(body: bytes = b"{}") -> StoredAnswer:
        mine = attempt(idempotency, body=body)

        async def command(decision: Any) -> Account:
            account = Account.create(id=parts.clock.new_id(), name="Org", parent=None, now=parts.clock.now())
            decision.organization = account.id
            decision.save(account)
            return account

        def answer(account: Account) -> StoredAnswer:
            return StoredAnswer(201, account.id.bytes, {})

        try:
            outcome = await parts.store.decide(
                command,
                Origin(nil, nil, None, parts.clock.new_id()),
                remember=lambda account: idempotency.remembered(mine, answer(account)),
            )
        except AlreadyAnswered as answered:
            return idempotency.replay(mine, answered)
        return answer(outcome.value)

    answers = await asyncio.gather(*(create() for _ in range(5)))
    assert len({answer.body for answer in answers}) == 1
    assert await parts.pool.fetchval("SELECT count(*) FROM accounts") == 1
    assert await idempotency.find(attempt(idempotency, body=b"{}")) == answers[0]
    with pytest.raises(IdempotencyMismatch):
        await create(b"other")
