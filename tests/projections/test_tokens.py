"""Tokens by digest: whatever ends one, ends it in the very next look; refresh tokens are used once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from domain.revocation import Revocation
from domain.token_family import TokenFamily, refresh_token_id
from projections import token_look_ups, tokens
from tests.projections.given import (
    HOUR,
    NIL,
    ORGANIZATION,
    a_grant,
    a_member,
    a_user,
    an_account,
    an_application,
    an_approver,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.account import Account
    from domain.application import Application
    from domain.membership import Membership
    from domain.user import User
    from tests.store_fixture import StoreParts

REFRESH, NEXT = "aa" * 32, "bb" * 32


class World:
    """A user of an application, a member of a child account, with a token issued for all of them."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.organization: Account = an_account(parts, id=ORGANIZATION)
        self.account = an_account(parts, "child", self.organization)
        self.application: Application = an_application(parts, "billing", permissions=["read_user"])
        self.user: User = a_user(parts, application=self.application.id)
        self.member: Membership = a_member(parts, self.account, self.user)
        self.family = self.issue()

    def issue(self, **told: Any) -> TokenFamily:
        now = self.parts.clock.now()
        fields = {
            "organization": ORGANIZATION, "application": self.application.id, "user": self.user.id,
            "account": self.account.id, "membership": self.member.id, "end_user": "someone", "scope": "read",
            "audience": "api", "format": "jwt", "digest": uuid4().hex * 2, "expires_at": now + HOUR,
            "grant_type": "authorization_code", "refresh_digest": REFRESH, "refresh_expires_at": now + 24 * HOUR,
        }  # fmt: skip
        return TokenFamily.issue(id=self.parts.clock.new_id(), now=now, **{**fields, **told})

    async def save(self, *more: Any) -> int:
        everything = (self.organization, self.account, self.application, self.user, self.member, self.family)
        return await save(self.parts, *everything, *more)

    async def look(self) -> Any:
        [row] = await rows(self.parts, "tokens")
        return (await tokens.by_digests(self.parts.pool, [row["digest"]]))[row["digest"]]

    def revoke(self, **told: Any) -> Revocation:
        fields = {"application": None, "user": None, "end_user": None, "before": None, "cascade": False, "reason": None}
        return Revocation.record(
            id=self.parts.clock.new_id(), organization=ORGANIZATION, by=SYSTEM, now=self.parts.clock.now(),
            **{**fields, **told},
        )  # fmt: skip


@pytest.fixture
def world(parts: StoreParts) -> World:
    return World(parts)


async def test_a_row_tells_all_that_was_issued(parts: StoreParts, world: World) -> None:
    await world.save()
    [row] = await rows(parts, "tokens")
    assert dict(row) == {
        "id": world.family.id, "family": world.family.id, "digest": row["digest"], "organization": ORGANIZATION,
        "application": world.application.id, "user_id": world.user.id, "account": world.account.id,
        "membership": world.member.id, "end_user": "someone", "scope": "read", "audience": "api", "format": "jwt",
        "grant_type": "authorization_code", "issued_at": parts.clock.now(), "expires_at": parts.clock.now() + HOUR,
        "session": None, "authenticated_at": None, "actor": None, "personal_access_token": None, "ended_at": None,
        "ended_because": None, "deleted_at": None, "attributes": None, "position": 6, "version": 1,
    }  # fmt: skip
    found = await world.look()
    [row] = await rows(parts, "refresh_tokens")
    assert dict(row) == {
        "digest": bytes.fromhex(REFRESH), "family": world.family.id, "organization": ORGANIZATION,
        "application": world.application.id, "user_id": world.user.id, "account": world.account.id,
        "end_user": "someone", "issued_at": parts.clock.now(), "expires_at": parts.clock.now() + 24 * HOUR,
        "used_at": None, "ended_at": None, "ended_because": None, "deleted_at": None, "attributes": None, "version": 1,
        "position": 6,
    }  # fmt: skip
    assert (found["alive"], found["client_id"], found["permissions"], found["head"]) == (
        True,
        "billing",
        ["read_user"],
        6,
    )
    assert await token_look_ups.place(parts.pool, world.family.id) == (world.family.id, world.family.id)
    assert await token_look_ups.place(parts.pool, NIL) is None
    await same_when_rebuilt(parts, "tokens")


async def test_unknown_digests_are_absent(parts: StoreParts, world: World) -> None:
    await world.save()
    [row] = await rows(parts, "tokens")
    found = await tokens.by_digests(parts.pool, [row["digest"], b"unknown"])
    assert found.keys() == {row["digest"]}
    assert await tokens.by_digests(parts.pool, []) == {}


ENDINGS: dict[str, Callable[[World], Any]] = {
    "itself": lambda w: w.family.revoke(w.family.id, "lost", w.parts.clock.now()),
    "its family": lambda w: w.family.revoke(None, "lost", w.parts.clock.now()),
    "the application": lambda w: w.application.disable(SYSTEM, w.parts.clock.now()),
    "the organization": lambda w: w.organization.suspend(SYSTEM, w.parts.clock.now()),
    "the account": lambda w: w.account.suspend(SYSTEM, w.parts.clock.now()),
    "the user": lambda w: w.user.suspend(now=w.parts.clock.now()),
    "the membership": lambda w: w.member.remove(2, SYSTEM, w.parts.clock.now()),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_token_ends_with(parts: StoreParts, world: World, ending: str) -> None:
    await world.save()
    assert (await world.look())["alive"]
    ENDINGS[ending](world)
    await world.save()
    assert not (await world.look())["alive"]
    await same_when_rebuilt(parts, "tokens", "revocations")


RETURNS: dict[str, tuple[Callable[[World], Any], bool]] = {
    "the application": (lambda w: w.application.enable(SYSTEM, w.parts.clock.now()), True),
    "the account": (lambda w: w.account.reinstate(w.parts.clock.now()), True),
    "the user": (lambda w: w.user.reinstate(w.parts.clock.now()), False),
}


@pytest.mark.parametrize("ending", RETURNS)
async def test_what_a_token_is_when_it_comes_back(world: World, ending: str) -> None:
    back, alive = RETURNS[ending]
    await world.save()
    ENDINGS[ending](world)
    await world.save()
    back(world)
    await world.save()
    assert (await world.look())["alive"] is alive


@pytest.mark.parametrize(
    "named",
    [
        ("application",), ("user",), ("end_user",), ("application", "user"), ("application", "end_user"),
        ("user", "end_user"), ("application", "user", "end_user"),
    ],
)  # fmt: skip
async def test_a_bulk_revocation_ends_what_matches_all_that_it_names(world: World, named: tuple[str, ...]) -> None:
    await world.save()
    mine = {"application": world.application.id, "user": world.user.id, "end_user": "someone"}
    for wrong in named:
        other = {**{name: mine[name] for name in named}, wrong: "somebody else" if wrong == "end_user" else uuid4()}
        await world.save(world.revoke(**other))
        assert (await world.look())["alive"], wrong
    await world.save(world.revoke(**{name: mine[name] for name in named}))
    assert not (await world.look())["alive"]
    later = world.issue(refresh_digest=None, refresh_expires_at=None)
    await world.save(later)
    row = await world.parts.pool.fetchrow("SELECT digest FROM tokens WHERE id = $1", later.id)
    assert (await tokens.by_digests(world.parts.pool, [row["digest"]]))[row["digest"]]["alive"]


async def test_the_scopes_of_effective_grants_are_told_for_the_tokens_audience(parts: StoreParts, world: World) -> None:
    fields = [("api", None, True), ("elsewhere", None, True), ("api", HOUR, True), ("api", None, False)]
    made = [
        a_grant(parts, world.application, f"scope{n}", audience=audience) for n, (audience, _, _) in enumerate(fields)
    ]
    for grant, (_, lasting, approved) in zip(made, fields, strict=True):
        if approved:
            grant.approve(an_approver(), parts.clock.now(), lasting and parts.clock.now() + lasting)
    await world.save(*made)
    assert sorted((await world.look())["granted"]) == ["scope0", "scope2"]
    await parts.owner.execute("UPDATE models.grants SET expires_at = clock_timestamp() WHERE expires_at IS NOT NULL")
    assert (await world.look())["granted"] == ["scope0"]


def renewed(world: World, presented: str, following: str | None) -> UUID:
    parts, token = world.parts, world.parts.clock.new_id()
    until = parts.clock.now() + HOUR
    world.family.refresh(
        presented, token=token, scope="read", audience="api", format="opaque", digest=uuid4().hex * 2, expires_at=until,
        refresh_digest=following, refresh_expires_at=None if following is None else until, now=parts.clock.now(),
    )  # fmt: skip
    return token


async def test_a_refresh_token_is_used_when_another_takes_its_place(parts: StoreParts, world: World) -> None:
    await world.save()
    token = renewed(world, REFRESH, NEXT)
    await world.save()
    used, current = await rows(parts, "refresh_tokens")
    assert (used["digest"].hex(), used["used_at"], used["ended_at"]) == (REFRESH, parts.clock.now(), None)
    assert (current["digest"].hex(), current["used_at"], current["family"]) == (NEXT, None, world.family.id)
    assert (used["version"], current["version"]) == (1, 2)
    assert await token_look_ups.place(parts.pool, token) == (world.family.id, token)
    for digest in (REFRESH, NEXT):
        assert await token_look_ups.place(parts.pool, refresh_token_id(digest)) == (world.family.id, None)
    await same_when_rebuilt(parts, "tokens")


async def test_the_same_refresh_token_may_go_on(parts: StoreParts, world: World) -> None:
    for _ in range(2):
        renewed(world, REFRESH, None)
    await world.save()
    [row] = await rows(parts, "refresh_tokens")
    assert (row["used_at"], row["version"]) == (None, 1)
    assert len(await rows(parts, "tokens")) == 3
    await same_when_rebuilt(parts, "tokens")


async def test_a_replayed_refresh_token_ends_the_whole_family(parts: StoreParts, world: World) -> None:
    renewed(world, REFRESH, NEXT)
    await world.save()
    renewed(world, REFRESH, None)
    await world.save()
    assert {row["ended_because"] for row in await rows(parts, "tokens")} == {"refresh token reuse"}
    assert all(row["ended_at"] == parts.clock.now() for row in await rows(parts, "refresh_tokens"))
    await same_when_rebuilt(parts, "tokens")


async def test_one_token_can_end_and_its_family_go_on(parts: StoreParts, world: World) -> None:
    second = renewed(world, REFRESH, NEXT)
    world.family.revoke(second, "lost", parts.clock.now())
    await world.save()
    ended = {row["id"]: row["ended_at"] is not None for row in await rows(parts, "tokens")}
    assert ended == {world.family.id: False, second: True}
    assert [row["ended_at"] for row in await rows(parts, "refresh_tokens")] == [None, None]
    await same_when_rebuilt(parts, "tokens")


@pytest.mark.parametrize("ended", ["nothing", "one", "all"])
async def test_a_family_is_recalled_from_its_rows_good_for_ending_it(
    parts: StoreParts, world: World, ended: str
) -> None:
    second = renewed(world, REFRESH, NEXT)
    if ended != "nothing":
        world.family.revoke(second if ended == "one" else None, "lost", parts.clock.now())
    await world.save()
    recalled = await tokens.family(parts.pool, world.family.id)
    assert recalled is not None
    assert (recalled.id, recalled.version) == (world.family.id, world.family.version)
    assert (recalled.organization, recalled.application) == (ORGANIZATION, world.application.id)
    assert (recalled.tokens, recalled.ended) == ({world.family.id, second}, ended == "all")
    assert second in recalled.revoked or ended == "nothing"
    assert await tokens.family(parts.pool, NIL) is None
