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
from tests.browser.relying_party import relying_party
from tests.service.doors.s2s.people import a_place
from tests.service.pages.people import a_firm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from playwright.async_api import Browser, ConsoleMessage, Page, Request

    from tests.app_fixture import Running
    from tests.browser.relying_party import RelyingParty
    from tests.service.doors.s2s.people import Place
    from tests.service.pages.people import Person

    Opening = Callable[..., AbstractAsyncContextManager[Page]]

__all__ = ["app_template"]

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# A browser on its own talks to its maker; here it talks to the service alone.
QUIET = ("--disable-quic", "--disable-background-networking", "--disable-component-update")
# Containers share little memory, and a browser that runs out of it dies in the middle of a page.
FRUGAL = ("--disable-dev-shm-usage",)
PATIENCE = 150_000  # milliseconds: on a busy machine a browser takes long to start, and the API page to draw itself
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
        opened = await driver.chromium.launch(
            executable_path=program, chromium_sandbox=False, args=[*QUIET, *FRUGAL], timeout=PATIENCE
        )
        yield opened
        await opened.close()


@asynccontextmanager
async def listening(dsn: str, host: str = "127.0.0.1", **more: Any) -> AsyncIterator[Running]:
    """Open a service whose issuer is where the browser finds it; `more` is what of its settings differs.

    Ports do not keep cookies apart: a second service needs another name of this machine for its `host`.
    """
    with socket.socket() as kept:
        # Bound from now on: otherwise the port may be anybody's by the time the service listens there.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
        async with running(dsn, replace(SETTINGS, issuer=f"http://{host}:{port}", **more), port=port) as service:
            yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(browser: Browser, postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service for all tests."""
    with copied(postgres_dsn, app_template) as dsn:
        async with listening(dsn) as service:
            yield service


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def place(app: Running) -> Place:
    """An organization with people to invite."""
    return await a_place(app)


@pytest_asyncio.fixture(loop_scope="session")
async def crm(app: Running) -> AsyncIterator[RelyingParty]:
    """An application of an organization, for people of it to sign in to."""
    async with relying_party() as party:
        party.firm = await a_firm(
            app,
            kind="web",
            secrets=[{"name": "first"}],
            redirect_uris=[party.callback],
            post_logout_redirect_uris=[f"{party.url}/bye"],
        )
        yield party


@pytest_asyncio.fixture(loop_scope="session")
async def ada(crm: RelyingParty) -> Person:
    """Somebody of that organization."""
    return await crm.firm.person()


@pytest.fixture
def opening(app: Running, browser: Browser) -> Opening:
    """Open a page as a browser of its own would: `async with opening(locale="zh-CN") as page`.

    Whatever it does, it asks no host but us and those it is `sent_to` for anything, and has nothing to complain about.
    """

    @asynccontextmanager
    async def opened(*sent_to: str, **settings: Any) -> AsyncIterator[Page]:
        issuer, foreign, complaints = settings.pop("base_url", app.parts.settings.issuer), [], []
        known = (f"{issuer}/", "data:", *(f"{one}/" for one in sent_to))

        def asked(request: Request) -> None:
            if not request.url.startswith(known):
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
