"""POST /oauth2/device_authorization: who may let a device wait, for what, and under which codes (RFC 8628 3.1, 3.2)."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from domain.grant_types import DEVICE_CODE
from service.secrets.digests import has_checksum, sha256_hex
from service.secrets.user_codes import read
from tests.service.oauth.asking import ISSUER, basic, error
from tests.service.oauth.persons import an_app, credentials

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.oauth.asking import Back

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/oauth2/device_authorization"


async def ask(app: Running, back: Back, **form: str) -> Reply:
    return await app.call("POST", PATH, "", data={**credentials(back), **form})


async def rows(app: Running, back: Back) -> list[Any]:
    query = "SELECT * FROM models.device_authorizations WHERE application = $1::text::uuid ORDER BY position"
    return await app.parts.store.pool.fetch(query, back.id)


async def test_a_device_gets_a_code_to_keep_and_one_to_show(app: Running) -> None:
    organization = await app.organization()
    tv = await an_app(app, organization, kind="native")
    reply = await ask(app, tv, scope="openid profile")
    assert reply.status == 200
    told = reply.json
    assert told["device_code"].startswith("mun_dc_")
    assert has_checksum(told["device_code"])
    assert read(told["user_code"]) == told["user_code"].replace("-", "")
    assert told["verification_uri"] == f"{ISSUER}/device"
    assert told["verification_uri_complete"] == f"{ISSUER}/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)
    assert (reply.headers["Cache-Control"], reply.headers["Pragma"]) == ("no-store", "no-cache")
    [row] = await rows(app, tv)
    assert (str(row["organization"]), row["scope"], row["audience"]) == (organization, "openid profile", ISSUER)
    assert (row["status"], row["digest"], row["position"]) == (
        "pending",
        sha256_hex(told["device_code"]),
        reply.position,
    )


async def test_neither_code_is_in_the_log(app: Running) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    told = (await ask(app, tv)).json
    states = await app.parts.store.pool.fetch("SELECT state FROM muniment.events WHERE topic = 'device.requested'")
    logged = b"".join(row["state"] for row in states)
    assert sha256_hex(told["device_code"]).encode() in logged
    for secret in (told["device_code"], told["user_code"], told["user_code"].replace("-", "")):
        assert secret.encode() not in logged
        assert sha256_hex(secret).encode() not in logged or secret == told["device_code"]


@pytest.mark.parametrize("kind", ["web", "native", "spa"])
async def test_every_kind_that_names_the_grant_may_ask(app: Running, kind: str) -> None:
    back = await an_app(app, await app.organization(), kind=kind, grant_types=[DEVICE_CODE])
    assert (await ask(app, back)).status == 200
    if back.secret:
        reply = await app.call("POST", PATH, "", headers=basic(back.client_id, back.secret))
        assert reply.status == 200
        reply = await app.call("POST", PATH, "", json=credentials(back))
        assert reply.status == 200


@pytest.mark.parametrize("kind", ["web", "spa", "machine"])
async def test_others_may_not(app: Running, kind: str) -> None:
    back = await an_app(app, await app.organization(), kind=kind)
    assert error(await ask(app, back)) == (400, "unauthorized_client")
    assert await rows(app, back) == []


async def test_a_confidential_client_proves_itself(app: Running) -> None:
    back = await an_app(app, await app.organization(), grant_types=[DEVICE_CODE])
    for form in ({"client_id": back.client_id}, {"client_id": back.client_id, "client_secret": "x"}):
        assert error(await app.call("POST", PATH, "", data=form)) == (401, "invalid_client")
    reply = await app.call("POST", PATH, "", headers=basic(back.client_id, "x"))
    assert error(reply) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    assert await rows(app, back) == []


async def test_nobody_asks_without_a_name(app: Running) -> None:
    reply = await app.call("POST", PATH, "", data={"scope": "openid"})
    assert error(reply) == (401, "invalid_client")
    assert error(await app.call("POST", PATH, "", data={"client_id": "nobody"})) == (401, "invalid_client")
    tv = await an_app(app, await app.organization(), kind="native")
    assert error(await ask(app, tv, client_secret="x")) == (401, "invalid_client")


async def test_an_application_or_organization_out_of_use_is_not_served(app: Running) -> None:
    organization = await app.organization()
    tv, other = await an_app(app, organization, kind="native"), await an_app(app, organization, kind="native")
    assert (await app.call("POST", f"/api/applications/{tv.id}/disable", json={})).status == 200
    assert error(await ask(app, tv)) == (401, "invalid_client")
    assert (await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})).status == 200
    assert error(await ask(app, other)) == (401, "invalid_client")


async def test_what_is_asked_for_is_what_the_client_may_have_for_people(app: Running) -> None:
    tv = await an_app(app, await app.organization(), kind="native", permissions=["films"])
    path = f"/api/applications/{tv.id}"
    assert (await app.call("PATCH", path, json={"audiences": ["https://films.test"]})).status == 200
    assert (await ask(app, tv, scope="films openid root read_user", resource="https://films.test")).status == 200
    assert (await rows(app, tv))[-1]["scope"] == "films openid"
    assert error(await ask(app, tv, scope="root read_user")) == (400, "invalid_scope")
    assert error(await ask(app, tv, audience="https://other.test")) == (400, "invalid_target")
    both = {"audience": "https://films.test", "resource": "https://other.test"}
    assert error(await ask(app, tv, **both)) == (400, "invalid_request")
    assert len(await rows(app, tv)) == 1


async def test_empty_parameters_count_as_left_out(app: Running) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    empty = dict.fromkeys(("scope", "audience", "resource", "client_secret", "client_assertion", "unheard_of"), "")
    assert (await ask(app, tv, **empty)).status == 200
    assert (await rows(app, tv))[0]["scope"] == "openid profile email"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"client_id=a&client_id=b", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"client_id=%ff", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b'{"client_id": 1}', {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (b"client_id=a", {"Content-Type": "text/plain"}, 415),
        (b"client_id=" + b"a" * 70_000, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    app: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    reply = await app.call("POST", PATH, "", data=body, headers=headers)
    assert error(reply) == (status, "invalid_request")


async def test_devices_that_ask_at_once_get_codes_of_their_own(app: Running) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    told = [reply.json for reply in await asyncio.gather(*(ask(app, tv) for _ in range(8)))]
    assert len({one["device_code"] for one in told}) == len({one["user_code"] for one in told}) == 8
    assert len(await rows(app, tv)) == 8


async def test_a_code_that_another_device_waits_under_is_not_given_again(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    codes = iter(["BCDFGHJK", "BCDFGHJK", "KJHGFDCB"])
    monkeypatch.setattr("service.secrets.user_codes.new_code", lambda: next(codes))
    assert [(await ask(app, tv)).json["user_code"] for _ in range(2)] == ["BCDF-GHJK", "KJHG-FDCB"]


async def test_who_fills_the_log_in_a_public_clients_name_is_held_back(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = itertools.cycle(["2001:db8::1", "2001:db8::2:ffff"])  # one subscriber's
    monkeypatch.setattr("service.oauth.device_authorization_endpoint.client_address", lambda _: next(addresses))
    organization = await app.organization()
    tv = await an_app(app, organization, kind="native")
    replies = [await ask(app, tv) for _ in range(61)]
    assert {reply.status for reply in replies[:60]} == {200}
    assert error(replies[60]) == (429, "slow_down")
    assert int(replies[60].headers["Retry-After"]) >= 1
    back = await an_app(app, organization, grant_types=[DEVICE_CODE])
    assert (await ask(app, back)).status == 200  # it has proved itself, and has a rate limit of its own


async def test_a_client_that_changes_meanwhile_is_judged_again(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    issuer = app.parts.issuer
    authenticate = type(issuer).authenticate

    async def disabled_afterwards(self: Any, *args: Any, **more: Any) -> Any:
        client = await authenticate(self, *args, **more)
        assert (await app.call("POST", f"/api/applications/{tv.id}/disable", json={})).status == 200
        return client

    monkeypatch.setattr(type(issuer), "authenticate", disabled_afterwards)
    assert error(await ask(app, tv)) == (401, "invalid_client")
    assert await rows(app, tv) == []


async def test_the_request_is_on_record_with_its_client(app: Running) -> None:
    tv = await an_app(app, await app.organization(), kind="native")
    reply = await ask(app, tv)
    [event] = [event for event in await app.events(topic="device.requested") if event["position"] == reply.position]
    assert (event["client"], event["actor"]) == (tv.id, tv.id)
