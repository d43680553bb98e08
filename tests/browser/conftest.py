"""Pages are tested in a real browser, one for all tests, against the whole service listening where it says it does."""

from __future__ import annotations

import re
import shutil
import socket
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.app_fixture import SETTINGS, app_template, copied, running
from tests.service.doors.s2s.people import a_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from playwright.async_api import Browser, ConsoleMessage, Page, Request

    from tests.app_fixture import Running
    from tests.service.doors.s2s.people import Place

    Opening = Callable[..., AbstractAsyncContextManager[Page]]

__all__ = ["app_template"]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# A browser on its own talks to its maker; here it talks to the service alone.
QUIET = ("--disable-quic", "--disable-background-networking", "--disable-component-update")
PATIENCE = 30_000  # milliseconds: scripts that others wrote are slow on a busy machine
expect.set_options(PATIENCE)
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d ")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's own browser."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("not installed: chromium")
    # Without its sandbox: that needs rights a container seldom has, and all it shows are pages of ours.
    async with async_playwright() as driver:
        opened = await driver.chromium.launch(executable_path=program, chromium_sandbox=False, args=QUIET)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(browser: Browser, postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service, whose issuer is where the browser finds it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = replace(SETTINGS, issuer=f"http://127.0.0.1:{port}")
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, settings, port=port) as service:
            yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def place(app: Running) -> Place:
    """An organization with people to invite."""
    return await a_place(app)


@pytest.fixture
def opening(app: Running, browser: Browser) -> Opening:
    """Open a page as a browser of its own would: `async with opening(locale="zh-CN") as page`.

    Whatever it does, it asks no other host for anything, and has nothing to complain about.
    """

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Page]:
        issuer, foreign, complaints = app.parts.settings.issuer, [], []

        def asked(request: Request) -> None:
            if not request.url.startswith((f"{issuer}/", "data:")):
                foreign.append(request.url)

        def said(message: ConsoleMessage) -> None:
            # That something is refused is an answer.
            if message.type in {"error", "warning"} and not REFUSED.match(message.text):
                complaints.append(message.text)

        context = await browser.new_context(base_url=issuer, **settings)
        try:
            page = await context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("request", asked)
            page.on("console", said)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield page
            assert foreign == []
            assert complaints == []
        finally:
            await context.close()

    return opened
