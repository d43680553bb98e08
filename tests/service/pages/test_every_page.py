"""What holds for each page: no script, no frame, no cache, nothing from elsewhere, labels, one language."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.interface_import.given import openapi
from tests.service.pages import factors, grants
from tests.service.pages.account.settings import (
    APP,
    CODES,
    CONFIRM_EMAIL,
    CONFIRM_PHONE,
    EMAIL,
    FACTORS,
    FORMS,
    PAGES,
    PASSWORD,
    PROFILE,
    RENAME,
    START,
    TOKENS,
    USERNAME,
    settled,
)
from tests.service.pages.console import (
    ALL,
    APPROVE,
    IMPORT,
    INTERFACES,
    LIMITING,
    ONE,
    REJECT,
    THIRD_PARTIES,
    a_program,
    a_third_party,
    registry_pages,
)
from tests.service.pages.people import Person, a_firm, sign_in
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

REGISTRY = (
    "interfaces", "all interfaces", "resource", "new resource", "edit resource", "delete resource", "new interface",
    "interface", "delete interface", "import",
)  # fmt: skip
SOUGHT = {
    "search", "end_user", "status", "kind", "method", "scope", "application", "resource", "since", "until", "outcome",
    "cause", "path", "client", "user", "address",
}  # fmt: skip
"""What addresses of our pages may hold that somebody typed or chose."""
POLICY = {
    "default-src": "'none'", "style-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'",
    "base-uri": "'none'",
}  # fmt: skip


async def every_page(app, firm, language="en"):
    """Return each page by name."""
    person = await firm.person()
    visitor = Visitor(app, language=language)
    login = await firm.ask(visitor)
    wrong = await sign_in(visitor, login, Person("", person.username, "", "wrong"))
    missing = await visitor.submit(login.form, identifier="", password="")
    forged = await visitor.submit(login.form, csrf="")
    consent = await visitor.open((await sign_in(visitor, login, person)).next)
    again = await firm.ask(visitor, prompt="login")
    stale = await visitor.submit(consent.form, csrf="")
    onward = await visitor.submit(consent.form, decision="allow")
    account = await visitor.open("/account")
    device = await visitor.open("/device")
    unknown = await visitor.submit(device.form, user_code="BCDF-GHJK")
    television = await a_firm(app, "Television", kind="native", name="Atlas TV", redirect_uris=[])
    viewer = await television.signed_in(await television.person(), language=language)
    form = {"client_id": television.client_id, "scope": "openid email"}
    codes = (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json
    question = await viewer.submit((await viewer.open("/device")).form, user_code=codes["user_code"])
    connected = await viewer.submit(question.form, decision="allow")
    own = account.page.forms[0]
    program = await a_program(firm)
    await program.token("patient-7")
    third_party = await a_third_party(firm, f"weather_{uuid4().hex[:8]}")
    administrator = await firm.signed_in(await firm.administrator("all"), language=language)
    tokens = await administrator.open(program.page)
    waiting = await administrator.open(THIRD_PARTIES)
    reject = waiting.page.form(REJECT)
    chosen = {"third_party": third_party["id"], "reason": "x"}
    return {
        **await settings_pages(firm, language),
        **await second_steps(firm, language),
        **await interface_pages(firm, administrator),
        **await grants.every_page(firm, administrator),
        "sign-in": login,
        "sign-in, wrong": wrong,
        "sign-in, missing": missing,
        "sign-in, forged": forged,
        "sign-in, again": again,
        "consent": consent,
        "consent, forged": stale,
        "onward": onward,
        "account": account,
        "device": device,
        "device, unknown": unknown,
        "device, question": question,
        "device, done": connected,
        "expired": await visitor.open("/consent", request="x"),
        "nowhere": await visitor.open("/login", organization="x"),
        "console": await administrator.open("/console"),
        "console, nothing found": await administrator.open("/console", search="no such application"),
        "console, tokens": tokens,
        "console, no tokens": await administrator.open(program.page, status="expired"),
        "console, question": await administrator.open(ALL, application=program.id),
        "console, third parties": waiting,
        "console, no reason": await administrator.submit(reject, **{**chosen, "reason": ""}),
        "console, forged": await administrator.submit(reject, **{**chosen, "csrf": ""}),
        "console, unknown": await administrator.open("/console/applications/x"),
        "console, denied": await visitor.open("/console"),
        "console, rejected": await administrator.open((await administrator.submit(reject, **chosen)).next),
        "signed out": await visitor.submit(own, **dict(own.buttons)),
    }


async def interface_pages(firm, visitor):
    """Return each page about interfaces and their import by name."""
    resource = await firm.app.api_resource(token=firm.token)
    interface = await firm.app.interface(resource, firm.token, scope="anonymous", submit_limited=True)
    pages = {path: await visitor.open(path) for path in registry_pages(resource, interface)}
    named = dict(zip(REGISTRY, pages.values(), strict=True))
    limit = named["interfaces"].page.form(LIMITING)
    edit, new, text = named["interface"].form, named["new interface"].form, json.dumps(openapi())
    preview = await visitor.submit(named["import"].form, text=text, resource=resource["identifier"], mode="overwrite")
    return {
        **named,
        "interfaces, nothing found": await visitor.open(INTERFACES, search="no such resource"),
        "interface, wrong": await visitor.submit(edit, path="x"),
        "interface, stale": await visitor.submit(edit, seen="", name="x"),
        "new interface, wrong": await visitor.submit(new, identifier="9"),
        "new resource, wrong": await visitor.submit(named["new resource"].form, name=""),
        "interface, unknown": await visitor.open(f"{INTERFACES}/x/edit"),
        "resource, unknown": await visitor.open("/console/api-resources/x"),
        "import, nothing": await visitor.submit(named["import"].form),
        "import, wrong": await visitor.submit(named["import"].form, text="{"),
        "import, preview": preview,
        "import, forged": await visitor.submit(preview.form, csrf=""),
        "import, stale": await visitor.submit(preview.form, expected=""),
        "import, done": await visitor.submit(preview.form),
        "submit limit": await visitor.open((await visitor.submit(limit, **dict(limit.buttons))).next),
    }


async def second_steps(firm, language):
    """Return each page of the second step of a sign-in by name."""
    person, newcomer = await firm.person(), await firm.person()
    await factors.an_app(firm, person)
    await factors.codes(firm, person)
    await factors.require(firm, newcomer, "email", "otp")
    visitor, asked = await factors.halfway(firm, person, Visitor(firm.app, language=language))
    other, mail = await factors.halfway(firm, newcomer, Visitor(firm.app, language=language))
    code = factors.sent(firm.app, newcomer.email)[-1]
    return {
        "second step": asked,
        "second step, wrong": await visitor.submit(asked.form, code="x"),
        "second step, missing": await visitor.submit(asked.form, code=""),
        "second step, forged": await visitor.submit(asked.form, csrf=""),
        "second step, backup code": await visitor.open(factors.STEP, organization=firm.organization, by="backup"),
        "second step, mail": mail,
        "second step, set up": await other.open((await other.submit(mail.form, code=code)).next),
        "second step, over": await Visitor(firm.app, {factors.SECOND: "x"}, language).open(
            factors.STEP, organization=firm.organization
        ),
    }


async def settings_pages(firm, language):
    """Return each page of an account's settings by name."""
    somebody = await settled(firm, language)
    visitor, forms = somebody.visitor, somebody.forms
    pages = {path: await visitor.open(path) for path in PAGES}
    newcomer = await firm.signed_in(await firm.person(), language=language)
    return {
        **pages,
        "no factors": await newcomer.open(FACTORS),
        "no tokens": await newcomer.open(TOKENS),
        "profile, wrong": await visitor.submit(forms[PROFILE], nickname="x" * 200, website="x", locale="?"),
        "profile, stale": await visitor.submit(forms[PROFILE], seen="", nickname="x"),
        "username, wrong": await visitor.submit(forms[USERNAME], username="9"),
        "password, wrong": await visitor.submit(forms[PASSWORD], present="wrong"),
        "password, short": await visitor.submit(forms[PASSWORD], new="x"),
        "address, wrong": await visitor.submit(forms[EMAIL], address="x"),
        "address, code": await visitor.submit(forms[EMAIL]),
        "address, wrong code": await visitor.submit(forms[CONFIRM_EMAIL], code="x"),
        "number, no code": await visitor.submit(forms[CONFIRM_PHONE], code=""),
        "app, wrong code": await visitor.submit(forms[APP], code="x"),
        "codes": await visitor.submit(forms[CODES]),
        "codes, again": await visitor.submit(forms[CODES]),
        "token": await visitor.submit(forms[TOKENS]),
        "token, wrong": await visitor.submit(forms[TOKENS], name=""),
        "token, wrong name": await visitor.submit(forms[RENAME], new_name=""),
        "connection, onward": await visitor.submit(forms[START]),
        "settings, forged": await visitor.submit(forms[START], csrf=""),
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(app, firm):
    return await every_page(app, firm)


async def test_scripts_frames_and_caches_are_kept_out(pages):
    for name, answer in pages.items():
        headers = answer.headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy == POLICY, name
        assert headers["Cache-Control"] == "no-store", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Vary"] == "Accept-Language", name
        if any(form.method == "post" for form in answer.page.forms):
            assert headers["Referrer-Policy"] == "same-origin", name
        elif not answer.page.forms:
            assert headers["Referrer-Policy"] == "no-referrer", name
        page = answer.page
        assert not page.all("script"), name
        assert not page.all("style"), name
        assert not any(key.startswith("on") or key == "style" for _, tag in page.tags for key in tag), name


async def test_a_window_that_an_application_opened_stays_its_own_until_it_has_its_answer(pages):
    on_the_way = {"sign-in", "sign-in, wrong", "sign-in, missing", "sign-in, forged", "sign-in, again", "consent",
                  "consent, forged", "onward"}  # fmt: skip
    for name, answer in pages.items():
        isolated = answer.headers.get("Cross-Origin-Opener-Policy") == "same-origin"
        assert isolated is (name not in on_the_way and not name.startswith("second step")), name


async def test_pages_fetch_nothing_but_their_stylesheet(pages):
    for name, answer in pages.items():
        [sheet] = [tag["href"] for tag in answer.page.all("link")]
        assert sheet.startswith("/assets/muniment.css?v="), name
        assert not any("src" in tag for _, tag in answer.page.tags), name
        assert "url(" not in answer.text.replace(";url=", ""), name


async def test_each_page_has_one_main_heading_a_language_and_labels(pages):
    for name, answer in pages.items():
        page = answer.page
        assert page.all("html") == [{"lang": "en"}], name
        assert len(page.all("h1")) == len(page.all("main")) == 1, name
        assert answer.title.strip(), name
        labelled = {label["for"] for label in page.all("label")}
        fields = (*page.all("input"), *page.all("select"), *page.all("textarea"))
        seen = {tag["id"] for tag in fields if tag.get("type") != "hidden"}
        assert seen == labelled, name
        ids = [tag["id"] for _, tag in page.tags if "id" in tag]
        assert len(ids) == len(set(ids)), name
        described = {tag["aria-describedby"] for _, tag in page.tags if "aria-describedby" in tag}
        assert described <= set(ids), name


async def test_forms_that_change_something_go_to_us_by_post_and_carry_their_token(pages):
    for name, answer in pages.items():
        for form in answer.page.forms:
            assert form.action.startswith("/"), name
            if form.method == "get":
                assert set(form.fields) <= SOUGHT, name
            else:
                assert form.method == "post", name
                assert len(form.fields["csrf"]) == 43, name


async def test_no_page_holds_what_somebody_typed_as_a_password(pages):
    for name, answer in pages.items():
        assert all("value" not in tag for tag in answer.page.all("input") if tag.get("type") == "password"), name


async def test_each_page_speaks_chinese_too(app, firm, pages):
    chinese = await every_page(app, firm, "zh-CN")
    for name, answer in chinese.items():
        assert answer.page.all("html") == [{"lang": "zh"}], name
        assert answer.status == pages[name].status, name
        assert answer.title != pages[name].title, name


async def test_other_methods_are_not_there(app):
    console = ("/console", THIRD_PARTIES, INTERFACES, IMPORT, grants.APPROVALS, grants.GRANTS, grants.CALLS)
    for path in ("/login", "/login/factor", "/consent", "/device", "/account", *console):
        reply = await app.call("PUT", path, "")
        assert reply.status == 405
    deciding = (grants.APPROVE, grants.DELETE)
    for path in ("/account/applications/revoke", "/account/sessions/end", ONE, APPROVE, REJECT, *deciding):
        assert (await app.call("GET", path, "")).status == 405
    for path in PAGES:
        assert (await app.call("PUT", path, "")).status == 405
    for path in set(FORMS) - set(PAGES):
        assert (await app.call("GET", path, "")).status == 405


async def test_a_failure_is_told_by_a_page_without_its_insides(app, monkeypatch):
    from service.pages import way_on  # noqa: PLC0415

    async def broken(*_, **__):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(way_on.accounts, "page", broken)
    answer = await Visitor(app).open("/login")
    assert (answer.status, answer.title) == (500, "That did not work")
    assert "a secret of ours" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
