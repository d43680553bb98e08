"""The guard before every call (spec/logto.md section 4): who is turned away, and what they are told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import jwt
import pytest
import pytest_asyncio

from domain.token_family import TokenFamily
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE
from tests.service.doors.account_settings.given import Place, a_place
from tests.service.oauth.administrators import a_console, an_administrator

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = "https://files.test"


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


async def asked(app: Running, token: str = "", **headers: str) -> Reply:
    reply = await app.call("GET", f"/api/users/{uuid4()}", token, headers=headers)
    assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
    return reply


async def test_without_a_token(app: Running) -> None:
    reply = await asked(app)
    assert (reply.status, reply.json["code"]) == (401, "auth.authorization_header_missing")
    assert "data" not in reply.json
    assert "error=" not in reply.headers["WWW-Authenticate"]


async def test_with_credentials_of_another_kind(app: Running) -> None:
    basic = f"Basic {base64.b64encode(b'root:secret').decode()}"
    reply = await asked(app, Authorization=basic)
    assert (reply.status, reply.json["code"]) == (401, "auth.authorization_token_type_not_supported")
    assert reply.json["data"] == {"supportedTypes": ["Bearer"]}


async def test_with_a_token_for_another_audience(app: Running, place: Place) -> None:
    made = await app.application(organization=place.organization, permissions=["all"], audiences=[AUDIENCE, OTHER])
    token = await app.token(made["client_id"], made["secrets"][0]["secret"], audience=OTHER)
    reply = await asked(app, token)
    assert (reply.status, reply.json["code"]) == (401, "auth.unauthorized")
    assert reply.json["data"] == {
        "code": "ERR_JWT_CLAIM_VALIDATION_FAILED", "name": "JWTClaimValidationFailed", "claim": "aud",
        "reason": "check_failed",
    }  # fmt: skip
    assert AUDIENCE in reply.json["message"], "which is what to ask for instead"
    assert 'error="invalid_token"' in reply.headers["WWW-Authenticate"]


async def test_with_a_token_whose_time_is_over(app: Running, place: Place) -> None:
    made, text, clock = (
        await app.application(organization=place.organization),
        new_secret(ACCESS_TOKEN),
        app.parts.clock,
    )

    async def command(decision: object) -> None:
        now = clock.now()
        token = TokenFamily.issue(
            id=clock.new_id(), organization=UUID(place.organization), application=UUID(made["id"]), scope="all",
            audience=AUDIENCE, format="opaque", digest=sha256_hex(text), expires_at=now.replace(year=now.year - 1),
            grant_type="client_credentials", now=now.replace(year=now.year - 2),
        )  # fmt: skip
        decision.save(token)

    await app.parts.store.decide(command, Origin(UUID(made["id"]), UUID(place.organization), None, clock.new_id()))
    reply = await asked(app, text)
    assert (reply.status, reply.json["code"]) == (401, "auth.unauthorized")
    assert (reply.json["data"]["code"], reply.json["data"]["claim"]) == ("ERR_JWT_EXPIRED", "exp")


async def test_with_a_token_that_nobody_knows_or_that_was_revoked(app: Running, place: Place) -> None:
    token = await app.manager(place.organization)
    known = jwt.decode(token, options={"verify_signature": False})["jti"]
    assert (await app.call("POST", f"/api/tokens/{known}/revoke", json={})).status == 204
    for presented in (token, "nonsense", "a.b.c"):
        reply = await asked(app, presented)
        assert (reply.status, reply.json["code"]) == (401, "auth.unauthorized")
        told = {"code": "ERR_JWT_INVALID", "name": "JWTInvalid", "claim": None, "reason": "unknown_or_revoked"}
        assert reply.json["data"] == told


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b"])
async def test_with_a_header_that_holds_no_token(app: Running, header: str) -> None:
    reply = await asked(app, Authorization=header)
    assert (reply.status, reply.json["code"]) == (401, "auth.unauthorized")
    assert reply.json["data"]["code"] == "ERR_JWS_INVALID"


async def test_without_the_permission(app: Running, place: Place) -> None:
    made = await place.person()
    reader = await app.manager(place.organization, "read_user")
    writer = await app.manager(place.organization, "write_user")
    for token, method, path, body in (
        (reader, "PATCH", "", {"name": "x"}), (reader, "DELETE", "", None),
        (reader, "PATCH", "/profile", {"profile": {}}), (reader, "PATCH", "/custom-data", {"customData": {}}),
        (reader, "PATCH", "/is-suspended", {"isSuspended": True}), (writer, "GET", "", None),
        (writer, "GET", "/custom-data", None),
    ):  # fmt: skip
        refused = await place.refused(method, f"/{made['id']}{path}", body, token=token)
        assert refused == (403, "auth.forbidden"), (method, path)
    reply = await place.call("DELETE", f"/{made['id']}", token=reader)
    assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
    assert await place.refused("GET", "", token=writer) == (403, "auth.forbidden")
    assert (await place.call("GET", f"/{made['id']}", token=reader)).status == 200


async def test_with_all_of_a_person_in_their_own_organization(app: Running) -> None:
    admin = await an_administrator(await a_console(app, permissions=["all"]), "read_user", "write_user")
    place = Place(app, str(admin.shop.organization), await admin.token("read_user write_user"))
    made = await place.person(name="Ada")
    assert (await place.changed(made["id"], name="Grace"))["name"] == "Grace"
    recorded = await app.events(topic="user.renamed", subject=made["id"])
    assert recorded[0]["actor"] == str(admin.browser.user)
    assert recorded[0]["client"] == admin.shop.document["id"]
    stranger = await (await a_place(app)).person()
    assert await place.refused("GET", f"/{stranger['id']}") == (404, "entity.not_found")


async def test_what_was_taken_away_is_gone_at_the_next_call(app: Running) -> None:
    organization = await app.organization()
    made = await app.application(organization=organization, permissions=["all"])
    place = Place(app, organization, await app.token(made["client_id"], made["secrets"][0]["secret"]))
    person = await place.person()
    assert (await app.call("PATCH", f"/api/applications/{made['id']}", json={"permissions": []})).status == 200
    assert await place.refused("GET", f"/{person['id']}") == (403, "auth.forbidden")
    assert (await app.call("POST", f"/api/applications/{made['id']}/disable", json={})).status == 200
    assert await place.refused("GET", f"/{person['id']}") == (401, "auth.unauthorized")
