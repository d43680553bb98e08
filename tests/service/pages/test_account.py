"""The account page: what has access and where somebody is signed in, each theirs alone to end, and ended at once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.service.pages.console import a_third_party
from tests.service.pages.people import CALLBACK
from tests.service.pages.visitor import SESSION, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVOKE, END = "/account/applications/revoke", "/account/sessions/end"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def form_of(page, action, value):
    """Return the form whose button says this, or of several buttons the one that has it."""
    [found] = [form for form in page.page.forms if form.action == action and (form.buttons[0][1] == value)]
    return found, dict(found.buttons)


async def press(visitor, page, action, value):
    form, button = form_of(page, action, value)
    return await visitor.submit(form, **button)


def others(page):
    """Return the ids of the sessions that the page offers to end."""
    values = [form.buttons[0][1] for form in page.page.forms if form.action == END]
    return [value for value in values[1:] if value != "others"]


async def refreshed(app, firm, refresh_token):
    data = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": firm.client_id}
    return await app.call("POST", "/oauth2/token", "", data=data)


async def test_whoever_is_not_signed_in_signs_in_first(app, firm):
    visitor = Visitor(app)
    assert (await visitor.open("/account")).next == "/login"
    answer = await visitor.open("/account", organization=firm.organization)
    assert answer.next == f"/login?organization={firm.organization}"
    for path in (REVOKE, END):
        assert (await visitor.send("POST", path, data={"session": "others", "application": "all"})).next == "/login"


async def test_a_page_left_open_leads_back_to_the_sign_in_of_its_own_organization(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open("/account")).page.forms[0]
    await app.call("POST", f"/api/users/{ada.id}/suspend", json={})
    sign_in = f"/login?organization={firm.organization}"
    assert (await visitor.submit(form, session="others")).next == sign_in
    assert (await visitor.open("/account", organization=firm.organization)).next == sign_in


async def test_it_shows_who_has_access_since_when_and_to_what(app, firm, ada):
    visitor = await firm.signed_in(ada)
    assert "No application has access to your account." in (await visitor.open("/account")).text
    told = await firm.consented(visitor, scope="openid email")
    page = await visitor.open("/account")
    for said in ("Ada Lovelace", "Atlas CRM", "by Acme", "See your e-mail address", "Since ", "Not used lately"):
        assert said in page.text
    assert "See your profile" not in page.text
    await firm.token_of(told["code"])
    assert "Last used " in (await visitor.open("/account")).text


async def test_a2a_a_third_party_is_told_apart_and_why_it_may_not_be_used(app, firm, ada):
    made = await a_third_party(firm, f"weather_{uuid4().hex[:8]}", redirect_uris=[CALLBACK])
    await app.made(f"/api/third-parties/{made['id']}/approve", {}, app.root)
    visitor = await firm.signed_in(ada)
    weather = type(firm)(app, firm.organization, firm.token, {**made, "client_id": made["identifier"]})
    await weather.consented(visitor, scope="openid")
    page = await visitor.open("/account")
    for said in ("Weather", "Third party", "Approved until"):
        assert said in page.text
    await app.made(f"/api/third-parties/{made['id']}/reject", {"reason": "They sold the data."}, app.root)
    page = await visitor.open("/account")
    assert "Rejected" in page.text
    assert "They sold the data." not in page.text, "that is between them and the organization"
    await press(visitor, page, REVOKE, made["id"])
    assert "Weather" not in (await visitor.open("/account")).text


async def test_access_that_is_removed_is_over_at_once(app, firm, ada):
    visitor = await firm.signed_in(ada)
    told = await firm.consented(visitor, scope="openid offline_access")
    token = await firm.token_of(told["code"])
    page = await visitor.open("/account")
    answer = await press(visitor, page, REVOKE, firm.application["id"])
    assert answer.next == f"/account?organization={firm.organization}&done=revoked"
    page = await visitor.open(answer.next)
    assert "Access was removed." in page.text
    assert "No application has access to your account." in page.text
    refused = await refreshed(app, firm, token["refresh_token"])
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert (await firm.ask(visitor)).title.startswith("Allow"), "consent is asked for anew"


async def test_all_access_is_removed_by_one_button(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    other = await app.application(
        organization=firm.organization, kind="spa", name="Notes", redirect_uris=[CALLBACK], secrets=[], audiences=[]
    )
    second = type(firm)(app, firm.organization, firm.token, other)
    await second.consented(visitor)
    page = await visitor.open("/account")
    assert page.text.index("Atlas CRM") < page.text.index("Notes")
    answer = await press(visitor, page, REVOKE, "all")
    page = await visitor.open(answer.next)
    assert "Access of all applications was removed." in page.text
    assert "No application has access" in page.text


async def test_sessions_are_told_by_browser_and_address_the_own_one_first(app, firm, ada):
    visitor = await firm.signed_in(ada)
    elsewhere = Visitor(app)
    page = await elsewhere.open("/login", organization=firm.organization)
    headers = {"User-Agent": FIREFOX}
    await elsewhere.submit(page.form, headers, identifier=ada.username, password=ada.password)
    async with asyncio.timeout(5):
        while len(app.parts.journal.rows):  # noqa: ASYNC110 - the journal tells nobody when it has written
            await asyncio.sleep(0.02)
    page = await visitor.open("/account")
    assert "Firefox on Windows" in page.text
    assert "from 127.0.0.1" in page.text
    assert page.text.index("This browser") < page.text.index("Firefox on Windows")
    assert len(others(page)) == 1


async def test_another_session_is_ended_at_once(app, firm, ada):
    visitor, elsewhere = await firm.signed_in(ada), await firm.signed_in(ada)
    page = await visitor.open("/account")
    [other] = others(page)
    answer = await press(visitor, page, END, other)
    assert answer.next == f"/account?organization={firm.organization}&done=ended"
    assert "The session was ended." in (await visitor.open(answer.next)).text
    assert (await elsewhere.open("/account")).next == "/login"


async def test_all_other_sessions_are_ended_by_one_button(app, firm, ada):
    visitor = await firm.signed_in(ada)
    elsewhere = [await firm.signed_in(ada) for _ in range(2)]
    page = await visitor.open("/account")
    answer = await press(visitor, page, END, "others")
    assert "All other sessions were ended." in (await visitor.open(answer.next)).text
    for each in elsewhere:
        assert (await each.open("/account")).next == "/login"
    assert (await visitor.open("/account")).status == 200


async def test_signing_out_ends_the_own_session_and_its_cookie(app, firm, ada):
    visitor = await firm.signed_in(ada)
    cookies = dict(visitor.cookies)
    page = await visitor.open("/account")
    own = page.page.forms[0].buttons[0][1]
    answer = await press(visitor, page, END, own)
    assert (answer.status, answer.title) == (200, "You are signed out")
    assert answer.page.one("a")["href"] == f"/login?organization={firm.organization}"
    assert SESSION not in visitor.cookies
    assert (await Visitor(app, cookies).open("/account")).next == "/login"


async def test_nobody_ends_what_is_somebody_elses(app, firm, ada):
    grace = await firm.person()
    hers = await firm.signed_in(grace)
    token = await firm.token_of((await firm.consented(hers, scope="openid offline_access"))["code"])
    session = (await hers.open("/account")).page.forms[0].buttons[0][1]
    visitor = await firm.signed_in(ada)
    form = (await visitor.open("/account")).page.forms[0]
    for other in (session, str(uuid4()), "x", ""):
        answer = await visitor.submit(form, session=other)
        assert answer.status == 404
        assert "nothing was changed" in answer.text
    assert (await hers.open("/account")).status == 200
    await firm.consented(visitor)
    page = await visitor.open("/account")
    await press(visitor, page, REVOKE, "all" if "all applications" in page.text else firm.application["id"])
    assert (await refreshed(app, firm, token["refresh_token"])).status == 200


async def test_an_application_that_is_none_changes_nothing(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    form, _ = form_of(await visitor.open("/account"), REVOKE, firm.application["id"])
    assert (await visitor.submit(form, application="x")).status == 404
    head = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    assert (await visitor.submit(form, application=str(uuid4()))).next.endswith("&done=revoked")
    assert await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == head
    assert "Atlas CRM" in (await visitor.open("/account")).text


async def test_what_was_done_is_told_in_our_words_only(app, firm, ada):
    visitor = await firm.signed_in(ada)
    for done in ("<b>x", "title", "x" * 3000):
        page = await visitor.open("/account", done=done)
        assert page.status == 200
        assert 'class="notice' not in page.text


async def test_two_posts_at_once_end_it_once(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    form, button = form_of(await visitor.open("/account"), REVOKE, firm.application["id"])
    answers = await asyncio.gather(*(visitor.submit(form, **button) for _ in range(2)))
    assert all(answer.next.endswith("&done=revoked") for answer in answers)
    withdrawn = [event for event in await app.events(limit=50) if event["topic"] == "consent.withdrawn"]
    assert len([event for event in withdrawn if event["actor"] == ada.id]) == 1


async def test_what_somebody_does_is_theirs_in_the_log(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await firm.consented(visitor)
    await press(visitor, await visitor.open("/account"), REVOKE, firm.application["id"])
    done = {event["topic"] for event in await app.events(limit=50) if event["actor"] == ada.id}
    assert done >= {"session.started", "consent.given", "consent.withdrawn", "revocation.recorded"}


async def test_it_speaks_the_readers_language(app, firm, ada):
    visitor = await firm.signed_in(ada, language="zh-CN")
    await firm.consented(visitor)
    page = await visitor.open("/account")
    assert page.page.all("html") == [{"lang": "zh"}]
    for said in ("您的账户", "有访问权限的应用", "年"):
        assert said in page.text
