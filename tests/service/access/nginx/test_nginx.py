"""nginx lets pass what may be called, tells the service who calls, and lets nobody speak for themselves."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import jwt
import pytest

from service.access.answers import IDENTITY
from tests.service.access.guarded import guarded
from tests.service.access.nginx.front import EXAMPLE, PLACEHOLDER, before

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.access.guarded import Guarded
    from tests.service.access.nginx.front import Front

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS = "127.0.0.9"  # of a caller, another one than nginx has


async def test_a_granted_call_passes_as_it_came_and_the_service_is_told_who_calls(
    orders: Guarded, gate: Front, place: str
) -> None:
    interface = await orders.interface(method="POST", path=f"{place}/orders/{{id}}")
    target = f"{place}/orders/7?note=a%2Fb&note=%20"
    reply = await gate.ask(target, orders.token, method="POST", body=b'{"paid": true}', address=ADDRESS)
    assert (reply.status, reply.body) == (200, b"served")
    [arrived] = gate.behind.arrived
    assert (arrived.method, arrived.target, arrived.body) == ("POST", target, b'{"paid": true}')
    [call] = await orders.logged(path=place)
    told = {name: arrived.headers.get(name.lower()) for name in IDENTITY}
    assert told == {
        "Muniment-Client-Id": [orders.client["client_id"]],
        "Muniment-Application": [orders.client["id"]],
        "Muniment-User": None,
        "Muniment-Account": None,
        "Muniment-Scope": None,
        "Muniment-Interface": [interface["identifier"]],
        "Muniment-Request-Id": [call["request_id"]],
    }
    assert arrived.headers["x-forwarded-for"] == [ADDRESS]
    assert "muniment-gateway" not in arrived.headers
    assert (call["outcome"], call["method"], call["path"]) == ("allowed", "POST", f"{place}/orders/7")
    assert (call["interface_identifier"], call["client_id"]) == (interface["identifier"], orders.client["client_id"])
    assert (call["address"], call["gateway"], call["test"]) == (ADDRESS, orders.gateway["id"], False)


async def test_nobody_speaks_for_themselves(orders: Guarded, gate: Front, place: str) -> None:
    await orders.interface(path=f"{place}/orders", scope="anonymous", granted=False)
    claimed = [(name, "forged") for name in (*IDENTITY, "Muniment-Gateway")]
    shouted = [(name.upper(), "forged") for name in IDENTITY]
    underlined = [(name.replace("-", "_"), "forged") for name in IDENTITY]
    fooling = [
        ("X-Original-Method", "DELETE"), ("X-Original-URI", "/admin"), ("X-Forwarded-Method", "DELETE"),
        ("X-Forwarded-For", "192.0.2.1"), ("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"),
        ("X-Method-Override", "DELETE"), ("X-Original-URL", "/admin"), ("X-Rewrite-URL", "/admin"),
    ]  # fmt: skip
    reply = await gate.ask(f"{place}/orders", None, *claimed, *shouted, *underlined, *fooling, address=ADDRESS)
    assert reply.status == 200
    [arrived] = gate.behind.arrived
    assert "forged" not in json.dumps(arrived.headers)
    for name in ("x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"):
        assert name not in arrived.headers
    assert arrived.headers["x-forwarded-for"] == [ADDRESS]
    assert set(arrived.headers) & {name.lower() for name in IDENTITY} == {"muniment-interface", "muniment-request-id"}
    [call] = await orders.logged(path=place)
    assert (call["method"], call["path"], call["address"]) == ("GET", f"{place}/orders", ADDRESS)


async def test_without_a_good_token_a_call_is_401_with_a_challenge(orders: Guarded, gate: Front, place: str) -> None:
    await orders.interface(path=f"{place}/orders")
    missing = await gate.ask(f"{place}/orders")
    assert missing.status == 401
    assert missing.headers["www-authenticate"] == 'Bearer realm="muniment"'
    assert json.loads(missing.body)["code"] == "token_missing"
    wrong = await gate.ask(f"{place}/orders", "not-a-token")
    assert wrong.status == 401
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert json.loads(wrong.body)["code"] == "invalid_token"
    token = await orders.another_token()
    assert (await gate.ask(f"{place}/orders", token)).status == 200
    gate.behind.arrived.clear()
    ended = jwt.decode(token, options={"verify_signature": False})["jti"]
    assert (await orders.app.call("POST", f"/api/tokens/{ended}/revoke", json={})).status == 204
    assert (await gate.ask(f"{place}/orders", token)).status == 401
    assert gate.behind.arrived == []
    causes = [call["cause"] for call in await orders.logged(path=place)]
    assert causes == ["invalid_token", None, "invalid_token", "token_missing"]


async def test_a_call_that_is_not_granted_is_403_with_its_cause(orders: Guarded, gate: Front, place: str) -> None:
    await orders.interface(path=f"{place}/orders", granted=False)
    for target, method, cause in (
        (f"{place}/orders", "GET", "grant_missing"),
        (f"{place}/orders", "POST", "unknown_interface"),
        (f"{place}/nothing", "GET", "unknown_interface"),
    ):
        reply = await gate.ask(target, orders.token, method=method)
        assert (reply.status, json.loads(reply.body)["code"]) == (403, cause)
        assert reply.headers["content-type"] == "application/problem+json"
    assert gate.behind.arrived == []


async def test_too_many_calls_are_429_until_the_next_minute(orders: Guarded, gate: Front, place: str) -> None:
    interface = await orders.interface(path=f"{place}/orders", granted=False)
    await orders.grant(interface, frequency=2)
    replies = [await gate.ask(f"{place}/orders", orders.token) for _ in range(5)]  # a minute may turn within these
    refused = [reply for reply in replies if reply.status != 200]
    assert refused
    for reply in refused:
        assert (reply.status, json.loads(reply.body)["code"]) == (429, "frequency_exceeded")
        assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert len(gate.behind.arrived) == len(replies) - len(refused)


async def test_of_two_tokens_the_service_gets_none_but_the_one_that_was_judged(
    orders: Guarded, gate: Front, place: str
) -> None:
    await orders.interface(path=f"{place}/orders")
    good, bad = ("Authorization", f"Bearer {orders.token}"), ("Authorization", "Bearer not-a-token")
    for pair in ((good, bad), (bad, good)):
        reply = await gate.ask(f"{place}/orders", None, *pair)
        assert reply.status in {200, 400, 401}
    for arrived in gate.behind.arrived:
        assert arrived.headers["authorization"] == [good[1]]


async def test_what_nginx_does_not_pass_on_counts_for_nothing(orders: Guarded, gate: Front, place: str) -> None:
    await orders.interface(path=f"{place}/orders")
    reply = await gate.ask(f"{place}/orders", None, ("X-Authorization-access_token", orders.token))
    assert (reply.status, json.loads(reply.body)["code"]) == (401, "token_missing")
    many = [(f"X-Header-{number}", "x") for number in range(90)]  # more than Muniment would take
    assert (await gate.ask(f"{place}/orders", orders.token, *many)).status == 200
    assert len([name for name in gate.behind.arrived[0].headers if name.startswith("x-header-")]) == 90


async def test_many_calls_at_once_are_each_decided_for_themselves(orders: Guarded, gate: Front, place: str) -> None:
    await orders.interface(path=f"{place}/orders")
    tokens = [orders.token, "not-a-token", None] * 20
    replies = await asyncio.gather(*(gate.ask(f"{place}/orders", token) for token in tokens))
    assert [reply.status for reply in replies] == [200, 401, 401] * 20
    assert len(gate.behind.arrived) == 20
    assert len(await orders.logged(path=place, outcome="allowed")) == 20


async def test_a_gateway_with_a_wrong_secret_lets_nobody_pass(orders: Guarded, place: str, tmp_path: Path) -> None:
    await orders.interface(path=f"{place}/orders", scope="anonymous", granted=False)
    gateway = (orders.proof[0], "a-wrong-secret")
    async with before(orders, tmp_path, gateway=gateway) as gate:
        reply = await gate.ask(f"{place}/orders")
        assert (reply.status, json.loads(reply.body)["code"]) == (503, "undecided")
        assert gate.behind.arrived == []
    assert {one["code"] for one in await orders.app.refusals(client=gateway[0])} == {"unknown_gateway"}


async def test_the_resource_of_another_organization_lets_nobody_pass(
    orders: Guarded, place: str, tmp_path: Path
) -> None:
    other = await guarded(orders.app, "Other")
    await other.interface(path=f"{place}/orders", scope="anonymous", granted=False)
    async with before(other, tmp_path, gateway=orders.proof) as gate:
        assert (await gate.ask(f"{place}/orders")).status == 503
        assert gate.behind.arrived == []


async def test_while_muniment_is_away_nobody_passes(
    orders: Guarded, place: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    await orders.interface(path=f"{place}/orders", scope="anonymous", granted=False)
    async with before(orders, tmp_path, muniment=unused_tcp_port) as gate:
        reply = await gate.ask(f"{place}/orders")
        assert (reply.status, json.loads(reply.body)["code"]) == (503, "undecided")
        assert gate.behind.arrived == []


async def test_calls_that_the_gateway_marks_as_tests_have_a_frequency_of_their_own(
    orders: Guarded, place: str, tmp_path: Path
) -> None:
    interface = await orders.interface(path=f"{place}/orders", granted=False)
    await orders.grant(interface, frequency=1000, test_frequency=1)
    async with before(orders, tmp_path, query="&test=true") as gate:
        assert 429 in [(await gate.ask(f"{place}/orders", orders.token)).status for _ in range(3)]
    assert {call["test"] for call in await orders.logged(path=place)} == {True}


async def test_the_example_names_everything_that_it_takes_from_its_surroundings() -> None:
    explained = EXAMPLE.read_text().partition("\nupstream")[0]
    for name in set(PLACEHOLDER.findall(EXAMPLE.read_text())):
        assert f"#   {name} " in explained
