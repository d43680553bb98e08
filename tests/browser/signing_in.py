"""What people do to sign in to an application, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from service.pages.words import WORDS

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.browser.relying_party import RelyingParty
    from tests.service.pages.people import Person

SAYS = WORDS["en"]
LANGUAGES = [("en-GB", "en"), ("zh-CN", "zh")]


async def type_in(page: Page, person: Person, password: str | None = None, language: str = "en") -> None:
    """Fill the sign-in form in and send it."""
    says = WORDS[language]
    await page.get_by_label(says["identifier_label"]).fill(person.username)
    await page.get_by_label(says["password_label"]).fill(person.password if password is None else password)
    await page.get_by_role("button", name=says["login_button"], exact=True).click()


async def allow(page: Page, language: str = "en") -> None:
    """Press the button that lets the application in."""
    await page.get_by_role("button", name=WORDS[language]["consent_allow"], exact=True).click()


async def welcomed(page: Page, crm: RelyingParty, person: Person, scope: str = "openid profile") -> None:
    """See that the application knows who it is, and what it may do."""
    await expect(page).to_have_title("Welcome")
    await expect(page.get_by_role("paragraph")).to_have_text(f"{person.id} {scope}")
    assert crm.told[-1].keys() == {"code", "state", "iss"}
