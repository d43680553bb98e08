"""/account/password: whoever knows the present one gives another, and may end all other sessions with it."""

from __future__ import annotations

import asyncio

import pytest

from tests.service.pages.account.settings import NEW_PASSWORD, PASSWORD, home
from tests.service.pages.forms import unchanged
from tests.service.pages.people import PASSWORD as PRESENT
from tests.service.pages.people import Person, sign_in
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILLED = {"present": PRESENT, "new": NEW_PASSWORD, "again": NEW_PASSWORD}


async def test_from_then_on_the_new_one_opens_and_the_former_does_not(app, firm, ada):
    visitor = await firm.signed_in(ada)
    answer = await visitor.submit((await visitor.open(PASSWORD)).form, **FILLED)
    assert answer.next == home(firm, "password_changed")
    assert "Your password was changed." in (await visitor.open(answer.next)).text
    await firm.signed_in(Person(ada.id, ada.username, ada.email, NEW_PASSWORD))
    stranger = Visitor(app)
    page = await stranger.open("/login", organization=firm.organization)
    assert (await sign_in(stranger, page, ada)).status == 403


async def test_all_others_are_signed_out_if_that_is_wished_for(firm, ada):
    visitor, elsewhere = await firm.signed_in(ada), await firm.signed_in(ada)
    page = await visitor.open(PASSWORD)
    assert "checked" in page.page.one("input", name="others")
    await visitor.submit(page.form, **FILLED)
    assert (await visitor.open("/account")).status == 200
    assert (await elsewhere.open("/account")).next == "/login"


async def test_all_others_stay_if_not(firm, ada):
    visitor, elsewhere = await firm.signed_in(ada), await firm.signed_in(ada)
    form = (await visitor.open(PASSWORD)).form
    del form.fields["others"]
    await visitor.submit(form, **FILLED)
    assert (await elsewhere.open("/account")).status == 200


@pytest.mark.parametrize(
    ("typed", "status", "wrong"),
    [
        ({"present": ""}, 400, ("present", "Enter your password.")),
        ({"present": "wrong"}, 403, ("present", "This is not your present password.")),
        ({"new": "short", "again": "short"}, 400, ("new", "Use at least 8 characters.")),
        ({"new": "seven77", "again": "seven77"}, 400, ("new", "Use at least 8 characters.")),
        ({"new": "x" * 257, "again": "x" * 257}, 400, ("new", "Use at most 256 characters.")),
        ({"new": PRESENT, "again": PRESENT}, 400, ("new", "This is your present password.")),
        ({"again": "something else"}, 400, ("again", "These two are not the same.")),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_beside_its_field(firm, ada, typed, status, wrong):
    app, (field, told) = firm.app, wrong
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PASSWORD)).form
    del form.fields["others"]
    async with unchanged(app):
        answer = await visitor.submit(form, **{**FILLED, **typed})
    assert answer.status == status
    assert told in answer.text
    [marked] = [tag for tag in answer.page.all("input") if tag.get("aria-invalid") == "true"]
    assert marked["name"] == field
    assert [tag["name"] for tag in answer.page.all("input") if "autofocus" in tag] == [field]
    assert "checked" not in answer.page.one("input", name="others"), "what was chosen stays"
    assert all("value" not in tag for tag in answer.page.all("input") if tag.get("type") == "password")


async def test_eight_characters_are_enough(firm, ada):
    visitor = await firm.signed_in(ada)
    answer = await visitor.submit(
        (await visitor.open(PASSWORD)).form, present=PRESENT, new="eight888", again="eight888"
    )
    assert answer.status == 303


async def test_guesses_at_the_present_one_are_few_on_every_session(app, firm, ada):
    visitors = [await firm.signed_in(ada) for _ in range(2)]
    forms = [(await visitor.open(PASSWORD)).form for visitor in visitors]
    guesses = [visitors[number % 2].submit(forms[number % 2], **{**FILLED, "present": f"guess {number}"})
               for number in range(14)]  # fmt: skip
    answers = await asyncio.gather(*guesses)
    assert sorted(answer.status for answer in answers) == [403] * 10 + [429] * 4
    late = next(answer for answer in answers if answer.status == 429)
    assert int(late.headers["Retry-After"]) > 0
    assert "Too many attempts." in late.text
    async with unchanged(app):
        assert (await visitors[0].submit(forms[0], **FILLED)).status == 429, "the right one is not looked at either"


async def test_of_two_changes_at_once_the_second_knows_no_present_password(firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PASSWORD)).form
    new = [f"{NEW_PASSWORD} {number}" for number in range(2)]
    answers = await asyncio.gather(*(visitor.submit(form, present=PRESENT, new=each, again=each) for each in new))
    assert sorted(answer.status for answer in answers) == [303, 403]
    won = new[0] if answers[0].status == 303 else new[1]
    await firm.signed_in(Person(ada.id, ada.username, ada.email, won))


async def test_a_session_that_was_ended_meanwhile_changes_nothing(app, firm, ada):
    visitor, elsewhere = await firm.signed_in(ada), await firm.signed_in(ada)
    form = (await visitor.open(PASSWORD)).form
    await elsewhere.submit((await elsewhere.open(PASSWORD)).form, **FILLED)
    async with unchanged(app):
        answer = await visitor.submit(form, **{**FILLED, "present": NEW_PASSWORD, "new": PRESENT, "again": PRESENT})
    assert answer.next == f"/login?organization={firm.organization}&account=password"
