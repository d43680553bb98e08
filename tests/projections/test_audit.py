"""The audit has one row for every event: who, what, and about whom, without anything personal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import EVENTS
from domain.caller import SYSTEM
from domain.revocation import Revocation
from projections import audit
from projections.model import Context
from tests.golden.format import files, load, read
from tests.projections.given import (
    APPLICATION,
    ORGANIZATION,
    ORIGIN,
    a_grant,
    a_member,
    a_token,
    a_user,
    an_account,
    an_application,
    an_approver,
    follow,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

MACHINE = replace(ORIGIN, actor=APPLICATION, client=APPLICATION)


async def test_the_rows_are_the_same_when_rebuilt(parts: StoreParts) -> None:
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    await save(parts, account, user, a_member(parts, account, user))
    await save(parts, a_token(parts, application=APPLICATION), origin=MACHINE)
    await follow(parts)
    assert len(await rows(parts, "audit")) == 4
    await same_when_rebuilt(parts, "audit")


async def test_whom_or_what_an_event_is_about(parts: StoreParts) -> None:
    account, user, application = an_account(parts, id=ORGANIZATION), a_user(parts), an_application(parts)
    grant = a_grant(parts, application, "read")
    grant.approve(an_approver(), parts.clock.now())
    told = {"user": None, "end_user": None, "before": None, "cascade": False, "reason": None}
    bulk = Revocation.record(
        id=uuid4(), organization=ORGANIZATION, application=application.id, by=SYSTEM, now=parts.clock.now(), **told
    )
    await save(parts, account, user, application, a_member(parts, account, user), grant, bulk)
    await follow(parts)
    found = [(row["topic"], row["subject"], row["account"]) for row in await rows(parts, "audit")]
    assert found == [
        ("account.created", account.id, account.id),
        ("user.created", user.id, None),
        ("application.registered", application.id, None),
        ("membership.added", user.id, account.id),
        ("grant.requested", grant.id, None),
        ("grant.approved", grant.id, None),
        ("revocation.recorded", application.id, None),
    ]


async def test_of_a_machines_own_token_the_client_alone_is_noted(parts: StoreParts) -> None:
    user = uuid4()
    for token, origin in (
        (a_token(parts, application=APPLICATION), MACHINE),
        (a_token(parts, application=APPLICATION, user=user), MACHINE),
        (a_token(parts, application=APPLICATION), replace(MACHINE, actor=user)),
        (a_token(parts, application=APPLICATION), replace(MACHINE, client=None)),
    ):
        await save(parts, token, origin=origin)
    await follow(parts)
    found = [(row["client"], row["actor"], row["subject"]) for row in await rows(parts, "audit")]
    assert found == [
        (APPLICATION, None, None),
        (APPLICATION, APPLICATION, user),
        (APPLICATION, user, APPLICATION),
        (None, APPLICATION, APPLICATION),
    ]


async def test_what_a_machine_does_to_itself_is_noted_in_full(parts: StoreParts) -> None:
    application = an_application(parts)
    await save(parts, application, origin=replace(MACHINE, actor=application.id, client=application.id))
    await follow(parts)
    [row] = await rows(parts, "audit")
    assert (row["client"], row["actor"], row["subject"]) == (application.id,) * 3


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_every_event_has_a_row_without_anything_personal(file: Any) -> None:
    event = load(read(file))
    context = Context(UUID(int=1), UUID(int=2), None, UUID(int=3))
    [(n, fact)] = audit.MODEL.facts(event, context, 7)
    assert n == 7
    assert {"organization", "actor", "subject", "topic"} <= fact.keys()
    assert fact["topic"] == event.TOPIC
    personal = [value for name in type(event).PERSONAL if (value := getattr(event, name)) is not None]
    assert personal or not type(event).PERSONAL
    for value in personal:
        assert str(value) not in str(fact)


def test_every_event_is_handled() -> None:
    assert audit.MODEL.handlers.keys() == EVENTS.keys()
