"""Apps (spec/melody.md section 4.1): shown by their type, made with a secret shown once, changed as a whole."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest

from tests.app_fixture import AUDIENCE
from tests.service.doors.s2s.asking import asked, said, server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = {"name": "App", "type": "s2s", "scopes": ["read_user"], "redirectUris": []}
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
MFA = ("useSystemMfaConfig", "requireEmailMfa", "requireOtpMfa", "requireSmsMfa", "allowEmailMfaAsBackup")


async def test_a_server_app_is_made_and_its_secret_works_at_once(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", {**NEW, "redirectUris": ["https://App.test/CB/"]})
    assert made.keys() == {
        "id", "clientId", "name", "isActive", "type", "redirectUris", *MFA, "createdAt", "updatedAt", "deletedAt",
        "scopes", "secret",
    }  # fmt: skip
    assert (made["name"], made["type"], made["isActive"], made["deletedAt"]) == ("App", "s2s", True, None)
    assert made["redirectUris"] == ["https://App.test/CB/"], "as they were written"
    assert [made[name] for name in MFA] == [True, False, False, False, False]
    assert TIME.fullmatch(made["createdAt"])
    assert made["createdAt"] == made["updatedAt"]
    token = await asked(app, made["clientId"], made["secret"], scope="read_user")
    assert token.status == 200
    assert (await app.call("GET", "/api/v1/users", token.json["access_token"])).status == 200
    row = (await app.call("GET", f"/api/applications/{made['id']}")).json
    assert (row["kind"], row["audiences"], row["organization"]) == ("machine", [AUDIENCE], manager.organization)


async def test_the_secret_is_shown_in_no_other_answer(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", NEW)
    path = f"/api/v1/apps/{made['id']}"
    for reply in (
        await manager.call("GET", path),
        await manager.call("GET", "/api/v1/apps"),
        await manager.call("PUT", path, {"name": "Renamed"}),
    ):
        assert reply.status == 200
        assert made["secret"] not in reply.text
        assert '"secret"' not in reply.text
    assert made["secret"] not in str(await app.events(organization=manager.organization, limit=200))


async def test_a_single_page_app_keeps_no_secret(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", {**NEW, "type": "spa", "scopes": ["openid", "profile"]})
    assert (made["type"], made["secret"]) == ("spa", None)
    reply = await manager.call("POST", "/api/v1/apps", {**NEW, "type": "spa", "scopes": ["read_user"]})
    assert said(reply) == (400, "This kind of application may not do this")


async def test_all_apps_of_the_organization_are_listed_by_their_nearest_type(app):
    manager = await server(app)
    kinds = {"machine": "s2s", "web": "spa", "spa": "spa", "native": "spa"}
    made = {}
    for kind in kinds:
        made[kind] = await app.application(organization=manager.organization, kind=kind, secrets=[])
    await server(app)
    shown = {each["id"]: each for each in (await manager.got("/api/v1/apps"))["apps"]}
    assert shown.keys() == {manager.id, *(each["id"] for each in made.values())}
    for kind, wanted in kinds.items():
        assert shown[made[kind]["id"]]["type"] == wanted
        assert "scopes" not in shown[made[kind]["id"]]
    one = (await manager.got(f"/api/v1/apps/{made['machine']['id']}"))["app"]
    assert one == {**shown[made["machine"]["id"]], "scopes": []}


async def test_a_change_replaces_scopes_and_leaves_alone_what_it_does_not_name(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", {**NEW, "redirectUris": ["https://a.test/"]})
    path = f"/api/v1/apps/{made['id']}"
    changed = await manager.changed(path, {"scopes": ["read_role", "write_role"]})
    assert changed["scopes"] == ["read_role", "write_role"]
    assert (changed["name"], changed["redirectUris"]) == ("App", ["https://a.test/"])
    flags = {"useSystemMfaConfig": False, "requireOtpMfa": True, "allowEmailMfaAsBackup": True}
    changed = await manager.changed(path, {"redirectUris": ["https://b.test/", "http://localhost/"], **flags})
    assert changed["redirectUris"] == ["https://b.test/", "http://localhost/"]
    assert flags.items() <= changed.items()
    assert changed["scopes"] == ["read_role", "write_role"]
    assert (await manager.got(path))["app"] == changed
    assert (await manager.changed(path, {})) == changed


async def test_a_change_is_made_as_a_whole_or_not_at_all(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", NEW)
    path, before = f"/api/v1/apps/{made['id']}", await manager.head()
    assert said(await manager.call("PUT", path, {"name": "New", "scopes": ["read_user", "unheard"]})) == (
        400,
        "Unknown scope",
    )
    assert said(await manager.call("POST", "/api/v1/apps", {**NEW, "scopes": ["unheard"]})) == (400, "Unknown scope")
    for wrong in ("https://*.test/", "http://a.test/", "javascript:alert(1)", "https://a.test/#x", "com.app:/cb"):
        status, text = said(await manager.call("PUT", path, {"name": "New", "redirectUris": [wrong]}))
        assert status == 400
        assert json.loads(text)[0]["property"] == "redirectUris"
    many = [f"https://a.test/{n}" for n in range(51)]
    assert said(await manager.call("PUT", path, {"name": "New", "redirectUris": many}))[0] == 400
    itself = f"/api/v1/apps/{manager.id}"
    refused = await manager.call("PUT", itself, {"name": "New", "isActive": False})
    assert said(refused) == (400, "Nobody deletes or disables themselves")
    assert await manager.head() == before
    assert (await manager.got(path))["app"]["name"] == "App"
    reached = await manager.call("PUT", path, {"name": "New", "isActive": False, "scopes": []})
    recorded = await app.events(request_id=reached.headers["X-Request-Id"])
    assert {event["topic"] for event in recorded} == {"application.updated", "application.disabled"}


@pytest.mark.parametrize(
    ("member", "value"),
    [("name", ""), ("name", "x" * 51), ("name", None), ("type", "web"), ("scopes", "read_user"), ("scopes", ["a b"]),
     ("redirectUris", None), ("redirectUris", [1])],
)  # fmt: skip
async def test_values_that_do_not_fit_are_named(app, member, value):
    manager = await server(app)
    status, text = said(await manager.call("POST", "/api/v1/apps", {**NEW, member: value}))
    assert status == 400
    assert json.loads(text)[0]["property"].startswith(member)


@pytest.mark.parametrize("member", NEW)
async def test_every_member_of_a_new_app_is_required(app, member):
    manager = await server(app)
    body = {name: value for name, value in NEW.items() if name != member}
    status, text = said(await manager.call("POST", "/api/v1/apps", body))
    assert (status, json.loads(text)[0]["property"]) == (400, member)


async def test_an_app_is_deleted_once_and_gone_ever_after(app):
    manager = await server(app)
    made = await manager.made("/api/v1/apps", NEW)
    path = f"/api/v1/apps/{made['id']}"
    assert [(await manager.call("DELETE", path)).status for _ in range(2)] == [204, 204]
    assert said(await manager.call("GET", path)) == (404, "")
    assert said(await manager.call("PUT", path, {"name": "x"})) == (404, "")
    assert said(await manager.call("GET", "/api/v1/apps/1")) == (404, "")
    assert (await asked(app, made["clientId"], made["secret"], scope="read_user")).status == 401
    own = await manager.call("DELETE", f"/api/v1/apps/{manager.id}")
    assert said(own) == (400, "Nobody deletes or disables themselves")


async def test_apps_of_other_organizations_are_not_there(app):
    manager, other = await server(app), await server(app)
    made = await other.made("/api/v1/apps", NEW)
    path, before = f"/api/v1/apps/{made['id']}", await manager.head()
    assert said(await manager.call("GET", path)) == (404, "")
    assert said(await manager.call("PUT", path, {"name": "Mine"})) == (404, "")
    assert (await manager.call("DELETE", path)).status == 204
    assert (await manager.call("DELETE", f"/api/v1/apps/{uuid4()}")).status == 204
    assert await manager.head() == before
    assert made["id"] not in str(await manager.got("/api/v1/apps"))


async def test_redirect_uris_are_shown_and_taken_natively_too(app):
    uris = ["com.example.app:/cb", "https://a.test/CB"]
    made = await app.application(kind="native", secrets=[], redirect_uris=uris, require_otp_mfa=True)
    assert (made["redirect_uris"], made["require_otp_mfa"], made["use_system_mfa_config"]) == (uris, True, True)
    path = f"/api/applications/{made['id']}"
    changed = await app.call("PATCH", path, json={"redirect_uris": ["https://b.test/"]})
    assert changed.json["redirect_uris"] == ["https://b.test/"]
    assert (await app.call("GET", path)).json == changed.json
    refused = await app.call("PATCH", path, json={"redirect_uris": ["http://b.test/"]})
    assert (refused.status, refused.json["code"]) == (400, "invalid_redirect_uri")
