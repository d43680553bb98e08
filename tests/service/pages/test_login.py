"""The sign-in page: it lets in who proves themselves, tells nobody who is known here, and gives each a new cookie."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from service.clock import Clock
from service.pages.words import WORDS
from service.secrets.digests import SESSION as SESSION_PREFIX
from service.secrets.digests import new_secret
from tests.app_fixture import running
from tests.service.pages.people import CALLBACK, PASSWORD, Person, a_firm, sign_in
from tests.service.pages.visitor import DEVICE, FORM, SESSION, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_signs_in_goes_on_to_consent_and_back_to_the_application(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    assert (page.status, page.title) == (200, "Sign in")
    assert "Atlas CRM" in page.text
    assert "by Acme" in page.text
    consent = await visitor.open((await sign_in(visitor, page, ada)).next)
    assert consent.title == "Allow Atlas CRM to use your account?"
    told = (await visitor.submit(consent.form, decision="allow")).given
    assert (told["state"], told["iss"]) == ("s1", visitor.issuer)
    token = await firm.token_of(told["code"])
    assert set(token["scope"].split()) == {"openid", "profile"}


async def test_who_signed_in_is_not_asked_again_while_the_session_lasts(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    answer = await visitor.open("/oauth2/authorize", **firm.asking())
    assert answer.next.startswith(f"{CALLBACK}?code=")


async def test_people_sign_in_by_e_mail_address_too(app, firm, ada):
    visitor = Visitor(app)
    page = await visitor.open("/login", organization=firm.organization)
    assert "with your account at Acme" in page.text
    answer = await sign_in(visitor, page, Person(ada.id, ada.email.upper(), ada.email))
    assert answer.next == f"/account?organization={firm.organization}"


async def test_without_a_request_the_installations_first_organization_signs_in(app):
    page = await Visitor(app).open("/login")
    assert page.status == 200
    own = (await app.call("GET", "/api/accounts")).json["items"][0]
    assert f"with your account at {own['name']}" in page.text


async def test_nobody_learns_who_is_known_here(app, firm, ada):
    unknown = Person("", f"nobody_{uuid4().hex}", "")
    wrong = Person(ada.id, ada.username, ada.email, "wrong")
    suspended, without = await firm.person(), Person("", (await firm.person(password=None)).username, "")
    await app.call("POST", f"/api/users/{suspended.id}/suspend", json={})
    elsewhere = await (await a_firm(app, "Elsewhere")).person()
    pages = set()
    for person in (unknown, wrong, suspended, without, elsewhere):
        visitor = Visitor(app)
        page = await visitor.open("/login", organization=firm.organization)
        answer = await sign_in(visitor, page, person)
        assert answer.status == 403
        assert SESSION not in visitor.cookies
        assert PASSWORD not in answer.text
        pages.add(answer.text.replace(person.username, "?").replace(answer.form.fields["csrf"], "?"))
    assert len(pages) == 1
    assert "These do not match" in pages.pop()


async def test_the_identifier_stays_and_the_password_has_to_be_typed_again(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    answer = await sign_in(visitor, page, Person(ada.id, ada.username, ada.email, "wrong"))
    shown = answer.page
    assert shown.one("input", name="identifier")["value"] == ada.username
    assert "value" not in shown.one("input", name="password")
    assert "autofocus" in shown.one("input", name="password")
    assert (await sign_in(visitor, answer, ada)).next.startswith("/consent?request=")


@pytest.mark.parametrize(
    ("identifier", "password", "missing"),
    [("", "", "identifier"), ("", "x", "identifier"), ("  ", "x", "identifier"), ("ada", "", "password")],
)
async def test_what_is_missing_is_told_beside_its_field(app, firm, identifier, password, missing):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    answer = await visitor.submit(page.form, identifier=identifier, password=password)
    assert answer.status == 400
    field = answer.page.one("input", name=missing)
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", f"{missing}-fault")
    assert "autofocus" in field
    assert answer.page.one("p", id=f"{missing}-fault")["class"] == "fault"


async def test_too_many_attempts_have_to_wait_and_another_browser_of_the_same_user_does_not(app, firm, ada):
    own = Visitor(app)
    await sign_in(own, await firm.ask(own), ada)
    own.cookies = {DEVICE: own.cookies[DEVICE]}
    stranger = Visitor(app)
    page = await firm.ask(stranger)
    wrong = Person(ada.id, ada.username, ada.email, "wrong")
    answers = [await sign_in(stranger, page, wrong) for _ in range(7)]
    assert {answer.status for answer in answers[:5]} == {403}
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert re.search(r"Too many attempts\. Please try again in (one minute|\d+ minutes)\.", answers[-1].text)
    assert (await sign_in(stranger, page, ada)).status == 429, "the right password, too"
    assert (await sign_in(own, await firm.ask(own), ada)).next.startswith("/consent"), "nobody is locked out"


async def test_a_cookie_from_before_opens_nothing(app, firm, ada):
    attacker, victim = Visitor(app), Visitor(app)
    page = await firm.ask(attacker)
    planted = {SESSION: new_secret(SESSION_PREFIX), FORM: attacker.cookies[FORM]}
    victim.cookies = dict(planted)
    await sign_in(victim, await firm.ask(victim), ada)
    assert victim.cookies[SESSION] not in planted.values()
    assert FORM not in victim.cookies, "what forms were bound to before is forgotten"
    attacker.cookies = dict(planted)
    assert (await attacker.open("/account")).next == "/login"
    assert (await sign_in(attacker, page, Person("", ada.username, "", "guess"))).status == 403


async def test_a_session_of_somebody_else_in_the_browser_ends(app, firm, ada):
    attacker = await firm.signed_in(await firm.person())
    victim = Visitor(app, dict(attacker.cookies))
    await sign_in(victim, await victim.open("/login", organization=firm.organization), ada)
    assert ada.username in (await victim.open("/account")).text
    assert (await attacker.open("/account")).next == "/login"


async def test_signing_in_again_makes_another_cookie_of_the_same_session(app, firm, ada):
    visitor = await firm.signed_in(ada)
    before = dict(visitor.cookies)
    await sign_in(visitor, await visitor.open("/login", organization=firm.organization), ada)
    assert visitor.cookies[SESSION] != before[SESSION]
    assert (await Visitor(app, before).open("/account")).next == "/login"
    assert (await visitor.open("/account")).text.count("This browser") == 1


async def test_an_application_may_ask_that_somebody_proves_it_again(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    page = await firm.ask(visitor, prompt="login")
    assert page.title == "Confirm that it is you"
    assert page.page.one("input", name="identifier")["value"] == ada.username
    assert (await sign_in(visitor, page, ada)).given["code"]


async def test_an_application_may_let_somebody_choose_who_to_be(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    page = await firm.ask(visitor, prompt="select_account")
    assert page.title == "Sign in"
    assert page.page.one("input", name="identifier")["value"] == ""
    assert (await sign_in(visitor, page, ada)).given["code"]


async def test_who_signed_in_elsewhere_meanwhile_is_not_told_to_prove_it(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    await sign_in(visitor, page, ada)
    again = await visitor.open("/login", request=page.form.fields["request"])
    assert again.title == "Sign in"


async def test_an_application_may_say_who_it_thinks_it_is(app, firm):
    page = await firm.ask(Visitor(app), login_hint='grace"@example.com')
    assert page.page.one("input", name="identifier")["value"] == 'grace"@example.com'
    assert "autofocus" in page.page.one("input", name="password")


async def test_whoever_is_somebody_else_begins_with_an_empty_form(app, firm, ada):
    visitor = await firm.signed_in(ada)
    consent = await firm.ask(visitor)
    other = await visitor.open(consent.page.one("a", **{"class": "aside"})["href"])
    assert (other.status, other.title) == (200, "Sign in")
    assert other.page.one("input", name="identifier")["value"] == ""
    grace = await firm.person(name="Grace Hopper")
    consent = await visitor.open((await sign_in(visitor, other, grace)).next)
    assert "Grace Hopper" in consent.text


async def test_the_fields_are_what_password_managers_look_for(app, firm):
    page = (await firm.ask(Visitor(app))).page
    identifier, password = page.one("input", name="identifier"), page.one("input", name="password")
    assert (identifier["type"], identifier["autocomplete"]) == ("text", "username")
    assert (password["type"], password["autocomplete"]) == ("password", "current-password")
    labels = {label["for"] for label in page.all("label")}
    assert labels == {identifier["id"], password["id"]}


async def test_a_request_that_is_not_ours_any_more_leads_nowhere(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    sealed = page.form.fields["request"]
    altered = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
    for text in (altered, "x", sealed[:40], "é", "\0"):
        answer = await visitor.open("/login", request=text)
        assert (answer.status, answer.title) == (400, "We cannot go on from here")
        answer = await visitor.submit(page.form, request=text, identifier=ada.username, password=ada.password)
        assert answer.status == 400
    assert SESSION not in visitor.cookies


@pytest.mark.parametrize("organization", ["x", "00000000-0000-0000-0000-000000000000", "0" * 5000])
async def test_an_organization_that_is_not_there_has_no_sign_in_page(app, organization):
    assert (await Visitor(app).open("/login", organization=organization)).status == 404


async def test_a_suspended_organization_has_no_sign_in_page(app):
    firm = await a_firm(app, "Closed")
    person, visitor = await firm.person(), Visitor(app)
    page = await visitor.open("/login", organization=firm.organization)
    await app.call("PATCH", f"/api/accounts/{firm.organization}", json={"status": "suspended"})
    assert (await visitor.open("/login", organization=firm.organization)).status == 404
    assert (await sign_in(visitor, page, person)).status == 404


async def test_a_disabled_application_signs_nobody_in(app):
    firm = await a_firm(app, "Quiet")
    person, visitor = await firm.person(), Visitor(app)
    page = await firm.ask(visitor)
    await app.call("POST", f"/api/applications/{firm.application['id']}/disable", json={})
    assert "switched off" in (await sign_in(visitor, page, person)).text
    assert SESSION not in visitor.cookies


async def test_two_posts_at_once_both_sign_in(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor)
    twice = [Visitor(app, dict(visitor.cookies)) for _ in range(2)]
    answers = await asyncio.gather(*(sign_in(each, page, ada) for each in twice))
    assert [answer.next.startswith("/consent") for answer in answers] == [True, True]
    for each in twice:
        assert ada.username in (await each.open("/account")).text
    assert twice[0].cookies[SESSION] != twice[1].cookies[SESSION]


async def test_the_page_speaks_the_language_the_application_asks_for(app, firm, ada):
    visitor = Visitor(app)
    page = await firm.ask(visitor, ui_locales="fr zh-CN en")
    assert page.page.all("html") == [{"lang": "zh"}]
    answer = await sign_in(visitor, page, Person("", ada.username, "", "wrong"))
    assert "用户名与密码不匹配" in answer.text
    consent = await visitor.open((await sign_in(visitor, page, ada)).next)
    assert consent.title == WORDS["zh"]["consent_title"].format(application="Atlas CRM")
    assert (await firm.ask(Visitor(app, language="zh"), ui_locales="en")).title == "Sign in"


async def test_failed_attempts_are_on_record_without_what_was_typed(app, firm, ada):
    visitor = Visitor(app)
    await sign_in(visitor, await firm.ask(visitor), Person("", ada.username, "", "a guess of theirs"))
    recorded = await app.refusals(limit=50)
    assert [each for each in recorded if each["actor"] == ada.id]
    assert "a guess of theirs" not in str(recorded)
    assert ada.username not in str(recorded)


class MovedClock(Clock):
    """The real clock, put forward."""

    by = timedelta(0)

    def now(self):
        return super().now() + self.by


async def test_a_request_expires_after_an_hour_and_a_session_after_its_time(app_database):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        firm = await a_firm(service)
        person, visitor = await firm.person(), Visitor(service)
        page = await firm.ask(visitor)
        clock.by = timedelta(minutes=59)
        consent = await visitor.open((await sign_in(visitor, page, person)).next)
        assert consent.status == 200
        clock.by = timedelta(minutes=61)
        assert (await sign_in(visitor, page, person)).status == 400
        answer = await visitor.submit(consent.form, decision="allow")
        assert (answer.status, answer.title) == (400, "We cannot go on from here")
        clock.by = timedelta(hours=service.parts.settings.session_hours, minutes=62)
        assert (await visitor.open("/account")).next == "/login"
