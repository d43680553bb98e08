"""Wildcards open what they should and nothing more, and nobody gives away what would raise themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.permissions import ALL, PERMISSIONS, ROOT, allows, assignable, granted
from domain.refusals import MissingPermission, RootRequired
from tests.domain.given import backend

SOME = st.frozensets(st.sampled_from(PERMISSIONS))


def test_the_permissions_are_a_set_of_23() -> None:
    assert len(set(PERMISSIONS)) == len(PERMISSIONS) == 23


@pytest.mark.parametrize("needed", PERMISSIONS)
def test_root_allows_everything(needed: str) -> None:
    assert allows({ROOT}, needed)


@pytest.mark.parametrize("needed", PERMISSIONS)
def test_the_wildcard_allows_everything_but_root(needed: str) -> None:
    assert allows({ALL}, needed) == (needed != ROOT)


@given(held=SOME, more=SOME, needed=st.sampled_from(PERMISSIONS))
def test_more_permissions_never_allow_less(held: frozenset[str], more: frozenset[str], needed: str) -> None:
    assert allows(held | more, needed) >= allows(held, needed)


@given(held=SOME, named=SOME)
def test_nobody_gives_root_or_the_wildcard_away_without_holding_it(held: frozenset[str], named: frozenset[str]) -> None:
    caller = backend(*held)
    if ROOT in named and ROOT not in held:
        with pytest.raises(RootRequired):
            assignable(caller, named)
    elif ALL in named and held.isdisjoint({ROOT, ALL}):
        with pytest.raises(MissingPermission):
            assignable(caller, named)
    else:
        assignable(caller, named)


def test_what_is_granted_was_asked_and_is_held_in_the_order_asked() -> None:
    held = {"invoices:read", "read_user"}
    assert granted(["read_user", "write_user", "invoices:read", "invoices:write"], held) == [
        "read_user",
        "invoices:read",
    ]
    assert granted([], held) == []


def test_wildcards_grant_permissions_and_no_other_scope() -> None:
    assert granted(["read_user", "root", "invoices:read"], {"all"}) == ["read_user"]
    assert granted(["read_user", "root", "all", "invoices:read"], {"root"}) == ["read_user", "root", "all"]
