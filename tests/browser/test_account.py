"""The account page in a browser: access is seen and taken back, sessions are seen and ended, one signs out."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits
from tests.browser.signing_in import LANGUAGES, SAYS, allow, type_in, welcomed

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def let_in(page, crm, person, **more):
    """Sign somebody in to the application, and go to the account page."""
    await page.goto(crm.asking(**more))
    await type_in(page, person)
    await allow(page)
    await welcomed(page, crm, person, more.get("scope", "openid profile"))
    await page.goto("/account")
    await expect(page).to_have_title(SAYS["account_title"])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a2a_a_person_sees_who_has_access_and_takes_it_back(opening, crm, ada, scripts):
    async with opening(crm.url, java_script_enabled=scripts) as page:
        await let_in(page, crm, ada)
        item = page.get_by_role("listitem").filter(has_text="Atlas CRM")
        for said in ("by Acme", SAYS["scope_profile"]):
            await expect(item.get_by_text(said, exact=True)).to_be_visible()
        revoke = SAYS["account_revoke_of"].format(application="Atlas CRM")
        await page.get_by_role("button", name=revoke).click()
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_revoked"])
        await expect(page.get_by_text(SAYS["account_no_applications"])).to_be_visible()
        await page.goto(crm.asking())
        await expect(page).to_have_title(SAYS["consent_title"].format(application="Atlas CRM"))


async def test_another_browser_is_signed_out_from_here(opening, crm, ada):
    async with opening(crm.url) as here, opening(crm.url) as there:
        await let_in(here, crm, ada)
        await there.goto(crm.asking())
        await type_in(there, ada)
        await welcomed(there, crm, ada)
        await here.reload()
        await expect(here.get_by_text(SAYS["account_this_one"])).to_have_count(1)
        await here.get_by_role("button", name=SAYS["account_end_others"]).click()
        await expect(here.get_by_role("status")).to_have_text(SAYS["account_ended_others"])
        await expect(here.get_by_role("button", name=SAYS["account_end_others"])).to_have_count(0)
        await there.goto("/account")
        await expect(there).to_have_title(SAYS["login_title"])


async def test_who_signs_out_has_to_sign_in_again(opening, crm, ada):
    async with opening(crm.url) as page:
        await let_in(page, crm, ada)
        await page.get_by_role("button", name=SAYS["account_end"], exact=True).click()
        await expect(page).to_have_title(SAYS["logout_done_title"])
        await page.get_by_role("link", name=SAYS["logout_again"]).click()
        await expect(page.get_by_text(SAYS["login_at"].format(organization="Acme"))).to_be_visible()
        await type_in(page, ada)
        await expect(page).to_have_title(SAYS["account_title"])


async def test_an_application_signs_out_and_asks_first_where_it_cannot_prove_who(opening, crm, ada):
    async with opening(crm.url) as page:
        await let_in(page, crm, ada)
        back = {"client_id": crm.firm.client_id, "post_logout_redirect_uri": f"{crm.url}/bye"}
        await page.goto(f"/oauth2/logout?{urlencode(back)}")
        await expect(page).to_have_title(SAYS["logout_title"])
        await fits(page)
        await page.get_by_role("link", name=SAYS["logout_stay"]).click()
        await expect(page).to_have_title(SAYS["account_title"])
        await page.goto(f"/oauth2/logout?{urlencode(back)}")
        await page.get_by_role("button", name=SAYS["logout_button"]).click()
        await expect(page).to_have_title("Goodbye")
        await page.goto("/account")
        await expect(page).to_have_title(SAYS["login_title"])


async def test_an_application_that_proves_who_signs_out_at_once(opening, crm, ada):
    async with opening(crm.url) as page:
        await let_in(page, crm, ada)
        hint = {"id_token_hint": crm.tokens[-1]["id_token"], "post_logout_redirect_uri": f"{crm.url}/bye"}
        await page.goto(f"/oauth2/logout?{urlencode(hint)}")
        await expect(page).to_have_title("Goodbye")
        await page.goto("/account")
        await expect(page).to_have_title(SAYS["login_title"])


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_it_fits_the_screen_and_can_be_read(opening, crm, ada, locale, language):
    says = WORDS[language]
    elsewhere = await crm.firm.signed_in(ada)
    await crm.firm.consented(elsewhere, redirect_uri=crm.callback, scope="openid email offline_access")
    async with opening(crm.url, locale=locale) as page:
        await page.goto(f"/login?organization={crm.firm.organization}")
        await fits(page)
        await type_in(page, ada, language=language)
        await expect(page).to_have_title(says["account_title"])
        await fits(page)
        await page.get_by_role("button", name=says["account_end_others"]).click()
        await expect(page.get_by_role("status")).to_have_text(says["account_ended_others"])
        await fits(page)
        await page.get_by_role("button", name=says["account_end"], exact=True).click()
        await expect(page).to_have_title(says["logout_done_title"])
        await fits(page)
