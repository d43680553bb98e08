"""Rows 4 and 5: what applications keep of a person is read and merged."""

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


async def test_row04_the_bare_object_is_answered(place: Place) -> None:
    for custom_data in ({}, {"customData": {"a": [1, 2.5, None, "\u00e9", True, 2**70]}, "code": "x"}):
        made = await place.person(customData=custom_data)
        reply = await place.call("GET", f"/{made['id']}/custom-data")
        assert (reply.status, reply.json) == (200, custom_data)


async def test_row04_whoever_is_unknown_or_elsewhere_is_not_found(app: Running, place: Place) -> None:
    stranger = await (await a_place(app)).person(customData={"a": 1})
    for user in (uuid4(), stranger["id"], "x"):
        assert await place.refused("GET", f"/{user}/custom-data") == (404, "entity.not_found")
        refused = await place.refused("PATCH", f"/{user}/custom-data", {"customData": {"a": 1}})
        assert refused == (404, "entity.not_found")
    assert await place.refused("PATCH", f"/{uuid4()}/custom-data", {}) == (400, "guard.invalid_input")


async def test_row05_given_members_replace_as_a_whole_null_is_a_value_and_the_others_stay(place: Place) -> None:
    made = await place.person(customData={"a": 1, "b": {"c": 2, "d": 3}, "e": "f"})
    body = {"customData": {"b": {"c": 4}, "a": None, "g": []}, "other": 1}
    reply = await place.call("PATCH", f"/{made['id']}/custom-data", body)
    merged = {"a": None, "b": {"c": 4}, "e": "f", "g": []}
    assert (reply.status, reply.json) == (200, merged)
    assert (await place.call("GET", f"/{made['id']}/custom-data")).json == merged
    shown = await place.shown(made["id"])
    assert shown["customData"] == merged
    assert shown["updatedAt"] > made["updatedAt"]
    before = await place.head()
    assert (await place.call("PATCH", f"/{made['id']}/custom-data", {"customData": {}})).json == merged
    assert await place.head() == before, "nothing changed"


@pytest.mark.parametrize("body", [{}, {"a": 1}, {"customData": None}, {"customData": []}, {"customData": "x"}])
async def test_row05_an_object_in_its_wrapper_is_needed(place: Place, body: dict[str, object]) -> None:
    made = await place.person(customData={"a": 1})
    assert await place.refused("PATCH", f"/{made['id']}/custom-data", body) == (400, "guard.invalid_input")


async def test_row05_what_is_merged_bit_by_bit_does_not_grow_without_end(place: Place) -> None:
    made = await place.person()
    path = f"/{made['id']}/custom-data"
    half = "x" * 33_000
    assert (await place.call("PATCH", path, {"customData": {"a": half}})).status == 200
    assert await place.refused("PATCH", path, {"customData": {"b": half}}) == (422, "entity.value_too_long")
    assert (await place.call("PATCH", path, {"customData": {"a": half[::-1]}})).status == 200


async def test_row05_two_at_once_are_both_kept(place: Place) -> None:
    made = await place.person()
    path = f"/{made['id']}/custom-data"
    replies = await asyncio.gather(*(place.call("PATCH", path, {"customData": {str(n): n}}) for n in range(5)))
    assert {reply.status for reply in replies} == {200}
    assert (await place.shown(made["id"]))["customData"] == {str(n): n for n in range(5)}
