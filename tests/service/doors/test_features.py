"""/api/organizations/{organization_id}/features: off until root switches them on, one without the other."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
OFF = {"token_search": False, "token_revocation": False}


def path(organization: str) -> str:
    return f"/api/organizations/{organization}/features"


async def test_features_are_off_until_root_switches_them_on_one_by_one(app):
    organization = await app.organization()
    reader = await app.manager(organization, "read_org")
    for stated, on in (
        (None, OFF),
        ({"token_search": True}, OFF | {"token_search": True}),
        ({"token_revocation": True}, {"token_search": True, "token_revocation": True}),
        ({"token_search": False}, OFF | {"token_revocation": True}),
        ({}, OFF | {"token_revocation": True}),
    ):
        if stated is not None:
            reply = await app.call("PUT", path(organization), json=stated)
            assert (reply.status, reply.json) == (200, on)
        assert (await app.call("GET", path(organization), reader)).json == on


async def test_a_change_is_on_record_with_who_made_it(app):
    organization = await app.organization()
    reply = await app.call("PUT", path(organization), json={"token_search": True})
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["data"]["features"]) == ("account.features_changed", ["token_search"])
    again = await app.call("PUT", path(organization), json={"token_search": True})
    assert again.status == 200
    assert await app.events(request_id=again.headers["X-Request-Id"]) == []


async def test_nobody_but_root_switches_and_another_organization_has_none(app):
    organization, elsewhere = await app.organization(), await app.organization()
    manager = await app.manager(organization)
    reply = await app.call("PUT", path(organization), manager, json={"token_search": True})
    assert (reply.status, reply.json["code"]) == (403, "insufficient_scope")
    assert (await app.call("GET", path(organization), manager)).json == OFF
    reply = await app.call("GET", path(elsewhere), manager)
    assert (reply.status, reply.json["code"]) == (404, "unknown_account")


async def test_a_child_account_has_no_features(app):
    child = (await app.made(f"/api/accounts/{await app.organization()}/accounts", {"name": "Branch"}))["id"]
    for reply in (
        await app.call("GET", path(child)),
        await app.call("PUT", path(child), json={"token_search": True}),
    ):
        assert (reply.status, reply.json["code"]) == (404, "unknown_account")


async def test_a_feature_that_there_is_not_is_refused(app):
    organization = await app.organization()
    for body in ({"everything": True}, {"token_search": "true"}, {"token_search": None}):
        reply = await app.call("PUT", path(organization), json=body)
        assert (reply.status, reply.json["code"]) == (400, "invalid_body"), body


async def test_two_who_switch_at_once_both_succeed(app):
    organization = await app.organization()
    replies = await asyncio.gather(*(app.call("PUT", path(organization), json={name: True}) for name in OFF))
    assert [reply.status for reply in replies] == [200, 200]
    assert (await app.call("GET", path(organization))).json == dict.fromkeys(OFF, True)
