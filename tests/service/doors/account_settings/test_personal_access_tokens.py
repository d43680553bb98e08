"""Rows 17 to 20 of spec/logto.md: a user's personal access tokens are listed, made, deleted and renamed."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import pytest_asyncio

from service.doors.account_settings.frame import milliseconds
from tests.service.doors.account_settings.given import Place, a_place, a_strong_person

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {"tenantId", "userId", "name", "value", "createdAt", "expiresAt"}
NASTY = [
    "a/b c%é", "x%2Fy", "p+q", "../z", "..", "delete", "a?b#c", "名前", "🔑", "a b", "%", "%zz", "&=;",
    "'\"\\", "x" * 256,
]  # fmt: skip


def soon(**time: float) -> int:
    """Return a time from now, as this dialect writes it."""
    return milliseconds(datetime.now(UTC) + timedelta(**time))


class Owner:
    """A user and their tokens, as an application of their organization asks for them."""

    def __init__(self, place: Place, user: str) -> None:
        self.place, self.user, self.path = place, user, f"/{user}/personal-access-tokens"

    def named(self, name: str) -> str:
        return f"{self.path}/{quote(name, safe='')}"

    async def make(self, name: str = "laptop", **body: Any) -> Any:
        reply = await self.place.call("POST", self.path, {"name": name, **body})
        assert reply.status == 201, reply.text
        return reply.json

    async def listed(self) -> list[Any]:
        reply = await self.place.call("GET", self.path)
        assert reply.status == 200, reply.text
        return reply.json

    async def names(self) -> list[str]:
        return [token["name"] for token in await self.listed()]

    async def rename(self, name: str, new_name: str) -> Reply:
        return await self.place.call("PATCH", self.named(name), {"name": new_name})

    async def delete(self, name: str) -> Reply:
        return await self.place.call("DELETE", self.named(name))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app, "read_user", "write_user")


@pytest_asyncio.fixture(loop_scope="module")
async def owner(place: Place) -> Owner:
    return Owner(place, (await place.person())["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def others(app: Running) -> Owner:
    """A user of another organization, who has a token."""
    there = await a_place(app)
    theirs = Owner(there, (await there.person())["id"])
    await theirs.make()
    return theirs


async def test_row17_who_has_none_has_an_empty_list(owner: Owner) -> None:
    assert await owner.listed() == []


async def test_row17_tokens_are_listed_as_they_were_made_and_their_values_masked(owner: Owner) -> None:
    until = soon(days=1)
    made = [await owner.make("b"), await owner.make("a", expiresAt=until), await owner.make("c", expiresAt=None)]
    listed = await owner.listed()
    assert [token["name"] for token in listed] == ["b", "a", "c"]
    for whole, shown in zip(made, listed, strict=True):
        assert shown.keys() == KEYS
        assert shown == {**whole, "value": f"pat_****{whole['value'][-4:]}"}
    assert [token["expiresAt"] for token in listed] == [None, until, None]


async def test_row17_an_expired_token_is_listed_still(owner: Owner) -> None:
    until = soon(seconds=0.3)
    await owner.make(expiresAt=until)
    await asyncio.sleep(0.4)
    assert [token["expiresAt"] for token in await owner.listed()] == [until]


async def test_row17_an_unknown_user_and_anothers_are_not_found(place: Place, others: Owner) -> None:
    for user in (str(uuid4()), "nonsense", others.user):
        assert await place.refused("GET", f"/{user}/personal-access-tokens") == (404, "entity.not_found")


async def test_row18_a_token_is_made_and_its_value_told(owner: Owner) -> None:
    before = soon()
    made = await owner.make()
    assert made.keys() == KEYS
    assert (made["tenantId"], made["userId"], made["name"]) == (owner.place.organization, owner.user, "laptop")
    assert re.fullmatch(r"pat_[0-9A-Za-z]{32}", made["value"])
    assert before <= made["createdAt"] <= soon()
    assert made["expiresAt"] is None


async def test_row18_the_value_is_told_to_nobody_else_and_cached_nowhere(owner: Owner) -> None:
    reply = await owner.place.call("POST", owner.path, {"name": "laptop"})
    assert reply.headers["Cache-Control"] == "no-store"
    value = reply.json["value"]
    [event] = await owner.place.app.events(topic="personal_access_token.issued", subject=owner.user)
    for text in (
        str(event),
        (await owner.place.call("GET", owner.path)).text,
        str(await owner.place.shown(owner.user)),
    ):
        assert value not in text


async def test_row18_an_answer_that_was_lost_is_given_again_under_its_key(owner: Owner) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first, again = [
        await owner.place.call("POST", owner.path, {"name": "laptop"}, headers=headers) for _ in range(2)
    ]  # fmt: skip
    assert (first.status, again.status) == (201, 201)
    assert first.json == again.json
    assert await owner.names() == ["laptop"]


@pytest.mark.parametrize("ahead", [1_000, 86_400_000, 999, 1_001])
async def test_row18_an_expiry_comes_back_to_the_millisecond(owner: Owner, ahead: int) -> None:
    until = soon(minutes=1) + ahead
    assert (await owner.make(expiresAt=until))["expiresAt"] == until
    assert (await owner.listed())[0]["expiresAt"] == until


async def test_row18_the_last_moment_of_the_calendar_is_one(owner: Owner) -> None:
    assert (await owner.make(expiresAt=253_402_300_799_999))["expiresAt"] == 253_402_300_799_999


@pytest.mark.parametrize("late", [0, 1, 1_000_000_000_000])
async def test_row18_an_expiry_that_is_over_is_refused_zero_too(owner: Owner, late: int) -> None:
    """STRICTER: there, 0 becomes "never"."""
    body = {"name": "laptop", "expiresAt": late}
    assert await owner.place.refused("POST", owner.path, body) == (400, "request.invalid_input")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": None}, {"name": 1}, {"name": "x" * 257}, {"name": " "}, {"name": "a\nb"},
        {"name": "a", "expiresAt": "soon"}, {"name": "a", "expiresAt": 1.5}, {"name": "a", "expiresAt": -1},
        {"name": "a", "expiresAt": True}, {"name": "a", "expiresAt": 253_402_300_800_000},
        {"name": "a", "expiresAt": 10**30}, {"name": "\u202ea"},
    ],
)  # fmt: skip
async def test_row18_what_does_not_fit_is_refused_whoever_the_user_is(owner: Owner, body: dict[str, Any]) -> None:
    assert await owner.place.refused("POST", owner.path, body) == (400, "guard.invalid_input")
    if body.get("name") not in (" ", "a\nb", "\u202ea"):  # what the rules say, they say of somebody
        unknown = f"/{uuid4()}/personal-access-tokens"
        assert await owner.place.refused("POST", unknown, body) == (400, "guard.invalid_input")


async def test_row18_what_nobody_knows_of_is_passed_over(owner: Owner) -> None:
    made = await owner.make(value="pat_mine", createdAt=1, userId=str(uuid4()))
    assert (made["userId"], made["value"] != "pat_mine", made["createdAt"] > 1) == (owner.user, True, True)


async def test_row18_a_name_that_is_taken_is_refused_and_free_for_another_user(place: Place, owner: Owner) -> None:
    await owner.make()
    taken = (422, "user.personal_access_token_name_exists")
    assert await place.refused("POST", owner.path, {"name": "laptop"}) == taken
    assert await place.refused("POST", owner.path, {"name": " laptop "}) == taken
    await Owner(place, (await place.person())["id"]).make()


async def test_row18_a_user_who_is_not_there_is_told_in_words_of_its_own(place: Place, others: Owner) -> None:
    for user in (str(uuid4()), "nonsense", others.user):
        answer = await place.refused("POST", f"/{user}/personal-access-tokens", {"name": "laptop"})
        assert answer == (404, "entity.relation_foreign_key_not_found")


async def test_row18_of_two_of_one_name_at_once_one_is_made(owner: Owner) -> None:
    replies = await asyncio.gather(
        *(owner.place.call("POST", owner.path, {"name": "laptop"}) for _ in range(6)),
    )
    assert sorted(reply.status for reply in replies) == [201] + [422] * 5
    assert await owner.names() == ["laptop"]


async def test_row18_who_holds_less_than_a_user_does_makes_no_way_to_come_in_as_them(
    place: Place, app: Running
) -> None:
    able = Place(app, place.organization, await app.manager(place.organization))
    strong = Owner(place, (await a_strong_person(able))["id"])
    assert (await place.refused("POST", strong.path, {"name": "laptop"}))[0] == 403
    strong.place = able
    await strong.make()


@pytest.mark.parametrize("name", NASTY)
async def test_row19_a_token_is_deleted_by_whatever_name_it_has(owner: Owner, name: str) -> None:
    assert (await owner.make(name))["name"] == name
    if name != "..":  # of which every client makes another path
        reply = await owner.delete(name)
        assert (reply.status, reply.text) == (204, "")
    else:
        assert (await owner.place.call("POST", f"{owner.path}/delete", {"name": name})).status == 204
    assert await owner.listed() == []


async def test_row19_what_is_gone_is_not_found(owner: Owner, others: Owner) -> None:
    await owner.make()
    assert (await owner.delete("laptop")).status == 204
    gone = (404, "entity.not_found")
    assert await owner.place.refused("DELETE", owner.named("laptop")) == gone
    assert await owner.place.refused("DELETE", owner.named("Laptop")) == gone
    for user in (str(uuid4()), others.user):
        assert await owner.place.refused("DELETE", Owner(owner.place, user).named("laptop")) == gone
    assert await others.names() == ["laptop"]


async def test_row19_its_name_is_free_again(owner: Owner) -> None:
    first = await owner.make()
    await owner.delete("laptop")
    assert (await owner.make())["value"] != first["value"]


async def test_row19_a_token_is_deleted_by_a_name_in_the_body_too(owner: Owner) -> None:
    await owner.make("a/b")
    assert (await owner.place.call("POST", f"{owner.path}/delete", {"name": "a/b"})).status == 204
    named = {"name": "a/b"}
    assert await owner.place.refused("POST", f"{owner.path}/delete", named) == (404, "entity.not_found")
    for body in ({}, {"name": ""}):
        assert await owner.place.refused("POST", f"{owner.path}/delete", body) == (400, "guard.invalid_input")


async def test_row19_and_row20_a_token_named_delete_works(owner: Owner) -> None:
    await owner.make("delete")
    assert (await owner.rename("delete", "kept")).json["name"] == "kept"
    assert (await owner.rename("kept", "delete")).json["name"] == "delete"
    assert (await owner.delete("delete")).status == 204


async def test_row19_of_two_who_delete_at_once_one_is_told_that_it_was_there(owner: Owner) -> None:
    await owner.make()
    replies = await asyncio.gather(*(owner.delete("laptop") for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [204] + [404] * 3


@pytest.mark.parametrize("name", [name for name in NASTY if name != ".."])
async def test_row20_a_token_is_renamed_and_all_else_stays(owner: Owner, name: str) -> None:
    made = await owner.make(name, expiresAt=soon(days=1))
    reply = await owner.rename(name, "renamed")
    assert reply.status == 200
    assert reply.json == {**made, "name": "renamed", "value": f"pat_****{made['value'][-4:]}"}
    assert await owner.listed() == [reply.json]


async def test_row20_the_name_it_has_is_no_fault_and_no_event(owner: Owner) -> None:
    await owner.make()
    before = await owner.place.head()
    reply = await owner.rename("laptop", "laptop")
    assert (reply.status, reply.json["name"], reply.position) == (200, "laptop", before)


async def test_row20_a_name_that_is_taken_is_refused(owner: Owner) -> None:
    await owner.make("a")
    await owner.make("b")
    taken = (422, "user.personal_access_token_name_exists")
    assert await owner.place.refused("PATCH", owner.named("a"), {"name": "b"}) == taken
    assert await owner.names() == ["a", "b"]


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"name": "x" * 257}, {"name": " "}])
async def test_row20_a_name_that_is_none_is_refused(owner: Owner, body: dict[str, Any]) -> None:
    await owner.make()
    assert await owner.place.refused("PATCH", owner.named("laptop"), body) == (400, "guard.invalid_input")


async def test_row20_an_unknown_token_or_user_is_told_in_words_of_its_own(owner: Owner, others: Owner) -> None:
    body, unknown = {"name": "desk"}, (404, "entity.not_exists")
    assert await owner.place.refused("PATCH", owner.named("laptop"), body) == unknown
    for user in (str(uuid4()), "nonsense", others.user):
        assert await owner.place.refused("PATCH", Owner(owner.place, user).named("laptop"), body) == unknown
    assert await others.names() == ["laptop"]


async def test_row20_a_token_is_renamed_by_a_name_in_the_body_too(owner: Owner) -> None:
    await owner.make("..")
    reply = await owner.place.call("PATCH", owner.path, {"currentName": "..", "name": "desk"})
    assert (reply.status, reply.json["name"]) == (200, "desk")
    again = {"currentName": "..", "name": "desk"}
    assert await owner.place.refused("PATCH", owner.path, again) == (404, "entity.not_exists")
    for body in ({"name": "x"}, {"currentName": "desk"}, {"currentName": "", "name": "x"}):
        assert await owner.place.refused("PATCH", owner.path, body) == (400, "guard.invalid_input")


async def test_row20_two_tokens_do_not_come_by_one_name_at_once(owner: Owner) -> None:
    await owner.make("a")
    await owner.make("b")
    replies = await asyncio.gather(owner.rename("a", "c"), owner.rename("b", "c"))
    assert sorted(reply.status for reply in replies) == [200, 422]
    assert (await owner.names()).count("c") == 1


async def test_rows_17_to_20_a_deleted_users_tokens_are_gone_with_them(owner: Owner) -> None:
    await owner.make()
    assert (await owner.place.call("DELETE", f"/{owner.user}")).status == 204
    assert await owner.place.refused("GET", owner.path) == (404, "entity.not_found")
    assert await owner.place.refused("DELETE", owner.named("laptop")) == (404, "entity.not_found")


async def test_rows_17_to_20_a_suspended_users_tokens_stay(owner: Owner) -> None:
    await owner.make("a")
    assert (await owner.place.call("PATCH", f"/{owner.user}/is-suspended", {"isSuspended": True})).status == 200
    await owner.make("b")
    assert await owner.names() == ["a", "b"]


async def test_rows_17_to_20_reading_is_not_changing(app: Running, place: Place, owner: Owner) -> None:
    reader = await app.manager(place.organization, "read_user")
    writer = await app.manager(place.organization, "write_user")
    await owner.make()
    assert (await place.call("GET", owner.path, token=reader)).status == 200
    assert await place.refused("GET", owner.path, token=writer) == (403, "auth.forbidden")
    for method, path, body in (
        ("POST", owner.path, {"name": "a"}),
        ("PATCH", owner.path, {"currentName": "laptop", "name": "a"}),
        ("PATCH", owner.named("laptop"), {"name": "a"}),
        ("DELETE", owner.named("laptop"), None),
        ("POST", f"{owner.path}/delete", {"name": "laptop"}),
    ):
        assert await place.refused(method, path, body, token=reader) == (403, "auth.forbidden")
