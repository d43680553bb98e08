"""A command that is repeated under one idempotency key is carried out once, and answered alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from domain import refusals
from domain.application import ApplicationSettings
from domain.caller import SYSTEM
from service.commands import accounts, applications
from service.store.pending import Remembered
from service.store.refusals import AlreadyAnswered
from tests.service.commands.given import an_organization, head, origin, topics

if TYPE_CHECKING:
    from uuid import UUID

    from service.commands.applications import WithSecrets
    from service.store.store import Outcome
    from tests.store_fixture import StoreParts

KEY = b"k" * 32


def remember(made: WithSecrets) -> Remembered:
    return Remembered(KEY, b"m" * 32, made.application.id.bytes)


async def register(parts: StoreParts, organization: UUID) -> Outcome[WithSecrets]:
    return await applications.register(
        parts.store,
        origin(),
        SYSTEM,
        organization=organization,
        kind="machine",
        settings=ApplicationSettings("Billing"),
        client_id="billing",
        remember=remember,
    )


async def test_repeats_at_once_hear_what_the_first_was_answered_not_that_its_client_id_is_taken(
    parts: StoreParts,
) -> None:
    organization = await an_organization(parts)
    results = await asyncio.gather(*(register(parts, organization.id) for _ in range(5)), return_exceptions=True)
    (made,) = [result for result in results if not isinstance(result, BaseException)]
    repeats = [result for result in results if isinstance(result, AlreadyAnswered)]
    assert [repeat.answer for repeat in repeats] == [made.value.application.id.bytes] * 4
    assert await topics(parts, after=3) == ["application.registered"]


async def test_a_refused_command_keeps_no_answer(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await applications.register(
        parts.store,
        origin(),
        SYSTEM,
        organization=organization.id,
        kind="machine",
        settings=ApplicationSettings("Billing"),
        client_id="billing",
    )
    with pytest.raises(refusals.ClientIdTaken):
        await register(parts, organization.id)
    assert await parts.pool.fetchval("SELECT count(*) FROM muniment.idempotency") == 0


async def test_a_command_that_changes_nothing_is_remembered_at_the_head(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    outcome = await accounts.update(
        parts.store,
        origin(),
        SYSTEM,
        account=organization.id,
        name="Acme",
        remember=lambda account: Remembered(KEY, b"m" * 32, account.id.bytes),
    )
    assert outcome.position == await head(parts)
    assert await parts.pool.fetchval("SELECT answer FROM muniment.idempotency") == organization.id.bytes
