"""/account/username: what somebody signs in with, which nobody else has."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.service.pages.account.settings import USERNAME, home, shown
from tests.service.pages.forms import unchanged
from tests.service.pages.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_from_then_on_they_sign_in_by_it(firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(USERNAME)).form
    assert form.fields["username"] == ada.username
    wanted = f"ada_{uuid4().hex[:8]}"
    assert (await visitor.submit(form, username=f" {wanted} ")).next == home(firm, "username_changed")
    assert wanted in (await visitor.open("/account")).text
    await firm.signed_in(Person(ada.id, wanted, ada.email))


@pytest.mark.parametrize("username", ["", "   ", "9lives", "a b", "x" * 129, "ada@example.com", "é"])
async def test_nobody_is_called_what_nobody_can_sign_in_by(app, firm, ada, username):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(USERNAME)).form
    async with unchanged(app):
        answer = await visitor.submit(form, username=username)
    assert answer.status == 400
    marked = answer.page.one("input", name="username")
    assert (marked["aria-invalid"], marked["value"]) == ("true", username.strip())
    assert "autofocus" in marked


async def test_of_two_who_want_one_name_one_has_it(app, firm):
    people = [await firm.person() for _ in range(2)]
    visitors = [await firm.signed_in(person) for person in people]
    forms = [(await visitor.open(USERNAME)).form for visitor in visitors]
    wanted = f"wanted_{uuid4().hex[:8]}"
    answers = await asyncio.gather(
        *(visitor.submit(form, username=wanted) for visitor, form in zip(visitors, forms, strict=True))
    )
    assert sorted(answer.status for answer in answers) == [303, 409]
    [refused] = [answer for answer in answers if answer.status == 409]
    assert "Somebody else has this username." in refused.text
    assert refused.form.fields["username"] == wanted
    assert sorted([(await shown(firm, person))["username"] for person in people]).count(wanted) == 1


async def test_the_same_name_once_more_changes_nothing(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(USERNAME)).form
    async with unchanged(app):
        assert (await visitor.submit(form)).next == home(firm, "username_changed")
