"""One token at a time: told of, approved, revoked, described and deleted, by its id or by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.doors.apigee.given import API, CODE, a_client, alive, an_org, jti, refresh_id, refused
from tests.service.oauth.redeeming import a_person, a_shop, renew, tokens_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESS, REFRESH = "/oauth2/accesstokens/", "/oauth2/refreshtokens/"
NO_ACCESS, NO_REFRESH = f"{CODE}AccessTokenDoesntExists", f"{CODE}RefreshTokenDoesntExists"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest_asyncio.fixture(loop_scope="module")
async def timed(app_database):
    """The service with a clock that the test moves."""
    clock = FakeClock()
    async with running(app_database, clock=clock) as service:
        yield service, clock


async def persons(app, org, **settings):
    """Return the tokens of a person, and the application that they let have them."""
    shop = await a_shop(app, org.id, **settings)
    return shop, await tokens_of(shop, await a_person(shop))


async def act(org, name, action, path=ACCESS, **query):
    """Ask as the dialect's own clients do: without a body, of a type that says so."""
    return await org.call("POST", f"{path}{name}", params={"action": action, **query}, headers=OCTETS)


async def describe(org, name, path=ACCESS, **values):
    attributes = [{"name": key, "value": value} for key, value in values.items()]
    return await org.call("POST", f"{path}{name}", json={"attributes": attributes})


async def test_a_machines_token_is_told_with_all_that_the_dialect_knows_of_it(app):
    org = await an_org(app)
    client = await a_client(org, name="Weather")
    text = await client.token("anna")
    shown = await org.token(text)
    assert shown == await org.token(jti(text))
    assert shown == {
        "token": jti(text), "tokenType": "BearerToken", "app": "Weather", "appId": client.id,
        "clientId": client.document["client_id"], "apiProducts": [API], "scope": "forecast.read", "status": "approved",
        "grantType": "client_credentials", "issuedAt": shown["issuedAt"], "expiresAt": shown["expiresAt"],
        "createdAt": shown["issuedAt"], "createdBy": client.document["client_id"], "lastModifiedAt": shown["issuedAt"],
        "refreshCount": 0, "attributes": [], "endUser": "anna",
    }  # fmt: skip


async def test_a_persons_token_is_told_with_its_refresh_token_and_how_often_that_was_used(app):
    org = await an_org(app)
    shop, first = await persons(app, org)
    second = (await renew(shop, first["refresh_token"])).json
    shown = await org.token(second["access_token"])
    assert (shown["refreshToken"], shown["refreshCount"]) == (refresh_id(second["refresh_token"]), 1)
    for name in (shown["refreshToken"], second["refresh_token"]):
        refresh = (await org.call("GET", f"{REFRESH}{name}")).json
        assert (refresh["token"], refresh["status"], refresh["app"]) == (shown["refreshToken"], "approved", "Shop")
        assert "refreshToken" not in refresh
    assert (await org.call("GET", f"{REFRESH}{first['refresh_token']}")).json["status"] == "revoked", "it was replaced"


async def test_a_token_is_revoked_and_approved_again_until_its_expiry(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    for action, status, lives in (("revoke", "revoked", False), ("approve", "approved", True)) * 2:
        for name in (token, jti(token)):
            reply = await act(org, name, action)
            assert (reply.status, reply.json["status"]) == (200, status)
            assert reply.position
            assert await alive(app, token) is lives
            assert (await org.token(token))["status"] == status


async def test_an_action_may_come_with_any_body_that_says_nothing(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    for action, more in (
        ("revoke", {"json": {}}),
        ("approve", {"headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
        ("revoke", {"json": {"attributes": []}}),
        ("approve", {"headers": OCTETS, "data": b""}),
    ):
        reply = await org.call("POST", f"{ACCESS}{token}", params={"action": action, "cascade": "True"}, **more)
        assert (reply.status, reply.json["status"]) == (200, {"revoke": "revoked", "approve": "approved"}[action])


async def test_letter_case_of_what_clients_send_does_not_matter(app):
    org = await an_org(app)
    _, tokens = await persons(app, org)
    assert (await act(org, tokens["access_token"], "Revoke", cascade="True")).status == 200
    assert not await alive(app, tokens["refresh_token"])


@pytest.mark.parametrize("cascade", ["true", "false", None])
async def test_the_refresh_token_follows_with_cascade_alone(app, cascade):
    org = await an_org(app)
    _, tokens = await persons(app, org)
    query = {} if cascade is None else {"cascade": cascade}
    await act(org, tokens["access_token"], "revoke", **query)
    assert await alive(app, tokens["refresh_token"]) is (cascade != "true")
    await act(org, tokens["access_token"], "approve", **query)
    assert [await alive(app, tokens[name]) for name in ("access_token", "refresh_token")] == [True, True]


async def test_with_a_refresh_token_everything_ends_that_came_of_it(app):
    org = await an_org(app)
    shop, first = await persons(app, org)
    second = (await renew(shop, first["refresh_token"])).json
    reply = await act(org, second["refresh_token"], "revoke", REFRESH)
    assert (reply.status, reply.json["status"]) == (200, "revoked")
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert not await alive(app, token)
    assert (await act(org, second["refresh_token"], "approve", REFRESH)).status == 200
    assert await alive(app, second["refresh_token"])


async def test_what_was_revoked_with_many_stays_revoked(app):
    org = await an_org(app)
    client = await a_client(org)
    token = await client.token()
    await org.revoke(app=client.id)
    refused(await act(org, token, "approve"), 400, f"{CODE}access_token_approve_failed")
    assert (await org.token(token))["status"] == "revoked"
    assert not await alive(app, token)


async def test_an_expired_token_is_told_as_expired_and_approved_no_more(timed):
    app, clock = timed
    org = await an_org(app)
    client = await a_client(org, access_token_lifetime=60)
    token = await client.token()
    assert (await act(org, token, "revoke")).json["status"] == "revoked"
    clock.move(timedelta(seconds=61))
    assert (await org.token(token))["status"] == "expired"
    for reply in (await act(org, token, "approve"), await describe(org, token, plan="gold")):
        refused(reply, 400, f"{CODE}access_token_expired")
    assert await org.found(app=client.id) == []


async def test_attributes_are_set_by_name_and_the_others_stay(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    assert (await describe(org, token, plan="gold", region="north")).status == 200
    reply = await describe(org, token, plan="silver")
    wanted = {"plan": "silver", "region": "north"}
    for shown in (reply.json, await org.token(token)):
        assert {each["name"]: each["value"] for each in shown["attributes"]} == wanted
    shown["attributes"].append({"name": "level", "value": "3"})
    again = await org.call("POST", f"{ACCESS}{token}", json=shown)
    assert again.status == 200, "what was told may be sent back"
    assert len((await org.token(token))["attributes"]) == 3


async def test_attributes_and_scope_that_cannot_be_are_refused(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    many = [{"name": str(number), "value": ""} for number in range(21)]
    for attributes in (many, [{"name": "", "value": "x"}], [{"name": "a", "value": "x" * 2049}],
                       [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]):  # fmt: skip
        reply = await org.call("POST", f"{ACCESS}{token}", json={"attributes": attributes})
        refused(reply, 400, "invalid_attributes")
    for attributes in ([{"name": "a"}], [{"name": "a", "value": 1}], {"a": "b"}, [{"name": "a", "value": None}]):
        refused(await org.call("POST", f"{ACCESS}{token}", json={"attributes": attributes}), 400, "invalid_body")
    wider = await org.call("POST", f"{ACCESS}{token}", json={"scope": "all", "attributes": []})
    refused(wider, 400, f"{CODE}InvalidScopes")
    assert (await org.token(token))["attributes"] == []


async def test_a_revoked_token_is_not_described(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    await act(org, token, "revoke")
    refused(await describe(org, token, plan="gold"), 400, f"{CODE}access_token_not_approved")


async def test_a_change_is_an_action_or_attributes_and_never_both_or_neither(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    attributes = {"attributes": [{"name": "a", "value": "b"}]}
    for more in ({}, {"json": {}}, {"headers": OCTETS}, {"json": attributes, "params": {"action": "revoke"}}):
        refused(await org.call("POST", f"{ACCESS}{token}", **more), 400, "parameters_missing")
    for query in ({"action": "delete"}, {"action": ""}, {"action": "revoke", "cascade": "yes"}, {"Action": "revoke"}):
        refused(await org.call("POST", f"{ACCESS}{token}", params=query), 400, "invalid_query")
    assert await alive(app, token)


async def test_a_deleted_token_is_dead_and_unknown_from_then_on(app):
    org = await an_org(app)
    client = await a_client(org)
    token, kept = await client.token(), await client.token()
    before = await org.token(token)
    reply = await org.call("DELETE", f"{ACCESS}{token}")
    assert (reply.status, reply.json) == (200, before)
    assert not await alive(app, token)
    for name in (token, jti(token)):
        refused(await org.call("GET", f"{ACCESS}{name}"), 404, NO_ACCESS)
        refused(await org.call("DELETE", f"{ACCESS}{name}"), 404, NO_ACCESS)
        refused(await act(org, name, "approve"), 404, NO_ACCESS)
    assert await org.found(app=client.id) == [jti(kept)]


async def test_a_deleted_refresh_token_renews_nothing(app):
    org = await an_org(app)
    shop, tokens = await persons(app, org)
    assert (await org.call("DELETE", f"{REFRESH}{tokens['refresh_token']}")).status == 200
    assert (await renew(shop, tokens["refresh_token"])).status == 400
    assert not await alive(app, tokens["access_token"])
    refused(await org.call("GET", f"{REFRESH}{tokens['refresh_token']}"), 404, NO_REFRESH)


async def test_a_token_of_the_other_kind_is_unknown(app):
    org = await an_org(app)
    _, tokens = await persons(app, org)
    refused(await org.call("GET", f"{REFRESH}{tokens['access_token']}"), 404, NO_REFRESH)
    refused(await org.call("GET", f"{ACCESS}{tokens['refresh_token']}"), 404, NO_ACCESS)
    refused(await org.call("DELETE", f"{ACCESS}{refresh_id(tokens['refresh_token'])}"), 404, NO_ACCESS)
    assert await alive(app, tokens["refresh_token"])


async def test_another_organizations_token_is_unknown_also_to_root_by_the_wrong_path(app):
    org, other = await an_org(app), await an_org(app)
    token = await (await a_client(other)).token()
    for caller in (org.administrator, app.root):
        for name in (token, jti(token)):
            for method, query in (("GET", {}), ("POST", {"action": "revoke"}), ("DELETE", {})):
                reply = await org.call(method, f"{ACCESS}{name}", caller, params=query)
                refused(reply, 404, NO_ACCESS)
    assert await alive(app, token)


@pytest.mark.parametrize(
    "name", [str(UUID(int=7, version=4)), "mun_at_nothing", "x" * 4000, "%00", "%FF", "%F0%9F%92%A9", "..%2Fa"]
)
async def test_what_is_no_token_is_unknown(app, name):
    org = await an_org(app)
    for method, query in (("GET", {}), ("POST", {"action": "approve"}), ("DELETE", {})):
        for path, code in ((ACCESS, NO_ACCESS), (REFRESH, NO_REFRESH)):
            refused(await org.call(method, f"{path}{name}", params=query), 404, code)


async def test_two_who_delete_at_once_delete_once(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    replies = await asyncio.gather(*(org.call("DELETE", f"{ACCESS}{token}") for _ in range(3)))
    assert sorted(reply.status for reply in replies) == [200, 404, 404]


async def test_revoking_and_approving_at_once_leaves_the_token_as_its_row_says(app):
    org = await an_org(app)
    token = await (await a_client(org)).token()
    replies = await asyncio.gather(*(act(org, token, action) for action in ("revoke", "approve") * 4))
    assert {reply.status for reply in replies} <= {200, 409}
    assert ((await org.token(token))["status"] == "approved") is await alive(app, token)
