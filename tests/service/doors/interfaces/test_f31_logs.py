"""F31, interface log: auditors see every call that their gateways asked about, and why it was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from service.access.call_log import IN_FULL
from tests.service.access.asked import verify
from tests.service.access.guarded import Guarded, guarded

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = timedelta(hours=1)
LOGS = "/api/interface-logs"


@pytest_asyncio.fixture(loop_scope="module")
async def orders(app: Running) -> Guarded:
    return await guarded(app)


async def test_f31_every_call_is_in_the_log_with_who_called_what_and_what_came_of_it(orders: Guarded) -> None:
    interface = await orders.interface(method="POST", path="/orders/{id}")
    allowed = await verify(orders, "POST", "/orders/7?note=secret")
    refused = await verify(orders, "DELETE", "/orders/7")
    unknown, passed = await orders.logged()
    assert (allowed.status, refused.status) == (200, 403)
    common = {
        "organization": orders.organization, "gateway": orders.gateway["id"], "resource": orders.resource["id"],
        "resource_identifier": orders.resource["identifier"], "address": "127.0.0.1", "user": None, "test": False,
        "count": 1,
    }  # fmt: skip
    assert passed == common | {
        "id": passed["id"], "at": passed["at"], "request_id": allowed.headers["Muniment-Request-Id"],
        "interface": interface["id"], "interface_identifier": interface["identifier"],
        "application": orders.client["id"], "client_id": orders.client["client_id"], "method": "POST",
        "path": "/orders/7", "outcome": "allowed", "status": 200, "cause": None,
    }  # fmt: skip
    assert unknown == common | {
        "id": unknown["id"], "at": unknown["at"], "request_id": refused.headers["X-Request-Id"], "interface": None,
        "interface_identifier": None, "application": None, "client_id": None, "method": "DELETE",
        "path": "/orders/7", "outcome": "refused", "status": 403, "cause": "unknown_interface",
    }  # fmt: skip
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(passed["at"]) < HOUR


async def test_f31_every_outcome_of_the_order_of_decisions_is_logged(orders: Guarded) -> None:
    open_to_all = await orders.interface(path="/open", scope="anonymous", granted=False)
    granted = await orders.interface(path="/granted", method="*", submit_limited=True)
    await orders.interface(path="/not-granted", granted=False)
    once = await orders.interface(path="/once", granted=False)
    await orders.grant(once, frequency=1)
    expected = []
    for path, method, token, cause in (
        ("/..", "GET", "", "ambiguous_path"),
        ("/nothing", "GET", "", "unknown_interface"),
        ("/open", "GET", "", None),
        ("/granted", "GET", "", "token_missing"),
        ("/granted", "GET", "not-a-token", "invalid_token"),
        ("/not-granted", "GET", orders.token, "grant_missing"),
        ("/granted", "GET", orders.token, None),
        ("/granted", "PUT", orders.token, "submit_limited"),
    ):
        await verify(orders, method, path, token)
        expected.append((path, cause))
    while (await verify(orders, "GET", "/once", orders.token)).status == 200:  # a minute may have turned
        expected.append(("/once", None))
    expected.append(("/once", "frequency_exceeded"))
    found = await orders.logged()
    assert [(call["path"], call["cause"]) for call in reversed(found)] == expected
    by_path = {call["path"]: call["interface"] for call in found}
    assert (by_path["/open"], by_path["/granted"]) == (open_to_all["id"], granted["id"])
    assert (by_path["/.."], by_path["/nothing"]) == (None, None)
    assert {call["outcome"] for call in found if call["cause"] is None} == {"allowed"}
    assert {call["outcome"] for call in found if call["cause"]} == {"refused"}


async def test_f31_a_call_is_logged_with_whom_it_was_made_for(orders: Guarded) -> None:
    await orders.interface(path="/orders")
    user = (await orders.app.made(f"/api/applications/{orders.client['id']}/users", {}))["id"]
    token = await orders.app.issued(orders.client, scope="read", user=user, audience="https://orders.test")
    await verify(orders, "GET", "/orders", token)
    [call] = await orders.logged(user=user)
    assert (call["user"], call["application"]) == (user, orders.client["id"])


async def test_f31_the_log_is_searched_by_all_that_it_shows(orders: Guarded) -> None:
    interface = await orders.interface(path="/orders/{id}")
    await verify(orders, "GET", "/orders/7")
    await verify(orders, "PUT", "/others/7", "")
    refused, allowed = await orders.logged()
    for name in ("interface", "application", "client_id"):
        assert await orders.logged(**{name: allowed[name]}) == [allowed]
    for name in ("resource", "gateway", "address"):
        assert await orders.logged(**{name: allowed[name]}) == [refused, allowed]
    for name in ("method", "path", "outcome", "request_id"):
        assert await orders.logged(**{name: allowed[name]}) == [allowed]
        assert await orders.logged(**{name: refused[name]}) == [refused]
    assert await orders.logged(cause="unknown_interface") == [refused]
    assert await orders.logged(path="/o") == [refused, allowed]
    assert await orders.logged(path="/orders") == [allowed]
    assert await orders.logged(test="true") == []
    assert await orders.logged(test="false", outcome="refused", method="PUT") == [refused]
    assert await orders.logged(interface=str(uuid4())) == []
    assert interface["id"] == allowed["interface"]


async def test_f31_the_log_is_searched_by_time_and_both_ends_count(orders: Guarded) -> None:
    await verify(orders, "GET", "/nothing")
    [call] = await orders.logged()
    at = datetime.fromisoformat(call["at"])
    moment = timedelta(microseconds=1)
    assert await orders.logged(since=at.isoformat(), until=at.isoformat()) == [call]
    assert await orders.logged(since=(at + moment).isoformat()) == []
    assert await orders.logged(until=(at - moment).isoformat()) == []
    ever = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59.999999Z"}
    assert await orders.logged(**ever) == [call]


async def test_f31_the_log_is_paged_newest_first(orders: Guarded) -> None:
    for number in range(5):
        await verify(orders, "GET", f"/{number}")
    whole = await orders.logged()
    walked: list[Any] = []
    after: dict[str, str] = {}
    while True:
        query = {"organization": orders.organization, "limit": "2", **after}
        page = (await orders.app.call("GET", LOGS, params=query)).json
        walked += page["items"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert walked == whole
    assert [call["path"] for call in whole] == [f"/{number}" for number in reversed(range(5))]


async def test_f31_what_was_deleted_stays_in_the_log_without_its_name(orders: Guarded) -> None:
    interface = await orders.interface(path="/orders")
    await verify(orders, "GET", "/orders")
    assert (await orders.app.call("DELETE", f"/api/interfaces/{interface['id']}")).status == 204
    [call] = await orders.logged(interface=interface["id"])
    assert (call["interface_identifier"], call["outcome"]) == (None, "allowed")


async def test_f31_a_flood_of_refused_calls_is_counted(orders: Guarded) -> None:
    for _ in range(IN_FULL + 5):
        await verify(orders, "GET", "/nothing", "")
    log = orders.app.parts.call_log
    log._turn(log._minute)  # a minute later
    found = await orders.logged(limit="200")
    assert sum(call["count"] for call in found) == IN_FULL + 5
    for call in found:
        assert (call["request_id"] is None) == (call["method"] is None)
        assert (call["cause"], call["gateway"], call["address"]) == (
            "unknown_interface", orders.gateway["id"], "127.0.0.1",
        )  # fmt: skip


async def test_f31_auditors_see_their_own_organizations_calls_and_root_sees_all(orders: Guarded) -> None:
    other = await guarded(orders.app, "Other")
    await verify(orders, "GET", "/nothing")
    await verify(other, "GET", "/nothing")
    [mine] = await orders.logged()
    auditor = await orders.app.manager(orders.organization, "read_audit")
    assert (await orders.app.call("GET", LOGS, auditor)).json["items"] == [mine]
    theirs = {"resource": other.resource["id"]}
    assert (await orders.app.call("GET", LOGS, auditor, params=theirs)).json["items"] == []
    named = await orders.app.call("GET", LOGS, auditor, params={"organization": other.organization})
    assert (named.status, named.json["code"]) == (404, "unknown_account")
    everything = (await orders.app.call("GET", LOGS)).json["items"]
    assert {mine["organization"], other.organization} <= {call["organization"] for call in everything}


async def test_f31_nobody_reads_the_log_without_read_audit(orders: Guarded) -> None:
    for token in (orders.manager, None):
        assert (await orders.app.call("GET", LOGS, token)).status == 200
    reader = await orders.app.manager(orders.organization, "read_api", "write_api", "read_grant", "decide")
    refused = await orders.app.call("GET", LOGS, reader)
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert (await orders.app.call("GET", LOGS, "")).status == 401
    assert (await orders.app.call("GET", LOGS, orders.token)).status == 401  # meant for another audience


async def test_f31_a_token_may_stand_in_iforms_header(orders: Guarded) -> None:
    reply = await orders.app.call("GET", LOGS, "", headers={"X-Authorization-access_token": orders.manager})
    assert (reply.status, reply.json) == (200, {"items": [], "next": None})


@pytest.mark.parametrize(
    ("name", "value"),
    [("interface", "x"), ("path", "orders"), ("path", "/" + "x" * 1000), ("path", "/\x7f"), ("outcome", "maybe"),
     ("test", "perhaps"), ("since", "now"), ("after", "x"), ("limit", "201"), ("limit", "0"), ("cause", ""),
     ("address", "x" * 201), ("client_id", "ü"), ("user", "1"), ("colour", "red")],
)  # fmt: skip
async def test_f31_a_filter_that_means_nothing_is_refused(app: Running, name: str, value: str) -> None:
    reply = await app.call("GET", LOGS, params={name: value})
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")
