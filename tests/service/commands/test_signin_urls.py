"""Where people may be led: to the origins of an organization's own applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.application_settings import ApplicationSettings
from domain.caller import SYSTEM
from domain.refusals import InvalidSigninUrl
from service.commands import applications, signin_urls
from tests.service.commands.given import an_organization, origin

if TYPE_CHECKING:
    from uuid import UUID

    from domain.application import Application
    from tests.store_fixture import StoreParts


async def an_app(parts: StoreParts, organization: UUID, *uris: str) -> Application:
    settings = ApplicationSettings("Front", redirect_uris=uris)
    made = await applications.register(
        parts.store, origin(), SYSTEM, organization=organization, kind="spa", settings=settings, client_id=None
    )
    return made.value.application


async def test_an_origin_is_that_of_a_redirect_uri_of_an_active_application(parts: StoreParts) -> None:
    home, other = await an_organization(parts), await an_organization(parts)
    app = await an_app(parts, home.id, "https://app.example.com/callback", "http://127.0.0.1:8765/cb")
    allowed = ("https://app.example.com", "https://APP.example.com:443/a?b#c", "http://127.0.0.1:8765/start")
    for url in allowed:
        assert await signin_urls.checked(parts.pool, home.id, url) == url
        with pytest.raises(InvalidSigninUrl):
            await signin_urls.checked(parts.pool, other.id, url)
    for url in ("https://example.com", "http://app.example.com", "http://127.0.0.1:8766/", "http://localhost:8765/"):
        with pytest.raises(InvalidSigninUrl):
            await signin_urls.checked(parts.pool, home.id, url)
    await applications.disable(parts.store, origin(), SYSTEM, application=app.id)
    with pytest.raises(InvalidSigninUrl):
        await signin_urls.checked(parts.pool, home.id, allowed[0])


async def test_no_address_is_fine(parts: StoreParts) -> None:
    home = await an_organization(parts)
    assert await signin_urls.checked(parts.pool, home.id, None) is await signin_urls.checked(parts.pool, home.id, "")


def test_what_a_browser_reads_in_another_way_has_no_origin() -> None:
    for url in (
        "https://a.com\\@b.com", "https://a.com\t", " https://a.com", "https:///a.com", "https://a.com:0x50",
        "https://u@a.com", "https://u:p@a.com", "ftp://a.com", "http://a.com", "https://\u0430.com", "https://", "",
    ):  # fmt: skip
        assert signin_urls.origin(url) is None, url
    assert signin_urls.origin("http://[::1]:80/") == signin_urls.origin("http://[::1]") == ("http", "::1", 80)
