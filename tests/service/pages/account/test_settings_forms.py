"""The forms of an account's pages: only those that it showed to this very session are taken, and do what they say once.

One person who has one of everything, and one set of forms, serve all of these tests: none of them changes anything.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from service.pages.account.connections import COMING_BACK
from service.secrets import ring_text
from service.secrets.master_key import MasterKeys
from tests.app_fixture import running
from tests.service.pages.account.settings import APP, CONNECTIONS, FORMS, PASSWORD, START, a_connector, settled
from tests.service.pages.forms import ELSEWHERE, ODD, refused, unchanged, unreadable
from tests.service.pages.people import a_firm
from tests.service.pages.visitor import Form, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(firm):
    return await settled(firm)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mallory(firm):
    return await settled(firm)


def copy(form):
    return Form(form.action, form.method, dict(form.fields))


async def test_forged_forms_are_on_record(app, ada):
    await refused(app, ada.visitor, ada.forms[PASSWORD], {"Origin": "https://evil.example"})
    # The first of these tests: of a flood, most is on record as a number.
    [recorded] = [each for each in await app.refusals(limit=50) if each["code"] == "forged_form"]
    assert recorded["operation"] == f"POST {PASSWORD}"
    assert recorded["actor"] == ada.person.id


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_without_its_token_is_refused(app, ada, path):
    form = copy(ada.forms[path])
    for token in ("", "x", form.fields["csrf"][:-1], form.fields["csrf"] + "A", "é"):
        await refused(app, ada.visitor, form, csrf=token)
    del form.fields["csrf"]
    await refused(app, ada.visitor, form)


@pytest.mark.parametrize("path", FORMS)
async def test_a_token_is_good_for_its_own_form_alone(app, ada, path):
    others = {form.fields["csrf"] for other, form in ada.forms.items() if other != path}
    assert len(others) == len(FORMS) - 1
    for token in others:
        await refused(app, ada.visitor, ada.forms[path], csrf=token)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_somebody_else_was_shown_is_refused(app, ada, mallory, path):
    """Their token, and their whole form: nobody plants an address, an app or a secret of theirs in another account."""
    await refused(app, ada.visitor, ada.forms[path], csrf=mallory.forms[path].fields["csrf"])
    await refused(app, ada.visitor, mallory.forms[path])


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_from_elsewhere_is_refused_with_the_right_token_too(app, ada, path):
    for headers in ELSEWHERE:
        await refused(app, ada.visitor, ada.forms[path], headers)


@pytest.mark.parametrize("path", FORMS)
async def test_what_cannot_be_read_is_told_by_a_page_and_changes_nothing(app, ada, path):
    async with unchanged(app):
        for status, more in unreadable(ada.forms[path].fields["csrf"]):
            answer = await ada.visitor.send("POST", path, **more)
            assert (answer.status, answer.title) == (status, "We cannot go on from here")


@pytest.mark.parametrize("path", FORMS)
async def test_whoever_is_not_signed_in_signs_in_first_and_comes_back_to_the_page(app, firm, ada, path):
    async with unchanged(app):
        answer = await Visitor(app).submit(copy(ada.forms[path]))
    page = path.split("/")[2]
    assert answer.next == f"/login?organization={firm.organization}&account={page}"


@pytest.mark.parametrize("path", FORMS)
async def test_odd_characters_in_fields_do_no_harm(firm, path):
    somebody = await settled(firm)
    form = somebody.forms[path]
    names = [name for name in form.fields if name not in ("csrf", "once", "app", "seen")]
    for text in ODD:
        answer = await somebody.visitor.submit(form, **dict.fromkeys(names, text))
        assert answer.status in {200, 303, 400, 403, 404, 409, 413, 429}, answer.text
        if answer.status == 303:
            answer = await somebody.visitor.open(answer.next)
        assert not answer.page.all("script")
        assert "62773913" not in answer.page.said, "no page computes what was typed"


async def test_what_is_under_way_outlives_a_rotation_of_the_master_key(app_database):
    """On whichever worker heard of it first: the secret of an app that is being set up, and the way to a provider."""
    async with running(app_database) as app:
        firm = await a_firm(app)
        connector = await a_connector(firm)
        visitor, ring = await firm.signed_in(await firm.person()), app.parts.ring
        former, newer = MasterKeys(ring._keys), MasterKeys([ring_text.new_key(), *ring._keys])

        async def under_way():
            page = await visitor.open(APP)
            page.form.fields["code"] = "x"
            start = (await visitor.open(CONNECTIONS)).page.form(START)
            away = (await visitor.submit(start, connector=connector["id"])).away
            return page.form, parse_qs(urlsplit(away).query)["state"][0]

        async def still_counts(form, state):
            app_page = await visitor.submit(form, code="x")
            callback = COMING_BACK.format(connector_id=connector["id"])
            came = await visitor.open(callback, state=state, error="access_denied")
            return app_page.status, came.status

        before = await under_way()
        ring.adopt(newer)
        assert await still_counts(*before) == (400, 400), "made with the key before"
        after = await under_way()
        ring.adopt(former)
        assert await still_counts(*after) == (403, 403), "made with a key that is not known here"
        object.__setattr__(app.parts, "reload_ring", lambda: ring.adopt(newer))
        assert await still_counts(*after) == (400, 400)
