"""A device waits for one answer of one person of its organization, and an approval is redeemed once, in time."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.device_authorization import DeviceAuthorization, Status
from tests.domain.given import ELSEWHERE, HOUR, INSTANT, NOW, ORGANIZATION, happened, settled, the_event

APPLICATION, USER, SESSION = uuid4(), uuid4(), uuid4()
END = NOW + HOUR


def a_device() -> DeviceAuthorization:
    return DeviceAuthorization.request(
        id=uuid4(),
        organization=ORGANIZATION,
        application=APPLICATION,
        scope="openid profile",
        audience="https://api.example.com",
        user_code_digest="0" * 64,
        digest="1" * 64,
        expires_at=END,
        now=NOW,
    )


def answer(**told: Any) -> dict[str, Any]:
    return {"user": USER, "organization": ORGANIZATION, "now": NOW} | told


def approve(device: DeviceAuthorization, **told: Any) -> None:
    device.approve(session=SESSION, authenticated_at=NOW, methods=("pwd",), **answer(**told))


def approved() -> DeviceAuthorization:
    device = a_device()
    approve(device)
    return settled(device)


def test_a_request_tells_what_the_device_may_have_and_no_code() -> None:
    device = a_device()
    event = the_event(device)
    assert (event.organization, event.application) == (ORGANIZATION, APPLICATION)
    assert (event.scope, event.audience, event.expires_at) == ("openid profile", "https://api.example.com", END)
    assert (event.user_code_digest, event.digest, event.touches) == ("0" * 64, "1" * 64, ())
    assert device.status is Status.PENDING


def test_an_approval_tells_who_gave_it_and_how_they_had_proved_themselves() -> None:
    device = settled(a_device())
    approve(device)
    event = the_event(device)
    assert (event.user, event.session, event.authenticated_at, event.methods) == (USER, SESSION, NOW, ["pwd"])
    assert event.scope is None
    assert (event.organization, event.application) == (ORGANIZATION, APPLICATION)
    assert device.status is Status.APPROVED


def test_an_approval_of_less_than_was_asked_for_says_so() -> None:
    device = settled(a_device())
    approve(device, scope="openid")
    assert the_event(device).scope == "openid"


def test_a_refusal_tells_whose_it_was() -> None:
    device = settled(a_device())
    device.deny(**answer())
    assert the_event(device).user == USER
    assert device.status is Status.DENIED


def test_a_device_is_answered_once() -> None:
    for first in (approve, lambda device: device.deny(**answer())):
        device = a_device()
        first(device)
        settled(device)
        with pytest.raises(refusals.DeviceAnswered):
            approve(device)
        with pytest.raises(refusals.DeviceAnswered):
            device.deny(**answer(user=uuid4()))
        assert happened(device) == []


def test_another_organizations_device_is_unknown() -> None:
    device = settled(a_device())
    with pytest.raises(refusals.UnknownDevice):
        approve(device, organization=ELSEWHERE)
    with pytest.raises(refusals.UnknownDevice):
        device.deny(**answer(organization=ELSEWHERE))
    assert happened(device) == []


def test_a_device_waits_until_its_expiry() -> None:
    approve(a_device(), now=END - INSTANT)
    a_device().deny(**answer(now=END - INSTANT))
    late = settled(a_device())
    with pytest.raises(refusals.UnknownDevice):
        approve(late, now=END)
    with pytest.raises(refusals.UnknownDevice):
        late.deny(**answer(now=END))
    assert happened(late) == []


def test_an_approval_is_redeemed_once() -> None:
    device, family = approved(), uuid4()
    device.redeem(family, END - INSTANT)
    assert the_event(device).family == family
    with pytest.raises(refusals.DeviceNotApproved):
        device.redeem(uuid4(), NOW)
    assert happened(device) == []


def test_what_was_not_approved_is_not_redeemed() -> None:
    denied = a_device()
    denied.deny(**answer())
    for device in (a_device(), denied):
        settled(device)
        with pytest.raises(refusals.DeviceNotApproved):
            device.redeem(uuid4(), NOW)
        assert happened(device) == []


def test_an_approval_is_worth_nothing_from_its_expiry_on() -> None:
    device = approved()
    with pytest.raises(refusals.UnknownDevice):
        device.redeem(uuid4(), END)
    assert happened(device) == []


@pytest.mark.parametrize("status", Status)
def test_what_a_read_model_remembers_is_enough_to_redeem(status: Status) -> None:
    id = UUID(int=7)
    device = DeviceAuthorization.recalled(
        id=id, version=2, organization=ORGANIZATION, application=APPLICATION, status=status, expires_at=END, at=NOW
    )
    if status is not Status.APPROVED:
        with pytest.raises(refusals.DeviceNotApproved):
            device.redeem(uuid4(), NOW)
        return
    device.redeem(uuid4(), NOW)
    event = the_event(device)
    assert (event.originator_id, event.originator_version) == (id, 3)
