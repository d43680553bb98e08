"""No session begins before everything was shown that its user has to show, whoever starts it and whatever they know."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.factor import Proof
from domain.person import Factor
from service.commands import factors, people, registrations, sessions
from service.store.decision import Origin
from tests.service.commands.given import an_organization, head, meanwhile, origin, topics

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from domain.session import Session
    from domain.user import User
    from service.commands.sessions import Further
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

HOST = "id.example.com"


async def somebody(parts: StoreParts, *flags: Factor) -> User:
    """Return somebody with an address and a number, who has to use these."""
    organization = (await an_organization(parts)).id
    named = {"email": "ada@example.com", "phone": "447400123456"}
    made = await registrations.register(
        parts.store, origin(), SYSTEM, passwords=None, organization=organization, username="ada", **named
    )  # type: ignore[arg-type] # there is no password
    for flag in flags:
        await people.require_factor(parts.store, origin(), SYSTEM, user=made.value.id, factor=flag)
    return made.value


def showing(*shown: Proof) -> Further:
    async def further(_: Decision, __: User, ___: datetime) -> Collection[Proof]:
        return shown

    return further


async def start(parts: StoreParts, user: User, **told: Any) -> Session:
    by = Origin(user.id, user.organization, None, uuid4())
    fields = {"organization": user.organization, "methods": ("pwd",), "lifetime": timedelta(hours=1), "former": None}
    made = await sessions.start(parts.store, by, user=user.id, digest=uuid4().hex * 2, **{**fields, **told})
    return made.value


async def refused(parts: StoreParts, user: User, **told: Any) -> str:
    """Return what was missing; nothing was written."""
    before = await head(parts)
    with pytest.raises(refusals.FactorMissing) as missing:
        await start(parts, user, **told)
    assert await head(parts) == before
    return missing.value.detail


async def test_who_has_nothing_to_show_shows_nothing(parts: StoreParts) -> None:
    await start(parts, await somebody(parts))


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ([Factor.EMAIL], [Proof.EMAIL]),
        ([Factor.SMS], [Proof.SMS]),
        ([Factor.OTP], [Proof.ENROLMENT]),
        ([*Factor], [Proof.EMAIL, Proof.SMS, Proof.ENROLMENT]),
    ],
)
async def test_who_has_to_show_something_shows_all_of_it(
    parts: StoreParts, flags: list[Factor], asked: list[Proof]
) -> None:
    user = await somebody(parts, *flags)
    assert await refused(parts, user) == ", ".join(asked)
    for proof in asked:
        others = [other for other in Proof if other is not proof]
        assert await refused(parts, user, further=showing(*others)) == proof
    await start(parts, user, further=showing(*asked))


async def test_an_app_is_asked_for_whether_or_not_it_has_to_be(parts: StoreParts) -> None:
    user = await somebody(parts)
    added = await factors.add_totp(parts.store, origin(), SYSTEM, user=user.id, host=HOST)
    assert await refused(parts, user) == Proof.TOTP
    assert await refused(parts, user, further=showing(Proof.EMAIL, Proof.SMS, Proof.ENROLMENT)) == Proof.TOTP
    await start(parts, user, further=showing(Proof.TOTP))
    await factors.remove(parts.store, origin(), SYSTEM, user=user.id, factor=added.value.factor.id)
    await start(parts, user)


async def test_a_session_that_goes_on_asks_for_it_again(parts: StoreParts) -> None:
    user = await somebody(parts)
    digest = uuid4().hex * 2
    fields = {"organization": user.organization, "methods": ("pwd",), "lifetime": timedelta(hours=1)}
    by = Origin(user.id, user.organization, None, uuid4())
    await sessions.start(parts.store, by, user=user.id, digest=digest, former=None, **fields)  # type: ignore[arg-type]
    await factors.add_totp(parts.store, origin(), SYSTEM, user=user.id, host=HOST)
    assert await refused(parts, user, former=digest) == Proof.TOTP
    await start(parts, user, former=digest, further=showing(Proof.TOTP))
    assert (await topics(parts))[-1] == "session.authenticated"


async def test_what_is_asked_for_at_the_same_moment_counts(parts: StoreParts) -> None:
    for flag in (None, Factor.EMAIL):
        user = await somebody(parts)

        async def happening(user: User = user, flag: Factor | None = flag) -> None:
            if flag is None:
                await factors.add_totp(parts.store, origin(), SYSTEM, user=user.id, host=HOST)
            else:
                await people.require_factor(parts.store, origin(), SYSTEM, user=user.id, factor=flag)

        with meanwhile(parts, happening), pytest.raises(refusals.FactorMissing):
            await start(parts, user)
        assert "session.started" not in await topics(parts)


async def test_who_is_locked_out_uses_nothing_up(parts: StoreParts) -> None:
    user = await somebody(parts)
    await people.change(parts.store, origin(), SYSTEM, user=user.id, active=False)

    async def further(*_: Any) -> Collection[Proof]:
        raise AssertionError("looked at")

    with pytest.raises(refusals.UserNotActive):
        await start(parts, user, further=further)
