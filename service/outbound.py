"""Calls to addresses that others chose: back-channel logout, connectors, webhooks.

Whoever registers an address must not reach what only this machine can reach (SSRF; spec/README.md 19). A name is
resolved once, every address that it has must be a public one, and the connection goes to one of exactly those: there is
no second look-up in between that could say something else. Redirects are not followed unless asked for, and each is
judged anew. `MUNIMENT_OUTBOUND_ALLOW` names the pairs of host and port that may be called although private.
"""

from __future__ import annotations

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ipaddress import IPv6Address

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network
    Resolve = Callable[[str, int], list[str]]

SECONDS = 5.0
LIMIT = 64 * 1024  # bytes of an answer's body
LOOKUPS = 32  # names that are looked up together: a name server that does not answer holds up nobody else
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {"User-Agent": "Muniment", "Accept-Encoding": "identity"}

# What is given out to the public, and what of it is not: IANA's registries of special-purpose addresses. Written out,
# for what the standard library takes for public differs between its versions.
PUBLIC: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("2000::/3"))
SPECIAL: tuple[Network, ...] = (
    *map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "168.63.129.16/32",  # public, yet it leads into the host below a virtual machine, which tells it secrets
        ),
    ),
    # Teredo and 6to4 carry IPv4 addresses; the others are for protocols and documentation.
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is meant
NAME = re.compile(r"[A-Za-z0-9_.-]{1,254}")
# What some resolvers take for an address although it is not written as one: 2130706433, 0x7f.1, 0177.0.0.1.
NUMERIC = re.compile(r"(.*\.)?(0[xX][0-9a-fA-F]*|[0-9]+)\.?")


class NotCalled(Exception):
    """A call came to nothing. The sentence is for operators; it quotes nothing that the other side said."""


class Blocked(NotCalled):
    """The address may not be called from here."""


class Unanswered(NotCalled):
    """There was no answer, or none that could be read: no connection, too late, too large, not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_public(address: Address) -> bool:
    """Say whether an address is one of the public internet, which everybody else can reach as well."""
    if address in NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return any(address in network for network in PUBLIC) and not any(address in network for network in SPECIAL)


class Outbound:
    """Calls what others named."""

    def __init__(self, allow: frozenset[tuple[str, int]] = frozenset(), *, resolve: Resolve | None = None) -> None:
        """Take the pairs of host and port that may be called although private, and how names are resolved."""
        self._allow = allow
        self._resolve = resolve or _resolve
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="outbound")
        self._judged: aiohttp.ClientSession | None = None
        self._free: aiohttp.ClientSession | None = None

    @property
    def allowed(self) -> frozenset[tuple[str, int]]:
        """The pairs of host and port that may be called although private."""
        return self._allow

    async def start(self) -> None:
        """Prepare for calls."""
        self._judged, self._free = self._session(judged=True), self._session(judged=False)

    async def stop(self) -> None:
        """Break off what is under way."""
        for session in (self._judged, self._free):
            if session is not None:
                await session.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _session(self, *, judged: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(self._resolve, self._threads, judged=judged),
            use_dns_cache=False,
            force_close=True,  # whoever closes an idle connection meanwhile would fail the next call
            limit=0,  # who calls bounds how many there are
            socket_factory=_judged_socket if judged else None,
        )
        return aiohttp.ClientSession(
            connector=connector, headers=HEADERS, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        redirects: int = 0,
        seconds: float = SECONDS,
        limit: int = LIMIT,
    ) -> Answer:
        """Fetch something, over so many redirects at most; the time is for all of it. Raises Blocked or Unanswered.

        `headers` are told to the origin of the URL alone: a redirect leads nobody to what is in them.
        """
        return await self._call("GET", url, None, headers or {}, redirects=redirects, seconds=seconds, limit=limit)

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        limit: int = LIMIT,
    ) -> Answer:
        """Send a form. A redirect is an answer like any other. Raises Blocked or Unanswered."""
        return await self._call("POST", url, form, headers or {}, redirects=0, seconds=seconds, limit=limit)

    async def post_json(
        self,
        url: str,
        value: Any,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        limit: int = LIMIT,
    ) -> Answer:
        """Send a value as JSON. A redirect is an answer like any other. Raises Blocked or Unanswered."""
        told = {**(headers or {}), "Content-Type": "application/json"}
        return await self._call(
            "POST", url, msgspec.json.encode(value), told, redirects=0, seconds=seconds, limit=limit
        )

    async def connected(self, host: str, port: int, *, seconds: float = SECONDS) -> socket.socket:
        """Return a socket connected to a host, for what is not HTTP; the caller closes it.

        Raises Blocked or Unanswered.
        """
        host = host.lower()
        free = (host, port) in self._allow
        if not free:
            _require_name_or_public(host)
        try:
            async with asyncio.timeout(seconds):
                found = await _Resolver(self._resolve, self._threads, judged=not free).resolve(host, port)
                return await _first_connected(found)
        except _Refused as refused:
            raise Blocked(str(refused)) from None
        except TimeoutError:
            raise Unanswered(f"no connection within {seconds:g} seconds") from None
        except (OSError, ValueError) as error:
            raise Unanswered(f"no connection: {type(error).__name__}") from None

    async def _call(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | bytes | None,
        headers: Mapping[str, str],
        *,
        redirects: int,
        seconds: float,
        limit: int,
    ) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                target = first = _parsed(url)
                for left in range(redirects, -1, -1):
                    told = headers if _origin(target) == _origin(first) else {}
                    answer = await self._once(method, target, data, told, limit)
                    if left == 0 or answer.status not in REDIRECTS or "Location" not in answer.headers:
                        return answer
                    target = _onward(target, answer.headers["Location"])
        except TimeoutError:
            raise Unanswered(f"no answer within {seconds:g} seconds") from None
        raise AssertionError

    async def _once(
        self,
        method: str,
        url: URL,
        data: Mapping[str, str] | bytes | None,
        headers: Mapping[str, str],
        limit: int,
    ) -> Answer:
        host, port = _required(url)
        free = (host, port) in self._allow
        if not free:
            _require_name_or_public(host)
        session = self._free if free else self._judged
        if session is None:
            msg = "not started"
            raise RuntimeError(msg)
        try:
            # Its own limit of time would end in another error; ours is around all of it.
            async with session.request(
                method,
                url,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response:
                return Answer(response.status, response.headers, await _body(response, limit))
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Refused):
                raise Blocked(str(error.os_error)) from None
            raise Unanswered(f"no connection: {type(error.os_error).__name__}") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise Unanswered(f"no readable answer: {type(error).__name__}") from None


class _Refused(OSError):
    """An address that is not public, told through the connector."""


class _Resolver(AbstractResolver):
    """Resolves names on threads of its own; `judged`: to public addresses only."""

    def __init__(self, resolve: Resolve, threads: ThreadPoolExecutor, *, judged: bool) -> None:
        self._resolve = resolve
        self._threads = threads
        self._judged = judged

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return all addresses of a name. Raises OSError: there is none, or one that is not public."""
        del family  # every one is judged
        loop = asyncio.get_running_loop()
        found = [ip_address(text) for text in await loop.run_in_executor(self._threads, self._resolve, host, port)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if self._judged:
            for address in found:
                _require_public(address)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,  # noqa: PLR2004
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held open."""


async def _first_connected(addresses: list[ResolveResult]) -> socket.socket:
    """Return a socket connected to the first of these addresses that takes it. Raises OSError."""
    loop, last = asyncio.get_running_loop(), OSError("no address")
    for address in addresses:
        opened = socket.socket(address["family"], socket.SOCK_STREAM)
        opened.settimeout(0)  # the event loop waits
        try:
            await loop.sock_connect(opened, (address["host"], address["port"]))
        except OSError as error:
            opened.close()
            last = error
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise last


def _resolve(host: str, port: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _judged_socket(info: Any) -> socket.socket:
    """Return the socket that is about to be connected, the last moment to look at where to."""
    family, kind, protocol, _, address = info
    try:
        _require_public(ip_address(str(address[0])))
    except ValueError:
        raise _Refused("the address is not written as one") from None
    return socket.socket(family, kind, protocol)


def _require_public(address: Address) -> None:
    if not is_public(address):
        raise _Refused(f"{address} is not a public address")


def _parsed(url: str) -> URL:
    try:
        return URL(url)
    except ValueError:
        raise Blocked("not a URL") from None


def _onward(url: URL, location: str) -> URL:
    """Return where a redirect leads. Raises Blocked when it leaves TLS."""
    try:
        target = url.join(URL(location))
    except ValueError:
        raise Blocked("a redirect to what is not a URL") from None
    if url.scheme == "https" and target.scheme != "https":
        raise Blocked("a redirect from https to something else")
    return target


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.raw_host, url.port


def _required(url: URL) -> tuple[str, int]:
    """Return the host, in lower case and without brackets, and the port. Raises Blocked for what is not http(s)."""
    if url.scheme not in ("http", "https") or not url.raw_host or not url.port:
        raise Blocked("not an http or https address")
    if url.raw_user is not None or url.raw_password is not None:
        raise Blocked("a user in the address")
    return url.raw_host.lower(), url.port


def _require_name_or_public(host: str) -> None:
    """Raise Blocked for an address that is not public, or that is written so that readers could differ about it."""
    try:
        address = ip_address(host)
    except ValueError:
        if not NAME.fullmatch(host) or NUMERIC.fullmatch(host):
            raise Blocked("the address is not written as one") from None
        return
    if not is_public(address):
        raise Blocked(f"{address} is not a public address")


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unanswered("the answer is compressed, which was not asked for")
    chunks, total = [], 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > limit:
            raise Unanswered(f"the answer is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
