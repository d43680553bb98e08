"""The same with worker processes as operators start them: raced from many connections, asked at each of them."""

from __future__ import annotations

import asyncio
import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from service.bootstrap import FILE
from tests.app_fixture import AUDIENCE, Running
from tests.postgres_fixture import make_open_folder
from tests.service.oauth.asking import error
from tests.service.oauth.attacks.given import INVALID
from tests.service.pages.people import CALLBACK, VERIFIER, Firm, a_firm, sign_in
from tests.service.pages.visitor import Visitor
from tests.service.serving import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.app_fixture import Reply
    from tests.service.pages.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 10


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with two workers."""
    folder = make_open_folder()
    started = Service(folder / "data", ("--workers", "2"), {"MANAGEMENT_AUDIENCES": AUDIENCE})
    yield started
    started.kill()
    shutil.rmtree(folder)


async def reached_by(session: aiohttp.ClientSession, service: Service) -> Running:
    """Return what tests ask of the service over these connections."""
    settings: Any = SimpleNamespace(settings=SimpleNamespace(issuer=service.url))
    running, root = Running(session, settings), json.loads((service.data_dir / FILE).read_text())  # type: ignore[arg-type]
    running.root = await running.token(root["client_id"], root["client_secret"])
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def workers(service: Service) -> AsyncIterator[list[Running]]:
    async with service.each_worker() as sessions:
        yield [await reached_by(session, service) for session in sessions]


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(service: Service) -> AsyncIterator[Running]:
    """Connections that the workers share as they come."""
    async with aiohttp.ClientSession(service.url, connector=aiohttp.TCPConnector(limit=50)) as session:
        yield await reached_by(session, service)


async def given(firm: Firm, person: Person) -> str:
    """Return the code for a person who signs in and consents."""
    visitor = Visitor(firm.app)
    page = await visitor.open((await sign_in(visitor, await firm.ask(visitor), person)).next)
    return (await visitor.submit(page.form, decision="allow")).given["code"]


async def redeemed(app: Running, firm: Firm, code: str) -> Reply:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await app.call("POST", "/oauth2/token", "", data={**form, "client_id": firm.client_id})


async def renewed(app: Running, firm: Firm, token: str) -> Reply:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": firm.client_id}
    return await app.call("POST", "/oauth2/token", "", data=form)


async def known(app: Running, token: str) -> bool:
    status = (await app.call("GET", "/oauth2/userinfo", token)).status
    assert status in {200, 401}
    return status == 200


async def test_of_fifty_redemptions_of_a_code_one_is_answered_and_does_not_live(
    crowd: Running, workers: list[Running]
) -> None:
    firm = await a_firm(crowd)
    code = await given(firm, await firm.person())
    replies = await asyncio.gather(*(redeemed(crowd, firm, code) for _ in range(50)))
    [winner] = [reply for reply in replies if reply.status == 200]
    assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
    for worker in workers:
        assert not await known(worker, winner.json["access_token"])
        assert error(await renewed(worker, firm, winner.json["refresh_token"])) == INVALID


async def test_of_twenty_renewals_one_is_answered_and_does_not_live(crowd: Running, workers: list[Running]) -> None:
    firm = await a_firm(crowd)
    ada = await firm.person()
    await given(firm, ada)
    for _ in range(ROUNDS):
        first = await again(crowd, firm, ada)
        replies = await asyncio.gather(*(renewed(crowd, firm, first["refresh_token"]) for _ in range(20)))
        [winner] = [reply for reply in replies if reply.status == 200]
        assert {error(reply) for reply in replies if reply is not winner} == {INVALID}
        for worker in workers:
            assert not await known(worker, winner.json["access_token"])
            assert error(await renewed(worker, firm, winner.json["refresh_token"])) == INVALID


async def again(app: Running, firm: Firm, person: Person) -> Any:
    """Return the tokens of a person who has consented before."""
    visitor = Visitor(app)
    answer = await sign_in(visitor, await firm.ask(visitor), person)
    reply = await redeemed(app, firm, answer.given["code"])
    assert reply.status == 200, reply.text
    return reply.json


async def test_whoever_is_suspended_at_one_worker_is_nobody_at_the_other(workers: list[Running]) -> None:
    firm = await a_firm(workers[0])
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        ada = await firm.person()
        reply = await redeemed(there, firm, await given(firm, ada))
        assert reply.status == 200, reply.text
        tokens = reply.json
        assert await known(there, tokens["access_token"])
        assert (await here.call("POST", f"/api/users/{ada.id}/suspend", json={})).status == 200
        assert not await known(there, tokens["access_token"])
        assert error(await renewed(there, firm, tokens["refresh_token"])) == INVALID
