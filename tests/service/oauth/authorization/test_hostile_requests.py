"""Whatever is sent to the authorization endpoint is answered, and leads nobody anywhere but home or to the client."""

from __future__ import annotations

import random
import re
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from tests.service.oauth.authorization.flow import AUTHORIZE, THIRD_PARTIES, a_person, a_shop
from tests.service.oauth.authorization.given import CALLBACK
from tests.service.wire import exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = [
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "max_age",
    "code_challenge", "code_challenge_method", "login_hint", "ui_locales", "account", "resource", "audience", "request",
    "request_uri", "registration", "id_token_hint", "claims", "display", "__class__", "error", "code", "iss",
]  # fmt: skip
TEXTS = [
    "", " ", "\u0000", "\r\nSet-Cookie: a=b", "\r\n\r\n<script>", "https://evil.example", "//evil.example",
    "javascript:x", f"{CALLBACK}@evil.example", f"{CALLBACK}#", f"{CALLBACK}?x=1", "\u202e", "\U0001f600", "%00", "%",
    "'", '"><script>', "\\", "${7*7}", "{{7*7}}", "{0}", "a" * 2000, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "-1", "1e999",
    "null", "none", "login none", "openid", "root all", "token", "form_post", "fragment", "plain", "S256",
    "urn:ietf:params:oauth:request_uri:AQ", "urn:ietf:params:oauth:request_uri:" + "A" * 500,
    "01a2049e-b703-7796-8b0e-6240ec2f51d0", "zh",
]  # fmt: skip
HOME = ("https://muniment.test/login?request=", "https://muniment.test/consent?request=")
AGAIN = f"https://muniment.test{AUTHORIZE}?client_id="


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(app):
    return await a_shop(app)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(shop):
    return await a_person(shop, "openid")


def _query(shop, chance: random.Random) -> bytes:
    good = shop.request()
    for _ in range(chance.randrange(4)):
        good[chance.choice(NAMES)] = chance.choice(TEXTS)
    for _ in range(chance.randrange(2)):
        good.pop(chance.choice(list(good)))
    pairs = list(good.items())
    if chance.random() < 0.2:
        pairs.append(chance.choice(pairs))
    chance.shuffle(pairs)
    query = urlencode(pairs, quote_via=quote).encode()
    if chance.random() < 0.2:
        place = chance.randrange(len(query))
        query = query[:place] + chance.choice([b"%", b"&", b"=", b"%ff", b"%00", b"+", b";", b""]) + query[place + 1 :]
    return query


def _request(shop, ada, chance: random.Random) -> bytes:
    query, cookie = _query(shop, chance), chance.choice([ada.cookie, "x", ""])
    headers = [b"Host: evil.example", b"Connection: close", f"Cookie: __Host-muniment-session={cookie}".encode()]
    if chance.random() < 0.3:
        headers += [b"Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(query)}".encode()]
        return b"\r\n".join([f"POST {AUTHORIZE} HTTP/1.1".encode(), *headers, b"", query])
    path = chance.choice([AUTHORIZE, THIRD_PARTIES]).encode()
    return b"\r\n".join([b"GET " + path + b"?" + query + b" HTTP/1.1", *headers, b"", b""])


@pytest.mark.parametrize("seed", range(8))
async def test_nobody_is_led_astray_whatever_is_sent(app, shop, ada, seed):
    chance = random.Random(seed)
    for _ in range(80):
        request = _request(shop, ada, chance)
        head, _, body = (await exchange(app.client.server.port, request, until=b"\0")).partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        assert status in {200, 303, 400}, (request, head)
        assert b"Set-Cookie" not in head, request
        assert b"\r\nCache-Control: no-store" in head, request
        location = re.search(rb"\r\nLocation: ([^\r\n]*)", head)
        assert (location is not None) == (status == 303), request
        if location is not None:
            there = location[1].decode("ascii")
            assert there.startswith((*HOME, AGAIN, f"{CALLBACK}?")), request
            assert not there.startswith(f"{CALLBACK}?") or "&iss=https%3A%2F%2Fmuniment.test" in there
            assert len(there) < 8000
        assert b"<script" not in body, request
        assert not re.search(rb"<form[^>]*evil", body), request
