"""An application may call an interface once somebody else approved that, so often and for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals, third_party
from domain.caller import SYSTEM
from domain.interface_grant import InterfaceGrant, Status, guard, of_interface
from tests.domain.given import (
    ELSEWHERE,
    HOUR,
    INSTANT,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    an_api_resource,
    an_application,
    an_interface,
    backend,
    happened,
    person,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from datetime import datetime

    from domain.application import Application
    from domain.interface import Interface

REQUESTER, APPROVER = person("write_app", "approve_grant"), person("approve_grant")
YEAR = NOW + 8760 * HOUR


class Asked:
    """An application, an interface, and the grant that is asked for."""

    def __init__(self, application: Application | None = None, interface: Interface | None = None, **told: Any) -> None:
        self.application = application or an_application()
        self.interface = interface or an_interface(frequency=10, test_frequency=5)
        fields = {"frequency": None, "test_frequency": None, "expires_at": None, "by": REQUESTER, "now": NOW, **told}
        self.grant = InterfaceGrant.request(
            id=uuid4(), application=self.application, interface=self.interface, **fields
        )

    def approve(self, **told: Any) -> InterfaceGrant:
        fields = {"by": APPROVER, "now": NOW, "otherwise": YEAR, **told}
        self.grant.approve(application=self.application, interface=self.interface, **fields)
        return self.grant

    def again(self, **told: Any) -> bool:
        fields = {"frequency": None, "test_frequency": None, "expires_at": None, "by": REQUESTER, "now": NOW, **told}
        return self.grant.request_again(application=self.application, interface=self.interface, **fields)


def asked(**told: Any) -> Asked:
    it = Asked(**told)
    settled(it.grant)
    return it


def approved(**told: Any) -> Asked:
    it = asked()
    settled(it.approve(**told))
    return it


def rejected() -> Asked:
    it = asked()
    it.grant.reject(APPROVER, "No", NOW)
    settled(it.grant)
    return it


def a_third_party(*scope_kinds: str, until: datetime | None = None) -> Application:
    application = an_application(kind="web")
    application.submit(domain="shop.test", description=None, scope_kinds=scope_kinds or ["api"], by=REQUESTER, now=NOW)
    if until is not None:
        application.approve(APPROVER, NOW, until)
    return settled(application)


def test_a_request_names_whose_right_it_is_and_touches_what_may_be_there_only_once() -> None:
    it = Asked()
    event = the_event(it.grant)
    assert (event.organization, event.application, event.interface, event.resource) == (
        ORGANIZATION, it.application.id, it.interface.id, it.interface.resource,
    )  # fmt: skip
    assert (event.frequency, event.test_frequency, event.requested_by, event.expires_at) == (
        10, 5, REQUESTER.actor, None,
    )  # fmt: skip
    assert event.touches == (guard(it.application.id, it.interface.id), of_interface(it.interface.id))
    assert (it.grant.status, it.grant.requested_at) == (Status.PENDING, NOW)


def test_other_limits_than_the_interfaces_may_be_asked_for() -> None:
    grant = asked(frequency=1, test_frequency=2**31 - 1, expires_at=NOW + INSTANT).grant
    assert (grant.frequency, grant.test_frequency, grant.expires_at) == (1, 2**31 - 1, NOW + INSTANT)


@pytest.mark.parametrize("calls", [0, -1, 2**31])
@pytest.mark.parametrize("field", ["frequency", "test_frequency"])
def test_but_none_that_is_no_number_of_calls(field: str, calls: int) -> None:
    with pytest.raises(refusals.InvalidFrequency) as refused:
        asked(**{field: calls})
    assert refused.value.field == field
    it = asked()
    with pytest.raises(refusals.InvalidFrequency):
        it.approve(**{field: calls})
    assert happened(it.grant) == []


def test_nobody_asks_for_what_is_over_already() -> None:
    with pytest.raises(refusals.InvalidExpiry):
        asked(expires_at=NOW)


def test_an_application_that_is_gone_or_elsewhere_is_unknown() -> None:
    with pytest.raises(refusals.UnknownApplication):
        asked(by=STRANGER)
    application = an_application()
    application.delete(SYSTEM, NOW)
    with pytest.raises(refusals.UnknownApplication):
        asked(application=application)


def test_an_interface_that_is_gone_or_of_another_organization_is_unknown_to_root_too() -> None:
    gone = an_interface()
    gone.delete(SYSTEM, NOW)
    for interface in (gone, an_interface(an_api_resource(ELSEWHERE))):
        with pytest.raises(refusals.UnknownInterface):
            asked(interface=interface, by=ROOT_APPLICATION)


def test_a_third_party_is_in_effect_and_calls_interfaces_before_anything_is_asked_for_it() -> None:
    with pytest.raises(refusals.ThirdPartyNotEffective):
        asked(application=a_third_party())
    with pytest.raises(refusals.SignInOnly):
        asked(application=a_third_party("sso", until=YEAR))
    lasting = a_third_party("sso", "api", until=NOW + HOUR)
    asked(application=lasting, now=NOW + HOUR - INSTANT)
    with pytest.raises(refusals.ThirdPartyNotEffective):
        asked(application=lasting, now=NOW + HOUR)


def test_an_approval_puts_the_right_in_force_as_it_was_asked_for() -> None:
    it = asked(frequency=7, expires_at=NOW + HOUR)
    event = the_event(it.approve())
    assert (event.approver, event.frequency, event.test_frequency, event.expires_at) == (
        APPROVER.actor, 7, 5, NOW + HOUR,
    )  # fmt: skip
    assert event.touches == (guard(it.application.id, it.interface.id),)
    assert (it.grant.decided_by, it.grant.decided_at) == (APPROVER.actor, NOW)


def test_where_nobody_said_until_when_the_approval_says_so() -> None:
    assert approved().grant.expires_at == YEAR


def test_whoever_approves_may_give_less_or_more() -> None:
    grant = approved(frequency=99, test_frequency=1, expires_at=NOW + INSTANT).grant
    assert (grant.frequency, grant.test_frequency, grant.expires_at) == (99, 1, NOW + INSTANT)


def test_an_approval_counts_until_it_ends_and_no_longer() -> None:
    grant = approved(expires_at=NOW + HOUR).grant
    assert (grant.effective(NOW + HOUR - INSTANT), grant.effective(NOW + HOUR)) == (True, False)
    told = [third_party.status(grant.status, grant.expires_at, moment) for moment in (NOW + HOUR - INSTANT, NOW + HOUR)]
    assert told == ["effective", "expired"]


def test_nothing_is_approved_that_is_over() -> None:
    with pytest.raises(refusals.InvalidExpiry):
        asked().approve(expires_at=NOW)
    it = asked(expires_at=NOW + HOUR)
    with pytest.raises(refusals.GrantExpired):
        it.approve(now=NOW + HOUR)
    it.approve(now=NOW + HOUR, expires_at=NOW + 2 * HOUR)
    assert it.grant.expires_at == NOW + 2 * HOUR


@pytest.mark.parametrize("permissions", [("approve_grant",), ("root", "all")])
def test_nobody_approves_their_own_request(permissions: tuple[str, ...]) -> None:
    mine = person(*permissions, user=REQUESTER.actor)
    with pytest.raises(refusals.SelfApproval):
        asked().approve(by=mine)


def test_nor_does_the_application_that_would_profit() -> None:
    it = asked()
    with pytest.raises(refusals.SelfApproval):
        it.approve(by=backend("root", "all", application=it.application.id))


def test_nor_whoever_made_or_submitted_the_third_party() -> None:
    other = person("write_app")
    it = asked(application=a_third_party(until=YEAR), by=other)
    with pytest.raises(refusals.SelfApproval):
        it.approve(by=person("root", "all", user=REQUESTER.actor))
    it.approve()
    assert happened(it.grant) == ["interface_grant.approved"]


def test_only_those_who_decide_about_grants_approve_or_reject() -> None:
    it = asked()
    with pytest.raises(refusals.MissingPermission):
        it.approve(by=person("write_app"))
    with pytest.raises(refusals.MissingPermission):
        it.grant.reject(person("write_app"), "No", NOW)
    assert happened(it.grant) == []


@pytest.mark.parametrize("it", [approved, rejected])
def test_what_does_not_wait_is_not_approved(it: Any) -> None:
    with pytest.raises(refusals.GrantNotPending):
        it().approve()


def test_nothing_is_approved_for_what_is_gone_or_may_not_call() -> None:
    it = asked()
    it.interface.delete(SYSTEM, NOW)
    with pytest.raises(refusals.UnknownInterface):
        it.approve()
    it = asked()
    it.application.delete(SYSTEM, NOW)
    with pytest.raises(refusals.UnknownApplication):
        it.approve()
    it = asked(application=a_third_party(until=NOW + HOUR))
    with pytest.raises(refusals.ThirdPartyNotEffective):
        it.approve(now=NOW + HOUR)


def test_a_rejection_tells_why_and_the_right_is_not_in_force() -> None:
    it = asked(expires_at=NOW + HOUR)
    it.grant.reject(APPROVER, " Not needed ", NOW)
    event = the_event(it.grant)
    assert (event.by, event.reason) == (APPROVER.actor, "Not needed")
    assert (it.grant.status, it.grant.expires_at, it.grant.reason) == (Status.REJECTED, None, "Not needed")
    it.grant.reject(APPROVER, "Again", NOW)
    assert happened(it.grant) == []


def test_a_rejection_ends_a_right_that_is_in_force_but_none_that_has_expired() -> None:
    it = approved(expires_at=NOW + HOUR)
    with pytest.raises(refusals.GrantNotEffective):
        it.grant.reject(APPROVER, "Late", NOW + HOUR)
    it.grant.reject(APPROVER, "Misused", NOW + HOUR - INSTANT)
    assert not it.grant.effective(NOW + HOUR - INSTANT)


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [("", refusals.ReasonMissing), (" ", refusals.ReasonMissing), ("a\nb", refusals.InvalidReason)],
)
def test_nobody_is_rejected_without_a_reason(reason: str, refusal: type[refusals.Refusal]) -> None:
    with pytest.raises(refusal):
        asked().grant.reject(APPROVER, reason, NOW)


def test_what_was_rejected_may_be_asked_for_again_by_others_and_otherwise() -> None:
    it, other = rejected(), person("write_app")
    assert it.again(by=other, frequency=3, expires_at=NOW + HOUR, now=NOW + INSTANT)
    event = the_event(it.grant)
    assert (event.requested_by, event.frequency, event.test_frequency) == (other.actor, 3, 5)
    grant = it.grant
    assert (grant.status, grant.requested_at, grant.expires_at) == (Status.PENDING, NOW + INSTANT, NOW + HOUR)
    assert (grant.decided_by, grant.decided_at, grant.reason) == (None, None, None)
    with pytest.raises(refusals.SelfApproval):
        it.approve(by=person("approve_grant", user=other.actor))
    it.approve(by=REQUESTER)
    assert grant.status is Status.EFFECTIVE


def test_so_may_what_has_expired() -> None:
    it = approved(expires_at=NOW + HOUR)
    assert not it.again(now=NOW + HOUR - INSTANT)
    assert happened(it.grant) == []
    assert it.again(now=NOW + HOUR)
    assert not it.grant.effective(NOW + HOUR)


def test_what_waits_is_not_asked_for_twice() -> None:
    it = asked(frequency=1)
    assert not it.again(frequency=1000, by=person("root"))
    assert (happened(it.grant), it.grant.frequency, it.grant.requested_by) == ([], 1, REQUESTER.actor)


def test_asking_again_is_refused_as_asking_is() -> None:
    it = rejected()
    for told, refusal in (
        ({"by": STRANGER}, refusals.UnknownApplication),
        ({"expires_at": NOW}, refusals.InvalidExpiry),
        ({"frequency": 0}, refusals.InvalidFrequency),
    ):
        with pytest.raises(refusal):
            it.again(**told)
    it.interface.delete(SYSTEM, NOW)
    with pytest.raises(refusals.UnknownInterface):
        it.again()
    assert happened(it.grant) == []


@pytest.mark.parametrize("given", [asked, approved, rejected])
def test_whatever_was_decided_a_grant_can_be_deleted_once(given: Any) -> None:
    grant = given().grant
    grant.delete(REQUESTER, NOW)
    event = the_event(grant)
    assert (event.TOPIC, event.by) == ("interface_grant.deleted", REQUESTER.actor)
    for command in (lambda: grant.delete(SYSTEM, NOW), lambda: grant.reject(SYSTEM, "No", NOW)):
        with pytest.raises(refusals.UnknownInterfaceGrant):
            command()


def test_a_grant_ends_with_its_interface_once() -> None:
    grant = approved().grant
    grant.withdraw(SYSTEM, "The interface was deleted", NOW)
    grant.withdraw(SYSTEM, "The interface was deleted", NOW)
    event = the_event(grant)
    assert (event.TOPIC, event.reason, event.by) == (
        "interface_grant.withdrawn", "The interface was deleted", UUID(int=0),
    )  # fmt: skip
    with pytest.raises(refusals.UnknownInterfaceGrant):
        grant.require_known(SYSTEM)


def test_another_organizations_grant_is_unknown() -> None:
    it = asked()
    commands = (
        lambda: it.approve(by=STRANGER),
        lambda: it.grant.reject(STRANGER, "No", NOW),
        lambda: it.grant.delete(STRANGER, NOW),
    )
    for command in commands:
        with pytest.raises(refusals.UnknownInterfaceGrant):
            command()
    assert happened(it.grant) == []
