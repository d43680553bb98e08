"""Identities belong to one user each, whoever asks at the same time, and are free again once they are unlinked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from projections import identities as rows
from service.commands import identities, users
from tests.projections.given import same_when_rebuilt
from tests.service.commands.given import (
    a_role,
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
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.store.store import Outcome
    from tests.store_fixture import StoreParts

ISSUER = "https://idp.acme.example"
CLAIMED = "SELECT space FROM muniment.claims WHERE space ~ 'identity' ORDER BY space"


class Here(NamedTuple):
    """An organization with a caller of its own, and two users."""

    by: Caller
    ada: UUID
    eve: UUID


async def here(parts: StoreParts) -> Here:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    ada, eve = [(await a_user(parts, application)).id for _ in range(2)]
    return Here(backend(organization), ada, eve)


async def link(
    parts: StoreParts, user: UUID, person: str = "42", *, by: Caller = SYSTEM, target: str = "github", **told: Any
) -> Outcome[identities.Left]:
    return await identities.link(parts.store, origin(by), by, user=user, target=target, person=person, **told)


async def unlink(
    parts: StoreParts, user: UUID, *, by: Caller = SYSTEM, target: str = "github", **told: Any
) -> Outcome[identities.Left]:
    return await identities.unlink(parts.store, origin(by), by, user=user, target=target, **told)


async def record(parts: StoreParts, user: UUID, **told: Any) -> None:
    fields = {"connector": "acme", "issuer": ISSUER, "identity_id": "ada", "detail": {"name": "Ada"}}
    await identities.record_enterprise(parts.store, origin(), SYSTEM, user=user, **{**fields, **told})


async def linked(parts: StoreParts, user: UUID) -> dict[str, Any]:
    return (await rows.of_users(parts.pool, [user]))[user]


async def claimed(parts: StoreParts) -> list[str]:
    return [row[0] for row in await parts.pool.fetch(CLAIMED)]


async def test_a_command_tells_all_identities_as_it_leaves_them(parts: StoreParts) -> None:
    place = await here(parts)
    first = (await link(parts, place.ada, by=place.by, details={"id": "42"})).value
    assert first.made
    assert first.identities == {"github": {"userId": "42", "details": {"id": "42"}}}
    second = (await link(parts, place.ada, "7", by=place.by, target="apple")).value
    assert second.made
    assert second.identities == first.identities | {"apple": {"userId": "7"}} == await linked(parts, place.ada)
    third = (await link(parts, place.ada, "43", by=place.by)).value
    assert not third.made
    assert third.identities == {"github": {"userId": "43"}, "apple": {"userId": "7"}} == await linked(parts, place.ada)
    last = (await unlink(parts, place.ada, by=place.by)).value
    assert last.identities == {"apple": {"userId": "7"}} == await linked(parts, place.ada)
    assert last.user.id == place.ada
    assert await claimed(parts) == ["identity", "identity-target"]


async def test_a_person_at_a_provider_is_one_user(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada)
    before = await head(parts)
    for told in ({"person": "42"}, {"person": "42", "details": {"a": 1}}):
        with pytest.raises(refusals.IdentityTaken):
            await link(parts, place.eve, **told)
    assert await head(parts) == before
    await link(parts, place.eve, target="gitlab")  # of the same name, elsewhere
    await link(parts, place.eve, "43")
    with pytest.raises(refusals.IdentityTaken):
        await link(parts, place.eve)
    assert await linked(parts, place.eve) == {"github": {"userId": "43"}, "gitlab": {"userId": "42"}}


async def test_who_they_were_is_free_again(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada)
    await link(parts, place.ada, "43")
    await link(parts, place.eve, "42")
    await unlink(parts, place.ada)
    await link(parts, place.eve, "43")
    await link(parts, place.ada, "42")
    assert (await linked(parts, place.ada), await linked(parts, place.eve)) == (
        {"github": {"userId": "42"}}, {"github": {"userId": "43"}},
    )  # fmt: skip
    await same_when_rebuilt(parts, "identities")


async def test_organizations_do_not_share_who_is_who(parts: StoreParts) -> None:
    one, other = await here(parts), await here(parts)
    for place in (one, other):
        await link(parts, place.ada, by=place.by)
        await record(parts, place.ada)
    with pytest.raises(refusals.UnknownUser):
        await link(parts, one.eve, "1", by=other.by)
    with pytest.raises(refusals.UnknownUser):
        await unlink(parts, one.ada, by=other.by)
    with pytest.raises(refusals.UnknownUser):
        await identities.may_link(parts.store, origin(other.by), other.by, user=one.ada)


async def test_what_is_known_already_leaves_no_event(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada, details={"a": 1})
    await record(parts, place.ada)
    before = await head(parts)
    again = (await link(parts, place.ada, details={"a": 1})).value
    assert (again.made, again.identities) == (False, {"github": {"userId": "42", "details": {"a": 1}}})
    await record(parts, place.ada)
    assert await head(parts) == before


async def test_nothing_personal_stands_in_the_log_in_plain_form(parts: StoreParts) -> None:
    place, before = await here(parts), await head(parts)
    await link(parts, place.ada, "person-forty-two", details={"email": "ada@example.com"})
    await link(parts, place.ada, "person-forty-three", details={"email": "ada@example.com"})
    await record(parts, place.ada, identity_id="person-forty-four", detail={"email": "ada@example.com"})
    await record(parts, place.ada, identity_id="person-forty-five", detail={"email": "ada@example.com"})
    states = [
        row[0] for row in await parts.pool.fetch("SELECT state FROM muniment.log WHERE notification_id > $1", before)
    ]
    assert len(states) == 4
    assert not any(b"person-forty" in state or b"ada@" in state for state in states)


async def test_what_is_wrong_is_told_before_who_is_unknown(parts: StoreParts) -> None:
    place, before = await here(parts), await head(parts)
    for told, refusal in (
        ({"target": "Git Hub"}, refusals.InvalidTarget),
        ({"person": ""}, refusals.InvalidIdentity),
        ({"details": {"a": "\x00"}}, refusals.InvalidDetails),
    ):
        with pytest.raises(refusal):
            await link(parts, place.by.actor, **told)
    for unknown in (link(parts, place.by.actor), unlink(parts, place.by.actor), record(parts, place.by.actor)):
        with pytest.raises(refusals.UnknownUser):
            await unknown
    for user in (place.ada, place.eve):
        with pytest.raises(refusals.UnknownIdentity):
            await unlink(parts, user)
    assert await head(parts) == before


async def test_at_a_page_of_ours_people_need_no_permissions_for_their_own(parts: StoreParts) -> None:
    place = await here(parts)
    role = await a_role(parts, place.by.organization, "all")
    await users.assign_role(parts.store, origin(), SYSTEM, user=place.ada, role=role.id)
    themself = Caller(place.ada, place.by.organization, frozenset(), user=place.ada)
    for command in (link, unlink):
        with pytest.raises(refusals.MissingPermission):
            await command(parts, place.ada, by=themself)
        await command(parts, place.ada, by=themself, own=True)
    with pytest.raises(refusals.MissingPermission):
        await identities.may_link(parts.store, origin(themself), themself, user=place.ada)
    home = await identities.may_link(parts.store, origin(themself), themself, user=place.ada, own=True)
    assert home == place.by.organization


async def test_a_user_has_room_for_a_hundred(parts: StoreParts) -> None:
    place = await here(parts)
    for n in range(100):
        await link(parts, place.ada, target=f"provider-{n}")
    with pytest.raises(refusals.TooMany):
        await link(parts, place.ada, target="one-more")
    await link(parts, place.ada, "43", target="provider-0")
    await users.delete(parts.store, origin(), SYSTEM, user=place.ada)
    assert await claimed(parts) == []


async def test_an_enterprise_identity_becomes_what_is_said_last(parts: StoreParts) -> None:
    place = await here(parts)
    await record(parts, place.ada)
    with pytest.raises(refusals.IdentityTaken):
        await record(parts, place.eve, connector="other")
    await record(parts, place.ada, identity_id="lovelace", detail={})
    await record(parts, place.eve, connector="other")
    [row] = await rows.enterprise_of(parts.pool, place.ada)
    assert (row["connector"], row["identity_id"], row["detail"]) == ("acme", "lovelace", "{}")
    [row] = await rows.enterprise_of(parts.pool, place.eve)
    assert (row["connector"], row["identity_id"]) == ("other", "ada")
    await record(parts, place.ada, connector="second", issuer="https://second.example")
    assert len(await rows.enterprise_of(parts.pool, place.ada)) == 2
    assert await claimed(parts) == ["sso-identity"] * 3
    await same_when_rebuilt(parts, "identities")


async def test_where_an_issuer_ends_and_a_person_begins_is_told_apart(parts: StoreParts) -> None:
    place = await here(parts)
    await record(parts, place.ada, issuer="a", identity_id='b","c')
    await record(parts, place.eve, issuer='a","b', identity_id="c")
    assert await claimed(parts) == ["sso-identity"] * 2


async def test_identities_end_with_their_user_and_are_free(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada)
    await link(parts, place.ada, "7", target="apple")
    await record(parts, place.ada)
    before = await head(parts)
    await users.delete(parts.store, origin(), SYSTEM, user=place.ada)
    ended = await topics(parts, after=before)
    assert sorted(topic for topic in ended if "identity" in topic) == [
        "enterprise_identity.unlinked", "identity.unlinked", "identity.unlinked",
    ]  # fmt: skip
    assert ended.index("identity.unlinked") < ended.index("user.deleted")
    assert (await linked(parts, place.ada), await rows.enterprise_of(parts.pool, place.ada)) == ({}, [])
    assert await claimed(parts) == []
    known = [event for event in await log(parts) if event.TOPIC.endswith("identity.linked")]
    assert {getattr(event, name) for event in known for name in type(event).PERSONAL} == {None}
    await link(parts, place.eve)
    await record(parts, place.eve)
    await same_when_rebuilt(parts, "identities", "users")


async def test_of_two_users_who_are_the_same_person_one_is(parts: StoreParts) -> None:
    place = await here(parts)
    results = await asyncio.gather(link(parts, place.ada), link(parts, place.eve), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["IdentityTaken", "Outcome"]
    assert len(await claimed(parts)) == 2


async def test_of_two_enterprise_identities_that_are_the_same_one_is(parts: StoreParts) -> None:
    place = await here(parts)
    results = await asyncio.gather(record(parts, place.ada), record(parts, place.eve), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["IdentityTaken", "NoneType"]


async def test_of_two_that_put_one_target_one_makes_it_and_the_other_replaces_it(parts: StoreParts) -> None:
    place, before = await here(parts), await head(parts)
    told = await asyncio.gather(*(link(parts, place.ada, str(n)) for n in range(8)))
    assert sorted(outcome.value.made for outcome in told) == [False] * 7 + [True]
    assert sorted(await topics(parts, after=before)) == ["identity.linked"] + ["identity.replaced"] * 7
    last = max(told, key=lambda outcome: outcome.position)
    assert await linked(parts, place.ada) == last.value.identities
    assert await claimed(parts) == ["identity", "identity-target"]


async def test_what_is_linked_while_another_target_is_says_both(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada, "1", target="gitlab")
    with meanwhile(parts, lambda: link(parts, place.ada, "7", target="apple")) as decided:
        told = await link(parts, place.ada)
    assert len(decided) == 2
    assert told.value.identities == await linked(parts, place.ada)
    assert len(told.value.identities) == 3


async def test_what_is_unlinked_while_it_is_replaced_is_linked_anew(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada)
    before = await head(parts)
    with meanwhile(parts, lambda: unlink(parts, place.ada)):
        told = await link(parts, place.ada, "43")
    assert told.value.made
    assert await topics(parts, after=before) == ["identity.unlinked", "identity.linked"]
    assert await linked(parts, place.ada) == {"github": {"userId": "43"}}


async def test_what_is_unlinked_twice_at_once_is_gone_once(parts: StoreParts) -> None:
    place = await here(parts)
    await link(parts, place.ada)
    with meanwhile(parts, lambda: unlink(parts, place.ada)), pytest.raises(refusals.UnknownIdentity):
        await unlink(parts, place.ada)
    assert await claimed(parts) == []


ENDS: list[Callable[[StoreParts, UUID], Awaitable[object]]] = [
    link,
    record,
]


@pytest.mark.parametrize("linking", ENDS, ids=["social", "enterprise"])
async def test_nobody_is_linked_while_they_are_deleted(
    parts: StoreParts, linking: Callable[[StoreParts, UUID], Awaitable[object]]
) -> None:
    place = await here(parts)
    deleting = users.delete(parts.store, origin(), SYSTEM, user=place.ada)

    def happening() -> Awaitable[object]:
        return deleting

    with meanwhile(parts, happening), pytest.raises(refusals.UnknownUser):
        await linking(parts, place.ada)
    assert await claimed(parts) == []


@pytest.mark.parametrize("linking", ENDS, ids=["social", "enterprise"])
async def test_what_is_linked_while_its_user_is_deleted_ends_with_them(
    parts: StoreParts, linking: Callable[[StoreParts, UUID], Awaitable[object]]
) -> None:
    place = await here(parts)
    with meanwhile(parts, lambda: linking(parts, place.ada)) as decided:
        await users.delete(parts.store, origin(), SYSTEM, user=place.ada)
    assert len(decided) == 2
    assert (await linked(parts, place.ada), await rows.enterprise_of(parts.pool, place.ada)) == ({}, [])
    assert await claimed(parts) == []
    await same_when_rebuilt(parts, "identities")


async def test_what_is_told_of_a_user_at_all_providers_together_is_bounded(parts: StoreParts) -> None:
    place, much = await here(parts), {"a": "é" * 30_000}
    for number in range(4):
        await link(parts, place.ada, target=f"p{number}", details=much)
    before = await head(parts)
    with pytest.raises(refusals.InvalidDetails):
        await link(parts, place.ada, target="p4", details=much)
    assert await head(parts) == before
    await link(parts, place.ada, target="p4")
    await link(parts, place.ada, "43", target="p3", details=much)  # in the place of what was told there
    await link(parts, place.eve, "44", target="p4", details=much)


@pytest.mark.parametrize("target", ["", "\0", "git\0hub", "\udcff", "Git Hub", "x" * 10_000])
async def test_nobody_is_anybody_where_no_provider_can_be(parts: StoreParts, target: str) -> None:
    place = await here(parts)
    with pytest.raises(refusals.UnknownIdentity):
        await unlink(parts, place.ada, target=target)
