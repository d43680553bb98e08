"""A consent is remembered, grows, and takes everything with it that it gave."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain import refusals
from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from projections import consents as rows
from projections import tokens
from service.commands import applications, consents, users
from service.store.decision import Origin
from tests.service.commands.given import (
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from domain.application import Application
    from domain.user import User
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

HOUR = timedelta(hours=1)


class World:
    """An organization with a user and two applications that might act for them."""

    def __init__(self, parts: StoreParts, organization: UUID, user: User, *applications: Application) -> None:
        self.parts, self.organization, self.user = parts, organization, user
        self.mail, self.calendar = applications
        self.by = Origin(user.id, organization, None, uuid4())

    async def give(self, *scope: str, application: Application | None = None, **told: Any) -> Any:
        fields = {
            "user": self.user.id, "application": (application or self.mail).id, "organization": self.organization
        } | told  # fmt: skip
        return (await consents.give(self.parts.store, self.by, scope=scope, **fields)).value

    async def scope(self, application: Application | None = None) -> frozenset[str]:
        return await rows.of(self.parts.pool, self.user.id, (application or self.mail).id)

    async def family(self, application: Application | None = None, user: User | None = None) -> bytes:
        """Issue a token with a refresh token, and return the digest of the access token."""
        store, digest = self.parts.store, uuid4().hex * 2

        async def command(decision: Decision) -> None:
            now = store.clock.now()
            decision.save(
                TokenFamily.issue(
                    id=store.clock.new_id(), organization=self.organization, application=(application or self.mail).id,
                    scope="openid", audience="api", format="opaque", digest=digest, expires_at=now + HOUR,
                    grant_type="authorization_code", user=(user or self.user).id, refresh_digest=uuid4().hex * 2,
                    refresh_expires_at=now + HOUR, now=now,
                )
            )  # fmt: skip

        await store.decide(command, self.by)
        return bytes.fromhex(digest)

    async def alive(self, digest: bytes) -> bool:
        return (await tokens.by_digests(self.parts.pool, [digest]))[digest]["alive"]

    async def renewable(self) -> int:
        return len(await tokens.sessions(self.parts.pool, self.user.id))


@pytest_asyncio.fixture
async def world(parts: StoreParts) -> World:
    organization = (await an_organization(parts)).id
    mail, calendar = [await an_application(parts, organization, kind="web") for _ in range(2)]
    return World(parts, organization, await a_user(parts, mail.id), mail, calendar)


async def test_a_consent_is_remembered_and_grows(world: World) -> None:
    first = await world.give("openid", "profile")
    again = await world.give("openid")
    grown = await world.give("email")
    assert first.id == again.id == grown.id
    assert await world.scope() == {"email", "openid", "profile"}
    assert await world.scope(world.calendar) == frozenset()
    assert (await topics(world.parts))[-2:] == ["consent.given", "consent.extended"]


async def test_consents_given_at_once_are_one_with_all_they_cover(world: World) -> None:
    await asyncio.gather(*(world.give(scope) for scope in ("openid", "email", "profile", "openid")))
    assert await world.scope() == {"email", "openid", "profile"}
    assert (await topics(world.parts)).count("consent.given") == 1


async def test_nobody_consents_for_others_or_to_what_is_not_there(world: World) -> None:
    elsewhere = (await an_organization(world.parts)).id
    stranger = await an_application(world.parts, elsewhere, kind="web")
    before = await head(world.parts)
    for told, refusal in (
        ({"user": uuid4()}, refusals.UnknownUser),
        ({"organization": elsewhere}, refusals.UnknownUser),
        ({"application": stranger}, refusals.UnknownApplication),
    ):
        with pytest.raises(refusal):
            await world.give("openid", **told)
    assert await head(world.parts) == before


@pytest.mark.parametrize("given_before", [False, True])
async def test_who_is_locked_out_consents_to_nothing(world: World, *, given_before: bool) -> None:
    if given_before:
        await world.give("openid")
    with (
        meanwhile(
            world.parts,
            lambda: applications.disable(world.parts.store, origin(), SYSTEM, application=world.mail.id),
        ),
        pytest.raises(refusals.ApplicationNotActive),
    ):
        await world.give("email")
    await users.suspend(world.parts.store, origin(), SYSTEM, user=world.user.id)
    with pytest.raises(refusals.UserNotActive):
        await world.give("email", application=world.calendar)


async def test_withdrawing_ends_the_consent_and_every_token_it_gave(world: World) -> None:
    await world.give("openid")
    await world.give("openid", application=world.calendar)
    other = await a_user(world.parts, world.mail.id, "Grace")
    digest, kept, others = await world.family(), await world.family(world.calendar), await world.family(user=other)
    after = await head(world.parts)
    await consents.withdraw(world.parts.store, world.by, user=world.user.id, application=world.mail.id)
    assert await world.scope() == frozenset()
    assert (await world.alive(digest), await world.alive(kept), await world.alive(others)) == (False, True, True)
    assert await world.renewable() == 1
    events = await log(world.parts, after=after)
    assert [event.TOPIC for event in events] == ["consent.withdrawn", "revocation.recorded"]
    assert (events[1].cascade, events[1].by, events[1].reason) == (True, world.user.id, "consent withdrawn")
    await world.give("openid")
    assert await world.scope() == {"openid"}


async def test_withdrawing_what_was_never_given_ends_tokens_all_the_same(world: World) -> None:
    digest = await world.family()
    await consents.withdraw(world.parts.store, world.by, user=world.user.id, application=world.mail.id)
    assert not await world.alive(digest)
    after = await head(world.parts)
    for application in (world.calendar.id, uuid4()):
        await consents.withdraw(world.parts.store, world.by, user=world.user.id, application=application)
    assert await head(world.parts) == after


async def test_a_consent_to_what_is_gone_is_withdrawn_all_the_same(world: World) -> None:
    await world.give("openid")
    await applications.delete(world.parts.store, origin(), SYSTEM, application=world.mail.id)
    after = await head(world.parts)
    for _ in range(2):
        await consents.withdraw(world.parts.store, world.by, user=world.user.id, application=world.mail.id)
    assert await world.scope() == frozenset()
    assert await topics(world.parts, after=after) == ["consent.withdrawn"]


async def test_a_consent_that_grows_while_it_is_withdrawn_ends(world: World) -> None:
    await world.give("openid")
    with meanwhile(world.parts, lambda: world.give("email")) as decided:
        await consents.withdraw(world.parts.store, world.by, user=world.user.id, application=world.mail.id)
    assert len(decided) == 2
    assert await world.scope() == frozenset()


async def test_another_organizations_user_is_unknown(world: World) -> None:
    await world.give("openid")
    store, by = world.parts.store, backend(uuid4())
    with pytest.raises(refusals.UnknownUser):
        await consents.withdraw(store, origin(by), by, user=world.user.id, application=world.mail.id)
    with pytest.raises(refusals.UnknownUser):
        await consents.withdraw_all(store, origin(by), by, user=world.user.id)
    with pytest.raises(refusals.UnknownUser):
        await consents.withdraw_all(store, Origin(world.user.id, uuid4(), None, uuid4()), user=world.user.id)
    assert await world.scope() == {"openid"}


async def test_everything_is_withdrawn_at_once(world: World) -> None:
    await world.give("openid")
    digest, trusted = await world.family(), await world.family(world.calendar)
    done = await consents.withdraw_all(world.parts.store, world.by, user=world.user.id)
    assert done.value == 2
    assert await world.scope() == frozenset()
    assert not await world.alive(digest)
    assert not await world.alive(trusted)
    assert await rows.access_of(world.parts.pool, world.user.id) == []
    assert (await consents.withdraw_all(world.parts.store, world.by, user=world.user.id)).value == 0


async def test_a_consent_given_while_everything_is_withdrawn_is_withdrawn_too(world: World) -> None:
    await world.give("openid")
    with meanwhile(world.parts, lambda: world.give("openid", application=world.calendar)):
        done = await consents.withdraw_all(world.parts.store, world.by, user=world.user.id)
    assert done.value == 2
    assert await world.scope(world.calendar) == frozenset()


async def test_a_user_who_leaves_takes_their_consents_along(world: World) -> None:
    await world.give("openid")
    await world.give("openid", application=world.calendar)
    await users.delete(world.parts.store, origin(), SYSTEM, user=world.user.id)
    assert await rows.ids_of_user(world.parts.pool, world.user.id, limit=9) == []
    assert (await topics(world.parts)).count("consent.withdrawn") == 2


async def test_too_many_consents_do_not_end_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consents, "CONSENT_LIMIT", 1)
    for application in (world.mail, world.calendar):
        await world.give("openid", application=application)
    with pytest.raises(refusals.TooMuchAtOnce):
        await consents.withdraw_all(world.parts.store, world.by, user=world.user.id)
    assert await world.scope() == {"openid"}
