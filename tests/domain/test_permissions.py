"""Wildcards open what they should and nothing more, and nobody gives away what would raise themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.permissions import (
    ADMINISTRATION,
    ADMINISTRATOR_ROLES,
    ALL,
    BUILT_IN_ROLES,
    HANDING_OUT,
    PERMISSIONS,
    PRIVILEGED_ROLES,
    ROOT,
    allows,
    assignable,
    granted,
    personal,
    require_held,
)
from domain.refusals import MissingPermission, RootRequired
from tests.domain.given import backend, person

SOME = st.frozensets(st.sampled_from(PERMISSIONS))


def test_the_permissions_are_a_set_of_24() -> None:
    assert len(set(PERMISSIONS)) == len(PERMISSIONS) == 24


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


@given(held=SOME, named=SOME)
def test_a_person_gives_nothing_away_that_they_do_not_hold(held: frozenset[str], named: frozenset[str]) -> None:
    """Nor what hands out everything else, unless they hold that, too."""
    if all(allows(held, name) for name in named) and (allows(held, ALL) or named.isdisjoint(HANDING_OUT)):
        assignable(person(*held), named)
    else:
        with pytest.raises(RootRequired if ROOT in named and ROOT not in held else MissingPermission):
            assignable(person(*held), named)


@given(held=SOME, named=SOME)
def test_what_is_given_to_people_is_held_by_whoever_gives_it(held: frozenset[str], named: frozenset[str]) -> None:
    for caller in (backend(*held), person(*held)):
        if all(allows(held, name) for name in named):
            require_held(caller, {*named, "invoices:read"})
        else:
            with pytest.raises(MissingPermission):
                require_held(caller, named)


@given(asked=st.lists(st.sampled_from([*PERMISSIONS, "openid", "invoices:read"])), roles=SOME)
def test_a_person_has_what_their_roles_hold_and_never_root(asked: list[str], roles: frozenset[str]) -> None:
    kept = personal(asked, roles)
    assert ROOT not in kept
    assert kept == [name for name in asked if name in {"openid", "invoices:read"} or name in kept], "in the order asked"
    for name in set(asked) - {ROOT, "openid", "invoices:read"}:
        assert (name in kept) == allows(roles, name)


def test_the_roles_of_every_organization_look_up_and_revoke_tokens() -> None:
    assert set(ADMINISTRATOR_ROLES) == {"orgadmin", "opsadmin"} < BUILT_IN_ROLES
    assert PRIVILEGED_ROLES.isdisjoint(ADMINISTRATOR_ROLES), "whoever holds both permissions assigns them"
    assert ADMINISTRATION == ("read_token", "revoke_token")


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
