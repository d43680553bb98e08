"""A grant is asked for by one and approved by another, while its application is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from projections import grants as rows
from service.commands import applications, grants
from tests.service.commands.given import (
    NOBODY,
    ROOT,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.grant import Grant
    from service.store.store import Outcome
    from tests.store_fixture import StoreParts

AUDIENCE = "https://api.example.com"


async def a_request(parts: StoreParts, by: Caller, application: Any) -> Grant:
    asked: Outcome[Grant] = await grants.request(
        parts.store, origin(by), by, application=application, audience=AUDIENCE, scope=iter(["write", "read"])
    )
    return asked.value


async def test_a_grant_is_requested_approved_and_revoked(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    asking, deciding = backend(organization.id), backend(organization.id)
    grant = await a_request(parts, asking, application.id)
    with pytest.raises(refusals.SelfApproval):
        await grants.approve(parts.store, origin(asking), asking, grant=grant.id)
    await grants.approve(parts.store, origin(deciding), deciding, grant=grant.id)
    (row,) = await rows.page(
        parts.pool, organization.id, application=application.id, status="approved", after=NOBODY, limit=9
    )
    assert (row["scope"], row["decided_by"]) == (["read", "write"], deciding.actor)
    revoked = await grants.revoke(parts.store, origin(), deciding, grant=grant.id, reason="over")
    assert revoked.value.status == "revoked"


async def test_one_of_approval_and_rejection_at_once_happens(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    grant = await a_request(parts, backend(organization.id), application.id)
    before = await head(parts)
    results = await asyncio.gather(
        grants.approve(parts.store, origin(), SYSTEM, grant=grant.id),
        grants.reject(parts.store, origin(), SYSTEM, grant=grant.id, reason="no"),
        grants.approve(parts.store, origin(), ROOT, grant=grant.id),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.GrantNotPending] * 2
    assert len(await topics(parts, after=before)) == 1


async def test_a_deleted_application_is_granted_nothing(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    grant = await a_request(parts, backend(organization.id), application.id)
    deleting = applications.delete(parts.store, origin(), SYSTEM, application=application.id)
    with meanwhile(parts, lambda: deleting), pytest.raises(refusals.UnknownApplication):
        await grants.approve(parts.store, origin(), SYSTEM, grant=grant.id)
    with pytest.raises(refusals.UnknownApplication):
        await a_request(parts, SYSTEM, application.id)
    await grants.reject(parts.store, origin(), SYSTEM, grant=grant.id)
    assert (await topics(parts))[-1] == "grant.rejected"


async def test_another_organizations_application_is_unknown(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    for by, wanted in ((backend(uuid4()), application.id), (ROOT, uuid4())):
        with pytest.raises(refusals.UnknownApplication):
            await a_request(parts, by, wanted)


@pytest.mark.parametrize("command", [grants.approve, grants.reject, grants.revoke])
async def test_another_organizations_grant_is_unknown(
    parts: StoreParts, command: Callable[..., Awaitable[object]]
) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    grant = await a_request(parts, backend(organization.id), application.id)
    for by, wanted in ((backend(uuid4()), grant.id), (ROOT, uuid4()), (ROOT, application.id)):
        with pytest.raises(refusals.UnknownGrant):
            await command(parts.store, origin(), by, grant=wanted)
