"""The forms of the console: only those that it showed to this very session are taken, and they are read within limits.

One session and one set of forms serve all of these tests: none of them changes anything.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.pages.console import ALL, APPROVE, FORMS, ONE, REJECT, THIRD_PARTIES, a_program, a_third_party
from tests.service.pages.forms import ELSEWHERE, ODD, refused, unchanged, unreadable

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERMISSIONS = ("read_token", "revoke_token", "approve_grant")


async def forms_of(visitor, program):
    """Return one form of each path, filled in."""
    tokens, waiting = await visitor.open(program.page), await visitor.open(THIRD_PARTIES)
    forms = {
        ONE: tokens.page.form(ONE),
        ALL: (await visitor.open(ALL, application=program.id)).form,
        APPROVE: waiting.page.form(APPROVE),
        REJECT: waiting.page.form(REJECT),
    }
    for form in forms.values():
        form.fields |= dict(form.buttons)
    forms[REJECT].fields["reason"] = "unknown to us"
    return forms


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(firm):
    made = await a_program(firm)
    await made.token()
    await a_third_party(firm, f"weather_{uuid4().hex[:8]}")
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(firm):
    return await firm.signed_in(await firm.administrator(*PERMISSIONS))


@pytest_asyncio.fixture(loop_scope="module")
async def forms(visitor, program):
    return await forms_of(visitor, program)


async def test_forged_forms_are_on_record(app, visitor, forms):
    await refused(app, visitor, forms[ALL], {"Origin": "https://evil.example"})
    # The first of these tests: of a flood, most is on record as a number.
    [recorded] = [each for each in await app.refusals(limit=50) if each["code"] == "forged_form"]
    assert recorded["operation"] == f"POST {ALL}"


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_its_token_is_refused(app, visitor, forms, path):
    form = forms[path]
    for token in ("", "x", form.fields["csrf"][:-1], form.fields["csrf"] + "A", "é"):
        await refused(app, visitor, form, csrf=token)
    del form.fields["csrf"]
    await refused(app, visitor, form)


@pytest.mark.parametrize("path", FORMS)
async def test_a_token_is_good_for_its_own_form_alone(app, visitor, forms, path):
    others = {form.fields["csrf"] for other, form in forms.items() if other != path}
    assert len(others) == len(FORMS) - 1
    for token in others:
        await refused(app, visitor, forms[path], csrf=token)


async def test_a_token_shown_to_somebody_else_is_refused(app, firm, program, visitor, forms):
    attacker = await firm.signed_in(await firm.administrator(*PERMISSIONS))
    theirs = await forms_of(attacker, program)
    for path in FORMS:
        await refused(app, visitor, forms[path], csrf=theirs[path].fields["csrf"])


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_is_refused_with_the_right_token_too(app, visitor, forms, path):
    for headers in ELSEWHERE:
        await refused(app, visitor, forms[path], headers)


@pytest.mark.parametrize("path", FORMS)
async def test_what_cannot_be_read_is_told_by_a_page_and_changes_nothing(app, visitor, forms, path):
    async with unchanged(app):
        for status, more in unreadable(forms[path].fields["csrf"]):
            answer = await visitor.send("POST", path, **more)
            assert (answer.status, answer.title) == (status, "We cannot go on from here")


@pytest.mark.parametrize("path", FORMS)
async def test_odd_characters_in_fields_do_no_harm(app, visitor, forms, path):
    form = forms[path]
    # Reasons are free text, and where to sign in is nothing to who is signed in.
    names = [name for name in form.fields if name not in ("csrf", "reason", "organization")]
    async with unchanged(app):
        for name in names:
            for text in ODD:
                answer = await visitor.submit(form, **{name: text})
                assert answer.status in {400, 403, 404}, (name, text)
                assert not answer.page.all("script")


async def test_who_may_see_tokens_no_more_is_not_shown_them_for_a_form_that_is_stale(app, firm, program):
    administrator = await firm.administrator(*PERMISSIONS)
    visitor = await firm.signed_in(administrator)
    form = (await forms_of(visitor, program))[ONE]
    token, form.fields["token"] = form.fields["token"], str(uuid4())
    assert token in (await visitor.submit(form)).text
    change = {"permissions": ["revoke_token"]}
    assert (await app.call("PATCH", f"/api/roles/{administrator.role}", json=change)).status == 200
    answer = await visitor.submit(form)
    assert answer.status == 404
    assert token not in answer.text
