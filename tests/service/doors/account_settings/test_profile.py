"""Row 3: members of a profile change, the others stay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.doors.account_settings.given import Place, a_place

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def place(app: Running) -> Place:
    return await a_place(app)


async def test_row03_given_members_replace_the_others_stay_and_the_whole_profile_is_answered(place: Place) -> None:
    address = {"locality": "London", "country": "UK"}
    avatar = "https://a.example/a.png"
    made = await place.person(profile={"nickname": "A", "gender": "female", "address": address}, avatar=avatar)
    path = f"/{made['id']}/profile"
    reply = await place.call("PATCH", path, {"profile": {"nickname": "Countess", "givenName": "Ada"}})
    assert reply.status == 200, reply.text
    merged = {"nickname": "Countess", "givenName": "Ada", "gender": "female", "address": address}
    assert reply.json == merged
    reply = await place.call("PATCH", path, {"profile": {"address": {"locality": "Paris"}}})
    assert reply.json == merged | {"address": {"locality": "Paris"}}, "an address is replaced as a whole"
    shown = await place.shown(made["id"])
    assert (shown["profile"], shown["avatar"]) == (reply.json, avatar)
    assert shown["updatedAt"] > made["updatedAt"]


async def test_row03_unknown_members_are_dropped_and_an_empty_profile_changes_nothing(place: Place) -> None:
    made = await place.person(profile={"nickname": "A"})
    for body in ({"profile": {}}, {"profile": {"shoeSize": 38, "picture": "https://a.example/b.png"}, "name": "Eve"}):
        before = await place.head()
        reply = await place.call("PATCH", f"/{made['id']}/profile", body)
        assert (reply.status, reply.json) == (200, {"nickname": "A"})
        assert await place.head() == before
    assert await place.shown(made["id"]) == made


@pytest.mark.parametrize(
    "body",
    [
        {}, {"nickname": "A"}, {"profile": None}, {"profile": []}, {"profile": "A"}, {"profile": {"nickname": None}},
        {"profile": {"nickname": 1}}, {"profile": {"address": None}}, {"profile": {"address": "London"}},
        {"profile": {"address": {"country": 1}}}, {"profile": {"locale": "?"}}, {"profile": {"nickname": "x" * 129}},
        {"profile": {"website": "x" * 2049}},
    ],
)  # fmt: skip
async def test_row03_what_does_not_fit_is_refused_so_nothing_is_removed(place: Place, body: dict[str, object]) -> None:
    made = await place.person(profile={"nickname": "A", "address": {"country": "UK"}})
    assert await place.refused("PATCH", f"/{made['id']}/profile", body) == (400, "guard.invalid_input")
    assert await place.shown(made["id"]) == made


async def test_row03_whoever_is_unknown_or_elsewhere_is_not_found(app: Running, place: Place) -> None:
    stranger = await (await a_place(app)).person()
    for user in (uuid4(), stranger["id"], "x"):
        refused = await place.refused("PATCH", f"/{user}/profile", {"profile": {"nickname": "A"}})
        assert refused == (404, "entity.not_found")
    assert await place.refused("PATCH", f"/{uuid4()}/profile", {}) == (400, "guard.invalid_input")


async def test_row03_two_at_once_are_both_kept(place: Place) -> None:
    made = await place.person()
    members = ("nickname", "givenName", "familyName", "gender", "zoneinfo")
    changes = (place.call("PATCH", f"/{made['id']}/profile", {"profile": {member: member}}) for member in members)
    replies = await asyncio.gather(*changes)
    assert {reply.status for reply in replies} == {200}
    assert (await place.shown(made["id"]))["profile"] == {member: member for member in members}
