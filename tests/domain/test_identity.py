"""Identities: one person at a provider, told of under the user's own key, and over once they are unlinked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.identity import DETAILS_LIMIT, LIMIT, EnterpriseIdentity, Identity
from tests.domain.given import NOW, a_user, happened, settled, the_event

if TYPE_CHECKING:
    from domain.user import User

ISSUER = "https://idp.acme.example"


def link(user: User | None = None, **told: Any) -> Identity:
    fields = {"target": "github", "connector": None, "person": "42", "details": {"id": "42"}, "others": 0}
    return Identity.link(id=uuid4(), user=user or a_user(), now=NOW, **{**fields, **told})


def link_enterprise(user: User | None = None, **told: Any) -> EnterpriseIdentity:
    fields = {"connector": "acme", "issuer": ISSUER, "identity_id": "ada", "detail": {"name": "Ada"}, "others": 0}
    return EnterpriseIdentity.link(id=uuid4(), user=user or a_user(), now=NOW, **{**fields, **told})


def test_an_identity_is_sealed_under_its_users_key_and_stands_on_the_guard_of_their_identities() -> None:
    user = a_user()
    linked = link(user)
    enterprise = link_enterprise(user)
    for each, personal in ((linked, {"person", "details"}), (enterprise, {"identity_id", "detail"})):
        event = the_event(each)
        assert event.subject == user.id
        assert event.touches == (f"user-identities:{user.id}",)
        assert set(event.PERSONAL) == personal
        assert (event.organization, event.user) == (user.organization, user.id)


@pytest.mark.parametrize("target", ["github", "a", "0x", "feishu-web", "wechat.native", "a" * 64])
def test_a_target_is_a_word_as_connectors_have_them(target: str) -> None:
    assert link(target=target).target == target


@pytest.mark.parametrize("target", ["", "GitHub", "git hub", "-github", "git/hub", "a" * 65, "github\n", "гитхаб"])
def test_no_other_text_is_a_target(target: str) -> None:
    with pytest.raises(refusals.InvalidTarget):
        link(target=target)


@pytest.mark.parametrize("person", ["x", " x ", "\N{LATIN SMALL LETTER E}\N{COMBINING ACUTE ACCENT}", "a" * 256])
def test_whom_a_provider_knows_is_taken_as_it_says(person: str) -> None:
    assert link(person=person).person == person


@pytest.mark.parametrize("person", ["", "a" * 257, "a\x00", "a\nb", "\ud800"])
def test_nobody_is_called_so(person: str) -> None:
    linked = settled(link())
    for command in (lambda: link(person=person), lambda: replace(linked, person=person)):
        with pytest.raises(refusals.InvalidIdentity) as refused:
            command()
        assert refused.value.field == "person"
    assert happened(linked) == []


def replace(identity: Identity, **told: Any) -> None:
    fields = {"connector": identity.connector, "person": identity.person, "details": identity.details}
    identity.replace(**{**fields, **told}, now=NOW)


def test_details_are_kept_up_to_64_kib_and_without_what_the_database_does_not_keep() -> None:
    fitting = {"a": "x" * (DETAILS_LIMIT - len('{"a":""}'))}
    assert link(details=fitting).details == fitting
    assert link(details={"a": "\\u0000", "b": [1, None, {"c": "\N{PILE OF POO}"}]}).details is not None
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for details in ({"a": fitting["a"] + "x"}, {"a": ["\x00"]}, {"\x00": 1}, {"a": "\ud800"}, deep):
        with pytest.raises(refusals.InvalidDetails):
            link(details=details)
    with pytest.raises(refusals.InvalidDetails):
        replace(link(), details={"a": "\x00"})


@pytest.mark.parametrize(
    "told",
    [{"person": "43"}, {"details": {"id": 42}}, {"details": None}, {"details": {}}, {"connector": uuid4()}],
    ids=["person", "details", "no details", "empty details", "connector"],
)
def test_whatever_is_new_replaces_all_of_what_was_known(told: dict[str, Any]) -> None:
    linked = settled(link())
    replace(linked, **told)
    assert happened(linked) == ["identity.replaced"]
    assert {name: getattr(linked, name) for name in told} == told


def test_one_is_not_true() -> None:
    linked = settled(link(details={"admin": 1}))
    replace(linked, details={"admin": True})
    assert happened(linked) == ["identity.replaced"]


def test_what_is_known_already_is_no_news() -> None:
    linked, enterprise = settled(link(details={"a": 1, "b": 2})), settled(link_enterprise())
    replace(linked, details={"b": 2, "a": 1})
    enterprise.replace(issuer=ISSUER, identity_id="ada", detail={"name": "Ada"}, now=NOW)
    assert happened(linked) == happened(enterprise) == []


def test_what_is_unlinked_is_over() -> None:
    linked, enterprise = settled(link()), settled(link_enterprise())
    linked.unlink(NOW)
    enterprise.unlink(NOW)
    assert (linked.person, linked.details) == (enterprise.identity_id, enterprise.detail) == (None, None)
    assert happened(linked) == ["identity.unlinked"]
    assert happened(enterprise) == ["enterprise_identity.unlinked"]
    for command in (lambda: linked.unlink(NOW), lambda: replace(linked, person="43")):
        with pytest.raises(refusals.UnknownIdentity):
            command()
    for command in (
        lambda: enterprise.unlink(NOW),
        lambda: enterprise.replace(issuer=ISSUER, identity_id="ada", detail={}, now=NOW),
    ):
        with pytest.raises(refusals.UnknownEnterpriseIdentity):
            command()


def test_nobody_has_more_than_a_hundred() -> None:
    for make in (link, link_enterprise):
        make(others=LIMIT - 1)
        with pytest.raises(refusals.TooMany):
            make(others=LIMIT)


def test_a_user_who_is_gone_is_linked_with_nobody() -> None:
    user = a_user()
    user.delete(SYSTEM, NOW)
    for make in (link, link_enterprise):
        with pytest.raises(refusals.UnknownUser):
            make(user)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"connector": ""}, "connector"),
        ({"connector": "a b"}, "connector"),
        ({"connector": "a" * 129}, "connector"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "a" * 257}, "issuer"),
        ({"identity_id": ""}, "identity_id"),
        ({"identity_id": "a" * 129}, "identity_id"),
        ({"identity_id": "a\x7f"}, "identity_id"),
    ],
)
def test_an_enterprise_identity_keeps_to_its_limits(told: dict[str, Any], field: str) -> None:
    with pytest.raises(refusals.InvalidIdentity) as refused:
        link_enterprise(**told)
    assert refused.value.field == field


def test_an_enterprise_identity_may_become_another_one() -> None:
    enterprise = settled(link_enterprise())
    enterprise.replace(issuer="https://new.example", identity_id="a" * 128, detail={}, now=NOW)
    assert happened(enterprise) == ["enterprise_identity.replaced"]
    assert (enterprise.issuer, enterprise.identity_id, enterprise.detail) == ("https://new.example", "a" * 128, {})
    with pytest.raises(refusals.InvalidDetails) as refused:
        enterprise.replace(issuer=ISSUER, identity_id="ada", detail={"a": "\x00"}, now=NOW)
    assert refused.value.field == "detail"
