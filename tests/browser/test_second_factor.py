"""The second step of a sign-in in a browser: an app's code, a code by mail, a backup code, and setting an app up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, allow, type_in, welcomed
from tests.service.pages.factors import an_app, codes, require, sent, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEXT = timedelta(seconds=30)


async def show(page, code, language="en"):
    """Type a code and send it."""
    says = WORDS[language]
    await page.locator("input[name=code]").fill(code)
    await page.get_by_role("button", name=says["go_on"], exact=True).click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_people_show_a_code_and_are_back(opening, crm, ada, app, scripts):
    secret = await an_app(crm.firm, ada)
    async with opening(crm.url, java_script_enabled=scripts) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["second_totp_title"])
        await expect(page.get_by_text("Atlas CRM", exact=True)).to_be_visible()
        await expect(page.get_by_label(SAYS["second_code_label"])).to_be_focused()
        await page.keyboard.type(shown(app, secret))
        await page.keyboard.press("Enter")
        await allow(page)
        await welcomed(page, crm, ada)


async def test_a_wrong_code_is_told_and_typed_anew(opening, crm, ada, app):
    secret = await an_app(crm.firm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await show(page, "nonono")
        await expect(page.get_by_role("alert")).to_have_text(SAYS["second_wrong_app"])
        await expect(page.get_by_label(SAYS["second_code_label"])).to_be_focused()
        await expect(page.get_by_label(SAYS["second_code_label"])).to_have_value("")
        await page.get_by_role("button", name=SAYS["go_on"]).click()
        fault = page.get_by_text(SAYS["second_missing"])
        await expect(fault).to_be_visible()
        described = await page.get_by_label(SAYS["second_code_label"]).get_attribute("aria-describedby")
        await expect(fault).to_have_id(described)
        await show(page, shown(app, secret))
        await allow(page)
        await welcomed(page, crm, ada)


async def test_a_backup_code_does_instead(opening, crm, ada):
    await an_app(crm.firm, ada)
    kept = await codes(crm.firm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await page.get_by_role("link", name=SAYS["second_use_backup"]).click()
        await expect(page).to_have_title(SAYS["second_backup_title"])
        await page.get_by_role("link", name=SAYS["second_use_other"]).click()
        await expect(page).to_have_title(SAYS["second_totp_title"])
        await page.get_by_role("link", name=SAYS["second_use_backup"]).click()
        await show(page, kept[0])
        await allow(page)
        await welcomed(page, crm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await page.get_by_role("link", name=SAYS["second_use_backup"]).click()
        await show(page, kept[0])
        await expect(page.get_by_role("alert")).to_have_text(SAYS["second_wrong"])
        await expect(page).to_have_title(SAYS["second_backup_title"])


async def test_a_code_comes_by_mail_as_often_as_it_is_asked_for(opening, crm, ada, app):
    await require(crm.firm, ada, "email")
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["second_email_title"])
        recipient = f"{ada.email[0]}•••@example.com"
        await expect(page.get_by_text(SAYS["second_sent"].format(recipient=recipient))).to_be_visible()
        await page.get_by_role("button", name=SAYS["second_again"]).click()
        await expect(page).to_have_title(SAYS["second_email_title"])
        assert len(sent(app, ada.email)) == 2
        await page.get_by_label(SAYS["second_code_label"]).fill(sent(app, ada.email)[-1])
        await page.keyboard.press("Enter")  # sends the code, not another one
        await allow(page)
        await welcomed(page, crm, ada)


async def test_an_app_is_set_up_on_the_way(opening, crm, ada, app):
    await require(crm.firm, ada, "otp")
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["second_enrolment_title"])
        await expect(page.locator("svg.qr")).to_be_visible()
        secret = "".join((await page.locator("code.secret").inner_text()).split())
        await show(page, "nonono")
        await expect(page.get_by_role("alert")).to_have_text(SAYS["second_wrong_app"])
        assert "".join((await page.locator("code.secret").inner_text()).split()) == secret
        await show(page, shown(app, secret))
        await allow(page)
        await welcomed(page, crm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await show(page, shown(app, secret, NEXT))
        await welcomed(page, crm, ada)


async def test_who_is_somebody_else_begins_anew(opening, crm, ada):
    await an_app(crm.firm, ada)
    grace = await crm.firm.person(name="Grace Hopper")
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await page.get_by_role("link", name=SAYS["not_you"]).click()
        await expect(page).to_have_title(SAYS["login_title"])
        await type_in(page, grace)
        await allow(page)
        await welcomed(page, crm, grace)


async def test_the_back_button_shows_nothing_that_was_typed(opening, crm, ada, app):
    secret = await an_app(crm.firm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await show(page, shown(app, secret))
        await expect(page.get_by_role("button", name=SAYS["consent_allow"], exact=True)).to_be_visible()
        await page.go_back()
        await expect(page).to_have_title(SAYS["login_title"])
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_the_keyboard_is_enough_and_shows_where_it_is(opening, crm, ada):
    await an_app(crm.firm, ada)
    await codes(crm.firm, ada)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await expect(page.get_by_label(SAYS["second_code_label"])).to_be_focused()
        for role, name in (
            ("textbox", SAYS["second_code_label"]),
            ("button", SAYS["go_on"]),
            ("link", SAYS["second_use_backup"]),
            ("link", SAYS["not_you"]),
        ):
            await expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()
            width, contrast = await focus_ring(page)
            assert width >= 2
            assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"
            await page.keyboard.press("Tab")


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_every_page_fits_the_screen_and_can_be_read(opening, crm, app, locale, language):
    says = WORDS[language]
    ada = await crm.firm.person()
    secret = await an_app(crm.firm, ada)
    await codes(crm.firm, ada)
    await require(crm.firm, ada, "email")
    async with opening(crm.url, locale=locale) as page:
        await page.goto(crm.asking())
        await type_in(page, ada, language=language)
        await fits(page)
        await show(page, "nonono", language)
        await fits(page)
        await show(page, "", language)
        await fits(page)
        await page.get_by_role("link", name=says["second_use_backup"]).click()
        await expect(page).to_have_title(says["second_backup_title"])
        await fits(page)
        await page.get_by_role("link", name=says["second_use_other"]).click()
        await show(page, shown(app, secret), language)
        await expect(page).to_have_title(says["second_email_title"])
        await fits(page)
        for _ in range(10):
            await page.get_by_role("button", name=says["second_again"]).click()
        await expect(page.get_by_role("alert")).to_have_text(says["second_limited"])
        await fits(page)
        for _ in range(11):
            await show(page, "nonono", language)
        await expect(page).to_have_title(says["second_email_title"])
        await fits(page)
    grace = await crm.firm.person(name="Grace Hopper")
    await require(crm.firm, grace, "otp")
    async with opening(crm.url, locale=locale) as page:
        await page.goto(crm.asking())
        await type_in(page, grace, language=language)
        await expect(page).to_have_title(says["second_enrolment_title"])
        await fits(page)
