"""Answers that go by a form, in a browser: one click takes them to the application, without script, nowhere else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.service.oauth.authorization.flow import a_shop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[TestServer]:
    """An application of another origin, which keeps what it is sent."""

    async def callback(request: web.Request) -> web.Response:
        request.app[RECEIVED].append(dict(await request.post()))
        return web.Response(text="<h1>Signed in</h1>", content_type="text/html")

    app = web.Application()
    app[RECEIVED] = []
    app.router.add_post("/cb", callback)
    async with TestServer(app) as server:
        yield server


SEND = "place => { const form = document.querySelector('form'); form.action = place; form.requestSubmit(); }"
RECEIVED: web.AppKey[list[Any]] = web.AppKey("received", list)


@asynccontextmanager
async def answered(app: Running, browser: Browser, callback: str, *, script: bool = True) -> AsyncIterator[Page]:
    """Open the page with the answer to a request that nobody is signed in for."""
    shop = await a_shop(app, redirect_uris=[callback])
    sent = shop.request(response_mode="form_post", prompt="none", state="a &b")
    context = await browser.new_context(base_url=app.parts.settings.issuer, java_script_enabled=script)
    try:
        page = await context.new_page()
        await page.goto(f"/oauth2/authorize?{urlencode(sent)}")
        yield page
    finally:
        await context.close()


@pytest.mark.parametrize("script", [True, False])
async def test_one_click_takes_the_answer_to_the_application(app, browser, site, script):
    callback = f"http://localhost:{site.port}/cb"
    async with answered(app, browser, callback, script=script) as page:
        await page.get_by_role("button").click()
        await page.get_by_role("heading", name="Signed in").wait_for()
        assert page.url == callback, "nothing of the answer stands in an address"
    [received] = site.app[RECEIVED]
    assert set(received) == {"error", "error_description", "state", "iss"}
    assert (received["error"], received["state"]) == ("login_required", "a &b")
    assert received["iss"] == app.parts.settings.issuer


async def test_the_page_sends_its_form_nowhere_else_even_if_it_is_made_to(app, browser, site):
    async with answered(app, browser, f"http://localhost:{site.port}/cb") as page:
        elsewhere = f"http://127.0.0.1:{site.port}/cb"
        async with page.expect_console_message(lambda message: "form-action" in message.text):
            await page.evaluate(SEND, elsewhere)
    assert site.app[RECEIVED] == []
