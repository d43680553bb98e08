"""Nobody reaches through us what only we can reach: addresses in every spelling, names, redirects; and limits hold."""

# ruff: noqa: RUF001 - addresses that must not be called, and digits of other scripts
from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from service import outbound
from service.outbound import Blocked, NotCalled, Outbound, Unanswered, is_public
from tests.receiver import Answer, receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.receiver import Receiver

PUBLIC = "93.184.215.14"

HOSTS = [
    "127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "017700000001", "0", "0.0.0.0", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "%31%32%37.0.0.1", "①27.0.0.1",
    "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]",
    "[fe80::1%25lo]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001:2::1]",
    "[2001:20::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "10.0.0.1", "172.16.0.1", "172.31.255.254",
    "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192",
    "192.0.0.9", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
]  # fmt: skip


def never(host: str, _port: int) -> list[str]:
    return pytest.fail(f"{host} was looked up")


@asynccontextmanager
async def calling(
    *allowed: tuple[str, int], resolve: Callable[[str, int], list[str]] | None = None
) -> AsyncIterator[Any]:
    opened = Outbound(frozenset(allowed), resolve=resolve)
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    async with receiver() as opened:
        yield opened


@pytest.mark.parametrize("host", HOSTS)
async def test_no_spelling_of_a_private_address_is_called(other: Receiver, host: str) -> None:
    async with calling() as out:
        for call in (
            out.get(f"http://{host}:{other.port}/"),
            out.post_form(f"http://{host}:{other.port}/", {"a": "b"}),
        ):
            with pytest.raises(NotCalled):
                await call
    assert other.requests == []


@pytest.mark.parametrize(
    "host", [host for host in HOSTS if host[0] in "0123456789[" and "%" not in host and "。" not in host]
)
async def test_an_address_is_refused_before_anything_is_looked_up(host: str) -> None:
    async with calling(resolve=never) as out:
        with pytest.raises(Blocked):
            await out.get(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "/path", "//8.8.8.8/", "http://", "http:///x", "http://:80/", "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/",
        "javascript:alert(1)", "unix:///var/run/docker.sock", "http://user:secret@8.8.8.8/", "http://127.0.0.1@8.8.8.8/",
        "http://8.8.8.8:0/", "http://8.8.8.8:99999/", "http://[::1/", "http://exa mple.com/",
    ],
)  # fmt: skip
async def test_what_is_no_plain_web_address_is_not_called(url: str) -> None:
    async with calling(resolve=never) as out:
        with pytest.raises(Blocked):
            await out.get(url)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", PUBLIC, "2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], ["::1"], ["::ffff:127.0.0.1"], [PUBLIC, "127.0.0.1"], ["2606:4700::1", "fe80::1%2"]],
)
async def test_a_name_with_one_address_that_is_not_public_is_not_called(other: Receiver, addresses: list[str]) -> None:
    async with calling(resolve=lambda *_: addresses) as out:
        with pytest.raises(Blocked, match="not a public address"):
            await out.get(f"http://name.test:{other.port}/")
    assert other.requests == []


async def test_the_connection_goes_to_the_address_that_was_judged_whatever_the_name_says_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]]
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    monkeypatch.setattr(outbound, "is_public", lambda address: str(address) == "127.0.0.2")
    async with receiver("127.0.0.2") as public, receiver("127.0.0.1", public.port) as private:
        async with calling(resolve=rebinding) as out:
            assert (await out.get(f"http://name.test:{public.port}/")).status == 200
            assert asked == ["name.test"]
            with pytest.raises(Blocked):
                await out.get(f"http://name.test:{public.port}/")
        assert (len(public.requests), private.requests) == (1, [])
        assert public.headers[0]["Host"] == f"name.test:{public.port}"


@pytest.mark.parametrize("address", ["127.0.0.1", "0177.0.0.1", "localhost", "::1"])
def test_no_socket_is_made_for_what_was_not_judged_public(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(OSError, match="address"):
        outbound._judged_socket((family, socket.SOCK_STREAM, 0, "", (address, 80)))


async def test_a_pair_that_is_allowed_is_called_and_no_other_port_or_spelling(other: Receiver) -> None:
    async with receiver() as third, calling(("127.0.0.1", other.port)) as out:
        answer = await out.post_form(other.url, {"a": "1 2"})
        assert (answer.status, other.forms) == (200, [{"a": "1 2"}])
        for url in (third.url, f"http://localhost:{other.port}/", f"http://127.1:{other.port}/"):
            with pytest.raises(Blocked):
                await out.get(url)
        assert (len(other.requests), third.requests) == (1, [])


async def test_an_allowed_name_may_have_private_addresses(other: Receiver) -> None:
    async with calling(("hooks.internal", other.port), resolve=lambda *_: ["127.0.0.1"]) as out:
        assert (await out.get(f"http://HOOKS.internal:{other.port}/x")).status == 200
    assert other.requests == [("GET", "/x")]


async def test_a_redirect_is_an_answer_unless_it_is_asked_for(other: Receiver) -> None:
    async with calling(("127.0.0.1", other.port)) as out:
        for status in (301, 302, 303, 307, 308):
            other.answers.append(Answer(status, {"Location": "/next"}))
            assert (await out.get(other.url)).status == status
            other.answers.append(Answer(status, {"Location": "/next"}))
            assert (await out.post_form(other.url, {"a": "b"})).status == status
        other.answers.append(Answer(302, {"Location": "/next?a=b"}))
        assert (await out.get(other.url, redirects=1)).status == 200
        assert other.requests[-1] == ("GET", "/next?a=b")
        other.always = Answer(302, {"Location": "/next"})
        before = len(other.requests)
        assert (await out.get(other.url, redirects=3)).status == 302
        assert len(other.requests) - before == 4


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "//127.1:{port}/",
        "http://name.test:{port}/",
        "file:///x",
    ],
)
async def test_a_redirect_is_judged_like_any_address(other: Receiver, place: str) -> None:
    async with receiver() as inner, calling(("127.0.0.1", other.port), resolve=lambda *_: ["127.0.0.1"]) as out:
        other.answers.append(Answer(302, {"Location": place.format(port=inner.port)}))
        with pytest.raises(Blocked):
            await out.get(other.url, redirects=5)
        assert inner.requests == []


def test_a_redirect_does_not_leave_tls() -> None:
    start = outbound._parsed("https://rp.example/a")
    assert str(outbound._onward(start, "/b")) == "https://rp.example/b"
    for location in ("http://rp.example/b", "ftp://rp.example/"):
        with pytest.raises(Blocked):
            outbound._onward(start, location)


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(other: Receiver) -> None:
    async with calling(("127.0.0.1", other.port)) as out:
        other.answers += [Answer(body=b"x" * 1000), Answer(body=b"x" * 1001), Answer(endless=True)]
        assert (await out.get(other.url, limit=1000)).body == b"x" * 1000
        for _ in range(2):
            with pytest.raises(Unanswered, match="larger than 1000 bytes"):
                await out.get(other.url, limit=1000)


async def test_what_was_not_asked_for_is_not_unpacked(other: Receiver) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with calling(("127.0.0.1", other.port)) as out:
        other.answers.append(Answer(headers={"Content-Encoding": "gzip"}, body=bomb))
        with pytest.raises(Unanswered, match="compressed"):
            await out.get(other.url)
        assert other.headers[0]["Accept-Encoding"] == "identity"


async def test_time_is_limited_for_the_whole_call(other: Receiver) -> None:
    async with calling(("127.0.0.1", other.port)) as out:
        for slow in (Answer(pause=30), Answer(endless=True)):
            other.answers.append(slow)
            began = time.monotonic()
            with pytest.raises(Unanswered, match=r"within 0\.3 seconds"):
                await out.get(other.url, seconds=0.3, limit=10**9)
            assert time.monotonic() - began < 2
        other.always = Answer(302, {"Location": "/"}, pause=0.1)
        with pytest.raises(Unanswered, match="within"):
            await out.get(other.url, redirects=100, seconds=0.35)


async def test_a_name_server_that_does_not_answer_holds_up_nobody_else(other: Receiver) -> None:
    released = threading.Event()

    def resolve(host: str, _port: int) -> list[str]:
        if host == "slow.test":
            released.wait(10)
        return ["127.0.0.1"]

    async with calling(("fast.test", other.port), resolve=resolve) as out:
        slow = [asyncio.create_task(out.get("http://slow.test/", seconds=1.0)) for _ in range(20)]
        await asyncio.sleep(0.1)
        assert (await out.get(f"http://fast.test:{other.port}/", seconds=0.8)).status == 200
        assert all(isinstance(end, Unanswered) for end in await asyncio.gather(*slow, return_exceptions=True))
        released.set()


async def test_nobody_there_and_nobody_who_speaks_http_is_no_answer() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        async with calling(("127.0.0.1", port)) as out:
            with pytest.raises(Unanswered, match="no connection"):
                await out.get(f"http://127.0.0.1:{port}/")

    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, calling(("127.0.0.1", port)) as out:
        with pytest.raises(Unanswered, match="no readable answer"):
            await out.get(f"http://127.0.0.1:{port}/")


async def test_a_name_without_an_address_is_no_answer() -> None:
    async with calling(resolve=lambda *_: []) as out:
        with pytest.raises(Unanswered, match="no connection"):
            await out.get("http://nobody.test/")


async def test_nothing_of_one_call_is_told_in_the_next(other: Receiver) -> None:
    async with calling(("127.0.0.1", other.port)) as out:
        other.answers.append(Answer(headers={"Set-Cookie": "a=b; Path=/"}))
        await out.get(other.url)
        await out.get(other.url)
        assert "Cookie" not in other.headers[1]


async def test_the_environment_names_no_proxy(other: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with calling(("127.0.0.1", other.port)) as out:
            assert (await out.get(other.url)).status == 200
        assert (len(other.requests), proxy.requests) == (1, [])


async def test_nothing_is_called_before_the_start() -> None:
    out = Outbound()
    with pytest.raises(RuntimeError, match="not started"):
        await out.get(f"http://{PUBLIC}/")
    await out.stop()
