"""What decides how somebody comes in asks for a proof of the last fifteen minutes, and leads back once it was given."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_asyncio

from service.pages.way_on import ACCOUNT_PAGES
from tests.app_fixture import copied, running
from tests.fake_clock import FakeClock
from tests.service.pages.account.settings import FORMS, LATELY, PAGES, PROFILE, home, settled
from tests.service.pages.forms import unchanged
from tests.service.pages.people import a_firm, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAST = timedelta(minutes=14, seconds=59)


@pytest_asyncio.fixture(loop_scope="module")
async def later(postgres_dsn, app_template):
    """An organization, and a clock that the test moves."""
    clock = FakeClock()
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, clock=clock) as app:
            yield await a_firm(app), clock


def name_of(path):
    return path.split("/")[2]


async def test_pages_open_until_the_fifteenth_minute(later):
    firm, clock = later
    visitor = await firm.signed_in(await firm.person())
    clock.move(LAST)
    for path in PAGES:
        assert (await visitor.open(path)).status == 200
    clock.move(timedelta(seconds=1))
    for path in LATELY:
        sign_in_page = f"/login?organization={firm.organization}&account={name_of(path)}"
        assert (await visitor.open(path)).next == sign_in_page
    for path in ("/account", PROFILE):
        assert (await visitor.open(path)).status == 200


async def test_forms_that_were_shown_before_count_no_more(later):
    firm, clock = later
    somebody = await settled(firm)
    clock.move(timedelta(minutes=15))
    async with unchanged(firm.app):
        for path in FORMS:
            if path != PROFILE:
                answer = await somebody.visitor.submit(somebody.forms[path])
                assert answer.next == f"/login?organization={firm.organization}&account={name_of(path)}"
    assert (await somebody.visitor.submit(somebody.forms[PROFILE])).next == home(firm, "profile_changed")


@pytest.mark.parametrize("name", ACCOUNT_PAGES)
async def test_a_fresh_proof_leads_back_to_the_page_and_its_form(later, name):
    firm, clock = later
    ada = await firm.person()
    visitor = await firm.signed_in(ada)
    clock.move(timedelta(minutes=16))
    page = await visitor.open("/login", organization=firm.organization, account=name)
    assert page.title == "Confirm that it is you"
    assert page.form.fields["identifier"] == ada.username
    answer = await sign_in(visitor, page, ada)
    assert answer.next == f"/account/{name}?organization={firm.organization}"
    assert (await visitor.open(answer.next)).status == 200


async def test_a_wrong_password_proves_nothing(later):
    firm, clock = later
    ada = await firm.person()
    visitor = await firm.signed_in(ada)
    clock.move(timedelta(minutes=16))
    page = await visitor.open("/login", organization=firm.organization, account="password")
    assert (await visitor.submit(page.form, identifier=ada.username, password="wrong")).status == 403
    assert (await visitor.open("/account/password")).next.startswith("/login")


async def test_proof_of_somebody_else_opens_their_own_account_alone(later):
    firm, clock = later
    ada, grace = await firm.person(), await firm.person()
    visitor = await firm.signed_in(ada)
    form = (await visitor.open("/account/username")).form
    clock.move(timedelta(minutes=16))
    page = await visitor.open("/login", organization=firm.organization, account="username")
    answer = await sign_in(visitor, page, grace)
    assert (await visitor.open(answer.next)).form.fields["username"] == grace.username
    async with unchanged(firm.app):
        assert (await visitor.submit(form, username="mine")).status == 403, "the form was shown to Ada"


@pytest.mark.parametrize(
    "account", ["//evil.example", "https://evil.example", "../console", "password/../../console", "x", "é", "profile?x"]
)
async def test_no_address_but_our_own_is_led_back_to(later, account):
    firm, _ = later
    ada = await firm.person()
    visitor = await firm.signed_in(ada)
    page = await visitor.open("/login", organization=firm.organization, account=account)
    assert (await sign_in(visitor, page, ada)).next == f"/account?organization={firm.organization}"
