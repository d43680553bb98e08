"""An organization's settings are read and changed by those who may, and only organizations have some."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULTS = {"code_lifetime": 600, "code_tries": 10, "verified_identifiers": False, "submit_limited": False}


@pytest_asyncio.fixture(loop_scope="module")
async def organization(app) -> str:
    return await app.organization()


def path(organization: str) -> str:
    return f"/api/organizations/{organization}/settings"


async def head(app) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def put(app, organization, token=None, **settings):
    return await app.call("PUT", path(organization), token, json=settings)


async def test_an_organization_begins_with_the_usual_settings(app, organization):
    reply = await app.call("GET", path(organization))
    assert (reply.status, reply.json) == (200, DEFAULTS)


async def test_what_is_stated_changes_and_the_rest_stays(app, organization):
    reply = await put(app, organization, code_tries=3)
    assert (reply.status, reply.json) == (200, DEFAULTS | {"code_tries": 3})
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["data"]) == ("account.settings_changed", DEFAULTS | {"code_tries": 3})
    changed = {"code_tries": 3, "code_lifetime": 3600, "verified_identifiers": True, "submit_limited": True}
    assert (
        await put(app, organization, code_lifetime=3600, verified_identifiers=True, submit_limited=True)
    ).json == changed
    assert (await app.call("GET", path(organization))).json == changed
    before = await head(app)
    assert (await put(app, organization)).json == changed
    assert await head(app) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"code_lifetime": 59},
        {"code_lifetime": 3601},
        {"code_lifetime": 600.5},
        {"code_lifetime": "600"},
        {"code_tries": 0},
        {"code_tries": 101},
        {"code_tries": True},
        {"code_tries": None},
        {"verified_identifiers": 1},
        {"submit_limited": "true"},
        {"verified": True},
    ],
)
async def test_what_is_out_of_bounds_is_refused(app, organization, settings):
    before = await head(app)
    reply = await put(app, organization, **settings)
    assert (reply.status, reply.json["code"]) == (400, "invalid_body")
    assert reply.json["errors"][0]["field"] == next(iter(settings))
    assert await head(app) == before


async def test_who_may_read_or_change_the_organization_may_so_its_settings(app, organization):
    reader, writer = await app.manager(organization, "read_org"), await app.manager(organization, "write_org")
    assert (await app.call("GET", path(organization), reader)).status == 200
    assert (await put(app, organization, reader, code_tries=3)).status == 403
    assert (await put(app, organization, writer, code_tries=3)).status == 200
    assert (await app.call("GET", path(organization), writer)).status == 403


async def test_only_ones_own_organization_has_settings(app, organization):
    others = await app.organization("Others")
    child = (await app.made(f"/api/accounts/{others}/accounts", {"name": "Branch"}))["id"]
    manager = await app.manager(organization)
    for token, unknown in ((manager, others), (manager, str(uuid4())), (manager, "7"), (None, child)):
        assert (await app.call("GET", path(unknown), token)).status == 404
        assert (await put(app, unknown, token, code_tries=3)).status == 404
    assert (await app.call("GET", path(others))).json == DEFAULTS


async def test_two_changes_at_once_both_count(app, organization):
    replies = await asyncio.gather(put(app, organization, code_tries=7), put(app, organization, code_lifetime=77))
    assert [reply.status for reply in replies] == [200, 200]
    left = (await app.call("GET", path(organization))).json
    assert (left["code_tries"], left["code_lifetime"]) == (7, 77)
