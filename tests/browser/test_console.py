"""The console in a browser: an administrator finds an application, sees its tokens, and ends one or all of them."""

from __future__ import annotations

from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, type_in
from tests.service.pages.console import a_program, a_third_party

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def firm(crm):
    return crm.firm


@pytest_asyncio.fixture(loop_scope="session")
async def administrator(firm):
    """Somebody who may do everything at the console."""
    return await firm.administrator("all")


async def enter(page, firm, administrator, language="en"):
    await page.goto(f"/console?organization={firm.organization}")
    await type_in(page, administrator, language=language)
    await expect(page).to_have_title(WORDS[language]["console_title"])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a2b_an_administrator_revokes_all_tokens_of_one_application(opening, firm, administrator, scripts):
    name = f"Ledger {uuid4().hex[:6]}"
    program, other = await a_program(firm, name), await a_program(firm, "Warehouse")
    tokens = [await program.token(end_user) for end_user in ("ann", "bob", None)]
    kept = await other.token("ann")
    async with opening(java_script_enabled=scripts) as page:
        await enter(page, firm, administrator)
        await page.get_by_label(SAYS["console_search_label"]).fill(name)
        await page.get_by_role("button", name=SAYS["console_search_button"]).click()
        await page.get_by_role("link", name=name).first.click()
        await expect(page).to_have_title(SAYS["console_tokens_title"].format(application=name))
        await expect(page.get_by_role("row")).to_have_count(4)
        await page.get_by_role("link", name=SAYS["console_revoke_all"]).click()
        await expect(page).to_have_title(SAYS["console_question"].format(application=name))
        await expect(page.get_by_role("definition")).to_have_text("3")
        await page.get_by_role("link", name=SAYS["console_question_no"]).click()
        assert all([await program.works(token) for token in tokens])
        await page.get_by_role("link", name=SAYS["console_revoke_all"]).click()
        await page.get_by_role("button", name=SAYS["console_question_yes"]).click()
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_revoked_all"])
        await expect(page.get_by_role("cell", name=SAYS["console_revoked_status"])).to_have_count(3)
    assert not any([await program.works(token) for token in tokens])
    assert await other.works(kept)


async def test_one_token_of_an_end_user_is_found_and_revoked(opening, firm, administrator):
    program = await a_program(firm)
    anns, bobs = await program.token("ann"), await program.token("bob")
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(program.page)
        await page.get_by_label(SAYS["console_end_user"]).fill("ann")
        await page.get_by_label(SAYS["console_status"]).select_option("active")
        await page.get_by_role("button", name=SAYS["console_filter"], exact=True).click()
        await expect(page.get_by_role("row")).to_have_count(2)
        await page.get_by_role("row").nth(1).get_by_role("button").click()
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_revoked"])
        await expect(page.get_by_label(SAYS["console_end_user"])).to_have_value("ann")
        await expect(page.get_by_text(SAYS["console_no_matches"])).to_be_visible()
    assert not await program.works(anns)
    assert await program.works(bobs)


async def test_a_third_party_is_approved_and_another_rejected(opening, firm, administrator):
    made = [
        await a_third_party(firm, f"{name.lower()}_{uuid4().hex[:6]}", name=name) for name in ("Weather", "Parking")
    ]
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.get_by_role("link", name=SAYS["console_third_parties"]).click()
        await page.get_by_role("button", name=SAYS["console_approve_of"].format(application="Weather")).click()
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_approved"])
        await page.get_by_text(SAYS["console_reject_open"]).click()
        await page.get_by_label(SAYS["console_reason"]).fill("We do not know them.")
        await page.get_by_role("button", name=SAYS["console_reject_of"].format(application="Parking")).click()
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_rejected"])
        await expect(page.get_by_text(SAYS["console_nobody_waits"])).to_be_visible()
    states = [(await firm.app.call("GET", f"/api/third-parties/{one['id']}", firm.token)).json for one in made]
    assert [state["status"] for state in states] == ["effective", "rejected"]


async def test_it_is_walked_with_the_keyboard_alone(opening, firm, administrator):
    program = await a_program(firm)
    token = await program.token("ann")
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(program.page)
        for role, name in (
            ("link", SAYS["console_applications"]),
            ("link", SAYS["console_third_parties"]),
            ("link", SAYS["console_interfaces"]),
            ("link", SAYS["console_approvals"]),
            ("link", SAYS["console_grants"]),
            ("link", SAYS["console_calls"]),
            ("link", SAYS["console_account"]),
            ("textbox", SAYS["console_end_user"]),
            ("combobox", SAYS["console_status"]),
            ("combobox", SAYS["console_kind"]),
            ("button", SAYS["console_filter"]),
            ("link", SAYS["console_revoke_all"]),
        ):
            await page.keyboard.press("Tab")
            await expect(page.get_by_role(role, name=name, exact=True)).to_be_focused()
            width, contrast = await focus_ring(page)
            assert width >= 2
            assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_revoked"])
    assert not await program.works(token)


async def test_a_row_says_what_each_cell_is_on_a_phone_and_stays_a_row_of_a_table(opening, firm, administrator):
    program = await a_program(firm)
    await program.token("ann")
    async with opening(viewport={"width": 360, "height": 640}) as page:
        await enter(page, firm, administrator)
        await page.goto(program.page)
        await expect(page.get_by_role("table", name=SAYS["console_access"])).to_be_visible()
        await expect(page.get_by_role("columnheader")).to_have_count(6)
        cell = page.get_by_role("cell").filter(has_text="ann")
        said = await cell.evaluate("it => getComputedStyle(it, '::before').content")
        assert said == f'"{SAYS["console_end_user"]}"'


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_it_fits_the_screen_and_can_be_read(opening, firm, administrator, locale, language):
    says = WORDS[language]
    program = await a_program(firm, "A program with a name that is a good deal longer than most of them are")
    for end_user in ("patient-7", "somebody-whose-name-is-very-long@and-comes-with-a-domain.example", None):
        await program.token(end_user)
    elsewhere = await firm.signed_in(await firm.person())
    await firm.consented(elsewhere, redirect_uri=firm.application["redirect_uris"][0], scope="openid offline_access")
    third_party = await a_third_party(firm, f"weather_{uuid4().hex[:6]}")
    async with opening(locale=locale) as page:
        await enter(page, firm, administrator, language)
        await fits(page)
        await page.goto("/console?search=nothing-of-this-name")
        await fits(page)
        await page.goto(program.page)
        await fits(page)
        await page.get_by_role("link", name=says["console_revoke_all"]).click()
        await fits(page)
        await page.get_by_role("button", name=says["console_question_yes"]).click()
        await expect(page.get_by_role("status")).to_have_text(says["console_revoked_all"])
        await fits(page)
        await page.goto(f"/console/applications/{firm.application['id']}?kind=refresh")
        await fits(page)
        await page.goto("/console/third-parties")
        await page.get_by_text(says["console_reject_open"]).first.click()
        await fits(page)
        await page.goto(f"/console/applications/{third_party['id']}")
        await expect(page.get_by_text(says["standing_pending"])).to_be_visible()
        await fits(page)
        await page.goto("/console/applications/x")
        await fits(page)
