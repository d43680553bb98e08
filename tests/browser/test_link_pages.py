"""The pages behind links in mail, as people meet them: in their language, on any screen, by mouse or by keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from playwright.async_api import expect

from service.pages.words import WORDS
from tests.browser.looking import fits, focus_ring
from tests.service.doors.s2s.people import SIGN_IN
from tests.service.messages.mailbox import mail

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.service.doors.s2s.people import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = {"invitation": "/invitation", "verification": "/email-verification"}
every_kind = pytest.mark.parametrize("kind", KINDS)


async def link(place: Place, kind: str, **more: Any) -> tuple[str, Any]:
    """Return the newest link of a kind that somebody was sent, and who it was."""
    address = f"{uuid4().hex}@example.com"
    user = await place.invite(address, **more)
    if kind == "verification":
        await place.call("POST", f"/{user['id']}/verify-email")
    [*_, message] = await mail(place.app, address)
    [address] = re.findall(r"http://127\.0\.0\.1:\d+/\S+", message["body"])
    assert KINDS[kind] in address
    return address, user


async def verified(place: Place, user: Any) -> bool:
    return (await place.shown(user["id"]))["emailVerified"]


def words(kind: str, name: str, language: str = "en", **told: str) -> str:
    return WORDS[language][f"{kind}_{name}"].format(organization="Acme", **told)


async def headed(page: Page, title: str) -> None:
    """See that a page says what it is, in its one heading and in its tab."""
    await expect(page.get_by_role("heading")).to_have_text([title])
    await expect(page).to_have_title(title)


@every_kind
async def test_opening_a_link_changes_nothing_and_its_button_works_once_without_scripts_too(opening, place, kind):
    address, user = await link(place, kind)
    async with opening(java_script_enabled=False) as page:
        for _ in range(2):
            await page.goto(address)
            await headed(page, words(kind, "title"))
            await expect(page.get_by_text(user["email"])).to_be_visible()
        head = await place.head()
        await page.reload()
        assert await place.head() == head
        assert not await verified(place, user)
        await page.get_by_role("button", name=words(kind, "button")).click()
        await headed(page, words(kind, "done_title"))
        assert await verified(place, user)
        answer = await page.goto(address)
        assert answer.status == 404
        await headed(page, WORDS["en"]["gone_title"])
        await expect(page.get_by_role("button")).to_have_count(0)


async def test_a_page_left_open_tells_that_its_link_was_used_elsewhere(opening, place):
    address, _ = await link(place, "invitation")
    async with opening() as early, opening() as late:
        await early.goto(address)
        await late.goto(address)
        for page, title in ((early, words("invitation", "done_title")), (late, WORDS["en"]["gone_title"])):
            await page.get_by_role("button").click()
            await headed(page, title)


@every_kind
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("zh-CN", "zh")])
async def test_pages_speak_the_browsers_language_and_say_which_it_is(opening, place, kind, locale, language):
    address, _ = await link(place, kind)
    async with opening(locale=locale) as page:
        await page.goto(address)
        await headed(page, words(kind, "title", language))
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await page.get_by_role("button", name=words(kind, "button", language)).click()
        await headed(page, words(kind, "done_title", language))
        await page.goto(address)
        await headed(page, WORDS[language]["gone_title"])
        await expect(page.locator("html")).to_have_attribute("lang", language)


@every_kind
async def test_the_keyboard_is_enough_and_shows_where_it_is(opening, place, kind):
    address, user = await link(place, kind)
    async with opening() as page:
        await page.goto(address)
        await page.keyboard.press("Enter")  # what somebody typed on does not decide for them
        assert await focus_ring(page) is None
        assert not await verified(place, user)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button")).to_be_focused()
        width, contrast = await focus_ring(page)
        assert width >= 2
        assert contrast >= 3, "WCAG 2.2, 1.4.11 and 2.4.13"
        await page.keyboard.press("Enter")
        await headed(page, words(kind, "done_title"))


async def test_an_accepted_invitation_leads_on_to_the_application(opening, place):
    address, _ = await link(place, "invitation", signinUrl=f"{SIGN_IN}/welcome")
    async with opening() as page:
        await page.goto(address)
        await page.get_by_role("button").click()
        onward = page.get_by_role("link", name=WORDS["en"]["go_on"])
        await expect(onward).to_have_attribute("href", f"{SIGN_IN}/welcome")
        await expect(page.get_by_text(WORDS["en"]["close"])).to_have_count(0)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_every_page_fits_the_screen_and_can_be_read(opening, app, place, locale):
    long = await a_place_of_a_long_name(app, place)
    onward = {"signinUrl": f"{SIGN_IN}/{'x' * 200}"}
    links = [
        await link(place, "verification"),
        await link(place, "invitation"),
        await link(long, "invitation", **onward),
    ]
    async with opening(locale=locale) as page:
        for address, _ in links:
            await page.goto(address)
            await fits(page)
            await page.get_by_role("button").click()
            await fits(page)
        await page.goto(address)
        await fits(page)


async def a_place_of_a_long_name(app: Any, place: Place) -> Place:
    """Return an organization whose name has no place to break it."""
    organization = await app.organization("Donaudampfschifffahrtsgesellschaft" * 3)
    await app.application(
        organization=organization, kind="spa", name="Front", redirect_uris=[f"{SIGN_IN}/callback"], secrets=[],
        audiences=[],
    )  # fmt: skip
    return type(place)(app, organization, await app.manager(organization, "read_user", "write_user"))


async def test_a_page_keeps_its_look_in_colours_people_chose_themselves(opening, place):
    address, _ = await link(place, "invitation")
    async with opening(forced_colors="active") as page:
        await page.goto(address)
        button = page.get_by_role("button")
        assert await button.evaluate("it => getComputedStyle(it).borderStyle") == "solid"
        assert await button.evaluate("it => getComputedStyle(it).borderWidth") == "1px"
