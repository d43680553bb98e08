"""Every request has an id of ours, and no more of a client's words than is safe ends up in headers and logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
import structlog

from tests.service.wire import exchange

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_id_is_ours_whatever_the_client_sends(app: Running) -> None:
    sent = "11111111-1111-4111-8111-111111111111"
    seen = set()
    for path in ("/healthz", "/api/applications", "/nothing", "/oauth2/token"):
        reply = await app.call("GET", path, headers={"X-Request-Id": sent, "X-Correlation-Id": sent})
        given = UUID(reply.headers["X-Request-Id"])
        assert given.version == 7
        assert abs((given.int >> 80) / 1000 - time.time()) < 60
        assert sent not in str(reply.headers)
        seen.add(given)
    assert len(seen) == 4


async def test_a_forwarded_address_is_not_believed(app: Running) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Real-Ip": "6.6.6.6", "User-Agent": "a\tb"}
    reply = await app.call("POST", "/oauth2/token", "", headers=forged)
    refusal = next(r for r in await app.refusals() if r["request_id"] == reply.headers["X-Request-Id"])
    until = time.monotonic() + 5
    while refusal["address"] is None and time.monotonic() < until:
        refusal = next(r for r in await app.refusals() if r["request_id"] == reply.headers["X-Request-Id"])
    assert refusal["address"] in {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "path",
    [
        b"/%0d%0aSet-Cookie:%20a=b",
        b"/oauth2/token%0d%0aX-Evil:%201",
        b"/%00",
        b"/%ff%fe",
        b"/%E2%80%AE",
        b"/..%2f..%2fetc/passwd",
        b"//evil.test/%2e%2e",
        b"/" + b"a" * 8000,
        b"/api/applications/%22%3E%3Cscript%3E",
    ],
)
async def test_a_hostile_path_leaves_no_header_and_no_line_of_its_own(app: Running, path: bytes) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await exchange(
            app.client.server.port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", until=b"}"
        )
    head = answer.split(b"\r\n\r\n")[0].lower()
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 401 "))
    assert b"set-cookie" not in head
    assert b"x-evil" not in head
    assert all(len(line.get("path", "")) <= 200 for line in lines)


async def test_the_server_header_names_the_product_and_no_version(app: Running) -> None:
    port = app.client.server.port
    requests = [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /oauth2/token HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 100 + b"\r\n",
    ]
    for request in requests:
        head = (await exchange(port, request)).split(b"\r\n\r\n")[0]
        assert b"\r\nServer: Muniment" in head, request
        assert b"aiohttp" not in head
        assert b"Python" not in head


async def test_what_is_not_http_is_one_calm_line_without_its_words(
    app: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="aiohttp.server")
    for request in (b"GET /secret HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret\r\n\r\n"):
        assert b" 400 " in await exchange(app.client.server.port, request)
    told = [record for record in caplog.records if record.name == "aiohttp.server"]
    assert told
    for record in told:
        assert record.levelname == "INFO"
        assert record.getMessage().startswith("bad_http: ")
        assert record.exc_info is None
        assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    "request_head",
    [
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
    ],
)
async def test_ambiguous_and_oversized_heads_are_refused(app: Running, request_head: bytes) -> None:
    answer = await exchange(app.client.server.port, request_head)
    assert answer[8:12] == b" 400"
