"""The pages of an account in a browser: what somebody is and how they come in is theirs to change."""

from __future__ import annotations

from uuid import uuid4

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from service.pages.account.connections import COMING_BACK
from service.pages.words import WORDS
from tests.app_fixture import copied
from tests.browser.conftest import listening
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, type_in
from tests.provider import Provider
from tests.service.doors.account_settings.codes import code_to, wrong
from tests.service.pages.account.settings import NEW_PASSWORD, PAGES, a_connector, a_number
from tests.service.pages.people import CALLBACK, Person, a_firm

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_SCRIPTS = [True, False]
IDS = ["with scripts", "without scripts"]


async def open_account(page, firm, person, language="en"):
    """Sign somebody in, to their account page."""
    await page.goto(f"/login?organization={firm.organization}")
    await type_in(page, person, language=language)
    await expect(page).to_have_title(WORDS[language]["account_title"])


async def press(page, words, **more):
    await page.get_by_role("button", name=words, exact=True, **more).click()


async def follow(page, words):
    await page.get_by_role("link").filter(has=page.get_by_text(words, exact=True)).click()


@pytest.mark.parametrize("scripts", NO_SCRIPTS, ids=IDS)
async def test_a_person_says_what_they_are_called(opening, crm, ada, scripts):
    async with opening(java_script_enabled=scripts) as page:
        await open_account(page, crm.firm, ada)
        await follow(page, SAYS["account_profile"])
        await page.get_by_label(SAYS["account_nickname"], exact=True).fill("Countess")
        await page.get_by_label(SAYS["account_website"], exact=True).fill("ada.example")
        await press(page, SAYS["account_save"])
        website = page.get_by_label(SAYS["account_website"], exact=True)
        await expect(website).to_be_focused()
        await expect(page.get_by_label(SAYS["account_nickname"], exact=True)).to_have_value("Countess")
        await fits(page)
        await website.fill("https://ada.example/")
        await page.get_by_label(SAYS["account_locale"], exact=True).select_option("zh")
        await press(page, SAYS["account_save"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_profile_changed"])
        await page.goto("/account/profile")
        await expect(page.get_by_label(SAYS["account_locale"], exact=True)).to_have_value("zh")


async def test_another_password_ends_the_other_sessions_and_opens_from_then_on(opening, crm, ada):
    async with opening() as here, opening() as there:
        for page in (here, there):
            await open_account(page, crm.firm, ada)
        await follow(here, SAYS["account_password"])
        await expect(here.get_by_label(SAYS["account_password_present"])).to_be_focused()
        await here.keyboard.type("not this one")
        await here.get_by_label(SAYS["account_password_new"], exact=True).fill(NEW_PASSWORD)
        await here.get_by_label(SAYS["account_password_again"]).fill(NEW_PASSWORD)
        await here.keyboard.press("Enter")
        await expect(here.get_by_text(SAYS["account_password_wrong"])).to_be_visible()
        await expect(here.get_by_label(SAYS["account_password_present"])).to_be_focused()
        await fits(here)
        await here.get_by_label(SAYS["account_password_present"]).fill(ada.password)
        await here.get_by_label(SAYS["account_password_new"], exact=True).fill(NEW_PASSWORD)
        await here.get_by_label(SAYS["account_password_again"]).fill(NEW_PASSWORD)
        await press(here, SAYS["account_password_button"])
        await expect(here.get_by_role("status")).to_have_text(SAYS["account_password_changed"])
        await there.goto("/account")
        await expect(there).to_have_title(SAYS["login_title"])
        await open_account(there, crm.firm, Person(ada.id, ada.username, ada.email, NEW_PASSWORD))


@pytest.mark.parametrize("scripts", NO_SCRIPTS, ids=IDS)
async def test_a_new_address_is_confirmed_by_the_code_that_was_sent_there(opening, crm, ada, scripts):
    address = f"{uuid4().hex[:12]}@example.com"
    async with opening(java_script_enabled=scripts) as page:
        await open_account(page, crm.firm, ada)
        await follow(page, SAYS["account_email"])
        await page.get_by_label(SAYS["account_email_new"]).fill(address)
        await press(page, SAYS["account_code_send"])
        await expect(page.get_by_text(SAYS["account_email_sent"].format(address=address))).to_be_visible()
        code = page.get_by_label(SAYS["account_code"], exact=True)
        await expect(code).to_be_focused()
        await fits(page)
        await code.fill(wrong(code_to(crm.firm.app, address)))
        await press(page, SAYS["account_confirm"])
        await expect(page.get_by_text(SAYS["account_code_wrong"])).to_be_visible()
        await expect(code).to_be_focused()
        await code.fill(code_to(crm.firm.app, address))
        await press(page, SAYS["account_confirm"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_email_changed"])
        await expect(page.get_by_text(address)).not_to_have_count(0)


async def test_an_app_is_set_up_with_codes_for_its_loss_which_are_shown_once(opening, crm, ada):
    async with opening() as page:
        await open_account(page, crm.firm, ada)
        await follow(page, SAYS["account_factors"])
        await page.get_by_role("link", name=SAYS["account_app_add"]).click()
        box = await page.locator("svg.qr").bounding_box()
        assert box["width"] >= 180, "a camera reads it"
        key = (await page.locator("code.secret").inner_text()).replace(" ", "")
        await page.get_by_label(SAYS["account_app_code"]).fill(pyotp.TOTP(key).now())
        await press(page, SAYS["account_app_confirm"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_app_added"])
        await press(page, SAYS["account_codes_make"])
        codes = page.locator(".codes code")
        await expect(codes).to_have_count(10)
        first = await codes.first.inner_text()
        await fits(page)
        await page.emulate_media(media="print")
        await expect(page.get_by_role("link", name=SAYS["account_codes_kept"])).to_be_hidden()
        await expect(codes.first).to_be_visible()
        await page.emulate_media(media="screen")
        await page.reload()
        await expect(page.get_by_role("alert")).to_have_text(SAYS["account_shown_before"])
        await expect(page.get_by_text(first)).to_have_count(0)
        await page.goto("/account/factors")
        await expect(page.get_by_text(SAYS["account_codes_left"].format(count=10))).to_be_visible()


async def test_a_token_is_shown_once_and_a_reload_makes_no_other(opening, crm, ada):
    async with opening() as page:
        await open_account(page, crm.firm, ada)
        await follow(page, SAYS["account_tokens"])
        await page.get_by_label(SAYS["account_token_name"], exact=True).fill("Ledger")
        await press(page, SAYS["account_token_make"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_token_made"])
        value = await page.locator("#value").inner_text()
        assert value.startswith("pat_")
        assert value not in page.url
        await fits(page)
        await page.reload()
        await expect(page.get_by_role("alert")).to_have_text(SAYS["account_shown_before"])
        await expect(page.locator("#value")).to_have_count(0)
        await expect(page.locator("main ul.things > li")).to_have_count(1)
        await page.get_by_text(SAYS["account_token_rename_open"]).click()
        await page.locator("details").get_by_label(SAYS["account_token_name"], exact=True).fill("Books")
        await press(page, SAYS["account_token_rename_of"].format(name="Ledger"))
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_token_renamed"])
        await press(page, SAYS["account_token_delete_of"].format(name="Books"))
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_token_deleted"])
        await page.go_back()
        await expect(page.get_by_text(value)).to_have_count(0)


@pytest_asyncio.fixture(loop_scope="session")
async def octopus(browser, postgres_dsn, app_template):
    """A service whose people connect their accounts at another service of ours."""
    with copied(postgres_dsn, app_template) as own, copied(postgres_dsn, app_template) as theirs:
        async with listening(theirs, "localhost") as other:
            firm = await a_firm(other, "Octopus", kind="web", redirect_uris=[CALLBACK], secrets=[{"name": "first"}])
            provider = Provider(firm)
            allowed = frozenset((name, other.client.port) for name in ("127.0.0.1", "localhost"))
            async with listening(own, outbound_allow=allowed) as app:
                here = await a_firm(app)
                named = {"name": {"en": "Octopus"}}
                ask_at = f"{other.parts.settings.issuer}/oauth2/authorize"
                connector = await provider.connector(
                    app, here.organization, here.token, metadata=named, authorizationEndpoint=ask_at
                )
                await provider.register(
                    f"{app.parts.settings.issuer}{COMING_BACK.format(connector_id=connector['id'])}"
                )
                yield here, provider


@pytest.mark.parametrize("scripts", NO_SCRIPTS, ids=IDS)
async def test_an_account_elsewhere_is_connected_by_signing_in_there(opening, octopus, scripts):
    firm, provider = octopus
    ada, there = await firm.person(), await provider.person(name="Ada at Octopus")
    there_at, here_at = provider.app.parts.settings.issuer, firm.app.parts.settings.issuer
    async with opening(there_at, base_url=here_at, java_script_enabled=scripts) as page:
        await open_account(page, firm, ada)
        await follow(page, SAYS["account_connections"])
        await fits(page)
        await press(page, SAYS["account_connect_of"].format(name="Octopus"))
        await type_in(page, there)
        await press(page, SAYS["consent_allow"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_connected"])
        await expect(page.get_by_text("Ada at Octopus")).to_be_visible()
        assert "code=" not in page.url
        await fits(page)
        await press(page, SAYS["account_disconnect_of"].format(name="Octopus"))
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_disconnected"])


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_every_page_fits_the_screen_and_can_be_read(opening, crm, locale, language):
    says, firm = WORDS[language], crm.firm
    somebody = await firm.person(primaryPhone=a_number(), name="Ada Lovelace")
    connector = await a_connector(firm)
    path = f"/api/users/{somebody.id}"
    for name in ("Ledger", "a" * 120):
        await firm.app.made(f"{path}/personal-access-tokens", {"name": name}, firm.token)
    identity = {"userId": "o1", "details": {"id": "o1", "name": "Ada " + "x" * 80}}
    await firm.app.call("PUT", f"{path}/identities/{connector['target']}", firm.token, json=identity)
    async with opening(locale=locale) as page:
        await open_account(page, firm, somebody, language)
        await fits(page)
        await firm.app.made(f"{path}/mfa-verifications", {"type": "Totp"}, firm.token)
        await firm.app.made(f"{path}/mfa-verifications", {"type": "BackupCode"}, firm.token)
        for each in PAGES:
            await page.goto(each)
            await fits(page)
        await page.goto("/account/tokens")
        await page.get_by_text(says["account_token_rename_open"]).first.click()
        await page.get_by_label(says["account_token_name"]).last.fill("")
        await press(page, says["account_token_make"])
        await expect(page.get_by_text(says["account_token_name_missing"])).to_be_visible()
        await fits(page)


async def test_the_keyboard_is_enough(opening, crm, ada):
    async with opening() as page:
        await open_account(page, crm.firm, ada)
        await page.goto("/account/username")
        await expect(page.get_by_label(SAYS["account_username"], exact=True)).to_be_focused()
        width, contrast = await focus_ring(page)
        assert width >= 2
        assert contrast >= 3
        await page.keyboard.press("Control+A")
        await page.keyboard.type(f"u_{uuid4().hex[:12]}")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text(SAYS["account_username_changed"])
