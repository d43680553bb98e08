"""A person of whom everything is known that can be told by scope."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from domain.person import Profile
from domain.user import User
from service.store.decision import Origin

if TYPE_CHECKING:
    from tests.service.oauth.authorization.flow import Browser

FULL = Profile(
    given_name="Ada",
    family_name="Lovelace",
    locale="en-GB",
    middle_name="King",
    nickname="Countess",
    preferred_username="ada",
    profile="https://ada.example/",
    picture="https://ada.example/ada.png",
    website="https://ada.example/notes",
    gender="female",
    birthdate="1815-12-10",
    zoneinfo="Europe/London",
)


async def known(browser: Browser, profile: Profile = FULL) -> None:
    """Let everything be known of a person that can be told by scope."""
    parts = browser.app.parts

    async def command(decision: Any) -> None:
        user = await decision.load(User, browser.user)
        decision.organization = user.organization
        user.rename("Ada Lovelace", parts.clock.now())
        user.change_profile(profile, parts.clock.now())
        user.change_username("countess", parts.clock.now())
        user.change_email("ada@example.com", verified=True, now=parts.clock.now())
        decision.save(user)

    nobody = uuid.UUID(int=0)
    await parts.store.decide(command, Origin(nobody, nobody, None, parts.clock.new_id()))
