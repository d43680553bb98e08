"""Forwarding headers are believed of trusted proxies alone, and of them only what they have seen themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from service.settings import read
from tests.app_fixture import SETTINGS, copied, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRUSTED = read({"MUNIMENT_TRUSTED_PROXIES": "127.0.0.0/8,::1,10.0.0.0/8,2001:db8:ffff::/48"}).trusted_proxies


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxied(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service behind proxies on this machine and in two networks."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, replace(SETTINGS, trusted_proxies=TRUSTED)) as service:
            yield service


async def address(app: Running, *forwarded: str) -> str:
    """Return from where a request seems to come that was forwarded so."""
    seen: list[str] = []
    note = app.parts.journal.note

    def noted(request_id: object, at: object, whence: str, agent: object) -> None:
        seen.append(whence)
        note(request_id, at, whence, agent)  # type: ignore[arg-type]

    app.parts.journal.note = noted  # type: ignore[method-assign]
    headers = [("X-Forwarded-For", each) for each in forwarded]
    async with app.client.post("/oauth2/token", headers=headers) as response:
        assert response.status == 400
    app.parts.journal.note = note  # type: ignore[method-assign]
    [whence] = seen
    return whence


@pytest.mark.parametrize(
    ("forwarded", "whence"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        (["192.0.2.1", "10.1.2.3,  10.1.2.4"], "192.0.2.1"),
        (["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (["6.6.6.6", "192.0.2.1", "10.1.2.3"], "192.0.2.1"),
        (["2001:DB8::0:1, 2001:db8:ffff::1"], "2001:db8::1"),
        (["::ffff:192.0.2.1, ::ffff:10.1.2.3"], "192.0.2.1"),
    ],
)
async def test_the_last_address_that_is_no_proxys_is_the_clients(
    proxied: Running, forwarded: list[str], whence: str
) -> None:
    assert await address(proxied, *forwarded) == whence


@pytest.mark.parametrize(
    "forwarded",
    [[], [""], ["unknown"], ["192.0.2.1, unknown"], ["192.0.2.1:443"], ["192.0.2.1,"], ["10.1.2.3"], ["192.0.2.256"]],
)
async def test_a_header_that_says_nothing_leaves_the_peer(proxied: Running, forwarded: list[str]) -> None:
    assert await address(proxied, *forwarded) in {"127.0.0.1", "::1"}


async def test_nobody_is_believed_where_no_proxy_is_trusted(app: Running) -> None:
    assert await address(app, "192.0.2.1") in {"127.0.0.1", "::1"}
