"""The consent page: who asks for what is told in words, the answer is remembered, a refusal goes back, too."""

from __future__ import annotations

import asyncio

import pytest

from service.pages.words import WORDS
from tests.service.pages.people import CALLBACK, a_firm, sign_in
from tests.service.pages.visitor import SESSION, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "https://api.example.com"


async def consents(app, firm):
    return await app.parts.store.pool.fetchval(
        "SELECT count(*) FROM models.consents WHERE application = $1", firm.application["id"]
    )


async def test_the_page_names_the_application_its_owner_the_person_and_each_scope(app, firm, ada):
    page = await firm.ask(await firm.signed_in(ada), scope="openid profile email offline_access")
    assert (page.status, page.title) == (200, "Allow Atlas CRM to use your account?")
    for said in ("by Acme", "Ada Lovelace", ada.email, "Not you?", "You will go back to crm.example.com."):
        assert said in page.text
    for name in ("openid", "profile", "email", "offline_access"):
        assert WORDS["en"][f"scope_{name}"] in page.text
    assert page.form.buttons == [("decision", "allow"), ("decision", "deny")]


async def test_consent_is_given_once_and_asked_for_again_when_more_is_wanted(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor, scope="openid profile")
    assert (await visitor.open("/oauth2/authorize", **firm.asking(scope="openid"))).next.startswith(CALLBACK)
    wider = await firm.ask(visitor, scope="openid profile email")
    asked, _, before = wider.text.partition("You already let it:")
    assert "See your e-mail address" in asked
    assert "See your profile" not in asked
    assert "See your profile" in before
    assert "code" in (await visitor.submit(wider.form, decision="allow")).given
    wanted = firm.asking(scope="openid profile email")
    assert (await visitor.open("/oauth2/authorize", **wanted)).next.startswith(CALLBACK)


async def test_who_does_not_consent_is_told_so_and_nothing_is_written(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor)
    before = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    told = (await visitor.submit(page.form, decision="deny")).given
    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "s1", visitor.issuer)
    assert "code" not in told
    assert await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == before
    assert (await firm.ask(visitor)).title.startswith("Allow"), "and is asked again the next time"


async def test_an_application_may_have_the_question_asked_again(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    page = await firm.ask(visitor, prompt="consent")
    assert page.title.startswith("Allow")
    assert "It asks once more to:" in page.text
    assert "You already let it:" not in page.text
    assert "code" in (await visitor.submit(page.form, decision="allow")).given


async def test_who_is_to_act_for_an_account_is_told_which(app, firm, ada):
    account = (await app.made(f"/api/accounts/{firm.organization}/accounts", {"name": "Acme <Berlin>"}))["id"]
    await app.made(f"/api/accounts/{account}/members", {"user_id": ada.id, "role": "member"})
    visitor = await firm.signed_in(ada)
    assert "You would act for Acme &lt;Berlin&gt;." in (await firm.ask(visitor, account=account)).text
    assert "You would act for" not in (await firm.ask(visitor)).text


async def test_an_organizations_own_scopes_are_told_as_it_describes_them(app):
    firm = await a_firm(app, "Described", audiences=[API], permissions=["reports:read", "reports:write", "plain"])
    root = {"Authorization": f"Bearer {await app.manager(firm.organization, 'write_scope', 'read_scope')}"}
    for name, note, locales in (
        ("reports:read", "Read <b>reports</b>", [{"locale": "zh-CN", "value": "读取报告"}]),
        ("reports:write", "", [{"locale": "en-GB", "value": "Change reports"}]),
    ):
        body = {"name": name, "type": "spa", "note": note, "locales": locales}
        made = await app.call("POST", "/api/v1/scopes", "", json=body, headers=root)
        assert made.status == 201, made.text
    person = await firm.person()
    visitor = await firm.signed_in(person)
    scope = "reports:read reports:write plain"
    page = await firm.ask(visitor, scope=scope, resource=API)
    for said in ("Read &lt;b&gt;reports&lt;/b&gt;", "Change reports", "Use “plain”", f"Applies to {API}"):
        assert said in page.text
    assert "读取报告" in (await firm.ask(visitor, scope=scope, resource=API, ui_locales="zh")).text


async def test_nothing_is_given_without_a_decision(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor)
    before = await consents(app, firm)
    for decision in ("", "ALLOW", "yes"):
        answer = await visitor.submit(page.form, decision=decision)
        assert (answer.status, answer.title) == (403, page.title)
        assert "nothing was changed" in answer.text
    assert await consents(app, firm) == before


async def test_who_signed_out_meanwhile_signs_in_first(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor)
    [own] = [form for form in (await visitor.open("/account")).page.forms if form.buttons[0][0] == "session"]
    await visitor.submit(own, session=own.buttons[0][1])
    before = await consents(app, firm)
    answer = await visitor.submit(page.form, decision="allow")
    assert answer.next.startswith("/login?request=")
    assert await consents(app, firm) == before
    again = await visitor.open((await sign_in(visitor, await visitor.open(answer.next), ada)).next)
    assert "code" in (await visitor.submit(again.form, decision="allow")).given


async def test_people_of_another_organization_are_strangers(app, firm):
    elsewhere = await a_firm(app, "Elsewhere")
    visitor = await elsewhere.signed_in(await elsewhere.person())
    page = await firm.ask(visitor)
    assert page.title == "Sign in"
    answer = await visitor.open("/consent", request=page.form.fields["request"])
    assert answer.next.startswith("/login?request=")


async def test_a_suspended_person_gives_nothing(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor)
    before = await consents(app, firm)
    await app.call("POST", f"/api/users/{ada.id}/suspend", json={})
    assert (await visitor.submit(page.form, decision="allow")).next.startswith("/login")
    assert await consents(app, firm) == before


async def test_an_application_disabled_meanwhile_gets_nothing(app):
    firm = await a_firm(app, "Closing")
    visitor = await firm.signed_in(await firm.person())
    page = await firm.ask(visitor)
    await app.call("POST", f"/api/applications/{firm.application['id']}/disable", json={})
    for decision in ("allow", "deny"):
        answer = await visitor.submit(page.form, decision=decision)
        assert (answer.status, answer.title) == (400, "We cannot go on from here")
    assert await consents(app, firm) == 0


async def test_two_posts_at_once_give_one_consent(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor)
    before = await consents(app, firm)
    twice = [Visitor(app, dict(visitor.cookies)) for _ in range(2)]
    answers = await asyncio.gather(*(each.submit(page.form, decision="allow") for each in twice))
    assert all("code" in answer.given for answer in answers)
    assert await consents(app, firm) == before + 1


async def test_names_are_text_and_never_markup(app):
    name = '<img src=x onerror="alert(1)">{{7*7}}{0}'
    firm = await a_firm(app, name, name=name)
    page = await firm.ask(await firm.signed_in(await firm.person(name=name)))
    assert not page.page.all("img")
    assert page.text.count("&lt;img src=x") >= 3
    assert "{{7*7}}{0}" in page.text


async def test_a_request_that_is_not_ours_leads_nowhere(app, firm, ada):
    visitor = await firm.signed_in(ada)
    for query in ({}, {"request": "x"}, {"request": "x" * 6000}):
        answer = await visitor.open("/consent", **query)
        assert (answer.status, answer.title) == (400, "We cannot go on from here")
    assert (await visitor.send("GET", "/consent?request=a&request=b")).status == 400


async def test_the_answer_can_go_by_a_form_too(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await firm.ask(visitor, response_mode="form_post")
    answer = await visitor.submit(page.form, decision="allow")
    assert (answer.status, answer.form.action) == (200, CALLBACK)
    assert set(answer.form.fields) == {"code", "state", "iss"}
    assert SESSION in visitor.cookies
