"""What spec/apigee.md section 0 asks for, row by row: tokens by end user, by application, or by both."""

from __future__ import annotations

import re

import jwt
import pytest

from service.doors.apigee.frame import BASES
from tests.app_fixture import AUDIENCE
from tests.service.doors.apigee.given import (
    ALL_STRINGS,
    API,
    REVOKE,
    SEARCH,
    a_client,
    a_manager,
    alive,
    an_org,
    jti,
    refresh_id,
    refused,
)
from tests.service.oauth.redeeming import a_person, a_shop, tokens_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFAULT = {
    "issued_at", "application_name", "scope", "status", "api_product_list", "expires_in", "developer.email",
    "organization_id", "token_type", "client_id", "access_token", "organization_name", "refresh_token_expires_in",
    "refresh_count",
}  # fmt: skip


async def two_apps(app):
    """Return an organization, two applications, and a token of each for anna, one for otto and one for nobody."""
    org = await an_org(app)
    one, other = await a_client(org), await a_client(org)
    tokens = {
        "one anna": await one.token("anna"),
        "one otto": await one.token("otto"),
        "one": await one.token(),
        "other anna": await other.token("anna"),
        "other": await other.token(),
    }
    return org, one, other, tokens


async def living(app, tokens) -> set[str]:
    return {name for name, token in tokens.items() if await alive(app, token)}


async def test_a01_tokens_are_retrieved_by_end_user_by_app_and_by_both(app):
    org, one, other, tokens = await two_apps(app)
    ids = {name: jti(token) for name, token in tokens.items()}
    assert await org.found(app=one.id) == [ids["one"], ids["one otto"], ids["one anna"]]
    assert await org.found(enduser="anna") == [ids["other anna"], ids["one anna"]]
    assert await org.found(enduser="anna", app=other.id) == [ids["other anna"]]
    assert await org.found(enduser="otto", app=other.id) == []


async def test_a01_tokens_are_revoked_by_end_user_over_all_apps(app):
    org, _, _, tokens = await two_apps(app)
    assert await org.revoke(enduser="anna") == 2
    assert await living(app, tokens) == {"one otto", "one", "other"}
    assert await org.found(enduser="anna") == []


async def test_a01_tokens_are_revoked_by_app_whoever_they_are_for(app):
    org, one, _, tokens = await two_apps(app)
    assert await org.revoke(app=one.id) == 3
    assert await living(app, tokens) == {"other anna", "other"}


async def test_a01_tokens_are_revoked_by_both_for_the_pair_alone(app):
    org, one, _, tokens = await two_apps(app)
    assert await org.revoke(app=one.id, enduser="anna") == 1
    assert await living(app, tokens) == {"one otto", "one", "other anna", "other"}


async def test_a02_a_user_sees_which_apps_act_for_them_and_revokes_one(app):
    org = await an_org(app)
    shop = await a_shop(app, org.id, end_user_from="user", name="Shop")
    club = await a_shop(app, org.id, end_user_from="user", name="Club")
    browser = await a_person(shop)
    bought, joined = await tokens_of(shop, browser), await tokens_of(club, browser)
    shown = [await org.token(name) for name in await org.found(enduser=browser.user)]
    assert {(one["app"], one["appId"]) for one in shown} == {("Shop", str(shop.id)), ("Club", str(club.id))}
    [theirs] = [one["token"] for one in shown if one["app"] == "Club"]
    reply = await org.call("POST", f"/oauth2/accesstokens/{theirs}", params={"action": "revoke", "cascade": "true"})
    assert (reply.status, reply.json["status"]) == (200, "revoked")
    assert not await alive(app, joined["access_token"])
    assert not await alive(app, joined["refresh_token"])
    assert await alive(app, bought["access_token"])
    assert [one["app"] for one in [await org.token(name) for name in await org.found(enduser=browser.user)]] == ["Shop"]


async def test_a02_an_authorised_person_revokes_all_tokens_of_an_app(app):
    org = await an_org(app)
    shop = await a_shop(app, org.id)
    tokens = [await tokens_of(shop, await a_person(shop)) for _ in range(3)]
    assert await org.revoke(app=shop.id, cascade="true") == 3
    for each in tokens:
        assert not await alive(app, each["access_token"])
        assert not await alive(app, each["refresh_token"])


async def test_a03_every_token_carries_its_app_and_revoking_by_app_needs_no_more_than_the_feature(app):
    org = await an_org(app, search=False, revoke=False)
    client = await a_client(org, end_user_from=None)
    shop = await a_shop(app, org.id)
    person = await tokens_of(shop, await a_person(shop))
    for token, owner in ((await client.token(), client.id), (person["access_token"], str(shop.id))):
        assert (await org.token(token))["appId"] == owner
    await org.switch(revoke=True)
    token = await client.token()
    await org.revoke(app=client.id)
    assert not await alive(app, token)


async def test_a04_a_token_is_found_by_its_end_user_only_if_it_carries_one(app):
    org = await an_org(app)
    plain, tagged = await a_client(org, end_user_from=None), await a_client(org)
    untagged = [await plain.token("anna"), await tagged.token()]
    token = await tagged.token("anna")
    assert await org.found(enduser="anna") == [jti(token)]
    assert await org.revoke(enduser="anna") == 1
    assert [await alive(app, each) for each in untagged] == [True, True]
    assert await org.found(app=plain.id) == [jti(untagged[0])], "by app it takes no set-up"


async def test_a05_the_default_answer_has_fourteen_texts(app):
    org = await an_org(app)
    client = await a_client(org, access_token_lifetime=3599, end_user_from=None)
    before = app.parts.clock.now().timestamp()
    reply = await client.ask()
    answer = reply.json
    assert reply.status == 200
    assert answer.keys() == DEFAULT
    assert all(isinstance(value, str) for value in answer.values())
    assert re.fullmatch(r"\d{13}", answer["issued_at"]), "milliseconds"
    assert before - 1 <= int(answer["issued_at"]) / 1000 <= app.parts.clock.now().timestamp()
    assert answer == answer | {
        "scope": "forecast.read", "status": "approved", "api_product_list": f"[{API}]", "expires_in": "3599",
        "organization_id": org.id, "organization_name": org.id, "token_type": "BearerToken",
        "client_id": client.document["client_id"], "refresh_token_expires_in": "0", "refresh_count": "0",
    }  # fmt: skip
    assert reply.headers["Cache-Control"] == "no-store"
    assert await alive(app, answer["access_token"])


async def test_a06_application_name_is_the_id_by_which_tokens_are_searched_and_revoked(app):
    org = await an_org(app)
    client = await a_client(org)
    answer = (await client.ask()).json
    assert answer["application_name"] == client.id != client.document["name"]
    assert await org.found(app=answer["application_name"]) == [jti(answer["access_token"])]
    assert await org.revoke(app=answer["application_name"]) == 1
    assert not await alive(app, answer["access_token"])


async def test_a07_app_enduser_is_there_when_an_end_user_is_and_absent_otherwise(app):
    org = await an_org(app)
    client = await a_client(org)
    tagged = (await client.ask(headers={"appuserID": "6ZG094fgnjNf02EK"})).json
    assert tagged.keys() == DEFAULT | {"app_enduser"}
    assert tagged["app_enduser"] == "6ZG094fgnjNf02EK"
    for headers in ({}, {"appuserID": ""}):
        assert (await client.ask(headers=headers)).json.keys() == DEFAULT
    assert (await org.token(tagged["access_token"]))["endUser"] == "6ZG094fgnjNf02EK"
    assert "endUser" not in await org.token(await client.token())


@pytest.mark.parametrize("place", ["query", "form", "header"])
async def test_a08_the_end_user_comes_from_where_the_apps_setting_says_and_from_nowhere_else(app, place):
    org = await an_org(app)
    client = await a_client(org, end_user_from=f"{place}:appuserID")
    ways = {
        "query": lambda who: client.ask(query=f"&appuserID={who}"),
        "form": lambda who: client.ask(appuserID=who),
        "header": lambda who: client.ask(headers={"appuserID": who}),
    }
    for other in ways.keys() - {place}:
        assert "app_enduser" not in (await ways[other]("otto")).json
    answer = (await ways[place]("anna")).json
    assert answer["app_enduser"] == "anna"
    assert await org.found(enduser="anna") == [jti(answer["access_token"])]


async def test_a08_the_end_user_may_come_from_who_signed_in(app):
    org = await an_org(app)
    shop = await a_shop(app, org.id, end_user_from="user")
    browser = await a_person(shop)
    tokens = await tokens_of(shop, browser)
    assert await org.found(enduser=browser.user) == [jti(tokens["access_token"])]


@pytest.mark.parametrize("base", BASES)
async def test_a09_both_calls_exist_under_both_names_of_the_base(app, base):
    org = await an_org(app)
    client = await a_client(org)
    token = await client.token()
    path = base.replace("{organization_id}", org.id)
    reply = await app.call("GET", f"{path}/oauth2/search", org.administrator, params={"app": client.id})
    assert (reply.status, reply.json["list"]) == (200, [jti(token)])
    reply = await app.call("POST", f"{path}/oauth2/revoke", org.administrator, params={"app": client.id})
    assert (reply.status, reply.json) == (202, 1)
    assert reply.position
    assert not await alive(app, token)


async def test_a10_both_features_are_off_until_they_are_enabled_for_the_organization(app):
    org = await an_org(app, search=False, revoke=False)
    enabled = await an_org(app)
    client = await a_client(org)
    token = await client.token("anna")
    calls = {"search": ("GET", "/oauth2/search"), "revoke": ("POST", "/oauth2/revoke")}
    for query in ({"app": client.id}, {"enduser": "anna"}):
        for method, path in calls.values():
            refused(await org.call(method, path, params=query), 400, "UnsupportedOperationRevoke")
    assert await alive(app, token)
    assert await enabled.found(enduser="anna") == []


async def test_a10_each_feature_is_enabled_apart_from_the_other(app):
    org = await an_org(app, search=True, revoke=False)
    client = await a_client(org)
    token = await client.token()
    assert await org.found(app=client.id) == [jti(token)]
    refused(await org.call("POST", "/oauth2/revoke", params={"app": client.id}), 400, "UnsupportedOperationRevoke")
    await org.switch(search=False, revoke=True)
    refused(await org.call("GET", "/oauth2/search", params={"app": client.id}), 400, "UnsupportedOperationRevoke")
    assert await org.revoke(app=client.id) == 1


async def test_a10_nobody_but_the_operator_enables_a_feature(app):
    org = await an_org(app, search=False, revoke=False)
    manager = await app.manager(org.id)
    body = {"properties": {"property": [{"name": SEARCH, "value": "true"}, {"name": REVOKE, "value": "true"}]}}
    for method in ("POST", "PUT"):
        refused(await org.call(method, "", manager, json=body), 403, "insufficient_scope")
    told = (await org.call("GET", "", manager)).json["properties"]["property"]
    assert {one["name"]: one["value"] for one in told} == {SEARCH: "false", REVOKE: "false"}


MATRIX = {("read_token",): {"get"}, ("revoke_token",): {"put"}, ("read_token", "revoke_token"): {"get", "put"},
          ("all",): {"get", "put"}, ("read_app", "write_role"): set()}  # fmt: skip


@pytest.mark.parametrize("held", MATRIX, ids=" ".join)
async def test_a11_get_retrieves_and_put_revokes_although_the_call_is_a_post(app, held):
    org = await an_org(app)
    client = await a_client(org)
    token = await app.manager(org.id, *held)
    for needed, method, path, status in (("get", "GET", "search", 200), ("put", "POST", "revoke", 202)):
        reply = await org.call(method, f"/oauth2/{path}", token, params={"app": client.id})
        if needed in MATRIX[held]:
            assert reply.status == status, reply.text
        else:
            refused(reply, 403, "insufficient_scope")


@pytest.mark.parametrize("role", ["orgadmin", "opsadmin"])
async def test_a11_people_in_the_two_roles_may_do_both_as_long_as_they_are_in_them(app, role):
    org = await an_org(app)
    client = await a_client(org)
    roles = (await app.call("GET", "/api/roles", params={"organization": org.id, "limit": 200})).json["items"]
    ids = {each["name"]: each["id"] for each in roles}
    desk = await app.application(organization=org.id, permissions=["all"])
    person = await app.made(f"/api/applications/{desk['id']}/users", {"status": "active"})
    token = await app.issued(desk, scope="read_token revoke_token", user=person["id"])
    query = {"app": client.id}
    refused(await org.call("GET", "/oauth2/search", token, params=query), 403, "insufficient_scope")
    place = f"/api/users/{person['id']}/roles/{ids[role]}"
    assert (await app.call("PUT", place)).status < 300
    assert (await org.call("GET", "/oauth2/search", token, params=query)).status == 200
    assert (await org.call("POST", "/oauth2/revoke", token, params=query)).status == 202
    assert (await app.call("DELETE", place)).status < 300
    for method, path in (("GET", "search"), ("POST", "revoke")):
        refused(await org.call(method, f"/oauth2/{path}", token, params=query), 403, "insufficient_scope")


async def test_a12_the_permission_query_shows_which_roles_hold_get_and_put_on_oauth2(app):
    org = await an_org(app)
    for name, permissions in (("reader", ["read_token"]), ("clerk", ["read_user"]), ("boss", ["all"])):
        await app.made("/api/roles", {"name": name, "permissions": permissions, "organization": org.id})
    reader = await app.manager(org.id, "read_role")
    assert set((await org.call("GET", "/userroles", reader)).json) == {
        "orgadmin",
        "opsadmin",
        "reader",
        "clerk",
        "boss",
    }
    everything = ["delete", "get", "put"]
    for role, may in {
        "orgadmin": everything, "opsadmin": everything, "boss": everything, "reader": ["get"], "clerk": [],
    }.items():  # fmt: skip
        reply = await org.call("GET", f"/userroles/{role}/permissions", reader, params={"path": "/oauth2"})
        rows = [{"organization": org.id, "path": "/oauth2", "permissions": may}] if may else []
        assert (reply.status, reply.json) == (200, {"resourcePermission": rows}), role
        assert (await org.call("GET", f"/userroles/{role}/permissions", reader)).json == reply.json
    other = await org.call("GET", "/userroles/orgadmin/permissions", reader, params={"path": "/developers"})
    assert other.json == {"resourcePermission": []}


async def test_a12_nobody_changes_what_the_two_roles_may_do(app):
    org = await an_org(app)
    roles = (await app.call("GET", "/api/roles", params={"organization": org.id, "limit": 200})).json["items"]
    assert {role["name"] for role in roles} == {"orgadmin", "opsadmin"}
    for role in roles:
        for caller in (await app.manager(org.id), app.root):
            reply = await app.call("PATCH", f"/api/roles/{role['id']}", caller, json={"permissions": ["all"]})
            assert (reply.status, reply.json["code"]) == (403, "built_in_role"), role["name"]


async def test_a13_tokens_issued_before_enabling_are_found_and_revoked_with_the_new_ones(app):
    org = await an_org(app, search=False, revoke=False)
    client = await a_client(org)
    old = [await client.token("anna"), await client.token()]
    await org.switch(search=True, revoke=True)
    new = await client.token("anna")
    assert await org.found(app=client.id) == [jti(new), jti(old[1]), jti(old[0])]
    assert await org.found(enduser="anna") == [jti(new), jti(old[0])]
    assert await org.revoke(enduser="anna") == 2
    assert [await alive(app, token) for token in (*old, new)] == [False, True, False]


async def test_a14_the_sample_policys_settings_have_their_like_in_an_apps(app):
    org = await an_org(app)
    client = await a_client(
        org, grant_types=["client_credentials"], end_user_from="header:appuserID", access_token_lifetime=960
    )
    answer = (await client.ask(headers={"appuserID": "anna"})).json
    assert (answer["expires_in"], answer["app_enduser"]) == ("960", "anna")
    path = f"{ALL_STRINGS}?grant_type=password"
    reply = await app.call("POST", path, "", data={**client.credentials, "username": "a", "password": "b"})
    assert (reply.status, reply.json["ErrorCode"]) == (400, "unsupported_grant_type")


async def test_a15_the_sample_request_has_the_grant_in_the_query_the_credentials_in_the_form_and_a_header(app):
    org = await an_org(app)
    client = await a_client(org)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "appuserID": "6ZG094fgnjNf02EK"}
    body = "&".join(f"{name}={value}" for name, value in client.credentials.items())
    path = "/oauth/client_credential/accesstoken?grant_type=client_credentials"
    reply = await app.call("POST", path, "", data=body.encode(), headers=headers)
    assert reply.status == 200, reply.text
    assert reply.json["app_enduser"] == "6ZG094fgnjNf02EK", "a machine's own token carries an end user"
    assert "sub" in jwt.decode(reply.json["access_token"], options={"verify_signature": False})


async def test_a16_a_form_parameter_or_what_the_sign_in_knows_serves_as_well_as_the_header(app):
    org = await an_org(app)
    form = await a_client(org, end_user_from="form:appuserID")
    assert (await form.ask(appuserID="anna")).json["app_enduser"] == "anna"
    shop = await a_shop(app, org.id, end_user_from="user")
    browser = await a_person(shop)
    tokens = await tokens_of(shop, browser)
    assert (await org.token(tokens["access_token"]))["endUser"] == str(browser.user)


async def test_a17_lifetimes_are_answered_in_seconds_and_moments_in_milliseconds(app):
    org = await an_org(app)
    client = await a_client(org, access_token_lifetime=960)
    answer = (await client.ask()).json
    assert int(answer["expires_in"]) == 960_000 // 1000, "of 960000 milliseconds, 16 minutes"
    shown = await org.token(answer["access_token"])
    assert shown["expiresAt"] - int(answer["issued_at"]) == 960_000
    assert shown["issuedAt"] // 1000 == int(answer["issued_at"]) // 1000
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 960
    assert claims["iat"] * 1000 == int(answer["issued_at"])


async def test_a17_a_refresh_tokens_lifetime_is_told_in_milliseconds_too(app):
    org = await an_org(app)
    shop = await a_shop(app, org.id)
    tokens = await tokens_of(shop, await a_person(shop))
    refresh = await org.call("GET", f"/oauth2/refreshtokens/{refresh_id(tokens['refresh_token'])}")
    assert refresh.json["expiresAt"] - refresh.json["issuedAt"] == 2_592_000 * 1000


async def test_the_administrators_own_token_ends_with_those_of_its_app(app):
    org = await an_org(app)
    manager = await a_manager(org, "revoke_token")
    token = await app.token(*manager.credentials.values(), audience=AUDIENCE)
    assert (await org.call("POST", "/oauth2/revoke", token, params={"app": manager.id})).status == 202
    refused(await org.call("POST", "/oauth2/revoke", token, params={"app": manager.id}), 401, "invalid_token")
