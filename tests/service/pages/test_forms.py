"""Forms: only those that our own pages showed to this very browser are taken, and they are read within limits."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from service.pages import csrf
from service.secrets import ring_text
from service.secrets.digests import new_secret
from service.secrets.master_key import MasterKeys
from tests.app_fixture import running
from tests.service.pages.forms import ELSEWHERE, ODD, STALE, refused, unchanged, unreadable
from tests.service.pages.people import a_firm
from tests.service.pages.visitor import FORM, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = ("/login", "/consent", "/device", "/account/applications/revoke", "/account/sessions/end")


class Shown:
    """A page of each kind, as somebody was shown it, with what their browser would send."""

    def __init__(self, visitor, forms):
        self.visitor, self.forms = visitor, forms


@pytest_asyncio.fixture(loop_scope="module")
async def shown(app, firm, ada):
    """Somebody signed in, with one form of each path."""
    visitor = await firm.signed_in(ada)
    consent = (await firm.ask(visitor)).form
    await firm.consented(visitor)
    login = (await firm.ask(visitor, prompt="login")).form
    device = (await visitor.open("/device")).form
    account = {form.action: form for form in (await visitor.open("/account")).page.forms}
    login.fields |= {"identifier": ada.username, "password": ada.password}
    consent.fields["decision"] = "allow"
    device.fields["user_code"] = "BCDF-GHJK"
    account["/account/applications/revoke"].fields["application"] = "all"
    account["/account/sessions/end"].fields["session"] = "others"
    return Shown(visitor, {"/login": login, "/consent": consent, "/device": device, **account})


@pytest.mark.parametrize("path", PATHS)
async def test_a_form_without_its_token_is_refused(app, shown, path):
    form = shown.forms[path]
    for token in ("", "x", form.fields["csrf"][:-1], form.fields["csrf"] + "A", "é"):
        await refused(app, shown.visitor, form, csrf=token)
    del form.fields["csrf"]
    await refused(app, shown.visitor, form)


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_is_good_for_its_own_form_alone(app, shown, path):
    others = {form.fields["csrf"] for other, form in shown.forms.items() if other != path}
    assert len(others) == 4
    for token in others:
        await refused(app, shown.visitor, shown.forms[path], csrf=token)


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_shown_to_somebody_else_is_refused(app, firm, shown, path):
    attacker = await firm.signed_in(await firm.person())
    theirs = {
        "/login": await firm.ask(attacker, prompt="login"),
        "/consent": await firm.ask(attacker),
        "/device": await attacker.open("/device"),
    }
    if path in theirs:
        token = theirs[path].form.fields["csrf"]
    else:
        await firm.consented(attacker)
        pages = (await attacker.open("/account")).page.forms
        token = next(form.fields["csrf"] for form in pages if form.action == path)
    await refused(app, shown.visitor, shown.forms[path], csrf=token)


@pytest.mark.parametrize("path", PATHS)
async def test_a_form_from_elsewhere_is_refused_with_the_right_token_too(app, shown, path):
    for headers in ELSEWHERE:
        await refused(app, shown.visitor, shown.forms[path], headers)


async def test_a_browser_that_tells_nothing_of_where_a_form_came_from_is_believed_its_token(app, shown):
    answer = await shown.visitor.submit(shown.forms["/consent"], {})
    assert "code" in answer.given


async def test_a_sign_in_form_needs_the_cookie_it_was_shown_with(app, firm, ada):
    visitor = Visitor(app)
    form = (await firm.ask(visitor)).form
    form.fields |= {"identifier": ada.username, "password": ada.password}
    for cookie in (None, new_secret(csrf.PREFIX), "x", csrf.PREFIX, visitor.cookies[FORM][:-1] + "!"):
        await refused(app, Visitor(app, {} if cookie is None else {FORM: cookie}), form)
    assert (await visitor.submit(form)).next.startswith("/consent")


async def test_a_page_that_was_refused_can_be_sent_again_as_it_comes(app, firm, ada):
    visitor = Visitor(app)
    form = (await firm.ask(visitor)).form
    form.fields |= {"identifier": ada.username, "password": ada.password}
    visitor.cookies.clear()  # as browsers forget them
    again = await refused(app, visitor, form)
    assert again.page.one("input", name="identifier")["value"] == ada.username
    answer = await visitor.submit(again.form, identifier=ada.username, password=ada.password)
    assert answer.next.startswith("/consent")


async def test_forged_forms_are_on_record(app, firm, shown):
    await refused(app, shown.visitor, shown.forms["/consent"], {"Origin": "https://evil.example"})
    recorded = [each for each in await app.refusals(limit=50) if each["code"] == "forged_form"]
    assert recorded[0]["operation"] == "POST /consent"
    assert recorded[0]["client"] == firm.client_id


@pytest.mark.parametrize("path", PATHS)
async def test_what_cannot_be_read_is_told_by_a_page_and_changes_nothing(app, shown, path):
    token = shown.forms[path].fields["csrf"]
    async with unchanged(app):
        for status, more in unreadable(token):
            answer = await shown.visitor.send("POST", path, **more)
            assert (answer.status, answer.title) == (status, "We cannot go on from here")


@pytest.mark.parametrize("path", PATHS)
async def test_odd_characters_in_fields_do_no_harm(app, shown, path):
    form = shown.forms[path]
    names = [name for name in form.fields if name not in ("csrf", "request")]
    for text in ODD:
        answer = await shown.visitor.submit(form, **dict.fromkeys(names, text))
        assert answer.status in {400, 403, 404, 429}
        assert not answer.page.all("script")


@pytest.mark.parametrize("path", PATHS)
async def test_the_same_form_twice_at_once_never_fails(app, shown, path):
    form = shown.forms[path]
    twice = [Visitor(app, dict(shown.visitor.cookies)) for _ in range(2)]
    answers = await asyncio.gather(*(each.submit(form) for each in twice))
    assert all(answer.status in {200, 303, 400} for answer in answers), [answer.status for answer in answers]


async def test_forms_outlive_a_rotation_of_the_master_key_whichever_worker_heard_of_it_first(app_database):
    async with running(app_database) as service:
        firm = await a_firm(service)
        visitor, ring = Visitor(service), service.parts.ring
        wrong = {"identifier": (await firm.person()).username, "password": "wrong"}
        form = (await firm.ask(visitor)).form
        former, newer = MasterKeys(ring._keys), MasterKeys([ring_text.new_key(), *ring._keys])
        ring.adopt(newer)
        late = await visitor.submit(form, **wrong)
        assert STALE not in late.text, "a form of before"
        ring.adopt(former)
        assert STALE in (await visitor.submit(late.form, **wrong)).text, "made with a key that is not known here"
        object.__setattr__(service.parts, "reload_ring", lambda: ring.adopt(newer))
        assert STALE not in (await visitor.submit(late.form, **wrong)).text


async def test_an_origin_is_written_as_browsers_do():
    assert csrf.origin("https://Auth.Example.com/base") == "https://auth.example.com"
    assert csrf.origin("https://auth.example.com:443") == "https://auth.example.com"
    assert csrf.origin("http://auth.example.com:80") == "http://auth.example.com"
    assert csrf.origin("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert csrf.origin("https://auth.example.com:80") == "https://auth.example.com:80"
    assert csrf.origin("http://[::1]:8080/x") == "http://[::1]:8080"
