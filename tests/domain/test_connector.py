"""Connectors: their target never changes, a sender has a configuration, and what they are set up with stays theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.connector import Connector, Kind
from tests.domain.given import NOW, ORGANIZATION, ROOT_APPLICATION, STRANGER, backend, happened, settled, the_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.caller import Caller

CONFIG = {"clientId": "a", "clientSecret": "s"}
DESCRIBED: dict[str, Any] = {"target": None, "name": {}, "logo": None, "logo_dark": None}


def create(**told: Any) -> Connector:
    fields = {"type": "github-universal", "kind": Kind.SOCIAL, "target": "github", "config": CONFIG, "by": backend()}
    return Connector.create(id=uuid4(), organization=ORGANIZATION, now=NOW, **{**fields, **told})


def a_sender(**told: Any) -> Connector:
    return create(**{"type": "http-sms", "kind": Kind.SMS, "target": None, **told})


def test_a_connector_tells_type_kind_target_and_what_it_is_called() -> None:
    event = the_event(create(name={"zh": "\u7801", "en": " Git "}, logo="https://a.example/l.png", logo_dark=""))
    assert (event.organization, event.type, event.kind, event.target) == (
        ORGANIZATION, "github-universal", "Social", "github",
    )  # fmt: skip
    assert list(event.name.items()) == [("en", "Git"), ("zh", "\u7801")]
    assert (event.logo, event.logo_dark) == ("https://a.example/l.png", None)
    assert event.touches == (
        f"connector:{event.originator_id}",
        f"organization-connectors:{ORGANIZATION}",
        f"organization-contents:{ORGANIZATION}",
    )


def test_the_configuration_is_sealed_under_a_key_of_the_connectors_own() -> None:
    event = the_event(create())
    assert event.PERSONAL == Connector.Configured.PERSONAL == {"config"}
    assert event.subject == event.originator_id


def test_a_social_connector_may_wait_for_its_configuration_and_a_sender_may_not() -> None:
    assert create(config=None).config is None
    with pytest.raises(refusals.InvalidConnectorConfig):
        a_sender(config=None)


@pytest.mark.parametrize("target", ["", "GitHub", "-a", ".", "..", "a/b", "a b", "a\n", "\u00e4", "x" * 65])
def test_a_target_is_a_plain_word(target: str) -> None:
    with pytest.raises(refusals.InvalidTarget):
        create(target=target)


@pytest.mark.parametrize("target", ["a", "0", "my-provider_2.example", "x" * 64])
def test_plain_words_are_targets(target: str) -> None:
    assert create(target=target).target == target


def test_a_social_connector_needs_a_target_and_a_sender_has_none() -> None:
    with pytest.raises(refusals.TargetMissing):
        create(target=None)
    with pytest.raises(refusals.InvalidTarget):
        a_sender(target="sms")


@pytest.mark.parametrize(
    ("told", "refusal"),
    [
        ({"name": {"en": ""}}, refusals.InvalidName),
        ({"name": {"en": "a\x00"}}, refusals.InvalidName),
        ({"name": {"en": "x" * 129}}, refusals.InvalidName),
        ({"name": {"e": "a"}}, refusals.InvalidLocale),
        ({"name": {"en\n": "a"}}, refusals.InvalidLocale),
        ({"name": {f"a{chr(97 + n)}": "a" for n in range(21)}}, refusals.TooMany),
        ({"logo": "http://a.example/"}, refusals.InvalidPicture),
        ({"logo": "javascript:alert(1)"}, refusals.InvalidPicture),
        ({"logo_dark": "https://a.example/\n"}, refusals.InvalidPicture),
        ({"logo_dark": "https://a.example/" + "x" * 2031}, refusals.InvalidPicture),
    ],
)
def test_what_people_are_shown_is_well_formed(told: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        create(**told)
    connector = settled(create())
    with pytest.raises(refusal):
        connector.describe(**DESCRIBED | told, by=backend(), now=NOW)
    assert happened(connector) == []


def test_the_target_never_changes() -> None:
    connector = settled(create())
    for target in (None, "github"):
        connector.describe(**DESCRIBED | {"target": target}, by=backend(), now=NOW)
    assert happened(connector) == []
    with pytest.raises(refusals.TargetFixed):
        connector.describe(**DESCRIBED | {"target": "google"}, by=backend(), now=NOW)


def test_what_stays_the_same_does_not_happen() -> None:
    connector = settled(create())
    connector.configure(dict(CONFIG), backend(), NOW)
    connector.describe(**DESCRIBED, by=backend(), now=NOW)
    assert happened(connector) == []
    connector.configure({"clientId": "b"}, backend(), NOW)
    connector.describe(**DESCRIBED | {"name": {"en": "Git"}}, by=backend(), now=NOW)
    assert happened(connector) == ["connector.configured", "connector.described"]
    assert (connector.config, connector.name) == ({"clientId": "b"}, {"en": "Git"})


def test_who_decides_by_a_connector_decides_again_when_it_is_another_one_or_gone_and_not_for_its_name() -> None:
    connector = settled(create())
    connector.configure({}, backend(), NOW)
    connector.describe(**DESCRIBED | {"name": {"en": "Git"}}, by=backend(), now=NOW)
    connector.note_test(backend(), NOW)
    connector.delete(backend(), NOW)
    own, others = f"connector:{connector.id}", f"organization-connectors:{ORGANIZATION}"
    assert [event.touches for event in connector.pending_events] == [(own,), (), (), (own, others)]


@pytest.mark.parametrize(
    "command",
    [
        lambda connector, by: connector.configure({}, by, NOW),
        lambda connector, by: connector.describe(**DESCRIBED, by=by, now=NOW),
        lambda connector, by: connector.note_test(by, NOW),
        lambda connector, by: connector.delete(by, NOW),
    ],
)
def test_what_is_deleted_or_somebody_elses_is_not_there(command: Callable[[Connector, Caller], None]) -> None:
    gone = settled(create())
    gone.delete(backend(), NOW)
    for connector, by in ((gone, backend()), (settled(create()), STRANGER)):
        with pytest.raises(refusals.UnknownConnector):
            command(connector, by)


def test_a_connector_is_made_in_an_organization_that_its_maker_sees() -> None:
    with pytest.raises(refusals.UnknownAccount):
        create(by=STRANGER)
    assert create(by=ROOT_APPLICATION).organization == ORGANIZATION
