"""Rate limits: a bucket a client, spent by the client alone, refilled evenly, with the time to wait told."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest

from service.http.limiter import REMEMBERED, Limiter
from tests.app_fixture import SETTINGS, Running, running
from tests.service.oauth.asking import INTROSPECT, SERVER_TO_SERVER, SETTINGS_TOKEN, ask, back_end, error

over_http = pytest.mark.asyncio(loop_scope="module")


class Seconds:
    """A monotonic clock in the test's hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_everybody_is_admitted() -> None:
    limiter = Limiter(Seconds(), default=None, workers=1)
    assert [limiter.admit("a", None) for _ in range(1_000)] == [0] * 1_000


def test_a_bucket_holds_a_minutes_worth_and_tells_when_to_come_back() -> None:
    seconds = Seconds()
    limiter = Limiter(seconds, default=None, workers=1)
    assert [limiter.admit("a", 6) for _ in range(6)] == [0] * 6
    assert limiter.admit("a", 6) == 10
    assert limiter.admit("b", 6) == 0
    seconds.now += 9.9
    assert limiter.admit("a", 6) == 1
    seconds.now += 0.2
    assert limiter.admit("a", 6) == 0
    assert limiter.admit("a", 6) > 0
    seconds.now += 3_600
    assert [limiter.admit("a", 6) == 0 for _ in range(7)] == [True] * 6 + [False]


def test_a_clients_own_limit_goes_before_the_default() -> None:
    limiter = Limiter(Seconds(), default=2, workers=1)
    assert [limiter.admit("a", None) == 0 for _ in range(3)] == [True, True, False]
    assert [limiter.admit("b", 4) == 0 for _ in range(5)] == [True] * 4 + [False]


def test_each_worker_allows_its_share_and_at_least_one() -> None:
    limiter = Limiter(Seconds(), default=None, workers=4)
    assert [limiter.admit("a", 8) == 0 for _ in range(3)] == [True, True, False]
    assert [limiter.admit("b", 1) == 0 for _ in range(2)] == [True, False]


def test_a_lowered_limit_counts_at_once() -> None:
    limiter = Limiter(Seconds(), default=None, workers=1)
    assert limiter.admit("a", 1_000) == 0
    assert [limiter.admit("a", 2) == 0 for _ in range(3)] == [True, True, False]


def test_what_is_remembered_is_bounded() -> None:
    limiter = Limiter(Seconds(), default=1, workers=1)
    for number in range(REMEMBERED + 100):
        limiter.admit(str(number), None)
    assert len(limiter._buckets) == REMEMBERED
    assert limiter.admit(str(REMEMBERED + 99), None) > 0


@over_http
async def test_token_and_management_requests_share_a_clients_limit(app: Running) -> None:
    back = await back_end(app, permissions=["read_app"], rate_limit=4)
    token = (await ask(app, **back.credentials)).json["access_token"]
    assert (await app.call("GET", "/api/applications", token)).status == 200
    assert (await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": token})).status == 200
    assert (await ask(app, **back.credentials)).status == 200
    refused = [
        await ask(app, **back.credentials),
        await ask(app, SERVER_TO_SERVER, **back.credentials, scope="read_app"),
        await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": token}),
        await app.call("POST", "/oauth2/revoke", "", data={**back.credentials, "token": token}),
    ]
    for reply in refused:
        assert error(reply) == (429, "slow_down")
        assert 1 <= int(reply.headers["Retry-After"]) <= 15
        assert reply.headers["Cache-Control"] == "no-store"
    reply = await app.call("GET", "/api/applications", token)
    assert (reply.status, reply.json["code"]) == (429, "too_many_requests")
    assert int(reply.headers["Retry-After"]) >= 1
    told = (await ask(app, SETTINGS_TOKEN, **back.credentials, resource="x")).json
    assert told["code"] == "oidc.slow_down"


@over_http
async def test_nobody_else_can_use_up_a_clients_limit(app: Running) -> None:
    back = await back_end(app, rate_limit=3)
    assert (await ask(app, **back.credentials)).status == 200
    for _ in range(10):
        assert (await ask(app, client_id=back.client_id, client_secret="guessed")).status == 401
        form = {"client_id": back.client_id, "client_secret": "guessed", "token": "x"}
        assert (await app.call("POST", INTROSPECT, "", data=form)).status == 401
    assert (await ask(app, **back.credentials)).status == 200


@over_http
async def test_a_public_clients_limit_is_used_up_at_one_address_alone(app: Running) -> None:
    """It proves nothing: from elsewhere, anybody who knows its id could else lock its users out."""
    spa = await app.application(kind="spa", secrets=[], rate_limit=2)
    form = {"client_id": spa["client_id"], "grant_type": "refresh_token", "refresh_token": "mun_rt_x"}
    replies = [await app.call("POST", "/oauth2/token", "", data=form) for _ in range(3)]
    assert [reply.status for reply in replies] == [400, 400, 429]
    elsewhere = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=elsewhere) as session:
        for status in (400, 400, 429):
            async with session.post(app.client.make_url("/oauth2/token"), data=form) as reply:
                assert reply.status == status


@over_http
async def test_a_raised_limit_counts_at_once(app: Running) -> None:
    back = await back_end(app, rate_limit=1)
    assert (await ask(app, **back.credentials)).status == 200
    assert (await ask(app, **back.credentials)).status == 429
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json={"rate_limit": None})).status == 200
    assert (await ask(app, **back.credentials)).status == 200


@over_http
async def test_a_limit_for_everybody_is_configured(app_database: str) -> None:
    async with running(app_database, replace(SETTINGS, rate_limit=30)) as app:
        back = await back_end(app)
        statuses = [(await ask(app, **back.credentials)).status for _ in range(31)]
        assert statuses == [200] * 30 + [429]
