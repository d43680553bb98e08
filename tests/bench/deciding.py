"""What decisions are measured on: applications that were granted interfaces, and a gateway that asks about their calls.

Made through the doors, as anybody would; nothing of it is a short cut. The bare handler needs none of it.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.bench.contenders import AUDIENCE, HEADERS, Contender
from tests.bench.tokens import AT_ONCE, PATIENCE, SAMPLES, WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

APPLICATIONS = 20
INTERFACES = 100
TOKENS = 2_000  # distinct ones, so that each grant is called by one
ORDERS = "https://orders.bench.test"
FREQUENCY = 2**31 - 1
METHOD, URI, GATEWAY = "X-Original-Method", "X-Original-URI", "Muniment-Gateway"


@dataclass(frozen=True)
class Call:
    """A call that may pass: where to, by which token, and what is answered about it."""

    path: str
    token: str
    client_id: str = ""
    interface: str = ""


@dataclass(frozen=True)
class Place:
    """Where and how a gateway asks, about which calls, and one of each kind that may not pass, with its status."""

    url: str
    headers: Mapping[str, str]
    calls: list[Call]
    refused: tuple[tuple[Call, int], ...] = ()


def furnish(contender: Contender) -> Place:
    """Make all of it. Raises WrongAnswer."""
    if contender.introspect is None:
        call = Call("/orders/1/lines", "x" * 100, "", "")
        return Place(contender.url(str(contender.decide)), {METHOD: "GET", GATEWAY: "Basic x"}, [call])
    return asyncio.run(_furnish(contender))


async def _furnish(contender: Contender) -> Place:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        doors = _Doors(session, contender)
        root = await doors.token(HEADERS["Authorization"], AUDIENCE)
        manager = await doors.application(root, "Manager", permissions=["write_app"], audiences=[AUDIENCE])
        gateway = await doors.application(root, "Gateway", permissions=["decide"])
        resource = await doors.made(root, "/api/api-resources", identifier="orders", name="Orders")
        for number in range(INTERFACES):
            await doors.interface(root, resource["id"], number)
        asking = await doors.token(_basic(manager), AUDIENCE)
        callers = [
            await doors.application(root, f"Caller {number}", audiences=[ORDERS]) for number in range(APPLICATIONS)
        ]
        for caller in callers:
            await doors.made(asking, "/api/interface-grants/all", application=caller["id"])
        await doors.made(root, "/api/interface-grants/approve-all")
        stranger = await doors.interface(root, resource["id"], INTERFACES)
        calls = await _calls(doors, callers)
    url = f"{contender.url(str(contender.decide))}?resource={resource['id']}"
    refused = (Call(calls[0].path, "no-token"), 401), (Call(_path(stranger), calls[0].token), 403)
    return Place(url, {METHOD: "GET", GATEWAY: _basic(gateway)}, calls, refused)


async def _calls(doors: _Doors, callers: list[Any]) -> list[Call]:
    calls: list[Call] = []

    async def some(numbers: Iterable[int]) -> None:
        for number in numbers:
            caller, interface = callers[number % APPLICATIONS], number // APPLICATIONS % INTERFACES
            token = await doors.token(_basic(caller), ORDERS)
            calls.append(Call(_path(interface), token, caller["client_id"], _identifier(interface)))

    await asyncio.gather(*(some(range(first, TOKENS, AT_ONCE)) for first in range(AT_ONCE)))
    return calls


class _Doors:
    """The doors of a contender, for one administrator."""

    def __init__(self, session: aiohttp.ClientSession, contender: Contender) -> None:
        self._session = session
        self._contender = contender

    async def token(self, proof: str, audience: str) -> str:
        form = {"grant_type": "client_credentials", "audience": audience}
        url = self._contender.url(self._contender.issue)
        async with self._session.post(url, data=form, headers={"Authorization": proof}) as response:
            answer = await _good(response)
        return str(answer["access_token"])

    async def made(self, token: str, path: str, /, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._session.post(self._contender.url(path), json=body, headers=headers) as response:
            return await _good(response)

    async def application(self, token: str, name: str, **body: Any) -> Any:
        secrets = [{"name": "only"}]
        return await self.made(token, "/api/applications", name=name, kind="machine", secrets=secrets, **body)

    async def interface(self, token: str, resource: str, number: int) -> int:
        await self.made(
            token, "/api/interfaces", resource=resource, identifier=_identifier(number), name=f"Interface {number}",
            method="GET", path=f"/orders/{{id}}/lines-{number}", frequency=FREQUENCY,
        )  # fmt: skip
        return number


async def _good(response: aiohttp.ClientResponse) -> Any:
    if not response.ok:
        message = f"{response.url.path} answered {response.status}: {(await response.text())[:300]}"
        raise WrongAnswer(message)
    return await response.json(content_type=None)


def _basic(application: Any) -> str:
    pair = f"{application['client_id']}:{application['secrets'][0]['secret']}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _identifier(number: int) -> str:
    return f"interface-{number}"


def _path(number: int) -> str:
    return f"/orders/{number}/lines-{number}?page=1"


def check(place: Place) -> int:
    """Return the size of the smallest right answer about a sample of the calls. Raises WrongAnswer."""
    return asyncio.run(_check(place))


async def _check(place: Place) -> int:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        sample = place.calls[:: max(len(place.calls) // SAMPLES, 1)]
        sizes = [await _passes(session, place, call) for call in sample]
        for call, status in place.refused:
            async with _asked(session, place, call) as response:
                if response.status != status:
                    message = f"a call that is {status} was answered {response.status}"
                    raise WrongAnswer(message)
    return min(sizes)


def _asked(session: aiohttp.ClientSession, place: Place, call: Call) -> Any:
    return session.get(place.url, headers={**place.headers, URI: call.path, "Authorization": f"Bearer {call.token}"})


async def _passes(session: aiohttp.ClientSession, place: Place, call: Call) -> int:
    async with _asked(session, place, call) as response:
        content = await response.read()
        told = response.headers.get("Muniment-Client-Id"), response.headers.get("Muniment-Interface")
        if response.status != 200 or (call.client_id and told != (call.client_id, call.interface)):
            message = f"a call that may pass was answered {response.status} {told}: {content[:300]!r}"
            raise WrongAnswer(message)
        head = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
        return len(f"HTTP/1.1 200 {response.reason}\r\n") + head + 2 + len(content)
