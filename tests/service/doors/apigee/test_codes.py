"""Authorization codes: listed, told of by id or by themselves, and taken back."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from service.secrets.digests import sha256_hex
from tests.service.doors.apigee.given import CODE, an_org, refused
from tests.service.oauth.redeeming import a_code, a_person, a_shop, redeem

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES = "/oauth2/authorizationcodes"
UNKNOWN = f"{CODE}invalid_request-authorization_code_invalid"


async def codes(app, org, count: int = 1):
    shop = await a_shop(app, org.id)
    browser = await a_person(shop)
    return shop, browser, [await a_code(shop, browser, scope="openid") for _ in range(count)]


async def listed(org, **query):
    reply = await org.call("GET", CODES, params=query)
    assert reply.status == 200, reply.text
    return reply.json["authorizationCode"]


async def id_of(app, code):
    return str(await app.parts.store.pool.fetchval("SELECT id FROM authorizations WHERE digest = $1", sha256_hex(code)))


async def test_a_code_is_told_of_by_itself_and_by_its_id_and_is_expired_once_it_was_used(app):
    org = await an_org(app)
    shop, browser, [code] = await codes(app, org)
    id = await id_of(app, code)
    for name in (code, id):
        shown = (await org.call("GET", f"{CODES}/{name}")).json
        assert shown == {
            "code": id, "client_id": shop.client_id, "scope": "openid", "status": "active",
            "issuedAt": shown["issuedAt"], "expiresAt": shown["issuedAt"] + 60_000, "createdAt": shown["issuedAt"],
            "createdBy": str(browser.user), "attributes": [],
        }  # fmt: skip
    assert await listed(org) == [shown]
    assert (await redeem(shop, code)).status == 200
    assert (await org.call("GET", f"{CODES}/{code}")).json["status"] == "expired"


async def test_codes_are_listed_newest_first_in_pages_that_begin_with_the_one_named(app):
    org = await an_org(app)
    _, _, made = await codes(app, org, 4)
    ids = sorted([await id_of(app, code) for code in made], reverse=True)
    assert [one["code"] for one in await listed(org, count="3")] == ids[:3]
    assert [one["code"] for one in await listed(org, count="3", startKey=ids[2])] == ids[2:]
    for query in ({"count": "0"}, {"count": "1001"}, {"startKey": "x"}, {"start": ids[0]}):
        refused(await org.call("GET", CODES, params=query), 400, "invalid_query")


async def test_a_deleted_code_is_redeemed_by_nobody_and_unknown(app):
    org = await an_org(app)
    shop, _, [code, kept] = await codes(app, org, 2)
    before = (await org.call("GET", f"{CODES}/{code}")).json
    reply = await org.call("DELETE", f"{CODES}/{code}")
    assert (reply.status, reply.json) == (200, before)
    assert (await redeem(shop, code)).json["error"] == "invalid_grant"
    refused(await org.call("GET", f"{CODES}/{code}"), 404, UNKNOWN)
    refused(await org.call("DELETE", f"{CODES}/{code}"), 404, UNKNOWN)
    assert [one["code"] for one in await listed(org)] == [await id_of(app, kept)]
    assert (await redeem(shop, kept)).status == 200


async def test_two_who_delete_at_once_delete_once(app):
    org = await an_org(app)
    _, _, [code] = await codes(app, org)
    replies = await asyncio.gather(*(org.call("DELETE", f"{CODES}/{code}") for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 404, 404]


async def test_deleting_and_redeeming_at_once_leaves_one_of_them(app):
    org = await an_org(app)
    for _ in range(5):
        shop, _, [code] = await codes(app, org)
        deleted, redeemed = await asyncio.gather(org.call("DELETE", f"{CODES}/{code}"), redeem(shop, code))
        assert deleted.status == 200
        assert redeemed.status in {200, 400}
        assert (await redeem(shop, code)).status == 400


async def test_deleting_takes_another_permission_than_reading(app):
    org = await an_org(app)
    _, _, [code] = await codes(app, org)
    reader, ender = await app.manager(org.id, "read_token"), await app.manager(org.id, "revoke_token")
    refused(await org.call("DELETE", f"{CODES}/{code}", reader), 403, "insufficient_scope")
    refused(await org.call("GET", f"{CODES}/{code}", ender), 403, "insufficient_scope")
    refused(await org.call("GET", CODES, ender), 403, "insufficient_scope")
    assert (await org.call("GET", f"{CODES}/{code}", reader)).status == 200


async def test_another_organizations_code_is_unknown(app):
    org, other = await an_org(app), await an_org(app)
    shop, _, [code] = await codes(app, other)
    for name in (code, await id_of(app, code), str(uuid4()), "x", "%00", "%FF", "x" * 3000):
        for method in ("GET", "DELETE"):
            refused(await org.call(method, f"{CODES}/{name}"), 404, UNKNOWN)
    assert await listed(org) == []
    assert (await redeem(shop, code)).status == 200
