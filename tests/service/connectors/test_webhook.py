"""A webhook is told what to send, in the words of its dialect, and nothing of it is believed but its status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from service.clock import Clock
from service.connectors import sending
from service.messages.smtp import Throttled, Undelivered
from tests.receiver import Answer, receiver
from tests.service.connectors.hosting import outbound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receiver import Receiver

ID = UUID(int=9)


@pytest.fixture
async def host() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


async def send(host: Receiver, type: str = "http-sms", code: str | None = "123456", **config: Any) -> str:
    async with outbound((host.host, host.port)) as calls:
        by = sending.sender(type, {"endpoint": f"{host.url}send", **config}, calls, Clock())
        return await by.send("4930123456", "Code", "Your code is 123456", code, "Generic", id=ID)


@pytest.mark.parametrize(("type", "channel"), [("http-sms", "sms"), ("http-email", "email")])
async def test_a_webhook_is_told_of_a_message(host: Receiver, type: str, channel: str) -> None:
    host.answers.append(Answer(202, body=b"whatever it says"))
    assert "whatever" not in await send(host, type, authorization="Bearer s3cr3t")
    assert host.requests == [("POST", "/send")]
    assert json.loads(host.bodies[0]) == {
        "to": "4930123456", "type": "Generic", "payload": {"code": "123456"}, "channel": channel, "subject": "Code",
        "body": "Your code is 123456", "code": "123456",
    }  # fmt: skip
    assert host.headers[0]["Authorization"] == "Bearer s3cr3t"
    assert host.headers[0]["Content-Type"] == "application/json"
    assert host.headers[0]["Idempotency-Key"] == str(ID)


async def test_a_message_without_a_code_has_none(host: Receiver) -> None:
    await send(host, code=None)
    assert (json.loads(host.bodies[0])["payload"], json.loads(host.bodies[0])["code"]) == ({}, None)
    assert "Authorization" not in host.headers[0]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 500, 503])
async def test_what_is_not_taken_is_undelivered(host: Receiver, status: int) -> None:
    host.answers.append(Answer(status, {"Location": f"{host.url}other"}, b"s3cr3t"))
    with pytest.raises(Undelivered, match=str(status)) as refused:
        await send(host)
    assert "s3cr3t" not in refused.value.response
    assert len(host.requests) == 1


@pytest.mark.parametrize(("after", "seconds"), [("30", 30), ("", None), ("Mon, 01 Jan 2029 00:00:00 GMT", None)])
async def test_a_webhook_may_ask_for_patience(host: Receiver, after: str, seconds: int | None) -> None:
    host.answers.append(Answer(429, {"Retry-After": after}))
    with pytest.raises(Throttled) as refused:
        await send(host)
    assert refused.value.seconds == seconds


async def test_a_private_webhook_is_not_called_and_nobody_is_told_why(host: Receiver) -> None:
    config = {"endpoint": f"https://{host.host}:{host.port}/", "authorization": "Bearer s3cr3t"}
    told = set()
    async with outbound() as calls:
        for endpoint in (config["endpoint"], "https://nobody.invalid/"):
            by = sending.sender("http-sms", {**config, "endpoint": endpoint}, calls, Clock())
            with pytest.raises(Undelivered) as refused:
                await by.send("49", "s", "b", None, "Generic", id=ID)
            told.add(refused.value.response)
    assert (host.requests, told) == ([], {"the webhook cannot be reached"})
