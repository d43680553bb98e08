"""Personal access tokens as rows: what their users are shown, and what decides about their exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from domain.personal_access_token import PersonalAccessToken
from projections import personal_access_tokens, token_look_ups, tokens
from tests.projections.given import (
    HOUR,
    ORGANIZATION,
    a_token,
    a_user,
    an_account,
    an_application,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.token_family import TokenFamily
    from tests.store_fixture import StoreParts

MODELS = ("personal_access_tokens", "tokens")


class World:
    """An organization with an application and a user, all of it committed, and tokens of theirs."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.home, self.user = an_account(parts, id=ORGANIZATION), a_user(parts)
        self.application = an_application(parts)

    def issued(self, **told: Any) -> PersonalAccessToken:
        fields = {
            "user": self.user, "name": "laptop", "digest": uuid4().hex * 2, "hint": "wxyz", "expires_at": None,
            "others": 0, "now": self.parts.clock.now(),
        } | told  # fmt: skip
        return PersonalAccessToken.issue(id=self.parts.clock.new_id(), **fields)

    def exchanged(self, token: PersonalAccessToken, **told: Any) -> TokenFamily:
        return a_token(
            self.parts, application=self.application.id, user=self.user.id, personal_access_token=token.id, **told
        )

    async def alive(self, family: TokenFamily) -> bool:
        [digest] = [row["digest"] for row in await rows(self.parts, "tokens") if row["id"] == family.id]
        return bool((await tokens.by_digests(self.parts.pool, [digest]))[digest]["alive"])

    async def status(self, family: TokenFamily) -> str:
        row = await token_look_ups.one(self.parts.pool, family.id, self.parts.clock.now())
        assert row is not None
        return row["status"]


@pytest_asyncio.fixture
async def world(parts: StoreParts) -> World:
    world = World(parts)
    await save(parts, world.home, world.user, world.application)
    return world


async def test_a_row_follows_its_token(parts: StoreParts, world: World) -> None:
    token = world.issued(expires_at=parts.clock.now() + HOUR)
    await save(parts, token)
    [row] = await rows(parts, "personal_access_tokens")
    assert (row["id"], row["organization"], row["user_id"], row["name"]) == (
        token.id, ORGANIZATION, world.user.id, "laptop",
    )  # fmt: skip
    assert (row["digest"], row["hint"], row["expires_at"]) == (token.digest, "wxyz", token.expires_at)
    assert row["created_at"] == token.created_on
    token.rename("desk", parts.clock.now())
    await save(parts, token)
    assert (await rows(parts, "personal_access_tokens"))[0]["name"] == "desk"
    await same_when_rebuilt(parts, *MODELS)
    token.delete(parts.clock.now())
    await save(parts, token)
    assert await rows(parts, "personal_access_tokens") == []
    await same_when_rebuilt(parts, *MODELS)


async def test_a_users_tokens_are_told_in_the_order_in_which_they_were_made(parts: StoreParts, world: World) -> None:
    made = [world.issued(name=name) for name in ("b", "a", "c")]
    other = a_user(parts)
    await save(parts, other, *made, world.issued(user=other, name="a"))
    found = await personal_access_tokens.of_user(parts.pool, world.user.id)
    assert [row["name"] for row in found] == ["b", "a", "c"]
    assert "digest" not in found[0]
    assert await personal_access_tokens.count_of_user(parts.pool, world.user.id) == 3
    first = await personal_access_tokens.ids_of_user(parts.pool, world.user.id, limit=2)
    assert first == [each.id for each in made[:2]]
    assert await personal_access_tokens.named(parts.pool, world.user.id, "a") == made[1].id
    assert await personal_access_tokens.named(parts.pool, world.user.id, "A") is None


async def test_what_decides_about_an_exchange_is_told_with_the_position_it_is_true_at(
    parts: StoreParts, world: World
) -> None:
    token = world.issued()
    position = await save(parts, token)
    found = await personal_access_tokens.presented(parts.pool, token.digest)
    assert found is not None
    assert (found["id"], found["user_status"], found["organization_status"]) == (token.id, "active", "active")
    assert found["head"] == position
    world.user.suspend(now=parts.clock.now())
    later = await save(parts, world.user)
    found = await personal_access_tokens.presented(parts.pool, token.digest)
    assert found is not None
    assert (found["user_status"], found["head"]) == ("suspended", later)
    world.user.delete(SYSTEM, parts.clock.now())
    await save(parts, world.user)
    found = await personal_access_tokens.presented(parts.pool, token.digest)
    assert found is not None
    assert found["user_status"] is None
    assert await personal_access_tokens.presented(parts.pool, "cd" * 32) is None


async def test_what_a_deleted_token_was_exchanged_for_is_dead_and_nothing_else(parts: StoreParts, world: World) -> None:
    ending, staying = world.issued(), world.issued(name="desk")
    dead, alive = world.exchanged(ending), world.exchanged(staying)
    own = a_token(parts, application=world.application.id, user=world.user.id)
    await save(parts, ending, staying, dead, alive, own)
    assert [await world.alive(each) for each in (dead, alive, own)] == [True, True, True]
    assert [row["personal_access_token"] for row in await rows(parts, "tokens")] == [ending.id, staying.id, None]
    await same_when_rebuilt(parts, *MODELS)
    ending.delete(parts.clock.now())
    await save(parts, ending)
    assert [await world.alive(each) for each in (dead, alive, own)] == [False, True, True]
    assert [await world.status(each) for each in (dead, alive, own)] == ["blocked", "active", "active"]
    await same_when_rebuilt(parts, *MODELS)


async def test_a_token_that_was_never_there_is_not_made_of_one(parts: StoreParts, world: World) -> None:
    unheard_of = world.issued()  # and never committed
    family = world.exchanged(unheard_of)
    await save(parts, family)
    assert not await world.alive(family)


@pytest.mark.parametrize("members", [("user",), ("account",), ("membership",), ("session",)])
async def test_nothing_that_is_gone_is_read_as_being_in_force(
    parts: StoreParts, world: World, members: tuple[str, ...]
) -> None:
    """What a token was issued for is looked up where it names it; that there is no row must never pass for a yes."""
    family = a_token(parts, application=world.application.id, **dict.fromkeys(members, uuid4()))
    await save(parts, family)
    assert not await world.alive(family)
    assert await world.status(family) == "blocked"
