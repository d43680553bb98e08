"""The audit finds every event by who, what, when and about whom, in the order of the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import EVENTS
from domain.caller import SYSTEM
from domain.revocation import Revocation
from projections import audit
from projections.model import Context
from service.store.log import read_page
from tests.golden.format import files, load, read
from tests.projections.given import (
    ORGANIZATION,
    ORIGIN,
    a_grant,
    a_member,
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

INSTANT = timedelta(microseconds=1)


async def positions(parts: StoreParts, *, newest_first: bool = False, limit: int = 99, **wanted: Any) -> list[int]:
    told = {"since": wanted.pop("since", None), "until": wanted.pop("until", None)}
    page = await audit.page(parts.pool, wanted, newest_first=newest_first, limit=limit, **told)
    return [row["position"] for row in page]


async def test_an_event_is_found_by_each_of_its_sides(parts: StoreParts) -> None:
    actor, client, request = uuid4(), uuid4(), uuid4()
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    await save(parts, account)
    await save(parts, user, origin=replace(ORIGIN, actor=actor, client=client, request_id=request))
    await save(parts, a_member(parts, account, user))
    await follow(parts)
    for name, value, found in (
        ("actor", actor, [2]), ("client", client, [2]), ("request_id", request, [2]), ("subject", user.id, [2, 3]),
        ("account", account.id, [1, 3]), ("stream", account.id, [1]), ("kind", "membership", [3]),
        ("topic", "user.created", [2]), ("organization", ORGANIZATION, [1, 2, 3]), ("organization", actor, []),
    ):  # fmt: skip
        assert await positions(parts, **{name: value}) == found, name
    assert await positions(parts, subject=user.id, kind="user") == [2]
    assert await positions(parts) == [1, 2, 3]
    assert await positions(parts, newest_first=True, limit=2) == [3, 2]
    assert await positions(parts, position_from=2, position_to=2) == [2]
    await same_when_rebuilt(parts, "audit")


async def test_a_row_tells_state_causation_and_while_it_is_kept_the_address(parts: StoreParts) -> None:
    await save(parts, an_account(parts))
    await save(parts, an_account(parts), origin=replace(ORIGIN, request_id=(request := parts.clock.new_id())))
    await follow(parts)
    await parts.pool.execute("INSERT INTO muniment.request_journal VALUES ($1, now(), '192.0.2.7', 'curl')", request)
    first, second = await audit.page(parts.pool, {}, since=None, until=None, newest_first=False, limit=9)
    entries = await read_page(parts.pool, after=0, until=9, limit=9)
    assert [row["state"] for row in (first, second)] == [entry.state for entry in entries]
    assert [row["causation"] for row in (first, second)] == [entry.causation for entry in entries]
    assert [(row["address"], row["user_agent"]) for row in (first, second)] == [(None, None), ("192.0.2.7", "curl")]


async def test_a_time_range_includes_both_of_its_ends(parts: StoreParts) -> None:
    for _ in range(3):
        await save(parts, an_account(parts))
    await follow(parts)
    times = [row["recorded_at"] for row in await rows(parts, "audit")]
    assert await positions(parts, since=times[1]) == [2, 3]
    assert await positions(parts, since=times[1] + INSTANT) == [3]
    assert await positions(parts, until=times[1]) == [1, 2]
    assert await positions(parts, until=times[1] - INSTANT) == [1]
    assert await positions(parts, since=times[1], until=times[1]) == [2]
    assert await positions(parts, since=times[2] + INSTANT) == []
    assert await positions(parts, since=times[0], position_from=3) == [3]
    assert await positions(parts, until=times[2], position_to=1) == [1]


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


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_every_event_has_a_row_without_anything_personal(file: Any) -> None:
    event = load(read(file))
    context = Context(UUID(int=1), UUID(int=2), None, UUID(int=3))
    [(n, fact)] = audit.MODEL.facts(event, context, 7)
    assert n == 7
    assert fact["v"].keys() == audit.AUDIT.columns.keys()
    assert (fact["v"]["topic"], fact["v"]["kind"]) == (event.TOPIC, event.TOPIC.split(".")[0])
    for name in type(event).PERSONAL:
        assert str(getattr(event, name)) not in str(fact)


def test_every_event_is_handled() -> None:
    assert audit.MODEL.handlers.keys() == EVENTS.keys()
