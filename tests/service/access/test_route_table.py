"""Which interface answers a call: the most particular one, and never two alike."""

from __future__ import annotations

import random
import uuid
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.path_template import path_template, shape
from domain.path_template import segments as of_template
from service.access.paths import segments
from service.access.route_table import Known, RouteTable, compiled

if TYPE_CHECKING:
    from collections.abc import Iterable

METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "*"]
SEGMENT = st.sampled_from(["a", "b", "{x}"])
TEMPLATES = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
INTERFACES = st.lists(st.tuples(st.sampled_from(METHODS), TEMPLATES), max_size=12)
CALLS = st.tuples(
    st.sampled_from([*METHODS[:-1], "get", "PROPFIND"]),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3),
)


def table_of(*addresses: str) -> RouteTable:
    """Return a table of interfaces that are named by their addresses."""
    table = RouteTable(1)
    for address in addresses:
        method, path = address.split(" ")
        table.add(
            method, path_template(path), Known(uuid.uuid4(), address, 1, 1, submit_limited=False, anonymous=False)
        )
    return table


def answers(table: RouteTable, call: str) -> str | None:
    method, path = call.split(" ")
    read = segments(path)
    assert read is not None
    known = table.find(method, read)
    return None if known is None else known.identifier


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("GET /orders", "GET /orders"),
        ("GET /orders/", None),
        ("GET /Orders", None),
        ("get /orders", None),
        ("GET /orders/7", "GET /orders/{id}"),
        ("GET /orders/export", "GET /orders/export"),
        ("DELETE /orders/export", "* /orders/{id}"),
        ("GET /orders/7/lines", "GET /orders/{id}/lines"),
        ("GET /orders/export/lines", "GET /orders/export/{page}"),
        ("GET /orders/export/pages", "GET /orders/export/{page}"),
        ("GET /orders/7/pages", None),
        ("PUT /orders/7", "* /orders/{id}"),
        ("PROPFIND /orders/7", "* /orders/{id}"),
        ("OPTIONS /orders", None),
        ("OPTIONS /orders/7", "* /orders/{id}"),
        ("HEAD /orders", "GET /orders"),
        ("HEAD /orders/7", "HEAD /orders/{id}"),
        ("HEAD /orders/export", "GET /orders/export"),
        ("POST /orders", None),
        ("GET /", None),
        ("GET /files/", "GET /files/"),
        ("GET /files", None),
    ],
)
def test_the_most_particular_interface_answers(call: str, answer: str | None) -> None:
    table = table_of(
        "GET /orders", "GET /orders/{id}", "HEAD /orders/{id}", "* /orders/{id}", "GET /orders/export",
        "GET /orders/{id}/lines", "GET /orders/export/{page}", "GET /files/",
    )  # fmt: skip
    assert answers(table, call) == answer


def test_a_parameter_stands_for_no_empty_segment() -> None:
    assert answers(table_of("GET /orders/{id}"), "GET /orders/") is None


def test_a_spelling_of_a_literal_reaches_no_parameter_beside_it() -> None:
    table = table_of("GET /a/$batch", "GET /a/{x}")
    assert answers(table, "GET /a/%24batch") == "GET /a/$batch"
    assert answers(table, "GET /a/%24%62atch") == "GET /a/$batch"


def test_a_table_without_interfaces_answers_nothing() -> None:
    assert table_of().find("GET", [""]) is None


@given(INTERFACES, CALLS)
def test_it_finds_what_a_look_at_each_finds(interfaces: list[tuple[str, str]], call: tuple[str, list[str]]) -> None:
    distinct = {(method, shape(path)): path for method, path in interfaces}
    table = table_of(*(f"{method} {path}" for (method, _), path in distinct.items()))
    method, path = call
    found = table.find(method, path)
    assert (found and found.identifier) == _plainly(((m, p) for (m, _), p in distinct.items()), method, path)


def _plainly(interfaces: Iterable[tuple[str, str]], method: str, path: list[str]) -> str | None:
    """Find by the rule as it is told: literals first, from the left, then the method that is named."""
    accepted = [method, *(["GET"] if method == "HEAD" else []), "*"]
    matching = []
    for own, template in interfaces:
        parts = of_template(template)
        fits = len(parts) == len(path) and all(part in (None, here) for part, here in zip(parts, path, strict=True))
        if fits and own in accepted:
            matching.append(([part is None for part in parts], accepted.index(own), f"{own} {template}"))
    return min(matching)[2] if matching else None


def test_a_search_that_takes_too_long_finds_nothing() -> None:
    """A path fits all of these but for their ends, which are looked at before the one that answers it."""
    made_to_fit = ["GET /" + "/".join(choice) + "/a/a/a/b" for choice in product(("a", "{x}"), repeat=11)]
    table = table_of(*made_to_fit, "GET " + "/{x}" * 15)
    assert answers(table, "GET " + "/a" * 15) is None
    assert answers(table, "GET " + "/a" * 14 + "/b") == "GET " + "/a" * 14 + "/b"
    assert answers(table, "GET " + "/c" * 15) == "GET " + "/{x}" * 15


async def test_many_interfaces_are_compiled_without_holding_others_up() -> None:
    rows: list[dict[str, Any]] = [
        {
            "position": 7, "id": uuid.uuid4(), "identifier": f"i{number}", "method": "GET", "path": f"/{number}/{{x}}",
            "frequency": 1, "test_frequency": 1, "submit_limited": False, "scope": "anonymous",
        }
        for number in random.sample(range(5_000), 5_000)
    ]  # fmt: skip
    table = await compiled(rows)  # type: ignore[arg-type] # rows are read by name alone
    assert (table.position, table.size) == (7, 10_000)  # the places of two segments each
    known = table.find("GET", ["4711", "here"])
    assert known is not None
    assert (known.identifier, known.anonymous) == ("i4711", True)
