"""Why calls are refused, each reason once, in the order of spec/iform.md section 2; and what upstreams are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from service.access.causes import CAUSES
from tests.app_fixture import AUDIENCE as MANAGEMENT
from tests.service.access.asked import identity, told, verify
from tests.service.access.guarded import AUDIENCE, Guarded, guarded

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATES = {
    "submit_limited": 6010106, "frequency_exceeded": 6010105, "token_expired": 6020301,
    **dict.fromkeys(("token_missing", "invalid_request", "invalid_token", "wrong_audience"), 6020201),
}  # fmt: skip


def refused(reply: Reply, status: int, code: str) -> bool:
    """Say whether an answer refuses a call for this reason, in all that it says; and lets nobody be taken for known."""
    problem = reply.json
    assert (reply.status, problem["code"]) == (status, code), reply.text
    assert problem["state"] == STATES.get(code, 6010104)
    assert problem["status"] == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert [name for name in reply.headers if name.startswith("Muniment-")] == ["Muniment-Refusal"]
    assert reply.headers["Muniment-Refusal"] == code
    return True


async def changed(app: Running, method: str, path: str, **body: Any) -> Reply:
    reply = await app.call(method, path, json=body)
    assert reply.status in {200, 201, 204}, reply.text
    return reply


async def test_a_granted_call_passes_and_the_upstream_is_told_who_calls(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(identifier="listOrders", path="/orders")
    reply = await verify(firm, "GET", "/orders?page=2")
    assert (reply.status, reply.text) == (200, "")
    assert identity(reply) == {
        "Client-Id": firm.client["client_id"],
        "Application": firm.client["id"],
        "User": "",
        "Account": "",
        "Scope": "",
        "Interface": "listOrders",
        "Request-Id": reply.headers["X-Request-Id"],
    }
    assert reply.headers["Cache-Control"] == "no-store"


async def test_the_upstream_is_told_of_the_person_and_the_scope(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    user = await app.made(f"/api/applications/{firm.client['id']}/users", {"status": "active"})
    token = await app.issued(firm.client, scope="openid orders:read", user=user["id"], audience=AUDIENCE)
    who = identity(await verify(firm, "GET", "/orders", token))
    assert (who["User"], who["Scope"], who["Application"]) == (user["id"], "openid orders:read", firm.client["id"])
    await changed(app, "PATCH", f"/api/users/{user['id']}/is-suspended", isSuspended=True)
    assert refused(await verify(firm, "GET", "/orders", token), 401, "invalid_token")


async def test_what_no_interface_answers_is_refused(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    for method, path in (
        ("POST", "/orders"),
        ("GET", "/orders/"),
        ("GET", "/"),
        ("OPTIONS", "/orders"),
        ("get", "/orders"),
    ):
        assert refused(await verify(firm, method, path), 403, "unknown_interface")
    assert told(await verify(firm, "HEAD", "/orders")) == (200, None)


@pytest.mark.parametrize(
    "path", ["/a/../orders", "/orders//", "/%2e%2e/orders", "/orders%2F", "/orders;x", "orders", "*"]
)
async def test_a_path_that_may_be_read_in_several_ways_is_refused(app: Running, path: str) -> None:
    firm = await guarded(app)
    await firm.interface(method="*", path="/{any}", scope="anonymous", granted=False)
    assert refused(await verify(firm, "GET", path), 403, "ambiguous_path")
    assert told(await verify(firm, "GET", "/orders?x=/../;%2F")) == (200, None)


async def test_an_anonymous_interface_needs_no_token_and_looks_at_none(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(identifier="news", path="/news", scope="anonymous", granted=False)
    two = {"headers": {"X-Authorization-access_token": firm.token}}
    for token, more in (("", {}), ("nonsense", {}), (firm.token, {}), (firm.token, two)):
        reply = await verify(firm, "GET", "/news", token, **more)
        assert reply.status == 200
        who = identity(reply)
        assert who.pop("Request-Id")
        assert who == dict.fromkeys(("Client-Id", "Application", "User", "Account", "Scope"), "") | {
            "Interface": "news"
        }


async def test_without_a_token_the_caller_is_asked_for_one(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    for token in ("", "Basic cm9vdDpyb290"):
        headers = {"Authorization": token} if token else {}
        reply = await verify(firm, "GET", "/orders", "", headers=headers)
        assert refused(reply, 401, "token_missing")
        assert reply.headers["WWW-Authenticate"] == 'Bearer realm="muniment"'


async def test_a_token_comes_in_one_header_once(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    iform = {"X-Authorization-access_token": firm.token}
    assert told(await verify(firm, "GET", "/orders", "", headers=iform)) == (200, None)
    assert told(await verify(firm, "GET", "/orders", "", headers={"Authorization": f"bEaReR {firm.token}"})) == (
        200,
        None,
    )
    for token, headers in (
        (firm.token, iform),
        ("", {"Authorization": "Basic eDp5"} | iform),
        ("", {"Authorization": "Bearer "}),
        ("", {"Authorization": f"Bearer {firm.token} {firm.token}"}),
        ("", {"X-Authorization-access_token": f"Bearer {firm.token}"}),
    ):
        reply = await verify(firm, "GET", "/orders", token, headers=headers)
        assert refused(reply, 401, "invalid_request")
        assert 'error="invalid_request"' in reply.headers["WWW-Authenticate"]


async def test_a_token_that_is_unknown_or_has_ended_is_refused(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    elsewhere = await guarded(app)
    secret = firm.client["secrets"][0]["secret"]
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    ended = {"token": firm.token, "client_id": firm.client["client_id"], "client_secret": secret}
    assert (await app.call("POST", "/oauth2/revoke", "", data=ended)).status == 200
    for token in (firm.token, "nonsense", firm.token[:-1], elsewhere.token, app.root, secret):
        reply = await verify(firm, "GET", "/orders", token)
        assert refused(reply, 401, "invalid_token")
        assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


async def test_a_token_whose_application_was_deleted_is_unknown(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    await changed(app, "DELETE", f"/api/applications/{firm.client['id']}")
    assert refused(await verify(firm, "GET", "/orders"), 401, "invalid_token")


async def test_an_opaque_token_is_as_good_as_any(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    token = await app.issued(firm.client, scope="", audience=AUDIENCE)
    assert not token.startswith("ey")
    assert told(await verify(firm, "GET", "/orders", token)) == (200, None)


async def test_a_resource_that_names_an_audience_takes_no_other(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    other = await app.issued(firm.client, scope="", audience="https://elsewhere.test")
    assert told(await verify(firm, "GET", "/orders", other)) == (200, None)
    await changed(app, "PATCH", f"/api/api-resources/{firm.resource['id']}", audience=AUDIENCE)
    reply = await verify(firm, "GET", "/orders", other)
    assert refused(reply, 401, "wrong_audience")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]
    assert told(await verify(firm, "GET", "/orders")) == (200, None)


@pytest.mark.parametrize("audience", [None, MANAGEMENT])
async def test_a_token_that_opens_the_management_interface_reaches_no_other_service(
    app: Running, audience: str | None
) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    if audience is not None:
        await changed(app, "PATCH", f"/api/api-resources/{firm.resource['id']}", audience=audience)
    for scope, code in (("openid", None), ("read_user", "wrong_audience"), ("openid decide", "wrong_audience")):
        token = await app.issued(firm.client, scope=scope, audience=MANAGEMENT)
        reply = await verify(firm, "GET", "/orders", token)
        assert told(reply)[1] == code, scope
    assert refused(reply, 401, "wrong_audience")
    named = await app.issued(firm.client, scope="read_user", audience="https://elsewhere.test")
    assert told(await verify(firm, "GET", "/orders", named))[1] == (None if audience is None else "wrong_audience")


async def test_an_application_that_is_disabled_calls_nothing(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    await changed(app, "POST", f"/api/applications/{firm.client['id']}/disable")
    assert refused(await verify(firm, "GET", "/orders"), 403, "client_not_effective")
    await changed(app, "POST", f"/api/applications/{firm.client['id']}/enable")
    assert told(await verify(firm, "GET", "/orders")) == (200, None)


async def third_party(firm: Guarded, *kinds: str, **approval: Any) -> tuple[Any, str]:
    """Return an approved third party and a token of it."""
    body = {
        "name": "Shop", "identifier": f"shop_{uuid4().hex}", "domain": "shop.test", "scope_kinds": list(kinds),
        "grant_types": ["client"],
    }  # fmt: skip
    made = await firm.app.made("/api/third-parties", body, firm.manager)
    await changed(firm.app, "POST", f"/api/third-parties/{made['id']}/approve", **approval)
    return made, await firm.app.issued(made, scope="", audience=AUDIENCE)


async def test_a_third_party_that_only_signs_people_in_calls_nothing(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    _, token = await third_party(firm, "sso")
    assert refused(await verify(firm, "GET", "/orders", token), 403, "interface_calls_not_granted")
    _, token = await third_party(firm, "sso", "api")
    assert refused(await verify(firm, "GET", "/orders", token), 403, "grant_missing")


async def test_a_third_party_calls_what_it_was_granted_while_it_is_in_effect(timed: tuple[Running, FakeClock]) -> None:
    app, _ = timed
    firm = await guarded(app)
    interface = await firm.interface(path="/orders")
    made, token = await third_party(firm, "api")
    firm.client = made
    await firm.grant(interface)
    assert told(await verify(firm, "GET", "/orders", token)) == (200, None)
    await changed(app, "POST", f"/api/third-parties/{made['id']}/reject", reason="Unknown company")
    code = told(await verify(firm, "GET", "/orders", token))
    assert code == (401, "invalid_token"), "rejecting ends its tokens"
    token = await app.issued(made, scope="", audience=AUDIENCE)
    assert refused(await verify(firm, "GET", "/orders", token), 403, "client_not_effective")


async def test_without_a_grant_that_is_in_force_nothing_passes(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    firm = await guarded(app)
    interface = await firm.interface(path="/orders", granted=False)
    assert refused(await verify(firm, "GET", "/orders"), 403, "grant_missing")
    asked = {"application": firm.client["id"], "interfaces": [{"interface": interface["id"]}]}
    [grant] = (await app.made("/api/interface-grants", asked, firm.manager))["requested"]
    path = f"/api/interface-grants/{grant['id']}"
    assert refused(await verify(firm, "GET", "/orders"), 403, "grant_pending")
    await changed(app, "POST", f"{path}/reject", reason="Not now")
    assert refused(await verify(firm, "GET", "/orders"), 403, "grant_rejected")
    await app.made("/api/interface-grants", asked, firm.manager)
    until = clock.now() + timedelta(minutes=2)
    await changed(app, "POST", f"{path}/approve", expires_at=until.isoformat())
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    clock.move(timedelta(minutes=2) - timedelta(microseconds=1))
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    clock.move(timedelta(microseconds=1))
    assert refused(await verify(firm, "GET", "/orders"), 403, "grant_expired")
    await changed(app, "DELETE", path)
    assert refused(await verify(firm, "GET", "/orders"), 403, "grant_missing")


async def test_a_token_is_refused_from_its_expiry_on(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    firm = await guarded(app)
    await firm.interface(path="/orders")
    token = await app.issued(firm.client, scope="", audience=AUDIENCE)  # for five minutes
    clock.move(timedelta(minutes=5) - timedelta(microseconds=1))
    assert told(await verify(firm, "GET", "/orders", token)) == (200, None)
    clock.move(timedelta(microseconds=1))
    reply = await verify(firm, "GET", "/orders", token)
    assert refused(reply, 401, "token_expired")
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


async def test_calls_that_change_something_are_refused_where_the_interface_says_so(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(method="*", path="/orders", submit_limited=True)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert told(await verify(firm, method, "/orders")) == (200, None)
    for method in ("POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get"):
        assert refused(await verify(firm, method, "/orders"), 403, "submit_limited")


async def test_an_organization_lets_nothing_be_changed_while_its_switch_is_on(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(method="*", path="/orders")
    await firm.interface(method="POST", path="/news", scope="anonymous", granted=False)
    settings = f"/api/organizations/{firm.organization}/settings"
    await changed(app, "PUT", settings, submit_limited=True)
    assert refused(await verify(firm, "POST", "/orders"), 403, "submit_limited")
    assert refused(await verify(firm, "POST", "/news", ""), 403, "submit_limited")
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    await changed(app, "PUT", settings, submit_limited=False)
    assert told(await verify(firm, "POST", "/orders")) == (200, None)


async def test_of_several_reasons_the_first_in_order_is_told(timed: tuple[Running, FakeClock]) -> None:
    """Everything is wrong at first; what is told is mended, one after the other, until the call passes."""
    app, clock = timed
    firm = await guarded(app)
    made, _ = await third_party(firm, "api")
    firm.client = made
    token = await app.issued(made, scope="", audience="https://elsewhere.test")
    settings = f"/api/organizations/{firm.organization}/settings"
    await changed(app, "PUT", settings, submit_limited=True)
    await changed(app, "PATCH", f"/api/api-resources/{firm.resource['id']}", audience=AUDIENCE)
    heard = []

    async def asked(path: str, with_token: str) -> None:
        heard.append(told(await verify(firm, "POST", path, with_token))[1])

    await asked("/orders//", "nonsense")
    await asked("/orders", "nonsense")
    interface = await firm.interface(method="POST", path="/orders", granted=False)
    await asked("/orders", "")
    await asked("/orders", "nonsense")
    await asked("/orders", token)
    token = await app.issued(made, scope="", audience=AUDIENCE)
    await asked("/orders", token)
    grant = await firm.grant(interface, frequency=1)
    await asked("/orders", token)  # counted, though it is refused
    await asked("/orders", token)
    clock.move(timedelta(minutes=1))
    await changed(app, "PUT", settings, submit_limited=False)
    await asked("/orders", token)
    await changed(app, "DELETE", f"/api/interface-grants/{grant}")
    await changed(app, "POST", f"/api/third-parties/{made['id']}/reject", reason="Unknown company")
    await asked("/orders", await app.issued(made, scope="", audience=AUDIENCE))
    assert heard == [
        "ambiguous_path", "unknown_interface", "token_missing", "invalid_token", "wrong_audience", "grant_missing",
        "submit_limited", "frequency_exceeded", None, "client_not_effective",
    ]  # fmt: skip


async def test_every_cause_has_a_code_of_its_own_and_speaks_of_the_call() -> None:
    assert len({cause.code for cause in CAUSES}) == len(CAUSES)
    assert {cause.status for cause in CAUSES} == {401, 403, 429}
    assert all(STATES.get(cause.code, 6010104) == cause.state for cause in CAUSES)
