"""What a token holds: the audience, scopes and lifetime its client may have, verifiable by whoever finds the keys."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

import jwt
import pytest
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from tests.app_fixture import AUDIENCE, ROOT_SECRET, Running
from tests.service.oauth.asking import INTROSPECT, ISSUER, ask, back_end, claims, error, introspected, issued

if TYPE_CHECKING:
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.test/api"
PERMISSIONS = ["read_user", "write_user", "read_app"]


async def scope(app: Running, held: list[str], asked: str | None, audience: str = AUDIENCE) -> str | tuple[int, str]:
    """Return the scope granted of what was asked, or the refusal."""
    back = await back_end(app, permissions=held, audiences=[AUDIENCE, ELSEWHERE])
    body = {"grant_type": "client_credentials", **back.credentials, "audience": audience}
    reply = await app.call("POST", "/oauth2/token", "", json=body if asked is None else {**body, "scope": asked})
    if reply.status != 200:
        return error(reply)
    assert claims(reply.json["access_token"])["scope"] == reply.json["scope"]
    return reply.json["scope"]


async def test_a_jwt_is_verified_by_pyjwt_with_the_published_keys(app: Running) -> None:
    back = await back_end(app, permissions=PERMISSIONS)
    before = int(time.time())
    reply = await ask(app, **back.credentials, scope="read_user")
    token = reply.json["access_token"]
    keys = jwt.PyJWKSet.from_dict((await app.call("GET", "/.well-known/jwks.json", "")).json)
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": header["kid"]}
    required = {"require": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]}
    inside = jwt.decode(
        token, keys[header["kid"]], algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=required
    )
    assert inside.keys() == {"iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti"}
    assert inside["sub"] == inside["client_id"] == back.client_id
    assert inside["aud"] == AUDIENCE
    assert inside["scope"] == "read_user"
    assert before <= inside["iat"] <= time.time()
    assert inside["exp"] - inside["iat"] == reply.json["expires_in"] == 3600


async def test_a_jwt_is_what_authlib_takes_for_an_access_token(app: Running) -> None:
    keys = KeySet.import_key_set((await app.call("GET", "/.well-known/jwks.json", "")).json)
    token = await app.token("root", ROOT_SECRET, scope="read_user write_user")
    decoded = joserfc_jwt.decode(token, keys)
    assert decoded.header["typ"] == "at+jwt"

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self) -> KeySet:
            return keys

    validator = Validator(issuer=ISSUER, resource_server=AUDIENCE)
    found = validator.authenticate_token(token)
    validator.validate_token(found, ["read_user"], request=None)
    assert found["client_id"] == "root"


async def test_an_opaque_token_tells_nothing_and_works_alike(app: Running) -> None:
    back = await back_end(app, token_format="opaque", permissions=PERMISSIONS, access_token_lifetime=60)
    reply = await ask(app, **back.credentials)
    token = reply.json["access_token"]
    assert token.startswith("mun_at_")
    assert "." not in token
    assert reply.json["expires_in"] == 60
    told = await introspected(app, back, token)
    assert told["active"]
    assert told["scope"] == "read_app read_user write_user"
    assert (await app.call("GET", "/api/applications", token)).status == 200


async def test_no_token_is_kept_in_plain_form(app: Running) -> None:
    back = await back_end(app)
    token = await issued(app, back)
    rows = await app.parts.store.pool.fetch("SELECT * FROM tokens WHERE application = $1", back.id)
    assert [row["digest"] for row in rows] == [hashlib.sha256(token.encode()).digest()]
    events = await app.parts.store.pool.fetch("SELECT state FROM muniment.token_events")
    assert not any(token in str(row["state"]) or back.secret in str(row["state"]) for row in events)


async def test_without_a_scope_a_token_holds_all_that_its_client_holds(app: Running) -> None:
    assert await scope(app, PERMISSIONS, None) == "read_app read_user write_user"
    assert await scope(app, [], None) == ""


async def test_the_granted_scope_is_what_was_asked_and_is_held_in_the_order_asked(app: Running) -> None:
    assert await scope(app, PERMISSIONS, "write_user read_user") == "write_user read_user"
    assert await scope(app, PERMISSIONS, "root write_user all read_role read_user") == "write_user read_user"
    assert await scope(app, PERMISSIONS, " read_user  read_user ") == "read_user"
    assert await scope(app, ["invoices:read"], "invoices:read invoices:write") == "invoices:read"


async def test_when_nothing_of_what_was_asked_remains_there_is_no_token(app: Running) -> None:
    for asked in ("root", "READ_USER", "read_user\u00a0", "read\tuser", "read_user,write_user", "*", "\uff52ead_user"):
        assert await scope(app, PERMISSIONS, asked) == (400, "invalid_scope"), asked
    assert await scope(app, [], "read_user") == (400, "invalid_scope")
    for blank in (" ", "    "):
        assert await scope(app, PERMISSIONS, blank) == (400, "invalid_scope")


async def test_the_wildcards_cover_permissions_and_nothing_else(app: Running) -> None:
    assert await scope(app, ["all"], "read_user approve_grant all") == "read_user approve_grant all"
    assert await scope(app, ["all"], "root") == (400, "invalid_scope")
    assert await scope(app, ["all"], "invoices:read") == (400, "invalid_scope")
    assert await scope(app, ["root"], "all read_user root") == "all read_user root"
    assert await scope(app, ["root"], "invoices:read") == (400, "invalid_scope")
    assert await scope(app, ["root"], None) == "root"


async def test_a_long_list_of_scopes_is_refused_and_costs_little(app: Running) -> None:
    many = [f"scope{number}" for number in range(200)]
    assert await scope(app, [], " ".join(many)) == (400, "invalid_scope")
    assert await scope(app, ["read_user"], " ".join([*many[:199], "read_user"])) == "read_user"
    assert await scope(app, ["read_user"], " ".join([*many, "read_user"])) == (400, "invalid_scope")
    started = time.perf_counter()
    assert await scope(app, ["read_user"], "x " * 8000) == (400, "invalid_scope")
    assert time.perf_counter() - started < 5


async def test_an_approved_grant_opens_its_audience_with_its_scope_alone(app: Running) -> None:
    back = await back_end(app, permissions=["read_user"])
    assert error(await ask(app, **back.credentials, audience=ELSEWHERE)) == (400, "invalid_target")
    grant = await app.made(
        "/api/grants", {"application": back.id, "audience": ELSEWHERE, "scope": ["invoices:read", "invoices:write"]}
    )
    assert error(await ask(app, **back.credentials, audience=ELSEWHERE)) == (400, "invalid_target")
    manager = await app.manager(back.document["organization"], "all", "root")
    assert (await app.call("POST", f"/api/grants/{grant['id']}/approve", manager, json={})).status == 200
    assert (await ask(app, **back.credentials, audience=ELSEWHERE)).json["scope"] == "invoices:read invoices:write"
    asked = await ask(app, **back.credentials, audience=ELSEWHERE, scope="invoices:write read_user")
    assert asked.json["scope"] == "invoices:write"
    assert (await ask(app, **back.credentials, scope="invoices:write")).status == 400
    assert (await app.call("POST", f"/api/grants/{grant['id']}/revoke", manager, json={})).status == 200
    assert error(await ask(app, **back.credentials, audience=ELSEWHERE)) == (400, "invalid_target")


async def test_a_change_of_the_application_counts_from_its_answer_on(app: Running) -> None:
    back = await back_end(app, permissions=["read_user"])
    assert (await ask(app, **back.credentials, scope="read_user")).status == 200
    change = {"permissions": ["write_user"], "audiences": [ELSEWHERE], "access_token_lifetime": 120}
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json=change)).status == 200
    assert error(await ask(app, **back.credentials)) == (400, "invalid_target")
    reply = await ask(app, **back.credentials, audience=ELSEWHERE)
    assert (reply.json["scope"], reply.json["expires_in"]) == ("write_user", 120)


async def test_a_token_is_used_until_its_expiry_and_not_at_it(timed: tuple[Running, FakeClock]) -> None:
    app, clock = timed
    back = await back_end(app, permissions=["read_app"], access_token_lifetime=60)
    reply = await ask(app, **back.credentials)
    token = reply.json["access_token"]
    end = claims(token)["exp"]
    clock.move(-(clock.now() - clock.now().fromtimestamp(end - 1, tz=clock.now().tzinfo)))
    assert clock.now().timestamp() == end - 1
    assert (await introspected(app, back, token))["exp"] == end
    assert (await app.call("GET", "/api/applications", token)).status == 200
    clock.move(clock.now().fromtimestamp(end, tz=clock.now().tzinfo) - clock.now())
    assert await introspected(app, back, token) == {"active": False}
    assert (await app.call("GET", "/api/applications", token)).status == 401


async def test_every_token_is_an_event_with_its_client_and_request(app: Running) -> None:
    back = await back_end(app)
    reply = await ask(app, **back.credentials)
    event = (await app.events(client=back.id))[0]
    assert event["topic"] == "token.issued"
    assert event["position"] == reply.position
    assert event["request_id"] == reply.headers["X-Request-Id"]
    assert event["actor"] == back.id
    assert event["stream"] == claims(reply.json["access_token"])["jti"]
    assert json.dumps(event).count(reply.json["access_token"]) == 0


async def test_lifetimes_reach_from_a_minute_to_a_day(app: Running) -> None:
    for lifetime in (60, 86_400):
        back = await back_end(app, access_token_lifetime=lifetime)
        token = await issued(app, back)
        assert claims(token)["exp"] - claims(token)["iat"] == lifetime
        reply = await app.call("POST", INTROSPECT, "", data={**back.credentials, "token": token})
        assert reply.json["exp"] == claims(token)["exp"]
