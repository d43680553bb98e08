from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = "https://files.test"


@pytest_asyncio.fixture(loop_scope="module")
async def asked(app):
    """An application, and the grant that another back end of its organization asks for."""
    organization = await app.organization()
    application = await app.application(organization=organization)
    asker = await app.manager(organization)
    body = {"application": application["id"], "audience": FILES, "scope": ["write", "read", "read"]}
    return application, asker, await app.made("/api/grants", body, asker)


async def test_a_right_is_asked_for_approved_used_and_revoked(app, asked):
    application, _, grant = asked
    assert (grant["status"], grant["scope"], grant["expires_at"]) == ("pending", ["read", "write"], None)
    path = f"/api/grants/{grant['id']}"
    client = (application["client_id"], application["secrets"][0]["secret"])
    with pytest.raises(AssertionError, match="invalid_target"):
        await app.token(*client, audience=FILES)

    approved = await app.call("POST", f"{path}/approve")
    assert (approved.status, approved.json["status"]) == (200, "approved")
    read = (await app.call("GET", path)).json
    assert {**read, **approved.json} == read
    assert read["decided_by"] not in (None, grant["requested_by"])
    assert await app.token(*client, audience=FILES, scope="read")

    revoked = await app.call("POST", f"{path}/revoke", json={"reason": "Over"})
    assert revoked.json["status"] == "revoked"
    assert (await app.call("GET", path)).json["reason"] == "Over"
    with pytest.raises(AssertionError, match="invalid_target"):
        await app.token(*client, audience=FILES)


async def test_nobody_approves_their_own_request(app, asked):
    application, asker, grant = asked
    path = f"/api/grants/{grant['id']}/approve"
    reply = await app.call("POST", path, asker)
    assert (reply.status, reply.json["code"]) == (403, "self_approval")
    mine = await app.made("/api/grants", {"application": application["id"], "audience": FILES, "scope": ["read"]})
    reply = await app.call("POST", f"/api/grants/{mine['id']}/approve")
    assert (reply.status, reply.json["code"]) == (403, "self_approval")


async def test_a_rejected_right_stays_rejected(app, asked):
    _, _, grant = asked
    path = f"/api/grants/{grant['id']}"
    reply = await app.call("POST", f"{path}/reject", json={"reason": "Too much"})
    assert (reply.status, reply.json["status"]) == (200, "rejected")
    for action, code in (("approve", "grant_not_pending"), ("revoke", "grant_not_effective")):
        reply = await app.call("POST", f"{path}/{action}")
        assert (reply.status, reply.json["code"]) == (409, code)
    assert (await app.call("GET", path)).json["reason"] == "Too much"


async def test_the_approver_may_shorten_a_right(app, asked):
    _, _, grant = asked
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    path = f"/api/grants/{grant['id']}/approve"
    past = await app.call("POST", path, json={"expires_at": "2001-01-01T00:00:00Z"})
    assert (past.status, past.json["code"]) == (400, "invalid_expiry")
    reply = await app.call("POST", path, json={"expires_at": soon})
    assert datetime.fromisoformat(reply.json["expires_at"]) == datetime.fromisoformat(soon)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"audience": "a b"}, 400, "invalid_audience"),
        ({"scope": ["a b"]}, 400, "invalid_scope"),
        ({"scope": "read"}, 400, "invalid_body"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, 400, "invalid_expiry"),
        ({"application": "01890000-0000-7000-8000-000000000000"}, 404, "unknown_application"),
        ({"application": None}, 400, "invalid_body"),
    ],
)
async def test_what_cannot_be_asked_for(app, asked, body, status, code):
    application, asker, _ = asked
    body = {"application": application["id"], "audience": FILES, "scope": ["read"], **body}
    reply = await app.call("POST", "/api/grants", asker, json=body)
    assert (reply.status, reply.json["code"]) == (status, code)


async def test_root_alone_asks_for_root(app, asked):
    application, asker, _ = asked
    body = {"application": application["id"], "audience": FILES, "scope": ["root"]}
    reply = await app.call("POST", "/api/grants", asker, json=body)
    assert (reply.status, reply.json["code"]) == (403, "root_required")


async def test_an_application_of_others_is_unknown(app, asked):
    application, _, _ = asked
    stranger = await app.manager(await app.organization("Other"))
    body = {"application": application["id"], "audience": FILES, "scope": ["read"]}
    reply = await app.call("POST", "/api/grants", stranger, json=body)
    assert (reply.status, reply.json["code"]) == (404, "unknown_application")
