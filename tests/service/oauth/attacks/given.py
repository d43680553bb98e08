"""What attackers have in hand: a victim's code as the authorization endpoint gave it, and ways to see what they got."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from service.store.log import head
from tests.service.oauth.authorization.flow import a_person, a_shop, answer
from tests.service.oauth.redeeming import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Reply, Running
    from tests.service.oauth.authorization.flow import Browser, Shop

SCOPE = "openid files.read offline_access"
INVALID = (400, "invalid_grant")
EVIL = "https://evil.example"


async def a_victim(app: Running, **settings: Any) -> tuple[Shop, Browser]:
    """Return an application and the browser of a person who has consented to all that it asks for."""
    shop = await a_shop(app, **settings)
    return shop, await a_person(shop, *SCOPE.split(), "files.write")


async def a_code(shop: Shop, victim: Browser, **changed: str | None) -> str:
    """Return the code that a victim's browser brings back from the authorization endpoint."""
    return answer(await shop.ask(victim, **{"scope": SCOPE, **changed}))["code"]


async def refused(app: Running, token: str) -> bool:
    """Say whether a worker takes an access token for dead wherever it is shown."""
    told = await app.call("POST", "/oauth2/introspect", "", data={**ROOT, "token": token})
    shown = await app.call("GET", "/oauth2/userinfo", token)
    assert (told.json == {"active": False}) is (shown.status == 401), (told.text, shown.status)
    return shown.status == 401


@asynccontextmanager
async def nothing_written(app: Running) -> AsyncIterator[None]:
    """See that the log is as long as before."""
    before = await head(app.parts.store.pool)
    yield
    assert await head(app.parts.store.pool) == before


def kept_here(reply: Reply) -> None:
    """See that an answer leads nowhere and repeats nothing of an attacker's."""
    assert reply.status in {400, 401, 403, 404}, reply.text
    assert "Location" not in reply.headers
    assert "evil" not in reply.text
