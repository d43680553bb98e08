"""Text messages are posted to an address of the operator's, and what it answers decides what becomes of them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from service.messages.smtp import Throttled, Undelivered
from service.messages.webhook import Webhook
from service.outbound import Outbound
from tests.receiver import Answer, receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ID = UUID(int=9)


@asynccontextmanager
async def outbound(*allowed: tuple[str, int]) -> AsyncIterator[Outbound]:
    opened = Outbound(frozenset(allowed))
    await opened.start()
    yield opened
    await opened.stop()


async def sent(hook: Webhook) -> str:
    return await hook.send("4366012345", "Hello", "Ü 123456", "123456", "Generic", id=ID)


async def test_a_message_is_posted_as_json() -> None:
    async with receiver() as other, outbound((other.host, other.port)) as out:
        other.always = Answer(202)
        assert await sent(Webhook(out, other.url, "sms")) == "202 taken"
    assert [method for method, _ in other.requests] == ["POST"]
    assert other.headers[0]["Content-Type"] == "application/json"
    assert json.loads(other.bodies[0]) == {
        "to": "4366012345", "channel": "sms", "subject": "Hello", "body": "Ü 123456", "code": "123456",
    }  # fmt: skip


@pytest.mark.parametrize(("status", "final"), [(300, False), (302, False), (400, True), (404, True), (500, False)])
async def test_whatever_else_is_answered_means_that_it_was_not_taken(status: int, *, final: bool) -> None:
    async with receiver() as other, outbound((other.host, other.port)) as out:
        other.always = Answer(status, {"Location": other.url}, b"4366012345 is no number")
        with pytest.raises(Undelivered) as undelivered:
            await sent(Webhook(out, other.url, "sms"))
        assert not isinstance(undelivered.value, Throttled)
        assert (undelivered.value.response, undelivered.value.final) == (f"{status} not taken", final)
        assert len(other.requests) == 1


@pytest.mark.parametrize(
    ("told", "seconds"), [("120", 120), ("Fri, 31 Dec 2027 23:59:59 GMT", None), ("9" * 5000, None), ("-1", None)]
)
async def test_too_many_messages_are_told_with_how_long_to_wait(told: str, seconds: int | None) -> None:
    async with receiver() as other, outbound((other.host, other.port)) as out:
        other.always = Answer(429, {"Retry-After": told})
        with pytest.raises(Throttled) as throttled:
            await sent(Webhook(out, other.url, "sms"))
    assert (throttled.value.seconds, throttled.value.final) == (seconds, False)


async def test_an_address_that_only_this_machine_reaches_is_not_called() -> None:
    async with receiver() as other, outbound() as out:
        with pytest.raises(Undelivered) as undelivered:
            await sent(Webhook(out, other.url, "sms"))
    assert (other.requests, undelivered.value.final) == ([], True)


async def test_an_address_that_is_away_is_tried_again() -> None:
    async with receiver() as other:
        pass
    async with outbound((other.host, other.port)) as out:
        with pytest.raises(Undelivered) as undelivered:
            await sent(Webhook(out, other.url, "sms"))
    assert undelivered.value.final is False
