"""The rows of spec/melody.md section 0, one test each; M15 to M17, about users' roles, stand in test_users.py."""
# ruff: noqa: N802 - the names carry the rows

from __future__ import annotations

import base64

import pytest

from service.doors import s2s
from tests.app_fixture import AUDIENCE, SETTINGS
from tests.service.doors.s2s.asking import asked, said, server
from tests.service.oauth.asking import SERVER_TO_SERVER, claims, error

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT_RULE = "Only an app with the root scope can assign the root scope to an app"
NEW_APP = {"name": "App", "type": "s2s", "scopes": ["read_user"], "redirectUris": []}


async def test_M1_server_applications_manage_resources(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", NEW_APP)
    role = await manager.made("/api/v1/roles", {"name": "editor"})
    assert made["id"] in str(await manager.got("/api/v1/apps"))
    assert role["id"] in str(await manager.got("/api/v1/roles"))
    user = await manager.user()
    assert (await manager.got(f"/api/v1/users/{user}"))["user"]["authId"] == user


async def test_M2_a_token_is_had_for_the_client_id_and_secret_in_a_basic_header(app):
    manager = await server(app, "read_user")
    assert (await asked(app, manager.client_id, manager.secret, scope="read_user")).status == 200
    pair = base64.b64encode(f"{manager.client_id}:wrong".encode()).decode()
    wrong = {"Authorization": f"Basic {pair}"}
    for headers in ({}, wrong, {"Authorization": "Basic"}, {"Authorization": "Basic !"}):
        form = {"grant_type": "client_credentials", "scope": "read_user"}
        reply = await app.call("POST", SERVER_TO_SERVER, "", data=form, headers=headers)
        assert (reply.status, reply.json["error"]) in {(401, "invalid_client"), (400, "invalid_request")}, headers
    unknown = await asked(app, "nobody", manager.secret, scope="read_user")
    mistaken = await asked(app, manager.client_id, "wrong", scope="read_user")
    assert (unknown.status, unknown.text) == (mistaken.status, mistaken.text) == (401, unknown.text)
    assert unknown.headers["WWW-Authenticate"].startswith("Basic ")


async def test_M3_the_token_endpoint_takes_a_form_and_nothing_else(app):
    manager = await server(app, "read_user")
    credentials = {"client_id": manager.client_id, "client_secret": manager.secret}
    body = {"grant_type": "client_credentials", "scope": "read_user", **credentials}
    assert (await app.call("POST", "/oauth2/v1/token", "", data=body)).status == 200
    assert error(await app.call("POST", "/oauth2/v1/token", "", json=body)) == (415, "invalid_request")
    assert (await app.call("GET", "/oauth2/v1/token", "", params=body)).status == 405


async def test_M4_the_grant_is_client_credentials(app):
    manager = await server(app, "read_user")
    client = manager.client_id, manager.secret
    for grant, code in {
        "implicit": "unsupported_grant_type",
        "password": "unauthorized_client",
        "authorization_code": "unauthorized_client",
        "refresh_token": "unauthorized_client",
    }.items():
        reply = await asked(app, *client, scope="read_user", grant_type=grant)
        assert error(reply) == (400, code)
    assert error(await asked(app, *client, scope="read_user", grant_type="")) == (400, "invalid_request")
    assert (await asked(app, *client, scope="read_user", grant_type="CLIENT_CREDENTIALS")).status == 200


async def test_M5_scope_is_required_and_names_scopes_with_spaces_between(app):
    manager = await server(app, "read_user", "write_user")
    client = manager.client_id, manager.secret
    reply = await asked(app, *client, scope="read_user write_user")
    assert reply.json["scope"] == "read_user write_user"
    # What is not held is not granted, and the answer says what was (spec/README.md 2).
    assert (await asked(app, *client, scope="write_user write_app root")).json["scope"] == "write_user"
    for scope, code in (("", "invalid_request"), (" ", "invalid_scope"), ("root", "invalid_scope")):
        assert error(await asked(app, *client, scope=scope)) == (400, code), scope
    assert error(await asked(app, *client)) == (400, "invalid_request")


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_M6_the_name_of_the_scheme_is_read_in_any_letter_case(app, scheme):
    manager = await server(app, "read_user")
    assert (await asked(app, manager.client_id, manager.secret, scheme=scheme, scope="read_user")).status == 200


async def test_M7_the_answer_tells_the_token_and_when_it_ends(app):
    manager = await server(app, "read_user", "write_user")
    answer = (await asked(app, manager.client_id, manager.secret, scope="read_user write_user")).json
    assert answer.keys() == {"access_token", "expires_in", "expires_on", "token_type", "scope"}
    assert (answer["expires_in"], answer["token_type"]) == (3600, "Bearer")
    assert answer["scope"] == "read_user write_user"
    assert answer["access_token"].count(".") == 2


async def test_M8_the_token_says_what_the_answer_says(app):
    manager = await server(app, "read_user", "write_user")
    answer = (await asked(app, manager.client_id, manager.secret, scope="read_user write_user")).json
    inside = claims(answer["access_token"])
    assert (inside["sub"], inside["scope"]) == (manager.client_id, "read_user write_user")
    assert inside["exp"] - inside["iat"] == answer["expires_in"]
    assert inside["exp"] == answer["expires_on"]
    assert (inside["aud"], inside["iss"]) == (AUDIENCE, SETTINGS.issuer)


async def test_M9_later_calls_carry_the_token(app):
    manager = await server(app, "read_user")
    assert (await manager.call("GET", "/api/v1/users")).status == 200
    assert said(await app.call("GET", "/api/v1/users", "")) == (401, "Unauthorized")
    lower = {"Authorization": f"bearer {manager.token}"}
    assert (await app.call("GET", "/api/v1/users", "", headers=lower)).status == 200


async def test_M10_info_takes_any_token_of_a_server_application_and_no_scope(app):
    manager = await server(app, "read_role")
    told = await manager.got("/info")
    assert told.keys() == {"configs"}
    assert told["configs"]["AUTH_SERVER_URL"] == SETTINGS.issuer
    empty = await app.application(organization=manager.organization, permissions=[])
    bare = await app.issued(empty, scope="")
    assert (await app.call("GET", "/info", bare)).json == told
    nobody = await app.call("GET", "/info", "")
    assert (*said(nobody), nobody.headers["WWW-Authenticate"]) == (401, "Unauthorized", 'Bearer realm=""')
    person = await app.issued(empty, scope="", user=await manager.user())
    assert said(await app.call("GET", "/info", person)) == (401, "Unauthorized")


async def test_M11_the_swagger_document_names_the_scopes_that_each_endpoint_needs(app):
    document = (await app.call("GET", "/api/v1/swagger", "")).json
    for door in s2s.DOORS:
        for route in door.routes:
            told = document["paths"][route.path][route.method.lower()]
            assert told["security"] == [{"token": list(route.permissions)}], route
    # And they decide: one short of any, and the endpoint stays shut. (test_frame.py tries each scope of each route.)
    reader = await server(app, "read_app")
    assert (await reader.call("GET", "/api/v1/apps")).status == 200
    assert said(await reader.call("POST", "/api/v1/apps", NEW_APP)) == (401, "Unauthorized")


async def test_M12_root_opens_every_endpoint(app):
    root = await server(app, "root")
    for door in s2s.DOORS:
        for route in door.routes:
            if route.method == "GET" and "{" not in route.path:
                assert (await root.call("GET", route.path)).status == 200, route.path
    assert (await root.made("/api/v1/apps", NEW_APP))["scopes"] == ["read_user"]


async def test_M13_root_may_put_root_into_an_apps_scopes(app):
    root = await server(app, "root")
    made = await root.made("/api/v1/apps", {**NEW_APP, "scopes": ["root", "read_user"]})
    assert made["scopes"] == ["read_user", "root"]
    other = await root.made("/api/v1/apps", NEW_APP)
    changed = await root.changed(f"/api/v1/apps/{other['id']}", {"scopes": ["root"]})
    assert changed["scopes"] == ["root"]


@pytest.mark.parametrize("scopes", [["root"], ["read_user", "root"], ["root", "unheard-of"]])
async def test_M14_nobody_else_names_root_in_an_apps_scopes(app, scopes):
    manager = await server(app, "write_app", "read_app")
    root = await server(app, "root", organization=manager.organization)
    plain = await manager.made("/api/v1/apps", NEW_APP)
    privileged = await root.made("/api/v1/apps", {**NEW_APP, "scopes": ["root"]})
    elsewhere = await (await server(app)).made("/api/v1/apps", NEW_APP)
    before = await manager.head()
    refused = (400, ROOT_RULE)
    assert said(await manager.call("POST", "/api/v1/apps", {**NEW_APP, "scopes": scopes})) == refused
    for app_id in (plain["id"], privileged["id"], elsewhere["id"], manager.id):
        path = f"/api/v1/apps/{app_id}"
        assert said(await manager.call("PUT", path, {"scopes": scopes, "name": "Mine"})) == refused
    assert await manager.head() == before, "nothing is written"


async def test_M14_without_naming_scopes_an_app_that_holds_root_is_changed(app):
    manager = await server(app, "write_app", "read_app")
    root = await server(app, "root", organization=manager.organization)
    privileged = await root.made("/api/v1/apps", {**NEW_APP, "scopes": ["root"]})
    path = f"/api/v1/apps/{privileged['id']}"
    changed = await manager.changed(path, {"name": "Renamed"})
    assert (changed["name"], changed["scopes"]) == ("Renamed", ["root"])
    # But nobody locks out who alone could mend it.
    assert said(await manager.call("PUT", path, {"isActive": False})) == (400, "A permission is missing")
    assert said(await manager.call("PUT", path, {"scopes": []})) == (400, "A permission is missing")
    assert said(await manager.call("DELETE", path)) == (400, "A permission is missing")
    # Nor does anybody else choose where its answers go, or take into use again what root took out of it.
    assert said(await manager.call("PUT", path, {"redirectUris": ["https://app.example.com/"]})) == (400, ROOT_RULE)
    await root.changed(path, {"isActive": False})
    assert said(await manager.call("PUT", path, {"isActive": True})) == (400, "A permission is missing")


async def test_M14_every_other_scope_is_the_managers_to_give(app):
    manager = await server(app, "write_app", "write_scope")
    await manager.made("/api/v1/scopes", {"name": "files:read", "type": "s2s"})
    made = await manager.made("/api/v1/apps", {**NEW_APP, "scopes": ["write_user", "files:read", "openid"]})
    assert made["scopes"] == ["files:read", "openid", "write_user"]
    assert said(await manager.call("POST", "/api/v1/apps", {**NEW_APP, "scopes": ["all"]})) == (
        400,
        "A permission is missing",
    )


async def test_M18_the_swagger_document_is_published(app):
    reply = await app.call("GET", "/api/v1/swagger", "")
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (200, "application/json")
    document = reply.json
    assert document["openapi"].startswith("3.1")
    served = {(route.method.lower(), route.path) for door in s2s.DOORS for route in door.routes}
    told = {(method, path) for path, item in document["paths"].items() for method in item}
    assert served <= told
    assert {path.split("/")[1] for _, path in told} <= {"api", "info", "oauth2"}
