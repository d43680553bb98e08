"""Signing in to an application, as people do: sign-in, consent or refusal, and back, with scripts and without."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, allow, type_in, welcomed
from tests.service.pages.people import a_firm

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_people_sign_in_consent_and_are_back(opening, crm, ada, scripts):
    async with opening(crm.url, java_script_enabled=scripts) as page:
        await page.goto(crm.url)
        await page.get_by_role("link", name="Sign in").click()
        await expect(page).to_have_title(SAYS["login_title"])
        for said in ("Atlas CRM", "by Acme"):
            await expect(page.get_by_text(said, exact=True)).to_be_visible()
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["consent_title"].format(application="Atlas CRM"))
        for said in ("Ada Lovelace", ada.email, SAYS["scope_profile"], "by Acme"):
            await expect(page.get_by_text(said, exact=True)).to_be_visible()
        await allow(page)
        await welcomed(page, crm, ada)


async def test_consent_is_remembered_and_so_is_the_session(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await allow(page)
        await welcomed(page, crm, ada)
        await page.goto(crm.asking())
        await welcomed(page, crm, ada)
        await page.goto(crm.asking(scope="openid profile email"))
        await expect(page.get_by_role("heading", name=SAYS["consent_before"])).to_be_visible()
        await allow(page)
        await welcomed(page, crm, ada, "openid profile email")
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await welcomed(page, crm, ada)


async def test_who_refuses_is_back_with_nothing_given(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await page.get_by_role("button", name=SAYS["consent_deny"]).click()
        await expect(page).to_have_title("Not signed in")
        await expect(page.get_by_text("access_denied")).to_be_visible()
        assert crm.tokens == []
        await page.goto(crm.asking())
        await expect(page).to_have_title(SAYS["consent_title"].format(application="Atlas CRM"))


async def test_a_wrong_password_is_told_and_typed_anew(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada, "wrong")
        await expect(page.get_by_role("alert")).to_have_text(SAYS["login_refused"])
        await expect(page.get_by_label(SAYS["identifier_label"])).to_have_value(ada.username)
        await expect(page.get_by_label(SAYS["password_label"])).to_be_focused()
        await expect(page.get_by_label(SAYS["password_label"])).to_have_value("")
        await page.get_by_role("button").click()
        fault = page.get_by_text(SAYS["password_missing"])
        await expect(fault).to_be_visible()
        described = await page.get_by_label(SAYS["password_label"]).get_attribute("aria-describedby")
        await expect(fault).to_have_id(described)
        await page.keyboard.type(ada.password)
        await page.keyboard.press("Enter")
        await allow(page)
        await welcomed(page, crm, ada)


async def test_whoever_is_somebody_else_says_so(opening, crm, ada):
    grace = await crm.firm.person(name="Grace Hopper")
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await page.get_by_role("link", name=SAYS["not_you"]).click()
        await expect(page.get_by_label(SAYS["identifier_label"])).to_have_value("")
        await type_in(page, grace)
        await expect(page.get_by_text("Grace Hopper", exact=True)).to_be_visible()
        await allow(page)
        await welcomed(page, crm, grace)


async def test_an_application_may_ask_who_it_is_once_more(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await allow(page)
        await welcomed(page, crm, ada)
        await page.goto(crm.asking(prompt="login"))
        await expect(page).to_have_title(SAYS["login_again_title"])
        await expect(page.get_by_label(SAYS["password_label"])).to_be_focused()
        await page.keyboard.type(ada.password)
        await page.keyboard.press("Enter")
        await welcomed(page, crm, ada)


async def test_an_application_leads_on_to_another_site_of_its_own(opening, crm, ada):
    # Browsers hold redirects after a form to the policy of its page; ours must not reach into the application.
    crm.onward = f"{crm.url.replace('127.0.0.1', 'localhost')}/welcome"
    async with opening(crm.url, crm.url.replace("127.0.0.1", "localhost")) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await allow(page)
        await expect(page).to_have_url(crm.onward)
        await welcomed(page, crm, ada)


async def test_the_answer_goes_by_a_form_without_scripts_too(opening, crm, ada):
    async with opening(crm.url, java_script_enabled=False) as page:
        await page.goto(crm.asking(response_mode="form_post"))
        await type_in(page, ada)
        await allow(page)
        await page.get_by_role("button", name=SAYS["go_on"]).click()
        await welcomed(page, crm, ada)


async def test_the_back_button_shows_nothing_that_was_typed(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await type_in(page, ada)
        await expect(page.get_by_role("button", name=SAYS["consent_allow"], exact=True)).to_be_visible()
        await page.go_back()
        await expect(page.get_by_label(SAYS["password_label"])).to_have_value("")


async def test_another_site_cannot_send_our_forms(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto("/account")
        await page.goto(f"/login?organization={crm.firm.organization}")
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["account_title"])
        token = await page.locator("input[name=csrf]").first.get_attribute("value")
        forged = urlencode({"path": "/account/sessions/end", "session": "others", "csrf": token})
        await page.goto(f"{crm.url}/prize?{forged}")
        await page.get_by_role("button", name="Yes!").click()
        await expect(page.get_by_role("alert")).to_have_text(SAYS["form_stale"])
        await page.goto("/account")
        await expect(page).to_have_title(SAYS["account_title"])


async def test_the_keyboard_is_enough_and_shows_where_it_is(opening, crm, ada):
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await expect(page.get_by_label(SAYS["identifier_label"])).to_be_focused()
        await shows_its_focus(page)
        await page.keyboard.type(ada.username)
        await page.keyboard.press("Tab")
        await shows_its_focus(page)
        await page.keyboard.type(ada.password)
        await page.keyboard.press("Tab")
        await shows_its_focus(page)
        await page.keyboard.press("Enter")
        await expect(page).to_have_title(re.compile("^Allow"))
        await page.keyboard.press("Enter")  # what somebody typed on does not decide for them
        for name, role in (
            (SAYS["not_you"], "link"),
            (SAYS["consent_allow"], "button"),
            (SAYS["consent_deny"], "button"),
        ):
            await page.keyboard.press("Tab")
            await expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()
            await shows_its_focus(page)
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await welcomed(page, crm, ada)


async def shows_its_focus(page: Page) -> None:
    width, contrast = await focus_ring(page)
    assert width >= 2
    assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_pages_speak_the_browsers_language_unless_the_application_says_another(
    opening, crm, ada, locale, language
):
    other = "zh" if language == "en" else "en"
    async with opening(crm.url, locale=locale) as page:
        for asked, spoken in ((crm.asking(), language), (crm.asking(ui_locales=f"{other}-XX"), other)):
            await page.goto(asked)
            await expect(page).to_have_title(WORDS[spoken]["login_title"])
            await expect(page.locator("html")).to_have_attribute("lang", spoken)
        await type_in(page, ada, language=other)
        await expect(page.locator("html")).to_have_attribute("lang", other)
        await allow(page, language=other)
        await welcomed(page, crm, ada)


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_every_page_fits_the_screen_and_can_be_read(opening, crm, ada, locale, language):
    async with opening(crm.url, locale=locale) as page:
        await page.goto(crm.asking(scope="openid profile email offline_access"))
        await fits(page)
        await type_in(page, ada, "wrong", language)
        await fits(page)
        await page.get_by_role("button").click()
        await fits(page)
        await type_in(page, ada, language=language)
        await fits(page)
        await page.goto("/consent?request=x")
        await fits(page)


async def test_names_without_a_place_to_break_fit_too(opening, app, crm):
    name = "Donaudampfschifffahrtsgesellschaft" * 3
    crm.firm = await a_firm(app, name, name=name, kind="web", secrets=[{"name": "first"}], redirect_uris=[crm.callback])
    person = await crm.firm.person(name=name)
    async with opening(crm.url) as page:
        await page.goto(crm.asking())
        await fits(page)
        await type_in(page, person)
        await fits(page)
        await allow(page)
        await welcomed(page, crm, person)
        await page.goto("/account")
        await fits(page)
