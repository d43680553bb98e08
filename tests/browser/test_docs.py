"""The API documents in a browser: all there, and operations can be tried out."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from service.openapi.documents import ADMINISTRATION, CONTENTS
from tests.browser.looking import contrast, overflow

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

pytestmark = pytest.mark.asyncio(loop_scope="session")

COLORS = "it => [getComputedStyle(it).color, getComputedStyle(it.closest('.swagger-ui')).backgroundColor]"
READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3
SUMMARY = "button.opblock-summary-control"


async def opened(page: Page, method: str, path: str) -> Locator:
    """Open an operation of the page and return it."""
    operation = page.locator(f".opblock-{method.lower()}", has=page.locator(f"[data-path='{path}']"))
    await operation.locator(SUMMARY).click()
    return operation


async def colors(page: Page) -> list[str]:
    """Return in which color headings are, and on which ground, at this moment."""
    return await page.locator("h3.opblock-tag").first.evaluate(COLORS)


async def test_the_page_shows_every_operation_of_every_document(opening, app):
    async with opening() as page:
        await page.goto("/docs")
        choice = page.get_by_label("Select a definition")
        await expect(choice.locator("option")).to_have_text([contents.title for contents in CONTENTS])
        for contents in CONTENTS:
            await choice.select_option(contents.title)
            await expect(page.locator(".info .title")).to_have_text(
                re.compile(rf"^{contents.title}\s*1\.0\s*OAS 3\.1$")
            )
            document = (await app.call("GET", contents.path, "")).json
            await expect(page.locator(".opblock")).to_have_count(sum(map(len, document["paths"].values())))
            await expect(page.locator(".errors-wrapper")).to_have_count(0)
        light, _ = await colors(page)
        await page.locator(".dark-mode-toggle button").click()
        # Drawn a moment after the click, by a script that has a long page to go through, and by and by.
        async with asyncio.timeout(20):
            while (now := await colors(page))[0] == light or contrast(*now) < READABLE:  # noqa: ASYNC110 - a page tells nobody
                await asyncio.sleep(0.05)


async def test_on_a_phone_too_an_operation_is_tried_out(opening):
    async with opening(viewport={"width": 360, "height": 640}) as page:
        await page.goto("/docs")
        assert await page.locator("body").evaluate("it => getComputedStyle(it).margin") == "0px"
        operation = await opened(page, "GET", "/api/applications")
        assert await overflow(page) == []
        await operation.get_by_role("button", name="Try it out").click()
        await operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table tr.response")
        await expect(answer.locator(".response-col_status")).to_contain_text("401")


async def test_without_scripts_the_page_still_leads_to_every_document(opening):
    async with opening(java_script_enabled=False) as page:
        await page.goto("/docs")
        for contents in CONTENTS:
            await expect(page.get_by_role("link", name=contents.title, exact=True)).to_be_visible()
        await page.get_by_role("link", name=ADMINISTRATION.title).click()
        await expect(page).to_have_url(re.compile(rf"{ADMINISTRATION.path}$"))
