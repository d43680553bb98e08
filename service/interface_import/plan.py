"""What an import would do to the interfaces that there are: decided before anything is done, and told of either way.

Rules from spec/iform.md section 4. An operation is an interface that is there already when that has its identifier.
In normal mode nothing that is there is touched, and nothing is made beside an interface with the same method and path.
In overwrite mode what is there becomes what the document makes of it, and the rest goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from domain.api_resource import folded_identifier
from domain.interface import FREQUENCY, TEST_FREQUENCY, Scope
from domain.path_template import shape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from service.http.document import Row
    from service.interface_import.imported import ImportedDocument, Operation


class Mode(StrEnum):
    """What becomes of interfaces that are there."""

    NORMAL = "normal"
    OVERWRITE = "overwrite"


class What(StrEnum):
    """What becomes of one operation or interface."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    DELETED = "deleted"


class Reason(StrEnum):
    """Why an operation is skipped."""

    EXISTS = "exists"
    """Normal mode: an interface has its identifier."""
    ADDRESS_TAKEN = "address_taken"
    """Normal mode: an interface with another identifier has its method and path."""
    METHOD = "method"
    """It has a method that no interface has."""
    PATH = "path"
    """Its path cannot be a template."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one. `changed` names what is different, `existing` is the identifier of who is in its way.

    `interface` is the one that is there, `grants` how many grants for it stay, or end when it is deleted.
    """

    identifier: str
    method: str
    path: str
    outcome: What
    changed: tuple[str, ...] = ()
    reason: Reason | None = None
    existing: str | None = None
    interface: UUID | None = None
    grants: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does: an entry for each operation and for each interface that goes, and the work that it is."""

    entries: list[Entry] = field(default_factory=list)
    add: list[Operation] = field(default_factory=list)
    replace: dict[UUID, Operation] = field(default_factory=dict)
    delete: list[UUID] = field(default_factory=list)


def fields_of(operation: Operation) -> dict[str, Any]:
    """Return all that an import says of an interface; of what no document tells, the same for each."""
    return {
        "name": operation.name,
        "method": operation.method,
        "path": operation.path,
        "frequency": FREQUENCY,
        "test_frequency": TEST_FREQUENCY,
        "submit_limited": False,
        "scope": str(Scope.AUTHORIZED),
        "description": operation.description,
    }


def planned(document: ImportedDocument, present: Iterable[Row], mode: Mode) -> Plan:
    """Return what an import does to a resource that has these interfaces."""
    plan = Plan()
    rows = {folded_identifier(row["identifier"]): row for row in present}
    addresses = {(row["method"], shape(row["path"])): row for row in rows.values()}
    for operation in document.operations:
        same = rows.pop(folded_identifier(operation.identifier), None)
        if mode is Mode.OVERWRITE:
            _overwrite(plan, operation, same)
        else:
            _add(plan, operation, same, addresses.get((operation.method, shape(operation.path))))
    for left_out in document.left_out:
        reason = Reason(left_out.reason)
        plan.entries.append(Entry(left_out.identifier, left_out.method, left_out.path, What.SKIPPED, reason=reason))
    if mode is Mode.OVERWRITE:
        for row in rows.values():
            plan.delete.append(row["id"])
            plan.entries.append(Entry(row["identifier"], row["method"], row["path"], What.DELETED, interface=row["id"]))
    return plan


def _overwrite(plan: Plan, operation: Operation, same: Row | None) -> None:
    if same is None:
        _new(plan, operation)
        return
    changed = tuple(name for name, value in fields_of(operation).items() if same[name] != value)
    if changed:
        plan.replace[same["id"]] = operation
    outcome = What.REPLACED if changed else What.UNCHANGED
    plan.entries.append(
        Entry(
            same["identifier"], operation.method, operation.path, outcome, changed=changed, interface=same["id"]
        )
    )  # fmt: skip


def _add(plan: Plan, operation: Operation, same: Row | None, there: Row | None) -> None:
    if same is None and there is None:
        _new(plan, operation)
        return
    reason = Reason.ADDRESS_TAKEN if same is None else Reason.EXISTS
    holder = there if same is None else same
    plan.entries.append(
        Entry(
            operation.identifier,
            operation.method,
            operation.path,
            What.SKIPPED,
            reason=reason,
            existing=None if holder is None else holder["identifier"],
            interface=None if holder is None else holder["id"],
        )
    )


def _new(plan: Plan, operation: Operation) -> None:
    plan.add.append(operation)
    plan.entries.append(Entry(operation.identifier, operation.method, operation.path, What.ADDED))
