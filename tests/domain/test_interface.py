"""Interfaces: what they answer, by which rules, and that their identifier and their resource never change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.interface import SAFE_METHODS, Interface, Method, Scope, calls
from tests.domain.given import (
    ELSEWHERE,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    an_api_resource,
    an_interface,
    backend,
    happened,
    the_event,
)

if TYPE_CHECKING:
    from domain.api_resource import ApiResource
    from domain.caller import Caller

MOST = 2_147_483_647
PRESENT: dict[str, Any] = {
    "name": "Read an order", "method": "GET", "path": "/orders/{id}", "frequency": 120, "test_frequency": 60,
    "submit_limited": False, "scope": "authorized", "description": None,
}  # fmt: skip


def create(resource: ApiResource | None = None, by: Caller | None = None, **told: Any) -> Interface:
    fields = {"identifier": "read_order", "name": "Read an order", "method": "GET", "path": "/orders/{id}", **told}
    of = resource or an_api_resource()
    return Interface.create(id=uuid4(), resource=of, by=by or backend("all"), now=NOW, **fields)


def changed(interface: Interface, by: Caller = ROOT_APPLICATION, **told: Any) -> None:
    interface.change(**{**PRESENT, **told}, by=by, now=NOW)


def test_an_interface_begins_as_the_dialect_has_it() -> None:
    resource = an_api_resource()
    event = the_event(create(resource))
    assert {name: getattr(event, name) for name in PRESENT} == PRESENT
    assert (event.TOPIC, event.organization, event.resource, event.identifier) == (
        "interface.created", ORGANIZATION, resource.id, "read_order",
    )  # fmt: skip
    assert event.touches == (f"interface:{event.originator_id}", f"resource-interfaces:{resource.id}")
    assert event.shares == (f"api_resource:{resource.id}",), "which has something new about it, too"


def test_every_field_can_be_told() -> None:
    told = {
        "name": " Pay ", "method": "POST", "path": "/orders/{id}/payments", "frequency": 1, "test_frequency": MOST,
        "submit_limited": True, "scope": "anonymous", "description": " Pays an order ",
    }  # fmt: skip
    interface = create(**told)
    said = told | {"name": "Pay", "description": "Pays an order"}
    assert {name: getattr(interface, name) for name in said} == said
    assert isinstance(interface.method, Method)
    assert isinstance(interface.scope, Scope)


def test_an_interface_belongs_to_the_organization_of_its_resource_which_its_maker_sees() -> None:
    elsewhere = an_api_resource(ELSEWHERE)
    assert create(elsewhere, ROOT_APPLICATION).organization == ELSEWHERE
    with pytest.raises(refusals.UnknownApiResource):
        create(elsewhere)
    elsewhere.delete(ROOT_APPLICATION, NOW)
    with pytest.raises(refusals.UnknownApiResource):
        create(elsewhere, ROOT_APPLICATION)


@pytest.mark.parametrize("value", [1, 2, 120, MOST])
def test_a_frequency_is_a_number_of_calls_a_minute(value: int) -> None:
    assert calls(value, field="frequency") == value


@pytest.mark.parametrize(
    ("told", "refusal", "field"),
    [
        ({"name": ""}, refusals.InvalidName, "name"),
        ({"method": "get"}, refusals.InvalidMethod, "method"),
        ({"method": "TRACE"}, refusals.InvalidMethod, "method"),
        ({"method": ""}, refusals.InvalidMethod, "method"),
        ({"path": "orders"}, refusals.InvalidPath, "path"),
        ({"path": "/../admin"}, refusals.InvalidPath, "path"),
        ({"frequency": 0}, refusals.InvalidFrequency, "frequency"),
        ({"frequency": -1}, refusals.InvalidFrequency, "frequency"),
        ({"frequency": MOST + 1}, refusals.InvalidFrequency, "frequency"),
        ({"test_frequency": 0}, refusals.InvalidFrequency, "test_frequency"),
        ({"test_frequency": MOST + 1}, refusals.InvalidFrequency, "test_frequency"),
        ({"scope": "public"}, refusals.InvalidInterfaceScope, "scope"),
        ({"scope": "Anonymous"}, refusals.InvalidInterfaceScope, "scope"),
        ({"description": "x" * 1001}, refusals.InvalidDescription, "description"),
    ],
)
def test_what_breaks_a_rule_is_neither_made_nor_changed_to(
    told: dict[str, Any], refusal: type[refusals.Refusal], field: str
) -> None:
    with pytest.raises(refusal) as refused:
        create(**told)
    assert refused.value.field == field
    interface = an_interface()
    with pytest.raises(refusal):
        changed(interface, **told)
    assert happened(interface) == []


@pytest.mark.parametrize("identifier", ["", "1a", "a b", "a/b", "a" * 129])
def test_an_identifier_is_of_the_same_kind_as_a_resources(identifier: str) -> None:
    with pytest.raises(refusals.InvalidApiIdentifier):
        create(identifier=identifier)


def test_a_change_is_recorded_when_something_is_different() -> None:
    interface = an_interface()
    changed(interface)
    assert happened(interface) == [], "nothing is different"
    changed(interface, path="/orders/%7Bid%7D", submit_limited=True)
    event = the_event(interface)
    assert (event.TOPIC, event.organization, event.resource) == ("interface.changed", ORGANIZATION, interface.resource)
    assert event.touches == (f"interface:{interface.id}", f"resource-interfaces:{interface.resource}")
    assert (interface.identifier, interface.path, interface.submit_limited) == ("read_order", "/orders/%7Bid%7D", True)


@pytest.mark.parametrize(
    "told",
    [{"name": "B"}, {"method": "*"}, {"path": "/b"}, {"frequency": 1}, {"test_frequency": 1}, {"submit_limited": True},
     {"scope": "anonymous"}, {"description": "B"}],
)  # fmt: skip
def test_each_field_but_the_identifier_can_change(told: dict[str, Any]) -> None:
    interface = an_interface()
    changed(interface, **told)
    event = the_event(interface)
    assert {name: getattr(event, name) for name in PRESENT} == {**PRESENT, **told}
    assert {name: getattr(interface, name) for name in PRESENT} == {**PRESENT, **told}


def test_an_address_is_a_method_and_a_path_without_the_names_in_it() -> None:
    assert create(path="/orders/{id}").address == create(path="/orders/{number}").address == "GET /orders/{}"
    assert create(path="/orders/%7Bid%7D").address == "GET /orders/%7Bid%7D"
    assert create(method="*", path="/").address == "* /"


def test_reading_methods_are_those_that_no_submit_limit_is_about() -> None:
    assert {"GET", "HEAD", "OPTIONS"} == SAFE_METHODS


def test_what_is_deleted_or_elsewhere_is_unknown() -> None:
    interface = an_interface()
    with pytest.raises(refusals.UnknownInterface):
        changed(interface, STRANGER, name="Mine")
    with pytest.raises(refusals.UnknownInterface):
        interface.delete(STRANGER, NOW)
    assert happened(interface) == []
    interface.delete(ROOT_APPLICATION, NOW)
    event = the_event(interface)
    assert (event.TOPIC, event.organization, event.resource) == ("interface.deleted", ORGANIZATION, interface.resource)
    assert event.touches == (f"interface:{interface.id}", f"resource-interfaces:{interface.resource}")
    with pytest.raises(refusals.UnknownInterface):
        changed(interface, name="Again")
    with pytest.raises(refusals.UnknownInterface):
        interface.delete(ROOT_APPLICATION, NOW)
    with pytest.raises(refusals.UnknownInterface):
        interface.require_known()
