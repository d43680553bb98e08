"""The device page in a browser: the code from another screen, the sign-in, the question, the answer."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from domain.grant_types import DEVICE_CODE
from service.pages.words import WORDS
from tests.browser.looking import fits
from tests.browser.signing_in import LANGUAGES, SAYS, type_in
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Television:
    """A device that shows a code."""

    def __init__(self, firm, codes):
        self.firm, self.codes = firm, codes

    @property
    def code(self):
        return self.codes["user_code"]

    async def told(self):
        form = {"grant_type": DEVICE_CODE, "device_code": self.codes["device_code"], "client_id": self.firm.client_id}
        reply = await self.firm.app.call("POST", "/oauth2/token", "", data=form)
        return reply.json.get("error", "issued")


@pytest.fixture
def switch_on(app):
    """Let a device of a new organization ask."""

    async def asking():
        firm = await a_firm(app, kind="native", name="Atlas TV", redirect_uris=[])
        form = {"client_id": firm.client_id, "scope": "openid profile"}
        return Television(firm, (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json)

    return asking


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_device_is_connected_by_its_code(opening, switch_on, scripts):
    television = await switch_on()
    person = await television.firm.person()
    async with opening(java_script_enabled=scripts) as page:
        await page.goto("/device")
        await expect(page.get_by_label(SAYS["device_label"])).to_be_focused()
        await page.keyboard.type(television.code.lower().replace("-", " "))
        await page.keyboard.press("Enter")
        await type_in(page, person)
        await expect(page.get_by_label(SAYS["device_label"])).to_have_value(television.code)
        await page.get_by_role("button", name=SAYS["device_button"]).click()
        await expect(page).to_have_title(SAYS["device_confirm_title"].format(application="Atlas TV"))
        for said in (television.code, "by Acme", "Ada Lovelace", SAYS["scope_profile"]):
            await expect(page.get_by_text(said, exact=True)).to_be_visible()
        await page.get_by_role("button", name=SAYS["device_allow"], exact=True).click()
        await expect(page).to_have_title(SAYS["device_allowed_title"])
        assert await television.told() == "issued"


async def test_a_device_that_nobody_knows_is_turned_away(opening, switch_on):
    television = await switch_on()
    person = await television.firm.person()
    async with opening() as page:
        await page.goto(television.codes["verification_uri_complete"])
        await page.get_by_role("button", name=SAYS["device_button"]).click()
        await type_in(page, person)
        await page.get_by_role("button", name=SAYS["device_button"]).click()
        await page.get_by_role("button", name=SAYS["device_deny"]).click()
        await expect(page).to_have_title(SAYS["device_denied_title"])
        assert await television.told() == "access_denied"


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_its_pages_fit_the_screen_and_can_be_read(opening, switch_on, locale, language):
    says = WORDS[language]
    television = await switch_on()
    person = await television.firm.person()
    async with opening(locale=locale) as page:
        await page.goto("/device")
        await fits(page)
        await page.get_by_label(says["device_label"]).fill("BCDF-GHJK")
        await page.get_by_role("button").click()
        await expect(page.get_by_text(says["device_unknown"])).to_be_visible()
        await fits(page)
        await page.get_by_label(says["device_label"]).fill(television.code)
        await page.get_by_role("button").click()
        await type_in(page, person, language=language)
        await page.get_by_role("button", name=says["device_button"]).click()
        await expect(page).to_have_title(says["device_confirm_title"].format(application="Atlas TV"))
        await fits(page)
        await page.get_by_role("button", name=says["device_allow"], exact=True).click()
        await expect(page).to_have_title(says["device_allowed_title"])
        await fits(page)
