"""Interfaces at the console in a browser: an administrator makes, changes and deletes them, and imports a document."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.browser.signing_in import LANGUAGES, SAYS, type_in
from tests.service.interface_import.given import openapi, operation, parameters
from tests.service.pages.console import IMPORT, INTERFACES, of_interface, of_resource, registry_pages

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS = {
    "/orders": {"get": operation("listOrders", summary="List orders"), "post": operation("createOrder")},
    "/orders/{id}": {"get": operation("readOrder", parameters=parameters("id"))},
}


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


async def press(page, name, role="button"):
    await page.get_by_role(role, name=name, exact=True).click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_f22_f26_f27_an_interface_is_made_changed_and_deleted(opening, firm, administrator, scripts):
    identifier = f"weather_{uuid4().hex[:6]}"
    async with opening(java_script_enabled=scripts) as page:
        await enter(page, firm, administrator)
        await press(page, SAYS["console_interfaces"], "link")
        await press(page, SAYS["console_resource_new_open"], "link")
        await page.get_by_label(SAYS["console_name"]).fill("Weather")
        await press(page, SAYS["console_make"])
        fault = page.get_by_text(SAYS["console_identifier_wrong"])
        await expect(fault).to_be_visible()
        await expect(page.get_by_label(SAYS["console_identifier"])).to_be_focused()
        await page.get_by_label(SAYS["console_identifier"]).fill(identifier)
        await press(page, SAYS["console_make"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_resource_made"])

        await press(page, SAYS["console_interface_new_open"], "link")
        await page.get_by_label(SAYS["console_name"]).fill("Forecast")
        await page.get_by_label(SAYS["console_identifier"]).fill("forecast")
        await page.get_by_label(SAYS["console_path"]).fill("/cities/{city}/forecast")
        await page.get_by_label(SAYS["console_frequency"], exact=True).fill("30")
        await page.get_by_label(SAYS["console_scope"]).select_option("anonymous")
        await press(page, SAYS["console_make"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_interface_made"])
        row = page.get_by_role("row").filter(has_text="Forecast")
        for told in ("/cities/{city}/forecast", SAYS["console_scope_tag_anonymous"], "30 (test 60)"):
            await expect(row).to_contain_text(told)

        await press(page, SAYS["console_edit_of"].format(name="Forecast"), "link")
        await expect(page.get_by_label(SAYS["console_identifier"])).to_have_count(0)
        await page.get_by_label(SAYS["console_submit_limited"]).select_option("yes")
        await press(page, SAYS["console_save"])
        await expect(page.get_by_role("row").filter(has_text="Forecast")).to_contain_text(
            SAYS["console_submit_limited_tag_one"]
        )

        await press(page, SAYS["console_delete_of"].format(name="Forecast"), "link")
        await expect(page).to_have_title(SAYS["console_end_interface"].format(name="Forecast"))
        await press(page, SAYS["console_end_no"], "link")
        await press(page, SAYS["console_delete_of"].format(name="Forecast"), "link")
        await press(page, SAYS["console_end_yes"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_interface_deleted"])
        await press(page, SAYS["console_delete_open"], "link")
        await press(page, SAYS["console_end_yes"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_resource_deleted"])
    found = await firm.app.call("GET", "/api/api-resources", firm.token, params={"search": identifier})
    assert found.json["items"] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_f23_f25_a_file_is_imported_once_what_it_would_do_was_looked_at(
    opening, firm, administrator, tmp_path, scripts
):
    resource = await firm.app.api_resource(token=firm.token, name="Shop")
    await firm.app.interface(resource, firm.token, name="By hand", identifier="byHand")
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(openapi(PATHS, title="Shop", **{"x-app-key": resource["identifier"]})))
    async with opening(java_script_enabled=scripts) as page:
        await enter(page, firm, administrator)
        await page.goto(IMPORT)
        await page.get_by_label(SAYS["console_import_file"]).set_input_files(document)
        await page.get_by_label(SAYS["console_import_overwrite"]).check()
        await press(page, SAYS["console_import_preview"])
        await expect(page).to_have_title(SAYS["console_import_check"].format(name="Shop"))
        warned = SAYS["console_import_ends"].format(interfaces=1, grants=0)
        await expect(page.get_by_role("alert")).to_have_text(warned)
        await expect(page.get_by_role("row")).to_have_count(5)
        await expect(page.get_by_role("row").nth(1)).to_contain_text("byHand")
        await press(page, SAYS["console_import_not"], "link")
        assert await identifiers(firm, resource) == ["byHand"]

        await page.get_by_label(SAYS["console_import_pasted"]).fill(document.read_text())
        await page.get_by_label(SAYS["console_import_overwrite"]).check()
        await press(page, SAYS["console_import_preview"])
        await press(page, SAYS["console_import_confirm"])
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_import_done_text"])
        await press(page, SAYS["console_import_look"], "link")
        await expect(page.get_by_role("row")).to_have_count(4)
    assert await identifiers(firm, resource) == ["listOrders", "createOrder", "readOrder"]


async def identifiers(firm, resource):
    found = await firm.app.call("GET", "/api/interfaces", firm.token, params={"resource": resource["id"]})
    return [one["identifier"] for one in found.json["items"]]


async def test_the_import_is_walked_with_the_keyboard_alone(opening, firm, administrator):
    name = f"Keys {uuid4().hex[:6]}"
    async with opening() as page:
        await enter(page, firm, administrator)
        await page.goto(IMPORT)
        await page.get_by_label(SAYS["console_import_url"]).focus()
        for role, label in (
            ("button", SAYS["console_import_file"]),
            ("textbox", SAYS["console_import_pasted"]),
            ("radio", SAYS["console_import_normal"]),
        ):
            await page.keyboard.press("Tab")
            await expect(page.get_by_role(role, name=label)).to_be_focused()
            width, contrast = await focus_ring(page)
            assert width >= 2
            assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"
        await page.keyboard.press("ArrowDown")
        await expect(page.get_by_role("radio", name=SAYS["console_import_overwrite"])).to_be_checked()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.insert_text(json.dumps(openapi(PATHS, title=name)))
        for _ in range(3):
            await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name=SAYS["console_import_preview"])).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page).to_have_title(SAYS["console_import_check"].format(name=name))
        await page.get_by_role("button", name=SAYS["console_import_confirm"]).focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("status")).to_have_text(SAYS["console_import_done_text"])


async def test_a_row_says_what_each_cell_is_on_a_phone_and_stays_a_row_of_a_table(opening, firm, administrator):
    resource = await firm.app.api_resource(token=firm.token)
    await firm.app.interface(resource, firm.token, path="/orders/{id}")
    async with opening(viewport={"width": 360, "height": 640}) as page:
        await enter(page, firm, administrator)
        await page.goto(of_resource(resource))
        await expect(page.get_by_role("table", name=SAYS["console_interfaces"])).to_be_visible()
        await expect(page.get_by_role("columnheader")).to_have_count(5)
        cell = page.get_by_role("cell").filter(has_text="/orders/{id}")
        said = await cell.evaluate("it => getComputedStyle(it, '::before').content")
        assert said == f'"{SAYS["console_call"]}"'


@pytest.mark.parametrize(("locale", "language"), LANGUAGES)
async def test_it_fits_the_screen_and_can_be_read(opening, firm, administrator, locale, language):
    says = WORDS[language]
    long = "An interface with a name that is a good deal longer than most of them are"
    resource = await firm.app.api_resource(
        token=firm.token, name=f"Orders {uuid4().hex}", uri=f"https://orders.example/{'x' * 90}", description=long
    )
    interface = await firm.app.interface(
        resource, firm.token, name=long, path=f"/{'segment-' * 12}/{{id}}", scope="anonymous", submit_limited=True
    )
    await firm.app.interface(resource, firm.token, identifier="listOrders", method="*", submit_limited=True)
    text = json.dumps(openapi(PATHS, **{"x-app-key": resource["identifier"]}))
    async with opening(locale=locale) as page:
        await enter(page, firm, administrator, language)
        for path in registry_pages(resource, interface):
            await page.goto(path)
            await fits(page)
        await page.goto(INTERFACES)
        await press(page, says["console_submit_restrict"])
        await expect(page.get_by_role("status")).to_have_text(says["console_limit_set"])
        await fits(page)
        await press(page, says["console_submit_allow"])
        await page.goto(of_interface(interface, "edit"))
        await page.get_by_label(says["console_path"]).fill("orders")
        await press(page, says["console_save"])
        await expect(page.get_by_text(says["console_path_wrong"])).to_be_visible()
        await fits(page)
        await page.goto(IMPORT)
        await page.get_by_label(says["console_import_pasted"]).fill('{"openapi": "3.0.3"}')
        await press(page, says["console_import_preview"])
        await expect(page.get_by_role("alert")).to_have_text(says["console_import_invalid"])
        await fits(page)
        await page.get_by_label(says["console_import_pasted"]).fill(text)
        await page.get_by_label(says["console_import_overwrite"]).check()
        await press(page, says["console_import_preview"])
        await fits(page)
        await press(page, says["console_import_confirm"])
        await expect(page.get_by_role("status")).to_have_text(says["console_import_done_text"])
        await fits(page)
        await page.goto("/console/api-resources/x")
        await fits(page)
