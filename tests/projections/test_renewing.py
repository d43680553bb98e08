"""What decides about renewing is read from rows, by any refresh token of the family, and is true of this moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from domain.revocation import Revocation
from domain.session import Session
from domain.token_family import TokenFamily
from projections import token_look_ups, tokens
from tests.projections.given import (
    HOUR,
    ORGANIZATION,
    a_member,
    a_role,
    a_user,
    an_account,
    an_application,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.store_fixture import StoreParts

FIRST, SECOND, THIRD = "aa" * 32, "bb" * 32, "cc" * 32


class World:
    """A person signed in to an application, who acts in an account, and somebody who may act as them."""

    def __init__(self, parts: StoreParts, **told: Any) -> None:
        self.parts = parts
        self.organization = an_account(parts, id=ORGANIZATION)
        self.account = an_account(parts, "child", self.organization)
        self.application = an_application(parts, kind="web")
        self.user, self.actor = a_user(parts), a_user(parts, "Grace")
        self.member = a_member(parts, self.account, self.user)
        self.role = a_role(parts, name="super_admin")
        self.actor.assign_role(self.role, SYSTEM, parts.clock.now())
        self.session = Session.start(
            id=parts.clock.new_id(), user=self.user, organization=self.organization, digest="1" * 64, methods=("pwd",),
            expires_at=parts.clock.now() + 2 * HOUR, now=parts.clock.now(),
        )  # fmt: skip
        now = parts.clock.now()
        fields = {
            "organization": ORGANIZATION, "application": self.application.id, "user": self.user.id,
            "account": self.account.id, "membership": self.member.id, "scope": "openid read", "audience": "api",
            "format": "jwt", "digest": uuid4().hex * 2, "expires_at": now + HOUR, "grant_type": "authorization_code",
            "refresh_digest": FIRST, "refresh_expires_at": now + 24 * HOUR, "session": self.session.id,
            "authenticated_at": now - HOUR,
        }  # fmt: skip
        self.family = TokenFamily.issue(id=parts.clock.new_id(), now=now, **{**fields, **told})

    async def save(self, *more: Any) -> int:
        everything = (
            self.organization, self.account, self.application, self.user, self.actor, self.role, self.member,
            self.session, self.family,
        )  # fmt: skip
        return await save(self.parts, *everything, *more)

    async def renewing(self, digest: str = FIRST) -> asyncpg.Record:
        row = await tokens.renewing(self.parts.pool, bytes.fromhex(digest), self.parts.clock.now())
        assert row is not None
        return row

    async def in_force(self) -> bool:
        return bool((await self.renewing())["in_force"])

    async def alive(self) -> bool:
        row = await self.parts.pool.fetchrow("SELECT digest FROM tokens WHERE id = $1", self.family.id)
        assert row is not None
        return bool((await tokens.by_digests(self.parts.pool, [row["digest"]]))[row["digest"]]["alive"])

    def renew(self, presented: str, following: str | None, **told: Any) -> UUID:
        token, now = self.parts.clock.new_id(), self.parts.clock.now()
        self.family.refresh(
            presented, token=token, scope="read", audience="api", format="opaque", digest=uuid4().hex * 2,
            expires_at=now + HOUR, refresh_digest=following, refresh_expires_at=None, now=now, **told,
        )  # fmt: skip
        return token


@pytest.fixture
def world(parts: StoreParts) -> World:
    return World(parts)


async def test_a_family_is_told_whole_by_its_newest_refresh_token(parts: StoreParts, world: World) -> None:
    position = await world.save()
    row = await world.renewing()
    told = {name: row[name] for name in ("application", "user_id", "account", "membership", "scope", "session")}
    assert told == {
        "application": world.application.id, "user_id": world.user.id, "account": world.account.id,
        "membership": world.member.id, "scope": "openid read", "session": world.session.id,
    }  # fmt: skip
    assert (row["client_id"], row["application_active"]) == (world.application.client_id, True)
    assert (row["methods"], row["head"], row["in_force"], row["ended"]) == (["pwd"], position, True, False)
    assert await tokens.renewing(parts.pool, bytes(32), parts.clock.now()) is None


async def test_a_family_is_recalled_from_rows_good_for_renewing_it(parts: StoreParts, world: World) -> None:
    world.renew(FIRST, SECOND)
    world.renew(SECOND, None)
    world.family.revoke(world.renew(SECOND, THIRD), None, parts.clock.now())
    await world.save()
    names = (
        "id", "version", "organization", "application", "user", "account", "membership", "end_user", "refresh_digest",
        "refresh_expires_at", "former_digest", "replaced_at", "session", "authenticated_at", "actor", "ended",
    )  # fmt: skip
    for digest in (FIRST, SECOND, THIRD):
        recalled = tokens.renewable(await world.renewing(digest))
        assert {n: getattr(recalled, n) for n in names} == {n: getattr(world.family, n) for n in names}
    assert (await world.renewing())["current_version"] == 4
    recalled = tokens.renewable(await world.renewing(SECOND))
    assert not recalled.detect_reuse(SECOND, parts.clock.now(), timedelta(seconds=1))
    assert recalled.detect_reuse(FIRST, parts.clock.now(), timedelta(seconds=1))
    await save(parts, recalled)
    assert (await world.renewing())["ended"]
    await same_when_rebuilt(parts, "tokens")


async def test_the_family_keeps_its_scope_however_its_tokens_were_narrowed(world: World) -> None:
    world.renew(FIRST, SECOND)
    await world.save()
    assert (await world.renewing(SECOND))["scope"] == "openid read"


ENDINGS: dict[str, Callable[[World], list[Any]]] = {
    "user": lambda w: [w.user.suspend(now=w.parts.clock.now()), w.user],
    "organization": lambda w: [w.organization.suspend(SYSTEM, w.parts.clock.now()), w.organization],
    "account": lambda w: [w.account.suspend(SYSTEM, w.parts.clock.now()), w.account],
    "membership": lambda w: [w.member.remove(1, SYSTEM, w.parts.clock.now()), w.member],
    "session": lambda w: [w.session.end(None, w.parts.clock.now()), w.session],
}


@pytest.mark.parametrize("what", ENDINGS)
async def test_what_a_family_was_issued_for_ends_its_renewal_and_its_tokens(world: World, what: str) -> None:
    await world.save()
    assert (await world.in_force(), await world.alive()) == (True, True)
    await save(world.parts, *(each for each in ENDINGS[what](world) if each is not None))
    assert (await world.in_force(), await world.alive()) == (False, False)


async def test_a_disabled_application_is_told_of(world: World) -> None:
    await world.save()
    world.application.disable(SYSTEM, world.parts.clock.now())
    await save(world.parts, world.application)
    assert not (await world.renewing())["application_active"]


async def test_a_session_ends_what_was_not_meant_to_outlive_it(parts: StoreParts) -> None:
    world = World(parts, scope="openid offline_access")
    world.session.end(None, parts.clock.now())
    await world.save()
    assert (await world.in_force(), await world.alive()) == (True, True)


async def test_a_session_that_ran_out_ends_it_at_that_instant(parts: StoreParts, world: World) -> None:
    await world.save()
    parts.clock.move(2 * HOUR - timedelta(microseconds=1))
    assert await world.in_force()
    parts.clock.move(timedelta(microseconds=1))
    assert not await world.in_force()
    await parts.owner.execute("UPDATE models.sessions SET expires_at = clock_timestamp()")
    assert not await world.alive()


@pytest.mark.parametrize("named", ["application", "user", "both"])
@pytest.mark.parametrize("cascade", [True, False])
async def test_a_revocation_in_bulk_ends_renewal_where_it_reaches_that_far(
    world: World, named: str, *, cascade: bool
) -> None:
    await world.save()
    revocation = Revocation.record(
        id=uuid4(), organization=ORGANIZATION, application=None if named == "user" else world.application.id,
        user=None if named == "application" else world.user.id, end_user=None, before=None, cascade=cascade,
        reason=None, by=SYSTEM, now=world.parts.clock.now(),
    )  # fmt: skip
    await save(world.parts, revocation)
    assert (await world.in_force(), await world.alive()) == (not cascade, False)


async def test_who_acts_as_the_user_counts_too(parts: StoreParts) -> None:
    world = World(parts, grant_type="impersonation", session=None)
    world.family.mark_impersonated(world.actor.id, parts.clock.now())
    second = world.renew(FIRST, SECOND)
    await world.save()
    assert {row["actor"] for row in await rows(parts, "tokens")} == {world.actor.id}
    assert await token_look_ups.place(parts.pool, second) == (world.family.id, second)
    assert (await world.in_force(), await world.alive()) == (True, True)
    assert tokens.renewable(await world.renewing()).version == world.family.version == 3
    world.actor.unassign_role(world.role.id, parts.clock.now())
    await save(parts, world.actor)
    assert (await world.in_force(), await world.alive()) == (False, True)
    world.actor.assign_role(world.role, SYSTEM, parts.clock.now())
    await save(parts, world.actor)
    assert await world.in_force()
    world.actor.suspend(now=parts.clock.now())
    await save(parts, world.actor)
    assert (await world.in_force(), await world.alive()) == (False, False)
    world.actor.reinstate(parts.clock.now())
    await save(parts, world.actor)
    assert (await world.in_force(), await world.alive()) == (False, False), "it is gone as their own access is"
    await same_when_rebuilt(parts, "tokens")


async def test_who_loses_all_their_tokens_acts_as_nobody(parts: StoreParts) -> None:
    world = World(parts, grant_type="impersonation", session=None, actor=None)
    world.family.mark_impersonated(world.actor.id, parts.clock.now())
    await world.save()
    revocation = Revocation.record(
        id=uuid4(), organization=ORGANIZATION, application=None, user=world.actor.id, end_user=None, before=None,
        cascade=True, reason=None, by=SYSTEM, now=parts.clock.now(),
    )  # fmt: skip
    await save(parts, revocation)
    assert (await world.in_force(), await world.alive()) == (False, False)


async def test_a_family_with_an_actor_can_be_ended_from_its_rows(parts: StoreParts) -> None:
    world = World(parts, session=None)
    world.family.mark_impersonated(world.actor.id, parts.clock.now())
    await world.save()
    recalled = await tokens.family(parts.pool, world.family.id)
    assert recalled is not None
    assert recalled.version == 2
    recalled.revoke(None, None, parts.clock.now())
    await save(parts, recalled)
    assert not await world.alive()
    await same_when_rebuilt(parts, "tokens")
