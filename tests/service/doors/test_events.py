from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = {
    "position", "recorded_at", "topic", "kind", "stream", "version", "organization", "actor", "client", "subject",
    "account", "request_id", "causation", "address", "user_agent", "data", "personal",
}  # fmt: skip


async def test_an_event_tells_who_what_when_and_from_where_without_personal_data(app):
    application = await app.application()
    reply = await app.call(
        "POST",
        f"/api/applications/{application['id']}/users",
        json={"status": "active", "name": "Ada Lovelace"},
        headers={"User-Agent": "the tests"},
    )
    user = reply.json
    await asyncio.sleep(0.4)  # the journal is written a little later
    (event,) = await app.events(request_id=reply.headers["X-Request-Id"])
    assert set(event) == MEMBERS
    root = (await app.events(topic="application.registered", order="asc"))[0]["stream"]
    assert event == {
        **event,
        "position": reply.position, "topic": "user.created", "kind": "user", "stream": user["id"], "version": 1,
        "organization": user["organization_id"], "actor": root, "client": root, "subject": user["id"],
        "account": None, "address": "127.0.0.1", "user_agent": "the tests", "personal": ["name"],
    }  # fmt: skip
    assert event["data"] == {
        "organization": user["organization_id"], "application": application["id"], "status": "active",
    }  # fmt: skip
    assert event["recorded_at"].endswith("Z")


async def test_no_digest_of_a_secret_is_shown(app):
    application = await app.application()
    topics = set()
    for event in await app.events(limit=200):
        topics.add(event["topic"])
        assert not any(name.endswith("digest") for name in event["data"])
    assert {"application.secret_added", "token.issued"} <= topics
    (added,) = await app.events(stream=application["id"], topic="application.secret_added")
    assert set(added["data"]) == {"secret", "name", "hint", "expires_at"}


async def test_each_filter_finds_its_events_and_no_others(app):
    organization = await app.organization()
    application = await app.application(organization=organization, permissions=["all"])
    token = await app.token(application["client_id"], application["secrets"][0]["secret"])
    account = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Branch"}, token)
    user = await app.made(f"/api/applications/{application['id']}/users", {"status": "active"}, token)
    member = await app.made(f"/api/accounts/{account['id']}/members", {"user_id": user["id"], "role": "viewer"}, token)
    everything = await app.events(limit=200)
    for query, found in {
        ("actor", application["id"]): lambda e: e["actor"] == application["id"],
        ("client", application["id"]): lambda e: e["client"] == application["id"],
        ("subject", user["id"]): lambda e: e["subject"] == user["id"],
        ("account", account["id"]): lambda e: e["account"] == account["id"],
        ("stream", member["id"]): lambda e: e["stream"] == member["id"],
        ("kind", "membership"): lambda e: e["kind"] == "membership",
        ("topic", "user.created"): lambda e: e["topic"] == "user.created",
        ("organization", organization): lambda e: e["organization"] == organization,
    }.items():
        expected = [event["position"] for event in everything if found(event)]
        assert expected, query
        assert [event["position"] for event in await app.events(**{query[0]: query[1]}, limit=200)] == expected
    both = await app.events(kind="membership", subject=user["id"], account=account["id"])
    assert [event["topic"] for event in both] == ["membership.added"]
    assert await app.events(subject=account["id"], kind="grant") == []


@pytest.mark.asyncio(loop_scope="function")
async def test_times_and_positions_are_inclusive(fresh_app):
    await fresh_app.organization("One")
    await fresh_app.organization("Two")
    events = await fresh_app.events(order="asc", limit=200)
    middle = events[len(events) // 2]
    at, position = middle["recorded_at"], middle["position"]
    now = [e["position"] for e in await fresh_app.events(since=at, until=at)]
    assert now == [e["position"] for e in events[::-1] if e["recorded_at"] == at]
    assert [e["position"] for e in await fresh_app.events(**{"from": position, "to": position})] == [position]
    later = await fresh_app.events(**{"from": position}, order="asc", limit=200)
    assert [e["position"] for e in later] == [e["position"] for e in events if e["position"] >= position]
    zone = datetime.fromisoformat(at).astimezone(UTC) + timedelta(hours=5, minutes=45)
    nepal = zone.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+05:45"
    assert [e["position"] for e in await fresh_app.events(since=nepal, until=nepal)] == now
    assert await fresh_app.events(until="2001-01-01T00:00:00Z") == []
    assert await fresh_app.events(since="2999-01-01T00:00:00Z") == []


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_hold_every_event_once(fresh_app, order):
    for n in range(3):
        await fresh_app.organization(f"Number {n}")
    everything = await fresh_app.events(order=order, limit=200)
    positions = [event["position"] for event in everything]
    assert positions == sorted(positions, reverse=order == "desc")
    for limit in (1, 4, len(positions)):
        walked, cursor = [], {}
        while True:
            page = (await fresh_app.call("GET", "/api/events", params={"order": order, "limit": limit, **cursor})).json
            walked += [event["position"] for event in page["items"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert walked == positions


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_what_is_rare_comes_in_short_pages_whose_cursors_lead_on(fresh_app, monkeypatch, order):
    organization = await fresh_app.organization("Rare")
    await fresh_app.made(f"/api/accounts/{organization}/accounts", {"name": "Branch"})
    for n in range(4):
        await fresh_app.organization(f"Number {n}")
    everything = await fresh_app.events(order=order, limit=200)
    [root] = {e["actor"] for e in everything if e["organization"] == organization}
    wanted = {"actor": root, "organization": organization, "order": order}
    expected = [e["position"] for e in everything if e["organization"] == organization]
    assert len(expected) == 4
    monkeypatch.setattr("projections.audit_pages.SCANNED", 2)
    walked, sizes, cursor = [], [], {}
    while True:
        page = (await fresh_app.call("GET", "/api/events", params={**wanted, "limit": 2, **cursor})).json
        walked += [event["position"] for event in page["items"]]
        sizes.append(len(page["items"]))
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert walked == expected
    assert 0 in sizes[:-1]


async def test_auditors_see_their_own_organization_only(app):
    one, two = await app.organization("One"), await app.organization("Two")
    auditor = await app.manager(one, "read_audit")
    await app.made(f"/api/accounts/{two}/accounts", {"name": "Secret plans"})
    head = (await app.events(limit=1))[0]["position"]
    at_least = {"Muniment-At-Least": str(head)}
    reply = await app.call("GET", "/api/events", auditor, params={"limit": 200}, headers=at_least)
    assert {event["organization"] for event in reply.json["items"]} == {one}
    assert "Secret plans" not in reply.text
    assert (await app.call("GET", "/api/events", auditor, params={"account": two})).json["items"] == []
    assert (await app.call("GET", "/api/events", auditor, params={"organization": two})).status == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic", "user.exploded"),
        ("topic", ""),
        ("kind", "toaster"),
        ("kind", "user.created"),
        ("since", "yesterday"),
        ("since", "2026-01-01T00:00:00 02:00"),
        ("since", "2026-01-01T00:00:00"),
        ("from", "-1"),
        ("to", str(2**63)),
        ("cursor", "x"),
        ("order", "random"),
        ("limit", "201"),
        ("actor", "root"),
        ("client", "root"),
        ("first", "1"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(app, name, value):
    reply = await app.call("GET", "/api/events", params={name: value})
    assert (reply.status, reply.json["code"]) == (400, "invalid_query")
    assert reply.json["errors"][0]["field"] == name


async def test_a_reader_that_asks_for_a_position_sees_it(app):
    branches = f"/api/accounts/{await app.organization()}/accounts"
    for n in range(5):
        made = await app.call("POST", branches, json={"name": f"Number {n}"})
        reply = await app.call(
            "GET", "/api/events", params={"limit": 1}, headers={"Muniment-At-Least": str(made.position)}
        )
        assert reply.json["items"][0]["stream"] == made.json["id"]


async def test_a_model_that_does_not_come_so_far_is_not_waited_for_for_ever(app, monkeypatch):
    monkeypatch.setattr("service.http.consistency.WAIT_SECONDS", 0.1)

    async def stuck(*_):
        return 0

    monkeypatch.setattr("projections.registry.position", stuck)
    reply = await app.call("GET", "/api/events", headers={"Muniment-At-Least": "1"})
    assert (reply.status, reply.json["code"], reply.headers["Retry-After"]) == (503, "position_not_reached", "1")
