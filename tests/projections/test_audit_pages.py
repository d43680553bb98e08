"""Auditors find every event by each of its sides, in the order of the log, and no page takes long."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from projections import audit_pages
from projections.audit import OFTEN
from projections.audit_ranges import Search, ranges
from service.store.log import read_page
from tests.projections.given import (
    APPLICATION,
    ORGANIZATION,
    ORIGIN,
    a_member,
    a_token,
    a_user,
    an_account,
    follow,
    save,
)

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

INSTANT = timedelta(microseconds=1)
IDS = [UUID(int=n) for n in range(1, 5)]
TOPICS = [*[OFTEN] * 9, "token.revoked", "user.created", "user.suspended", "account.created", "application.registered"]
SIDES = ("organization", "client", "actor", "subject", "account", "request_id", "topic", "kind", "stream")
LOG = """
INSERT INTO muniment.{table} (originator_id, originator_version, topic, state, notification_id, recorded_at,
                              organization, actor, client, request_id, causation)
VALUES ($1, $2, $3, '{{}}', $4, now(), $5, $6, $7, $8, $8)
"""
OWN_INDEX = {
    "organization": {"audit_organization"},
    "client": {"audit_client", "audit_own"},
    "actor": {"audit_actor", "audit_own"},
    "subject": {"audit_subject", "audit_own"},
    "account": {"audit_account"},
    "request_id": {"audit_request"},
    "rare topics": {"audit_topic"},
    "rare topics of an organization": {"audit_organization_topic"},
    "the commonest topic": {"audit_pkey"},
    "nothing": {"audit_pkey"},
}


async def positions(parts: StoreParts, *, newest_first: bool = False, limit: int = 99, **wanted: Any) -> list[int]:
    told = {"since": wanted.pop("since", None), "until": wanted.pop("until", None)}
    page = await audit_pages.page(parts.pool, wanted, newest_first=newest_first, limit=limit, **told)
    return [row["position"] for row in page.rows]


async def walked(parts: StoreParts, wanted: dict[str, Any], *, newest_first: bool, limit: int) -> tuple[list[Any], int]:
    """Return the rows of all pages, and how many pages there were."""
    rows, pages, bounds = [], 0, {"position_from": 0, "position_to": 10**9}
    while True:
        page = await audit_pages.page(
            parts.pool, {**wanted, **bounds}, since=None, until=None, newest_first=newest_first, limit=limit
        )
        rows += page.rows
        pages += 1
        assert len(page.rows) <= limit
        if page.next is None:
            return rows, pages
        assert bounds["position_from"] <= page.next <= bounds["position_to"]
        bounds["position_to" if newest_first else "position_from"] = page.next + (-1 if newest_first else 1)


async def some_history(parts: StoreParts, random: Random, length: int) -> list[dict[str, Any]]:
    """Write events at random, with few ids for all sides, straight into the log and the audit; return them."""
    history: list[dict[str, Any]] = []
    facts, versions = [], dict.fromkeys(IDS, 0)
    for position in range(1, length + 1):
        topic = random.choice(TOPICS)
        table = "token_events" if topic.startswith("token.") else "events"
        client, stream = random.choice(IDS), random.choice(IDS[:2] if table == "events" else IDS[2:])
        actor, subject = (client if random.random() < 0.7 else random.choice(IDS) for _ in range(2))
        event = {
            "organization": random.choice(IDS), "client": client, "actor": actor, "subject": subject,
            "account": random.choice([*IDS, None, None]), "request_id": random.choice(IDS), "topic": topic,
            "kind": topic.split(".")[0], "stream": stream, "position": position,
        }  # fmt: skip
        versions[stream] += 1
        await parts.owner.execute(
            LOG.format(table=table), stream, versions[stream], topic, position, event["organization"], actor,
            client, event["request_id"],
        )  # fmt: skip
        fact = {name: event[name] and str(event[name]) for name in SIDES if name not in ("kind", "stream")}
        if topic == OFTEN and actor == client == subject:
            del fact["actor"], fact["subject"]
        facts.append({**fact, "n": position})
        history.append(event)
    await parts.owner.execute("SET search_path = models, muniment")
    await parts.owner.execute("SELECT apply_audit($1, $2)", json.dumps(facts), list(range(1, length + 1)))
    return history


async def test_an_event_is_found_by_each_of_its_sides(parts: StoreParts) -> None:
    actor, client, request = uuid4(), uuid4(), uuid4()
    account, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    await save(parts, account)
    await save(parts, user, origin=replace(ORIGIN, actor=actor, client=client, request_id=request))
    await save(parts, a_member(parts, account, user))
    token = a_token(parts)
    await save(parts, token, origin=replace(ORIGIN, actor=APPLICATION, client=APPLICATION))
    await follow(parts)
    for name, value, found in (
        ("actor", actor, [2]), ("client", client, [2]), ("request_id", request, [2]), ("subject", user.id, [2, 3]),
        ("account", account.id, [1, 3]), ("stream", account.id, [1]), ("kind", "membership", [3]),
        ("topic", "user.created", [2]), ("organization", ORGANIZATION, [1, 2, 3, 4]), ("organization", actor, []),
        ("actor", APPLICATION, [4]), ("client", APPLICATION, [4]), ("subject", APPLICATION, [4]),
        ("stream", token.id, [4]), ("kind", "token", [4]), ("topic", "token.issued", [4]),
    ):  # fmt: skip
        assert await positions(parts, **{name: value}) == found, name
    assert await positions(parts, subject=user.id, kind="user") == [2]
    assert await positions(parts, topic="user.created", kind="membership") == []
    assert await positions(parts) == [1, 2, 3, 4]
    assert await positions(parts, newest_first=True, limit=2) == [4, 3]
    assert await positions(parts, position_from=2, position_to=2) == [2]


async def test_a_row_tells_state_causation_and_while_it_is_kept_the_address(parts: StoreParts) -> None:
    await save(parts, an_account(parts))
    await save(parts, a_token(parts), origin=replace(ORIGIN, request_id=(request := parts.clock.new_id())))
    await follow(parts)
    await parts.pool.execute("INSERT INTO muniment.request_journal VALUES ($1, now(), '192.0.2.7', 'curl')", request)
    page = await audit_pages.page(parts.pool, {}, since=None, until=None, newest_first=False, limit=9)
    entries = await read_page(parts.pool, after=0, until=9, limit=9)
    told = ("position", "stream", "version", "topic", "state", "recorded_at", "organization", "actor", "client",
            "request_id", "causation")  # fmt: skip
    assert [tuple(row[name] for name in told) for row in page.rows] == [
        tuple(getattr(entry, name) for name in told) for entry in entries
    ]
    assert [row["kind"] for row in page.rows] == ["account", "token"]
    assert [(row["address"], row["user_agent"]) for row in page.rows] == [(None, None), ("192.0.2.7", "curl")]


async def test_a_time_range_includes_both_of_its_ends(parts: StoreParts) -> None:
    for _ in range(3):
        await save(parts, an_account(parts))
    await follow(parts)
    times = [entry.recorded_at for entry in await read_page(parts.pool, after=0, until=9, limit=9)]
    assert await positions(parts, since=times[1]) == [2, 3]
    assert await positions(parts, since=times[1] + INSTANT) == [3]
    assert await positions(parts, until=times[1]) == [1, 2]
    assert await positions(parts, until=times[1] - INSTANT) == [1]
    assert await positions(parts, since=times[1], until=times[1]) == [2]
    assert await positions(parts, since=times[2] + INSTANT) == []
    assert await positions(parts, since=times[0], position_from=3) == [3]
    assert await positions(parts, until=times[2], position_to=1) == [1]


@pytest.mark.parametrize("scanned", [1, 7, audit_pages.SCANNED])
async def test_pages_hold_exactly_what_was_asked_for_however_little_each_looks_at(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch, scanned: int
) -> None:
    monkeypatch.setattr(audit_pages, "SCANNED", scanned)
    random = Random(scanned)
    history = await some_history(parts, random, 120)
    values = {"topic": TOPICS, "kind": ["token", "user", "account"]}
    for _ in range(40):
        names = random.sample(SIDES, random.randint(0, 3))
        wanted = {name: random.choice(values.get(name, IDS)) for name in names}
        newest_first, limit = random.random() < 0.5, random.choice([1, 3, 50])
        expected = [event for event in history if all(event[name] == value for name, value in wanted.items())]
        found, _ = await walked(parts, wanted, newest_first=newest_first, limit=limit)
        shown = [{name: row[name] for name in (*SIDES, "position")} for row in found]
        assert shown == (expected[::-1] if newest_first else expected), (wanted, newest_first, limit)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_rare_combination_comes_in_short_pages_with_cursors(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch, *, newest_first: bool
) -> None:
    monkeypatch.setattr(audit_pages, "SCANNED", 10)
    history = await some_history(parts, Random(0), 90)
    mixed = {"organization": IDS[0], "request_id": IDS[1], "topic": OFTEN}
    expected = [event for event in history if all(event[name] == value for name, value in mixed.items())]
    of_request = [event for event in history if event["request_id"] == IDS[1]]
    found, pages = await walked(parts, mixed, newest_first=newest_first, limit=10)
    assert len(found) == len(expected) > 0
    assert pages == len(of_request) // 10 + 1
    nothing, pages = await walked(
        parts, {"account": IDS[2], "topic": OFTEN, "organization": uuid4()}, newest_first=newest_first, limit=5
    )
    assert nothing == []
    assert pages == len([event for event in history if event["account"] == IDS[2]]) // 10 + 1


def scans(plan: Any) -> list[Any]:
    """Return the nodes of a plan that read a table, and those that order rows."""
    nodes = [plan] if "Relation Name" in plan or "Sort" in plan["Node Type"] else []
    for part in plan.get("Plans", ()):
        nodes += scans(part)
    return nodes


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("case", OWN_INDEX)
async def test_each_filter_is_answered_from_an_index_of_its_own_in_its_order(
    parts: StoreParts, case: str, *, newest_first: bool
) -> None:
    await some_history(parts, Random(1), 30)
    await parts.owner.execute("ANALYZE models.audit")  # believes now that everything is on one page
    wanted: dict[str, Any] = {case: uuid4()}
    if "topic" in case:
        wanted = {"topics": [OFTEN] if case == "the commonest topic" else ["user.created", "user.deleted"]}
    if case == "rare topics of an organization":
        wanted["organization"] = uuid4()
    if case == "nothing":
        wanted = {}
    search = Search(wanted, 1, 10**9, newest_first, 50)
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute(audit_pages.PLAIN_PLANS)
        sql = "EXPLAIN (FORMAT json) " + search.hits([(part, 5_000) for part in ranges(wanted)])
        plan = json.loads(await connection.fetchval(sql, *search.parameters))[0]["Plan"]
        nodes = scans(plan)
    assert {node.get("Index Name") for node in nodes} == OWN_INDEX[case]
    assert all("position" in node["Index Cond"] for node in nodes)


async def test_the_events_of_a_stream_are_found_by_the_key_of_the_log(parts: StoreParts) -> None:
    await some_history(parts, Random(1), 30)
    search = Search({"stream": uuid4()}, 1, 10**9, newest_first=True, limit=50)
    async with parts.pool.acquire() as connection, connection.transaction():
        await connection.execute(audit_pages.PLAIN_PLANS)
        sql = "EXPLAIN (FORMAT json) " + search.hits([(part, 5_000) for part in ranges(search.wanted)])
        plan = json.loads(await connection.fetchval(sql, *search.parameters))[0]["Plan"]
        nodes = scans(plan)
    indexes = {node["Index Name"] for node in nodes}
    assert {"events_pkey", "audit_pkey"} < indexes
    assert all(name.endswith("pkey") for name in indexes)
