"""Whoever decides how somebody comes in holds what their roles hold: else coming in as them would be a way to more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from argon2 import PasswordHasher

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.person import Factor
from projections import factors as factor_rows
from service.commands import (
    factors,
    identities,
    passwords,
    people,
    people_settings,
    personal_access_tokens,
    roles,
    users,
)
from service.secrets.passwords import Passwords
from tests.service.commands.given import (
    ROOT,
    a_role,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    person,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from domain.role import Role
    from tests.store_fixture import StoreParts


class Place:
    """An organization with a user, whom a caller may do something to."""

    def __init__(self, parts: StoreParts, passwords: Passwords, organization: UUID, user: UUID, other: UUID) -> None:
        self.parts, self.passwords = parts, passwords
        self.organization, self.user, self.other = organization, user, other

    async def give(self, *permissions: str, name: str = "much") -> Role:
        """Give the user a role with these permissions."""
        role = await a_role(self.parts, self.organization, *permissions, name=name)
        await users.assign_role(self.parts.store, origin(), SYSTEM, user=self.user, role=role.id)
        return role

    async def do(self, way: str, by: Caller) -> None:
        await WAYS[way].go(self, self.parts.store, origin(by), by)


class Way(NamedTuple):
    """A way to somebody's place, and what it leaves in the log."""

    go: Callable[..., Awaitable[Any]]
    topic: str


async def _remove_factor(place: Place, *by: Any) -> None:
    [row] = await factor_rows.of_user(place.parts.pool, place.user)
    await factors.remove(*by, user=place.user, factor=row["id"])


WAYS = {
    "add an app": Way(lambda p, *by: factors.add_totp(*by, user=p.user, host="id.example.com"), "factor.added"),
    "add backup codes": Way(lambda p, *by: factors.add_backup_codes(*by, user=p.user), "factor.added"),
    "remove a factor": Way(_remove_factor, "factor.removed"),
    "password": Way(
        lambda p, *by: passwords.change(*by, passwords=p.passwords, user=p.user, password="correct horse battery"),
        "user.password_changed",
    ),
    "personal access token": Way(
        lambda p, *by: personal_access_tokens.issue(*by, user=p.user, name="laptop"), "personal_access_token.issued"
    ),
    "factor": Way(lambda p, *by: people.waive_factor(*by, user=p.user, factor=Factor.OTP), "user.factor_waived"),
    "username": Way(lambda p, *by: people_settings.change(*by, user=p.user, username="eve"), "user.username_changed"),
    "e-mail address": Way(
        lambda p, *by: people_settings.change(*by, user=p.user, email="eve@example.com"), "user.email_changed"
    ),
    "phone number": Way(
        lambda p, *by: people_settings.change(*by, user=p.user, phone="447400123456"), "user.phone_changed"
    ),
    "guesses": Way(lambda p, *by: users.unlock_sign_in(*by, user=p.user), "user.sign_in_unlocked"),
    "reinstate": Way(lambda p, *by: users.reinstate(*by, user=p.user), "user.reinstated"),
    "activate": Way(lambda p, *by: people.change(*by, user=p.user, active=True), "user.reinstated"),
    "link": Way(lambda p, *by: people.link(*by, user=p.user, other=p.other), "user.linked"),
    "link back": Way(lambda p, *by: people.link(*by, user=p.other, other=p.user), "user.linked"),
    "link an identity": Way(
        lambda p, *by: identities.link(*by, user=p.user, target="apple", person="42"), "identity.linked"
    ),
    "unlink an identity": Way(lambda p, *by: identities.unlink(*by, user=p.user, target="github"), "identity.unlinked"),
    "record an enterprise identity": Way(
        lambda p, *by: identities.record_enterprise(
            *by, user=p.user, connector="acme", issuer="https://idp.acme.example", identity_id="ada"
        ),
        "enterprise_identity.linked",
    ),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def place(parts: StoreParts, way: str) -> AsyncIterator[Place]:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    user, other = [(await a_user(parts, application)).id for _ in range(2)]
    await people.require_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.OTP)
    hashing = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    await identities.link(parts.store, origin(), SYSTEM, user=user, target="github", person="42")
    if way in {"add backup codes", "remove a factor"}:
        await factors.add_totp(parts.store, origin(), SYSTEM, user=user, host="id.example.com")
    if way in {"reinstate", "activate"}:
        await users.suspend(parts.store, origin(), SYSTEM, user=user)
    yield Place(parts, hashing, organization, user, other)
    hashing.close()


CALLERS = {"application": backend, "person": person}


@pytest.mark.parametrize("kind", CALLERS)
async def test_who_holds_less_than_the_users_roles_is_refused(place: Place, way: str, kind: str) -> None:
    await place.give("read_user", "revoke_token")
    await place.give("write_user", name="more")
    before = await head(place.parts)
    for held in (("write_user",), ("write_user", "read_user"), ("write_user", "revoke_token")):
        with pytest.raises(refusals.MissingPermission):
            await place.do(way, CALLERS[kind](place.organization, *held))
    assert await head(place.parts) == before


@pytest.mark.parametrize("kind", CALLERS)
async def test_who_holds_as_much_may(place: Place, way: str, kind: str) -> None:
    await place.give("read_user", "revoke_token", "invoices:read")
    before = await head(place.parts)
    await place.do(way, CALLERS[kind](place.organization, "write_user", "read_user", "revoke_token"))
    assert set(await topics(place.parts, after=before)) == {WAYS[way].topic}


async def test_a_user_without_permissions_is_for_everybody_to_help(place: Place, way: str) -> None:
    await place.give("invoices:read")
    before = await head(place.parts)
    await place.do(way, backend(place.organization, "write_user"))
    assert set(await topics(place.parts, after=before)) == {WAYS[way].topic}


async def test_a_user_with_a_privileged_role_is_roots(place: Place, way: str) -> None:
    await place.give(name="super_admin")  # it holds nothing, but lets its holders act as others
    with pytest.raises(refusals.MissingPermission):
        await place.do(way, backend(place.organization, "all"))
    await place.do(way, ROOT)


async def test_a_user_with_root_in_a_role_is_roots(place: Place, way: str) -> None:
    await place.give("root")
    with pytest.raises(refusals.MissingPermission):
        await place.do(way, backend(place.organization, "all"))
    await place.do(way, ROOT)


async def test_nobody_is_spared_because_it_is_themselves(place: Place, way: str) -> None:
    await place.give("all")
    by = Caller(
        place.user, place.organization, frozenset({"write_user"}), application=place.other, user=place.user
    )  # a token of theirs that holds less
    with pytest.raises(refusals.MissingPermission):
        await place.do(way, by)


async def test_a_role_that_is_given_at_the_same_moment_counts(place: Place, way: str) -> None:
    by, before = backend(place.organization, "write_user"), await head(place.parts)
    with meanwhile(place.parts, lambda: place.give("all")), pytest.raises(refusals.MissingPermission):
        await place.do(way, by)
    assert await topics(place.parts, after=before) == ["role.defined", "user.role_assigned"]


async def test_a_role_that_gains_a_permission_at_the_same_moment_counts(place: Place, way: str) -> None:
    role = await place.give()
    by, before = backend(place.organization, "write_user"), await head(place.parts)
    changing = roles.change(place.parts.store, origin(), SYSTEM, role=role.id, permissions=["all"])

    def happening() -> Awaitable[object]:
        return changing

    with meanwhile(place.parts, happening), pytest.raises(refusals.MissingPermission):
        await place.do(way, by)
    assert await topics(place.parts, after=before) == ["role.changed"]


async def test_a_role_that_is_gone_does_not_count(place: Place, way: str) -> None:
    role = await place.give("all")
    await users.unassign_role(place.parts.store, origin(), SYSTEM, user=place.user, role=role.id)
    await place.do(way, backend(place.organization, "write_user"))


async def test_taking_away_takes_no_permissions(parts: StoreParts) -> None:
    organization = (await an_organization(parts)).id
    user = (await a_user(parts, (await an_application(parts, organization)).id)).id
    by, before = backend(organization, "write_user"), await head(parts)
    for name in ("one", "two"):
        role = await a_role(parts, organization, "all", name=name)
        await users.assign_role(parts.store, origin(), SYSTEM, user=user, role=role.id)
    await users.unassign_role(parts.store, origin(), by, user=user, role=role.id)
    await people.change(parts.store, origin(), by, user=user, roles=[])
    await users.suspend(parts.store, origin(), by, user=user)
    assert (await topics(parts, after=before)).count("user.role_unassigned") == 2
