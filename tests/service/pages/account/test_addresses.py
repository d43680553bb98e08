"""/account/email and /account/phone: an address becomes somebody's once they type the code that was sent there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from service.pages.account.address_codes import SENDS
from tests.app_fixture import SETTINGS, running
from tests.service.doors.account_settings.codes import code_to, messages, wrong
from tests.service.pages.account.settings import (
    CONFIRM_EMAIL,
    CONFIRM_PHONE,
    EMAIL,
    PHONE,
    REMOVE_PHONE,
    a_number,
    home,
    shown,
)
from tests.service.pages.forms import unchanged
from tests.service.pages.people import Person, a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


def an_address():
    return f"{uuid4().hex[:16]}@example.com"


async def asked(visitor, address, page=EMAIL):
    """Have a code sent; return the page that asks for it."""
    answer = await visitor.submit((await visitor.open(page)).page.form(page), address=address)
    assert answer.status == 200, answer.text
    return answer


async def test_a_new_e_mail_address_is_theirs_and_confirmed_once_the_code_comes_back(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    page = await visitor.open(EMAIL)
    assert ada.email in page.text
    sent = await asked(visitor, address)
    assert address in sent.text
    assert (await shown(firm, ada))["primaryEmail"] == ada.email, "until then nothing changes"
    answer = await visitor.submit(
        sent.page.form(CONFIRM_EMAIL), code=f" {code_to(app, address)[:3]} {code_to(app, address)[3:]}"
    )
    assert answer.next == home(firm, "email_changed")
    account = await visitor.open(answer.next)
    assert address in account.text
    assert "Not confirmed" not in account.text
    assert await app.parts.store.pool.fetchval("SELECT email_verified FROM models.users WHERE id = $1", ada.id)
    await firm.signed_in(Person(ada.id, address, address))


async def test_a_new_number_is_theirs_as_people_write_it(app, firm, ada):
    visitor, number = await firm.signed_in(ada), a_number()
    written = f"+44 ({number[2:4]}) {number[4:8]}-{number[8:]}"
    sent = await asked(visitor, written, PHONE)
    assert f"+{number}" in sent.text
    answer = await visitor.submit(sent.page.form(CONFIRM_PHONE), code=code_to(app, number, "sms"))
    assert answer.next == home(firm, "phone_changed")
    assert (await shown(firm, ada))["primaryPhone"] == number
    assert f"+{number}" in (await visitor.open("/account")).text
    answer = await visitor.submit((await visitor.open(PHONE)).page.form(REMOVE_PHONE))
    assert answer.next == home(firm, "phone_removed")
    assert (await shown(firm, ada))["primaryPhone"] is None


async def test_an_address_that_was_never_confirmed_is_confirmed_here(app, firm, ada):
    visitor = await firm.signed_in(ada)
    page = await visitor.open(EMAIL)
    assert "Not confirmed" in page.text
    assert page.page.form(EMAIL).fields["address"] == ada.email
    sent = await visitor.submit(page.page.form(EMAIL))
    await visitor.submit(sent.page.form(CONFIRM_EMAIL), code=code_to(app, ada.email))
    assert "Not confirmed" not in (await visitor.open(EMAIL)).text
    again = await visitor.submit((await visitor.open(EMAIL)).page.form(EMAIL), address=ada.email)
    assert (again.status, "This is your address already." in again.text) == (400, True)


@pytest.mark.parametrize(
    ("path", "address", "told"),
    [
        (EMAIL, "", "Enter an e-mail address."), (EMAIL, "ada", "Check the address"),
        (EMAIL, "a@b", "Check the address"),
        (EMAIL, "a b@example.com", "Check the address"), (EMAIL, f"{'x' * 250}@example.com", "Check the address"),
        (PHONE, "", "Enter a phone number."), (PHONE, "call me", "Check the number"), (PHONE, "12", "Check the number"),
        (PHONE, "+44 12", "Check the number"),
    ],
)  # fmt: skip
async def test_what_can_be_no_address_is_told_beside_the_field(firm, ada, path, address, told):
    app, visitor = firm.app, await firm.signed_in(ada)
    form = (await visitor.open(path)).page.form(path)
    async with unchanged(app):
        answer = await visitor.submit(form, address=address)
    assert answer.status == 400
    assert told in answer.text
    marked = answer.page.one("input", name="address")
    assert (marked["aria-invalid"], marked["value"]) == ("true", address)
    assert "autofocus" in marked


async def test_a_wrong_code_is_told_beside_its_field_and_the_right_one_still_counts(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    sent = await asked(visitor, address)
    code = code_to(app, address)
    for typed, status in (("", 400), (wrong(code), 409), ("x" * 3000, 409), ("١٢٣٤٥٦", 409)):
        answer = await visitor.submit(sent.page.form(CONFIRM_EMAIL), code=typed)
        assert answer.status == status
        assert answer.page.one("input", name="code")["aria-invalid"] == "true"
        assert answer.page.form(CONFIRM_EMAIL).fields["address"] == address
    assert (await shown(firm, ada))["primaryEmail"] == ada.email
    assert (await visitor.submit(answer.page.form(CONFIRM_EMAIL), code=code)).status == 303


async def test_ten_wrong_codes_burn_it_and_another_one_can_be_sent(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    form = (await asked(visitor, address)).page.form(CONFIRM_EMAIL)
    code = code_to(app, address)
    for number in range(10):
        assert (await visitor.submit(form, code=f"{(int(code) + 1 + number) % 1_000_000:06d}")).status == 409
    burnt = await visitor.submit(form, code=code)
    assert (burnt.status, "too many wrong codes" in burnt.text) == (409, True)
    again = await visitor.submit(burnt.page.form(EMAIL))
    assert (await visitor.submit(again.page.form(CONFIRM_EMAIL), code=code_to(app, address))).status == 303


async def test_the_address_cannot_be_swapped_between_the_code_and_its_return(app, firm, ada):
    """The code of an address that is theirs makes no other address theirs: not in the form, not in another tab."""
    visitor, own, wanted = await firm.signed_in(ada), an_address(), "ceo@example.com"
    form = (await asked(visitor, own)).page.form(CONFIRM_EMAIL)
    other = (await asked(visitor, wanted)).page.form(CONFIRM_EMAIL)
    code = code_to(app, own)
    if code == code_to(app, wanted):  # one in a million
        code = wrong(code)
    for tampered in (wanted, wanted.upper(), f" {wanted}", f"{own},{wanted}", f"{own}\n{wanted}", f"{wanted}\0{own}"):
        answer = await visitor.submit(form, address=tampered, code=code_to(app, own))
        assert answer.status in {400, 409}, answer.text
    assert (await visitor.submit(other, code=code_to(app, own))).status == 409
    assert (await shown(firm, ada))["primaryEmail"] == ada.email
    assert (await visitor.submit(form, code=code_to(app, own))).status == 303
    assert (await shown(firm, ada))["primaryEmail"] == own


async def test_a_code_is_good_for_the_user_alone_who_had_it_sent(app, firm, ada):
    """Somebody else who has one sent to the same address can neither use it nor have it count no more."""
    mallory = await firm.person()
    hers, theirs, address = await firm.signed_in(ada), await firm.signed_in(mallory), an_address()
    own = (await asked(hers, address)).page.form(CONFIRM_EMAIL)
    code = code_to(app, address)
    form = (await asked(theirs, address)).page.form(CONFIRM_EMAIL)
    if code != code_to(app, address):  # one in a million
        assert (await theirs.submit(form, code=code)).status == 409
    assert (await shown(firm, mallory))["primaryEmail"] == mallory.email
    assert (await hers.submit(own, code=code)).status == 303


async def test_the_api_s_own_codes_are_none_of_these(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    form = (await asked(visitor, address)).page.form(CONFIRM_EMAIL)
    ours = code_to(app, address)
    reply = await app.call("POST", "/api/verification-codes", firm.token, json={"email": address})
    assert reply.status == 204
    if ours != (generic := code_to(app, address)):
        assert (await visitor.submit(form, code=generic)).status == 409
        body = {"email": address, "verificationCode": ours}
        assert (await app.call("POST", "/api/verification-codes/verify", firm.token, json=body)).status == 400


async def test_a_code_counts_once(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    form = (await asked(visitor, address)).page.form(CONFIRM_EMAIL)
    code = code_to(app, address)
    answers = await asyncio.gather(*(visitor.submit(form, code=code) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [303, 409]
    late = await visitor.submit(form, code=code)
    assert (late.status, "does not count any more" in late.text) == (409, True)


async def test_that_somebody_else_has_an_address_is_told_only_to_who_reads_its_mail(app, firm, ada):
    other, visitor = await firm.person(), await firm.signed_in(ada)
    sent = await asked(visitor, other.email)
    assert "Somebody else" not in sent.text
    answer = await visitor.submit(sent.page.form(CONFIRM_EMAIL), code=code_to(app, other.email))
    assert (answer.status, "Somebody else at your organization has this address." in answer.text) == (409, True)
    assert answer.page.form(EMAIL).fields["address"] == other.email
    assert (await shown(firm, ada))["primaryEmail"] == ada.email


async def test_of_two_who_want_one_address_one_has_it(app, firm):
    people, address = [await firm.person() for _ in range(2)], an_address()
    visitors = [await firm.signed_in(person) for person in people]
    forms = []
    for visitor in visitors:
        form = (await asked(visitor, address)).page.form(CONFIRM_EMAIL)
        form.fields["code"] = code_to(app, address)
        forms.append(form)
    answers = await asyncio.gather(*(v.submit(form) for v, form in zip(visitors, forms, strict=True)))
    assert sorted(answer.status for answer in answers) == [303, 409]


async def test_one_user_has_few_codes_sent_whatever_the_addresses(app, firm, ada):
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(EMAIL)).page.form(EMAIL)
    for _ in range(SENDS[0]):
        assert (await visitor.submit(form, address=an_address())).status == 200
    spared = an_address()
    async with unchanged(app):
        late = await visitor.submit(form, address=spared)
    assert late.status == 429
    assert 0 < int(late.headers["Retry-After"]) <= SENDS[1]
    assert late.page.form(EMAIL).fields["address"] == spared
    assert messages(app.parts.settings.data_dir, spared) == []


async def test_one_address_is_sent_few_codes_whoever_asks(app, firm):
    address = an_address()
    statuses = []
    for _ in range(3):
        visitor = await firm.signed_in(await firm.person())
        form = (await visitor.open(EMAIL)).page.form(EMAIL)
        statuses += [(await visitor.submit(form, address=address)).status for _ in range(4)]
    assert statuses == [200] * 10 + [429] * 2
    assert len(messages(app.parts.settings.data_dir, address)) == 10


async def test_a_number_that_codes_are_sent_to_at_sign_in_is_not_removed(app, firm):
    ada = await firm.person(primaryPhone=a_number())
    visitor = await firm.signed_in(ada)
    form = (await visitor.open(PHONE)).page.form(REMOVE_PHONE)
    reply = await app.call("POST", f"/api/v1/users/{ada.id}/sms-mfa", firm.token)
    assert reply.status in {200, 201, 204}, reply.text
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert (answer.status, "cannot be removed" in answer.text) == (409, True)


async def test_where_nothing_sends_it_is_told_beside_the_field(app_database):
    async with running(app_database, replace(SETTINGS, sms_webhook_url="off")) as app:
        firm = await a_firm(app)
        visitor = await firm.signed_in(await firm.person())
        number = a_number()
        answer = await visitor.submit((await visitor.open(PHONE)).page.form(PHONE), address=number)
        assert (answer.status, "Nothing can be sent there" in answer.text) == (409, True)
        assert answer.page.form(PHONE).fields["address"] == number


async def test_the_message_speaks_the_language_of_the_page(app, firm, ada):
    address = an_address()
    visitor = await firm.signed_in(ada, language="zh-CN")
    await asked(visitor, address)
    [message] = messages(app.parts.settings.data_dir, address)
    assert "验证码" in message["subject"] + message["body"]


async def test_neither_address_nor_code_is_in_an_address_of_ours(app, firm, ada):
    visitor, address = await firm.signed_in(ada), an_address()
    sent = await asked(visitor, address)
    code = code_to(app, address)
    answer = await visitor.submit(sent.page.form(CONFIRM_EMAIL), code=code)
    for said in (answer.headers["Location"], *answer.headers.getall("Set-Cookie", []), *sent.headers.values()):
        assert address not in said
        assert code not in said
    links = [tag["href"] for tag in sent.page.all("a")]
    assert not any(address in link or code in link for link in links)
