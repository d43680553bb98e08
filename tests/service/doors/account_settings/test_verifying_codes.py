"""Row 8: a code that was typed is right once, wrong so many times, and none at all when it was never sent there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.store.decision import Origin
from tests.app_fixture import SETTINGS, running
from tests.fake_clock import FakeClock
from tests.service.doors.account_settings.codes import PATHS, SEND, VERIFY, code_to, sent, told, typed, wrong

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE = (204, "")
NOT_FOUND = (400, "verification_code.not_found")
EXPIRED = (400, "verification_code.expired")
BURNT = (400, "verification_code.exceed_max_try")
MISMATCH = (400, "verification_code.code_mismatch")
INVALID = (400, "guard.invalid_input")
INSTANT = timedelta(microseconds=1)


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app) -> str:
    return await app.organization()


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app, organization) -> str:
    return await app.manager(organization, "write_user", "write_org")


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"


async def set_to(app, token, organization, **settings):
    reply = await app.call("PUT", f"/api/organizations/{organization}/settings", token, json=settings)
    assert reply.status == 200, reply.text


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


@pytest.mark.parametrize(("_", "path"), PATHS)
async def test_row08_the_right_code_is_used_up(app, manager, email, _, path):
    code = await sent(app, manager, email)
    body = {"email": email, "verificationCode": code}
    reply = await app.call("POST", path, manager, json=body)
    assert (reply.status, reply.text) == (204, "")
    assert "Content-Type" not in reply.headers
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert event["topic"] == "verification.consumed"
    assert told(await app.call("POST", path, manager, json=body)) == NOT_FOUND


async def test_row08_both_spellings_of_the_path_count_together(app, manager, email):
    code = await sent(app, manager, email)
    for n in range(10):
        body = {"email": email, "verificationCode": wrong(code)}
        assert told(await app.call("POST", PATHS[n % 2][1], manager, json=body)) == MISMATCH
    for _, path in PATHS:
        assert told(await app.call("POST", path, manager, json={"email": email, "verificationCode": code})) == BURNT
    await app.call("POST", PATHS[1][0], manager, json={"email": email})
    assert told(await typed(app, manager, email, code_to(app, email))) == DONE


async def test_row08_nothing_was_sent_there(app, manager, email):
    before = await head(app)
    assert told(await typed(app, manager, email, "123456")) == NOT_FOUND
    assert await head(app) == before


async def test_row08_a_recipient_is_exactly_whom_the_code_went_to(app, manager):
    name = uuid4()
    code = await sent(app, manager, f"Ada-{name}@Example.com")
    for other in (f"ada-{name}@example.com", f"Ada-{name}@example.com"):
        assert told(await typed(app, manager, other, code)) == NOT_FOUND
    assert told(await typed(app, manager, f"Ada-{name}@Example.com", code)) == DONE


async def test_row08_a_code_belongs_to_its_organization(app, manager, email):
    code = await sent(app, manager, email)
    stranger = await app.manager(await app.organization(), "write_user")
    assert told(await typed(app, stranger, email, code)) == NOT_FOUND
    theirs = await sent(app, stranger, email)
    assert told(await typed(app, manager, email, code)) == DONE
    assert told(await typed(app, stranger, email, theirs)) == DONE


async def test_row08_ten_wrong_codes_are_let_pass_and_no_more(app, manager, email):
    code = await sent(app, manager, email)
    for _ in range(10):
        assert told(await typed(app, manager, email, wrong(code))) == MISMATCH
    before = await head(app)
    for attempt in (wrong(code), code):
        assert told(await typed(app, manager, email, attempt)) == BURNT
    assert await head(app) == before
    assert told(await typed(app, manager, email, await sent(app, manager, email))) == DONE


async def test_row08_the_tenth_try_may_be_right(app, manager, email):
    code = await sent(app, manager, email)
    for _ in range(9):
        assert told(await typed(app, manager, email, wrong(code))) == MISMATCH
    assert told(await typed(app, manager, email, code)) == DONE


async def test_row08_whatever_is_no_code_is_a_wrong_one(app, manager, email):
    code = await sent(app, manager, email)
    full_width = code.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
    for attempt in (f" {code}", f"{code} ", code[:-1], f"{code}0", full_width, "x" * 5000, "é"):
        assert told(await typed(app, manager, email, attempt)) == MISMATCH
    assert told(await typed(app, manager, email, code)) == DONE


@pytest.mark.parametrize(
    "body",
    [
        {"verificationCode": "123456"},
        {"email": "ada@example.com"},
        {"email": "ada@example.com", "verificationCode": ""},
        {"email": "ada@example.com", "verificationCode": 123456},
        {"email": "ada@example.com", "verificationCode": None},
        {"email": "ada", "verificationCode": "123456"},
        {"phone": "+436601234567", "verificationCode": "123456"},
    ],
)
async def test_row08_what_does_not_fit_is_refused_and_counts_as_no_try(app, manager, body):
    before = await head(app)
    assert told(await app.call("POST", VERIFY, manager, json=body)) == INVALID
    assert await head(app) == before


async def test_row08_a_code_lives_ten_minutes(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        code = await sent(app, None, "ada@example.com")
        clock.move(timedelta(seconds=600) - INSTANT)
        assert told(await typed(app, None, "ada@example.com", wrong(code))) == MISMATCH
        clock.move(INSTANT)
        for attempt in (wrong(code), code):
            assert told(await typed(app, None, "ada@example.com", attempt)) == EXPIRED
        assert told(await typed(app, None, "ada@example.com", await sent(app, None, "ada@example.com"))) == DONE


async def test_row08_settings_count_as_they_are_when_a_code_is_typed(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        organization = await app.organization()
        manager = await app.manager(organization)
        code = await sent(app, manager, "ada@example.com")
        for _ in range(10):
            await typed(app, manager, "ada@example.com", wrong(code))
        assert told(await typed(app, manager, "ada@example.com", code)) == BURNT
        await set_to(app, manager, organization, code_tries=11)
        assert told(await typed(app, manager, "ada@example.com", wrong(code))) == MISMATCH
        await set_to(app, manager, organization, code_tries=100, code_lifetime=60)
        clock.move(timedelta(seconds=60))
        assert told(await typed(app, manager, "ada@example.com", code)) == EXPIRED
        await set_to(app, manager, organization, code_lifetime=3600)
        assert told(await typed(app, manager, "ada@example.com", code)) == DONE


async def test_row08_old_is_told_before_burnt(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        code = await sent(app, None, "ada@example.com")
        for _ in range(10):
            await typed(app, None, "ada@example.com", wrong(code))
        clock.move(timedelta(seconds=600))
        assert told(await typed(app, None, "ada@example.com", code)) == EXPIRED


async def test_row08_a_new_code_takes_the_place_of_the_one_before(app, manager, email):
    former = await sent(app, manager, email)
    for _ in range(3):
        await typed(app, manager, email, wrong(former))
    reply = await app.call("POST", SEND, manager, json={"email": email})
    topics = [event["topic"] for event in await app.events(request_id=reply.headers["X-Request-Id"])]
    assert sorted(topics) == ["verification.replaced", "verification.sent"]
    code = code_to(app, email)
    if former != code:
        assert told(await typed(app, manager, email, former)) == MISMATCH
    for _ in range(9 - (former == code)):
        assert told(await typed(app, manager, email, wrong(code))) == MISMATCH, "its tries are its own"


async def test_row08_a_code_for_something_else_is_another_one(app, manager, organization, email):
    origin = Origin(UUID(int=0), UUID(organization), None, app.parts.clock.new_id())
    about = {"organization": UUID(organization), "channel": "email", "recipient": email}
    await app.parts.verifications.send(origin, purpose="sign-in", **about)
    sign_in = code_to(app, email)
    await app.parts.verifications.send(origin, purpose="account", user=UUID(int=7), **about)
    assert told(await typed(app, manager, email, sign_in)) == NOT_FOUND
    code = await sent(app, manager, email)
    assert told(await typed(app, manager, email, code)) == DONE
    await app.parts.verifications.verify(origin, purpose="sign-in", code=sign_in, **about)


async def test_row08_two_right_answers_at_once_are_one(app, manager, email):
    for _ in range(5):
        code = await sent(app, manager, email)
        replies = await asyncio.gather(*(typed(app, manager, email, code) for _ in range(2)))
        assert sorted(map(told, replies)) == [DONE, NOT_FOUND]


async def test_row08_twenty_guesses_at_once_are_ten(app, manager, email):
    code = await sent(app, manager, email)
    replies = await asyncio.gather(*(typed(app, manager, email, wrong(code)) for _ in range(20)))
    assert sorted(map(told, replies)) == [MISMATCH] * 10 + [BURNT] * 10
    assert told(await typed(app, manager, email, code)) == BURNT


async def test_row08_a_key_makes_repeating_harmless_and_keeps_no_refusal(app, manager, email):
    code = await sent(app, manager, email)
    headers = {"Idempotency-Key": str(uuid4())}
    for attempt, expected in ((wrong(code), MISMATCH), (code, DONE), (code, DONE)):
        body = {"email": email, "verificationCode": attempt}
        assert told(await app.call("POST", VERIFY, manager, json=body, headers=headers)) == expected


async def test_row08_a_code_outlives_the_master_key_that_made_it(app_database):
    other = "/////////////////////////////////////////w8="
    async with running(app_database) as app:
        code = await sent(app, None, "ada@example.com")
    async with running(app_database, replace(SETTINGS, master_key=f"{SETTINGS.master_key},{other}")) as app:
        app.parts.ring.prefer(app.parts.ring.ids[1])
        await sent(app, None, "eve@example.com")
        assert told(await typed(app, None, "ada@example.com", code)) == DONE


async def test_row08_only_who_may_change_users_verifies_codes(app, email):
    reader = await app.manager(await app.organization(), "read_user")
    for _, path in PATHS:
        body = {"email": email, "verificationCode": "123456"}
        assert told(await app.call("POST", path, reader, json=body)) == (403, "auth.forbidden")
        assert told(await app.call("POST", path, "", json=body)) == (401, "auth.authorization_header_missing")
