"""Whatever changes counts at the next question, on every worker: nothing that is remembered decides (T11)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from service.access.decisions import ATTEMPTS
from tests.service.access.asked import identity, told, verify
from tests.service.access.guarded import Guarded, guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app_fixture import Reply, Running

    Act = Callable[[Running, Guarded, Any], Awaitable[Reply]]

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSES = (200, None)
ROUNDS = 5


async def scene(here: Running, there: Running) -> tuple[Guarded, Any]:
    """Return a firm whose call passes on both workers, which remember all they can, and the interface."""
    firm = await guarded(here)
    interface = await firm.interface(identifier="listOrders", method="POST", path="/orders")
    for worker in (here, there, here, there):
        assert told(await verify(firm, "POST", "/orders", at=worker)) == PASSES
    return firm, interface


def _grant(app: Running, firm: Guarded, interface: Any) -> Awaitable[Reply]:
    return app.call("GET", "/api/interface-grants", params={"interface": interface["id"]})


async def _grant_deleted(app: Running, firm: Guarded, interface: Any) -> Reply:
    [grant] = (await _grant(app, firm, interface)).json["items"]
    return await app.call("DELETE", f"/api/interface-grants/{grant['id']}")


async def _grant_rejected(app: Running, firm: Guarded, interface: Any) -> Reply:
    [grant] = (await _grant(app, firm, interface)).json["items"]
    return await app.call("POST", f"/api/interface-grants/{grant['id']}/reject", json={"reason": "No more"})


ENDS: dict[str, tuple[Act, tuple[int, str]]] = {
    "grant deleted": (_grant_deleted, (403, "grant_missing")),
    "grant rejected": (_grant_rejected, (403, "grant_rejected")),
    "token revoked": (
        lambda app, firm, _: app.call(
            "POST",
            "/oauth2/revoke",
            "",
            data={
                "token": firm.token,
                "client_id": firm.client["client_id"],
                "client_secret": firm.client["secrets"][0]["secret"],
            },
        ),
        (401, "invalid_token"),
    ),
    "tokens revoked in bulk": (
        lambda app, firm, _: app.call("POST", "/api/tokens/revoke", json={"application": firm.client["id"]}),
        (401, "invalid_token"),
    ),
    "application disabled": (
        lambda app, firm, _: app.call("POST", f"/api/applications/{firm.client['id']}/disable"),
        (403, "client_not_effective"),
    ),
    "application deleted": (
        lambda app, firm, _: app.call("DELETE", f"/api/applications/{firm.client['id']}"),
        (401, "invalid_token"),
    ),
    "interface deleted": (
        lambda app, firm, interface: app.call("DELETE", f"/api/interfaces/{interface['id']}"),
        (403, "unknown_interface"),
    ),
    "interface moved": (
        lambda app, firm, interface: app.call("PATCH", f"/api/interfaces/{interface['id']}", json={"path": "/bills"}),
        (403, "unknown_interface"),
    ),
    "interface of another method": (
        lambda app, firm, interface: app.call("PATCH", f"/api/interfaces/{interface['id']}", json={"method": "GET"}),
        (403, "unknown_interface"),
    ),
    "interface limited": (
        lambda app, firm, interface: app.call(
            "PATCH", f"/api/interfaces/{interface['id']}", json={"submit_limited": True}
        ),
        (403, "submit_limited"),
    ),
    "organization limited": (
        lambda app, firm, _: app.call(
            "PUT", f"/api/organizations/{firm.organization}/settings", json={"submit_limited": True}
        ),
        (403, "submit_limited"),
    ),
    "audience set": (
        lambda app, firm, _: app.call(
            "PATCH", f"/api/api-resources/{firm.resource['id']}", json={"audience": "https://elsewhere.test"}
        ),
        (401, "wrong_audience"),
    ),
    "resource deleted": (
        lambda app, firm, _: app.call(
            "DELETE", f"/api/api-resources/{firm.resource['id']}", params={"cascade": "true"}
        ),
        (400, "unknown_resource"),
    ),
    "organization suspended": (
        lambda app, firm, _: app.call("PATCH", f"/api/accounts/{firm.organization}", json={"status": "suspended"}),
        (400, "unknown_gateway"),
    ),
    "gateway deleted": (
        lambda app, firm, _: app.call("DELETE", f"/api/applications/{firm.gateway['id']}"),
        (400, "unknown_gateway"),
    ),
}


@pytest.mark.parametrize("what", ENDS)
async def test_what_one_worker_ended_passes_on_no_other(two: tuple[Running, Running], what: str) -> None:
    here, there = two
    end, expected = ENDS[what]
    firm, interface = await scene(here, there)
    asking = [asyncio.ensure_future(verify(firm, "POST", "/orders", at=there)) for _ in range(8)]
    await asyncio.sleep(0)
    reply = await end(here, firm, interface)
    assert reply.status in {200, 204}, reply.text
    assert told(await verify(firm, "POST", "/orders", at=there)) == expected
    assert told(await verify(firm, "POST", "/orders", at=here)) == expected
    assert {told(each) for each in await asyncio.gather(*asking)} <= {PASSES, expected}


async def test_a_new_interface_that_is_more_particular_takes_its_calls_at_once(two: tuple[Running, Running]) -> None:
    here, there = two
    firm = await guarded(here)
    await firm.interface(identifier="anything", path="/{any}", scope="anonymous", granted=False)
    for number in range(ROUNDS):
        path = f"/secret{number}"
        assert identity(await verify(firm, "GET", path, "", at=there))["Interface"] == "anything"
        await firm.interface(path=path, granted=False)
        assert told(await verify(firm, "GET", path, "", at=there)) == (401, "token_missing")
        assert told(await verify(firm, "GET", path, at=there)) == (403, "grant_missing")


async def test_an_interface_that_is_anonymous_no_more_asks_for_a_token_at_once(two: tuple[Running, Running]) -> None:
    here, there = two
    firm = await guarded(here)
    interface = await firm.interface(path="/news", scope="anonymous", granted=False)
    for scope, expected in (("anonymous", PASSES), ("authorized", (401, "token_missing"))) * ROUNDS:
        reply = await here.call("PATCH", f"/api/interfaces/{interface['id']}", json={"scope": scope})
        assert reply.status == 200, reply.text
        assert told(await verify(firm, "GET", "/news", "", at=there)) == expected


async def test_limits_that_are_approved_anew_count_at_once(two: tuple[Running, Running]) -> None:
    here, there = two
    firm = await guarded(here)
    interface = await firm.interface(path="/orders", granted=False)
    grant = await firm.grant(interface, frequency=2)
    assert [told(await verify(firm, "GET", "/orders", at=there))[0] for _ in range(3)] == [200, 200, 429]
    assert (await here.call("DELETE", f"/api/interface-grants/{grant}")).status == 204
    await firm.grant(interface, frequency=1)
    assert [told(await verify(firm, "GET", "/orders", at=there))[0] for _ in range(2)] == [200, 429]


async def test_calls_pass_while_the_interfaces_of_their_resource_change_all_the_time(
    two: tuple[Running, Running],
) -> None:
    here, there = two
    firm, _ = await scene(here, there)
    over = asyncio.Event()

    async def change() -> None:
        while not over.is_set():
            await firm.interface(granted=False)

    changing = asyncio.ensure_future(change())
    try:
        for _ in range(5):
            replies = await asyncio.gather(*(verify(firm, "POST", "/orders", at=there) for _ in range(8)))
            assert {told(reply) for reply in replies} == {PASSES}
    finally:
        over.set()
        await changing


async def test_what_changes_faster_than_it_can_be_read_is_not_decided(
    two: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two
    firm, interface = await scene(here, there)
    tables, loads = there.parts.decisions._tables, []

    async def behind(resource: Any) -> Any:
        loads.append(resource)
        return tables.remembered(resource)

    monkeypatch.setattr(tables, "load", behind)
    assert (await here.call("PATCH", f"/api/interfaces/{interface['id']}", json={"name": "Other"})).status == 200
    reply = await verify(firm, "POST", "/orders", at=there)
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "busy", "1")
    assert len(loads) == ATTEMPTS
    monkeypatch.undo()
    assert told(await verify(firm, "POST", "/orders", at=there)) == PASSES


async def test_a_worker_remembers_a_bounded_number_of_interfaces(
    two: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = two
    monkeypatch.setattr("service.access.route_tables.REMEMBERED", 40)
    tables = here.parts.decisions._tables
    firms = [await guarded(here) for _ in range(4)]
    for firm in firms:
        await firm.interface(path="/news", scope="anonymous", granted=False)
    for firm in (*firms, *firms):
        assert told(await verify(firm, "GET", "/news", "")) == PASSES
    assert len(tables._tables) == 2
    assert tables._size == sum(table.size + 16 for table in tables._tables.values())


@pytest.mark.parametrize("token", ["", "nonsense"])
async def test_nobody_without_a_proof_makes_a_worker_remember_anything(
    two: tuple[Running, Running], token: str
) -> None:
    here, there = two
    firm = await guarded(here)
    await firm.interface(path="/orders")
    reply = await verify(firm, "GET", "/orders", token, at=there, headers={"Muniment-Gateway": "Basic eDp5"})
    assert told(reply) == (400, "unknown_gateway")
    assert there.parts.decisions._tables.remembered(firm.resource["id"]) is None
