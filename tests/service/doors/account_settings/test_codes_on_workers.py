"""Rows 7 and 8 on two worker processes, as operators start them: limits hold for all of them together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.doors.account_settings.codes import SEND, messages, told, typed, wrong
from tests.service.oauth.attacks.test_worker_processes import reached_by, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running
    from tests.service.serving import Service

__all__ = ["service"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

EACH = 10  # connections to each worker


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connections(service: Service) -> AsyncIterator[list[Running]]:
    """Twenty connections, half of them to each worker, in turn."""
    async with AsyncExitStack() as stack:
        found: list[Running] = []
        for _ in range(EACH):
            sessions = await stack.enter_async_context(service.each_worker())
            assert len(sessions) == 2
            found += [await reached_by(session, service) for session in sessions]
        yield found


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"


def code_to(service: Service, email: str) -> str:
    code: str = messages(service.data_dir, email)[-1]["code"]
    return code


async def send(app: Running, email: str) -> tuple[int, str]:
    return told(await app.call("POST", SEND, json={"email": email}))


async def test_row08_of_twenty_guesses_at_once_ten_are_judged(
    service: Service, connections: list[Running], email: str
) -> None:
    for _ in range(3):
        assert await send(connections[0], email) == (204, "")
        code = code_to(service, email)
        replies = await asyncio.gather(*(typed(app, None, email, wrong(code)) for app in connections))
        mismatches, burnt = (400, "verification_code.code_mismatch"), (400, "verification_code.exceed_max_try")
        assert sorted(map(told, replies)) == [mismatches] * 10 + [burnt] * 10
        for app in connections[:2]:
            assert told(await typed(app, None, email, code)) == burnt


async def test_row08_a_code_is_used_up_once_on_whichever_worker(
    service: Service, connections: list[Running], email: str
) -> None:
    for _ in range(5):
        assert await send(connections[1], email) == (204, "")
        code = code_to(service, email)
        replies = await asyncio.gather(*(typed(app, None, email, code) for app in connections))
        assert sorted(map(told, replies)) == [(204, "")] + [(400, "verification_code.not_found")] * 19


async def test_row08_the_right_code_among_wrong_ones_is_right_once_at_most(
    service: Service, connections: list[Running], email: str
) -> None:
    for _ in range(5):
        assert await send(connections[0], email) == (204, "")
        code = code_to(service, email)
        guesses = [code if number % 5 == 4 else wrong(code) for number in range(len(connections))]
        replies = await asyncio.gather(
            *(typed(app, None, email, guess) for app, guess in zip(connections, guesses, strict=True))
        )
        answers = [told(reply) for reply in replies]
        assert answers.count((400, "verification_code.code_mismatch")) <= 10
        assert answers.count((204, "")) <= 1
        assert all(guess == code for guess, answer in zip(guesses, answers, strict=True) if answer == (204, ""))
        assert {status for status, _ in answers} <= {204, 400}


async def test_row07_of_twenty_messages_at_once_ten_are_sent(
    service: Service, connections: list[Running], email: str
) -> None:
    answers = await asyncio.gather(*(send(app, email) for app in connections))
    assert sorted(answers) == [(204, "")] * 10 + [(429, "request.message_rate_limited")] * 10
    codes = [message["code"] for message in messages(service.data_dir, email)]
    assert len(codes) == 10
    found = [told(await typed(connections[number % 2], None, email, code)) for number, code in enumerate(codes)]
    assert found.count((204, "")) == 1, "one of them is alive, and on both workers the same"
