"""What an import does to what is there, in both modes: rules without I/O."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from service.interface_import.imported import ImportedDocument, LeftOut, Operation
from service.interface_import.plan import Mode, Plan, Reason, What, fields_of, planned

READ = Operation("readOrder", "Read", "GET", "/orders/{id}", None)
LIST = Operation("listOrders", "List", "GET", "/orders", "All of them")


def document(*operations: Operation, left_out: tuple[LeftOut, ...] = ()) -> ImportedDocument:
    return ImportedDocument("OpenAPI 3.0", "orders", "Orders", None, None, operations, left_out)


def row(operation: Operation, **more: Any) -> dict[str, Any]:
    """Return the interface that an operation was imported as, changed since as told."""
    return {"id": uuid4(), "identifier": operation.identifier, **fields_of(operation), **more}


def outcomes(plan: Plan) -> list[tuple[str, str]]:
    return [(entry.identifier, str(entry.outcome)) for entry in plan.entries]


def ids(plan: Plan) -> tuple[list[str], list[UUID], list[UUID]]:
    return [one.identifier for one in plan.add], list(plan.replace), plan.delete


@pytest.mark.parametrize("mode", Mode)
def test_where_nothing_is_everything_is_added(mode: Mode) -> None:
    plan = planned(document(READ, LIST), [], mode)
    assert outcomes(plan) == [("readOrder", "added"), ("listOrders", "added")]
    assert ids(plan) == (["readOrder", "listOrders"], [], [])


def test_normal_mode_adds_what_is_new_and_touches_nothing() -> None:
    there = [row(READ, name="By hand", frequency=7), row(Operation("mine", "Mine", "PUT", "/mine", None))]
    plan = planned(document(READ, LIST), there, Mode.NORMAL)
    assert ids(plan) == (["listOrders"], [], [])
    assert [(one.outcome, one.reason, one.existing) for one in plan.entries] == [
        (What.SKIPPED, Reason.EXISTS, "readOrder"),
        (What.ADDED, None, None),
    ]


def test_normal_mode_adds_nothing_beside_an_interface_with_the_same_address() -> None:
    by_hand = row(Operation("mine", "Mine", "GET", "/orders/{number}", None))
    [entry] = planned(document(READ), [by_hand], Mode.NORMAL).entries
    assert (entry.outcome, entry.reason, entry.existing) == (What.SKIPPED, Reason.ADDRESS_TAKEN, "mine")
    other = planned(document(READ), [row(READ, identifier="mine", method="PUT")], Mode.NORMAL)
    assert ids(other) == (["readOrder"], [], [])


def test_overwrite_mode_replaces_what_differs_and_deletes_what_is_not_there() -> None:
    changed, same = row(READ, frequency=7, scope="anonymous"), row(LIST)
    mine = row(Operation("mine", "Mine", "PUT", "/mine", None))
    plan = planned(document(READ, LIST), [changed, same, mine], Mode.OVERWRITE)
    assert ids(plan) == ([], [changed["id"]], [mine["id"]])
    assert outcomes(plan) == [("readOrder", "replaced"), ("listOrders", "unchanged"), ("mine", "deleted")]
    assert [entry.changed for entry in plan.entries] == [("frequency", "scope"), (), ()]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "x"}, "name"), ({"method": "PUT"}, "method"), ({"path": "/x"}, "path"),
        ({"frequency": 1}, "frequency"), ({"test_frequency": 1}, "test_frequency"),
        ({"submit_limited": True}, "submit_limited"), ({"scope": "anonymous"}, "scope"),
        ({"description": "x"}, "description"),
    ],
)  # fmt: skip
def test_overwrite_mode_makes_everything_what_the_document_makes_of_it(changed: dict[str, Any], field: str) -> None:
    there = row(READ, **changed)
    plan = planned(document(READ), [there], Mode.OVERWRITE)
    assert plan.replace == {there["id"]: READ}
    assert plan.entries[0].changed == (field,)


def test_letter_case_is_left_aside_and_the_identifier_stays_as_it_was() -> None:
    there = row(READ, identifier="READorder", name="x")
    assert outcomes(planned(document(READ), [there], Mode.OVERWRITE)) == [("READorder", "replaced")]
    assert planned(document(READ), [there], Mode.NORMAL).entries[0].reason is Reason.EXISTS


def test_overwrite_mode_makes_anew_what_has_another_identifier() -> None:
    there = row(READ, identifier="old")
    plan = planned(document(READ), [there], Mode.OVERWRITE)
    assert ids(plan) == (["readOrder"], [], [there["id"]])


@pytest.mark.parametrize("mode", Mode)
def test_what_can_be_no_interface_is_told_of(mode: Mode) -> None:
    left_out = LeftOut("t", "TRACE", "/a", "method"), LeftOut("p", "GET", "/a.{b}", "path")
    entries = planned(document(READ, left_out=left_out), [], mode).entries[1:]
    assert [(one.outcome, one.reason) for one in entries] == [
        (What.SKIPPED, Reason.METHOD),
        (What.SKIPPED, Reason.PATH),
    ]


@pytest.mark.parametrize("mode", Mode)
def test_an_import_that_is_repeated_does_nothing(mode: Mode) -> None:
    there = [row(READ), row(LIST)]
    assert ids(planned(document(READ, LIST), there, mode)) == ([], [], [])
