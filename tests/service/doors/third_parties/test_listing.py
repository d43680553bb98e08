"""Lists of third parties: pages, filters by status and by what people know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.service.doors.test_paging import walked
from tests.service.doors.third_parties.given import PATH, a_desk, refused

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.doors.third_parties.given import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ["Alpha", "beta 100%", "第三方应用", "Gamma_1", "Straße"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelf(app: Running) -> tuple[Desk, list[str]]:
    """A desk with five third parties: one rejected, one in effect, the others waiting."""
    desk = await a_desk(app)
    parties = [
        await desk.party(name=name, identifier=f"shop_{letter}") for name, letter in zip(NAMES, "vwxyz", strict=True)
    ]
    await parties[0].rejected()
    await parties[1].approved()
    await app.application(organization=desk.organization, kind="web", name="Alpha, our own")
    return desk, [party.id for party in parties]


async def ids(desk: Desk, **query: Any) -> list[str]:
    reply = await desk.app.call("GET", PATH, desk.creator, params=query)
    assert reply.status == 200, reply.text
    return [item["id"] for item in reply.json["items"]]


async def test_pages_hold_every_third_party_once_and_nothing_else(shelf: tuple[Desk, list[str]]) -> None:
    desk, made = shelf
    for limit, sizes in ((2, [2, 2, 1]), (5, [5]), (200, [5])):
        items, found = await walked(desk.app, PATH, limit, organization=desk.organization)
        assert ([item["id"] for item in items], found) == (made, sizes)
    items, sizes = await walked(desk.app, PATH, 1, organization=desk.organization, status="pending")
    assert ([item["id"] for item in items], sizes) == (made[2:], [1, 1, 1])


async def test_a_status_filters(shelf: tuple[Desk, list[str]]) -> None:
    desk, made = shelf
    assert await ids(desk, status="rejected") == made[:1]
    assert await ids(desk, status="effective") == made[1:2]
    assert await ids(desk, status="pending") == made[2:]
    assert await ids(desk, status="expired") == []
    assert refused(await desk.app.call("GET", PATH, desk.creator, params={"status": "effect"})) == (
        400,
        "invalid_query",
    )


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("alpha", [0]),
        ("ALPHA", [0]),
        ("  beta ", [1]),
        ("100%", [1]),
        ("%", [1]),
        ("方应", [2]),
        ("_1", [3]),
        ("straße", [4]),
        ("shop_", [0, 1, 2, 3, 4]),
        ("P_X", [2]),
        ("", [0, 1, 2, 3, 4]),
        (" ", [0, 1, 2, 3, 4]),
        ("nothing like it", []),
        ("' OR 1=1 --", []),
    ],
)
async def test_a_search_finds_parts_of_names_and_identifiers(
    shelf: tuple[Desk, list[str]], search: str, found: list[int]
) -> None:
    desk, made = shelf
    assert await ids(desk, search=search) == [made[n] for n in found]


async def test_filters_go_together(shelf: tuple[Desk, list[str]]) -> None:
    desk, made = shelf
    assert await ids(desk, search="a", status="pending") == [made[3], made[4]]
    assert await ids(desk, search="alpha", status="pending") == []


async def test_everybody_lists_their_own(shelf: tuple[Desk, list[str]]) -> None:
    desk, made = shelf
    other = await a_desk(desk.app)
    assert await ids(other) == []
    theirs = await other.app.call("GET", PATH, other.creator, params={"organization": desk.organization})
    assert refused(theirs) == (404, "unknown_account")
    everywhere = await desk.app.call("GET", PATH, params={"limit": 200})
    assert set(made) <= {item["id"] for item in everywhere.json["items"]}


async def test_nothing_that_is_listed_holds_a_secret(shelf: tuple[Desk, list[str]]) -> None:
    desk, _ = shelf
    reply = await desk.app.call("GET", PATH, desk.creator)
    assert "secret" not in reply.text
    assert "digest" not in reply.text
