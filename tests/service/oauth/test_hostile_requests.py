"""Whatever is sent to the OAuth endpoints is answered in their own words: no request makes one of them fail."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from tests.service.oauth.asking import INTROSPECT, REVOKE, SERVER_TO_SERVER, SETTINGS_TOKEN, TOKEN
from tests.service.oauth.key_pairs import part
from tests.service.wire import exchange

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = (TOKEN, SERVER_TO_SERVER, SETTINGS_TOKEN, INTROSPECT, REVOKE, "/oauth2/device_authorization", "/oauth2/par")
NAMES = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "scope",
    "audience",
    "resource",
    "token",
    "token_type_hint",
    "__class__",
]
TEXTS = [
    "client_credentials",
    "root",
    "root-secret-of-the-tests",
    "https://muniment.test/api",
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "all",
    "",
    " ",
    "\u0000",
    "\u202e",
    "\ufeff",
    "\U0001f600",
    "\u0130",
    "%00",
    "%",
    "'",
    '"',
    "\\",
    "${7*7}",
    "{{7*7}}",
    "../../etc/passwd",
    "\r\nSet-Cookie: a=b",
    "a" * 5000,
    "a.b.c",
    f"{part({'alg': 'ES256', 'kid': 'x'})}.{part({'sub': 'root', 'aud': 'x', 'exp': 1e308})}.{part(b'x' * 64)}",
    f"{part({'alg': 'RS256'})}.{part({'sub': ['root']})}.{part(b'x' * 256)}",
    f"{part({'alg': 'EdDSA'})}.{part({'sub': 'root', 'exp': -1, 'jti': 'x'})}.{part(b'x' * 64)}",
    "-1",
    "1e999",
    "null",
]
TYPES = [
    "application/x-www-form-urlencoded",
    "application/json",
    "application/x-www-form-urlencoded; charset=utf-7",
    "application/json; charset=utf-16",
    'application/json; charset="',
    ";",
    "/",
    "",
    "a" * 300,
    "multipart/form-data; boundary=x",
]
MARK = b"\r\n\r\n"


def _value(chance: random.Random) -> Any:
    odd: list[Any] = [None, True, 0, -1, 1.5, 10**18, [], {}, ["x"], {"a": {"b": []}}]
    return chance.choice(odd) if chance.random() < 0.15 else chance.choice(TEXTS)


def _body(chance: random.Random, kind: str) -> bytes:
    pairs = [(chance.choice(NAMES), _value(chance)) for _ in range(chance.randrange(7))]
    if "json" in kind:
        raw = ("{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()
    else:
        raw = "&".join(f"{name}={quote_plus(str(value))}" for name, value in pairs).encode()
    if chance.random() < 0.3 and raw:
        place = chance.randrange(len(raw))
        raw = raw[:place] + bytes(chance.randrange(256) for _ in range(chance.randrange(4))) + raw[place + 1 :]
    return raw


def _authorization(chance: random.Random) -> str:
    # No longer than headers may be: what is longer never reaches an endpoint.
    pair = f"{chance.choice(TEXTS)}:{chance.choice(TEXTS)}".encode()[:2000]
    encoded = base64.b64encode(pair).decode()
    return chance.choice(["", "", "Basic", f"Basic {encoded}", f"Basic {pair.hex()}", "Bearer x", "\u00ff \u00ff"])


def _request(chance: random.Random) -> bytes:
    kind = chance.choice(TYPES) if chance.random() < 0.3 else chance.choice(TYPES[:2])
    body = _body(chance, kind)
    lines = [f"POST {chance.choice(PATHS)} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {kind}"] if kind else []
    authorization = _authorization(chance)
    lines += [f"Authorization: {authorization}"] if authorization else []
    return "\r\n".join(lines).encode("latin-1") + MARK + body


@pytest.mark.parametrize("seed", range(8))
async def test_no_request_makes_an_endpoint_fail(app: Running, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        request = _request(chance)
        head, _, body = (await exchange(app.client.server.port, request, until=b"\0")).partition(MARK)
        status = int(head.split(b" ", 2)[1])
        assert status in {200, 400, 401, 413, 415}, (request, head, body)
        assert b"\r\nCache-Control: no-store" in head, request
        assert b"Set-Cookie" not in head
        if body:
            document = json.loads(body)
            assert status == 200 or document["error"] in {
                "invalid_request",
                "invalid_client",
                "invalid_target",
                "invalid_scope",
                "unsupported_grant_type",
            }
