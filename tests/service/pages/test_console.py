"""The console: whoever may, sees their own organization's applications and tokens and ends them; nobody else does."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from service.commands import revocations
from service.pages.console import ending, home, tokens
from tests.service.pages.console import (
    ALL,
    APPROVE,
    APPROVES,
    ENDS,
    FORMS,
    ONE,
    REJECT,
    SEES,
    THIRD_PARTIES,
    a_program,
    offered,
    press,
    tokens_of,
)
from tests.service.pages.people import a_firm, sign_in
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def program(firm):
    return await a_program(firm)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sees(firm):
    """Somebody at the console who may see tokens."""
    return await firm.signed_in(await firm.administrator(*SEES))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ends(firm):
    """Somebody at the console who may see and end tokens."""
    return await firm.signed_in(await firm.administrator(*ENDS))


async def head(app):
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


def pages_of(program):
    return ("/console", program.page, f"{ALL}?application={program.id}", THIRD_PARTIES)


async def test_whoever_is_not_signed_in_signs_in_first_and_comes_back(app, firm, program):
    administrator = await firm.administrator(*SEES)
    visitor = Visitor(app)
    for path in pages_of(program):
        assert (await visitor.open(path)).next == "/login?console=yes"
    answer = await visitor.open("/console", organization=firm.organization)
    assert answer.next == f"/login?organization={firm.organization}&console=yes"
    answer = await sign_in(visitor, await visitor.open(answer.next), administrator)
    assert answer.next == f"/console?organization={firm.organization}"
    assert (await visitor.open(answer.next)).title == "Console"
    for path in FORMS:
        answer = await Visitor(app).send("POST", path, data={"organization": firm.organization})
        assert answer.next == f"/login?organization={firm.organization}&console=yes"


async def test_without_a_permission_nothing_is_shown_and_the_refusal_is_on_record(app, firm, ada, program):
    visitor = await firm.signed_in(ada)
    before = await head(app)
    for path in pages_of(program):
        answer = await visitor.open(path)
        assert (answer.status, answer.title) == (403, "This is not for you")
        assert "Ledger" not in answer.text
    for path in FORMS:
        answer = await visitor.send("POST", path, data={"application": program.id})
        assert (answer.status, answer.title) == (403, "This is not for you")
    assert await head(app) == before
    refused = [one for one in await app.refusals(limit=50) if one["actor"] == ada.id]
    assert {one["code"] for one in refused} == {"missing_permission"}
    assert len(refused) == len(pages_of(program)) + len(FORMS)


async def test_each_permission_opens_its_own_part_alone(firm, program, sees):
    approves = await firm.signed_in(await firm.administrator(*APPROVES))
    other = await firm.signed_in(await firm.administrator("read_app", "write_app", "revoke_token"))
    for visitor, statuses in (
        (sees, [200, 200, 403, 403]),
        (approves, [200, 403, 403, 200]),
        (other, [403, 403, 200, 403]),
    ):
        assert [(await visitor.open(path)).status for path in pages_of(program)] == statuses
    assert "Ledger" not in (await approves.open("/console")).text
    assert (await sees.send("POST", ONE, data={})).title == "This is not for you"
    assert (await sees.send("POST", APPROVE, data={})).title == "This is not for you"
    assert (await approves.send("POST", ALL, data={})).title == "This is not for you"
    assert (await sees.send("POST", REJECT, data={})).title == "This is not for you"


async def test_the_account_page_leads_there_whoever_has_something_to_do_there(firm, ada, sees):
    assert "Go to the console" in (await sees.open("/account")).text
    assert "Go to the console" not in (await (await firm.signed_in(ada)).open("/account")).text


async def test_what_somebody_may_do_is_told(firm, sees, ends):
    page = await sees.open("/console")
    assert "See the tokens of applications" in page.text
    assert "Revoke tokens" not in page.text
    assert "Third parties" not in page.text
    assert "Revoke tokens" in (await ends.open("/console")).text
    every = await firm.signed_in(await firm.administrator("all"))
    page = await every.open("/console")
    assert "Approve and reject third parties" in page.text
    assert page.page.one("a", href=THIRD_PARTIES)


async def test_applications_are_found_by_a_part_of_the_name_by_client_id_and_by_id(firm, sees):
    called = f"Zephyr {uuid4().hex[:8]}"
    made = (await a_program(firm, called, client_id=f"wind-{uuid4().hex[:8]}")).made
    for search in (called.upper(), called[3:9], made["client_id"], made["client_id"][:9], made["id"], f" {called} "):
        page = await sees.open("/console", search=search)
        assert page.page.one("a", href=f"/console/applications/{made['id']}"), search
    for search in ("no such application", "%", "_", "' OR 1=1 --", "<b>"):
        page = await sees.open("/console", search=search)
        assert called not in page.text, search
        assert "No application matches" in page.text, search
    page = await sees.submit((await sees.open("/console")).form, search=called)
    assert page.form.fields == {"search": called}


async def test_the_list_goes_on_page_by_page_the_youngest_first(app):
    firm = await a_firm(app)
    names = [f"Program {number}" for number in range(home.SHOWN + 2)]
    for name in names:
        await a_program(firm, name, secrets=[])
    visitor = await firm.signed_in(await firm.administrator(*SEES))
    shown, page = [], await visitor.open("/console", search="program")
    while True:
        shown += [line.partition("</strong>")[0] for line in page.text.split("<strong>Program ")[1:]]
        following = [tag["href"] for tag in page.page.all("a") if "start=" in tag["href"]]
        if not following:
            break
        assert len(shown) == home.SHOWN
        page = await visitor.open(following[0])
        assert "All applications" in page.text
    assert [f"Program {number}" for number in shown] == names[::-1]


async def test_an_organization_without_applications_is_told_so(app):
    firm = await a_firm(app)
    visitor = await firm.signed_in(await firm.administrator(*SEES))
    assert "Atlas CRM" in (await visitor.open("/console")).text
    assert (await app.call("DELETE", f"/api/applications/{firm.application['id']}")).status == 204
    for one in (await app.call("GET", "/api/applications", params={"organization": firm.organization})).json["items"]:
        assert (await app.call("DELETE", f"/api/applications/{one['id']}")).status == 204
    assert "Your organization has no applications yet." in (await visitor.open("/console")).text


async def test_another_organizations_application_is_not_there(app, firm, ends):
    theirs = await a_program(await a_firm(app, "Others"), "Secret project")
    token = await theirs.token()
    assert "Secret project" not in (await ends.open("/console", search="Secret project")).page.form("/console").fields
    for application in (theirs.id, str(uuid4()), "x"):
        for path in (f"/console/applications/{application}", f"{ALL}?application={application}"):
            answer = await ends.open(path)
            assert (answer.status, answer.title) == (404, "There is no such application")
    own = await a_program(firm)
    await own.token()
    page = await ends.open(own.page)
    [row] = await rows_of(app, theirs)
    question = await ends.open(ALL, application=own.id)
    before = await head(app)
    for form, fields in (
        (page.page.form(ONE), {"application": theirs.id, "token": str(row["id"])}),
        (page.page.form(ONE), {"token": str(row["id"])}),
        (question.form, {"application": theirs.id}),
    ):
        assert (await ends.submit(form, **fields)).status == 404
    assert await theirs.works(token)
    assert await head(app) == before


async def rows_of(app, program):
    return await app.parts.store.pool.fetch("SELECT id FROM tokens WHERE application = $1", program.id)


async def test_tokens_are_shown_the_newest_first_with_what_is_known_of_them(sees, program):
    assert "This application has no tokens of this kind." in (await sees.open(program.page)).text
    await program.token()
    await program.token("patient-7")
    page = await sees.open(program.page)
    assert page.title == "Tokens of Ledger"
    newest, oldest = tokens_of(page)
    assert newest > oldest, "ids are ordered by birth"
    for said in (program.made["client_id"], program.id, "patient-7", "Active", "Issued (UTC)", "Expires (UTC)"):
        assert said in page.text
    assert offered(page) == {}, "who only sees has no buttons"
    assert "Revoke all" not in page.text


async def test_tokens_are_filtered_by_end_user_status_and_kind(ends, program):
    for end_user in ("ann", "bob", None, "ann"):
        await program.token(end_user)
    form = (await ends.open(program.page)).page.form(program.page)
    assert form.fields == {"end_user": "", "status": "any", "kind": "access"}
    page = await ends.submit(form, end_user="ann")
    assert len(tokens_of(page)) == 2
    assert ">bob<" not in page.text
    first, second = tokens_of(page)
    answer = await press(ends, page, second)
    page = await ends.open(answer.next)
    assert "The token was revoked." in page.text
    assert page.page.form(program.page).fields["end_user"] == "ann", "the filter stays"
    assert list(offered(page)) == [first]
    for status, expected in (("active", [first]), ("revoked", [second]), ("expired", []), ("blocked", [])):
        page = await ends.open(program.page, end_user="ann", status=status)
        assert tokens_of(page) == expected, status
    assert "No tokens match." in page.text
    assert tokens_of(await ends.open(program.page, kind="refresh")) == []
    assert tokens_of(await ends.open(program.page, end_user="nobody")) == []
    assert tokens_of(await ends.open(program.page, end_user=" ann")) == [], "end users are named to the letter"


async def test_a_disabled_application_has_blocked_tokens_and_that_is_explained(app, sees, program):
    await program.token()
    assert (await app.call("POST", f"/api/applications/{program.id}/disable", json={})).status == 200
    page = await sees.open(program.page)
    for said in ("Blocked", "Disabled", "They work again once it is."):
        assert said in page.text


async def test_people_are_called_by_name_before_those_who_may_see_people_alone(firm, ada, sees):
    visitor = await firm.signed_in(ada)
    told = await firm.consented(visitor, scope="openid offline_access")
    await firm.token_of(told["code"])
    path = f"/console/applications/{firm.application['id']}"
    page = await sees.open(path)
    assert ada.id in page.text
    assert ada.email not in page.text
    knows = await firm.signed_in(await firm.administrator("read_token", "read_user"))
    page = await knows.open(path)
    assert "Ada Lovelace" in page.text
    assert ada.email in page.text
    assert ada.id not in page.text


async def test_a_long_list_goes_on(monkeypatch, sees, program):
    monkeypatch.setattr(tokens, "SHOWN", 2)
    for number in range(5):
        await program.token(f"end-user-{number}")
    page, shown = await sees.open(program.page), []
    while True:
        shown += tokens_of(page)
        following = [tag["href"] for tag in page.page.all("a") if "start=" in tag["href"]]
        if not following:
            break
        page = await sees.open(following[0])
        assert "First page" in page.text
    assert len(shown) == len(set(shown)) == 5
    assert shown == sorted(shown, reverse=True)


async def test_a_token_that_is_ended_is_dead_before_the_answer_and_its_refresh_token_too(app, firm, ada, ends):
    visitor = await firm.signed_in(ada)
    given = await firm.token_of((await firm.consented(visitor, scope="openid offline_access"))["code"])
    path = f"/console/applications/{firm.application['id']}"
    page = await ends.open(path)
    [row] = await app.parts.store.pool.fetch("SELECT id FROM tokens WHERE user_id = $1", ada.id)
    answer = await press(ends, page, str(row["id"]))
    assert answer.next == f"{path}?done=revoked"
    userinfo = await app.call("GET", "/oauth2/userinfo", given["access_token"])
    assert userinfo.status == 401
    data = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": firm.client_id}
    assert (await app.call("POST", "/oauth2/token", "", data=data)).json["error"] == "invalid_grant"


async def test_a_refresh_token_is_found_and_ended_by_itself(app, firm, ada, ends):
    visitor = await firm.signed_in(ada)
    given = await firm.token_of((await firm.consented(visitor, scope="openid offline_access"))["code"])
    page = await ends.open(f"/console/applications/{firm.application['id']}", kind="refresh", status="active")
    token = tokens_of(page)[0]
    assert token in offered(page)
    answer = await press(ends, page, token)
    assert "kind=refresh" in answer.next
    data = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": firm.client_id}
    assert (await app.call("POST", "/oauth2/token", "", data=data)).json["error"] == "invalid_grant"


async def test_all_tokens_of_an_application_end_after_a_question_that_counts_them(app, firm, ends, program):
    other = await a_program(firm, "Warehouse")
    mine, theirs = [await program.token(end_user) for end_user in ("ann", "bob", None)], await other.token("ann")
    page = await ends.open(program.page)
    [link] = [tag["href"] for tag in page.page.all("a") if tag["href"].startswith(ALL)]
    before = await head(app)
    question = await ends.open(link)
    assert question.title == "Revoke all tokens of Ledger?"
    assert "<dd>3</dd>" in question.text
    assert "This cannot be undone." in question.text
    assert await head(app) == before, "a question changes nothing"
    assert await program.works(mine[0])
    answer = await ends.submit(question.form)
    assert answer.next == f"{program.page}?done=revoked_all"
    assert await head(app) == before + 1, "one event, however many tokens"
    assert [await program.works(token) for token in mine] == [False] * 3
    assert await other.works(theirs)
    page = await ends.open(answer.next)
    assert "All tokens of the application were revoked." in page.text
    assert page.text.count('class="tag revoked"') == 3
    question = await ends.open(link)
    assert "<dd>0</dd>" in question.text


async def test_all_tokens_of_an_end_user_at_an_application_end_and_no_others(firm, ends, program):
    other = await a_program(firm, "Warehouse")
    anns, bobs, elsewhere = await program.token("ann"), await program.token("bob"), await other.token("ann")
    page = await ends.open(program.page, end_user="ann")
    [link] = [tag["href"] for tag in page.page.all("a") if tag["href"].startswith(ALL)]
    question = await ends.open(link)
    assert question.title == "Revoke the tokens of ann at Ledger?"
    assert "<dd>1</dd>" in question.text
    answer = await ends.submit(question.form)
    assert answer.next == f"{program.page}?end_user=ann&done=revoked_end_user"
    assert "All tokens of this end user at the application were revoked." in (await ends.open(answer.next)).text
    assert not await program.works(anns)
    assert await program.works(bobs)
    assert await other.works(elsewhere)


async def test_beyond_a_thousand_tokens_are_not_counted(monkeypatch, ends, program):
    monkeypatch.setattr(revocations, "COUNTED", 2)
    for _ in range(3):
        await program.token()
    assert "more than 2" in (await ends.open(ALL, application=program.id)).text


async def test_what_somebody_does_there_is_theirs_in_the_log(app, firm, program):
    administrator = await firm.administrator(*ENDS)
    visitor = await firm.signed_in(administrator)
    await program.token()
    page = await visitor.open(program.page)
    await press(visitor, page, tokens_of(page)[0])
    await visitor.submit((await visitor.open(ALL, application=program.id)).form)
    done = [event for event in await app.events(limit=50) if event["actor"] == administrator.id]
    assert {event["topic"] for event in done} >= {"token.revoked", "revocation.recorded"}
    assert all(event["client"] is None for event in done)


async def test_whoever_loses_the_role_can_do_nothing_more_with_pages_left_open(app, firm, program):
    administrator = await firm.administrator(*ENDS)
    visitor = await firm.signed_in(administrator)
    token = await program.token()
    page, question = await visitor.open(program.page), await visitor.open(ALL, application=program.id)
    role = f"/api/users/{administrator.id}/roles/{administrator.role}"
    assert (await app.call("DELETE", role, firm.token)).status == 204
    before = await head(app)
    for answer in (await press(visitor, page, tokens_of(page)[0]), await visitor.submit(question.form)):
        assert (answer.status, answer.title) == (403, "This is not for you")
    assert await head(app) == before
    assert await program.works(token)
    assert (await visitor.open("/account")).status == 200


@pytest.mark.parametrize("path", [ONE, ALL])
async def test_what_is_taken_away_while_a_form_is_under_way_counts(app, firm, program, monkeypatch, path):
    administrator = await firm.administrator(*ENDS)
    visitor = await firm.signed_in(administrator)
    token = await program.token()
    page = await visitor.open(program.page)
    form = page.page.form(ONE) if path == ONE else (await visitor.open(ALL, application=program.id)).form
    seen = ending.application_of
    away = f"/api/users/{administrator.id}/roles/{administrator.role}"

    async def once_more(*given):
        row = await seen(*given)
        assert (await app.call("DELETE", away, firm.token)).status == 204
        return row

    monkeypatch.setattr(ending, "application_of", once_more)
    answer = await visitor.submit(form, **dict(form.buttons))
    assert (answer.status, answer.title) == (403, "This is not for you")
    assert await program.works(token)


async def test_who_is_signed_out_while_a_form_is_under_way_ends_nothing(app, firm, program, monkeypatch):
    administrator = await firm.administrator(*ENDS)
    visitor = await firm.signed_in(administrator)
    token = await program.token()
    form = (await visitor.open(ALL, application=program.id)).form
    seen = ending.application_of

    async def once_more(*given):
        row = await seen(*given)
        assert (await app.call("POST", f"/api/users/{administrator.id}/suspend", json={})).status == 200
        return row

    monkeypatch.setattr(ending, "application_of", once_more)
    assert (await visitor.submit(form)).next == f"/login?organization={firm.organization}&console=yes"
    assert await program.works(token)


async def test_what_no_page_of_ours_would_ask_for_is_refused(ends, program):
    for query in (
        {"status": "x"}, {"kind": "x"}, {"start": "x"}, {"start": "-1"}, {"start": str(2**63)}, {"start": "\u0661"},
        {"end_user": "\0"}, {"end_user": "x" * 256},
    ):  # fmt: skip
        assert (await ends.open(program.page, **query)).status == 400, query
    for query in ({"start": "x"}, {"search": "\0"}, {"search": "x" * 256}):
        assert (await ends.open("/console", **query)).status == 400, query
    assert (await ends.send("GET", "/console?search=a&search=b")).status == 400
    assert (await ends.send("GET", f"{program.page}?status=active&status=revoked")).status == 400
    await program.token()
    form = (await ends.open(program.page)).page.form(ONE)
    for token in ("", "x"):
        assert (await ends.submit(form, token=token)).status == 400
    assert (await ends.submit(form, token=str(uuid4()))).status == 404


async def test_what_was_done_is_told_in_our_words_only(ends, program):
    for done in ("<b>x", "title", "x" * 3000):
        page = await ends.open(program.page, done=done)
        assert page.status == 200
        assert 'class="notice' not in page.text


async def test_the_same_form_twice_at_once_ends_a_token_once(app, ends, program):
    await program.token()
    page = await ends.open(program.page)
    [(token, form)] = offered(page).items()
    before = await head(app)
    answers = await asyncio.gather(*(ends.submit(form, token=token) for _ in range(2)))
    assert [answer.status for answer in answers] == [303, 303]
    assert await head(app) == before + 1


async def test_names_that_look_like_markup_are_shown_as_they_are(firm, ends):
    program = await a_program(firm, "<script>alert(1)</script>")
    await program.token("<img src=x>")
    for path in ("/console", program.page, f"{ALL}?application={program.id}"):
        page = await ends.open(path)
        assert not page.page.all("script")
        assert not page.page.all("img")
        assert "<script>alert(1)</script>" in page.page.said


async def test_it_speaks_the_readers_language(firm, program):
    visitor = await firm.signed_in(await firm.administrator("all"), language="zh-CN")
    await program.token()
    for path, said in ((program.page, "访问令牌"), ("/console", "控制台"), (THIRD_PARTIES, "等待审批的第三方")):
        page = await visitor.open(path)
        assert page.page.all("html") == [{"lang": "zh"}]
        assert said in page.text
