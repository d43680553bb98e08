"""A revocation names an application, a user or an end user, and touches whatever it names."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.revocation import Revocation
from tests.domain.given import NOW, ORGANIZATION, STRANGER, backend, the_event

BY = backend("revoke_token")


def record(**named: Any) -> Revocation:
    values: dict[str, Any] = {
        "id": uuid4(),
        "organization": ORGANIZATION,
        "application": None,
        "user": None,
        "end_user": None,
        "before": None,
        "cascade": True,
        "reason": None,
        "by": BY,
        "now": NOW,
    }
    return Revocation.record(**values | named)


def test_a_revocation_names_something() -> None:
    with pytest.raises(refusals.NothingToRevoke):
        record(before=NOW)


def test_an_application_is_touched() -> None:
    application = uuid4()
    event = the_event(record(application=application, reason=" leaked "))
    assert event.touches == (f"revocation:application:{application}",)
    assert (event.reason, event.by, event.cascade) == ("leaked", BY.actor, True)


def test_a_user_is_touched() -> None:
    user = uuid4()
    assert the_event(record(user=user)).touches == (f"revocation:user:{user}",)


def test_an_end_user_is_touched_by_digest_within_the_organization() -> None:
    digest = sha256("Zoë".encode()).hexdigest()
    assert the_event(record(end_user="Zoë")).touches == (f"revocation:end-user:{ORGANIZATION}:{digest}",)


def test_everything_named_is_touched() -> None:
    assert len(the_event(record(application=uuid4(), user=uuid4(), end_user="7")).touches) == 3


@pytest.mark.parametrize("end_user", ["", "a" * 256, "a\x00b", "a\n", "\ud800"])
def test_an_end_user_has_1_to_255_printable_characters(end_user: str) -> None:
    record(end_user="a" * 255)
    with pytest.raises(refusals.InvalidEndUser):
        record(end_user=end_user)


def test_an_end_users_name_is_kept_as_given() -> None:
    assert the_event(record(end_user=" e\u0301 ")).end_user == " e\u0301 "


def test_nobody_revokes_elsewhere() -> None:
    with pytest.raises(refusals.UnknownAccount):
        record(user=uuid4(), by=STRANGER)
