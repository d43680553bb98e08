"""Nobody acts as somebody else on a right that ended meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application_settings import TokenFormat
from domain.caller import SYSTEM
from domain.role import Role
from domain.token_family import TokenFamily
from service.commands import applications, impersonation, people, revocations, tokens, users
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.tokens import Tokens
from tests.service.commands.given import ROOT, a_user, an_application, an_organization, meanwhile, origin, topics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.commands.impersonation import Impersonation
    from service.store.decision import Decision
    from tests.store_fixture import StoreParts


class Here(NamedTuple):
    """An administrator with their token, and whom they want to act as, in which application."""

    organization: UUID
    admin: UUID
    token: str
    family: UUID
    user: UUID
    spa: UUID


async def here(parts: StoreParts) -> Here:
    organization = (await an_organization(parts)).id
    home = (await an_application(parts, organization)).id
    spa = (await an_application(parts, organization, "profile", kind="spa")).id
    admin, user = (await a_user(parts, home)).id, (await a_user(parts, home)).id
    text, family = new_secret(ACCESS_TOKEN), parts.clock.new_id()

    async def command(decision: Decision) -> None:
        decision.organization = organization
        now = parts.clock.now()
        role = Role.define(
            id=uuid4(), organization=organization, name="super_admin", description=None, permissions=[], by=SYSTEM,
            now=now,
        )  # fmt: skip
        token = TokenFamily.issue(
            id=family, organization=organization, application=home, scope="x", audience="x",
            format=TokenFormat.OPAQUE, digest=sha256_hex(text), expires_at=now + timedelta(hours=1),
            grant_type="authorization_code", user=admin, now=now,
        )  # fmt: skip
        decision.save(role, token)

    await parts.store.decide(command, origin())
    await people.change(parts.store, origin(), ROOT, user=admin, roles=["super_admin"])
    return Here(organization, admin, text, family, user, spa)


async def impersonate(parts: StoreParts, place: Here) -> Impersonation:
    made = await impersonation.impersonate(
        parts.store, origin(ROOT), ROOT, tokens=Tokens(parts.pool), impersonator_token=place.token, user=place.user,
        application=place.spa,
    )  # fmt: skip
    return made.value


async def test_what_is_issued_is_marked_in_the_same_append(parts: StoreParts) -> None:
    place = await here(parts)
    made = await impersonate(parts, place)
    assert (await topics(parts))[-2:] == ["token.issued", "token.impersonated"]
    assert (made.lifetime, made.expires_at) == (1800, parts.clock.now() + timedelta(seconds=1800))
    assert made.text not in repr(made)


async def test_who_acts_as_an_administrator_does_not_act_as_others_in_their_name(parts: StoreParts) -> None:
    place = await here(parts)

    async def command(decision: Decision) -> None:
        decision.organization = place.organization
        family = await decision.load(TokenFamily, place.family)
        assert family is not None
        family.mark_impersonated(place.user, parts.clock.now())
        decision.save(family)

    await parts.store.decide(command, origin())
    before = await topics(parts)
    with pytest.raises(refusals.ImpersonationDenied):
        await impersonate(parts, place)
    assert await topics(parts) == before


ENDINGS: list[tuple[Callable[[StoreParts, Here], Awaitable[object]], type[refusals.Refusal]]] = [
    (lambda parts, place: people.change(parts.store, origin(), SYSTEM, user=place.admin, roles=[]),
     refusals.ImpersonationDenied),
    (lambda parts, place: users.suspend(parts.store, origin(), SYSTEM, user=place.admin), refusals.ImpersonatorMissing),
    (lambda parts, place: users.delete(parts.store, origin(), SYSTEM, user=place.admin), refusals.ImpersonatorMissing),
    (lambda parts, place: tokens.revoke(parts.store, origin(), SYSTEM, family=place.family),
     refusals.ImpersonatorMissing),
    (lambda parts, place: revocations.record(
        parts.store, origin(), SYSTEM, organization=place.organization, user=place.admin
    ), refusals.ImpersonatorMissing),
    (lambda parts, place: users.suspend(parts.store, origin(), SYSTEM, user=place.user), refusals.UserNotActive),
    (lambda parts, place: users.delete(parts.store, origin(), SYSTEM, user=place.user), refusals.UnknownUser),
    (lambda parts, place: applications.disable(parts.store, origin(), SYSTEM, application=place.spa),
     refusals.ApplicationNotActive),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "refusal"),
    ENDINGS,
    ids=["role", "admin suspended", "admin deleted", "token", "tokens", "suspended", "deleted", "application"],
)
async def test_a_right_that_ends_meanwhile_is_none(
    parts: StoreParts, ending: Callable[[StoreParts, Here], Awaitable[object]], refusal: type[refusals.Refusal]
) -> None:
    place = await here(parts)
    with meanwhile(parts, lambda: ending(parts, place)), pytest.raises(refusal):
        await impersonate(parts, place)
    assert "token.impersonated" not in await topics(parts)
