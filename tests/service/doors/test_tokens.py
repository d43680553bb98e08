from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def holder(app):
    """A back end that may read roles, and a way to get its tokens."""
    made = await app.application(permissions=["read_role"], organization=await app.organization())

    async def token():
        return await app.token(made["client_id"], made["secrets"][0]["secret"])

    return made, token


async def works(app, token) -> bool:
    return (await app.call("GET", "/api/roles", token)).status == 200


async def test_all_tokens_of_an_application_end_at_once_and_later_ones_live(app, holder):
    made, token = holder
    before = [await token() for _ in range(3)]
    reply = await app.call("POST", "/api/tokens/revoke", json={"application": made["id"], "reason": "Leaked"})
    assert reply.status == 200
    assert reply.json == {
        "id": reply.json["id"], "organization": made["organization"], "application": made["id"], "user": None,
        "end_user": None, "before": None, "cascade": True, "recorded_at": reply.json["recorded_at"],
    }  # fmt: skip
    assert [await works(app, one) for one in before] == [False] * 3
    assert await works(app, await token())


async def test_before_a_time_spares_what_came_later(app, holder):
    made, token = holder
    old = await token()
    between = datetime.now(UTC).astimezone(tz=None)
    new = await token()
    east = between.astimezone(UTC) + timedelta(hours=9)
    text = east.strftime("%Y-%m-%dT%H:%M:%S.%f") + "+09:00"
    await app.made("/api/tokens/revoke", {"application": made["id"], "before": text})
    assert [await works(app, one) for one in (old, new)] == [False, True]


async def test_a_users_tokens_end(app, holder):
    made, _ = holder
    user = await app.made(f"/api/applications/{made['id']}/users", {"status": "active"})
    token = await app.issued(made, scope="read_role", user=user["id"])
    assert await works(app, token)
    await app.made("/api/tokens/revoke", {"user": user["id"]})
    assert not await works(app, token)


async def test_something_has_to_be_named(app):
    for body in ({}, {"reason": "because"}, {"before": "2020-01-01T00:00:00Z"}):
        reply = await app.call("POST", "/api/tokens/revoke", json=body)
        assert (reply.status, reply.json["code"]) == (400, "nothing_to_revoke")


async def test_tokens_of_others_are_out_of_reach(app, holder):
    made, token = holder
    alive = await token()
    stranger = await app.manager(await app.organization("Other"))
    user = await app.made(f"/api/applications/{made['id']}/users", {"status": "active"})
    for body, code in (
        ({"application": made["id"]}, "unknown_application"),
        ({"user": user["id"]}, "unknown_user"),
        ({"application": made["id"], "organization": made["organization"]}, "unknown_account"),
        ({"end_user": "x", "organization": made["organization"]}, "unknown_account"),
    ):
        reply = await app.call("POST", "/api/tokens/revoke", stranger, json=body)
        assert (reply.status, reply.json["code"]) == (404, code)
    assert (await app.call("POST", "/api/tokens/revoke", stranger, json={"end_user": "x"})).status == 200
    assert await works(app, alive)


@pytest.mark.parametrize("end_user", ["", "x" * 256, "a\nb"])
async def test_an_end_user_is_a_short_line(app, end_user):
    reply = await app.call("POST", "/api/tokens/revoke", json={"end_user": end_user})
    assert (reply.status, reply.json["code"]) == (400, "invalid_end_user")
