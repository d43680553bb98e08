"""/account/factors: an app counts once it showed a right code, backup codes are shown once, all is theirs to remove."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest

from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.pages.account.settings import APP, CODES, FACTORS, REMOVE, home, key_of
from tests.service.pages.forms import unchanged
from tests.service.pages.people import a_firm, sign_in
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def listed(firm, person):
    reply = await firm.app.call("GET", f"/api/users/{person.id}/mfa-verifications", firm.token)
    assert reply.status == 200, reply.text
    return [factor["type"] for factor in reply.json]


async def with_app(firm, person, visitor):
    """Set an app up; return what makes its codes."""
    page = await visitor.open(APP)
    totp = pyotp.TOTP(key_of(page))
    answer = await visitor.submit(page.page.form(APP), code=totp.now())
    assert answer.next == home(firm, "app_added", FACTORS)
    return totp


def shown_codes(page):
    """Return the codes that a page shows."""
    rows = page.text.partition('<ul class="codes">')[2].partition("</ul>")[0].split("<code>")[1:]
    return [row.partition("</code>")[0].replace(" ", "") for row in rows]


async def test_an_app_is_asked_for_once_it_showed_a_right_code(app, firm, ada):
    visitor = await firm.signed_in(ada)
    assert "Your password is all that protects your account." in (await visitor.open(FACTORS)).text
    page = await visitor.open(APP)
    assert await listed(firm, ada) == [], "looking at the picture does nothing"
    totp = pyotp.TOTP(key_of(page))
    wrong = await visitor.submit(page.page.form(APP), code=f"{(int(totp.now()) + 1) % 1_000_000:06d}")
    if wrong.status == 400:  # else it was the code of the next step, once in half a million
        assert wrong.page.one("input", name="code")["aria-invalid"] == "true"
        assert key_of(wrong) == totp.secret, "the picture stays, for it was scanned"
        assert await listed(firm, ada) == []
        answer = await visitor.submit(wrong.page.form(APP), code=f" {totp.now()[:3]} {totp.now()[3:]} ")
        assert answer.next == home(firm, "app_added", FACTORS)
    assert await listed(firm, ada) == ["Totp"]
    page = await visitor.open(FACTORS)
    assert "Authenticator app" in page.text
    assert totp.secret not in page.text
    stranger = Visitor(app)
    login = await stranger.open("/login", organization=firm.organization)
    answer = await sign_in(stranger, login, ada)
    assert not (answer.status == 303 and answer.next.startswith("/account")), "the password alone is not enough now"


async def test_a_code_that_set_the_app_up_does_not_sign_in(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await visitor.open(APP)
    totp = pyotp.TOTP(key_of(page))
    code = totp.now()
    await visitor.submit(page.page.form(APP), code=code)
    body = {"type": "Totp", "code": code}
    reply = await app.call("POST", f"/api/users/{ada.id}/mfa-verifications/verify", firm.token, json=body)
    assert reply.status == 422


async def test_the_picture_is_of_the_page_itself_and_another_one_each_time(firm, ada):
    visitor = await firm.signed_in(ada)
    one, other = await visitor.open(APP), await visitor.open(APP)
    assert key_of(one) != key_of(other)
    assert len(key_of(one)) == 32
    [drawn] = [tag for tag in one.page.all("svg") if tag.get("class") == "qr"]
    assert drawn["viewbox"].split()[2:] == [drawn["viewbox"].split()[2]] * 2
    assert not one.page.all("img")
    assert "otpauth:" not in one.text


async def test_a_secret_that_this_session_was_not_shown_is_not_taken(app, firm, ada):
    """Neither one that was made up, nor one that somebody else was shown, nor one of another session."""
    mallory = await firm.person()
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(APP)).page.form(APP)
    for shown_to in (await firm.signed_in(mallory), await firm.signed_in(ada)):
        theirs = await shown_to.open(APP)
        sealed = theirs.page.form(APP).fields["app"]
        async with unchanged(app):
            answer = await visitor.submit(form, app=sealed, code=pyotp.TOTP(key_of(theirs)).now())
        assert (answer.status, "Scan the new picture" in answer.text) == (409, True)
    async with unchanged(app):
        for sealed in ("", "x", form.fields["app"][:-4], form.fields["app"] + "A", "é"):
            assert (await visitor.submit(form, app=sealed, code="123456")).status == 409


async def test_a_page_that_was_open_for_half_an_hour_shows_another_secret(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        firm = await a_firm(app)
        ada = await firm.person()
        visitor = await firm.signed_in(ada)
        page = await visitor.open(APP)
        former = key_of(page)
        clock.move(timedelta(minutes=30))
        login = await visitor.open("/login", organization=firm.organization, account="factors")
        assert (await sign_in(visitor, login, ada)).next == f"{FACTORS}?organization={firm.organization}"
        code = pyotp.TOTP(former).at(clock.now())
        answer = await visitor.submit(page.page.form(APP), code=code)
        assert answer.status == 409
        assert key_of(answer) != former


async def test_of_two_tabs_one_sets_the_app_up(firm, ada):
    visitor = await firm.signed_in(ada)
    pages = [await visitor.open(APP) for _ in range(2)]
    answers = await asyncio.gather(
        *(visitor.submit(page.page.form(APP), code=pyotp.TOTP(key_of(page)).now()) for page in pages)
    )
    assert sorted(answer.status for answer in answers) == [303, 409]
    [late] = [answer for answer in answers if answer.status == 409]
    assert "An app is set up already." in late.text
    assert await listed(firm, ada) == ["Totp"]


async def test_backup_codes_are_shown_once_and_each_is_good_for_one_sign_in(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await with_app(firm, ada, visitor)
    form = (await visitor.open(FACTORS)).page.form(CODES)
    answer = await visitor.submit(form)
    codes = shown_codes(answer)
    assert (answer.status, len(codes), len(set(codes))) == (200, 10, 10)
    assert answer.headers["Cache-Control"] == "no-store"
    page = await visitor.open(FACTORS)
    assert "10 not used yet" in page.text
    assert not any(code in page.text for code in codes)
    body = {"type": "BackupCode", "code": codes[3]}
    for status in (204, 422):
        reply = await app.call("POST", f"/api/users/{ada.id}/mfa-verifications/verify", firm.token, json=body)
        assert reply.status == status, reply.text
    assert "9 not used yet" in (await visitor.open(FACTORS)).text


async def test_a_reload_of_the_codes_makes_no_others(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await with_app(firm, ada, visitor)
    form = (await visitor.open(FACTORS)).page.form(CODES)
    first = await visitor.submit(form)
    async with unchanged(app):
        again = await visitor.submit(form)
    assert (again.status, shown_codes(again)) == (409, [])
    assert "was shown then, once" in again.text
    removing = [each for each in (await visitor.open(FACTORS)).page.forms if each.action == REMOVE]
    await visitor.submit(removing[-1], **dict(removing[-1].buttons))
    assert await listed(firm, ada) == ["Totp"]
    async with unchanged(app):
        again = await visitor.submit(form)
    assert (again.status, shown_codes(again)) == (409, []), "nor once these were removed"
    assert len(shown_codes(first)) == 10


async def test_two_at_once_make_one_set_of_codes(firm, ada):
    visitor = await firm.signed_in(ada)
    await with_app(firm, ada, visitor)
    forms = [(await visitor.open(FACTORS)).page.form(CODES) for _ in range(2)]
    answers = await asyncio.gather(*(visitor.submit(form) for form in forms))
    assert sorted(answer.status for answer in answers) == [200, 409]
    [late] = [answer for answer in answers if answer.status == 409]
    assert "You have backup codes that are not used yet." in late.text
    assert await listed(firm, ada) == ["Totp", "BackupCode"]


async def test_backup_codes_stand_in_for_something(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await visitor.open(FACTORS)
    assert CODES not in {form.action for form in page.page.forms}
    await with_app(firm, ada, visitor)
    page = await visitor.open(FACTORS)
    form, removing = page.page.form(CODES), page.page.form(REMOVE)
    await visitor.submit(removing, **dict(removing.buttons))
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert (answer.status, "Set up an app first" in answer.text) == (409, True)


async def test_an_app_that_was_removed_is_asked_for_no_more(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await with_app(firm, ada, visitor)
    form = (await visitor.open(FACTORS)).page.form(REMOVE)
    answer = await visitor.submit(form, **dict(form.buttons))
    assert answer.next == home(firm, "app_removed", FACTORS)
    assert await listed(firm, ada) == []
    await firm.signed_in(ada)


async def test_nobody_removes_what_is_somebody_elses(app, firm, ada):
    mallory = await firm.person()
    visitor, theirs = await firm.signed_in(ada), await firm.signed_in(mallory)
    await with_app(firm, ada, visitor)
    await with_app(firm, mallory, theirs)
    [(_, hers)] = (await visitor.open(FACTORS)).page.form(REMOVE).buttons
    form = (await theirs.open(FACTORS)).page.form(REMOVE)
    async with unchanged(app):
        for factor in (hers, str(uuid4()), "x", ""):
            assert (await theirs.submit(form, factor=factor)).status == 404
    assert await listed(firm, ada) == ["Totp"]


async def test_the_secret_is_in_no_address_and_no_cookie(firm, ada):
    visitor = await firm.signed_in(ada)
    page = await visitor.open(APP)
    secret = key_of(page)
    answer = await visitor.submit(page.page.form(APP), code=pyotp.TOTP(secret).at(time.time()))
    for reply in (page, answer):
        assert not any(secret in value for value in reply.headers.values())
    assert all(secret not in value for value in page.page.form(APP).fields.values()), "sealed, in the form"
