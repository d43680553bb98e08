"""GET /api/users: people by page and by search, in the words of spec/logto.md sections 9.2 and 11.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio

from projections import user_search
from tests.service.doors.account_settings.given import KEYS, Place, a_place

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(app: Running) -> Place:
    """An organization of four people, the first of them the oldest."""
    place = await a_place(app)
    await place.person(
        username="ada_l", primaryEmail="ada@math.example", primaryPhone="447400123456", name="Ada Lovelace"
    )
    await place.person(username="adaxl", primaryEmail="ADA@other.example", name="ada")
    await place.person(
        username="grace", primaryEmail="grace@navy.example", primaryPhone="12025550143", name="100% Grace"
    )
    await place.person()
    return place


async def found(place: Place, **params: str) -> list[str | None]:
    reply = await place.call("GET", "", params=params)
    assert reply.status == 200, reply.text
    assert int(reply.headers["Total-Number"]) == len(reply.json)
    return [one["username"] for one in reply.json]


def links(reply: Any) -> dict[str, dict[str, list[str]]]:
    """Return where the links lead: the query of each, by its relation."""
    told = {}
    for link in reply.headers["Link"].split(", "):
        address, relation = link.split("; ")
        url = urlsplit(address.strip("<>"))
        assert f"{url.scheme}://{url.netloc}{url.path}" == "https://muniment.test/api/users"
        told[relation.removeprefix('rel="').rstrip('"')] = parse_qs(url.query)
    return told


async def test_everybody_of_the_organization_is_listed_the_newest_first(app: Running, place: Place) -> None:
    await (await a_place(app)).person(username="elsewhere")
    reply = await place.call("GET", "")
    assert [one["username"] for one in reply.json] == [None, "grace", "adaxl", "ada_l"]
    assert all(set(one) == KEYS for one in reply.json)
    assert reply.json[0] == await place.shown(reply.json[0]["id"])
    assert reply.headers["Total-Number"] == "4"
    assert links(reply) == {relation: {"page": ["1"], "page_size": ["20"]} for relation in ("first", "last")}


async def test_pages_follow_each_other_by_their_links(place: Place) -> None:
    seen, params = [], {"page": "1", "page_size": "2", "search.username": "%a%"}
    first = await place.call("GET", "", params=params)
    assert (first.headers["Total-Number"], len(first.json)) == ("3", 2)
    told = links(first)
    assert set(told) == {"first", "next", "last"}
    assert told["next"] == {"page": ["2"], "page_size": ["2"], "search.username": ["%a%"]} == told["last"]
    second = await place.call("GET", "", params={name: values[0] for name, values in told["next"].items()})
    assert set(links(second)) == {"first", "prev", "last"}
    seen = [one["username"] for one in (*first.json, *second.json)]
    assert seen == ["grace", "adaxl", "ada_l"]
    beyond = await place.call("GET", "", params=params | {"page": "3"})
    assert (beyond.json, beyond.headers["Total-Number"]) == ([], "3")
    assert set(links(beyond)) == {"first", "prev", "last"}


@pytest.mark.parametrize("page", ["0", "-1", "", "x", "1.5", "100001", "\u0661", " 1", "1e3", "9" * 400])
async def test_a_page_that_cannot_be_is_refused_in_its_own_words(place: Place, page: str) -> None:
    assert await place.refused("GET", "", params={"page": page}) == (400, "guard.invalid_pagination")


@pytest.mark.parametrize("size", ["0", "101", "-20", "", "all", "1000"])
async def test_a_page_is_no_larger_than_a_hundred(place: Place, size: str) -> None:
    assert await place.refused("GET", "", params={"page_size": size}) == (400, "guard.invalid_pagination")


async def test_the_largest_page_is_taken(place: Place) -> None:
    assert len(await found(place, page_size="100", page="1")) == 4
    reply = await place.call("GET", "", params={"page_size": "100", "page": "100000"})
    assert (reply.status, reply.json) == (200, [])


@pytest.mark.parametrize(
    ("search", "usernames"),
    [
        ("%ada%", ["adaxl", "ada_l"]),
        ("ADA%", ["adaxl", "ada_l"]),
        ("ada", ["adaxl"]),
        ("ada_l", ["ada_l"]),
        ("%navy.example", ["grace"]),
        ("%2025550143", ["grace"]),
        ("100%", ["grace"]),
        ("%\\%", []),
        ("a\\", []),
        ("%'; DROP TABLE users; --", []),
        ("nobody", []),
        ("%", [None, "grace", "adaxl", "ada_l"]),
        ("", [None, "grace", "adaxl", "ada_l"]),
    ],
)
async def test_a_text_is_looked_for_everywhere(place: Place, search: str, usernames: list[str | None]) -> None:
    assert await found(place, search=search) == usernames


async def test_an_id_is_looked_for_like_a_name(place: Place) -> None:
    [ada] = (await place.call("GET", "", params={"search.username": "ada_l"})).json
    beginning = {"search.id": f"{ada['id'][:-4]}%", "joint": "and", "search.username": "ada_l"}
    whole = ({"search": ada["id"]}, {"search.id": ada["id"].upper()}, {"search.id": ada["id"], "mode": "exact"})
    for params in (beginning, *whole):
        assert await found(place, **params) == ["ada_l"], params


@pytest.mark.parametrize(
    ("params", "usernames"),
    [
        ({"search.username": "ada%"}, ["adaxl", "ada_l"]),
        ({"search.name": "ada%"}, ["adaxl", "ada_l"]),
        ({"search.primaryEmail": "ada@math.example"}, ["ada_l"]),
        ({"search.primaryPhone": "4474%"}, ["ada_l"]),
        ({"search.username": "grace", "search.name": "ada"}, ["grace", "adaxl"]),
        ({"search.username": "grace", "search.name": "ada", "joint": "or"}, ["grace", "adaxl"]),
        ({"search.username": "grace", "search.name": "ada", "joint": "and"}, []),
        ({"search.username": "ada%", "search.name": "ada", "joint": "and"}, ["adaxl"]),
        ({"search.username": "ada%", "search.name": "ada", "jointMode": "and"}, ["adaxl"]),
        ({"search.username": "ada%", "search.name": "", "joint": "and"}, ["adaxl", "ada_l"]),
        ({"search": "%ada%", "search.name": "%love%", "joint": "and"}, ["ada_l"]),
        ({"search.username": "ADA_L", "mode": "exact"}, ["ada_l"]),
        ({"search.username": "ADA%", "mode": "exact"}, []),
        ({"search.primaryEmail": "ada@OTHER.example", "mode.primaryEmail": "exact"}, ["adaxl"]),
        ({"search.name": "ada", "mode.name": "exact", "isCaseSensitive": "true"}, ["adaxl"]),
        ({"search.name": "Ada", "mode.name": "exact", "isCaseSensitive": "true"}, []),
        ({"search.name": "Ada%", "isCaseSensitive": "yes"}, ["ada_l"]),
        ({"search.name": "Ada%", "isCaseSensitive": "no"}, ["adaxl", "ada_l"]),
        ({"search.name": "ada%", "mode": "exact", "mode.name": "like"}, ["adaxl", "ada_l"]),
        ({"unknown": "1", "search.username": "grace"}, ["grace"]),
    ],
)
async def test_members_are_looked_for_by_name(
    place: Place, params: dict[str, str], usernames: list[str | None]
) -> None:
    assert await found(place, **params) == usernames


@pytest.mark.parametrize(
    "params",
    [
        {"mode": "posix"},
        {"mode": "similar_to"},
        {"mode.name": "posix"},
        {"mode.avatar": "exact"},
        {"search.avatar": "x"},
        {"search.name.first": "x"},
        {"search.email": "x"},
        {"joint": "xor"},
        {"jointMode": "AND"},
        {"search": "x" * 129},
        {"search.name": "x" * 129},
        {"search": "a\0b"},
        {"organizationId": "acme"},
    ],
)
async def test_what_cannot_be_looked_for_is_refused_and_not_passed_over(place: Place, params: dict[str, str]) -> None:
    assert await place.refused("GET", "", params=params) == (400, "guard.invalid_input")


async def test_a_member_is_looked_for_once(place: Place) -> None:
    twice = [("search.name", "a"), ("search.name", "b")]
    assert await place.refused("GET", "", params=twice) == (400, "guard.invalid_input")


async def test_root_lists_any_organization_and_nobody_else_another(app: Running, place: Place) -> None:
    assert len(await found(Place(app, "", app.root), organizationId=place.organization)) == 4
    assert len(await found(place, organizationId=place.organization)) == 4
    other = await app.organization()
    assert await found(Place(app, "", app.root), organizationId=other) == []
    for organization in (other, str(uuid4())):
        refused = await place.refused("GET", "", params={"organizationId": organization})
        assert refused == (404, "entity.not_found")
    everywhere = await app.call("GET", "/api/users", params={"search.username": "elsewhere"})
    assert [one["username"] for one in everywhere.json] == ["elsewhere"]


async def test_links_that_would_be_too_long_are_left_out(place: Place) -> None:
    params = {
        f"search.{member}": "\u20ac" * 128 for member in ("id", "username", "primaryEmail", "primaryPhone", "name")
    }
    reply = await place.call("GET", "", params=params)
    assert (reply.status, reply.json, reply.headers["Total-Number"]) == (200, [], "0")
    assert "Link" not in reply.headers


async def test_a_search_that_takes_too_long_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_search, "SECONDS", 1e-9)
    assert await place.refused("GET", "", params={"search": "%a%"}) == (422, "request.search_too_broad")
    monkeypatch.undo()
    assert await found(place, search="grace") == ["grace"]
