"""A token is ended from what its rows tell: they say what its events say, at the version its events have."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain.application import TokenFormat
from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from projections import tokens as rows
from service.commands import tokens
from tests.service.commands.given import an_application, an_organization, meanwhile, origin, topics

if TYPE_CHECKING:
    from domain.application import Application
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

FIRST, SECOND = (sha256(bytes([number])).hexdigest() for number in (1, 2))


async def a_family(parts: StoreParts, application: Application, *, renewable: bool) -> UUID:
    async def issue(decision: Decision) -> UUID:
        now = parts.clock.now()
        decision.organization = application.organization
        family = TokenFamily.issue(
            id=parts.clock.new_id(),
            organization=application.organization,
            application=application.id,
            scope="read",
            audience="https://api.example.com",
            format=TokenFormat.OPAQUE,
            digest=sha256(uuid4().bytes).hexdigest(),
            expires_at=now + timedelta(hours=1),
            grant_type="authorization_code",
            refresh_digest=FIRST if renewable else None,
            refresh_expires_at=now + timedelta(days=1) if renewable else None,
            now=now,
        )
        decision.save(family)
        return family.id

    return (await parts.store.decide(issue, origin())).value


async def renewed(parts: StoreParts, family: UUID, presented: str = FIRST) -> UUID:
    """Issue another access token; another refresh token than the current one ends the family instead."""
    token = parts.clock.new_id()

    async def refresh(decision: Decision) -> None:
        now = parts.clock.now()
        found = await decision.load(TokenFamily, family)
        assert found is not None
        decision.organization = found.organization
        found.refresh(
            presented,
            token=token,
            scope="read",
            audience="https://api.example.com",
            format=TokenFormat.OPAQUE,
            digest=sha256(uuid4().bytes).hexdigest(),
            expires_at=now + timedelta(hours=1),
            refresh_digest=None,
            refresh_expires_at=None,
            now=now,
        )
        decision.save(found)

    await parts.store.decide(refresh, origin())
    return token


async def ended(parts: StoreParts, family: UUID, token: UUID | None) -> None:
    await tokens.revoke(parts.store, origin(), SYSTEM, family=family, token=token)


async def same(parts: StoreParts, family: UUID) -> TokenFamily:
    """Require that rows and events tell the same about a family; return it."""
    told = await rows.family(parts.pool, family)
    replayed: list[TokenFamily] = []

    async def look(decision: Decision) -> None:
        found = await decision.peek(TokenFamily, family)
        assert found is not None
        replayed.append(found)

    await parts.store.decide(look, origin())
    assert told is not None
    for name in ("id", "version", "organization", "application", "tokens"):
        assert getattr(told, name) == getattr(replayed[0], name), name
    assert told.ended >= replayed[0].ended
    assert told.revoked >= replayed[0].revoked
    return told


@pytest.mark.parametrize("renewable", [True, False])
async def test_rows_follow_a_family_to_its_end(parts: StoreParts, renewable: bool) -> None:  # noqa: FBT001
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    first = await a_family(parts, application, renewable=renewable)
    assert not (await same(parts, first)).ended
    second = await renewed(parts, first) if renewable else first
    assert (await same(parts, first)).tokens == {first, second}
    await ended(parts, first, first)
    assert (await same(parts, first)).revoked == {first}
    assert (await same(parts, first)).ended is not renewable
    if renewable:
        third = await renewed(parts, first)
        await ended(parts, first, second)
        assert (await same(parts, first)).revoked == {first, second}
        await ended(parts, first, None)
        assert (await same(parts, first)).revoked == {first, second, third}
    assert (await same(parts, first)).ended
    version = (await same(parts, first)).version
    for token in (None, first, second):
        await ended(parts, first, token)
    assert (await same(parts, first)).version == version


async def test_rows_follow_the_end_of_a_family_whose_refresh_token_was_copied(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    family = await a_family(parts, await an_application(parts, organization.id), renewable=True)
    await renewed(parts, family)
    await ended(parts, family, family)
    await renewed(parts, family, presented=SECOND)
    found = await same(parts, family)
    assert found.ended
    assert found.version == 4


async def test_what_happens_meanwhile_is_read_from_the_events(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    family = await a_family(parts, await an_application(parts, organization.id), renewable=True)
    with meanwhile(parts, lambda: renewed(parts, family)) as decided:
        await ended(parts, family, None)
    assert len(decided) == 2
    found = await same(parts, family)
    assert len(found.revoked) == 2
    assert (await topics(parts))[-3:] == ["token.issued", "token.refreshed", "token.revoked"]


async def test_rows_that_tell_of_another_version_cost_a_second_decision_and_nothing_else(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    family = await a_family(parts, await an_application(parts, organization.id), renewable=False)
    await parts.owner.execute("UPDATE models.tokens SET version = 3 WHERE id = $1", family)
    await ended(parts, family, family)
    assert (await topics(parts))[-1] == "token.revoked"
    assert (await same(parts, family)).version == 2
