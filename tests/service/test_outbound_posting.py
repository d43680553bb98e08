"""What connectors and webhooks need of outbound calls: JSON, headers that stay where they belong, plain connections."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from service.outbound import Blocked, Unanswered
from tests.receiver import Answer, receiver
from tests.service.test_outbound import HOSTS, PUBLIC, calling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.receiver import Receiver

TOKEN = {"Authorization": "Bearer s3cret"}


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


async def test_a_value_is_sent_as_json(other: Receiver) -> None:
    async with calling((other.host, other.port)) as out:
        answer = await out.post_json(other.url, {"a": ["Ü", None]}, headers=TOKEN)
    assert (answer.status, json.loads(other.bodies[0])) == (200, {"a": ["Ü", None]})
    assert (other.headers[0]["Content-Type"], other.headers[0]["Authorization"]) == (
        "application/json", "Bearer s3cret",
    )  # fmt: skip


async def test_forms_and_questions_take_headers_too(other: Receiver) -> None:
    async with calling((other.host, other.port)) as out:
        await out.post_form(other.url, {"a": "1 2"}, headers={"Accept": "application/json"})
        await out.get(other.url, headers=TOKEN)
    assert [told.get("Accept") for told in other.headers] == ["application/json", "*/*"]
    assert other.headers[1]["Authorization"] == "Bearer s3cret"
    assert other.headers[1]["User-Agent"] == "Muniment"


async def test_headers_stay_at_their_origin(other: Receiver) -> None:
    async with receiver() as elsewhere, calling((other.host, other.port), (elsewhere.host, elsewhere.port)) as out:
        other.answers.append(Answer(302, {"Location": "/again"}))
        other.answers.append(Answer(302, {"Location": elsewhere.url}))
        elsewhere.answers.append(Answer(302, {"Location": f"{other.url}back"}))
        await out.get(other.url, headers=TOKEN, redirects=3)
    assert [told.get("Authorization") for told in other.headers] == ["Bearer s3cret", "Bearer s3cret", "Bearer s3cret"]
    assert "Authorization" not in elsewhere.headers[0]


async def test_a_post_is_not_led_on(other: Receiver) -> None:
    async with calling((other.host, other.port)) as out:
        other.answers.append(Answer(307, {"Location": other.url}))
        assert (await out.post_json(other.url, {})).status == 307
    assert len(other.requests) == 1


@pytest.mark.parametrize("host", [host.strip("[]") for host in HOSTS if "%" not in host])
async def test_a_plain_connection_reaches_no_private_address_either(host: str) -> None:
    async with calling() as out:
        with pytest.raises((Blocked, Unanswered)):
            await out.connected(host, 25)


async def test_a_name_is_judged_by_every_address_that_it_has() -> None:
    async with calling(resolve=lambda *_: [PUBLIC, "127.0.0.1"]) as out:
        with pytest.raises(Blocked, match=r"127\.0\.0\.1 is not a public address"):
            await out.connected("mail.example.com", 25)


async def test_a_pair_that_is_allowed_is_connected_to(other: Receiver) -> None:
    async with calling(("mail.internal", other.port), resolve=lambda *_: ["127.0.0.9", "127.0.0.1"]) as out:
        opened = await out.connected("Mail.Internal", other.port)
        assert isinstance(opened, socket.socket)
        assert opened.getpeername() == ("127.0.0.1", other.port), "the first address took nothing"
        assert opened.gettimeout() == 0
        opened.close()
        with pytest.raises(Blocked):
            await out.connected("mail.internal", other.port + 1)


async def test_what_does_not_answer_is_not_waited_for() -> None:
    def slow(*_: object) -> list[str]:
        time.sleep(0.5)
        return [PUBLIC]

    async with calling(resolve=slow) as out:
        began = asyncio.get_running_loop().time()
        with pytest.raises(Unanswered, match=r"no connection within 0\.1 seconds"):
            await out.connected("mail.example.com", 25, seconds=0.1)
        assert asyncio.get_running_loop().time() - began < 0.4


async def test_a_name_without_address_is_not_connected_to() -> None:
    async with calling(resolve=lambda *_: []) as out:
        with pytest.raises(Unanswered, match="no connection: gaierror"):
            await out.connected("mail.example.com", 25)
