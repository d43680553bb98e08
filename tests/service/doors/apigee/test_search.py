"""Searching: pages that begin with the token that is named, bounds, and what is refused; revoking by the same names."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.app_fixture import SETTINGS, running
from tests.service.doors.apigee.given import CODE, a_client, alive, an_org, jti, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN_APP = f"{CODE}app_id_not_found"
CALLS = [("GET", "/oauth2/search"), ("POST", "/oauth2/revoke")]
EITHER_CALL = pytest.mark.parametrize(("method", "path"), CALLS)


async def test_a_page_begins_with_the_token_that_the_one_before_named(app):
    org = await an_org(app)
    client = await a_client(org)
    tokens = [jti(await client.token("anna")) for _ in range(25)][::-1]
    start, listed, metas = "", [], []
    while True:
        page = await org.search(enduser="anna", **({"start": start} if start else {}))
        assert start in ("", page["list"][0])
        listed += page["list"]
        metas.append(page["meta"])
        if "next" not in page["meta"]:
            break
        start = page["meta"]["next"]
    assert listed == tokens
    assert metas == [
        {"limit": 10, "next": tokens[10], "query": {"endUser": "anna"}, "start": "", "totalResults": 25},
        {"limit": 10, "next": tokens[20], "query": {"endUser": "anna"}, "start": tokens[10], "totalResults": 25},
        {"limit": 10, "query": {"endUser": "anna"}, "start": tokens[20], "totalResults": 25},
    ]


async def test_a_page_may_begin_with_a_token_as_itself(app):
    org = await an_org(app)
    client = await a_client(org)
    tokens = [await client.token() for _ in range(3)]
    assert await org.found(app=client.id, start=tokens[1]) == [jti(tokens[1]), jti(tokens[0])]


async def test_new_tokens_and_revoked_ones_do_not_move_pages(app):
    org = await an_org(app)
    client = await a_client(org)
    tokens = [jti(await client.token()) for _ in range(6)][::-1]
    first = await org.search(app=client.id, limit=3)
    await client.token()
    path = f"/oauth2/accesstokens/{first['meta']['next']}"
    assert (await org.call("POST", path, params={"action": "revoke"})).status == 200
    second = await org.search(app=client.id, limit=3, start=first["meta"]["next"])
    assert first["list"] + second["list"] == [token for token in tokens if token != first["meta"]["next"]]


async def test_the_limit_is_the_operators(app_database):
    async with running(app_database, replace(SETTINGS, token_search_limit=5)) as app:
        org = await an_org(app)
        client = await a_client(org)
        for _ in range(6):
            await client.token()
        assert len(await org.found(app=client.id, limit=5)) == 5
        for limit in ("6", "1000", "0", "-1", "", "ten", "1e3", str(2**64)):
            reply = await org.call("GET", "/oauth2/search", params={"app": client.id, "limit": limit})
            refused(reply, 400, "InvalidValueForLimitParam")


async def test_the_limit_is_a_thousand_unless_the_operator_says_otherwise(app):
    org = await an_org(app)
    assert await org.found(enduser="nobody", limit=1000) == []
    reply = await org.call("GET", "/oauth2/search", params={"enduser": "nobody", "limit": "1001"})
    refused(reply, 400, "InvalidValueForLimitParam")


@EITHER_CALL
async def test_whose_tokens_is_always_said_and_never_by_nothing(app, method, path):
    org = await an_org(app)
    client = await a_client(org)
    token = await client.token("anna")
    for query in ({}, {"app": ""}, {"enduser": ""}, {"enduser": "", "app": client.id}, {"enduser": "anna", "app": ""},
                  {"enduser": "x" * 256}, {"enduser": "a\u0007b"}):  # fmt: skip
        refused(await org.call(method, path, params=query), 400, "parameters_missing")
    for query in ({"endUser": "anna", "app": client.id}, {"user": "anna"}, [("app", client.id)] * 2):
        refused(await org.call(method, path, params=query), 400, "invalid_query")
    assert await alive(app, token)


@EITHER_CALL
async def test_an_app_that_there_is_not_is_not_found(app, method, path):
    org, other = await an_org(app), await an_org(app)
    theirs = await a_client(other)
    token = await theirs.token()
    gone = await a_client(org)
    await app.call("DELETE", f"/api/applications/{gone.id}")
    for name in (theirs.id, gone.id, str(uuid4()), "billing", gone.document["client_id"] + "x", "{" + theirs.id + "}"):
        refused(await org.call(method, path, params={"app": name}), 400, UNKNOWN_APP)
    refused(await org.call(method, path, app.root, params={"app": theirs.id}), 400, UNKNOWN_APP)
    assert await alive(app, token)


async def test_end_users_are_named_url_encoded_and_compared_as_they_were_given(app):
    org = await an_org(app)
    client = await a_client(org, end_user_from="form:who")
    names = ["a+b@example.com", "A+B@example.com", "été/ü?&=#%", "💩", "x" * 255, " spaced "]
    tokens = {}
    for name in names:
        reply = await client.ask(who=name)
        tokens[name] = jti(reply.json["access_token"])
        assert reply.json["app_enduser"] == name
    for name in names:
        assert await org.found(enduser=name) == [tokens[name]]
        reply = await app.call("GET", f"/v1/o/{org.id}/oauth2/search?enduser={quote(name, safe='')}", org.administrator)
        assert reply.json["list"] == [tokens[name]]


async def test_end_users_of_another_organization_are_others(app):
    org, other = await an_org(app), await an_org(app)
    mine, theirs = await a_client(org), await a_client(other)
    token, kept = await mine.token("anna"), await theirs.token("anna")
    assert await org.found(enduser="anna") == [jti(token)]
    assert await org.revoke(enduser="anna") == 1
    assert await alive(app, kept)
    refused(await org.call("GET", "/oauth2/search", params={"enduser": "anna", "start": kept}), 404,
            f"{CODE}AccessTokenDoesntExists")  # fmt: skip
    # By its id it is as one that never was: a page begins about where its time would stand, and tells nothing.
    reply = await org.call("GET", "/oauth2/search", params={"enduser": "anna", "start": jti(kept)})
    assert (reply.status, reply.json["list"]) == (200, [])


async def test_only_approved_tokens_are_listed_those_of_a_disabled_app_too(app):
    org = await an_org(app)
    client = await a_client(org)
    kept, gone = await client.token("anna"), await client.token("anna")
    await org.call("POST", f"/oauth2/accesstokens/{gone}", params={"action": "revoke"})
    await app.call("POST", f"/api/applications/{client.id}/disable", json={})
    page = await org.search(enduser="anna")
    assert (page["list"], page["meta"]["totalResults"]) == ([jti(kept)], 1)
    assert (await org.token(kept))["status"] == "approved", "it is not the token that was revoked"
    assert not await alive(app, kept)


async def test_a_revocation_is_done_when_it_is_answered_and_counts_what_it_ended(app):
    org = await an_org(app)
    client = await a_client(org)
    tokens = [await client.token("anna") for _ in range(3)]
    assert await org.revoke(enduser="anna", app=client.id, cascade="false") == 3
    assert [await alive(app, token) for token in tokens] == [False] * 3
    assert await org.revoke(enduser="anna", app=client.id) == 0
    assert await alive(app, await client.token("anna")), "what is issued afterwards lives"


async def test_a_revocation_counts_on_every_worker_before_it_is_answered(app_database):
    async with running(app_database) as app, running(app_database) as other:
        org = await an_org(app)
        client = await a_client(org)
        for end_user in ("anna", None, "anna"):
            token = await client.token(end_user)
            assert await alive(other, token)
            assert await org.revoke(app=client.id) == 1
            assert not await alive(other, token)


async def test_a_revocation_is_one_event_however_many_tokens_it_ends(app):
    org = await an_org(app)
    client = await a_client(org)
    for _ in range(3):
        await client.token()
    reply = await org.call("POST", "/oauth2/revoke", params={"app": client.id})
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert event["topic"] == "revocation.recorded"


async def test_two_who_revoke_at_once_both_succeed(app):
    org = await an_org(app)
    client = await a_client(org)
    token = await client.token()
    replies = await asyncio.gather(*(org.call("POST", "/oauth2/revoke", params={"app": client.id}) for _ in range(3)))
    assert [reply.status for reply in replies] == [202] * 3
    assert not await alive(app, token)


async def test_a_repeated_revocation_under_one_key_is_carried_out_once(app):
    org = await an_org(app)
    client = await a_client(org)
    await client.token()
    more = {"params": {"app": client.id}, "headers": {"Idempotency-Key": str(uuid4())}}
    first = await org.call("POST", "/oauth2/revoke", **more)
    token = await client.token()
    again = await org.call("POST", "/oauth2/revoke", **more)
    assert (again.status, again.json) == (first.status, first.json) == (202, 1)
    assert await alive(app, token)
