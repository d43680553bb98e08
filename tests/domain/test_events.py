"""Events keep to what is stored: permanent topics, plain fields, types that can be resolved at run time."""

from __future__ import annotations

from dataclasses import fields
from types import NoneType
from typing import TYPE_CHECKING, get_args, get_type_hints
from uuid import UUID

import pytest
from eventsourcing.domain import CanInitAggregate
from eventsourcing.utils import resolve_topic

from domain import AGGREGATES, EVENTS

if TYPE_CHECKING:
    from domain.event import Recorded

TOPICS = """
account.created account.deleted account.described account.features_changed account.profiled account.reinstated
account.renamed account.settings_changed account.suspended
api_resource.changed api_resource.created api_resource.deleted
application.approved application.deleted application.disabled application.enabled application.registered
application.rejected application.secret_added application.secret_retired application.submitted application.updated
connector.configured connector.created connector.deleted connector.described connector.tested
consent.extended consent.given consent.withdrawn
device.approved device.denied device.redeemed device.requested
authorization.issued authorization.redeemed authorization.replayed authorization.withdrawn
enterprise_identity.linked enterprise_identity.replaced enterprise_identity.unlinked
factor.added factor.removed factor.used
grant.approved grant.rejected grant.requested grant.revoked
group.created group.deleted group.renamed
group_membership.added group_membership.removed
identity.linked identity.replaced identity.unlinked
interface.changed interface.created interface.deleted
interface_grant.approved interface_grant.deleted interface_grant.rejected interface_grant.requested
interface_grant.requested_again interface_grant.withdrawn
invitation.accepted invitation.issued invitation.resent invitation.revoked
log.purged
membership.activated membership.added membership.deactivated membership.removed membership.role_changed
personal_access_token.deleted personal_access_token.issued personal_access_token.renamed
revocation.recorded
role.changed role.defined role.deleted
scope.changed scope.defined scope.deleted
session.authenticated session.ended session.started
signing_key.activated signing_key.introduced signing_key.retired
token.approved token.deleted token.described token.impersonated token.issued token.refreshed
token.reuse_detected token.revoked
user.activated user.created user.custom_data_changed user.deleted user.email_changed
user.email_verification_requested user.email_verified user.factor_required user.factor_waived user.linked
user.password_changed user.password_rehashed user.phone_changed user.profile_changed user.reinstated user.renamed
user.role_assigned user.role_unassigned user.sign_in_unlocked user.suspended user.unlinked user.username_changed
verification.consumed verification.missed verification.replaced verification.sent verification.spent
"""

every_event = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)


def test_the_topics_are_for_ever() -> None:
    assert sorted(EVENTS) == sorted(TOPICS.split())


@pytest.mark.parametrize("topic", EVENTS)
def test_a_topic_leads_to_its_event(topic: str) -> None:
    assert resolve_topic(topic) is EVENTS[topic]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_an_aggregates_topic_begins_the_topics_of_its_events(aggregate: type) -> None:
    topic: str = aggregate.TOPIC  # type: ignore[attr-defined]
    assert resolve_topic(topic) is aggregate
    assert any(known.startswith(f"{topic}.") for known in EVENTS)


@every_event
def test_the_type_of_every_field_can_be_resolved(event: type[Recorded]) -> None:
    hints = get_type_hints(event)
    assert hints["originator_id"] is UUID
    assert {field.name for field in fields(event)} <= hints.keys()  # type: ignore[arg-type]


@every_event
def test_what_an_event_tells_about_itself_is_no_field(event: type[Recorded]) -> None:
    names = {field.name for field in fields(event)}  # type: ignore[arg-type]
    assert names.isdisjoint({"touches", "shares", "subject", "PERSONAL", "SPARSE", "TOPIC", "class_version"})


@every_event
def test_a_first_event_carries_its_organization(event: type[Recorded]) -> None:
    names = {field.name for field in fields(event)}  # type: ignore[arg-type]
    assert not issubclass(event, CanInitAggregate) or "organization" in names


@every_event
def test_personal_fields_exist_and_may_be_destroyed(event: type[Recorded]) -> None:
    hints = get_type_hints(event)
    for name in event.PERSONAL:
        assert NoneType in get_args(hints[name])
