"""Interface grants in a browser: asked for by one administrator, approved by another; and the log of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, type_in
from tests.service.pages.console import a_program
from tests.service.pages.grants import (
    APPROVALS,
    CALLS,
    CHOOSE,
    GRANTS,
    REQUEST_ALL,
    a_call,
    a_request,
    a_resource,
    an_interface,
    approved,
    of_application,
)

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Counts what is in stock, everywhere, since the beginning of records that are kept in good order"


@pytest_asyncio.fixture(loop_scope="session")
async def firm(crm):
    return crm.firm


@pytest_asyncio.fixture(loop_scope="session")
async def administrator(firm):
    """Somebody who may do everything at the console."""
    return await firm.administrator("all")


async def enter(page: Page, firm, administrator, language="en"):
    await page.goto(f"/console?organization={firm.organization}")
    await type_in(page, administrator, language=language)
    await expect(page).to_have_title(WORDS[language]["console_title"])


async def press(page: Page, word: str, **named: str):
    await page.get_by_role("button", name=SAYS[word].format(**named), exact=True).click()


async def told(page: Page, word: str, **numbers: object):
    await expect(page.get_by_role("status").first).to_have_text(SAYS[word].format(**numbers))


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_f18_f20_f28_interfaces_are_chosen_for_an_application_and_approved_by_somebody_else(
    opening, firm, administrator, scripts
):
    program = await a_program(firm, f"Ledger {uuid4().hex[:6]}")
    resource = await a_resource(firm, "Stock")
    called = [f"{name} {uuid4().hex[:6]}" for name in ("Count", "Weigh", "Ship")]
    for name in called:
        await an_interface(firm, resource, name=name)
    async with opening(java_script_enabled=scripts) as page:
        await enter(page, firm, administrator)
        await page.get_by_label(SAYS["console_search_label"]).fill(program.made["name"])
        await press(page, "console_search_button")
        await page.get_by_role("link", name=SAYS["console_grants_of"].format(application=program.made["name"])).click()
        await page.get_by_role("link", name=SAYS["console_grants_choose"]).click()
        await page.get_by_label(called[0]).check()
        await page.get_by_label(SAYS["console_grants_search"]).fill(called[1])
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=SAYS["console_request_elsewhere"])).to_be_visible()
        await page.get_by_label(called[1]).check()
        await press(page, "console_request_button")
        await told(page, "console_grants_requested", count=2)
        await expect(page.get_by_role("row")).to_have_count(3)
        for name in called[:2]:
            await expect(page.get_by_role("cell", name=name).first).to_be_visible()
        await page.goto(f"{APPROVALS}?application={program.id}")
        await expect(page.get_by_text(SAYS["console_own"])).to_have_count(2)
    async with opening(java_script_enabled=scripts) as page:
        await enter(page, firm, await firm.administrator("all"))
        await page.get_by_role("link", name=SAYS["console_approvals"], exact=True).click()
        await page.goto(f"{APPROVALS}?application={program.id}")
        names = {"application": program.made["name"], "interface": called[0]}
        item = page.get_by_role("listitem").filter(has_text=called[0])
        await item.get_by_label(SAYS["console_grants_frequency"], exact=True).fill("7")
        await press(page, "console_approvals_approve_of", **names)
        await told(page, "console_approvals_approved")
        await page.get_by_text(SAYS["console_reject_open"]).click()
        await page.get_by_label(SAYS["console_reason"]).fill("Not needed.")
        await press(page, "console_approvals_reject_of", **{**names, "interface": called[1]})
        await told(page, "console_approvals_rejected")
    now = {one["interface_name"]: one for one in await of_application(firm, program.made)}
    assert {name: one["status"] for name, one in now.items()} == {called[0]: "effective", called[1]: "rejected"}
    assert now[called[0]]["frequency"] == 7


async def test_f20_f30_all_interfaces_are_asked_for_and_approved_at_once(opening, firm, administrator):
    program, resource = await a_program(firm), await a_resource(firm, f"Stock {uuid4().hex[:6]}")
    for name in ("Count", "Weigh"):
        await an_interface(firm, resource, name=name)
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(f"{CHOOSE}?application={program.id}")
        await page.get_by_label(SAYS["console_grants_resource"]).select_option(label=resource["name"])
        await press(page, "console_search_button")
        await press(page, "console_request_all_found")
        await expect(page.get_by_role("definition").first).to_have_text("2")
        await press(page, "console_request_question_yes")
        await told(page, "console_grants_requested", count=2)
    async with opening() as page:
        await enter(page, firm, await firm.administrator("all"))
        await page.goto(f"{APPROVALS}?application={program.id}")
        await page.get_by_role("link", name=SAYS["console_approvals_all"]).click()
        await expect(page.get_by_role("definition").first).to_have_text("2")
        await press(page, "console_approvals_question_yes")
        await told(page, "console_approvals_approved_all", count=2, left=0)
    assert {one["status"] for one in await of_application(firm, program.made)} == {"effective"}


async def test_f19_a_grant_is_deleted_and_the_page_closed(opening, firm, administrator):
    program = await a_program(firm)
    await approved(firm, await an_interface(firm, name="Count"), application=program.made)
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(f"{GRANTS}?application={program.id}")
        await press(page, "console_grants_delete_of", application=program.made["name"], interface="Count")
        await told(page, "console_grants_deleted")
        await expect(page.get_by_text(SAYS["console_grants_none"])).to_be_visible()
        await page.get_by_role("link", name=SAYS["console_grants_close"]).click()
        await expect(page).to_have_title(SAYS["console_title"])
    assert await of_application(firm, program.made) == []


async def test_f31_calls_are_found_in_the_log(opening, firm, administrator):
    path = f"/stock/{uuid4().hex[:8]}"
    await a_call(firm, path=path)
    await a_call(firm, path=path, cause="grant_missing")
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.get_by_role("link", name=SAYS["console_calls"], exact=True).click()
        await page.get_by_label(SAYS["console_calls_path"]).fill(path)
        await page.get_by_label(SAYS["console_calls_outcome"]).select_option("refused")
        await press(page, "console_filter")
        await expect(page.get_by_role("row")).to_have_count(2)
        await expect(page.get_by_role("cell", name=SAYS["console_cause_grant_missing"])).to_be_visible()
        await page.get_by_label(SAYS["console_calls_until"]).fill("2020-01-01T00:00")
        await press(page, "console_filter")
        await expect(page.get_by_text(SAYS["console_calls_no_matches"])).to_be_visible()


async def test_the_selector_is_walked_with_the_keyboard_alone(opening, firm, administrator):
    program, name = await a_program(firm), f"Count {uuid4().hex[:6]}"
    await an_interface(firm, name=name)
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(f"{CHOOSE}?application={program.id}&search={name}")
        await page.get_by_label(SAYS["console_grants_search"]).focus()
        for role, called in (
            ("combobox", SAYS["console_grants_resource"]),
            ("button", SAYS["console_search_button"]),
            ("button", SAYS["console_request_reset"]),
            ("checkbox", None),
            ("button", SAYS["console_request_button"]),
            ("button", SAYS["console_request_clear"]),
            ("button", SAYS["console_request_all_found"]),
            ("link", SAYS["console_request_cancel"]),
        ):
            await page.keyboard.press("Tab")
            named = {} if called is None else {"name": called, "exact": True}
            await expect(page.get_by_role(role, **named)).to_be_focused()
            width, contrast = await focus_ring(page)
            assert width >= 2
            assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"
        await page.get_by_role("checkbox").focus()
        await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await told(page, "console_grants_requested", count=1)
    assert len(await of_application(firm, program.made)) == 1


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_it_fits_the_screen_and_can_be_read(opening, firm, administrator, locale, language):
    says, own = WORDS[language], f"application={firm.application['id']}"
    resource = await a_resource(firm, "Warehouse and everything that is kept there")
    interface = await an_interface(
        firm, resource, name=LONG, method="OPTIONS", path="/a/very/long/path/{with}/several/{parameters}/that/goes/on"
    )
    await an_interface(firm, resource, name="Open to anybody", scope="anonymous")
    program = await a_program(firm, "A program with a name that is a good deal longer than most of them are")
    await approved(firm, interface, application=program.made)
    [rejected] = await a_request(firm, application=program.made)
    approver = await firm.app.manager(firm.organization, "approve_grant")
    reason = {"reason": "Nobody could say what it is for, nor who would look after it."}
    await firm.app.made(f"/api/interface-grants/{rejected['id']}/reject", reason, approver)
    await a_request(firm, interface)
    for more in (
        {"interface": UUID(interface["id"]), "resource": UUID(resource["id"]), "user": UUID(administrator.id)},
        {"cause": "interface_calls_not_granted", "test": True, "address": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"cause": "token_missing", "status": 401, "method": None, "path": None, "times": 12_000},
    ):
        await a_call(firm, **{"path": interface["path"], "application": UUID(program.id), **more})
    async with opening(locale=locale) as page:
        await enter(page, firm, administrator, language)
        await fits(page)
        await page.goto(f"{APPROVALS}?{own}")
        await page.get_by_text(says["console_reject_open"]).first.click()
        await fits(page)
        await page.get_by_role("link", name=says["console_approvals_all"]).click()
        await fits(page)
        for path in (
            GRANTS, f"{GRANTS}?application={program.id}", f"{GRANTS}?search=no-such-interface", f"{CHOOSE}?{own}",
            f"{REQUEST_ALL}?{own}", CALLS, f"{CALLS}?path=/no/such/path&application={program.id}",
        ):  # fmt: skip
            await page.goto(path)
            await fits(page)
        await page.goto(f"{GRANTS}?application={program.id}")
        await page.locator("td").get_by_text(says["console_reject_open"]).click()
        await fits(page)
        await page.goto(f"{CHOOSE}?{own}")
        await page.get_by_role("button", name=says["console_request_button"]).click()
        await expect(page.get_by_role("alert")).to_have_text(says["console_request_none"])
        await fits(page)
