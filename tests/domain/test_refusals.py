"""Refusals have codes that differ and sentences that tell nothing which only the log may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain import refusals
from domain.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


def tree(refusal: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in refusal.__subclasses__():
        yield kind
        yield from tree(kind)


ALL = list(tree())


def test_no_two_refusals_share_a_code() -> None:
    assert len({refusal.code for refusal in ALL}) == len(ALL)


def test_codes_are_the_names_in_snake_case() -> None:
    assert refusals.SelfApproval.code == "self_approval"
    assert refusals.AccountHasChildren.code == "account_has_children"


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.code)
def test_every_refusal_has_a_sentence_of_its_own_and_a_place_in_the_drawing(refusal: type[Refusal]) -> None:
    assert "sentence" in vars(refusal)
    assert refusals.__doc__ is not None
    assert refusal.__name__ in refusals.__doc__.split()


def test_the_tree_is_two_levels_deep() -> None:
    branches = {refusals.Invalid, refusals.Unknown, refusals.Conflict, refusals.Forbidden, refusals.TooOften}
    assert set(Refusal.__subclasses__()) == branches
    assert all(refusal in branches or refusal.__base__ in branches for refusal in ALL)


def test_the_sentences_that_clients_compare_are_exact() -> None:
    assert refusals.RootRequired.sentence == "Only an app with the root scope can assign the root scope to an app"
    assert refusals.PrivilegedRole.sentence == "Only an app with the root scope can assign a privileged role"
    assert refusals.BuiltInRole.sentence == "Built-in roles cannot be created, deleted, or updated"


def test_the_detail_is_for_the_log_and_the_field_for_the_client() -> None:
    refusal = refusals.InvalidName("longer than 128 characters", field="name")
    assert str(refusal) == "invalid_name: longer than 128 characters"
    assert refusal.field == "name"
    assert "128 characters and" in refusal.sentence
    assert str(refusals.UnknownUser()) == "unknown_user: No such user"
