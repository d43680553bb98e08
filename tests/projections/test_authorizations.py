"""A code's row tells all that redeeming it takes, live; it goes once its time is served."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.authorization import LIFETIME, Authorization
from domain.caller import SYSTEM
from domain.revocation import Revocation
from domain.session import Session
from projections import authorizations
from service.store import retention
from tests.projections.given import (
    HOUR,
    ORGANIZATION,
    a_member,
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

DIGEST = "ab" * 32
LAST = UUID(int=2**128 - 1)
RAISE = "UPDATE muniment.horizons SET at = $1 WHERE model = 'tokens'"


class World:
    """A person signed in to an application, with a code for it."""

    def __init__(self, parts: StoreParts, **told: Any) -> None:
        self.parts, now = parts, parts.clock.now()
        self.organization = an_account(parts, id=ORGANIZATION)
        self.account = an_account(parts, "child", self.organization)
        self.application = an_application(parts, kind="web")
        self.user = a_user(parts)
        self.member = a_member(parts, self.account, self.user)
        self.session = Session.start(
            id=parts.clock.new_id(), user=self.user, organization=self.organization, digest="1" * 64, methods=("pwd",),
            expires_at=now + HOUR, now=now,
        )  # fmt: skip
        fields = {
            "organization": ORGANIZATION, "application": self.application.id, "user": self.user.id,
            "session": self.session.id, "account": self.account.id, "membership": self.member.id, "scope": "openid",
            "audience": "api", "redirect_uri": "https://app.test/", "code_challenge": None, "nonce": "n",
            "methods": ["pwd"], "authenticated_at": now - HOUR, "digest": DIGEST,
        }  # fmt: skip
        self.code = Authorization.issue(id=parts.clock.new_id(), now=now, **{**fields, **told})

    async def save(self) -> int:
        everything = (self.organization, self.account, self.application, self.user, self.member, self.session)
        return await save(self.parts, *everything, self.code)

    async def look(self) -> asyncpg.Record:
        row = await authorizations.by_digest(self.parts.pool, DIGEST, self.parts.clock.now())
        assert row is not None
        return row


@pytest.fixture
def world(parts: StoreParts) -> World:
    return World(parts)


async def test_an_authorization_is_recalled_from_its_row(parts: StoreParts, world: World) -> None:
    position = await world.save()
    names = [name for name in vars(world.code) if not name.startswith("_")]
    for deed in (lambda: True, lambda: world.code.redeem(uuid4(), parts.clock.now()),
                 lambda: not world.code.redeem(uuid4(), parts.clock.now()),
                 lambda: world.code.withdraw(parts.clock.now()) is None):  # fmt: skip
        assert deed()
        await save(parts, world.code)
        row = await world.look()
        recalled = authorizations.recalled(row)
        assert {n: getattr(recalled, n) for n in names} == {n: getattr(world.code, n) for n in names}
        assert (recalled.id, recalled.version) == (world.code.id, world.code.version)
        await same_when_rebuilt(parts, "authorizations")
    assert row["head"] == position + 3
    assert await authorizations.by_digest(parts.pool, "cd" * 32, parts.clock.now()) is None


ENDINGS: dict[str, Callable[[World], list[Any]]] = {
    "user": lambda w: [w.user.suspend(now=w.parts.clock.now()), w.user],
    "organization": lambda w: [w.organization.suspend(SYSTEM, w.parts.clock.now()), w.organization],
    "account": lambda w: [w.account.suspend(SYSTEM, w.parts.clock.now()), w.account],
    "membership": lambda w: [w.member.remove(1, SYSTEM, w.parts.clock.now()), w.member],
    "session": lambda w: [w.session.end(None, w.parts.clock.now()), w.session],
}


@pytest.mark.parametrize("what", ENDINGS)
async def test_a_code_is_in_force_as_long_as_what_it_was_handed_out_for(world: World, what: str) -> None:
    await world.save()
    assert (await world.look())["in_force"]
    await save(world.parts, *(each for each in ENDINGS[what](world) if each is not None))
    assert not (await world.look())["in_force"]


async def test_a_session_that_ends_does_not_matter_to_what_is_meant_to_outlive_it(parts: StoreParts) -> None:
    world = World(parts, scope="offline_access")
    world.session.end(None, parts.clock.now())
    await world.save()
    assert (await world.look())["in_force"]


@pytest.mark.parametrize("named", ["application", "user", "both"])
async def test_a_revocation_of_refresh_tokens_ends_codes_too(world: World, named: str) -> None:
    await world.save()
    for cascade, in_force in ((False, True), (True, False)):
        revocation = Revocation.record(
            id=uuid4(), organization=ORGANIZATION, application=None if named == "user" else world.application.id,
            user=None if named == "application" else world.user.id, end_user=None, before=None, cascade=cascade,
            reason=None, by=SYSTEM, now=world.parts.clock.now(),
        )  # fmt: skip
        await save(world.parts, revocation)
        assert (await world.look())["in_force"] is in_force


async def test_a_code_is_told_of_by_its_id_and_its_digest_until_it_is_taken_back(
    parts: StoreParts, world: World
) -> None:
    await world.save()
    for name in (world.code.id, DIGEST):
        row = await authorizations.told(parts.pool, ORGANIZATION, name)
        assert row is not None
        assert (row["id"], row["client_id"], row["family"]) == (world.code.id, world.application.client_id, None)
        assert await authorizations.told(parts.pool, uuid4(), name) is None, "another organization's"
    world.code.withdraw(parts.clock.now())
    await save(parts, world.code)
    for name in (world.code.id, DIGEST):
        assert await authorizations.told(parts.pool, ORGANIZATION, name) is None
    assert await authorizations.page(parts.pool, ORGANIZATION, start=LAST, limit=9) == []


async def test_codes_are_listed_newest_first_from_the_one_that_is_named(parts: StoreParts, world: World) -> None:
    await world.save()
    codes = [world.code]
    for number in range(3):
        more = World(parts, application=world.application.id, digest=f"{number:064}")
        codes.append(more.code)
        await save(parts, more.code)
    newest = sorted((code.id for code in codes), reverse=True)
    listed = await authorizations.page(parts.pool, ORGANIZATION, start=LAST, limit=3)
    assert [row["id"] for row in listed] == newest[:3]
    listed = await authorizations.page(parts.pool, ORGANIZATION, start=newest[2], limit=3)
    assert [row["id"] for row in listed] == newest[2:]
    assert await authorizations.page(parts.pool, uuid4(), start=LAST, limit=3) == []


async def test_codes_go_once_they_expired_before_the_horizon(parts: StoreParts) -> None:
    long_ago = parts.clock.now() - 3 * HOUR
    world = World(parts)
    old = World(parts, digest="cd" * 32, authenticated_at=long_ago)
    old.code = Authorization.issue(
        id=parts.clock.new_id(), now=long_ago, organization=ORGANIZATION, application=world.application.id,
        user=world.user.id, session=None, account=None, membership=None, scope="openid", audience="api",
        redirect_uri=None, code_challenge=None, nonce=None, methods=[], authenticated_at=long_ago, digest="cd" * 32,
    )  # fmt: skip
    await world.save()
    await save(parts, old.code)
    counts = {"authorizations": 0}
    for horizon, gone in ((LIFETIME - timedelta(microseconds=1), 0), (LIFETIME, 1)):
        await parts.owner.execute(RAISE, long_ago + horizon)
        await retention.purge_codes(parts.owner, "authorizations", counts)
        assert counts == {"authorizations": gone}
        await same_when_rebuilt(parts, "authorizations")
    assert [row["id"] for row in await rows(parts, "authorizations")] == [world.code.id]
