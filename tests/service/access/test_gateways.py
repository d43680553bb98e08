"""Who may ask, and how: what is wrong with a gateway's question is never told as if it were the call's fault."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import structlog.testing

from tests.app_fixture import AUDIENCE as MANAGEMENT
from tests.service.access.asked import GATEWAY, METHOD, URI, VERIFY, basic, by_wire, identity, proof, told, verify
from tests.service.access.guarded import Guarded, guarded

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = {METHOD: "GET", URI: "/orders"}


async def a_firm(app: Running) -> Guarded:
    """Return a firm whose client may call `GET /orders`."""
    firm = await guarded(app)
    await firm.interface(identifier="listOrders", path="/orders")
    return firm


def turned_away(reply: Reply, code: str) -> bool:
    """Say whether the gateway was turned away for this reason, in a way that no gateway takes for an answer."""
    assert (reply.status, reply.json["code"]) == (400, code), reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert "WWW-Authenticate" not in reply.headers
    assert "state" not in reply.json
    assert not [name for name in reply.headers if name.startswith("Muniment-")]
    return True


async def test_a_gateway_that_proves_nothing_is_told_nothing(app: Running) -> None:
    firm, other = await a_firm(app), await a_firm(app)
    client_id, secret = firm.proof
    for header in (
        basic(client_id, "wrong"),
        basic(client_id, other.proof[1]),
        basic("nobody", secret),
        basic(client_id, ""),
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(client_id.encode()).decode(),
        f"Bearer {firm.token}",
        firm.token,
        basic(client_id, secret) + "x",
        basic(firm.client["client_id"], firm.client["secrets"][0]["secret"][:-1]),
    ):
        for token in (firm.token, "", "nonsense"):
            assert turned_away(
                await verify(firm, "GET", "/orders", token, headers={GATEWAY: header}), "unknown_gateway"
            )
    assert told(await verify(firm, "GET", "/orders")) == (200, None)


async def test_the_calls_own_authorization_proves_no_gateway(app: Running) -> None:
    firm = await a_firm(app)
    headers = CALL | {"Authorization": basic(*firm.proof)}
    reply = await app.call("GET", VERIFY, "", params={"resource": firm.resource["id"]}, headers=headers)
    assert turned_away(reply, "invalid_question")


@pytest.mark.parametrize("permissions", [[], ["read_app", "write_app", "approve_grant", "read_token"]])
async def test_an_application_without_the_permission_is_no_gateway(app: Running, permissions: list[str]) -> None:
    firm = await a_firm(app)
    firm.gateway = await app.application(organization=firm.organization, permissions=permissions)
    assert turned_away(await verify(firm, "GET", "/orders"), "gateway_not_permitted")


async def test_a_public_application_is_no_gateway(app: Running) -> None:
    firm = await a_firm(app)
    public = await app.application(
        organization=firm.organization, kind="spa", secrets=[], redirect_uris=["https://a.test/"]
    )
    for secret in ("", "x"):
        reply = await verify(firm, "GET", "/orders", headers={GATEWAY: basic(public["client_id"], secret)})
        assert turned_away(reply, "unknown_gateway")


async def test_a_gateway_that_lost_its_right_is_turned_away_at_once(app: Running) -> None:
    firm = await a_firm(app)
    path = f"/api/applications/{firm.gateway['id']}"
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    assert (await app.call("PATCH", path, json={"permissions": []})).status == 200
    assert turned_away(await verify(firm, "GET", "/orders"), "gateway_not_permitted")
    assert (await app.call("PATCH", path, json={"permissions": ["decide"]})).status == 200
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    assert (await app.call("POST", f"{path}/disable")).status in {200, 204}
    assert turned_away(await verify(firm, "GET", "/orders"), "unknown_gateway")
    assert (await app.call("POST", f"{path}/enable")).status in {200, 204}
    secret = firm.gateway["secrets"][0]["id"]
    assert (await app.call("DELETE", f"{path}/secrets/{secret}")).status == 204
    assert turned_away(await verify(firm, "GET", "/orders"), "unknown_gateway")


async def test_another_organizations_resource_does_not_exist(app: Running) -> None:
    firm, other = await a_firm(app), await a_firm(app)
    theirs = await verify(firm, "GET", "/orders", resource=other.resource["id"])
    nothing = await verify(firm, "GET", "/orders", resource=str(uuid4()))
    assert turned_away(theirs, "unknown_resource")
    assert (theirs.status, theirs.text) == (nothing.status, nothing.text)
    assert told(await verify(other, "GET", "/orders")) == (200, None), "and is not remembered as unknown"
    assert turned_away(await verify(firm, "GET", "/orders", resource=other.resource["id"]), "unknown_resource")


async def test_a_deleted_resource_is_unknown_at_once(app: Running) -> None:
    firm = await a_firm(app)
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    path = f"/api/api-resources/{firm.resource['id']}"
    assert (await app.call("DELETE", path, params={"cascade": "true"})).status == 204
    assert turned_away(await verify(firm, "GET", "/orders"), "unknown_resource")


@pytest.mark.parametrize(
    "query",
    [
        "", "resource=", "resource=orders", "resource={hex}", "resource={id}&resource={id}", "resource={id}&test=yes",
        "resource={id}&test=", "resource={id}&headers=x", "resource={id}&more=1", "resource={id}&test=true&test=true",
        "resource={id}&", "resource", "resource={id}%20", "Resource={id}", "resource={id}&x=" + "x" * 300,
    ],
)  # fmt: skip
async def test_a_question_that_its_url_does_not_state_is_refused(app: Running, query: str) -> None:
    firm = await a_firm(app)
    id = firm.resource["id"]
    told = query.format(id=id, hex=id.replace("-", ""))
    headers = [f"{name}: {value}" for name, value in (proof(firm) | CALL).items()]
    status, answer = await by_wire(app, f"GET {VERIFY}?{told}", *headers, f"Authorization: Bearer {firm.token}")
    assert status == 400, answer
    assert b'"invalid_question"' in answer


@pytest.mark.parametrize("missing", [GATEWAY, METHOD, URI])
async def test_a_header_that_is_missing_empty_or_repeated_is_the_gateways_fault(app: Running, missing: str) -> None:
    firm = await a_firm(app)
    headers = {**proof(firm), **CALL}
    value = headers.pop(missing)
    lines = [f"{name}: {told}" for name, told in headers.items()] + [f"Authorization: Bearer {firm.token}"]
    line = f"GET {VERIFY}?resource={firm.resource['id']}"
    for more in ([], [f"{missing}:"], [f"{missing}: {value}"] * 2, [f"{missing}: {value}", f"{missing.lower()}: x"]):
        status, answer = await by_wire(app, line, *lines, *more)
        assert status == 400, answer
        assert b'"invalid_question"' in answer
    assert (await by_wire(app, line, *lines, f"{missing}: {value}"))[0] == 200


async def test_the_url_alone_chooses_the_headers_that_are_read(app: Running) -> None:
    firm = await a_firm(app)
    await firm.interface(identifier="news", path="/news", scope="anonymous", granted=False)
    both = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/news", "X-Test": "true"}
    reply = await verify(firm, "GET", "/orders", headers=both)
    assert identity(reply)["Interface"] == "listOrders"
    reply = await verify(firm, "GET", "/orders", headers=both, query={"headers": "forwarded"})
    assert identity(reply)["Interface"] == "news"
    forwarded = proof(firm) | {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/orders"}
    query = {"resource": firm.resource["id"], "headers": "forwarded"}
    assert (await app.call("GET", VERIFY, firm.token, params=query, headers=forwarded)).status == 200
    del query["headers"]
    assert turned_away(await app.call("GET", VERIFY, firm.token, params=query, headers=forwarded), "invalid_question")


async def test_the_method_of_the_question_itself_says_nothing(app: Running) -> None:
    firm = await a_firm(app)
    headers = proof(firm) | {METHOD: "DELETE", URI: "/orders"}
    for method in ("GET", "POST", "OPTIONS"):
        async with app.client.request(
            method, VERIFY, params={"resource": firm.resource["id"]},
            headers=headers | {"Authorization": f"Bearer {firm.token}"},
        ) as reply:  # fmt: skip
            assert (reply.status, (await reply.json(content_type=None))["code"]) == (403, "unknown_interface")


class Envoy:
    """Asks as Envoy does: with the call's own method, and its path behind the gateway's."""

    def __init__(self, firm: Guarded) -> None:
        self.firm = firm

    async def __call__(self, method: str, path: str, *, kind: str = "verify", **more: Any) -> tuple[int, bytes]:
        firm = self.firm
        headers = proof(firm) | {"Authorization": f"Bearer {firm.token}"} | more.get("headers", {})
        prefix = f"/access/v1/{kind}/{more.get('resource', firm.resource['id'])}"
        return await by_wire(firm.app, f"{method} {prefix}{path}", *(f"{n}: {v}" for n, v in headers.items()))


async def test_envoys_calls_are_judged_by_their_own_method_and_path(app: Running) -> None:
    firm = await a_firm(app)
    await firm.interface(method="DELETE", path="/orders/{id}")
    await firm.interface(method="*", path="/any")
    ask = Envoy(firm)
    assert (await ask("GET", "/orders"))[0] == 200
    assert (await ask("GET", "/orders?resource=x&test=true#"))[0] == 200
    assert (await ask("HEAD", "/orders"))[0] == 200
    assert (await ask("DELETE", "/orders/7"))[0] == 200
    assert (await ask("OPTIONS", "/any"))[0] == 200
    assert (await ask("PROPFIND", "/any"))[0] == 200
    for method, path in (("POST", "/orders"), ("DELETE", "/orders"), ("OPTIONS", "/orders"), ("GET", "/orders/")):
        status, answer = await ask(method, path)
        assert (status, b'"unknown_interface"' in answer) == (403, True)
    misleading = {METHOD: "GET", URI: "/orders", "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/orders"}
    assert (await ask("DELETE", "/orders", headers=misleading))[0] == 403
    assert b'"unknown_interface"' in (await ask("GET", "/"))[1]


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../healthz", "/..", "/../orders", "/a/../orders", "/%2e%2e/orders", "/%2e%2e%2f%2e%2e%2fhealthz",
        "//orders", "/orders%2f", "/orders;x", "/./orders", "/orders\\", "/orders#x", "/orders%00", "/orders%0a",
        "/orders%", "/orders%zz",
    ],
)  # fmt: skip
async def test_no_path_of_a_caller_leads_elsewhere_in_this_service(app: Running, path: str) -> None:
    status, answer = await Envoy(await a_firm(app))("GET", path)
    assert (status, b'"ambiguous_path"' in answer) == (403, True), answer


async def test_envoys_question_names_a_resource_and_a_path(app: Running) -> None:
    firm = await a_firm(app)
    ask = Envoy(firm)
    for resource in ("orders", firm.resource["id"].replace("-", ""), "x" * 36, "%00"):
        assert (await ask("GET", "/orders", resource=resource))[0] == 400
    for resource in ("{" + firm.resource["id"] + "}", "", "/"):  # there is nothing at such a path
        assert (await ask("GET", "/orders", resource=resource))[0] in {400, 404}
    assert (await ask("GET", "?resource=x"))[0] == 404
    headers = [f"{name}: {value}" for name, value in proof(firm).items()]
    path = f"/access/v1/verify/{firm.resource['id']}/orders"
    for line in (f"GET http://muniment.test{path}", f"GET {path.replace('verify', 'verif%79')}"):
        assert (await by_wire(app, line, *headers, f"Authorization: Bearer {firm.token}"))[0] == 400


async def test_envoys_test_calls_have_a_path_of_their_own(app: Running) -> None:
    firm = await guarded(app)
    await firm.grant(await firm.interface(path="/orders", granted=False), frequency=100, test_frequency=1)
    ask = Envoy(firm)
    assert [(await ask("GET", "/orders", kind="test"))[0] for _ in range(2)] == [200, 429]
    assert (await ask("GET", "/orders?test=true"))[0] == 200


async def test_a_gateway_that_is_turned_away_is_recorded_and_warned_of(app: Running) -> None:
    firm = await a_firm(app)
    wrong = basic(firm.proof[0], "wrong")
    with structlog.testing.capture_logs() as lines:
        reply = await verify(firm, "GET", "/orders", headers={GATEWAY: wrong})
    [warned] = [line for line in lines if line["event"] == "gateway_refused"]
    assert (warned["log_level"], warned["code"]) == ("warning", "unknown_gateway")
    assert "wrong" not in str([line for line in lines if "wrong credentials" not in str(line)])
    [refusal] = [one for one in await app.refusals(limit=200) if one["request_id"] == reply.headers["X-Request-Id"]]
    assert (refusal["operation"], refusal["status"], refusal["code"]) == ("verify", 400, "unknown_gateway")
    assert refusal["client"] == firm.proof[0]


async def test_a_call_that_is_judged_leaves_no_line_and_no_refusal(app: Running) -> None:
    firm = await a_firm(app)
    await verify(firm, "GET", "/orders")
    before = len(await app.refusals(limit=200))
    with structlog.testing.capture_logs() as lines:
        assert (await verify(firm, "GET", "/orders")).status == 200
        assert (await verify(firm, "GET", "/orders", "")).status == 401
        assert (await verify(firm, "GET", "/nothing")).status == 403
        assert (await Envoy(firm)("POST", "/orders"))[0] == 403
    assert lines == []
    assert len(await app.refusals(limit=200)) == before


async def test_a_gateway_has_a_rate_limit_that_is_not_the_callers(app: Running) -> None:
    firm = await a_firm(app)
    limited = await app.application(organization=firm.organization, permissions=["decide"], rate_limit=1)
    firm.gateway = limited
    assert told(await verify(firm, "GET", "/orders")) == (200, None)
    reply = await verify(firm, "GET", "/orders")
    assert (reply.status, reply.json["code"]) == (503, "slow_down")
    assert int(reply.headers["Retry-After"]) >= 1


async def test_nothing_is_decided_that_cannot_be_recorded(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    firm = await a_firm(app)
    monkeypatch.setattr(type(app.parts.call_log), "full", True)
    reply = await verify(firm, "GET", "/orders")
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "busy", "1")


async def test_the_root_application_asks_for_its_own_organization_alone(app: Running) -> None:
    firm = await a_firm(app)
    root = {GATEWAY: basic("root", "root-secret-of-the-tests")}
    assert turned_away(await verify(firm, "GET", "/orders", headers=root), "unknown_resource")


async def test_a_management_token_asks_for_nothing(app: Running) -> None:
    firm = await a_firm(app)
    token = await app.token(*firm.proof, audience=MANAGEMENT)
    reply = await verify(firm, "GET", "/orders", headers={GATEWAY: f"Bearer {token}"})
    assert turned_away(reply, "unknown_gateway")
