"""Tokens are ended one by one, by family, or in bulk by what they were issued for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application_settings import TokenFormat
from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from projections import tokens as rows
from service.commands import accounts, applications, revocations, tokens, users
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from datetime import datetime

    from domain.application import Application
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts


async def a_token(
    parts: StoreParts, application: Application, user: UUID | None = None, end_user: str | None = None
) -> UUID:
    async def issue(decision: Decision) -> UUID:
        decision.organization = application.organization
        family = TokenFamily.issue(
            id=parts.clock.new_id(),
            organization=application.organization,
            application=application.id,
            scope="read",
            audience="https://api.example.com",
            format=TokenFormat.OPAQUE,
            digest=sha256(uuid4().bytes).hexdigest(),
            expires_at=parts.clock.now() + timedelta(hours=1),
            grant_type="client_credentials",
            user=user,
            end_user=end_user,
            now=parts.clock.now(),
        )
        decision.save(family)
        return family.id

    return (await parts.store.decide(issue, origin())).value


async def refreshed(parts: StoreParts, family: UUID, application: Application) -> UUID:
    """Give a family a second token, as one whose refresh token is never replaced."""

    async def renew(decision: Decision) -> UUID:
        decision.organization = application.organization
        loaded = await decision.load(TokenFamily, family)
        assert loaded is not None
        token = parts.clock.new_id()
        loaded.trigger_event(
            TokenFamily.Refreshed,
            timestamp=parts.clock.now(),
            organization=application.organization,
            application=application.id,
            token=token,
            user=None,
            account=None,
            membership=None,
            end_user=None,
            scope="read",
            audience="https://api.example.com",
            format=TokenFormat.OPAQUE,
            digest=sha256(token.bytes).hexdigest(),
            expires_at=parts.clock.now() + timedelta(hours=1),
            refresh_digest=None,
            refresh_expires_at=None,
        )
        decision.save(loaded)
        return token

    return (await parts.store.decide(renew, origin())).value


async def alive(parts: StoreParts) -> set[UUID]:
    digests = [row["digest"] for row in await parts.pool.fetch("SELECT digest FROM tokens")]
    return {row["id"] for row in (await rows.by_digests(parts.pool, digests)).values() if row["alive"]}


async def test_a_token_ends_and_its_family_lives_on(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    first = await a_token(parts, application)
    second = await refreshed(parts, first, application)
    by = backend(organization.id)
    outcome = await tokens.revoke(parts.store, origin(by), by, token=second, reason=" logout ")
    assert outcome.position == await head(parts)
    assert await alive(parts) == {first}
    await tokens.revoke(parts.store, origin(by), by, family=first, token=first)
    assert await alive(parts) == set()


async def test_a_family_ends_with_all_its_tokens(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    first = await a_token(parts, application)
    await refreshed(parts, first, application)
    other = await a_token(parts, application)
    await tokens.revoke(parts.store, origin(), SYSTEM, family=first)
    assert await alive(parts) == {other}


async def test_a_revocation_touches_the_family(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    family = await a_token(parts, application)
    await tokens.revoke(parts.store, origin(), SYSTEM, token=family)
    touched = await parts.pool.fetchval(
        "SELECT position FROM muniment.guards WHERE key = $1", f"revocation:token:{family}"
    )
    assert touched == await head(parts)


async def test_many_revocations_of_a_token_are_one(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    token = await a_token(parts, application)
    await asyncio.gather(*(tokens.revoke(parts.store, origin(), SYSTEM, token=token) for _ in range(8)))
    assert (await topics(parts)).count("token.revoked") == 1


async def test_another_organizations_token_is_unknown(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    token = await a_token(parts, await an_application(parts, organization.id))
    stranger = backend(uuid4())
    for by, named in (
        (stranger, {"token": token}),
        (stranger, {"family": token}),
        (ROOT, {"token": uuid4()}),
        (ROOT, {"family": organization.id}),
        (ROOT, {"family": token, "token": uuid4()}),
        (ROOT, {}),
    ):
        with pytest.raises(refusals.UnknownToken):
            await tokens.revoke(parts.store, origin(), by, **named)
    assert await alive(parts) == {token}


async def record(parts: StoreParts, organization: UUID, before: datetime | None = None, **named: object) -> None:
    by = backend(organization)
    await revocations.record(parts.store, origin(by), by, organization=organization, before=before, **named)


async def test_tokens_end_in_bulk_by_whatever_they_were_issued_for(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application, other = [await an_application(parts, organization.id) for _ in range(2)]
    user = await a_user(parts, application.id)
    plain = await a_token(parts, other)
    for named, kept in (
        ({"application": application.id}, set()),
        ({"user": user.id}, {"end_user"}),
        ({"end_user": "7"}, {"user"}),
        ({"end_user": "7", "application": application.id}, {"user"}),
    ):
        issued = {
            "user": await a_token(parts, application, user.id),
            "end_user": await a_token(parts, application, end_user="7"),
        }
        await record(parts, organization.id, **named)
        assert await alive(parts) & set(issued.values()) == {issued[name] for name in kept}
    assert plain in await alive(parts)


async def test_a_bulk_revocation_names_what_is_in_the_organization(parts: StoreParts) -> None:
    organization, elsewhere = await an_organization(parts), await an_organization(parts)
    application, foreign = [await an_application(parts, each.id) for each in (organization, elsewhere)]
    stranger = await a_user(parts, foreign.id)
    before = await head(parts)
    for named, refusal in (
        ({"application": foreign.id}, refusals.UnknownApplication),
        ({"application": uuid4()}, refusals.UnknownApplication),
        ({"user": stranger.id}, refusals.UnknownUser),
        ({"application": application.id, "user": uuid4()}, refusals.UnknownUser),
        ({}, refusals.NothingToRevoke),
        ({"end_user": ""}, refusals.InvalidEndUser),
    ):
        for by in (backend(organization.id), ROOT):
            with pytest.raises(refusal):
                await revocations.record(parts.store, origin(), by, organization=organization.id, **named)
    child, empty = await a_child(parts, organization.id), await an_organization(parts)
    await accounts.delete(parts.store, origin(), ROOT, account=empty.id)
    for by, wanted in (
        (backend(organization.id), elsewhere.id),
        (ROOT, uuid4()),
        (ROOT, child.id),
        (ROOT, empty.id),
    ):
        with pytest.raises(refusals.UnknownAccount):
            await revocations.record(parts.store, origin(), by, organization=wanted, end_user="7")
    assert "revocation.recorded" not in await topics(parts, after=before)


async def test_what_is_deleted_meanwhile_is_unknown(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    user = await a_user(parts, application.id)
    with (
        meanwhile(parts, lambda: users.delete(parts.store, origin(), SYSTEM, user=user.id)),
        pytest.raises(refusals.UnknownUser),
    ):
        await record(parts, organization.id, user=user.id)
    with (
        meanwhile(parts, lambda: applications.delete(parts.store, origin(), SYSTEM, application=application.id)),
        pytest.raises(refusals.UnknownApplication),
    ):
        await record(parts, organization.id, application=application.id)
