"""/account/tokens: a token is shown once, in the answer that made it, and is its owner's alone to rename and delete."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from service.commands import personal_access_tokens
from service.secrets.digests import sha256_hex
from service.store.refusals import Overloaded
from tests.app_fixture import running
from tests.fake_clock import FakeClock
from tests.service.pages.account.settings import DELETE, RENAME, TOKENS, home
from tests.service.pages.forms import unchanged
from tests.service.pages.people import a_firm, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


def value_of(page):
    return page.text.partition('<code class="secret" id="value">')[2].partition("</code>")[0]


async def listed(firm, person):
    reply = await firm.app.call("GET", f"/api/users/{person.id}/personal-access-tokens", firm.token)
    assert reply.status == 200, reply.text
    return {token["name"]: token for token in reply.json}


async def known(app, value):
    """Say whether a value is that of a token."""
    count = "SELECT count(*) FROM models.personal_access_tokens WHERE digest = $1"
    return await app.parts.store.pool.fetchval(count, sha256_hex(value)) == 1


async def made(visitor, name="ledger", **more):
    """Make a token; return the page that shows it."""
    answer = await visitor.submit((await visitor.open(TOKENS)).page.form(TOKENS), name=name, **more)
    assert answer.status == 200, answer.text
    return answer


async def test_a_new_token_is_shown_once(app, firm, ada):
    visitor = await firm.signed_in(ada)
    answer = await made(visitor)
    value = value_of(answer)
    assert value.startswith("pat_")
    assert await known(app, value)
    assert "It is shown only now." in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert not any(value in said for said in answer.headers.values())
    page = await visitor.open(TOKENS)
    assert value not in page.text
    assert f"pat_****{value[-4:]}" in page.text
    assert "ledger" in page.text


@pytest.mark.parametrize(("days", "told"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
async def test_it_works_for_as_long_as_was_chosen(firm, ada, days, told):
    visitor = await firm.signed_in(ada)
    await made(visitor, days=days)
    token = (await listed(firm, ada))["ledger"]
    if told is None:
        assert token["expiresAt"] is None
        assert "Works until you delete it" in (await visitor.open(TOKENS)).text
    else:
        assert abs(token["expiresAt"] - token["createdAt"] - told * 86_400_000) < 10_000


async def test_unless_told_otherwise_it_ends(firm, ada):
    visitor = await firm.signed_in(ada)
    await made(visitor)
    assert (await listed(firm, ada))["ledger"]["expiresAt"] is not None


async def test_a_reload_of_the_answer_makes_no_other_and_shows_nothing(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)
    value = value_of(await visitor.submit(form, name="ledger"))
    async with unchanged(app):
        again = await visitor.submit(form, name="ledger")
    assert (again.status, value_of(again)) == (409, "")
    assert "was shown then, once" in again.text
    deleting = (await visitor.open(TOKENS)).page.form(DELETE)
    await visitor.submit(deleting, **dict(deleting.buttons))
    async with unchanged(app):
        assert (await visitor.submit(form, name="ledger")).status == 409, "nor once it was deleted"
        assert (await visitor.submit(form, name="another")).status == 409, "whatever the form says by then"
    assert not await known(app, value)


async def test_two_at_once_of_one_form_make_one(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)
    answers = await asyncio.gather(*(visitor.submit(form, name=f"n{number}") for number in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert len(await listed(firm, ada)) == 1


@pytest.mark.parametrize(
    "once", ["", "x", "é", "7f6f2f5e-5b1a-4d38-9d56-0b1f6f0f2f60", "00000000-0000-7000-8000-000000000000"]
)
async def test_a_form_without_its_own_id_makes_nothing(app, firm, ada, once):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)
    async with unchanged(app):
        assert (await visitor.submit(form, name="ledger", once=once)).status == 409


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": "x" * 257}, "name"), ({"name": "a\nb"}, "name"),
        ({"days": "0"}, "days"), ({"days": "-1"}, "days"), ({"days": "36500"}, "days"), ({"days": ""}, "days"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_beside_its_field_and_the_form_can_be_sent_again(app, firm, ada, typed, field):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)
    async with unchanged(app):
        answer = await visitor.submit(form, **{"name": "ledger", **typed})
    assert answer.status == 400
    [marked] = [tag for _, tag in answer.page.tags if tag.get("aria-invalid") == "true"]
    assert marked["name"] == field
    if field == "name":
        assert marked["value"] == typed["name"].strip()
    assert (await visitor.submit(form, name="ledger")).status == 200


async def test_a_name_that_is_taken_is_told_beside_the_field(firm, ada):
    visitor = await firm.signed_in(ada)
    await made(visitor)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)
    answer = await visitor.submit(form, name="ledger", days="30")
    assert (answer.status, "You have a token of this name." in answer.text) == (409, True)
    again = answer.page.form(TOKENS)
    assert (again.fields["name"], again.fields["days"]) == ("ledger", "30")
    assert (await visitor.submit(form, name="ledger 2")).status == 200, "the form was not used up by that"


@pytest.mark.parametrize("name", ["a/b c%é", "<b>x</b>", "delete", "'\";--", "{{7*7}}"])
async def test_a_token_is_renamed_and_deleted_whatever_it_is_called(firm, ada, name):
    visitor = await firm.signed_in(ada)
    await made(visitor, name)
    page = await visitor.open(TOKENS)
    form = page.page.form(RENAME)
    assert form.fields["new_name"] == name
    answer = await visitor.submit(form, **{**dict(form.buttons), "new_name": f"{name} 2"})
    assert answer.next == home(firm, "token_renamed", TOKENS)
    assert list(await listed(firm, ada)) == [f"{name} 2"]
    form = (await visitor.open(TOKENS)).page.form(DELETE)
    answer = await visitor.submit(form, **dict(form.buttons))
    assert answer.next == home(firm, "token_deleted", TOKENS)
    assert await listed(firm, ada) == {}


async def test_a_new_name_that_is_taken_is_told_beside_its_field(app, firm, ada):
    visitor = await firm.signed_in(ada)
    await made(visitor, "first")
    await made(visitor, "second")
    form = [form for form in (await visitor.open(TOKENS)).page.forms if form.action == RENAME][1]
    async with unchanged(app):
        answer = await visitor.submit(form, **{**dict(form.buttons), "new_name": "first"})
    assert answer.status == 409
    [marked] = [tag for tag in answer.page.all("input") if tag.get("aria-invalid") == "true"]
    assert (marked["id"], marked["value"]) == ("name-2", "first")
    assert [("open" in tag) for tag in answer.page.all("details")] == [False, True]


async def test_a_page_of_before_deletes_what_it_showed_and_no_other(firm, ada):
    """Between two tabs, one token took the other one's name."""
    visitor = await firm.signed_in(ada)
    await made(visitor, "first")
    await made(visitor, "second")
    old = (await visitor.open(TOKENS)).page.form(DELETE)
    first, second = [form for form in (await visitor.open(TOKENS)).page.forms if form.action == RENAME]
    await visitor.submit(first, **{**dict(first.buttons), "new_name": "third"})
    await visitor.submit(second, **{**dict(second.buttons), "new_name": "first"})
    await visitor.submit(old, **dict(old.buttons))
    assert list(await listed(firm, ada)) == ["first"]
    assert (await visitor.submit(old, **dict(old.buttons))).status == 404


async def test_nobody_touches_what_is_somebody_elses(app, firm, ada):
    mallory = await firm.person()
    visitor, theirs = await firm.signed_in(ada), await firm.signed_in(mallory)
    await made(visitor)
    await made(theirs)
    [(_, hers)] = (await visitor.open(TOKENS)).page.form(DELETE).buttons
    forms = (await theirs.open(TOKENS)).page
    async with unchanged(app):
        for token in (hers, str(uuid4()), "x", ""):
            assert (await theirs.submit(forms.form(DELETE), token=token)).status == 404
            assert (await theirs.submit(forms.form(RENAME), token=token, new_name="mine")).status == 404
    assert "ledger" in await listed(firm, ada)


async def test_what_has_expired_is_told(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        firm = await a_firm(app)
        ada = await firm.person()
        await made(await firm.signed_in(ada), days="30")
        clock.move(timedelta(days=30))
        page = await (await firm.signed_in(ada)).open(TOKENS)
        assert "Expired " in page.text


async def test_the_language_is_the_readers(firm, ada):
    visitor = await firm.signed_in(ada, language="zh")
    await made(visitor)
    assert "有效期至" in (await visitor.open(TOKENS)).text


async def test_a_form_of_which_nothing_came_can_be_sent_again(app, firm, ada, monkeypatch):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(TOKENS)).page.form(TOKENS)

    async def busy(*_, **__):
        raise Overloaded

    with monkeypatch.context() as patched:
        patched.setattr(personal_access_tokens, "issue", busy)
        assert (await visitor.submit(form, name="ledger")).status == 503
    assert value_of(await visitor.submit(form, name="ledger")).startswith("pat_")
    assert (await visitor.submit(form, name="ledger")).status == 409


async def test_a_form_is_good_for_an_hour(app_database):
    clock = FakeClock()
    async with running(app_database, clock=clock) as app:
        firm = await a_firm(app)
        ada = await firm.person()
        visitor = await firm.signed_in(ada)
        form = (await visitor.open(TOKENS)).page.form(TOKENS)
        clock.move(timedelta(hours=1, minutes=1))
        login = await visitor.open("/login", organization=firm.organization, account="tokens")
        assert (await sign_in(visitor, login, ada)).next == f"{TOKENS}?organization={firm.organization}"
        assert (await visitor.submit(form, name="ledger")).status == 409
