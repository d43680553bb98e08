"""What is sent to the OAuth endpoints: sizes, types, shapes and characters, told in the shape of RFC 6749."""

from __future__ import annotations

import asyncio
import gzip
import json
import re

import pytest
import structlog

from service.http import body as bodies
from tests.app_fixture import AUDIENCE, ROOT_SECRET, Reply, Running
from tests.service.oauth.asking import (
    GRANT,
    INTROSPECT,
    REVOKE,
    SERVER_TO_SERVER,
    SETTINGS_TOKEN,
    TOKEN,
    ask,
    error,
)
from tests.service.wire import exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
GOOD = {**GRANT, "client_id": "root", "client_secret": ROOT_SECRET, "audience": AUDIENCE}
PATHS = [TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN, INTROSPECT, REVOKE]
# RFC 6749 section 5.2: what a description may hold.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


async def sent(app: Running, raw: bytes, kind: str = JSON, path: str = TOKEN, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = await app.call("POST", path, "", data=raw, headers={"Content-Type": kind, **named})
    assert reply.headers["Cache-Control"] == "no-store"
    if reply.status != 200:
        assert DESCRIPTION.fullmatch(reply.json["error_description"])
    return reply


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_over_the_limit_is_refused_at_every_endpoint(app: Running, path: str) -> None:
    for kind in (FORM, JSON, "text/plain"):
        assert error(await sent(app, b"x" * (64 * 1024 + 1), kind, path)) == (413, "invalid_request")


async def test_a_body_at_the_limit_is_read(app: Running) -> None:
    raw = json.dumps({**GOOD, **{f"x{n}": "y" * 16_000 for n in range(3)}}).encode()
    raw += b" " * (64 * 1024 - len(raw))
    assert (await sent(app, raw)).status == 200
    assert (await sent(app, raw + b" ")).status == 413
    over = json.dumps({**GOOD, "x": "y" * (16 * 1024 + 1)}).encode()
    assert error(await sent(app, over)) == (400, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "application/json+x", "x"])
async def test_another_content_type_is_refused(app: Running, path: str, kind: str) -> None:
    reply = await sent(app, json.dumps(GOOD).encode(), kind, path)
    assert error(reply) == (415, "invalid_request")
    assert FORM in reply.json["error_description"]


async def test_parameters_of_the_content_type_change_nothing(app: Running) -> None:
    raw = json.dumps(GOOD).encode()
    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=latin1"):
        assert (await sent(app, raw, kind)).status == 200
    assert (await sent(app, raw, FORM)).status in {400, 401}
    assert error(await sent(app, b"grant_type=client_credentials")) == (400, "invalid_request")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b'{"grant_type":["client_credentials"]}',
        b'{"grant_type":{"a":1}}',
        b'{"grant_type":true}',
        b'{"grant_type":1}',
        b'{"grant_type":null}',
        b'{"client_id":"a\\u0000b"}',
        b'{"client_id":"\\ud800"}',
        b'{"client_id":"\xff"}',
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b"[" * 30_000,
        b'{"client_id":"root","client_id":"other"}',
        b'{"<script>":1}',
        b'{"\\"":1}',
        b'{"\\u202e":1}',
        b'{"x\\r\\nSet-Cookie: y":1}',
    ],
)
async def test_malformed_json_is_an_invalid_request(app: Running, raw: bytes) -> None:
    assert error(await sent(app, raw)) == (400, "invalid_request")


@pytest.mark.parametrize("raw", [b"a=1&a=2", b"client_id=%00", b"client_id=%ff", b"=&=", b"client_id=a&client%5fid=b"])
async def test_a_malformed_form_is_an_invalid_request(app: Running, raw: bytes) -> None:
    assert error(await sent(app, raw, FORM)) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "audience", "x"])
async def test_a_repeated_parameter_is_refused_and_named(app: Running, name: str) -> None:
    pairs = [*GOOD.items(), ("scope", "all"), ("x", "y"), (name, "z")]
    raw = "&".join(f"{key}={value}" for key, value in pairs).encode()
    reply = await sent(app, raw, FORM)
    assert error(reply) == (400, "invalid_request")
    assert reply.json["error_description"] == f"The parameter {name} is repeated"
    raw = ("{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}").encode()
    assert (await sent(app, raw)).json["error_description"] == f"The parameter {name} is repeated"


async def test_parameters_without_a_value_and_unknown_ones_are_ignored(app: Running) -> None:
    more = {"scope": "", "resource": "", "client_assertion": "", "foo": "bar", "__proto__": "x", "token": "y"}
    assert (await ask(app, **GOOD, **more)).status == 200
    assert (await app.call("POST", TOKEN, "", json={**GOOD, **more})).status == 200


async def test_names_that_only_look_alike_are_other_names(app: Running) -> None:
    for name in ("Client_ID", "client\u2010id", "\uff43lient_id", "client_id ", "client_id\u200b"):
        body = {**GOOD, name: "other"}
        assert (await app.call("POST", TOKEN, "", json=body)).status == 200


@pytest.mark.parametrize(
    "client_id", ["\uff52oot", "ROOT", "root\u200b", "r\u00f8ot", "root\n", "../root", "' OR 1=1--"]
)
async def test_a_client_id_is_compared_exactly(app: Running, client_id: str) -> None:
    reply = await app.call("POST", TOKEN, "", json={**GOOD, "client_id": client_id})
    assert error(reply) == (401, "invalid_client")


async def test_a_compressed_body_is_refused_unread(app: Running) -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    for encoding in ("gzip", "deflate", "br", "GZIP", "gzip, gzip"):
        reply = await sent(app, bomb, Content_Encoding=encoding)
        assert error(reply) == (415, "invalid_request")
    assert (await sent(app, json.dumps(GOOD).encode(), Content_Encoding="identity")).status == 200


async def test_a_body_that_does_not_arrive_is_not_waited_for(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.2)
    head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n".encode()
    answer = await exchange(app.client.server.port, head + b"{", until=b"}")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"error":"invalid_request"' in answer


async def test_a_body_that_trickles_is_not_waited_for_either(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", app.client.server.port)
    writer.write(f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n".encode())
    for _ in range(6):
        writer.write(b" ")
        await asyncio.sleep(0.1)
    assert (await reader.read(12)) == b"HTTP/1.1 408"
    writer.close()


@pytest.mark.parametrize("framing", ["Content-Length: 99999999999", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_announced_or_grows_too_large_is_refused_early(app: Running, framing: str) -> None:
    head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n{framing}\r\n\r\n".encode()
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    answer = await exchange(app.client.server.port, head + chunk * 3, until=b"}")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_wrongly_chunked_body_is_the_clients_fault(app: Running) -> None:
    head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    answer = await exchange(app.client.server.port, head + b"zz\r\n", until=b"}")
    assert answer[:12] == b"HTTP/1.1 400" or answer[:12] == b"HTTP/1.0 400"


async def test_a_client_that_hangs_up_is_no_failure_of_the_database(app: Running) -> None:
    with structlog.testing.capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", app.client.server.port)
        head = f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{"
        writer.write(head.encode())
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while not (ended := [line for line in lines if line["event"] == "request"]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert ended[0]["status"] == 400
    assert {line["log_level"] for line in lines} <= {"debug", "info"}
