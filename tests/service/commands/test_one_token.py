"""Commands about one token by its id: ended with or without its family, approved again, deleted, described."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application import TokenFormat
from domain.caller import SYSTEM
from domain.token_family import TokenFamily, refresh_token_id
from projections import token_look_ups
from projections import tokens as rows
from service.commands import applications, revocations, tokens
from tests.service.commands.given import an_application, an_organization, backend, head, meanwhile, origin, topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.application import Application
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

FIRST, SECOND, THIRD = (sha256(bytes([number])).hexdigest() for number in range(3))
OLD, REFRESH = refresh_token_id(FIRST), refresh_token_id(SECOND)
EVENTS = re.compile(r"\b(events|token_events\w*|log)\b")


class Family:
    """A family of an application with two access tokens, whose second refresh token is the current one."""

    def __init__(self, parts: StoreParts, application: Application, first: UUID, second: UUID) -> None:
        self.parts, self.application, self.first, self.second = parts, application, first, second

    async def status(self, token: UUID) -> str | None:
        row = await token_look_ups.one(self.parts.pool, token, self.parts.clock.now())
        return None if row is None else row["status"]

    async def statuses(self) -> list[str | None]:
        return [await self.status(token) for token in (self.first, self.second, REFRESH)]

    async def alive(self) -> set[UUID]:
        digests = [row["digest"] for row in await self.parts.pool.fetch("SELECT digest FROM tokens")]
        return {row["id"] for row in (await rows.by_digests(self.parts.pool, digests)).values() if row["alive"]}

    async def renewable(self) -> bool:
        row = await rows.renewing(self.parts.pool, bytes.fromhex(SECOND), self.parts.clock.now())
        assert row is not None
        return bool(row["in_force"] and not row["ended"])

    async def revoke(self, token: UUID, **told: Any) -> None:
        await tokens.revoke(self.parts.store, origin(), SYSTEM, token=token, **told)

    async def approve(self, token: UUID, **told: Any) -> None:
        await tokens.approve(self.parts.store, origin(), SYSTEM, token=token, **told)

    async def delete(self, token: UUID) -> None:
        await tokens.delete(self.parts.store, origin(), SYSTEM, token=token)

    async def describe(self, token: UUID, **attributes: str) -> dict[str, str]:
        described = await tokens.describe(self.parts.store, origin(), SYSTEM, token=token, attributes=attributes)
        return described.value

    async def changed(self, change: Callable[[TokenFamily], object]) -> None:
        async def command(decision: Decision) -> None:
            found = await decision.load(TokenFamily, self.first)
            assert found is not None
            decision.organization = found.organization
            change(found)
            decision.save(found)

        await self.parts.store.decide(command, origin())

    async def renewed(self, presented: str, following: str | None, token: UUID) -> None:
        now = self.parts.clock.now()
        access = {"scope": "read", "audience": "api", "format": TokenFormat.JWT, "digest": uuid4().hex * 2}
        await self.changed(
            lambda found: found.refresh(
                presented, token=token, expires_at=now + timedelta(hours=1), refresh_digest=following,
                refresh_expires_at=now + timedelta(days=1), now=now, **access,
            )
        )  # fmt: skip


@pytest.fixture
async def family(parts: StoreParts) -> Family:
    application = await an_application(parts, (await an_organization(parts)).id)
    now, second = parts.clock.now(), parts.clock.new_id()
    issued = TokenFamily.issue(
        id=parts.clock.new_id(), organization=application.organization, application=application.id, scope="read",
        audience="api", format=TokenFormat.JWT, digest=uuid4().hex * 2, expires_at=now + timedelta(hours=1),
        grant_type="authorization_code", refresh_digest=FIRST, refresh_expires_at=now + timedelta(days=1), now=now,
    )  # fmt: skip

    async def issue(decision: Decision) -> None:
        decision.organization = application.organization
        decision.save(issued)

    await parts.store.decide(issue, origin())
    made = Family(parts, application, issued.id, second)
    await made.renewed(FIRST, SECOND, second)
    return made


async def test_a_token_ends_alone_and_comes_back(family: Family) -> None:
    await family.revoke(family.second)
    assert await family.statuses() == ["active", "revoked", "active"]
    assert await family.alive() == {family.first}
    await family.approve(family.second)
    assert await family.statuses() == ["active"] * 3
    assert await family.alive() == {family.first, family.second}


@pytest.mark.parametrize("named", ["first", "second", "refresh", "replaced refresh"])
async def test_a_family_ends_with_cascade_and_by_any_of_its_refresh_tokens(family: Family, named: str) -> None:
    token = {"first": family.first, "second": family.second, "refresh": REFRESH, "replaced refresh": OLD}[named]
    await family.revoke(token, cascade="refresh" not in named)
    assert await family.statuses() == ["revoked"] * 3
    assert (await family.alive(), await family.renewable()) == (set(), False)


async def test_without_cascade_the_refresh_token_stays_revoked(family: Family) -> None:
    await family.revoke(family.first, cascade=True)
    await family.approve(family.second)
    assert await family.statuses() == ["revoked", "active", "revoked"]
    assert (await family.alive(), await family.renewable()) == ({family.second}, False)


async def test_with_cascade_the_refresh_token_comes_back_and_renews(family: Family) -> None:
    await family.revoke(family.first, cascade=True)
    await family.approve(family.first, cascade=True)
    assert await family.statuses() == ["active", "revoked", "active"]
    assert await family.renewable()
    third = uuid4()
    await family.renewed(SECOND, THIRD, third)
    assert await family.alive() == {family.first, third}


async def test_a_refresh_token_comes_back_alone(family: Family) -> None:
    await family.revoke(REFRESH)
    await family.approve(REFRESH)
    assert await family.statuses() == ["revoked", "revoked", "active"]
    assert await family.renewable()


async def test_nothing_happens_to_what_was_not_revoked(family: Family) -> None:
    before = await head(family.parts)
    await family.approve(family.first, cascade=True)
    await family.approve(REFRESH)
    assert await head(family.parts) == before


async def test_after_its_expiry_no_token_comes_back(family: Family) -> None:
    await family.revoke(family.first, cascade=True)
    family.parts.clock.move(timedelta(hours=1))
    for decide in (family.approve, family.describe):
        with pytest.raises(refusals.TokenExpired):
            await decide(family.first)
    await family.approve(REFRESH)
    assert await family.renewable()


async def test_after_reuse_no_token_comes_back(family: Family) -> None:
    await family.changed(lambda found: found.detect_reuse(FIRST, family.parts.clock.now()))
    for token in (family.first, family.second, REFRESH, OLD):
        with pytest.raises(refusals.TokenEnded):
            await family.approve(token, cascade=True)
    assert await family.statuses() == ["revoked"] * 3


@pytest.mark.parametrize("alone_first", [True, False])
@pytest.mark.parametrize("cascade", [True, False])
async def test_what_was_revoked_in_bulk_does_not_come_back(family: Family, *, cascade: bool, alone_first: bool) -> None:
    if alone_first:
        await family.revoke(family.second)
    await revocations.record(
        family.parts.store, origin(), SYSTEM, organization=family.application.organization,
        application=family.application.id, cascade=cascade,
    )  # fmt: skip
    before = await head(family.parts)
    for token in (family.first, family.second, *([REFRESH] if cascade else [])):
        with pytest.raises(refusals.TokenRevokedInBulk):
            await family.approve(token)
    assert await head(family.parts) == before
    assert await family.statuses() == ["revoked", "revoked", "revoked" if cascade else "active"]


async def test_an_approval_does_not_make_a_refresh_token_younger(family: Family) -> None:
    """Revoked in bulk, then alone: what undoes the latter must not reach behind the former."""
    await revocations.record(
        family.parts.store, origin(), SYSTEM, organization=family.application.organization,
        application=family.application.id, cascade=True,
    )  # fmt: skip
    await family.revoke(REFRESH)
    await family.changed(
        lambda found: found.approve(REFRESH, cascade=True, expires_at=None, now=family.parts.clock.now())
    )
    assert not await family.renewable()
    assert await family.status(REFRESH) == "revoked"


async def test_with_its_application_a_token_comes_back_by_itself_and_without_it_never(family: Family) -> None:
    parts, application = family.parts, family.application
    await family.revoke(family.first)
    await applications.disable(parts.store, origin(), SYSTEM, application=application.id)
    assert await family.statuses() == ["revoked", "blocked", "blocked"]
    await family.approve(family.first)
    assert await family.statuses() == ["blocked"] * 3
    await applications.enable(parts.store, origin(), SYSTEM, application=application.id)
    assert await family.statuses() == ["active"] * 3
    await family.revoke(family.first)
    await applications.delete(parts.store, origin(), SYSTEM, application=application.id)
    with pytest.raises(refusals.TokenRevokedInBulk):
        await family.approve(family.first)


async def test_a_deleted_token_is_gone_for_everybody(family: Family) -> None:
    await family.delete(family.first)
    assert await family.alive() == {family.second}
    before = await head(family.parts)
    for decide in (family.approve, family.delete, family.describe, family.revoke):
        with pytest.raises(refusals.UnknownToken):
            await decide(family.first)
    assert await head(family.parts) == before
    assert await family.statuses() == [None, "active", "active"]


async def test_deleting_a_refresh_token_ends_its_family(family: Family) -> None:
    with pytest.raises(refusals.TokenEnded):
        await family.delete(OLD)
    await family.delete(REFRESH)
    assert await family.statuses() == ["revoked", "revoked", None]
    await family.approve(family.second, cascade=True)
    assert (await family.alive(), await family.renewable()) == ({family.second}, False)


async def test_attributes_are_set_one_by_one_while_a_token_lives(family: Family) -> None:
    assert await family.describe(family.first, plan="gold") == {"plan": "gold"}
    assert await family.describe(family.first, note="") == {"plan": "gold", "note": ""}
    assert await family.describe(REFRESH, plan="none") == {"plan": "none"}
    before = await head(family.parts)
    assert await family.describe(family.first, plan="gold") == {"plan": "gold", "note": ""}
    with pytest.raises(refusals.InvalidAttributes):
        await family.describe(family.first, **{"": "no name"})
    await family.revoke(family.second)
    with pytest.raises(refusals.TokenEnded):
        await family.describe(family.second, plan="gold")
    assert await head(family.parts) == before + 1
    await revocations.record(
        family.parts.store, origin(), SYSTEM, organization=family.application.organization,
        application=family.application.id,
    )  # fmt: skip
    with pytest.raises(refusals.TokenRevokedInBulk):
        await family.describe(family.first, plan="silver")


COMMANDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "revoke": tokens.revoke,
    "approve": tokens.approve,
    "delete": tokens.delete,
    "describe": lambda *given, **named: tokens.describe(*given, attributes={"plan": "gold"}, **named),
}


@pytest.mark.parametrize("command", COMMANDS)
async def test_another_organizations_tokens_are_as_unknown_as_none(family: Family, command: str) -> None:
    store, before = family.parts.store, await head(family.parts)
    stranger = backend(uuid4())
    for by, token in (
        (stranger, family.first),
        (stranger, REFRESH),
        (SYSTEM, uuid4()),
        (SYSTEM, family.parts.clock.new_id()),
    ):
        with pytest.raises(refusals.UnknownToken):
            await COMMANDS[command](store, origin(by), by, token=token)
    assert await head(family.parts) == before


async def test_several_at_once_leave_one_event(family: Family) -> None:
    await family.revoke(family.first)
    await asyncio.gather(*(family.approve(family.first) for _ in range(8)))
    gone = await asyncio.gather(*(family.delete(family.first) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in gone) == ["NoneType", *["UnknownToken"] * 3]
    told = await topics(family.parts)
    assert (told.count("token.approved"), told.count("token.deleted")) == (1, 1)


async def test_who_revokes_last_is_right(family: Family) -> None:
    await family.revoke(family.first)
    with meanwhile(family.parts, lambda: family.revoke(family.second, cascade=True)) as decided:
        await family.approve(family.first)
    assert len(decided) == 2
    assert await family.statuses() == ["active", "revoked", "revoked"]
    with meanwhile(family.parts, lambda: family.approve(family.second)):
        await family.revoke(family.second, cascade=True)
    assert await family.statuses() == ["revoked"] * 3


@pytest.mark.parametrize("cascade", [True, False])
async def test_ending_a_token_by_its_id_reads_no_event(family: Family, *, cascade: bool) -> None:
    statements: list[str] = []
    connections = [holder._con for holder in family.parts.pool._holders]

    def note(record: Any) -> None:
        statements.append(record.query)

    for connection in connections:
        connection.add_query_logger(note)
    await family.revoke(family.first, cascade=cascade)
    await family.revoke(REFRESH)
    assert await family.statuses() == ["revoked"] * 3
    for connection in connections:
        connection.remove_query_logger(note)
    assert sum("FROM tokens" in query for query in statements) >= 4
    assert [query for query in statements if EVENTS.search(query)] == []
