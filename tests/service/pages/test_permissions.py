"""Permissions on the pages that ask: told in our own words, and of nobody who could not give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from domain.grant_types import AUTHORIZATION_CODE, DEVICE_CODE
from domain.permissions import PERMISSIONS
from service.pages.scope_words import MANAGEMENT
from service.pages.words import WORDS
from tests.app_fixture import AUDIENCE
from tests.service.pages.people import VERIFIER, a_firm

if TYPE_CHECKING:
    from tests.app_fixture import Running
    from tests.service.pages.people import Firm
    from tests.service.pages.visitor import Answer, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

WANTED: dict[str, Any] = {"scope": "openid read_role revoke_token", "resource": AUDIENCE}
SECRET = [{"name": "first"}]


@pytest_asyncio.fixture(loop_scope="module")
async def console(app: Running) -> Firm:
    """A firm with an application for its administrators."""
    return await a_firm(
        app, "Console", kind="web", audiences=[AUDIENCE], permissions=["read_role", "revoke_token"], secrets=SECRET,
        grant_types=[AUTHORIZATION_CODE, DEVICE_CODE],
    )  # fmt: skip


async def test_every_permission_that_a_token_can_carry_is_told_in_every_language():
    assert set(MANAGEMENT) == set(PERMISSIONS) - {"root"}
    for words in WORDS.values():
        told = [words[f"permission_{name}"] for name in MANAGEMENT]
        assert len(set(told)) == len(told), "each is told in words of its own"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_consent_names_each_permission_before_anything_else(console: Firm, language: str):
    ada = await console.administrator("read_role", "revoke_token")
    page = await console.ask(await console.signed_in(ada, language=language), **WANTED)
    words = WORDS[language]
    named = ("permission_read_role", "permission_revoke_token", "scope_openid")
    told = [page.text.index(words[name]) for name in named]
    assert told == sorted(told)
    for name in ("read_role", "revoke_token"):
        assert words["permission_more"].format(scope=name) in page.text


async def test_nobody_is_asked_for_what_their_roles_do_not_hold(app: Running, console: Firm):
    ada = await console.administrator("read_role")
    visitor = await console.signed_in(ada)
    page = await console.ask(visitor, **WANTED)
    assert WORDS["en"]["permission_read_role"] in page.text
    assert WORDS["en"]["permission_revoke_token"] not in page.text
    code = (await visitor.submit(page.form, decision="allow")).given["code"]
    scope = await app.parts.store.pool.fetchval("SELECT scope FROM models.consents WHERE user_id = $1", ada.id)
    assert sorted(scope) == ["openid", "read_role"]
    assert (await token(console, code))["scope"] == "openid read_role"


async def test_a_permission_that_is_gained_later_is_asked_for_then(app: Running, console: Firm):
    ada = await console.administrator("read_role")
    visitor = await console.signed_in(ada)
    assert "code" in await console.consented(visitor, **WANTED)
    change = {"permissions": ["read_role", "revoke_token"]}
    assert (await app.call("PATCH", f"/api/roles/{ada.role}", json=change)).status == 200
    page = await console.ask(visitor, **WANTED)
    asked, _, before = page.text.partition("You already let it:")
    assert WORDS["en"]["permission_revoke_token"] in asked
    assert WORDS["en"]["permission_read_role"] in before


async def test_a_permission_lost_while_the_page_was_open_is_not_consented_to(app: Running, console: Firm):
    ada = await console.administrator("read_role", "revoke_token")
    visitor = await console.signed_in(ada)
    page = await console.ask(visitor, **WANTED)
    assert (await app.call("PATCH", f"/api/roles/{ada.role}", json={"permissions": ["read_role"]})).status == 200
    code = (await visitor.submit(page.form, decision="allow")).given["code"]
    assert (await token(console, code))["scope"] == "openid read_role"


async def test_a_permission_gained_while_the_page_was_open_is_not_consented_to_unseen(app: Running, console: Firm):
    ada = await console.administrator("read_role")
    visitor = await console.signed_in(ada)
    page = await console.ask(visitor, **WANTED)
    change = {"permissions": ["read_role", "revoke_token"]}
    assert (await app.call("PATCH", f"/api/roles/{ada.role}", json=change)).status == 200
    again = await visitor.open((await visitor.submit(page.form, decision="allow")).next)
    asked, _, before = again.text.partition("You already let it:")
    assert WORDS["en"]["permission_revoke_token"] in asked
    assert WORDS["en"]["permission_read_role"] in before


@pytest.mark.parametrize("scope", ["", "openid", "all root revoke_token"])
async def test_a_form_that_says_otherwise_gives_nothing_more(app: Running, console: Firm, scope: str):
    ada = await console.administrator("read_role")
    visitor = await console.signed_in(ada)
    page = await console.ask(visitor, **WANTED)
    await visitor.submit(page.form, decision="allow", scope=scope)
    given = await app.parts.store.pool.fetchval("SELECT scope FROM models.consents WHERE user_id = $1", ada.id)
    assert given == ["openid"]


async def test_where_nothing_is_left_to_ask_for_the_application_is_told(app: Running, console: Firm):
    ada = await console.administrator("read_role")
    visitor = await console.signed_in(ada)
    page = await console.ask(visitor, **{**WANTED, "scope": "read_role"})
    assert (await app.call("DELETE", f"/api/users/{ada.id}/roles/{ada.role}")).status == 204
    for decision in ("allow", "deny"):
        answer = await visitor.submit(page.form, decision=decision)
        assert answer.given["error"] == "invalid_scope"
    assert not await app.parts.store.pool.fetchval("SELECT count(*) FROM models.consents WHERE user_id = $1", ada.id)


async def test_an_organization_cannot_make_a_permission_look_harmless(app: Running, console: Firm):
    manager = await app.manager(console.organization, "write_scope", "read_scope")
    listed = (await app.call("GET", "/api/v1/scopes", manager)).json["scopes"]
    [scope] = [each for each in listed if each["name"] == "revoke_token"]
    locales = [{"locale": "en", "value": "See your picture"}]
    change = {"note": "See your picture", "locales": locales}
    assert (await app.call("PUT", f"/api/v1/scopes/{scope['id']}", manager, json=change)).status == 200
    ada = await console.administrator("revoke_token")
    page = await console.ask(await console.signed_in(ada), **WANTED)
    assert "See your picture" not in page.text
    assert WORDS["en"]["permission_revoke_token"] in page.text


async def test_the_account_page_tells_what_an_application_may_administer(console: Firm):
    ada = await console.administrator("revoke_token")
    visitor = await console.signed_in(ada)
    await console.consented(visitor, **WANTED)
    assert WORDS["en"]["permission_revoke_token"] in (await visitor.open("/account")).text


async def waiting(firm: Firm) -> Any:
    """Let a device ask for both permissions; return what it is told."""
    secret = firm.application["secrets"][0]["secret"]
    asked = {"client_id": firm.client_id, "client_secret": secret, "scope": WANTED["scope"], "audience": AUDIENCE}
    reply = await firm.app.call("POST", "/oauth2/device_authorization", "", data=asked)
    assert reply.status == 200, reply.text
    return reply.json


async def question(visitor: Visitor, device: Any) -> Answer:
    page = await visitor.open("/device", user_code=device["user_code"])
    shown = await visitor.submit(page.form, user_code=device["user_code"])
    assert shown.status == 200, shown.text
    return shown


async def polled(firm: Firm, device: Any) -> Any:
    secret = firm.application["secrets"][0]["secret"]
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"]}
    data = {**form, "client_id": firm.client_id, "client_secret": secret}
    return (await firm.app.call("POST", "/oauth2/token", "", data=data)).json


async def test_a_device_asks_for_what_the_person_could_give(console: Firm):
    device = await waiting(console)
    for held, told in ((("revoke_token",), True), (("read_role",), False)):
        visitor = await console.signed_in(await console.administrator(*held))
        shown = await question(visitor, device)
        assert (WORDS["en"]["permission_revoke_token"] in shown.text) is told
        assert (WORDS["en"]["permission_read_role"] in shown.text) is not told
    assert (await visitor.submit(shown.form, decision="allow")).title == "Your device is connected"
    assert (await polled(console, device))["scope"] == "openid read_role"


@pytest.mark.parametrize("when", ["shown", "approved"])
async def test_a_device_has_no_permission_that_was_gained_after_it_was_shown(app: Running, console: Firm, when: str):
    ada = await console.administrator("read_role")
    visitor, device = await console.signed_in(ada), await waiting(console)
    shown = await question(visitor, device)
    change = {"permissions": ["read_role", "revoke_token"]}
    if when == "shown":
        assert (await app.call("PATCH", f"/api/roles/{ada.role}", json=change)).status == 200
    await visitor.submit(shown.form, decision="allow")
    if when == "approved":
        assert (await app.call("PATCH", f"/api/roles/{ada.role}", json=change)).status == 200
    assert (await polled(console, device))["scope"] == "openid read_role"


async def token(firm: Firm, code: str) -> Any:
    form = {"grant_type": AUTHORIZATION_CODE, "code": code, "redirect_uri": firm.asking()["redirect_uri"]}
    secret = firm.application["secrets"][0]["secret"]
    data = {**form, "client_id": firm.client_id, "client_secret": secret, "code_verifier": VERIFIER}
    reply = await firm.app.call("POST", "/oauth2/token", "", data=data)
    assert reply.status == 200, reply.text
    return reply.json
