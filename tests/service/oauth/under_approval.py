"""Third parties of these tests: applications that wait for approval, and what somebody decides about them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.application import Application
from domain.caller import Caller
from domain.grant_types import ALL
from service.commands.changing import changed
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE
from tests.service.oauth.authorization.flow import FILES, a_shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.app_fixture import Running
    from tests.service.oauth.authorization.flow import Shop

CREATOR, APPROVER = UUID(int=11), UUID(int=12)
YEAR = timedelta(days=365)
MOMENT = timedelta(seconds=0.2)
EVERYTHING: dict[str, Any] = {
    "grant_types": list(ALL), "trusted": True, "audiences": [AUDIENCE, FILES],
    "permissions": ["files.read", "files.write", "read_app"],
}  # fmt: skip
"""Settings of an application that may come by tokens in every way there is."""


async def _act(shop: Shop, who: UUID, change: Callable[[Application, Caller, datetime], None]) -> int:
    by = Caller(who, shop.organization, frozenset({"all"}), user=who)
    parts = shop.app.parts
    outcome = await changed(
        parts.store,
        Origin(who, shop.organization, None, parts.clock.new_id()),
        by,
        Application,
        shop.id,
        change=lambda found, now: change(found, by, now),
        remember=None,
    )
    return outcome.position


async def submit(shop: Shop, *kinds: str, by: UUID = CREATOR) -> None:
    """Let an application wait for approval, as a third party from now on."""

    def change(found: Application, by: Caller, now: datetime) -> None:
        found.submit(domain="shop.test", description=None, scope_kinds=kinds or ("sso", "api"), by=by, now=now)

    await _act(shop, by, change)


async def resubmit(shop: Shop, *kinds: str) -> None:
    def change(found: Application, by: Caller, now: datetime) -> None:
        said: dict[str, Any] = {"domain": "shop.test", "description": None, "scope_kinds": kinds or ("sso", "api")}
        found.resubmit(found.settings, **said, by=by, now=now)

    await _act(shop, CREATOR, change)


async def approve(shop: Shop, *, lasting: timedelta = YEAR, trusted: bool = True) -> None:
    await _act(
        shop, APPROVER, lambda found, by, now: found.approve(by, now, now + lasting, trusted=trusted)
    )  # fmt: skip


async def reject(shop: Shop) -> None:
    await _act(shop, APPROVER, lambda found, by, now: found.reject(by, "Unknown company", now))


async def delete(shop: Shop) -> None:
    await _act(shop, APPROVER, lambda found, by, now: found.delete(by, now, force=True))


async def a_third_party(app: Running, *kinds: str, **settings: Any) -> Shop:
    """Register a third party that is in effect."""
    shop = await a_shop(app, **EVERYTHING | settings)
    await submit(shop, *kinds)
    await approve(shop, trusted=settings.get("trusted", True))
    return shop


async def pending(shop: Shop) -> None:
    """Let a third party wait that was in effect."""
    await reject(shop)
    await resubmit(shop)


async def expired(shop: Shop) -> None:
    """Let the approval of a third party be one that has just ended."""
    await pending(shop)
    await approve(shop, lasting=MOMENT)
    await asyncio.sleep(2 * MOMENT.total_seconds())
