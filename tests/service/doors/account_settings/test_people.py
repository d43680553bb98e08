"""POST /api/users: people with what they sign in with, as spec/logto.md has them, refused in its words."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from service.commands import accounts
from service.sign_in import SignInRefused
from service.store.decision import Origin

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS = "192.0.2.1"
NOBODY = UUID(int=0)
KEYS = {
    "id", "username", "primaryEmail", "primaryPhone", "name", "avatar", "customData", "identities", "lastSignInAt",
    "createdAt", "updatedAt", "profile", "applicationId", "cimdClientId", "isSuspended", "hasPassword",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app, organization) -> str:
    return await app.manager(organization, "write_user")


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def create(app, token, **body):
    return await app.call("POST", "/api/users", token, json=body)


async def refused(app, token, **body):
    """Return how a person is refused: nothing is written then."""
    before = await head(app)
    reply = await create(app, token, **body)
    assert reply.headers["Cache-Control"] == "no-store"
    assert await head(app) == before
    return reply


async def signed_in(app, organization, identifier, password):
    proved = await app.parts.sign_in.check(
        organization=UUID(organization), identifier=identifier, password=password, address=ADDRESS, device=None
    )
    return str(proved.user)


async def test_a_person_is_shown_as_they_were_made_and_signs_in(app, organization, manager):
    profile = {
        "givenName": "Ada", "familyName": "Lovelace", "nickname": "", "birthdate": "1815-12-10", "locale": "en-GB",
        "website": "https://ada.example", "address": {"locality": "London", "streetAddress": "12 St James's Sq\nFlat"},
    }  # fmt: skip
    body = {
        "username": "Ada_L", "primaryEmail": "ada@example.com", "primaryPhone": "4407400123456", "name": "Ada",
        "password": "correct horse", "avatar": "https://cdn.example/ada.png", "profile": profile,
        "customData": {"tier": 1, "tags": [{"a": None}]}, "nobodyKnowsThis": True,
    }  # fmt: skip
    reply = await create(app, manager, **body)
    assert reply.status == 200, reply.text
    made = reply.json
    assert set(made) == KEYS
    assert made == {
        "id": made["id"], "username": "Ada_L", "primaryEmail": "ada@example.com", "primaryPhone": "447400123456",
        "name": "Ada", "avatar": "https://cdn.example/ada.png", "customData": {"tier": 1, "tags": [{"a": None}]},
        "identities": {}, "lastSignInAt": None, "createdAt": made["createdAt"], "updatedAt": made["createdAt"],
        "profile": {name: value for name, value in profile.items() if value}, "applicationId": None,
        "cimdClientId": None, "isSuspended": False, "hasPassword": True,
    }  # fmt: skip
    assert abs(made["createdAt"] / 1000 - app.parts.clock.now().timestamp()) < 60
    for name in ("ada_l", "ADA@example.com"):
        assert await signed_in(app, organization, name, "correct horse") == made["id"]
    with pytest.raises(SignInRefused):
        await signed_in(app, organization, "ada_l", "Correct horse")
    shown = await app.call("GET", f"/api/users/{made['id']}", await app.manager(organization))
    assert shown.json == made | {"lastSignInAt": shown.json["lastSignInAt"]}


async def test_nothing_has_to_be_given(app, manager):
    made = (await create(app, manager)).json
    empty = {name: made[name] for name in KEYS - {"id", "createdAt", "updatedAt"}}
    assert empty == {
        "username": None, "primaryEmail": None, "primaryPhone": None, "name": None, "avatar": None, "customData": {},
        "identities": {}, "lastSignInAt": None, "profile": {}, "applicationId": None, "cimdClientId": None,
        "isSuspended": False, "hasPassword": False,
    }  # fmt: skip
    nulls = dict.fromkeys(("username", "primaryEmail", "primaryPhone", "password", "name", "customData", "profile"))
    again = (await create(app, manager, **nulls, avatar="")).json
    assert {name: again[name] for name in empty} == empty


async def test_root_may_say_in_which_organization_and_nobody_else(app, organization, manager):
    made = await create(app, app.root, organizationId=organization, name="Ada")
    assert made.status == 200
    assert (await app.call("GET", f"/api/users/{made.json['id']}", await app.manager(organization))).status == 200
    assert (await create(app, manager, organizationId=organization)).status == 200
    other = await app.organization()
    for token, named in ((manager, other), (manager, str(uuid4())), (app.root, str(uuid4()))):
        reply = await refused(app, token, organizationId=named)
        assert (reply.status, reply.json["code"]) == (404, "entity.not_found")


@pytest.mark.parametrize(
    ("body", "wanted", "code"),
    [
        ({"username": "taken"}, {"username": "TAKEN"}, "user.username_already_in_use"),
        ({"primaryEmail": "taken@example.com"}, {"primaryEmail": "Taken@Example.com"}, "user.email_already_in_use"),
        ({"primaryPhone": "447400123457"}, {"primaryPhone": "4407400123457"}, "user.phone_already_in_use"),
    ],
)
async def test_what_is_taken_is_refused(app, manager, body, wanted, code):
    assert (await create(app, manager, **body)).status == 200
    reply = await refused(app, manager, **wanted, name="Eve")
    assert (reply.status, reply.json["code"]) == (422, code)


async def test_of_two_at_once_one_gets_the_name(app, manager):
    replies = await asyncio.gather(*(create(app, manager, username="both") for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 422, 422, 422]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"username": "1a"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "\u00e4"}, "username"),
        ({"username": ""}, "username"),
        ({"username": 7}, "username"),
        ({"primaryEmail": "nobody"}, "primaryEmail"),
        ({"primaryEmail": "a@b@c.example"}, "primaryEmail"),
        ({"primaryPhone": "+447400123456"}, "primaryPhone"),
        ({"password": ""}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"passwordDigest": "x" * 257, "passwordAlgorithm": "SHA1"}, "passwordDigest"),
        ({"passwordDigest": "x", "passwordAlgorithm": "ROT13"}, "passwordAlgorithm"),
        ({"name": "a\u202eb"}, "name"),
        ({"avatar": "javascript:alert(1)"}, "avatar"),
        ({"avatar": "/ada.png"}, "avatar"),
        ({"customData": []}, "customData"),
        ({"customData": "x"}, "customData"),
        ({"profile": {"givenName": 1}}, "profile.givenName"),
        ({"profile": {"givenName": None}}, "profile.givenName"),
        ({"profile": {"locale": "?"}}, "profile.locale"),
        ({"profile": {"nickname": "x" * 129}}, "profile.nickname"),
        ({"profile": {"address": {"country": 1}}}, "profile.address.country"),
        ({"profile": {"address": {"country": "a\u2028b"}}}, "profile.address"),
        ({"profile": []}, "profile"),
        ({"organizationId": "acme"}, "organizationId"),
    ],
)
async def test_a_value_that_does_not_fit_is_named(app, manager, body, path):
    reply = await refused(app, manager, **body)
    assert (reply.status, reply.json["code"]) == (400, "guard.invalid_input")
    assert reply.json["data"]["name"] == "ZodError"
    [issue] = reply.json["data"]["issues"]
    assert issue["path"] == path.split(".")
    assert issue["message"]
    assert reply.json["details"] == f"{path}: {issue['message']}"


@pytest.mark.parametrize(
    "body",
    [
        {"username": "a" * 129},
        {"primaryEmail": "a@" + "b" * 130 + ".example"},
        {"name": "x" * 129},
        {"avatar": "https://a.example/" + "x" * 2031},
    ],
)
async def test_a_value_that_is_too_long_is_told_apart(app, manager, body):
    reply = await refused(app, manager, **body)
    assert (reply.status, reply.json["code"]) == (422, "entity.value_too_long")


async def test_a_number_that_cannot_be_called_is_told_apart(app, manager):
    reply = await refused(app, manager, primaryPhone="123")
    assert (reply.status, reply.json["code"]) == (422, "user.invalid_phone")


async def test_a_digest_of_another_system_is_taken_over(app, organization, manager):
    digest = hashlib.sha256(b"open sesame").hexdigest()
    made = await create(app, manager, username="ali", passwordDigest=digest, passwordAlgorithm="SHA256")
    assert made.json["hasPassword"]
    assert await signed_in(app, organization, "ali", "open sesame") == made.json["id"]
    recorded = await app.events(subject=made.json["id"])
    assert recorded[0]["topic"] == "user.password_rehashed"
    assert (recorded[0]["actor"], digest in str(recorded)) == (made.json["id"], False)
    assert await signed_in(app, organization, "ali", "open sesame") == made.json["id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"password": "x", "passwordDigest": "x", "passwordAlgorithm": "SHA1"}, "user.password_and_digest"),
        ({"passwordDigest": "x"}, "user.password_algorithm_required"),
        ({"passwordAlgorithm": "SHA1"}, "user.password_algorithm_required"),
        ({"passwordDigest": "x", "passwordAlgorithm": "SHA1"}, "password.invalid_legacy_password_format"),
        ({"passwordDigest": "$2b$12$", "passwordAlgorithm": "Bcrypt"}, "password.invalid_legacy_password_format"),
        (
            {"passwordDigest": '["whirlpool2", ["@"], "00"]', "passwordAlgorithm": "Legacy"},
            "password.unsupported_legacy_hash_algorithm",
        ),
    ],
)
async def test_a_digest_that_nobody_can_check_is_refused(app, manager, body, code):
    reply = await refused(app, manager, **body)
    assert (reply.status, reply.json["code"]) == (400, code)


async def test_a_repeated_request_makes_one_person(app, manager):
    headers = {"Idempotency-Key": str(uuid4())}
    body = {"username": "once", "password": "correct horse"}
    first = await app.call("POST", "/api/users", manager, json=body, headers=headers)
    again = await app.call("POST", "/api/users", manager, json=body, headers=headers)
    assert (first.status, first.text) == (again.status, again.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await app.call("POST", "/api/users", manager, json={**body, "name": "x"}, headers=headers)
    assert (other.status, other.json["code"]) == (422, "request.idempotency_mismatch")
    wrong = await app.call("POST", "/api/users", manager, json=body, headers={"Idempotency-Key": ""})
    assert (wrong.status, wrong.json["code"]) == (400, "request.invalid_idempotency_key")


async def test_every_person_leaves_events_with_actor_client_and_request_id_and_no_secret(app, manager):
    reply = await create(app, manager, username="traced", password="correct horse battery", customData={"pin": "4711"})
    recorded = await app.events(request_id=reply.headers["X-Request-Id"])
    assert {event["topic"] for event in recorded} == {
        "user.created", "user.username_changed", "user.password_changed", "user.custom_data_changed",
    }  # fmt: skip
    assert all(event["actor"] == event["client"] for event in recorded)
    states = await app.parts.store.pool.fetch("SELECT state FROM muniment.events WHERE originator_id = $1",
                                              UUID(reply.json["id"]))  # fmt: skip
    stored = b"".join(row["state"] for row in states)
    for secret in (b"correct horse", b"argon2", b"traced", b"4711"):
        assert secret not in stored


async def test_a_caller_without_a_token_or_with_another_thing_is_told_so(app, manager):
    basic = f"Basic {base64.b64encode(b'root:secret').decode()}"
    for token, headers, status, code in (
        ("", {}, 401, "auth.authorization_header_missing"),
        ("", {"Authorization": basic}, 401, "auth.authorization_token_type_not_supported"),
        ("nonsense", {}, 401, "auth.unauthorized"),
        ("", {"Authorization": "Bearer "}, 401, "auth.unauthorized"),
    ):
        reply = await app.call("POST", "/api/users", token, json={}, headers=headers)
        assert (reply.status, reply.json["code"]) == (status, code)
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
        if "not_supported" in code:
            assert reply.json["data"] == {"supportedTypes": ["Bearer"]}


async def test_making_people_takes_the_permission(app, organization):
    reader = await app.manager(organization, "read_user")
    reply = await refused(app, reader, name="Ada")
    assert (reply.status, reply.json["code"]) == (403, "auth.forbidden")
    assert "insufficient_scope" in reply.headers["WWW-Authenticate"]


async def test_the_order_of_decisions_is_token_then_body_then_what_it_is_about(app, manager):
    nowhere = str(uuid4())
    assert (await app.call("POST", "/api/users", "nonsense", data=b"{")).status == 401
    assert (await refused(app, manager, organizationId=nowhere, username="1")).status == 400
    assert (await refused(app, manager, organizationId=nowhere, password="x" * 257)).status == 400
    assert (await refused(app, manager, organizationId=nowhere, username="both")).status == 404


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"name": "\xff"}', 400), (b'{"name": "\\u0000"}', 400), (b'{"a": 1, "a": 1}', 400),
     (b'{"customData": {"a": NaN}}', 400), (b'{"name": "\\ud800"}', 400), (b'{"name": "' + b"x" * 70_000 + b'"}', 413)],
)  # fmt: skip
async def test_a_body_that_cannot_be_used_is_refused_in_this_shape(app, manager, raw, status):
    reply = await app.call("POST", "/api/users", manager, data=raw, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json["code"]) == (status, "guard.invalid_input")


async def test_a_body_of_another_type_is_refused_in_this_shape(app, manager):
    reply = await app.call("POST", "/api/users", manager, data=json.dumps({}), headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.json["code"]) == (415, "guard.invalid_input")


async def test_when_too_many_passwords_are_digested_people_wait(app, manager, monkeypatch):
    monkeypatch.setattr(app.parts.passwords._own, "_most", 0)
    reply = await refused(app, manager, password="x")
    assert (reply.status, reply.json["code"]) == (503, "request.busy")
    assert reply.headers["Retry-After"] == "1"


async def test_a_failure_tells_nothing_of_its_insides(app, manager, monkeypatch):
    async def fail(_: object) -> None:
        raise RuntimeError("the insides")

    monkeypatch.setattr(type(app.parts.passwords), "digest", lambda _, password: fail(password))
    reply = await create(app, manager, password="x")
    assert (reply.status, reply.json["code"]) == (500, "request.internal_error")
    assert "insides" not in reply.text


async def test_a_suspended_organization_gets_no_people(app):
    organization = await app.organization()
    await accounts.move_status(
        app.parts.store, Origin(NOBODY, NOBODY, None, uuid4()), SYSTEM, account=UUID(organization), status="suspended"
    )
    refusal = await refused(app, app.root, organizationId=organization)
    assert (refusal.status, refusal.json["code"]) == (409, "request.account_not_active")
