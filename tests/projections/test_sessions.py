"""Who is signed in, as rows: found by the cookie's digest as long as nothing ended it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from domain.session import Session
from projections import sessions
from service.store.decision import Origin
from tests.projections.given import HOUR, NIL, ORGANIZATION, a_user, an_account, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from domain.account import Account
    from domain.user import User
    from tests.store_fixture import StoreParts

INSTANT = timedelta(microseconds=1)


class World:
    """An organization with a user who is signed in, all of it committed."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.home: Account = an_account(parts, id=ORGANIZATION)
        self.user: User = a_user(parts)
        self.session = self.started()

    def started(self, digest: str = "a" * 64, **told: Any) -> Session:
        now = self.parts.clock.now()
        fields = {"user": self.user, "organization": self.home, "methods": ("pwd",), "expires_at": now + HOUR} | told
        return Session.start(id=self.parts.clock.new_id(), digest=digest, now=now, **fields)

    async def found(self, digest: str = "a" * 64, after: timedelta = timedelta()) -> Any:
        return await sessions.present(self.parts.pool, digest, self.parts.clock.now() + after)


@pytest_asyncio.fixture
async def world(parts: StoreParts) -> World:
    world = World(parts)
    await save(parts, world.home, world.user, world.session)
    return world


async def test_a_row_follows_its_session(parts: StoreParts, world: World) -> None:
    first, later = parts.clock.now(), parts.clock.now() + HOUR / 2
    parts.clock.move(HOUR / 2)
    world.session.authenticate(
        user=world.user, organization=world.home, digest="b" * 64, methods=("pwd", "otp"), expires_at=later + HOUR,
        now=later,
    )  # fmt: skip
    request = uuid4()
    position = await save(parts, world.session, origin=Origin(NIL, ORGANIZATION, None, request))
    [row] = await rows(parts, "sessions")
    assert dict(row) == {
        "id": world.session.id, "organization": ORGANIZATION, "user_id": world.user.id, "digest": "b" * 64,
        "methods": ["pwd", "otp"], "started_at": first, "authenticated_at": later, "expires_at": later + HOUR,
        "request_id": request, "position": position,
    }  # fmt: skip
    assert await world.found("a" * 64) is None
    assert (await world.found("b" * 64))["id"] == world.session.id
    await same_when_rebuilt(parts, "sessions")
    world.session.end("signed out", parts.clock.now())
    await save(parts, world.session)
    assert await rows(parts, "sessions") == []
    await same_when_rebuilt(parts, "sessions")


async def test_a_session_is_found_by_its_cookie_until_it_expires(world: World) -> None:
    found = await world.found(after=HOUR - INSTANT)
    assert (found["id"], found["organization"], found["user_id"]) == (world.session.id, ORGANIZATION, world.user.id)
    assert (found["methods"], found["authenticated_at"]) == (["pwd"], world.parts.clock.now())
    assert found["head"] == await world.parts.pool.fetchval("SELECT max(last) FROM muniment.batches")
    assert await world.found(after=HOUR) is None
    assert await world.found("c" * 64) is None
    assert await sessions.by_digest(world.parts.pool, "a" * 64) == world.session.id
    assert await sessions.by_digest(world.parts.pool, "c" * 64) is None


@pytest.mark.parametrize("out", ["user", "organization"])
async def test_who_is_locked_out_is_not_signed_in(parts: StoreParts, world: World, out: str) -> None:
    now = parts.clock.now()
    if out == "user":
        world.user.suspend(now=now)
    else:
        world.home.suspend(SYSTEM, now)
    await save(parts, world.user, world.home)
    assert await world.found() is None


async def test_a_users_live_sessions_are_listed_the_last_sign_in_first(parts: StoreParts, world: World) -> None:
    parts.clock.move(INSTANT)
    short = world.started("b" * 64, expires_at=parts.clock.now() + INSTANT)
    parts.clock.move(INSTANT)
    other = a_user(parts)
    newest, others = world.started("c" * 64), world.started("d" * 64, user=other)
    await save(parts, short, newest, other, others)
    now = parts.clock.now()
    assert [row["id"] for row in await sessions.of_user(parts.pool, world.user.id, now)] == [
        newest.id,
        world.session.id,
    ]
    assert [row["id"] for row in await sessions.of_user(parts.pool, world.user.id, now - INSTANT)][1] == short.id
    everyone = [newest.id, short.id, world.session.id]
    assert await sessions.ids_of_user(parts.pool, world.user.id, limit=9) == everyone
    assert await sessions.ids_of_user(parts.pool, world.user.id, limit=2) == everyone[:2]


async def test_what_is_expired_or_too_much_is_surplus(parts: StoreParts, world: World) -> None:
    made = []
    for n, lasts in enumerate((HOUR, INSTANT, HOUR, HOUR)):
        parts.clock.move(INSTANT)
        made.append(world.started(f"{n}" * 64, expires_at=parts.clock.now() + lasts))
    await save(parts, *made)
    now = parts.clock.now()

    async def surplus(keep: int, limit: int = 9) -> list[Any]:
        return await sessions.surplus(parts.pool, world.user.id, now, keep=keep, limit=limit)

    assert await surplus(5) == [made[1].id]
    assert await surplus(3) == [world.session.id, made[0].id, made[1].id]
    assert await surplus(0, limit=2) == [world.session.id, made[0].id]
