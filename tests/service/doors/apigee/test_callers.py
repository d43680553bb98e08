"""Who may come in: by a bearer token, or by an application's id and secret; and what everybody else is told."""

from __future__ import annotations

import asyncio

import pytest

from service.doors.apigee import DOORS
from tests.app_fixture import AUDIENCE
from tests.service.doors.apigee.given import a_client, a_manager, alive, an_org, refused
from tests.service.oauth.asking import basic
from tests.service.openapi.operations import every

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://elsewhere.test"
SEARCH = "/oauth2/search"


async def search(org, headers, token=""):
    return await org.call("GET", SEARCH, token, params={"enduser": "anna"}, headers=headers)


async def test_nobody_comes_in_without_a_token_or_credentials(app):
    org = await an_org(app)
    for token, code in (("", "unauthenticated"), ("mun_at_" + "x" * 49, "invalid_token")):
        for method, path in (("GET", SEARCH), ("POST", "/oauth2/revoke"), ("GET", ""), ("GET", "/userroles")):
            reply = await org.call(method, path, token)
            refused(reply, 401, code)
            challenge = reply.headers["WWW-Authenticate"]
            assert challenge.startswith("Bearer ")
            assert 'Basic realm="muniment"' in challenge


async def test_a_token_for_another_audience_opens_nothing(app):
    org = await an_org(app)
    made = await app.application(organization=org.id, permissions=["all"], audiences=[AUDIENCE, ELSEWHERE])
    token = await app.token(made["client_id"], made["secrets"][0]["secret"], audience=ELSEWHERE)
    refused(await org.call("GET", SEARCH, token, params={"enduser": "anna"}), 401, "invalid_token")


async def test_an_application_comes_in_by_its_id_and_secret(app):
    org = await an_org(app)
    client = await a_client(org)
    token = await client.token("anna")
    manager = await a_manager(org, "read_token", "revoke_token")
    id, secret = manager.credentials.values()
    for headers in (manager.basic, basic(id, secret, "bAsIc"), basic(id, secret, encoded=False)):
        assert (await search(org, headers)).status == 200
    reply = await org.call("POST", "/oauth2/revoke", "", params={"enduser": "anna"}, headers=manager.basic)
    assert (reply.status, reply.json) == (202, 1)
    assert not await alive(app, token)
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["actor"], event["client"]) == (manager.id, manager.id)


async def test_the_documents_tell_of_both_ways_in():
    ours = [operation for operation in every().values() if operation.path.startswith("/v1/")]
    assert len(ours) == sum(len(door.routes) for door in DOORS)
    for operation in ours:
        assert operation.declared["security"] == [{"token": operation.scopes}, {"application": []}]


async def test_what_another_site_lets_a_browser_send_with_kept_credentials_changes_nothing(app):
    org = await an_org(app)
    manager, client = await a_manager(org, "read_token", "revoke_token"), await a_client(org)
    token, named = await client.token(), {"params": {"app": client.id}}
    for sent in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        headers = {**manager.basic, **sent}
        refused(await org.call("POST", "/oauth2/revoke", "", headers=headers, **named), 400, "invalid_request")
        refused(await org.call("DELETE", f"/oauth2/accesstokens/{token}", "", headers=headers), 400, "invalid_request")
        assert (await search(org, headers)).status == 200
    assert await alive(app, token)
    ours = {**manager.basic, "Origin": "https://muniment.test", "Sec-Fetch-Site": "same-origin"}
    assert (await org.call("POST", "/oauth2/revoke", "", headers=ours, **named)).status == 202
    assert not await alive(app, token)


async def test_an_application_may_do_what_it_holds_and_nothing_else(app):
    org = await an_org(app)
    reader = await a_manager(org, "read_token")
    assert (await search(org, reader.basic)).status == 200
    reply = await org.call("POST", "/oauth2/revoke", "", params={"enduser": "anna"}, headers=reader.basic)
    refused(reply, 403, "insufficient_scope")
    assert 'scope="revoke_token"' in reply.headers["WWW-Authenticate"]


async def test_what_an_application_holds_elsewhere_or_may_not_get_by_its_credentials_counts_for_nothing(app):
    org = await an_org(app)
    elsewhere = await app.application(organization=org.id, audiences=[ELSEWHERE], permissions=["all"])
    web = await app.application(organization=org.id, kind="web", permissions=["all"])
    for made in (elsewhere, web):
        headers = basic(made["client_id"], made["secrets"][0]["secret"])
        refused(await search(org, headers), 403, "insufficient_scope")


async def test_what_an_approved_grant_gives_counts(app):
    org = await an_org(app)
    made = await app.application(organization=org.id, permissions=[])
    headers = basic(made["client_id"], made["secrets"][0]["secret"])
    refused(await search(org, headers), 403, "insufficient_scope")
    asked = {"application": made["id"], "audience": AUDIENCE, "scope": ["read_token"]}
    grant = await app.made("/api/grants", asked, await app.manager(org.id))
    await app.made(f"/api/grants/{grant['id']}/approve", {})
    assert (await search(org, headers)).status == 200
    await app.made(f"/api/grants/{grant['id']}/revoke", {})
    refused(await search(org, headers), 403, "insufficient_scope")


async def test_wrong_credentials_are_refused_alike_and_recorded_with_whom_they_named(app):
    org = await an_org(app)
    manager = await a_manager(org, "read_token")
    id, secret = manager.credentials.values()
    told = []
    for name, word in ((id, "wrong"), ("nobody", secret), (id, ""), (id, secret + "x")):
        reply = await search(org, basic(name, word))
        refused(reply, 401, "unauthenticated")
        told.append(reply.text)
    assert len(set(told)) == 1
    for header in ("Basic", "Basic !", "Basic Og==", "Basic " + "x" * 5000):
        refused(await search(org, {"Authorization": header}), 401, "unauthenticated")
    recorded = await app.refusals(client=id, code="unauthenticated", limit=200)
    assert len(recorded) == 3
    assert recorded[0]["operation"] == "GET /v1/organizations/{organization_id}/oauth2/search"


async def test_a_public_client_and_one_out_of_use_prove_nothing(app):
    org = await an_org(app)
    spa = await app.application(organization=org.id, kind="spa", secrets=[])
    refused(await search(org, basic(spa["client_id"], "x")), 401, "unauthenticated")
    manager = await a_manager(org, "read_token")
    assert (await search(org, manager.basic)).status == 200
    await app.call("POST", f"/api/applications/{manager.id}/disable", json={})
    refused(await search(org, manager.basic), 401, "unauthenticated")


async def test_a_secret_that_was_retired_opens_nothing_at_once(app):
    org = await an_org(app)
    manager = await a_manager(org, "read_token")
    secret = manager.document["secrets"][0]["id"]
    assert (await app.call("DELETE", f"/api/applications/{manager.id}/secrets/{secret}")).status == 204
    refused(await search(org, manager.basic), 401, "unauthenticated")


async def test_a_token_and_credentials_at_once_are_refused(app):
    org = await an_org(app)
    manager = await a_manager(org, "read_token")
    headers = [("Authorization", f"Bearer {org.administrator}"), *manager.basic.items()]
    async with app.client.get(f"/v1/o/{org.id}{SEARCH}?enduser=anna", headers=headers) as reply:
        assert (reply.status, (await reply.json())["code"]) == (400, "invalid_request")


async def test_other_kinds_of_credentials_are_none(app):
    org = await an_org(app)
    for header in ("Digest username=x", "Bearer", "Negotiate abc", "Basic2 abc"):
        reply = await search(org, {"Authorization": header})
        assert reply.status in {400, 401}, header
        assert reply.json["code"] in {"unauthenticated", "invalid_request"}


async def test_another_organization_is_unknown_and_so_is_one_that_never_was(app):
    org, other = await an_org(app), await an_org(app)
    child = (await app.made(f"/api/accounts/{org.id}/accounts", {"name": "Branch"}))["id"]
    manager = await app.manager(org.id)
    for path in (other.id, child, "00000000-0000-4000-8000-000000000000", "acme", org.id.replace("-", "")):
        for method, rest in (("GET", SEARCH), ("POST", "/oauth2/revoke"), ("GET", ""), ("GET", "/userroles"),
                             ("GET", "/oauth2/authorizationcodes"), ("GET", "/oauth2/accesstokens/x")):  # fmt: skip
            query = {"enduser": "anna"} if rest in (SEARCH, "/oauth2/revoke") else {}
            reply = await app.call(method, f"/v1/organizations/{path}{rest}", manager, params=query)
            refused(reply, 404, "unknown_account")


async def test_root_comes_in_everywhere_by_token_and_by_credentials(app):
    org = await an_org(app)
    assert (await search(org, {}, app.root)).status == 200
    assert (await search(org, basic("root", "root-secret-of-the-tests"))).status == 200


async def test_an_application_that_loses_a_permission_meanwhile_revokes_nothing(app, monkeypatch):
    org = await an_org(app)
    manager, client = await a_manager(org, "read_token", "revoke_token"), await a_client(org)
    token = await client.token()
    append, changed = app.parts.store.appender.append, []

    async def late(pending):
        if not changed:
            changed.append(manager.id)
            path = f"/api/applications/{manager.id}"
            assert (await app.call("PATCH", path, json={"permissions": ["read_token"]})).status == 200
        return await append(pending)

    monkeypatch.setattr(app.parts.store.appender, "append", late)
    path = f"/v1/organizations/{org.id}/oauth2/revoke?app={client.id}"
    async with app.client.post(path, headers=manager.basic) as reply:
        assert (reply.status, (await reply.json())["code"]) == (403, "missing_permission")
    assert changed
    assert await alive(app, token)


async def test_the_rate_limit_of_an_application_holds_for_its_credentials(app):
    org = await an_org(app)
    made = await app.application(organization=org.id, permissions=["read_token"], rate_limit=2)
    headers = basic(made["client_id"], made["secrets"][0]["secret"])
    replies = await asyncio.gather(*(search(org, headers) for _ in range(4)))
    assert {reply.status for reply in replies} == {200, 429}
    limited = next(reply for reply in replies if reply.status == 429)
    refused(limited, 429, "too_many_requests")
    assert limited.headers["Retry-After"]
