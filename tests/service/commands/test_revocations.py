"""Bulk revocations end what was issued for everything that they name together, as far back as they say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from domain.revocation import Revocation
from domain.token_family import TokenFamily
from service.commands import accounts, revocations
from service.store.decision import collected
from service.store.pending import Envelope
from tests.histories.agreement import tokens_alive
from tests.histories.verdict import rebuilt_models_are_equal
from tests.service.commands.given import a_child, a_user, an_application, an_organization, backend, origin

if TYPE_CHECKING:
    from domain.application import Application
    from tests.store_fixture import StoreParts

LATER = timedelta(hours=1)


def a_family(parts: StoreParts, application: Application, **issued_for: object) -> TokenFamily:
    return TokenFamily.issue(
        id=parts.clock.new_id(),
        organization=application.organization,
        application=application.id,
        scope="read",
        audience="https://api.example.com",
        format="opaque",
        digest=sha256(uuid4().bytes).hexdigest(),
        expires_at=parts.clock.now() + LATER,
        grant_type="authorization_code",
        now=parts.clock.now(),
        **issued_for,
    )


async def commit(parts: StoreParts, *aggregates: TokenFamily | Revocation) -> list[int]:
    """Append these at once, so that they are one batch; return their positions."""
    envelope = Envelope(aggregates[0].organization, UUID(int=0), None, uuid4())
    appends = [parts.store.prepare(collected(aggregate), envelope) for aggregate in aggregates]
    return [done.position for done in await asyncio.gather(*(parts.appender.append(each) for each in appends))]


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        ({"application"}, {"plain", "user", "end user", "both"}),
        ({"user"}, {"user", "both"}),
        ({"end_user"}, {"end user", "both"}),
        ({"application", "user"}, {"user", "both"}),
        ({"application", "end_user"}, {"end user", "both"}),
        ({"user", "end_user"}, {"both"}),
        ({"application", "user", "end_user"}, {"both"}),
    ],
)
async def test_what_is_named_together_must_be_true_together(
    parts: StoreParts, named: set[str], ended: set[str]
) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    user = await a_user(parts, application.id)
    values = {"application": application.id, "user": user.id, "end_user": "7"}
    families = {
        "plain": a_family(parts, application),
        "user": a_family(parts, application, user=user.id),
        "end user": a_family(parts, application, end_user="7"),
        "both": a_family(parts, application, user=user.id, end_user="7"),
        "another": a_family(parts, await an_application(parts, application.organization), end_user="8"),
    }
    await commit(parts, *families.values())
    wanted = {name: values[name] for name in named}
    where = {"organization": application.organization, **wanted}
    assert await revocations.count(parts.store, SYSTEM, **where) == (len(ended), False)
    assert await revocations.count(parts.store, backend(uuid4()), **where) == (0, False)
    assert await revocations.count(parts.store, SYSTEM, **where, before=parts.clock.now() - LATER) == (0, False)
    await revocations.record(parts.store, origin(), SYSTEM, organization=application.organization, **wanted)
    alive = await tokens_alive(parts)
    assert {name for name, family in families.items() if family.id not in alive} == ended
    assert await revocations.count(parts.store, SYSTEM, **where) == (0, False)


async def test_before_a_time_to_come_means_all_so_far_those_of_the_same_batch_too(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    first, last = a_family(parts, application), a_family(parts, application)
    revocation = Revocation.record(
        id=parts.clock.new_id(),
        organization=application.organization,
        application=application.id,
        user=None,
        end_user=None,
        before=parts.clock.now() + LATER,
        cascade=False,
        reason=None,
        by=SYSTEM,
        now=parts.clock.now(),
    )
    positions = await commit(parts, first, revocation, last)
    assert (
        await parts.pool.fetchval("SELECT first FROM muniment.batches WHERE last = $1", positions[-1]) == positions[0]
    )
    assert await tokens_alive(parts) == {last.id}
    await rebuilt_models_are_equal(parts, 1, 5_000, names=["revocations"])


async def test_a_token_for_an_account_stops_with_it_though_no_user_has_it(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    child = await a_child(parts, application.organization)
    family = a_family(parts, application, account=child.id)
    await commit(parts, family)
    assert await tokens_alive(parts) == {family.id}
    await accounts.move_status(parts.store, origin(), SYSTEM, account=child.id, status="suspended")
    assert await tokens_alive(parts) == set()


async def test_a_refresh_token_may_last_for_ever(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    await commit(parts, a_family(parts, application, refresh_digest="ab" * 32))
    assert await parts.pool.fetch("SELECT expires_at, ended_at FROM refresh_tokens") == [(None, None)]
