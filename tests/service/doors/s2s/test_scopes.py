"""Scopes (spec/melody.md section 4.4): defined ones and built-in ones, in one list, with ids that stay."""

from __future__ import annotations

import json

import pytest

from domain.permissions import BUILT_IN_SCOPES, PERMISSIONS
from tests.service.doors.s2s.asking import said, server

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = {"name": "files:read", "type": "s2s"}
APP = {"name": "App", "type": "s2s", "scopes": ["files:read"], "redirectUris": []}
BUILT_IN = (400, "Built-in scopes cannot be created, deleted, or renamed")
UNKNOWN = (404, "No such scope")


async def built_in(manager, name: str):
    return next(each for each in (await manager.got("/api/v1/scopes"))["scopes"] if each["name"] == name)


async def test_a_scope_is_made_read_changed_and_deleted(app):
    manager = await server(app)
    locales = [{"locale": "en", "value": "Read files"}, {"locale": "fr", "value": "Lire"}]
    made = await manager.made("/api/v1/scopes", {**NEW, "note": "Files", "locales": locales})
    assert made.keys() == {"id", "name", "note", "type", "locales", "createdAt", "updatedAt", "deletedAt"}
    assert (made["name"], made["note"], made["type"], made["locales"]) == ("files:read", "Files", "s2s", locales)
    path = f"/api/v1/scopes/{made['id']}"
    assert (await manager.got(path))["scope"] == made
    listed = (await manager.got("/api/v1/scopes"))["scopes"]
    assert listed[-1] == {name: value for name, value in made.items() if name != "locales"}
    changed = await manager.changed(path, {"locales": [{"locale": "de", "value": "Lesen"}]})
    assert (changed["note"], changed["locales"]) == ("Files", [{"locale": "de", "value": "Lesen"}])
    changed = await manager.changed(path, {"name": "files:list", "note": ""})
    assert (changed["name"], changed["note"]) == ("files:list", "")
    assert [(await manager.call("DELETE", path)).status for _ in range(2)] == [204, 204]
    assert said(await manager.call("GET", path)) == UNKNOWN
    assert said(await manager.call("PUT", path, {"note": "x"})) == UNKNOWN


async def test_built_in_scopes_are_listed_in_every_organization_under_the_same_ids(app):
    one, other = await server(app), await server(app)
    shown = (await one.got("/api/v1/scopes"))["scopes"]
    assert [each["name"] for each in shown] == list(BUILT_IN_SCOPES)
    types = {each["name"]: each["type"] for each in shown}
    assert {types[name] for name in PERMISSIONS} == {"s2s"}
    assert types["openid"] == types["profile"] == types["offline_access"] == "spa"
    theirs = (await other.got("/api/v1/scopes"))["scopes"]
    assert [each["id"] for each in shown] == [each["id"] for each in theirs]
    assert (await one.got(f"/api/v1/scopes/{shown[0]['id']}"))["scope"] == {**shown[0], "locales": []}


async def test_note_and_translations_of_a_built_in_scope_are_the_organizations_own(app):
    one, other = await server(app), await server(app)
    openid = await built_in(one, "openid")
    path, locales = f"/api/v1/scopes/{openid['id']}", [{"locale": "de", "value": "Wer du bist"}]
    changed = await one.changed(path, {"name": "openid", "note": "Who you are", "locales": locales})
    assert (changed["id"], changed["note"], changed["locales"]) == (openid["id"], "Who you are", locales)
    assert (await one.got(path))["scope"] == changed
    assert (await built_in(one, "openid"))["note"] == "Who you are"
    assert (await other.got(path))["scope"]["note"] == ""
    assert (await one.changed(path, {"note": None}))["locales"] == locales


@pytest.mark.parametrize("scope", ["root", "all"])
async def test_nobody_makes_renames_or_deletes_a_built_in_scope(app, scope):
    manager = await server(app, scope)
    own = await manager.made("/api/v1/scopes", NEW)
    root = await built_in(manager, "root")
    before = await manager.head()
    for name in ("root", "Root", " READ_USER ", "\uff52oot", "openid", "all"):
        assert said(await manager.call("POST", "/api/v1/scopes", {**NEW, "name": name})) == BUILT_IN, name
        assert said(await manager.call("PUT", f"/api/v1/scopes/{own['id']}", {"name": name})) == BUILT_IN, name
    path = f"/api/v1/scopes/{root['id']}"
    assert said(await manager.call("PUT", path, {"name": "harmless", "note": "x"})) == BUILT_IN
    assert said(await manager.call("DELETE", path)) == BUILT_IN
    assert await manager.head() == before


async def test_a_deleted_scope_leaves_apps_and_a_renamed_one_goes_with_them(app):
    manager = await server(app)
    scope = await manager.made("/api/v1/scopes", NEW)
    made = await manager.made("/api/v1/apps", APP)
    path, app_path = f"/api/v1/scopes/{scope['id']}", f"/api/v1/apps/{made['id']}"
    await manager.changed(path, {"name": "files:list"})
    assert (await manager.got(app_path))["app"]["scopes"] == ["files:list"]
    lesser = await server(app, "write_scope", organization=manager.organization)
    refused = await lesser.call("PUT", path, {"name": "files:all"})
    assert said(refused) == (400, "A permission is missing")
    reply = await lesser.call("DELETE", path)
    assert reply.status == 204
    topics = {event["topic"] for event in await app.events(request_id=reply.headers["X-Request-Id"])}
    assert topics == {"scope.deleted", "application.updated"}
    assert (await manager.got(app_path))["app"]["scopes"] == []
    assert said(await manager.call("PUT", app_path, {"scopes": ["files:list"]})) == (400, "Unknown scope")


async def test_a_name_is_taken_once(app):
    manager = await server(app)
    await manager.made("/api/v1/scopes", NEW)
    other = await manager.made("/api/v1/scopes", {**NEW, "name": "other"})
    assert said(await manager.call("POST", "/api/v1/scopes", NEW)) == (409, "The name is taken")
    reply = await manager.call("PUT", f"/api/v1/scopes/{other['id']}", {"name": "files:read"})
    assert said(reply) == (409, "The name is taken")


@pytest.mark.parametrize(
    ("member", "value"),
    [("name", ""), ("name", "two words"), ("name", "x" * 51), ("type", "web"), ("type", None), ("note", "x" * 1001),
     ("locales", [{"locale": "english", "value": "x"} | {"locale": "en_US"}]), ("locales", [{"locale": "en"}])],
)  # fmt: skip
async def test_values_that_do_not_fit_are_named(app, member, value):
    status, text = said(await (await server(app)).call("POST", "/api/v1/scopes", {**NEW, member: value}))
    assert status == 400
    assert json.loads(text)[0]["property"].startswith(member)


async def test_the_type_of_a_scope_never_changes(app):
    manager = await server(app)
    scope = await manager.made("/api/v1/scopes", NEW)
    status, text = said(await manager.call("PUT", f"/api/v1/scopes/{scope['id']}", {"type": "spa"}))
    assert (status, json.loads(text)[0]["property"]) == (400, "type")


async def test_scopes_of_other_organizations_are_not_there(app):
    manager, other = await server(app), await server(app)
    scope = await other.made("/api/v1/scopes", NEW)
    path, before = f"/api/v1/scopes/{scope['id']}", await manager.head()
    assert said(await manager.call("GET", path)) == UNKNOWN
    assert said(await manager.call("PUT", path, {"note": "mine"})) == UNKNOWN
    assert (await manager.call("DELETE", path)).status == 204
    assert said(await manager.call("POST", "/api/v1/apps", APP)) == (400, "Unknown scope")
    assert await manager.head() == before
    assert len((await manager.got("/api/v1/scopes"))["scopes"]) == len(BUILT_IN_SCOPES)
