"""What a document calls things becomes identifiers: always one that fits, and none where things would become alike."""

# ruff: noqa: RUF001 - a dash that titles have
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.api_resource import checked_identifier
from service.interface_import.identifiers import fits, of_operation, slug


@pytest.mark.parametrize(
    ("title", "identifier"),
    [
        ("Pet Store", "pet-store"),
        ("  Orders – API (v2.1)  ", "orders-api-v2.1"),
        ("Größe & Café", "grosse-cafe"),
        ("under_score", "under_score"),
        ("订单服务", None),
        ("订单 API", None),  # "用户 API" would be the same
        ("3D Print", None),
        ("", None),
        ("!!!", None),
        ("x" * 128, "x" * 128),
        ("x" * 129, None),
    ],
)
def test_a_title_makes_an_identifier_unless_letters_would_be_lost(title: str, identifier: str | None) -> None:
    assert slug(title) == identifier


@pytest.mark.parametrize(
    ("operation_id", "identifier"),
    [
        ("getOrder", "getOrder"),
        ("getUserUsingGET_1", "getUserUsingGET_1"),
        ("orders.list", "orders.list"),
        ("list orders/all", "list_orders_all"),
        ("2fa", "op_2fa"),
        ("_private", "private"),
        ("Größe", "get_orders_id"),
        ("查询订单", "get_orders_id"),
        ("", "get_orders_id"),
        ("***", "get_orders_id"),
        (None, "get_orders_id"),
        (7, "get_orders_id"),
    ],
)
def test_an_operation_has_its_id_made_to_fit_else_its_method_and_path(operation_id: object, identifier: str) -> None:
    assert of_operation(operation_id, "GET", "/orders/{id}") == identifier


def test_the_slashes_of_a_path_become_underscores() -> None:
    assert of_operation(None, "POST", "/bpm/demo/url/form/save") == "post_bpm_demo_url_form_save"
    assert of_operation(None, "GET", "/") == "get"


def test_paths_in_other_letters_are_told_apart() -> None:
    one, other = (of_operation(None, "GET", f"/{name}") for name in ("订单", "用户"))
    assert one != other
    assert fits(one)
    assert fits(other)


def test_what_is_too_long_is_cut_and_still_told_apart() -> None:
    one, other = (of_operation("x" * 200 + end, "GET", "/") for end in "ab")
    assert len(one) == len(other) == 128
    assert one[:119] == other[:119] == "x" * 119
    assert one != other


@given(st.one_of(st.none(), st.text()), st.text())
def test_every_operation_has_an_identifier_that_fits(operation_id: str | None, path: str) -> None:
    assert checked_identifier(of_operation(operation_id, "GET", path))


@given(st.text())
def test_what_a_title_makes_fits(title: str) -> None:
    made = slug(title)
    assert made is None or checked_identifier(made) == made
