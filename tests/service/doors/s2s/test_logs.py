"""Logs of operation (spec/melody.md section 4.6): for root alone; that they are shortened stays in the event log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.account import Account
from domain.session import Session
from domain.user import User
from service.store.decision import Origin
from tests.app_fixture import PATIENCE
from tests.service.doors.s2s.asking import said, server

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGS = ("email", "sms", "sign-in")
WRONG_TIME = (400, "deleteBefore must be present and in utc format")


async def mailed(manager, count: int):
    """Invite people, and return the log once their mails are in it."""
    for number in range(count):
        email = f"ada{number}@example.com"
        reply = await manager.call("POST", "/api/v1/users/invitations", {"email": email})
        assert reply.status == 200, reply.text
    async with asyncio.timeout(PATIENCE):
        while True:
            told = await manager.got("/api/v1/logs/email")
            if told["count"] == count and all(log["success"] for log in told["logs"]):
                return told["logs"]
            await asyncio.sleep(0.02)


async def test_mails_are_listed_newest_first_in_pages(app):
    manager = await server(app, "root")
    logs = await mailed(manager, 3)
    assert [log["receiver"] for log in logs] == [f"ada{number}@example.com" for number in (2, 1, 0)]
    assert logs[0].keys() == {"id", "success", "receiver", "response", "content", "createdAt", "updatedAt", "deletedAt"}
    page = await manager.got("/api/v1/logs/email", page_size="2", page_number="2")
    assert (page["logs"], page["count"]) == (logs[2:], 3)
    assert (await manager.got(f"/api/v1/logs/email/{logs[1]['id']}"))["log"] == logs[1]
    for wrong in (uuid4(), "1"):
        assert said(await manager.call("GET", f"/api/v1/logs/email/{wrong}")) == (404, "No such log")
    assert said(await manager.call("GET", f"/api/v1/logs/sms/{logs[1]['id']}")) == (404, "No such log")
    other = await server(app, "root")
    assert (await other.got("/api/v1/logs/email")) == {"logs": [], "count": 0}
    assert said(await other.call("GET", f"/api/v1/logs/email/{logs[1]['id']}")) == (404, "No such log")


async def test_a_log_is_shortened_and_that_is_kept(app):
    manager, other = await server(app, "root"), await server(app, "root")
    await mailed(manager, 1)
    kept = await mailed(other, 1)
    path = "/api/v1/logs/email"
    early = await manager.call("DELETE", path, params={"before": "2001-02-03 04:05:06"})
    assert early.status == 204
    assert (await manager.got(path))["count"] == 1
    reply = await manager.call("DELETE", path, params={"before": "2999-01-01T00:00:00.000Z"})
    assert (reply.status, reply.text) == (204, "")
    assert (await manager.got(path)) == {"logs": [], "count": 0}
    assert (await other.got(path))["logs"] == kept
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["organization"]) == ("log.purged", manager.organization)
    assert event["data"]["log"] == "email"


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    "query",
    [{}, {"before": ""}, {"before": "yesterday"}, {"before": "2026-01-01"}, {"before": "2026-01-01T00:00:00"},
     {"before": "2026-01-01T00:00:00+02:00"}, {"before": "2026-02-30T00:00:00Z"}, {"before": "2026-01-01T24:01:00Z"}],
)  # fmt: skip
async def test_a_time_that_is_missing_or_not_in_utc_deletes_nothing(app, log, query):
    manager = await server(app, "root")
    before = await manager.head()
    assert said(await manager.call("DELETE", f"/api/v1/logs/{log}", params=query)) == WRONG_TIME
    assert await manager.head() == before


@pytest.mark.parametrize("log", LOGS)
async def test_logs_are_for_root_alone(app, log):
    manager = await server(app, "all")
    for method, path in (
        ("GET", f"/api/v1/logs/{log}"),
        ("GET", f"/api/v1/logs/{log}/{uuid4()}"),
        ("DELETE", f"/api/v1/logs/{log}?before=2999-01-01T00:00:00Z"),
    ):
        assert said(await manager.call(method, path)) == (401, "Unauthorized")


async def signed_in(manager, user: str) -> None:
    """Let a user of the manager's sign in, as the sign-in page does once they proved who they are, and be known to."""
    store = manager.app.parts.store

    async def command(decision) -> None:
        now = store.clock.now()
        decision.organization = UUID(manager.organization)
        session = Session.start(
            id=store.clock.new_id(),
            user=await decision.peek(User, UUID(user)),
            organization=await decision.peek(Account, decision.organization),
            digest=uuid4().hex * 2,
            methods=("pwd",),
            expires_at=now + timedelta(hours=1),
            now=now,
        )
        decision.save(session)

    done = await store.decide(command, Origin(UUID(user), UUID(manager.organization), None, store.clock.new_id()))
    told = await manager.call("GET", "/api/v1/logs/sign-in", headers={"Muniment-At-Least": str(done.position)})
    assert told.status == 200, told.text


async def test_sign_ins_are_listed_newest_first_and_nobody_else_s(app):
    manager, other = await server(app, "root"), await server(app, "root")
    ada, bob = await manager.user(), await manager.user()
    for user in (ada, ada, bob):
        await signed_in(manager, user)
    told = await manager.got("/api/v1/logs/sign-in")
    assert ([log["userId"] for log in told["logs"]], told["count"]) == ([bob, ada, ada], 3)
    newest = told["logs"][0]
    assert newest.keys() == {"id", "userId", "ip", "detail", "createdAt", "updatedAt", "deletedAt"}
    assert (newest["detail"], newest["ip"]) == ("pwd", None)
    page = await manager.got("/api/v1/logs/sign-in", page_size="1", page_number="2")
    assert (page["logs"], page["count"]) == (told["logs"][1:2], 3)
    assert (await manager.got(f"/api/v1/logs/sign-in/{newest['id']}"))["log"] == newest
    assert said(await other.call("GET", f"/api/v1/logs/sign-in/{newest['id']}")) == (404, "No such log")
    assert (await other.got("/api/v1/logs/sign-in")) == {"logs": [], "count": 0}


async def test_the_log_of_sign_ins_is_shortened_and_that_is_kept(app):
    manager = await server(app, "root")
    await signed_in(manager, await manager.user())
    [log] = (await manager.got("/api/v1/logs/sign-in"))["logs"]
    reply = await manager.call("DELETE", "/api/v1/logs/sign-in", params={"before": "2026-01-01T00:00:00Z"})
    assert reply.status == 204
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["data"]["log"]) == ("log.purged", "sign-in")
    assert (await manager.got("/api/v1/logs/sign-in"))["logs"] == [log]
    reply = await manager.call("DELETE", "/api/v1/logs/sign-in", params={"before": "2999-01-01T00:00:00Z"})
    assert reply.status == 204
    await app.events(request_id=reply.headers["X-Request-Id"])
    assert (await manager.got("/api/v1/logs/sign-in")) == {"logs": [], "count": 0}
    assert said(await manager.call("GET", f"/api/v1/logs/sign-in/{log['id']}")) == (404, "No such log")
