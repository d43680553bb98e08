"""Row 7: a code is sent to whoever is named, by what sends for the organization, so often and no oftener."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import SETTINGS, running
from tests.fake_clock import FakeClock
from tests.receiver import Answer, receiver
from tests.service.doors.account_settings.codes import (
    OTHER_SEND,
    PATHS,
    SEND,
    VERIFY,
    code_to,
    messages,
    sent,
    told,
    typed,
)
from tests.service.messages.mail_host import mail_host

pytestmark = pytest.mark.asyncio(loop_scope="module")

MISMATCH = (400, "verification_code.code_mismatch")
NOT_FOUND = (400, "verification_code.not_found")
INVALID = (400, "guard.invalid_input")
LIMITED = (429, "request.message_rate_limited")
SENT, MINUTE = (204, ""), timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


@pytest_asyncio.fixture(loop_scope="module")
async def manager(app) -> str:
    return await app.manager(await app.organization(), "write_user")


@pytest.fixture
def email() -> str:
    return f"{uuid4()}@example.com"


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def send(app, token, path=SEND, **body):
    return await app.call("POST", path, token, json=body)


@pytest.mark.parametrize(("path", "_"), PATHS)
async def test_row07_a_code_is_sent_and_not_told_to_who_asks(app, manager, email, path, _):
    reply = await send(app, manager, path, email=email)
    assert (reply.status, reply.text) == (204, "")
    assert "Content-Type" not in reply.headers
    [message] = messages(app.parts.settings.data_dir, email)
    assert message["code"].isdigit()
    assert len(message["code"]) == 6
    assert message["code"] in message["body"]
    assert message["code"] in message["subject"]
    assert "10 minutes" in message["body"]


async def test_row07_a_code_goes_to_a_phone_as_well(app, manager):
    reply = await send(app, manager, phone="436601234567")
    assert reply.status == 204
    [message] = messages(app.parts.settings.data_dir, "436601234567", "sms")
    assert message["code"] in message["body"]
    body = {"phone": "436601234567", "verificationCode": message["code"]}
    assert told(await app.call("POST", VERIFY, manager, json=body)) == SENT


async def test_row07_with_both_the_email_wins_and_the_phone_is_ignored(app, manager, email):
    for phone in ("436601234568", "not a number", 7, None):
        assert told(await send(app, manager, email=email, phone=phone)) == SENT
    assert len(messages(app.parts.settings.data_dir, email)) == 4
    assert messages(app.parts.settings.data_dir, "436601234568", "sms") == []
    assert told(await send(app, manager, email=None, phone="436601234568")) == SENT


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": None},
        {"email": ""},
        {"phone": ""},
        {"email": "ada"},
        {"email": "ada @example.com"},
        {"email": "ada@example"},
        {"email": "ada@example.com\n"},
        {"email": "ada\r\nBcc:eve@example.com"},
        {"email": "\ud800@example.com"},
        {"email": "a" * 65 + "@example.com"},
        {"email": ["ada@example.com"]},
        {"phone": "+436601234567"},
        {"phone": "066"},
        {"phone": "٤٣٦٦٠١٢٣٤٥٦٧"},
        {"phone": 436601234567},
        {"phone": "4" * 400},
        {"email": "ada@example.com", "organizationId": "7"},
    ],
)
async def test_row07_what_nobody_can_be_reached_by_is_refused(app, manager, body):
    before, count = await head(app), len(messages(app.parts.settings.data_dir))
    reply = await app.call(
        "POST", SEND, manager, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    assert told(reply) == INVALID
    assert (await head(app), len(messages(app.parts.settings.data_dir))) == (before, count)


async def test_row07_a_request_without_a_body_names_nobody(app, manager):
    for path in (SEND, OTHER_SEND):
        assert told(await app.call("POST", path, manager)) == INVALID


async def test_row07_what_is_wrong_is_told_by_its_place(app, manager):
    reply = await send(app, manager, email="ada")
    assert reply.json["data"]["issues"][0]["path"] == ["email"]
    assert "@" not in reply.json["message"]


@pytest.mark.parametrize(
    ("header", "words"), [("zh-CN,zh;q=0.9", "验证码"), ("de, zh;q=0.1, en", "Hello"), ("", "Hello")]
)
async def test_row07_a_code_comes_in_the_language_that_is_asked_for(app, manager, email, header, words):
    await app.call("POST", SEND, manager, json={"email": email}, headers={"Accept-Language": header})
    assert words in messages(app.parts.settings.data_dir, email)[0]["body"]


async def test_row07_neither_code_nor_recipient_is_kept(app, manager, email):
    code = await sent(app, manager, email)
    phone = "436601234599"
    await send(app, manager, phone=phone)
    pool = app.parts.store.pool
    kept = [str(tuple(row)) for row in await pool.fetch("SELECT convert_from(state, 'UTF8') FROM muniment.events")]
    kept += [str(tuple(row)) for row in await pool.fetch("SELECT * FROM muniment.code_sends")]
    kept += [str(tuple(row)) for row in await pool.fetch("SELECT * FROM muniment.claims")]
    for text in (email, email.encode().hex(), phone, code):
        assert not [line for line in kept if text in line]


async def test_row07_events_tell_who_had_a_code_sent(app, manager, email):
    reply = await send(app, manager, email=email)
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert event["topic"] == "verification.sent"
    assert event["data"]["purpose"] == "generic"
    assert event["data"]["channel"] == "email"
    assert event["position"] == reply.position


async def test_row07_a_root_client_sends_for_an_organization_that_it_names(app, email):
    organization = await app.organization("Theirs")
    theirs = await app.manager(organization, "write_user")
    code = await sent(app, None, email, organizationId=organization)
    assert "Theirs" in messages(app.parts.settings.data_dir, email)[0]["subject"]
    assert told(await typed(app, None, email, code)) == NOT_FOUND
    assert told(await typed(app, theirs, email, code)) == SENT


async def test_row07_another_organization_is_none(app, manager, email):
    for organization in (await app.organization("Others"), str(uuid4())):
        for path, body in ((SEND, {}), (VERIFY, {"verificationCode": "123456"})):
            reply = await send(app, manager, path, email=email, organizationId=organization, **body)
            assert told(reply) == (404, "entity.not_found")
    home = await app.organization()
    child = await app.made(f"/api/accounts/{home}/accounts", {"name": "Branch"})
    reply = await send(app, None, email=email, organizationId=child["id"])
    assert told(reply) == (404, "entity.not_found")
    assert (await app.call("PATCH", f"/api/accounts/{home}", json={"status": "suspended"})).status == 200
    reply = await send(app, None, email=email, organizationId=home)
    assert (reply.status, reply.json["code"]) == (409, "request.account_not_active")
    assert messages(app.parts.settings.data_dir, email) == []


async def test_row07_only_who_may_change_users_sends_codes(app, email):
    reader = await app.manager(await app.organization(), "read_user")
    for path, _ in PATHS:
        assert told(await send(app, reader, path, email=email)) == (403, "auth.forbidden")
        assert told(await send(app, "", path, email=email)) == (401, "auth.authorization_header_missing")


async def test_row07_a_request_that_is_repeated_sends_one_message(app, manager, email):
    headers = {"Idempotency-Key": str(uuid4())}
    replies = [await app.call("POST", SEND, manager, json={"email": email}, headers=headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [204, 204]
    assert replies[1].headers["Idempotency-Replayed"] == "true"
    assert len(messages(app.parts.settings.data_dir, email)) == 1


async def test_row07_of_codes_that_are_sent_at_once_one_is_alive(app, manager, email):
    replies = await asyncio.gather(*(send(app, manager, email=email) for _ in range(8)))
    assert [reply.status for reply in replies] == [204] * 8
    codes = [message["code"] for message in messages(app.parts.settings.data_dir, email)]
    assert len(codes) == 8
    answers = [told(await typed(app, manager, email, code)) for code in codes]
    alive = answers.index(SENT)
    assert set(answers[:alive]) <= {MISMATCH}
    assert set(answers[alive + 1 :]) <= {NOT_FOUND}


async def test_row07_eleven_messages_in_ten_minutes_are_too_many(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        for minute in range(10):
            path = (SEND, OTHER_SEND)[minute % 2]
            assert told(await send(app, None, path, email="Ada@Example.com")) == SENT
            clock.move(MINUTE / 2)
        for spelling in ("Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"):
            reply = await send(app, None, email=spelling)
            assert told(reply) == LIMITED
            assert reply.headers["Retry-After"] == "300"
        theirs = await app.manager(await app.organization())
        assert told(await send(app, theirs, email="ada@example.com")) == LIMITED, "whoever asks"
        assert told(await send(app, theirs, email="adam@example.com")) == SENT
        assert told(await typed(app, None, "Ada@Example.com", code_to(app, "Ada@Example.com"))) == SENT
        clock.move(5 * MINUTE - INSTANT)
        reply = await send(app, None, email="ada@example.com")
        assert (told(reply), reply.headers["Retry-After"]) == (LIMITED, "1")
        clock.move(INSTANT)
        assert told(await send(app, None, email="ada@example.com")) == SENT, "the first one is ten minutes old"
        reply = await send(app, None, email="ada@example.com")
        assert (told(reply), reply.headers["Retry-After"]) == (LIMITED, "30"), "and the second one is not"


async def test_row07_ten_of_twenty_at_once_are_sent(app, manager, email):
    replies = await asyncio.gather(*(send(app, manager, email=email) for _ in range(20)))
    assert sorted(map(told, replies)) == [SENT] * 10 + [LIMITED] * 10
    assert len(messages(app.parts.settings.data_dir, email)) == 10


async def test_row07_mail_goes_by_the_server_and_what_it_refuses_changes_nothing(app_database):
    async with mail_host() as host:
        settings = replace(SETTINGS, smtp_url=f"smtp://127.0.0.1:{host.port}?from=id@example.com")
        async with running(app_database, settings) as app:
            assert told(await send(app, None, email="Ada@Example.com")) == SENT
            assert host.receivers == ["Ada@example.com"]
            [mail] = host.taken
            code = mail["Subject"].split(" ", 1)[0]
            assert (len(code), mail["From"], mail["To"]) == (6, "id@example.com", "Ada@example.com")
            before = await head(app)
            host.rcpt_answers = ["550 5.1.1 no such user", "450 4.2.1 too fast", *["550 no"] * 20]
            assert told(await send(app, None, email="Ada@Example.com")) == (400, "connector.general")
            reply = await send(app, None, email="Ada@Example.com")
            assert told(reply) == (429, "connector.rate_limit_exceeded")
            assert reply.headers["Retry-After"] == "60"
            for _ in range(15):
                reply = await send(app, None, email="Ada@Example.com")
                assert told(reply) == (400, "connector.general"), "what was refused does not count"
                assert "Ada" not in reply.text
            assert await head(app) == before
            assert told(await typed(app, None, "Ada@Example.com", code)) == SENT


async def test_row07_a_mail_server_that_is_away_is_told(app_database):
    async with mail_host() as host:
        pass
    async with running(app_database, replace(SETTINGS, smtp_url=f"smtp://127.0.0.1:{host.port}")) as app:
        assert told(await send(app, None, email="ada@example.com")) == (400, "connector.general")


async def test_row07_text_messages_go_to_the_webhook(app_database):
    async with receiver() as other:
        settings = replace(
            SETTINGS, sms_webhook_url=f"{other.url}sms?key=s3cret", outbound_allow=frozenset({(other.host, other.port)})
        )
        async with running(app_database, settings) as app:
            assert told(await send(app, None, phone="436601234567")) == SENT
            assert other.requests == [("POST", "/sms?key=s3cret")]
            message = json.loads(other.bodies[0])
            assert (message["to"], message["channel"], message["subject"]) == ("436601234567", "sms", "")
            assert message["code"] in message["body"]
            other.answers += [Answer(500), Answer(429, {"Retry-After": "7"}), Answer(301, {"Location": other.url})]
            assert told(await send(app, None, phone="436601234567")) == (400, "connector.general")
            reply = await send(app, None, phone="436601234567")
            assert (told(reply), reply.headers["Retry-After"]) == ((429, "connector.rate_limit_exceeded"), "7")
            assert told(await send(app, None, phone="436601234567")) == (400, "connector.general")
            body = {"phone": "436601234567", "verificationCode": message["code"]}
            assert told(await app.call("POST", VERIFY, None, json=body)) == SENT


async def test_row07_a_webhook_that_only_this_machine_reaches_is_not_called(app_database):
    async with receiver() as other, running(app_database, replace(SETTINGS, sms_webhook_url=other.url)) as app:
        assert told(await send(app, None, phone="436601234567")) == (400, "connector.general")
        assert other.requests == []


async def test_row07_without_a_sender_nothing_is_sent_or_kept(app_database):
    async with running(app_database, replace(SETTINGS, smtp_url="off", sms_webhook_url="off")) as app:
        before = await head(app)
        for _ in range(12):
            for body in ({"email": "ada@example.com"}, {"phone": "436601234567"}):
                assert told(await send(app, None, **body)) == (501, "connector.not_found")
        assert await head(app) == before
        assert not (app.parts.settings.data_dir / "outbox").exists()
        assert told(await typed(app, None, "ada@example.com", "123456")) == NOT_FOUND


async def test_row07_a_refusal_is_recorded_without_whom_it_was_about(app, manager, email):
    await asyncio.gather(*(send(app, manager, email=email) for _ in range(11)))
    found = await app.refusals(limit=100)
    assert "send_limited" in {each["code"] for each in found}
    assert email not in str(found)
