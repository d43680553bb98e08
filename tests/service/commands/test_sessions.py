"""Signing in starts a session, goes on in it, and never shares it with somebody else; many can end at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain import refusals
from domain.caller import SYSTEM
from projections import sessions as rows
from service.commands import accounts, people, sessions, users
from service.store.decision import Origin
from service.store.refusals import Stale
from tests.service.commands.given import (
    a_user,
    an_application,
    an_organization,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from domain.session import Session
    from domain.user import User
    from tests.store_fixture import StoreParts

HOUR = timedelta(hours=1)


class World:
    """An organization with two users."""

    def __init__(self, parts: StoreParts, organization: UUID, application: UUID, *people: User) -> None:
        self.parts = parts
        self.organization, self.application = organization, application
        self.ada, self.grace = people

    def by(self, user: User, **told: Any) -> Origin:
        return Origin(user.id, self.organization, None, uuid4(), **told)

    async def sign_in(self, user: User, former: str | None = None, **told: Any) -> tuple[Session, str]:
        """Return the session and the digest of its cookie."""
        digest = uuid4().hex * 2
        by = told.pop("origin", None) or self.by(user)
        fields = {"organization": self.organization, "methods": ("pwd",), "lifetime": HOUR} | told
        made = await sessions.start(self.parts.store, by, user=user.id, digest=digest, former=former, **fields)
        return made.value, digest

    async def live(self, user: User) -> list[UUID]:
        found = await rows.of_user(self.parts.pool, user.id, self.parts.clock.now())
        return sorted(row["id"] for row in found)


@pytest_asyncio.fixture
async def world(parts: StoreParts) -> World:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    return World(
        parts, organization, application, *[await a_user(parts, application, name) for name in ("Ada", "Grace")]
    )


async def test_a_sign_in_starts_a_session(world: World) -> None:
    session, digest = await world.sign_in(world.ada, methods=("pwd", "otp"))
    [row] = await rows.of_user(world.parts.pool, world.ada.id, world.parts.clock.now())
    assert (row["id"], row["user_id"], row["organization"]) == (session.id, world.ada.id, world.organization)
    assert (row["methods"], row["expires_at"]) == (["pwd", "otp"], world.parts.clock.now() + HOUR)
    assert await rows.by_digest(world.parts.pool, digest) == session.id
    [started] = [event for event in await log(world.parts) if event.TOPIC == "session.started"]
    assert (started.digest, started.user) == (digest, world.ada.id)


async def test_signing_in_again_goes_on_under_another_cookie(world: World) -> None:
    first, former = await world.sign_in(world.ada)
    world.parts.clock.move(HOUR / 2)
    second, digest = await world.sign_in(world.ada, former)
    assert (second.id, second.authenticated_at) == (first.id, world.parts.clock.now())
    assert await rows.by_digest(world.parts.pool, former) is None
    assert await rows.by_digest(world.parts.pool, digest) == first.id
    assert await world.live(world.ada) == [first.id]


async def test_who_signs_in_where_somebody_else_was_gets_a_session_of_their_own(world: World) -> None:
    _, former = await world.sign_in(world.ada)
    theirs, _ = await world.sign_in(world.grace, former)
    assert await world.live(world.ada) == []
    assert await world.live(world.grace) == [theirs.id]
    ended = [event for event in await log(world.parts) if event.TOPIC == "session.ended"]
    assert [event.reason for event in ended] == ["somebody else signed in"]


async def test_a_cookie_of_before_and_an_unknown_one_open_nothing_and_end_nothing(world: World) -> None:
    first, former = await world.sign_in(world.ada)
    await world.sign_in(world.ada, former)
    for stale in (former, "f" * 64):
        theirs, _ = await world.sign_in(world.grace, stale)
        assert theirs.id in await world.live(world.grace)
    assert await world.live(world.ada) == [first.id]


async def test_a_session_that_expired_is_ended_at_the_next_sign_in(world: World) -> None:
    first, former = await world.sign_in(world.ada)
    other, _ = await world.sign_in(world.ada)
    world.parts.clock.move(HOUR)
    second, _ = await world.sign_in(world.ada, former)
    assert second.id != first.id
    assert await rows.ids_of_user(world.parts.pool, world.ada.id, limit=9) == [second.id]
    ended = {event.originator_id for event in await log(world.parts) if event.TOPIC == "session.ended"}
    assert ended == {first.id, other.id}


async def test_the_sessions_used_longest_ago_make_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "KEPT", 3)
    made = []
    for _ in range(4):
        world.parts.clock.move(timedelta(seconds=1))
        made.append((await world.sign_in(world.ada))[0].id)
    assert await world.live(world.ada) == made[1:]


async def test_nobody_signs_in_whom_the_organization_does_not_let(world: World) -> None:
    before = await head(world.parts)
    elsewhere = (await an_organization(world.parts)).id
    before = await head(world.parts)
    for user, organization, refusal in (
        (uuid4(), world.organization, refusals.UnknownUser),
        (world.ada.id, elsewhere, refusals.UnknownUser),
        (world.organization, world.organization, refusals.UnknownUser),
    ):
        with pytest.raises(refusal):
            await sessions.start(
                world.parts.store, world.by(world.ada), user=user, organization=organization, digest="a" * 64,
                methods=("pwd",), lifetime=HOUR, former=None,
            )  # fmt: skip
    assert await head(world.parts) == before
    await users.suspend(world.parts.store, origin(), SYSTEM, user=world.ada.id)
    with pytest.raises(refusals.UserNotActive):
        await world.sign_in(world.ada)
    await accounts.move_status(world.parts.store, origin(), SYSTEM, account=world.organization, status="suspended")
    with pytest.raises(refusals.AccountNotActive):
        await world.sign_in(world.grace)


async def test_who_is_suspended_while_signing_in_does_not_come_in(world: World) -> None:
    with (
        meanwhile(world.parts, lambda: users.suspend(world.parts.store, origin(), SYSTEM, user=world.ada.id)),
        pytest.raises(refusals.UserNotActive),
    ):
        await world.sign_in(world.ada)
    assert await world.live(world.ada) == []


async def test_a_proof_of_before_a_change_does_not_let_in(world: World) -> None:
    proved = await head(world.parts)
    await users.suspend(world.parts.store, origin(), SYSTEM, user=world.ada.id)
    await users.reinstate(world.parts.store, origin(), SYSTEM, user=world.ada.id)
    with pytest.raises(Stale):
        await world.sign_in(world.ada, origin=world.by(world.ada, reads={f"user:{world.ada.id}": proved}))
    assert await world.live(world.ada) == []


async def test_a_session_ends_once(world: World) -> None:
    session, _ = await world.sign_in(world.ada)
    for reason in ("signed out", "signed out again"):
        await sessions.end(world.parts.store, world.by(world.ada), session=session.id, reason=reason)
    assert [event.reason for event in await log(world.parts) if event.TOPIC == "session.ended"] == ["signed out"]
    assert await world.live(world.ada) == []


async def test_only_sessions_of_ones_own_are_known(world: World) -> None:
    session, _ = await world.sign_in(world.ada)
    stranger = Origin(world.ada.id, uuid4(), None, uuid4())
    for by, wanted, user in (
        (world.by(world.grace), session.id, world.grace.id),
        (stranger, session.id, world.ada.id),
        (world.by(world.ada), uuid4(), None),
        (world.by(world.ada), world.ada.id, None),
    ):
        with pytest.raises(refusals.UnknownSession):
            await sessions.end(world.parts.store, by, session=wanted, reason=None, user=user)
    assert await world.live(world.ada) == [session.id]


async def test_all_sessions_end_but_the_one_that_is_kept(world: World) -> None:
    kept, *others = [(await world.sign_in(world.ada))[0].id for _ in range(3)]
    theirs, _ = await world.sign_in(world.grace)
    store, by = world.parts.store, world.by(world.ada)
    assert (await sessions.end_all(store, by, user=world.ada.id, but=kept, reason="elsewhere")).value == len(others)
    assert await world.live(world.ada) == [kept]
    assert (await sessions.end_all(store, by, user=world.ada.id, reason=None)).value == 1
    assert (await sessions.end_all(store, by, user=world.ada.id, reason=None)).value == 0
    assert await world.live(world.ada) == []
    assert await world.live(world.grace) == [theirs.id]


async def test_sessions_of_another_organizations_user_are_not_ended(world: World) -> None:
    session, _ = await world.sign_in(world.ada)
    for by, user in ((Origin(world.ada.id, uuid4(), None, uuid4()), world.ada.id), (world.by(world.ada), uuid4())):
        with pytest.raises(refusals.UnknownUser):
            await sessions.end_all(world.parts.store, by, user=user, reason=None)
    assert await world.live(world.ada) == [session.id]


async def test_a_session_that_starts_while_all_end_ends_too(world: World) -> None:
    await world.sign_in(world.ada)
    with meanwhile(world.parts, lambda: world.sign_in(world.ada)) as decided:
        ended = await sessions.end_all(world.parts.store, world.by(world.ada), user=world.ada.id, reason=None)
    assert (ended.value, len(decided)) == (2, 2)
    assert await world.live(world.ada) == []


async def test_too_many_sessions_do_not_end_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 1)
    for _ in range(2):
        await world.sign_in(world.ada)
    with pytest.raises(refusals.TooMuchAtOnce):
        await sessions.end_all(world.parts.store, world.by(world.ada), user=world.ada.id, reason=None)
    assert len(await world.live(world.ada)) == 2


@pytest.mark.parametrize("how", ["suspend", "change", "delete"])
async def test_who_is_locked_out_is_signed_out_everywhere(world: World, how: str) -> None:
    made = sorted([(await world.sign_in(world.ada))[0].id for _ in range(2)])
    theirs, _ = await world.sign_in(world.grace)
    after = await head(world.parts)
    store = world.parts.store
    if how == "suspend":
        await users.suspend(store, origin(), SYSTEM, user=world.ada.id)
    elif how == "change":
        await people.change(store, origin(), SYSTEM, user=world.ada.id, active=False)
    else:
        await users.delete(store, origin(), SYSTEM, user=world.ada.id)
    assert await rows.ids_of_user(world.parts.pool, world.ada.id, limit=9) == []
    ended = [event for event in await log(world.parts, after=after) if event.TOPIC == "session.ended"]
    assert sorted(event.originator_id for event in ended) == made
    assert {event.reason for event in ended} == {"user deleted" if how == "delete" else "user suspended"}
    assert await world.live(world.grace) == [theirs.id]
    if how != "delete":
        await users.reinstate(store, origin(), SYSTEM, user=world.ada.id)
        assert await world.live(world.ada) == []


async def test_a_change_that_locks_nobody_out_ends_no_session(world: World) -> None:
    session, _ = await world.sign_in(world.ada)
    await people.change(world.parts.store, origin(), SYSTEM, user=world.ada.id, given_name="Augusta", active=True)
    assert await world.live(world.ada) == [session.id]


async def test_of_many_sign_ins_at_one_browser_the_session_has_one_cookie(world: World) -> None:
    session, former = await world.sign_in(world.ada)
    outcomes = await asyncio.gather(*(world.sign_in(world.ada, former) for _ in range(8)))
    [cookie] = [digest for made, digest in outcomes if made.id == session.id]
    assert await rows.by_digest(world.parts.pool, cookie) == session.id
    assert len(await world.live(world.ada)) == 8
    assert (await topics(world.parts)).count("session.authenticated") == 1
