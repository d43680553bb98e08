"""Commands about personal access tokens: one of a name for each user, shown once, gone with the user, decided again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.personal_access_token import LIMIT
from projections import personal_access_tokens as rows
from service.commands import personal_access_tokens, users
from service.secrets.digests import sha256_hex
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

    from tests.store_fixture import StoreParts

ISSUED, RENAMED, DELETED = (f"personal_access_token.{what}" for what in ("issued", "renamed", "deleted"))
CLAIMS = "SELECT count(*) FROM muniment.claims WHERE space = 'pat-name'"


class Place:
    """An organization with two users, and what its back end does to them."""

    def __init__(self, parts: StoreParts, organization: UUID, application: UUID, user: UUID, other: UUID) -> None:
        self.parts, self.organization, self.application = parts, organization, application
        self.user, self.other = user, other
        self.by = backend(organization, "write_user")

    async def issue(self, name: str = "laptop", *, by: Caller | None = None, **told: Any) -> Any:
        by = by or self.by
        fields = {"user": self.user, "name": name} | told
        return (await personal_access_tokens.issue(self.parts.store, origin(by), by, **fields)).value

    async def rename(self, name: str, new_name: str, *, by: Caller | None = None, user: UUID | None = None) -> Any:
        by = by or self.by
        named = {"user": user or self.user, "name": name, "new_name": new_name}
        return (await personal_access_tokens.rename(self.parts.store, origin(by), by, **named)).value

    async def delete(self, name: str, *, by: Caller | None = None, user: UUID | None = None) -> None:
        by = by or self.by
        await personal_access_tokens.delete(self.parts.store, origin(by), by, user=user or self.user, name=name)

    async def gone(self) -> None:
        await users.delete(self.parts.store, origin(), SYSTEM, user=self.user)

    async def names(self, user: UUID | None = None) -> list[str]:
        return [row["name"] for row in await rows.of_user(self.parts.pool, user or self.user)]

    async def claims(self) -> int:
        return await self.parts.owner.fetchval(CLAIMS)


@pytest_asyncio.fixture
async def place(parts: StoreParts) -> Place:
    organization = (await an_organization(parts)).id
    application = (await an_application(parts, organization)).id
    user, other = [(await a_user(parts, application)).id for _ in range(2)]
    return Place(parts, organization, application, user, other)


async def test_a_value_is_told_once_and_nowhere_kept(place: Place) -> None:
    made = await place.issue()
    assert made.value.startswith("pat_")
    assert made.value not in repr(made)
    assert made.token.digest == sha256_hex(made.value)
    [event] = [each for each in await log(place.parts) if each.TOPIC == ISSUED]
    assert (event.user, event.organization, event.name) == (place.user, place.organization, "laptop")
    assert made.value not in str(vars(event))
    [row] = await rows.of_user(place.parts.pool, place.user)
    assert made.value.endswith(row["hint"])
    assert len(row["hint"]) == 4


async def test_values_differ(place: Place) -> None:
    assert (await place.issue("a")).value != (await place.issue("b")).value


async def test_a_user_has_one_of_a_name_and_another_user_too(place: Place) -> None:
    await place.issue()
    before = await head(place.parts)
    with pytest.raises(refusals.PersonalAccessTokenNameTaken) as taken:
        await place.issue()
    assert taken.value.field == "name"
    assert await head(place.parts) == before
    await place.issue(user=place.other)
    await place.issue("Laptop")
    assert await place.names() == ["laptop", "Laptop"]


async def test_names_are_taken_and_given_back_with_tokens(place: Place) -> None:
    await place.issue("a")
    await place.issue("b")
    with pytest.raises(refusals.PersonalAccessTokenNameTaken):
        await place.rename("a", "b")
    assert (await place.rename("a", "c")).name == "c"
    await place.rename("b", "a")
    await place.delete("c")
    await place.issue("b")
    await place.issue("c")
    assert await place.names() == ["a", "b", "c"]
    assert await place.claims() == 3


async def test_the_name_it_has_leaves_no_event(place: Place) -> None:
    await place.issue()
    before = await head(place.parts)
    assert (await place.rename("laptop", " laptop ")).name == "laptop"
    assert await head(place.parts) == before


async def test_a_new_name_changes_nothing_else(place: Place) -> None:
    until = place.parts.clock.now() + timedelta(days=1)
    made = (await place.issue(expires_at=until)).token
    place.parts.clock.move(timedelta(hours=1))
    await place.rename("laptop", "desk")
    [row] = await rows.of_user(place.parts.pool, place.user)
    assert (row["id"], row["name"], row["expires_at"]) == (made.id, "desk", until)
    assert row["created_at"] == made.created_on


@pytest.mark.parametrize("name", ["nothing", "Laptop", "", "a\nb", "x" * 300])
async def test_what_no_token_is_called_is_unknown(place: Place, name: str) -> None:
    await place.issue()
    before = await head(place.parts)
    for attempt in (place.rename(name, "desk"), place.delete(name), place.delete("laptop", user=place.other)):
        with pytest.raises(refusals.UnknownPersonalAccessToken):
            await attempt
    assert await head(place.parts) == before


async def test_a_name_is_found_however_it_is_composed(place: Place) -> None:
    await place.issue("cafe\u0301")
    await place.delete("caf\u00e9")
    assert await place.names() == []


async def test_another_organizations_users_do_not_exist(place: Place) -> None:
    await place.issue()
    stranger = backend((await an_organization(place.parts)).id, "all")
    before = await head(place.parts)
    for attempt in (
        place.issue("other", by=stranger),
        place.rename("laptop", "other", by=stranger),
        place.delete("laptop", by=stranger),
        place.issue(user=uuid4()),
    ):
        with pytest.raises(refusals.UnknownUser):
            await attempt
    assert await head(place.parts) == before


async def test_who_acts_for_themselves_at_our_pages_needs_no_permission(place: Place) -> None:
    role = await a_role(place.parts, place.organization, "read_user")
    await users.assign_role(place.parts.store, origin(), SYSTEM, user=place.user, role=role.id)
    by = Caller(place.user, place.organization, frozenset(), user=place.user)
    with pytest.raises(refusals.MissingPermission):
        await place.issue(by=by)
    await place.issue(by=by, own=True)
    await place.rename("laptop", "desk", by=by)
    await place.delete("desk", by=by)
    assert await place.names() == []


async def test_an_expiry_is_in_the_future(place: Place) -> None:
    now = place.parts.clock.now()
    with pytest.raises(refusals.InvalidExpiry):
        await place.issue(expires_at=now)
    await place.issue(expires_at=now + timedelta(microseconds=1))


async def test_the_thousand_and_first_is_refused_also_at_the_same_moment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.personal_access_token.LIMIT", 3)
    await place.issue("a")
    await place.issue("b")
    results = await asyncio.gather(*(place.issue(f"n{n}") for n in range(4)), return_exceptions=True)
    assert [type(each) for each in results].count(refusals.TooManyPersonalAccessTokens) == 3
    assert len(await place.names()) == 3
    assert LIMIT == 1_000


async def test_of_two_of_one_name_at_once_one_is_made(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    parts = [await open_parts(), await open_parts()]
    organization = (await an_organization(parts[0])).id
    user = (await a_user(parts[0], (await an_application(parts[0], organization)).id)).id
    by = backend(organization, "write_user")
    named = {"user": user, "name": "laptop"}
    results = await asyncio.gather(
        *(personal_access_tokens.issue(parts[n % 2].store, origin(by), by, **named) for n in range(8)),
        return_exceptions=True,
    )
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.PersonalAccessTokenNameTaken] * 7
    assert (await topics(parts[0])).count(ISSUED) == 1


async def test_of_two_who_delete_at_once_one_does(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    parts = [await open_parts(), await open_parts()]
    organization = (await an_organization(parts[0])).id
    user = (await a_user(parts[0], (await an_application(parts[0], organization)).id)).id
    by = backend(organization, "write_user")
    named = {"user": user, "name": "laptop"}
    await personal_access_tokens.issue(parts[0].store, origin(by), by, **named)
    deletes = (personal_access_tokens.delete(parts[n % 2].store, origin(by), by, **named) for n in range(6))
    results = await asyncio.gather(*deletes, return_exceptions=True)
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.UnknownPersonalAccessToken] * 5
    assert (await topics(parts[0])).count(DELETED) == 1


async def test_two_tokens_that_take_one_name_at_once_do_not_both_get_it(place: Place) -> None:
    await place.issue("a")
    await place.issue("b")
    results = await asyncio.gather(place.rename("a", "c"), place.rename("b", "c"), return_exceptions=True)
    refused = [type(each) for each in results if isinstance(each, BaseException)]
    assert refused == [refusals.PersonalAccessTokenNameTaken]
    assert "c" in await place.names()


async def test_who_leaves_takes_their_tokens_with_them(place: Place) -> None:
    await place.issue("a")
    await place.issue("b")
    await place.delete("b")
    await place.issue("theirs", user=place.other)
    before = await head(place.parts)
    await place.gone()
    assert (await topics(place.parts, after=before)).count(DELETED) == 1
    assert (await place.names(), await place.names(place.other)) == ([], ["theirs"])
    assert await place.claims() == 1
    with pytest.raises(refusals.UnknownUser):
        await place.issue("again")


async def test_what_a_user_who_is_gone_called_theirs_cannot_be_read_any_more(place: Place) -> None:
    await place.issue("my secret project")
    await place.rename("my secret project", "another one")
    await place.gone()
    events = [each for each in await log(place.parts) if each.TOPIC in {ISSUED, RENAMED}]
    assert [each.name for each in events] == [None, None]


async def test_a_token_that_is_made_while_its_user_leaves_is_not_left_behind(place: Place) -> None:
    with meanwhile(place.parts, place.gone), pytest.raises(refusals.UnknownUser):
        await place.issue()
    assert await place.names() == []
    assert await place.claims() == 0


async def test_who_leaves_before_the_name_of_a_token_is_sealed_is_unknown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the sealing the key can go: that is no failure, but one more reason to decide again."""
    await place.issue("a")
    vault, gone = place.parts.vault, []
    present_ciphers = vault.present_ciphers

    async def late(subjects: Any) -> Any:
        if not gone:
            gone.append(None)
            await place.gone()
        return await present_ciphers(subjects)

    monkeypatch.setattr(vault, "present_ciphers", late)
    with pytest.raises(refusals.UnknownUser):
        await place.issue("b")
    assert await place.names() == []


async def test_who_leaves_takes_along_a_token_that_is_made_meanwhile(place: Place) -> None:
    async def issue() -> None:
        await place.issue("late")

    with meanwhile(place.parts, issue) as decided:
        await place.gone()
    assert len(decided) == 2
    assert await place.names() == []
    assert await place.claims() == 0


async def test_who_leaves_does_not_mind_a_token_that_is_renamed_or_deleted_meanwhile(place: Place) -> None:
    await place.issue("a")
    await place.issue("b")

    async def change() -> None:
        await place.rename("a", "c")
        await place.delete("b")

    with meanwhile(place.parts, change):
        await place.gone()
    assert await place.names() == []
    assert await place.claims() == 0


async def test_a_name_that_moved_on_meanwhile_is_looked_up_again(place: Place) -> None:
    await place.issue("a")

    async def swap() -> None:
        await place.rename("a", "b")
        await place.issue("a")

    with meanwhile(place.parts, swap):
        await place.delete("a")
    assert await place.names() == ["b"], "what is called so now is deleted, not what was"


async def test_events_tell_who_did_it_for_which_request(place: Place) -> None:
    by = place.by
    request = replace(origin(by), request_id=uuid4())
    await personal_access_tokens.issue(place.parts.store, request, by, user=place.user, name="laptop")
    row = await place.parts.owner.fetchrow(
        "SELECT organization, actor, client, request_id FROM muniment.events WHERE topic = $1", ISSUED
    )
    assert row is not None
    assert tuple(row) == (place.organization, by.actor, by.application, request.request_id)
