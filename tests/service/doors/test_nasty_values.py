"""Whatever stands in a field, a query or a path, the answer is the door's own: never a failure of the service."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import pytest

from tests.service.doors.examples import ROUTES, WITH_BODY, body_of, send, things

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = [
    "", " ", "\t\r\n", "\x7f\x80", "\u202eabc", "\u2028", "\ufeff", "💩" * 128, "e\u0301" * 128, "ﷺ" * 128,
    "x" * 10_000, "' OR 1=1 --", '"; DROP TABLE events; --', "%s%n{0}{1.__class__}", "../../etc/passwd", "\\u0000",
    "true", "null", "NaN", "https://" + "a" * 3000, "https://[::1", "//", "https://é.test/", "2024-02-30T00:00:00Z",
    "+292277026596-12-04", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999999Z",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
]  # fmt: skip
NUMBERS = [0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 0.1, 1e308]
OTHERS = [
    None, True, [], {}, [None], [""], ["\n"], ["x"] * 300, [[]], [{}], {"keys": []}, {"keys": [None]}, {"keys": [{}]},
    [{"name": ""}], [{"name": "a", "expires_at": 0}],
]  # fmt: skip
KEYS = [
    {"kty": "EC", "crv": "P-256", "x": "a", "y": "b"},
    {"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "💩\u202e", "more": [1e308, 10**40, {"a": [True, None]}]},
    {"kty": "RSA", "n": "A" * 342, "e": "AQAB", "alg": "none", "use": {}, "x5c": ["!"]},
    {"kty": "OKP", "crv": "unknown", "x": "é"},
]
CHUNK = 16


def values_for(name, annotation):
    if name == "key_set":
        return [{"keys": [key]} for key in KEYS] + OTHERS
    if annotation in (str, str | None):  # that other types are refused there is tested with the shapes
        return TEXTS
    return [*TEXTS, *NUMBERS, *OTHERS]


@pytest.mark.parametrize("route", WITH_BODY)
async def test_no_value_of_a_field_breaks_a_route(app, route):
    made = await things(app, await app.organization())
    whole = await body_of(app, route, made)
    bodies = [{**whole, name: value} for name, member in ROUTES[route].body.model_fields.items()
              for value in values_for(name, member.annotation)]  # fmt: skip
    for begin in range(0, len(bodies), CHUNK):
        chunk = bodies[begin : begin + CHUNK]
        replies = await asyncio.gather(*(send(app, route, made, body) for body in chunk))
        for body, reply in zip(chunk, replies, strict=True):
            assert reply.status < 500, (json.dumps(body)[:300], reply.text)
            if reply.status >= 400:
                assert reply.json["code"]
    assert (await app.call("GET", "/readyz")).status == 200


@pytest.mark.parametrize("route", [name for name, route in ROUTES.items() if route.query is not None])
async def test_no_value_of_a_parameter_breaks_a_route(app, route):
    made = await things(app, await app.organization())
    for name, member in ROUTES[route].query.model_fields.items():
        for value in [*TEXTS, *map(str, NUMBERS), "a\x00b", "\x00"]:
            reply = await send(app, route, made, None, params={member.alias or name: value[:2000]})
            assert reply.status in {200, 204, 400, 404, 409}, (name, value, reply.text)


@pytest.mark.parametrize(
    "raw", ["%", "%zz", "%ff", "%00=1", "a=%ff", "&&&", "=", "limit", "limit=1;limit=2", "limit[]=1"]
)
async def test_no_query_breaks_a_list(app, raw):
    async with app.client.get(f"/api/roles?{raw}", headers={"Authorization": f"Bearer {app.root}"}) as response:
        assert response.status in {200, 400}


@pytest.mark.parametrize("text", [*TEXTS, "\x00", "a" * 4000])
async def test_no_token_breaks_the_door(app, text):
    token = quote(text, safe=" !#$%&'()*+,/:;=?@[]{}<>|\\^`\"") or " "
    reply = await app.call("GET", "/api/roles", token)
    assert reply.status in {400, 401}, reply.text
