"""A third party is an application that somebody else than who submitted it approves, for a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals, third_party
from domain.application_settings import TokenFormat
from domain.consent import require_parties
from domain.third_party import Standing
from tests.domain.given import (
    HOUR,
    INSTANT,
    NOW,
    ROOT_APPLICATION,
    STRANGER,
    a_user,
    an_application,
    backend,
    happened,
    person,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.application import Application
    from domain.caller import Caller

CREATOR, APPROVER = person("write_app", "approve_grant"), person("approve_grant")
UNTIL = NOW + HOUR
SAID: dict[str, Any] = {"domain": "https://shop.example.com", "description": None, "scope_kinds": ["sso", "api"]}


def submitted(*permissions: str, **said: Any) -> Application:
    application = an_application(*permissions, kind="web")
    application.submit(**SAID | said, by=CREATOR, now=NOW)
    return settled(application)


def approved(*permissions: str, **said: Any) -> Application:
    application = submitted(*permissions, **said)
    application.approve(APPROVER, NOW, UNTIL)
    return settled(application)


def rejected() -> Application:
    application = submitted()
    application.reject(APPROVER, "No", NOW)
    return settled(application)


def resubmit(application: Application, by: Caller = CREATOR, at: Any = NOW, **changed: Any) -> None:
    settings = replace(application.settings, **{k: v for k, v in changed.items() if k not in SAID})
    said = SAID | {k: v for k, v in changed.items() if k in SAID}
    application.resubmit(settings, **said, by=by, now=at)


def test_an_application_of_ones_own_needs_nobodys_approval() -> None:
    application = an_application(kind="web")
    assert (application.standing, application.effective_until, application.submission) == (None, None, None)
    application.require_active(NOW)
    application.require_api()
    for command in (
        lambda: application.approve(APPROVER, NOW, UNTIL),
        lambda: application.reject(APPROVER, "No", NOW),
        lambda: resubmit(application),
    ):
        with pytest.raises(refusals.UnknownThirdParty):
            command()


def test_what_is_submitted_waits() -> None:
    application = an_application(kind="web")
    said = {"domain": " shop.example.com ", "description": " Books ", "scope_kinds": ["api", "sso", "api"]}
    application.submit(**said, by=CREATOR, now=NOW)  # type: ignore[arg-type]
    submission = application.submitted
    assert (submission.domain, submission.description, submission.scope_kinds) == (
        "shop.example.com", "Books", ("sso", "api"),
    )  # fmt: skip
    assert (submission.created_by, submission.submitted_by, submission.submitted_at) == (
        CREATOR.actor, CREATOR.actor, NOW,
    )  # fmt: skip
    assert (application.standing, application.effective_until) == (Standing.PENDING, None)
    event = the_event(application)
    assert (event.by, event.creator, event.scope_kinds) == (CREATOR.actor, CREATOR.actor, ("sso", "api"))
    assert event.touches == (f"application:{application.id}", f"revocation:application:{application.id}")


def test_only_what_can_keep_a_secret_and_has_people_is_submitted_and_once() -> None:
    for application in (an_application(kind="machine"), an_application(kind="spa"), submitted()):
        with pytest.raises(refusals.WrongClientKind):
            application.submit(**SAID, by=CREATOR, now=NOW)
        assert happened(application) == []


def test_nobody_puts_themselves_or_roots_application_under_approval() -> None:
    application = an_application(kind="web")
    with pytest.raises(refusals.OwnDeletion):
        application.submit(**SAID, by=backend("write_app", application=application.id), now=NOW)
    with pytest.raises(refusals.MissingPermission):
        an_application("root", kind="web").submit(**SAID, by=CREATOR, now=NOW)


@pytest.mark.parametrize(
    "domain",
    ["shop.example.com", "https://shop.example.com:8443/a/b?c=d", "http://例子.中国", "localhost:8080", "a" * 2048],
)
def test_a_domain_is_a_host_or_an_address(domain: str) -> None:
    assert third_party.checked_domain(domain) == domain


@pytest.mark.parametrize(
    "domain",
    ["", " ", "javascript:alert(1)", "ftp://shop.example.com", "https://", "https://bank.com@shop.example.com",
     "shop example", "shop.example.com/<script>", "a" * 2049, "a\nb", "//shop.example.com", "shop\u202emoc"],
)  # fmt: skip
def test_a_domain_is_nothing_else(domain: str) -> None:
    with pytest.raises(refusals.InvalidDomain):
        third_party.checked_domain(domain)


@pytest.mark.parametrize("kinds", [[], ["sso", "all"], ["SSO"], [""]])
def test_a_third_party_is_for_something(kinds: list[str]) -> None:
    with pytest.raises(refusals.InvalidScopeKind):
        an_application(kind="web").submit(**SAID | {"scope_kinds": kinds}, by=CREATOR, now=NOW)


@pytest.mark.parametrize("identifier", ["shop", "S", "a_1", "a" * 128])
def test_an_identifier_begins_with_a_letter(identifier: str) -> None:
    assert third_party.identifier(identifier) == identifier


@pytest.mark.parametrize("identifier", ["", "1shop", "_shop", "my-shop", "shop ", "shöp", "a" * 129, "shop\n"])
def test_an_identifier_has_letters_digits_and_underscores(identifier: str) -> None:
    with pytest.raises(refusals.InvalidIdentifier):
        third_party.identifier(identifier)


def test_an_approved_third_party_is_in_effect_until_its_approval_ends() -> None:
    application = approved()
    assert (application.standing, application.effective_until) == (Standing.EFFECTIVE, UNTIL)
    assert (application.submitted.decided_by, application.submitted.decided_at) == (APPROVER.actor, NOW)
    application.require_active(UNTIL - INSTANT)
    assert application.submitted.status(UNTIL - INSTANT) == "effective"
    with pytest.raises(refusals.ApplicationNotActive):
        application.require_active(UNTIL)
    assert application.submitted.status(UNTIL) == "expired"


def test_nothing_but_an_approval_that_counts_lets_a_third_party_be_used() -> None:
    for application in (submitted(), rejected()):
        with pytest.raises(refusals.ApplicationNotActive):
            application.require_active(NOW)
        with pytest.raises(refusals.ApplicationNotActive):
            require_parties(a_user(), application, NOW)
    application = approved()
    require_parties(a_user(), application, NOW)
    application.disable(backend("write_app"), NOW)
    with pytest.raises(refusals.ApplicationNotActive):
        application.require_active(NOW)
    application.enable(APPROVER, NOW)
    application.require_active(NOW)


def test_enabling_is_no_approval() -> None:
    for application in (submitted(), rejected()):
        application.disable(CREATOR, NOW)
        application.enable(APPROVER, NOW)
        with pytest.raises(refusals.ApplicationNotActive):
            application.require_active(NOW)


def test_what_was_taken_out_of_use_is_enabled_by_those_who_could_approve_it() -> None:
    application = approved()
    application.disable(APPROVER, NOW)
    settled(application)
    with pytest.raises(refusals.SelfApproval):
        application.enable(CREATOR, NOW)
    with pytest.raises(refusals.MissingPermission):
        application.enable(backend("write_app"), NOW)
    assert happened(application) == []
    application.enable(person("approve_grant"), NOW)
    application.enable(CREATOR, NOW)  # it is
    application.require_active(NOW)


def test_an_approval_tells_who_and_until_when() -> None:
    application = submitted()
    application.approve(APPROVER, NOW, UNTIL)
    event = the_event(application)
    assert (event.TOPIC, event.approver, event.expires_at) == ("application.approved", APPROVER.actor, UNTIL)
    assert event.touches == (f"application:{application.id}",)


@pytest.mark.parametrize("expires_at", [NOW, NOW - HOUR])
def test_an_approval_ends_in_the_future(expires_at: Any) -> None:
    application = submitted()
    with pytest.raises(refusals.InvalidExpiry):
        application.approve(APPROVER, NOW, expires_at)
    application.approve(APPROVER, NOW, NOW + INSTANT)


DECISIONS: list[Callable[[Application, Caller], None]] = [
    lambda application, by: application.approve(by, NOW, UNTIL),
    lambda application, by: application.reject(by, "No", NOW),
]
decisions = pytest.mark.parametrize("decide", DECISIONS, ids=["approve", "reject"])


@decisions
def test_nobody_decides_about_what_they_made_or_submitted(decide: Callable[[Application, Caller], None]) -> None:
    application = submitted()
    for by in (CREATOR, replace(CREATOR, permissions=frozenset({"root", "all"}))):
        with pytest.raises(refusals.SelfApproval):
            decide(application, by)
    resubmit(application, by=ROOT_APPLICATION)
    settled(application)
    for by in (CREATOR, ROOT_APPLICATION):
        with pytest.raises(refusals.SelfApproval):
            decide(application, by)
    assert happened(application) == []
    decide(application, APPROVER)


@decisions
def test_a_third_party_decides_nothing_about_itself(decide: Callable[[Application, Caller], None]) -> None:
    application = submitted()
    itself = backend("approve_grant", application=application.id)
    through_it = replace(person("approve_grant"), application=application.id)
    for by in (itself, through_it):
        with pytest.raises(refusals.SelfApproval):
            decide(application, by)
    assert happened(application) == []


@decisions
def test_who_decides_holds_the_permission(decide: Callable[[Application, Caller], None]) -> None:
    application = submitted()
    with pytest.raises(refusals.MissingPermission):
        decide(application, person("write_app"))
    decide(application, person("all"))


@decisions
def test_another_organizations_third_party_is_unknown(decide: Callable[[Application, Caller], None]) -> None:
    with pytest.raises(refusals.UnknownApplication):
        decide(submitted(), STRANGER)
    gone = submitted()
    gone.delete(CREATOR, NOW)
    with pytest.raises(refusals.UnknownApplication):
        decide(gone, APPROVER)


def test_nobody_approves_more_than_they_could_give() -> None:
    application = an_application("all", kind="web")
    application.submit(**SAID, by=CREATOR, now=NOW)
    with pytest.raises(refusals.MissingPermission):
        application.approve(APPROVER, NOW, UNTIL)
    application.approve(person("all"), NOW, UNTIL)


def test_only_what_waits_is_approved() -> None:
    for application in (approved(), rejected()):
        with pytest.raises(refusals.ThirdPartyNotPending):
            application.approve(person("all"), NOW, UNTIL)
        assert happened(application) == []


def test_whether_people_give_it_their_passwords_is_decided_at_each_approval() -> None:
    application = submitted()
    application.approve(APPROVER, NOW, UNTIL, trusted=True)
    assert happened(application) == ["application.updated", "application.approved"]
    assert application.settings.trusted
    resubmit(application, at=UNTIL)
    assert not application.settings.trusted
    resubmit(application, at=UNTIL, trusted=True)
    assert not application.settings.trusted


def test_what_waits_or_is_in_effect_can_be_rejected_with_a_reason() -> None:
    for application in (submitted(), approved()):
        application.reject(APPROVER, " Unknown company ", NOW)
        event = the_event(application)
        assert (event.TOPIC, event.by, event.reason) == ("application.rejected", APPROVER.actor, "Unknown company")
        assert event.touches == (f"application:{application.id}", f"revocation:application:{application.id}")
        assert (application.standing, application.effective_until) == (Standing.REJECTED, None)
        assert (application.submitted.cause, application.submitted.decided_by) == ("Unknown company", APPROVER.actor)


def test_what_was_rejected_stays_so() -> None:
    application = rejected()
    application.reject(person("approve_grant"), "Again", NOW)
    assert happened(application) == []
    assert application.submitted.cause == "No"


def test_an_approval_that_has_expired_is_not_taken_back() -> None:
    application = approved()
    with pytest.raises(refusals.ThirdPartyNotEffective):
        application.reject(APPROVER, "No", UNTIL)
    application.reject(APPROVER, "No", UNTIL - INSTANT)


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [("", refusals.ReasonMissing), (" ", refusals.ReasonMissing), ("a" * 501, refusals.InvalidReason)],
)
def test_a_rejection_has_a_reason(reason: str, refusal: type[refusals.Refusal]) -> None:
    application = submitted()
    with pytest.raises(refusal):
        application.reject(APPROVER, reason, NOW)
    assert happened(application) == []


def test_what_is_not_in_effect_can_be_changed_and_submitted_again() -> None:
    for application, at in ((submitted(), NOW), (rejected(), NOW), (approved(), UNTIL)):
        resubmit(application, at=at, name="Shop 2", scope_kinds=["sso"], domain="shop2.example.com")
        assert happened(application) == ["application.updated", "application.submitted"]
        assert (application.standing, application.settings.name) == (Standing.PENDING, "Shop 2")
        submission = application.submitted
        assert (submission.domain, submission.scope_kinds, submission.submitted_at) == (
            "shop2.example.com", ("sso",), at,
        )  # fmt: skip
        assert (submission.decided_by, submission.cause, submission.effective_until) == (None, None, None)


def test_a_third_party_in_effect_is_not_submitted_again() -> None:
    application = approved()
    with pytest.raises(refusals.ThirdPartyEffective):
        resubmit(application, at=UNTIL - INSTANT)
    assert happened(application) == []


def test_only_its_creator_and_root_submit_a_third_party_again() -> None:
    application = rejected()
    for by in (APPROVER, person("all")):
        with pytest.raises(refusals.CreatorRequired):
            resubmit(application, by=by)
    with pytest.raises(refusals.UnknownApplication):
        resubmit(application, by=STRANGER)
    assert happened(application) == []
    resubmit(application, by=ROOT_APPLICATION)
    assert application.submitted.created_by == CREATOR.actor
    assert application.submitted.submitted_by == ROOT_APPLICATION.actor


def test_whoever_submits_again_gives_no_more_than_they_could() -> None:
    application = rejected()
    with pytest.raises(refusals.RootRequired):
        resubmit(application, permissions=["root"])
    with pytest.raises(refusals.MissingPermission):
        resubmit(application, permissions=["all"])
    assert happened(application) == []


@pytest.mark.parametrize("given", [submitted, approved, rejected])
def test_only_those_who_could_have_approved_it_change_a_third_party(given: Callable[[], Application]) -> None:
    application = given()
    settings = replace(application.settings, token_format=TokenFormat.OPAQUE)
    with pytest.raises(refusals.SelfApproval):
        application.update(settings, CREATOR, NOW)
    with pytest.raises(refusals.MissingPermission):
        application.update(settings, person("write_app"), NOW)
    assert happened(application) == []
    application.update(application.settings, person("write_app"), NOW)  # nothing is different
    application.update(settings, APPROVER, NOW)
    assert happened(application) == ["application.updated"]


def add_secret(application: Application, by: Caller, at: Any = NOW) -> None:
    application.add_secret(uuid4(), "first", "0" * 64, "wxyz", None, by=by, now=at)


def test_a_third_party_gets_another_secret_while_it_is_in_effect() -> None:
    for application, at in ((submitted(), NOW), (rejected(), NOW), (approved(), UNTIL)):
        with pytest.raises(refusals.ThirdPartyNotEffective):
            add_secret(application, CREATOR, at)
        assert happened(application) == []
    for by in (CREATOR, APPROVER):
        add_secret(approved(), by, UNTIL - INSTANT)


def test_only_its_creator_and_those_who_approve_make_a_third_partys_secrets() -> None:
    application = approved()
    with pytest.raises(refusals.CreatorRequired):
        add_secret(application, person("write_app"))
    assert happened(application) == []
    powerful = an_application("all", kind="web")
    powerful.submit(**SAID, by=CREATOR, now=NOW)
    powerful.approve(person("all"), NOW, UNTIL)
    with pytest.raises(refusals.MissingPermission):
        add_secret(powerful, CREATOR)


def test_a_third_party_in_effect_is_deleted_only_by_force() -> None:
    application = approved()
    with pytest.raises(refusals.ThirdPartyEffective):
        application.delete(person("write_app"), UNTIL - INSTANT)
    assert happened(application) == []
    application.delete(person("write_app"), NOW, force=True)
    for other, at in ((submitted(), NOW), (rejected(), NOW), (approved(), UNTIL)):
        other.delete(person("write_app"), at)
        assert happened(other) == ["application.deleted"]


def test_who_only_signs_people_in_calls_no_interface() -> None:
    application = approved(scope_kinds=["sso"])
    with pytest.raises(refusals.SignInOnly):
        application.require_api()
    approved(scope_kinds=["api"]).require_api()
    assert not third_party.holds_interfaces(["sso"])
    assert third_party.holds_interfaces(["sso", "api"])
    assert third_party.holds_interfaces(None)


def test_a_scope_that_is_renamed_is_renamed_in_third_parties_too() -> None:
    application = approved("files")
    application.exchange_scope("files", "documents", NOW)
    assert application.settings.permissions == ["documents"]
