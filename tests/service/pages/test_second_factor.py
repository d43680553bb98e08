"""The second step of a sign-in: nobody gets past it, by no way, and nobody learns of it without the password."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from domain.grant_types import PASSWORD as PASSWORD_GRANT
from service.clock import Clock
from service.pages import second_factor
from service.store.refusals import Overloaded
from tests.app_fixture import running
from tests.service.pages.factors import (
    SECOND,
    STEP,
    add,
    an_app,
    codes,
    halfway,
    remove_all,
    require,
    sent,
    shown,
)
from tests.service.pages.forms import ELSEWHERE, ODD, refused, unreadable
from tests.service.pages.people import CALLBACK, PASSWORD, Person, a_firm, sign_in
from tests.service.pages.visitor import DEVICE, FORM, SESSION, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


class MovedClock(Clock):
    """The real clock, put forward."""

    by = timedelta(0)

    def now(self):
        return super().now() + self.by


NEXT = timedelta(seconds=30)
OVER = "Please sign in again"
WRONG = "not right, or it was used before"


@pytest.fixture(autouse=True)
def _from_elsewhere(monkeypatch):
    """Let each test come from an address of its own, so that guesses of one do not count for another."""
    _from_elsewhere.count = getattr(_from_elsewhere, "count", 0) + 1
    address = f"192.0.2.{_from_elsewhere.count}"
    monkeypatch.setattr(second_factor, "client_address", lambda _: address)


async def amr(firm, visitor):
    """Return how applications are told that somebody proved themselves."""
    answer = await firm.ask(visitor)
    if answer.status == 200:
        answer = await visitor.submit(answer.form, decision="allow")
    location = answer.away if answer.status == 200 else answer.next
    [code] = parse_qs(urlsplit(location).query)["code"]
    identity = (await firm.token_of(code))["id_token"]
    return jwt.decode(identity, options={"verify_signature": False})["amr"]


async def test_who_has_an_app_shows_its_code_after_the_password(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    assert (page.status, page.title) == (200, "Enter the code from your app")
    assert SESSION not in visitor.cookies
    assert DEVICE not in visitor.cookies
    assert (await visitor.open("/account")).next == "/login"
    code = shown(app, secret)
    answer = await visitor.submit(page.form, code=f"{code[:3]} {code[3:]}")
    assert answer.next == f"/account?organization={firm.organization}"
    assert SESSION in visitor.cookies
    assert DEVICE in visitor.cookies
    assert SECOND not in visitor.cookies
    assert FORM not in visitor.cookies
    assert ada.username in (await visitor.open("/account")).text


async def test_applications_are_told_how_it_was_proved(app, firm, ada):
    secret, kept = await an_app(firm, ada), None
    visitor, page = await halfway(firm, ada)
    await visitor.submit(page.form, code=shown(app, secret))
    assert await amr(firm, visitor) == ["pwd", "otp", "mfa"]
    kept = await codes(firm, ada)
    visitor, page = await halfway(firm, ada)
    page = await visitor.open(STEP, organization=firm.organization, by="backup")
    await visitor.submit(page.form, code=kept[0])
    assert await amr(firm, visitor) == ["pwd", "mfa"]


async def test_an_application_gets_its_answer_after_the_second_step(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor = Visitor(app)
    answer = await sign_in(visitor, await firm.ask(visitor), ada)
    page = await visitor.open(answer.next)
    assert "Atlas CRM" in page.text
    consent = await visitor.open((await visitor.submit(page.form, code=shown(app, secret))).next)
    told = (await visitor.submit(consent.form, decision="allow")).given
    assert (told["state"], told["iss"]) == ("s1", visitor.issuer)


@pytest.mark.parametrize("typed", ["000000", "12345", "1234567", "nonono", "0123456789", *ODD])
async def test_a_wrong_code_is_told_and_nothing_begins(app, firm, ada, typed):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    if typed == shown(app, secret):
        typed = "999999"
    answer = await visitor.submit(page.form, code=typed)
    assert answer.status == (403 if typed.strip() else 400)
    assert WRONG in answer.text
    assert "value" not in answer.page.one("input", name="code")
    assert SESSION not in visitor.cookies
    assert (await visitor.submit(answer.form, code=shown(app, secret))).status == 303


async def test_a_missing_code_is_told_beside_its_field(app, firm, ada):
    await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    answer = await visitor.submit(page.form, code=" ")
    assert answer.status == 400
    field = answer.page.one("input", name="code")
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "code-fault")
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")


async def test_a_code_lets_nobody_in_twice(app, firm, ada):
    secret = await an_app(firm, ada)
    (one, first), (other, second) = await halfway(firm, ada), await halfway(firm, ada)
    code = shown(app, secret)
    assert (await one.submit(first.form, code=code)).status == 303
    answer = await other.submit(second.form, code=code)
    assert answer.status == 403
    assert WRONG in answer.text
    assert SESSION not in other.cookies
    assert (await other.submit(second.form, code=shown(app, secret, NEXT))).status == 303


async def test_of_one_code_in_many_browsers_at_once_one_gets_in(app, app_database, firm, ada):
    secret = await an_app(firm, ada)
    started = [await halfway(firm, ada) for _ in range(4)]
    code = shown(app, secret)
    answers = await asyncio.gather(*(visitor.submit(page.form, code=code) for visitor, page in started))
    assert sorted(answer.status for answer in answers) == [303, 403, 403, 403]
    assert sum(SESSION in visitor.cookies for visitor, _ in started) == 1


async def test_on_two_workers_one_code_lets_one_in(app_database):
    async with running(app_database) as one, running(app_database) as other:
        firm = await a_firm(one)
        ada = await firm.person()
        secret = await an_app(firm, ada)
        started = [await halfway(firm, ada, Visitor(one)) for _ in range(4)]
        for visitor, _ in started[::2]:
            visitor.app = other
        code = shown(one, secret)
        answers = await asyncio.gather(*(visitor.submit(page.form, code=code) for visitor, page in started))
        assert sorted(answer.status for answer in answers) == [303, 403, 403, 403]


async def test_one_sign_in_leads_to_one_session(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    stolen = Visitor(app, dict(visitor.cookies))
    assert (await visitor.submit(page.form, code=shown(app, secret))).status == 303
    answer = await stolen.submit(page.form, code=shown(app, secret, NEXT))
    assert answer.status == 403
    assert OVER in answer.text
    assert SESSION not in stolen.cookies
    assert SECOND not in stolen.cookies


async def test_of_two_right_codes_at_once_in_one_sign_in_one_counts(app, firm, ada):
    secret, kept = await an_app(firm, ada), await codes(firm, ada)
    visitor, page = await halfway(firm, ada)
    thief = Visitor(app, dict(visitor.cookies))
    answers = await asyncio.gather(
        visitor.submit(page.form, code=shown(app, secret)), thief.submit(page.form, code=kept[0], by="backup")
    )
    assert sorted(answer.status for answer in answers) == [303, 403]


async def test_without_the_cookie_of_the_first_step_there_is_no_second(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    for value in (None, "", "x", visitor.cookies[SECOND][:-1], visitor.cookies[SECOND] + "A", visitor.cookies[FORM]):
        thief = Visitor(app, {FORM: visitor.cookies[FORM]} | ({SECOND: value} if value is not None else {}))
        answer = await thief.submit(page.form, code=shown(app, secret))
        assert answer.status == 403
        assert OVER in answer.text
        shown_instead = await thief.open(STEP, organization=firm.organization)
        assert shown_instead.next == f"/login?organization={firm.organization}"
        assert SESSION not in thief.cookies


async def test_a_sealed_request_is_no_cookie_of_the_first_step(app, firm, ada):
    await an_app(firm, ada)
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    visitor.cookies[SECOND] = page.form.fields["request"]
    answer = await visitor.open(STEP, organization=firm.organization)
    assert answer.title == "Sign in"
    assert OVER in answer.text


async def test_the_first_step_counts_where_it_was_taken(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    other = await a_firm(app, "Elsewhere")
    answer = await visitor.submit(page.form, code=shown(app, secret), organization=other.organization)
    assert answer.status == 403
    assert "with your account at Elsewhere" in answer.text
    assert SESSION not in visitor.cookies


async def test_one_persons_code_is_not_anothers(app, firm, ada):
    grace = await firm.person(name="Grace Hopper")
    await an_app(firm, ada)
    secret, kept = await an_app(firm, grace), await codes(firm, grace)
    visitor, page = await halfway(firm, ada)
    assert (await visitor.submit(page.form, code=shown(app, secret))).status == 403
    assert (await visitor.submit(page.form, code=kept[0], by="backup")).status == 403
    assert SESSION not in visitor.cookies


async def test_nobody_learns_of_the_second_step_without_the_password(app, firm, ada):
    plain = await firm.person()
    await an_app(firm, ada)
    await require(firm, ada, "email", "otp")
    pages = set()
    for person in (ada, plain):
        visitor = Visitor(app)
        page = await visitor.open("/login", organization=firm.organization)
        answer = await sign_in(visitor, page, Person(person.id, person.username, person.email, "wrong"))
        assert answer.status == 403
        assert SECOND not in visitor.cookies
        pages.add(answer.text.replace(person.username, "?").replace(answer.form.fields["csrf"], "?"))
    assert len(pages) == 1
    assert sent(app, ada.email) == []


async def test_a_page_of_the_second_step_tells_nothing_that_is_secret(app, firm, ada):
    secret, kept = await an_app(firm, ada), await codes(firm, ada)
    await require(firm, ada, "email")
    visitor, page = await halfway(firm, ada)
    for text in (secret, *kept, ada.email, ada.username, PASSWORD, ada.id):
        assert text not in page.text
        assert text not in visitor.cookies[SECOND]


async def test_a_backup_code_does_instead_once(app, firm, ada):
    await an_app(firm, ada)
    kept = await codes(firm, ada)
    visitor, page = await halfway(firm, ada)
    [link] = [tag["href"] for tag in page.page.all("a") if "by=backup" in tag["href"]]
    page = await visitor.open(link)
    assert page.title == "Use a backup code"
    assert page.form.fields["by"] == "backup"
    typed = f"{kept[4][:5]}-{kept[4][5:]}".upper()
    assert (await visitor.submit(page.form, code=typed)).status == 303
    again, page = await halfway(firm, ada)
    answer = await again.submit(page.form, code=kept[4], by="backup")
    assert answer.status == 403
    assert answer.title == "Use a backup code"
    assert (await again.submit(page.form, code=kept[5], by="backup")).status == 303
    listed = (await app.call("GET", f"/api/users/{ada.id}/mfa-verifications", firm.token)).json
    assert listed[1]["remainCodes"] == 8


async def test_who_has_no_backup_codes_is_asked_for_none(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    assert not [tag for tag in page.page.all("a") if "by=backup" in tag["href"]]
    page = await visitor.open(STEP, organization=firm.organization, by="backup")
    assert page.title == "Enter the code from your app"
    assert (await visitor.submit(page.form, code=shown(app, secret), by="backup")).status == 303


async def test_backup_codes_alone_ask_for_nothing(app, firm, ada):
    await an_app(firm, ada)
    await codes(firm, ada)
    [one, _] = (await app.call("GET", f"/api/users/{ada.id}/mfa-verifications", firm.token)).json
    await app.call("DELETE", f"/api/users/{ada.id}/mfa-verifications/{one['id']}", firm.token)
    visitor = Visitor(app)
    answer = await sign_in(visitor, await visitor.open("/login", organization=firm.organization), ada)
    assert answer.next.startswith("/account")


async def test_a_code_is_sent_where_mail_is_to_be_shown(app, firm, ada):
    await require(firm, ada, "email")
    visitor, page = await halfway(firm, ada)
    assert page.title == "Check your e-mail"
    assert f"{ada.email[0]}•••@example.com" in page.text
    [code] = sent(app, ada.email)
    assert code not in page.text
    await visitor.open(STEP, organization=firm.organization)
    assert sent(app, ada.email) == [code], "to look again sends nothing"
    assert (await visitor.submit(page.form, code=f"{(int(code) + 1) % 1_000_000:06d}")).status == 403
    assert (await visitor.submit(page.form, code=code)).next == f"/account?organization={firm.organization}"
    assert await amr(firm, visitor) == ["pwd", "mfa"]
    again, page = await halfway(firm, ada)
    assert (await again.submit(page.form, code=code)).status == 403


async def test_a_code_is_sent_to_the_phone(app, firm):
    ada = await firm.person(primaryPhone=f"4474001{int(asyncio.get_running_loop().time() * 1000) % 100000:05d}")
    number = (await app.call("GET", f"/api/users/{ada.id}", firm.token)).json["primaryPhone"]
    await require(firm, ada, "sms")
    visitor, page = await halfway(firm, ada)
    assert page.title == "Check your phone"
    assert f"•••{number[-3:]}" in page.text
    assert number not in page.text
    [code] = sent(app, number, "sms")
    assert (await visitor.submit(page.form, code=code)).status == 303
    assert await amr(firm, visitor) == ["pwd", "sms", "mfa"]


async def test_another_code_ends_the_one_before(app, firm, ada):
    await require(firm, ada, "email")
    visitor, page = await halfway(firm, ada)
    answer = await visitor.submit(page.form, again="yes")
    assert answer.next == f"{STEP}?organization={firm.organization}"
    page = await visitor.open(answer.next)
    first, second = sent(app, ada.email)
    if first != second:
        assert (await visitor.submit(page.form, code=first)).status == 403
    assert (await visitor.submit(page.form, code=second)).status == 303


async def test_codes_are_sent_so_often_and_the_last_still_counts(app, firm, ada):
    await require(firm, ada, "email")
    visitor, page = await halfway(firm, ada)
    for _ in range(10):
        answer = await visitor.submit(page.form, again="yes")
    assert len(sent(app, ada.email)) == 10
    page = await visitor.open(answer.next)
    assert "Several codes were sent already" in page.text
    assert (await visitor.submit(page.form, code=sent(app, ada.email)[-1])).status == 303


async def test_a_code_that_is_too_old_is_told_and_is_no_guess(app_database):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        firm = await a_firm(service)
        ada = await firm.person()
        await require(firm, ada, "email")
        settings = f"/api/organizations/{firm.organization}/settings"
        assert (await service.call("PUT", settings, json={"code_lifetime": 60})).status == 200
        visitor, page = await halfway(firm, ada)
        clock.by = timedelta(seconds=61)
        [code] = sent(service, ada.email)
        for _ in range(12):
            answer = await visitor.submit(page.form, code=code)
            assert answer.status == 403
            assert "does not work any more" in answer.text
        answer = await visitor.submit(answer.form, again="yes")
        page = await visitor.open(answer.next)
        assert (await visitor.submit(page.form, code=sent(service, ada.email)[-1])).status == 303


async def test_who_comes_while_the_service_is_busy_tries_again(app, firm, ada, monkeypatch):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)

    async def busy(*_, **__):
        raise Overloaded

    with monkeypatch.context() as patched:
        patched.setattr(type(app.parts.sessions), "start", busy)
        for _ in range(12):
            answer = await visitor.submit(page.form, code=shown(app, secret))
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await visitor.submit(page.form, code=shown(app, secret))).status == 303


async def test_without_a_sender_nobody_gets_in_but_by_a_backup_code(app, firm, ada, monkeypatch):
    await require(firm, ada, "email")
    kept = await codes(firm, ada)

    async def nobody(*_):
        from domain.refusals import NoSender  # noqa: PLC0415

        raise NoSender

    monkeypatch.setattr(type(app.parts.messages), "sender", nobody)
    visitor, page = await halfway(firm, ada)
    assert "could not be sent" in page.text
    assert (await visitor.submit(page.form, code="000000")).status == 403
    assert (await visitor.submit(page.form, code=kept[0], by="backup")).status == 303


async def test_all_that_is_asked_for_has_to_be_shown_in_turn(app, firm, ada):
    secret = await an_app(firm, ada)
    await require(firm, ada, "email", "otp")
    visitor, page = await halfway(firm, ada)
    assert page.title == "Enter the code from your app"
    assert sent(app, ada.email) == [], "not before its turn"
    before = dict(visitor.cookies)
    answer = await visitor.submit(page.form, code=shown(app, secret))
    assert answer.next == f"{STEP}?organization={firm.organization}"
    assert SESSION not in visitor.cookies
    [code] = sent(app, ada.email)
    stale = Visitor(app, before)
    assert (await stale.submit(page.form, code=code)).status == 403, "what was shown stands in the newer cookie"
    page = await visitor.open(answer.next)
    assert page.title == "Check your e-mail"
    assert (await visitor.submit(page.form, code=code)).next.startswith("/account")
    assert await amr(firm, visitor) == ["pwd", "otp", "mfa"]


async def test_a_backup_code_stands_in_for_one_thing(app, firm, ada):
    await an_app(firm, ada)
    kept = await codes(firm, ada)
    await require(firm, ada, "email")
    visitor, page = await halfway(firm, ada)
    answer = await visitor.submit(page.form, code=kept[0], by="backup")
    page = await visitor.open(answer.next)
    assert page.title == "Check your e-mail"
    assert SESSION not in visitor.cookies
    assert (await visitor.submit(page.form, code=kept[0], by="backup")).status == 403
    assert (await visitor.submit(page.form, code=kept[1], by="backup")).status == 303
    assert SESSION in visitor.cookies


async def test_who_has_to_use_an_app_sets_it_up_before_they_go_on(app, firm, ada):
    await require(firm, ada, "otp")
    visitor, page = await halfway(firm, ada)
    assert page.title == "Set up an authenticator app"
    assert page.page.all("svg")
    secret = told_secret(page)
    again = await visitor.open(STEP, organization=firm.organization)
    assert told_secret(again) == secret, "to look again changes nothing"
    assert (await visitor.submit(page.form, code="nonono")).status == 403
    assert SESSION not in visitor.cookies
    listed = f"/api/users/{ada.id}/mfa-verifications"
    assert (await app.call("GET", listed, firm.token)).json == []
    code = shown(app, secret)
    assert (await visitor.submit(page.form, code=code)).next.startswith("/account")
    assert [factor["type"] for factor in (await app.call("GET", listed, firm.token)).json] == ["Totp"]
    assert await amr(firm, visitor) == ["pwd"], "it proves nothing yet"
    other, page = await halfway(firm, ada)
    assert page.title == "Enter the code from your app"
    assert (await other.submit(page.form, code=code)).status == 403, "it was used to set it up"
    assert (await other.submit(page.form, code=shown(app, secret, NEXT))).status == 303
    assert await amr(firm, other) == ["pwd", "otp", "mfa"]


def told_secret(page):
    """Return the secret that a page shows for people who cannot scan."""
    _, _, rest = page.text.partition('<code class="secret">')
    return "".join(rest.partition("</code>")[0].split())


async def test_an_app_is_set_up_after_everything_else_was_shown(app, firm, ada):
    await require(firm, ada, "email", "otp")
    visitor, page = await halfway(firm, ada)
    assert page.title == "Check your e-mail"
    assert "otpauth" not in page.text
    answer = await visitor.submit(page.form, code=sent(app, ada.email)[-1])
    page = await visitor.open(answer.next)
    assert page.title == "Set up an authenticator app"
    assert (await visitor.submit(page.form, code=shown(app, told_secret(page)))).next.startswith("/account")


async def test_a_secret_of_ones_own_making_is_not_set_up(app, firm, ada):
    await require(firm, ada, "otp")
    visitor, page = await halfway(firm, ada)
    own = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    assert (await visitor.submit(page.form, code=shown(app, own), secret=own)).status == 403


async def test_whatever_changes_between_the_steps_sends_back_to_the_first(app, firm):
    kinds = {
        "another app": lambda p: replaced(firm, p),
        "another password": lambda p: call(firm, p, "PATCH", "/password", {"password": "another one entirely"}),
        "another address": lambda p: call(firm, p, "PATCH", "", {"primaryEmail": f"new_{p.email}"}),
        "deleted": lambda p: firm.app.call("DELETE", f"/api/users/{p.id}", firm.token),
        "suspended": lambda p: call(firm, p, "PATCH", "/is-suspended", {"isSuspended": True}),
        "asked for more": lambda p: require(firm, p, "email"),
        "asked for less": lambda p: remove_all(firm, p),
        "more factors": lambda p: codes(firm, p),
    }
    for name, change in kinds.items():
        ada = await firm.person()
        secret = await an_app(firm, ada)
        visitor, page = await halfway(firm, ada)
        changed = await change(ada)
        answer = await visitor.submit(page.form, code=shown(app, changed if name == "another app" else secret))
        assert answer.status == 403, name
        assert OVER in answer.text, name
        assert SESSION not in visitor.cookies, name


async def replaced(firm, person):
    await remove_all(firm, person)
    return await an_app(firm, person)


async def call(firm, person, method, path, body):
    reply = await firm.app.call(method, f"/api/users/{person.id}{path}", firm.token, json=body)
    assert reply.status == 200, reply.text


async def test_an_app_that_is_added_while_somebody_signs_in_counts(app, firm, ada, monkeypatch):
    sessions, added = type(app.parts.sessions), []
    start = sessions.start

    async def overtaken(self, *args, **told):
        if not added:
            added.append(await an_app(firm, ada))
        return await start(self, *args, **told)

    monkeypatch.setattr(sessions, "start", overtaken)
    visitor = Visitor(app)
    answer = await sign_in(visitor, await visitor.open("/login", organization=firm.organization), ada)
    assert answer.status == 403
    assert SESSION not in visitor.cookies
    visitor, page = await halfway(firm, ada, visitor)
    assert (await visitor.submit(page.form, code=shown(app, added[0]))).status == 303


async def test_guesses_are_few_for_strangers_and_none_locks_the_owner_out(app, firm, ada):
    secret = await an_app(firm, ada)
    own, page = await halfway(firm, ada)
    assert (await own.submit(page.form, code=shown(app, secret))).status == 303
    known = {DEVICE: own.cookies[DEVICE]}
    statuses = []
    for _ in range(3):  # another sign-in does not begin the count anew
        stranger, page = await halfway(firm, ada)
        for _ in range(5):
            answer = await stranger.submit(page.form, code="nonono")
            statuses.append(answer.status)
    assert statuses == [403] * 10 + [429] * 5
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many attempts" in answer.text
    assert (await stranger.submit(page.form, code=shown(app, secret, NEXT))).status == 429, "the right one, too"
    own, page = await halfway(firm, ada, Visitor(app, known))
    assert (await own.submit(page.form, code=shown(app, secret, NEXT))).status == 303


async def test_guesses_at_once_are_counted_too(app, firm, ada):
    await an_app(firm, ada)
    started = [await halfway(firm, ada) for _ in range(14)]
    answers = await asyncio.gather(*(visitor.submit(page.form, code="nonono") for visitor, page in started))
    assert sorted(answer.status for answer in answers) == [403] * 10 + [429] * 4


async def test_any_number_of_known_browsers_have_few_guesses_together(app, firm, ada):
    known = []
    for _ in range(6):  # whoever knew the password before there was a factor
        visitor = Visitor(app)
        await sign_in(visitor, await visitor.open("/login", organization=firm.organization), ada)
        known.append({DEVICE: visitor.cookies[DEVICE]})
    await an_app(firm, ada)
    statuses = []
    for cookies in known:
        visitor, page = await halfway(firm, ada, Visitor(app, cookies))
        statuses += [(await visitor.submit(page.form, code="nonono")).status for _ in range(10)]
    assert statuses == [403] * 50 + [429] * 10


async def test_who_manages_lets_guesses_be_forgotten(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    for _ in range(11):
        answer = await visitor.submit(page.form, code="nonono")
    assert answer.status == 429
    assert (await app.call("DELETE", f"/api/v1/users/{ada.id}/locked-ips", firm.token)).status == 204
    visitor, page = await halfway(firm, ada)
    assert (await visitor.submit(page.form, code=shown(app, secret))).status == 303


async def test_a_second_step_is_taken_within_five_minutes(app_database):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        firm = await a_firm(service)
        ada = await firm.person()
        secret = await an_app(firm, ada)
        (visitor, page), (late, other) = await halfway(firm, ada), await halfway(firm, ada)
        clock.by = timedelta(minutes=4, seconds=50)
        assert (await visitor.submit(page.form, code=shown(service, secret))).status == 303
        clock.by = timedelta(minutes=6)
        answer = await late.submit(other.form, code=shown(service, secret))
        assert answer.status == 403
        assert OVER in answer.text


async def test_a_password_counts_for_half_an_hour_however_often_a_code_is_asked_for(app_database):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        firm = await a_firm(service)
        ada = await firm.person()
        secret = await an_app(firm, ada)
        visitor, page = await halfway(firm, ada)
        for minutes in (4, 8, 12, 16, 20, 24, 28):
            clock.by = timedelta(minutes=minutes)
            page = await visitor.open((await visitor.submit(page.form, again="yes")).next)
        copied = dict(visitor.cookies)
        clock.by = timedelta(minutes=30)
        answer = await visitor.submit(page.form, code=shown(service, secret))
        assert answer.status == 403
        assert OVER in answer.text
        clock.by = timedelta(minutes=29, seconds=59)
        assert (await Visitor(service, copied).submit(page.form, code=shown(service, secret))).status == 303


async def test_signing_in_anew_passes_the_second_step_too(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    await visitor.submit(page.form, code=shown(app, secret))
    await firm.consented(visitor)
    for more in ({"prompt": "login"}, {"prompt": "select_account"}):
        page = await firm.ask(visitor, **more)
        assert page.title in {"Confirm that it is you", "Sign in"}
        before = visitor.cookies[SESSION]
        answer = await sign_in(visitor, page, ada)
        assert answer.next.startswith(f"{STEP}?request="), more
        assert visitor.cookies[SESSION] == before
        again = await visitor.open(page.form.action, request=page.form.fields["request"])
        assert again.title in {"Confirm that it is you", "Sign in"}, "the password alone is no new proof"
        page = await visitor.open(answer.next)
        assert (await visitor.submit(page.form, code="nonono")).status == 403
    answer = await visitor.submit(page.form, code=shown(app, secret, NEXT))
    assert answer.away.startswith(f"{CALLBACK}?code=")


@pytest.mark.parametrize(
    "more", [{"console": "yes"}, {"account": "factors"}, {"account": "password"}, {"other": "yes"}]
)
async def test_every_way_on_passes_the_second_step(app, firm, ada, more):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada, **more)
    fields = {name: value for name, value in page.form.fields.items() if name not in {"csrf", "code"}}
    assert fields == {"organization": firm.organization, **more}
    answer = await visitor.submit(page.form, code=shown(app, secret))
    expected = {"yes": "/console" if "console" in more else "/account"}.get(
        next(iter(more.values())), f"/account/{more.get('account')}"
    )
    assert answer.next == f"{expected}?organization={firm.organization}"


async def test_a_device_waits_for_the_second_step(app):
    firm = await a_firm(app, kind="native", name="Atlas TV", redirect_uris=[])
    ada = await firm.person()
    secret = await an_app(firm, ada)
    form = {"client_id": firm.client_id, "scope": "openid"}
    code = (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json["user_code"]
    visitor = Visitor(app)
    answer = await visitor.submit((await visitor.open("/device")).form, user_code=code)
    answer = await sign_in(visitor, await visitor.open(answer.next), ada)
    page = await visitor.open(answer.next)
    assert (await visitor.submit((await visitor.open("/device")).form, user_code=code)).next.startswith("/login")
    answer = await visitor.submit(page.form, code=shown(app, secret))
    assert answer.next == f"/device?user_code={code}"


@pytest.mark.parametrize("path", ["/oauth2/token", "/oidc/token", "/oauth/token", "/token"])
async def test_a_password_alone_gives_no_token(app, path):
    firm = await a_firm(app, kind="web", secrets=[{"name": "first"}], grant_types=[PASSWORD_GRANT], trusted=True)
    ada, secret = await firm.person(), firm.application["secrets"][0]["secret"]
    form = {"grant_type": "password", "username": ada.username, "password": ada.password, "scope": "openid"}
    form |= {"client_id": firm.client_id, "client_secret": secret}
    assert (await app.call("POST", path, "", data=form)).status == 200
    await an_app(firm, ada)
    told = await app.call("POST", path, "", data=form)
    assert told.status == 400, told.text
    assert told.json["error"] == "invalid_grant"
    assert "further factor" in told.text
    guessed = await app.call("POST", path, "", data={**form, "password": "wrong"})
    assert guessed.status == 400
    assert "further factor" not in guessed.text
    await remove_all(firm, ada)
    assert (await app.call("POST", path, "", data=form)).status == 200
    for flag in ("otp", "email"):
        await require(firm, ada, flag)
        assert (await app.call("POST", path, "", data=form)).status == 400, flag


async def test_an_app_that_is_added_between_password_and_token_counts(app, monkeypatch):
    firm = await a_firm(app, kind="web", secrets=[{"name": "first"}], grant_types=[PASSWORD_GRANT], trusted=True)
    ada, secret = await firm.person(), firm.application["secrets"][0]["secret"]
    sign_in, proved = type(app.parts.sign_in), []
    check = sign_in.check

    async def overtaken(self, **told):
        proof = await check(self, **told)
        if not proved:
            proved.append(proof)
            await an_app(firm, ada)
        return proof

    monkeypatch.setattr(sign_in, "check", overtaken)
    form = {"grant_type": "password", "username": ada.username, "password": ada.password, "scope": "openid"}
    told = await app.call(
        "POST", "/oauth2/token", "", data={**form, "client_id": firm.client_id, "client_secret": secret}
    )
    assert (told.status, told.json["error"]) == (400, "invalid_grant")
    assert proved[0].lacking == ()


async def test_only_our_own_form_is_taken(app, firm, ada):
    secret = await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    for headers in ELSEWHERE:
        await refused(app, visitor, page.form, headers, code=shown(app, secret))
    await refused(app, visitor, page.form, csrf="", code=shown(app, secret))
    login = await visitor.open("/login", organization=firm.organization)
    await refused(app, visitor, page.form, csrf=login.form.fields["csrf"], code=shown(app, secret))
    for status, sent_ in unreadable(page.form.fields["csrf"]):
        assert (await visitor.send("POST", STEP, **sent_)).status == status
    assert (await visitor.submit(page.form, code=shown(app, secret))).status == 303


async def test_refusals_name_who_it_was_and_hold_nothing_typed(app, firm, ada):
    await an_app(firm, ada)
    visitor, page = await halfway(firm, ada)
    await visitor.submit(page.form, code="735173")
    told = await app.refusals(code="wrong_totp_code", organization=firm.organization, limit=200)
    [one] = [one for one in told if one["actor"] == ada.id]
    assert (one["status"], one["operation"]) == (403, f"POST {STEP}")
    assert "735173" not in str(told)


async def test_a_session_in_the_log_tells_how_it_was_proved(app, firm, ada):
    await add(firm, ada, type="Totp", secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    visitor, page = await halfway(firm, ada)
    await visitor.submit(page.form, code=shown(app, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
    events = await app.events(actor=ada.id)
    assert sorted(event["topic"] for event in events) == ["factor.used", "session.started"]
    assert len({event["causation"] for event in events}) == 1, "both are there, or neither is"
