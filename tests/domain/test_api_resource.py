"""API resources: their identifier never changes, and what they say about themselves is of a kind that can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.api_resource import ApiResource, checked_identifier, folded_identifier
from tests.domain.given import (
    ELSEWHERE,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    an_api_resource,
    backend,
    happened,
    the_event,
)

if TYPE_CHECKING:
    from domain.caller import Caller

AUDIENCE = "https://orders.example.com/api"
DETAILS: dict[str, Any] = {"name": "Orders", "uri": None, "audience": None, "description": None}


def create(*, organization: Any = ORGANIZATION, by: Caller | None = None, **told: Any) -> ApiResource:
    fields = {"identifier": "orders", "name": "Orders", **told}
    return ApiResource.create(id=uuid4(), organization=organization, by=by or backend("all"), now=NOW, **fields)


def changed(resource: ApiResource, by: Caller = ROOT_APPLICATION, **told: Any) -> None:
    resource.change(**{**DETAILS, **told}, by=by, now=NOW)


def test_a_resource_tells_what_it_is_called_and_who_made_it() -> None:
    maker = backend("all")
    told = {"uri": "https://orders.example.com/docs?v=1", "audience": AUDIENCE, "description": " Takes orders "}
    event = the_event(create(by=maker, name=" Orders ", **told))
    assert (event.TOPIC, event.organization, event.identifier, event.name) == (
        "api_resource.created", ORGANIZATION, "orders", "Orders",
    )  # fmt: skip
    assert (event.uri, event.audience, event.description) == (told["uri"], AUDIENCE, "Takes orders")
    assert event.created_by == maker.actor
    assert event.touches == (
        f"api_resource:{event.originator_id}",
        f"organization-api-resources:{ORGANIZATION}",
        f"organization-contents:{ORGANIZATION}",
    )
    assert event.shares == (f"api_resource:{event.originator_id}",)


def test_nobody_makes_one_in_an_organization_that_they_do_not_see() -> None:
    with pytest.raises(refusals.UnknownAccount):
        create(by=STRANGER)
    assert create(by=ROOT_APPLICATION, organization=ELSEWHERE).organization == ELSEWHERE


@pytest.mark.parametrize("identifier", ["a", "Z", "orders", "ibps-business.provider_2", "a" + "b" * 127])
def test_plain_words_are_identifiers(identifier: str) -> None:
    assert create(identifier=identifier).identifier == identifier


@pytest.mark.parametrize(
    "identifier", ["", "1a", "-a", ".a", "_a", "a b", "a/b", "a\n", "\u00e4", "\u212a", "a" * 129, "a:b", "a%20b"]
)
def test_anything_else_is_no_identifier(identifier: str) -> None:
    with pytest.raises(refusals.InvalidApiIdentifier) as refused:
        create(identifier=identifier)
    assert refused.value.field == "identifier"


def test_identifiers_are_told_apart_without_regard_to_letter_case() -> None:
    assert folded_identifier(checked_identifier("Orders.V2")) == folded_identifier("orders.v2")


@pytest.mark.parametrize(
    "uri", ["https://a.example", "HTTP://a.example:8443/b?c=d", "http://[::1]:80/", "https://a.example/*", "http://a:1"]
)
def test_an_address_is_one_that_people_can_follow(uri: str) -> None:
    assert create(uri=uri).uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "a.example", "//a.example", "ftp://a.example", "javascript:alert(1)", "https://", "https:///a", "https://a b/",
        "https://ada:secret@a.example/", "https://a.example/#top", "https://[::1/", "https://a.example:port/",
        "https://a.example:0/", "https://a.example:99999/", "https://a.example/\u00e4", "https://a.example/\n",
        "https://a.example/" + "x" * 2031,
    ],
)  # fmt: skip
def test_no_other_address_is_kept(uri: str) -> None:
    with pytest.raises(refusals.InvalidUri) as refused:
        create(uri=uri)
    assert refused.value.field == "uri"


def test_an_address_has_2048_characters_at_most() -> None:
    longest = "https://a.example/" + "x" * 2030
    assert create(uri=longest).uri == longest
    assert create(uri="").uri is None


@pytest.mark.parametrize(
    ("told", "refusal", "field"),
    [
        ({"name": " "}, refusals.InvalidName, "name"),
        ({"name": "x" * 129}, refusals.InvalidName, "name"),
        ({"audience": "a b"}, refusals.InvalidAudience, "audience"),
        ({"audience": ""}, refusals.InvalidAudience, "audience"),
        ({"audience": "https://a.example/#top"}, refusals.InvalidAudience, "audience"),
        ({"audience": f"urn:logto:organization:{ORGANIZATION}"}, refusals.InvalidAudience, "audience"),
        ({"description": "x" * 1001}, refusals.InvalidDescription, "description"),
        ({"description": "a\x00"}, refusals.InvalidDescription, "description"),
    ],
)
def test_what_breaks_a_rule_is_neither_made_nor_changed_to(
    told: dict[str, Any], refusal: type[refusals.Refusal], field: str
) -> None:
    with pytest.raises(refusal) as refused:
        create(**told)
    assert refused.value.field == field
    resource = an_api_resource()
    with pytest.raises(refusal):
        changed(resource, **told)
    assert happened(resource) == []


def test_a_change_is_recorded_when_something_is_different() -> None:
    resource = an_api_resource()
    changed(resource)
    assert happened(resource) == []
    changed(resource, name="Sales", audience=AUDIENCE)
    event = the_event(resource)
    assert (event.TOPIC, event.organization, event.name, event.audience) == (
        "api_resource.changed", ORGANIZATION, "Sales", AUDIENCE,
    )  # fmt: skip
    assert event.touches == (f"api_resource:{resource.id}",)
    assert (resource.identifier, resource.name, resource.audience) == ("orders", "Sales", AUDIENCE)
    changed(resource, name="Sales")
    assert resource.audience is None


def test_a_resource_with_interfaces_is_not_deleted_alone() -> None:
    resource = an_api_resource()
    with pytest.raises(refusals.ApiResourceInUse):
        resource.delete(ROOT_APPLICATION, NOW, has_interfaces=True)
    resource.delete(ROOT_APPLICATION, NOW)
    event = the_event(resource)
    assert (event.TOPIC, event.organization) == ("api_resource.deleted", ORGANIZATION)
    assert event.touches == (f"api_resource:{resource.id}", f"organization-api-resources:{ORGANIZATION}")


def test_what_is_deleted_or_elsewhere_is_unknown() -> None:
    resource = an_api_resource()
    for by in (STRANGER, backend("all", organization=ELSEWHERE)):
        with pytest.raises(refusals.UnknownApiResource):
            changed(resource, by, name="Mine")
        with pytest.raises(refusals.UnknownApiResource):
            resource.delete(by, NOW)
    assert happened(resource) == []
    resource.delete(ROOT_APPLICATION, NOW)
    with pytest.raises(refusals.UnknownApiResource):
        changed(resource, name="Again")
    with pytest.raises(refusals.UnknownApiResource):
        resource.delete(ROOT_APPLICATION, NOW)
    with pytest.raises(refusals.UnknownApiResource):
        resource.require_known()
