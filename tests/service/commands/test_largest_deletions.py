"""The largest deletions that one command may do stay one append, within what a caller waits for."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from domain.caller import SYSTEM
from projections import accounts as rows
from service.commands import accounts, api_resources, interface_grant_batches, interface_grants, interfaces, users
from tests.service.commands.given import (
    NOBODY,
    a_child,
    a_member,
    a_user,
    an_api_resource,
    an_application,
    an_interface,
    an_organization,
    head,
    origin,
)

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

pytestmark = pytest.mark.soak
SECONDS = 20.0  # a third of what the append's connection is given


async def test_a_thousand_accounts_with_ten_thousand_members_go_in_one_append(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    top = await a_child(parts, organization.id)
    children = [top]
    while len(children) < accounts.ACCOUNT_LIMIT:
        wave = children[: accounts.ACCOUNT_LIMIT - len(children)]
        children += await asyncio.gather(*(a_child(parts, account.id) for account in wave))
    members = [await a_user(parts, application.id) for _ in range(accounts.MEMBERSHIP_LIMIT // len(children))]
    for account in children:
        await asyncio.gather(*(a_member(parts, account.id, user.id) for user in members))
    before, start = await head(parts), time.perf_counter()
    await accounts.delete(parts.store, origin(), SYSTEM, account=top.id, cascade=True)
    assert time.perf_counter() - start < SECONDS
    assert await head(parts) - before == accounts.ACCOUNT_LIMIT + accounts.MEMBERSHIP_LIMIT
    assert len(await rows.page(parts.pool, organization.id, after=NOBODY, limit=9)) == 1
    for user in members:
        await users.delete(parts.store, origin(), SYSTEM, user=user.id)


async def test_an_api_resource_with_all_the_interfaces_that_it_may_have_goes_in_one_append(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    resource = await an_api_resource(parts, organization.id)
    for first in range(0, interfaces.INTERFACE_LIMIT, 5):
        await asyncio.gather(*(an_interface(parts, resource.id, f"i{n}") for n in range(first, first + 5)))
    before, begun = await head(parts), time.perf_counter()
    await api_resources.delete(parts.store, origin(), SYSTEM, resource=resource.id, cascade=True)
    assert time.perf_counter() - begun < SECONDS
    assert await head(parts) - before == interfaces.INTERFACE_LIMIT + 1


async def test_an_api_resource_with_as_many_grants_as_may_end_at_once_goes_in_one_append(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    resource = await an_api_resource(parts, organization.id)
    clients = [await an_application(parts, organization.id) for _ in range(100)]
    for n in range(interface_grants.WITHDRAWN_AT_ONCE // len(clients)):
        await an_interface(parts, resource.id, f"i{n}")
    for client in clients:
        await interface_grant_batches.request_all(parts.store, origin(), SYSTEM, application=client.id)
    before, begun = await head(parts), time.perf_counter()
    await api_resources.delete(parts.store, origin(), SYSTEM, resource=resource.id, cascade=True)
    assert time.perf_counter() - begun < SECONDS
    ended = interface_grants.WITHDRAWN_AT_ONCE + interface_grants.WITHDRAWN_AT_ONCE // len(clients) + 1
    assert await head(parts) - before == ended
