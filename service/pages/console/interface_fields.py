"""The fields of an interface's form: what an interface has in them, what is meant by them, what may be wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.interface import FREQUENCY, TEST_FREQUENCY, Method, Scope
from domain.refusals import (
    AddressTaken,
    IdentifierTaken,
    InvalidApiIdentifier,
    InvalidDescription,
    InvalidFrequency,
    InvalidInterfaceScope,
    InvalidMethod,
    InvalidName,
    InvalidPath,
    TooManyInterfaces,
)
from service.pages.console import asked
from service.pages.console.filled import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg

    from domain.refusals import Refusal

IDENTIFIER, SUBMIT_LIMITED = "identifier", "submit_limited"
FIELDS = ("name", "method", "path", "frequency", "test_frequency", "scope", SUBMIT_LIMITED, "description")
"""All that may be changed."""
YES, NO = "yes", "no"
DEFAULTS = {
    "method": Method.GET.value,
    "frequency": str(FREQUENCY),
    "test_frequency": str(TEST_FREQUENCY),
    "scope": Scope.AUTHORIZED.value,
    SUBMIT_LIMITED: NO,
}
FAULTS: dict[type[Refusal], Fault] = {
    InvalidApiIdentifier: Fault(IDENTIFIER, "console_identifier_wrong"),
    IdentifierTaken: Fault(IDENTIFIER, "console_interface_taken"),
    InvalidName: Fault("name", "console_name_wrong"),
    InvalidMethod: Fault("method", "console_method_wrong"),
    InvalidPath: Fault("path", "console_path_wrong"),
    AddressTaken: Fault("path", "console_path_taken"),
    InvalidFrequency: Fault("frequency", "console_frequency_wrong"),
    InvalidInterfaceScope: Fault("scope", "console_scope_wrong"),
    InvalidDescription: Fault("description", "console_description_wrong"),
    TooManyInterfaces: Fault("", "console_too_many_interfaces"),
}


def meant(values: Mapping[str, str]) -> dict[str, Any]:
    """Return what was typed as a command takes it. Raises InvalidFrequency, and BadBody for what no page offers."""
    limited = asked.choice(values[SUBMIT_LIMITED], (NO, YES))
    frequencies = {name: asked.calls(values[name], name) for name in ("frequency", "test_frequency")}
    plain = {name: values[name] for name in ("name", "method", "path", "scope", "description")}
    return {**plain, **frequencies, SUBMIT_LIMITED: limited == YES}


def known_of(row: asyncpg.Record) -> dict[str, str]:
    """Return the values of an interface as its form has them."""
    found = {name: str(row[name]) for name in FIELDS if row[name] is not None}
    return {"description": "", **found, SUBMIT_LIMITED: YES if row[SUBMIT_LIMITED] else NO}
