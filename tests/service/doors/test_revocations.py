"""/api/tokens/revoke: many tokens end by one event, and the answer says how many, up to a thousand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE
from tests.service.oauth.redeeming import alive

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
        "tokens": 3, "more": False,
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
    assert await alive(app, token)
    await app.made("/api/tokens/revoke", {"user": user["id"]})
    assert not await alive(app, token)


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


async def served(app, made, end_user: str | None) -> str:
    """Return a token of an application that names an end user in a header."""
    headers = {} if end_user is None else {"X-Served": end_user}
    body = {"grant_type": "client_credentials", "audience": AUDIENCE, "client_id": made["client_id"]}
    body["client_secret"] = made["secrets"][0]["secret"]
    reply = await app.call("POST", "/oauth2/token", "", json=body, headers=headers)
    assert reply.status == 200, reply.text
    return reply.json["access_token"]


async def two_applications(app):
    organization = await app.organization()
    settings = {"organization": organization, "permissions": ["read_role"], "end_user_from": "header:X-Served"}
    return organization, await app.application(**settings), await app.application(**settings)


NAMED = {
    "application": ([True, True, True, False], lambda one: {"application": one}),
    "end user": ([True, False, False, True], lambda _: {"end_user": "anna"}),
    "both": ([True, False, False, False], lambda one: {"application": one, "end_user": "anna"}),
}


@pytest.mark.parametrize("named", NAMED)
async def test_an_end_users_tokens_end_over_all_applications_or_those_of_one(app, named):
    hit, target = NAMED[named]
    organization, one, other = await two_applications(app)
    texts = [await served(app, *each) for each in ((one, "anna"), (one, "otto"), (one, None), (other, "anna"))]
    answer = await app.made("/api/tokens/revoke", {"organization": organization, **target(one["id"])})
    assert [not await works(app, text) for text in texts] == hit
    assert (answer["tokens"], answer["more"]) == (sum(hit), False)
    again = await app.made("/api/tokens/revoke", {"organization": organization, **target(one["id"])})
    assert again["tokens"] == 0, "what has ended is not counted"
    texts = [await served(app, one, "anna"), await served(app, other, "anna")]
    assert [await works(app, text) for text in texts] == [True, True]


async def test_an_end_user_of_another_organization_is_somebody_else(app):
    organization, one, _ = await two_applications(app)
    _, elsewhere, _ = await two_applications(app)
    here, there = await served(app, one, "anna"), await served(app, elsewhere, "anna")
    answer = await app.made("/api/tokens/revoke", {"organization": organization, "end_user": "anna"})
    assert [await works(app, text) for text in (here, there)] == [False, True]
    assert answer["tokens"] == 1


async def test_counting_stops_at_a_thousand_and_revoking_does_not(app):
    _, one, _ = await two_applications(app)
    texts = [text for _ in range(21) for text in await asyncio.gather(*(served(app, one, None) for _ in range(50)))]
    before = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    answer = await app.made("/api/tokens/revoke", {"application": one["id"]})
    assert (answer["tokens"], answer["more"]) == (1000, True)
    assert await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == before + 1
    assert not any([await works(app, text) for text in (texts[0], texts[500], texts[-1])])


async def test_a_time_narrows_what_is_counted(app):
    _, one, _ = await two_applications(app)
    for _ in range(3):
        await served(app, one, None)
    between = datetime.now(UTC).isoformat()
    await served(app, one, None)
    answer = await app.made("/api/tokens/revoke", {"application": one["id"], "before": between})
    assert answer["tokens"] == 3


async def test_nothing_is_counted_for_who_may_not_revoke_it(app):
    _, one, _ = await two_applications(app)
    await served(app, one, "anna")
    stranger = await app.manager(await app.organization("Other"))
    assert (await app.made("/api/tokens/revoke", {"end_user": "anna"}, stranger))["tokens"] == 0
    for body in ({"application": one["id"]}, {"end_user": "anna", "organization": one["organization"]}):
        assert (await app.call("POST", "/api/tokens/revoke", stranger, json=body)).status == 404


async def test_a_repeated_request_is_answered_with_the_first_count(app):
    _, one, _ = await two_applications(app)
    await served(app, one, None)
    headers = {"Idempotency-Key": "the-same-count"}
    body = {"application": one["id"]}
    replies = [await app.call("POST", "/api/tokens/revoke", json=body, headers=headers) for _ in range(2)]
    assert [reply.json["tokens"] for reply in replies] == [1, 1]
