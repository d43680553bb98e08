"""Rows 9 to 11: the password of a person is checked, set, and told of, as spec/logto.md section 6.6 has it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from uuid import UUID, uuid4

import bcrypt
import pytest
import pytest_asyncio

from domain.caller import Caller
from domain.refusals import MissingPermission, WrongPassword
from service import password_checks
from service.commands import passwords, sessions, users
from service.secrets.digests import sha256_hex
from service.sign_in import SignInRefused
from service.store.decision import Origin
from service.store.refusals import Overloaded

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"
ADDRESS = "192.0.2.7"
FIREBASE = [
    "firebase-scrypt",
    [
        "42xEC+ixf3L2lw==",
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        "Bw==",
        "8",
        "14",
        "@",
    ],
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
]
FOREIGN = {
    "SHA1": hashlib.sha1(PASSWORD.encode()).hexdigest(),
    "SHA256": hashlib.sha256(PASSWORD.encode()).hexdigest(),
    "MD5": hashlib.md5(PASSWORD.encode()).hexdigest(),
    "Bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    "Legacy": json.dumps(["sha512", ["salt", "@"], hashlib.sha512(b"salt" + PASSWORD.encode()).hexdigest()]),
}


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app, organization) -> str:
    return await app.manager(organization, "write_user", "read_user")


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def a_person(app, token, **body) -> str:
    return (await app.made("/api/users", {"username": f"u_{uuid4().hex}", **body}, token))["id"]


async def verified(app, token, user, password=PASSWORD, **more):
    return await app.call("POST", f"/api/users/{user}/password/verify", token, json={"password": password}, **more)


async def changed(app, token, user, password=PASSWORD, **more):
    body = {"password": password, **more}
    return await app.call("PATCH", f"/api/users/{user}/password", token, json=body)


async def has_password(app, token, user):
    return await app.call("GET", f"/api/users/{user}/has-password", token)


async def signed_in(app, organization, username, password=PASSWORD):
    return await app.parts.sign_in.check(
        organization=UUID(organization), identifier=username, password=password, address=ADDRESS, device=None
    )


def by_person(user: str, organization: str, **more) -> Caller:
    return Caller(UUID(user), UUID(organization), frozenset(), user=UUID(user), **more)


def origin_of(user: str, organization: str) -> Origin:
    return Origin(UUID(user), UUID(organization), None, uuid4())


async def test_row09_the_right_password_is_told_with_no_content_and_leaves_nothing_in_the_log(app, manager):
    user = await a_person(app, manager, password=PASSWORD)
    before = await head(app)
    reply = await verified(app, manager, user)
    assert (reply.status, reply.text) == (204, "")
    assert "Content-Type" not in reply.headers
    assert reply.position == await head(app) == before
    assert await app.events(request_id=reply.headers["X-Request-Id"]) == []


async def test_row09_a_wrong_password_and_none_at_all_are_refused_alike(app, manager):
    with_one, without = await a_person(app, manager, password=PASSWORD), await a_person(app, manager)
    before = await head(app)
    for user, typed in ((with_one, "Correct horse"), (with_one, "x" * 5000), (without, PASSWORD)):
        reply = await verified(app, manager, user, typed)
        assert (reply.status, reply.json["code"]) == (422, "session.invalid_credentials")
        assert reply.json == {"code": "session.invalid_credentials", "message": "The password is wrong"}
    assert await head(app) == before


async def test_row09_the_work_is_the_same_where_there_is_no_password(app, manager, monkeypatch):
    compared = []
    verify = app.parts.passwords.verify

    async def counted(digest, password):
        compared.append(digest)
        return await verify(digest, password)

    monkeypatch.setattr(type(app.parts.passwords), "verify", lambda _, *given: counted(*given))
    await verified(app, manager, await a_person(app, manager))
    assert compared == [None]  # which takes the work of a digest of today's making


async def test_row09_whom_the_caller_does_not_see_does_not_exist(app, manager):
    elsewhere = await app.organization()
    theirs = await a_person(app, await app.manager(elsewhere, "write_user"), password=PASSWORD)
    gone = await a_person(app, manager, password=PASSWORD)
    assert (await app.call("DELETE", f"/api/users/{gone}", manager)).status == 204
    for user in (theirs, gone, str(uuid4()), "nobody"):
        for reply in (
            await verified(app, manager, user),
            await changed(app, manager, user),
            await has_password(app, manager, user),
        ):
            assert (reply.status, reply.json["code"]) == (404, "entity.not_found")
    assert (await verified(app, app.root, theirs)).status == 204


@pytest.mark.parametrize("body", [{}, {"password": ""}, {"password": None}, {"password": 1}, {"passwords": "x"}])
async def test_row09_and_row10_a_body_without_a_password_is_named_before_anybody_is_looked_for(app, manager, body):
    for method, path in (("POST", "password/verify"), ("PATCH", "password")):
        reply = await app.call(method, f"/api/users/{uuid4()}/{path}", manager, json=body)
        assert (reply.status, reply.json["code"]) == (400, "guard.invalid_input")
        assert reply.json["data"]["issues"][0]["path"] == ["password"]


async def test_row09_suspended_people_have_their_passwords_checked_too(app, organization, manager):
    user = await a_person(app, manager, username="locked_out", password=PASSWORD)
    await users.suspend(app.parts.store, origin_of(user, organization), _back_end(organization), user=UUID(user))
    with pytest.raises(SignInRefused):
        await signed_in(app, organization, "locked_out")
    assert (await verified(app, manager, user)).status == 204
    assert (await verified(app, manager, user, "wrong")).status == 422


def _back_end(organization: str) -> Caller:
    return Caller(uuid4(), UUID(organization), frozenset({"write_user"}), application=uuid4())


@pytest.mark.parametrize("algorithm", FOREIGN)
async def test_row09_a_digest_of_another_making_is_replaced_once_its_password_is_right(app, manager, algorithm):
    user = await a_person(app, manager, passwordDigest=FOREIGN[algorithm], passwordAlgorithm=algorithm)
    assert (await verified(app, manager, user, "wrong")).status == 422
    before = await head(app)
    reply = await verified(app, manager, user)
    assert reply.status == 204
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["subject"]) == ("user.password_rehashed", user)
    assert event["position"] == reply.position == before + 1
    assert FOREIGN[algorithm] not in str(event)
    assert (await verified(app, manager, user)).status == 204
    assert (await verified(app, manager, user, "wrong")).status == 422
    assert await head(app) == before + 1


async def test_row09_what_firebase_digested_signs_people_in_and_is_replaced(app, organization, manager):
    digest = json.dumps(FIREBASE, separators=(",", ":"))
    user = await a_person(app, manager, username="from_firebase", passwordDigest=digest, passwordAlgorithm="Legacy")
    proved = await signed_in(app, organization, "from_firebase", "user1password")
    assert str(proved.user) == user
    assert (await app.events(subject=user))[0]["topic"] == "user.password_rehashed"
    assert (await verified(app, manager, user, "user1password")).status == 204


async def test_row09_who_is_right_is_told_so_even_if_the_digest_cannot_be_replaced_now(app, manager, monkeypatch):
    user = await a_person(app, manager, passwordDigest=FOREIGN["SHA1"], passwordAlgorithm="SHA1")

    async def busy(*_, **__):
        raise Overloaded

    monkeypatch.setattr(passwords, "rehash", busy)
    assert (await verified(app, manager, user)).status == 204


async def test_row09_no_more_than_ten_guesses_are_looked_at_however_many_come_at_once(app, organization, manager):
    user = await a_person(app, manager, username="guessed_at", password=PASSWORD)
    replies = await asyncio.gather(*(verified(app, manager, user, f"guess {number}") for number in range(20)))
    assert sorted(reply.status for reply in replies) == [422] * 10 + [429] * 10
    late = await verified(app, manager, user)
    assert (late.status, late.json["code"]) == (429, "request.too_many_guesses")
    assert 1 <= int(late.headers["Retry-After"]) <= 60
    # It is nobody else's guesses that count, nor do these lock anybody out of signing in.
    assert (await verified(app, manager, await a_person(app, manager, password=PASSWORD))).status == 204
    assert (await signed_in(app, organization, "guessed_at")).user == UUID(user)


async def test_row09_one_more_guess_is_let_through_a_minute_later(app, manager, monkeypatch):
    user = await a_person(app, manager, password=PASSWORD)
    for number in range(password_checks.OF_USER[0]):
        assert (await verified(app, manager, user, f"guess {number}")).status == 422
    assert (await verified(app, manager, user)).status == 429
    now = app.parts.clock.now() + timedelta(seconds=61)
    with monkeypatch.context() as later:
        later.setattr(type(app.parts.throttle._clock), "now", lambda _: now)
        assert (await verified(app, manager, user)).status == 204
        assert (await verified(app, manager, user, "wrong")).status == 422
        assert (await verified(app, manager, user)).status == 429


async def test_row09_right_passwords_do_not_count(app, manager):
    user = await a_person(app, manager, password=PASSWORD)
    for _ in range(password_checks.OF_USER[0] + 2):
        assert (await verified(app, manager, user)).status == 204


async def test_row09_a_check_that_was_not_made_for_want_of_threads_does_not_count(app, manager, monkeypatch):
    user = await a_person(app, manager, password=PASSWORD)
    monkeypatch.setattr(app.parts.passwords._own, "_most", 0)
    for _ in range(password_checks.OF_USER[0] + 2):
        reply = await verified(app, manager, user)
        assert (reply.status, reply.json["code"]) == (503, "request.busy")
    monkeypatch.undo()
    assert (await verified(app, manager, user)).status == 204


async def test_row09_a_wrong_one_is_told_to_auditors_without_what_was_typed(app, organization, manager):
    user = await a_person(app, manager, password=PASSWORD)
    reply = await verified(app, manager, user, "a-guess-to-look-for")
    refused = await app.refusals(organization=organization, limit=20)
    [row] = [row for row in refused if row["request_id"] == reply.headers["X-Request-Id"]]
    assert (row["status"], row["code"]) == (422, "wrong_password")
    assert "a-guess-to-look-for" not in str(row)


async def test_row09_to_row11_each_takes_its_permission(app, organization, manager):
    user = await a_person(app, manager, password=PASSWORD)
    reader, writer = await app.manager(organization, "read_user"), await app.manager(organization, "write_user")
    assert (await has_password(app, reader, user)).status == 200
    for reply in (
        await verified(app, reader, user),
        await changed(app, reader, user),
        await has_password(app, writer, user),
    ):
        assert (reply.status, reply.json["code"]) == (403, "auth.forbidden")
    everything = await app.manager(organization, "all")
    assert (await verified(app, everything, user)).status == 204
    assert (await has_password(app, everything, user)).json == {"hasPassword": True}


async def test_row10_a_password_is_set_without_the_one_before_and_the_person_is_answered(app, organization, manager):
    user = await a_person(app, manager, username="set_anew")
    assert (await has_password(app, manager, user)).json == {"hasPassword": False}
    first = await changed(app, manager, user)
    assert (first.status, first.json["id"], first.json["hasPassword"]) == (200, user, True)
    assert first.json == (await app.call("GET", f"/api/users/{user}", manager)).json
    again = await changed(app, manager, user)  # the same one may be set once more
    assert again.status == 200
    assert again.json["updatedAt"] >= first.json["updatedAt"]
    assert (await changed(app, manager, user, "another one")).status == 200
    assert (await signed_in(app, organization, "set_anew", "another one")).user == UUID(user)
    with pytest.raises(SignInRefused):
        await signed_in(app, organization, "set_anew")
    [event] = await app.events(request_id=again.headers["X-Request-Id"])
    assert event["topic"] == "user.password_changed"
    assert PASSWORD not in str(event)


@pytest.mark.parametrize("password", ["x", " ", "Zo\u00eb \U0001f511", "y" * 256])
async def test_row10_there_is_no_policy(app, manager, password):
    user = await a_person(app, manager)
    assert (await changed(app, manager, user, password)).status == 200
    assert (await verified(app, manager, user, password)).status == 204


async def test_row10_a_password_that_nobody_can_have_is_named(app, manager):
    user = await a_person(app, manager)
    for whom in (user, str(uuid4())):
        reply = await changed(app, manager, whom, "x" * 257)
        assert (reply.status, reply.json["code"]) == (400, "guard.invalid_input")
        assert reply.json["data"]["issues"][0]["path"] == ["password"]


async def a_session(app, organization, user) -> tuple[UUID, str]:
    secret = uuid4().hex
    made = await sessions.start(
        app.parts.store, origin_of(user, organization), user=UUID(user), organization=UUID(organization),
        digest=sha256_hex(secret), methods=("pwd",), lifetime=timedelta(hours=1), former=None,
    )  # fmt: skip
    return made.value.id, secret


async def live(app, user) -> set[UUID]:
    rows = await app.parts.store.pool.fetch("SELECT id FROM models.sessions WHERE user_id = $1", UUID(user))
    return {row["id"] for row in rows}


async def test_row10_sessions_and_tokens_live_on_unless_they_are_to_end(app, organization, manager):
    home = await app.application(organization=organization)
    user = await a_person(app, manager)
    token = await app.issued(home, scope="read_role", user=user)
    session, _ = await a_session(app, organization, user)
    assert (await changed(app, manager, user)).status == 200
    assert (await app.call("GET", "/api/roles", token)).status == 403  # alive, but it may not
    assert await live(app, user) == {session}
    assert (await changed(app, manager, user, revoke=True)).status == 200
    assert (await app.call("GET", "/api/roles", token)).status == 401
    assert await live(app, user) == set()


async def test_row10_nobody_sets_the_password_of_who_may_do_more_than_they(app, organization, manager):
    user = await a_person(app, manager)
    role = await app.made("/api/roles", {"name": f"r-{user}", "organization": organization, "permissions": ["all"]})
    assert (await app.call("PUT", f"/api/users/{user}/roles/{role['id']}")).status in {200, 204}
    before = await head(app)
    reply = await changed(app, manager, user)
    assert (reply.status, reply.json["code"]) == (403, "auth.forbidden")
    assert await head(app) == before
    assert (await changed(app, app.root, user)).status == 200


async def test_row10_a_repeated_request_sets_it_once(app, manager):
    user, headers = await a_person(app, manager), {"Idempotency-Key": str(uuid4())}
    path, body = f"/api/users/{user}/password", {"password": PASSWORD}
    first = await app.call("PATCH", path, manager, json=body, headers=headers)
    before = await head(app)
    again = await app.call("PATCH", path, manager, json=body, headers=headers)
    assert (again.status, again.text) == (first.status, first.text)
    assert await head(app) == before


async def test_row11_whether_there_is_a_password_is_told(app, manager):
    for body, there in (({}, False), ({"password": PASSWORD}, True),
                        ({"passwordDigest": FOREIGN["MD5"], "passwordAlgorithm": "MD5"}, True)):  # fmt: skip
        reply = await has_password(app, manager, await a_person(app, manager, **body))
        assert (reply.status, reply.json) == (200, {"hasPassword": there})


async def own_change(app, organization, user, **more):
    return await passwords.change(
        app.parts.store, origin_of(user, organization), by_person(user, organization),
        passwords=app.parts.passwords, user=UUID(user), password="another one", **more,
    )  # fmt: skip


async def test_people_change_their_own_whatever_their_roles_hold_and_end_their_other_sessions(app, organization):
    user = await a_person(app, app.root, organizationId=organization, password=PASSWORD)
    role = await app.made("/api/roles", {"name": f"r-{user}", "organization": organization, "permissions": ["all"]})
    await app.call("PUT", f"/api/users/{user}/roles/{role['id']}")
    here, _ = await a_session(app, organization, user)
    await a_session(app, organization, user)
    by = by_person(user, organization)
    checked = await password_checks.require_right(
        app.parts, origin_of(user, organization), by, user=UUID(user), password=PASSWORD
    )
    await own_change(app, organization, user, own=True, former=checked.digest, ends_others_than=here)
    assert await live(app, user) == {here}
    assert (await verified(app, app.root, user, "another one")).status == 204
    # What they proved themselves with is of the past now.
    with pytest.raises(WrongPassword):
        await own_change(app, organization, user, own=True, former=checked.digest)


async def test_the_digest_that_is_kept_now_is_what_proves_a_password(app, organization, manager):
    user = await a_person(app, manager, passwordDigest=FOREIGN["MD5"], passwordAlgorithm="MD5")
    by, origin = by_person(user, organization), origin_of(user, organization)
    checked = await password_checks.require_right(app.parts, origin, by, user=UUID(user), password=PASSWORD)
    assert checked.digest.startswith("$argon2id$")
    await own_change(app, organization, user, own=True, former=checked.digest)


async def test_only_people_themselves_change_their_own(app, organization, manager):
    user, other = await a_person(app, manager), await a_person(app, manager)
    role = await app.made("/api/roles", {"name": f"r-{user}", "organization": organization, "permissions": ["all"]})
    await app.call("PUT", f"/api/users/{user}/roles/{role['id']}")
    for by in (by_person(other, organization), by_person(user, organization, application=uuid4())):
        with pytest.raises(MissingPermission):
            await passwords.change(
                app.parts.store, origin_of(user, organization), by,
                passwords=app.parts.passwords, user=UUID(user), password="x", own=True,
            )  # fmt: skip
