"""Asking for interfaces at the console: found, chosen on the way through the pages, and asked for (F20, F21)."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.http.body import BadBody
from service.pages.console import chosen, interface_request, selector
from tests.service.pages.console import a_program, a_third_party
from tests.service.pages.forms import unchanged
from tests.service.pages.grants import (
    CHOOSE,
    GRANTS,
    REQUEST_ALL,
    REQUESTS,
    a_resource,
    an_interface,
    approved,
    of_application,
    pick,
)
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def office(app):
    """An organization of its own: a selector shows all interfaces there are."""
    return await a_firm(app)


@pytest_asyncio.fixture(loop_scope="module")
async def stock(office):
    """Interfaces to choose from, by name."""
    resource = await a_resource(office, "Stock")
    return {name: await an_interface(office, resource, name=name) for name in ("Count", "Weigh", "Ship")}


@pytest_asyncio.fixture(loop_scope="module")
async def asker(office):
    return await office.signed_in(await office.administrator(*REQUESTS))


async def selector_of(visitor, office, **query):
    page = await visitor.open(CHOOSE, application=office.application["id"], **query)
    assert page.status == 200, page.text
    return page


def offered(page):
    """Return what can be ticked, by the id of the interface, and whether it is."""
    ticks = [tag for tag in page.page.all("input") if tag.get("type") == "checkbox"]
    return {tag["name"].removeprefix("pick."): "checked" in tag for tag in ticks}


async def statuses(office):
    return {one["interface_name"]: one["status"] for one in await of_application(office)}


async def test_f20_what_is_chosen_is_asked_for_and_waits(office, asker, stock):
    page = await selector_of(asker, office)
    assert page.title == "Choose interfaces for Atlas CRM"
    assert offered(page) == {one["id"]: False for one in stock.values()}
    ticks = {pick(stock["Count"]): "yes", pick(stock["Ship"]): "yes"}
    answer = await asker.submit(page.form, do="request", **ticks)
    assert answer.next == (
        f"{GRANTS}?organization={office.organization}&application={office.application['id']}&done=requested&count=2"
    )
    page = await asker.open(answer.next)
    assert "Interfaces asked for: 2. Somebody else has to approve them." in page.text
    assert await statuses(office) == {"Count": "pending", "Ship": "pending"}
    assert list(offered(await selector_of(asker, office))) == [stock["Weigh"]["id"]], "what waits is not offered"


async def test_what_is_chosen_stays_chosen_on_the_way_through_the_pages(monkeypatch, office, asker, stock):
    monkeypatch.setattr(selector, "SHOWN", 2)
    page = await selector_of(asker, office)
    answer = await asker.submit(page.form, do="next", **{pick(stock["Count"]): "yes"})
    page = await asker.open(answer.next)
    assert offered(page) == {stock["Ship"]["id"]: False, stock["Count"]["id"]: True}
    assert "Chosen on other pages" in page.text
    answer = await asker.submit(page.form, do="search", search="weigh", **{pick(stock["Ship"]): "yes"})
    page = await asker.open(answer.next)
    assert offered(page) == {
        stock["Weigh"]["id"]: False, stock["Count"]["id"]: True, stock["Ship"]["id"]: True,
    }  # fmt: skip
    form = page.form
    del form.fields[pick(stock["Count"])]  # the tick is taken away
    answer = await asker.submit(form, do="request")
    assert answer.next.endswith("&count=1")
    assert await statuses(office) == {"Ship": "pending"}


async def test_f20_search_reset_and_clear_do_what_they_say(office, asker, stock):
    page = await selector_of(asker, office)
    ticked = {pick(stock["Count"]): "yes"}
    answer = await asker.submit(page.form, do="search", search=" weigh ", **ticked)
    page = await asker.open(answer.next)
    assert page.form.fields["search"] == "weigh"
    assert offered(page) == {stock["Weigh"]["id"]: False, stock["Count"]["id"]: True}
    answer = await asker.submit(page.form, do="reset")
    page = await asker.open(answer.next)
    assert page.form.fields["search"] == ""
    assert offered(page)[stock["Count"]["id"]], "what is chosen stays"
    assert len(offered(page)) == 3
    answer = await asker.submit(page.form, do="clear", search="o")
    page = await asker.open(answer.next)
    assert page.form.fields["search"] == "o", "what is looked for stays"
    assert not any(offered(page).values())
    resource = (await a_resource(office))["id"]
    answer = await asker.submit(page.form, do="search", search="", resource=resource)
    page = await asker.open(answer.next)
    assert page.form.fields["resource"] == resource
    assert "No interfaces match." in page.text


async def test_typing_on_in_the_search_field_searches(office, asker, stock):
    form = (await selector_of(asker, office)).form
    assert form.buttons[0] == ("do", "search"), "the first button of a form is the one that the enter key presses"
    answer = await asker.submit(form, search="ship")
    assert "search=ship" in answer.next
    assert list(offered(await asker.open(answer.next))) == [stock["Ship"]["id"]]


async def test_choosing_changes_nothing_before_it_is_asked_for(app, office, asker, stock):
    form = (await selector_of(asker, office)).form
    async with unchanged(app):
        for step in ("search", "reset", "next", "first", "clear", "all"):
            assert (await asker.submit(form, do=step, **{pick(stock["Count"]): "yes"})).status == 303
    assert await statuses(office) == {}


async def test_nothing_chosen_and_too_much_chosen_is_told(app, office, asker, stock):
    form = (await selector_of(asker, office)).form
    async with unchanged(app):
        answer = await asker.submit(form, do="request")
        assert answer.status == 400
        assert "Choose at least one interface." in answer.text
        many = {f"pick.{uuid4()}": "yes" for _ in range(chosen.MOST + 1)}
        for step in ("request", "search"):
            answer = await asker.submit(form, do=step, **many)
            assert answer.status == 400
            assert f"Choose at most {chosen.MOST} interfaces at once" in answer.text


async def test_as_much_as_may_be_chosen_fits_into_the_form_and_the_address(office, asker):
    resource = await a_resource(office)
    made = [await an_interface(office, resource) for _ in range(selector.SHOWN + chosen.MOST)]
    form = (await selector_of(asker, office)).form
    picked = {pick(one): "yes" for one in made[-chosen.MOST :]}
    page = await asker.open((await asker.submit(form, do="search", **picked)).next)
    assert len(offered(page)) == selector.SHOWN + chosen.MOST
    assert sum(offered(page).values()) == chosen.MOST
    answer = await asker.submit(page.form, do="request")
    assert answer.next.endswith(f"&count={chosen.MOST}")
    assert len(await of_application(office)) == chosen.MOST


async def test_f20_all_are_asked_for_after_a_question_that_counts_them(app, office, asker, stock):
    form = (await selector_of(asker, office)).form
    await approved(office, stock["Weigh"])
    async with unchanged(app):
        question = await asker.open((await asker.submit(form, do="all")).next)
    assert question.title == "Ask for all interfaces for Atlas CRM?"
    assert "<dd>2</dd>" in question.text
    answer = await asker.submit(question.form)
    assert answer.next.endswith("&done=requested&count=2")
    assert await statuses(office) == {"Count": "pending", "Ship": "pending", "Weigh": "effective"}
    assert (await asker.submit(question.form)).next.endswith("&count=0")


async def test_all_that_match_are_asked_for_and_no_others(office, asker, stock):
    form = (await selector_of(asker, office)).form
    resource = stock["Ship"]["resource"]
    await an_interface(office, name="Ship elsewhere")
    answer = await asker.submit(form, do="all", search="ship", resource=resource)
    question = await asker.open(answer.next)
    for said in ("<dd>1</dd>", "Stock", "ship"):
        assert said in question.text, said
    await asker.submit(question.form)
    assert await statuses(office) == {"Ship": "pending"}


async def test_beyond_a_thousand_are_not_counted(monkeypatch, office, asker, stock):
    monkeypatch.setattr(interface_request, "COUNTED", len(stock) - 1)
    question = await asker.open(REQUEST_ALL, application=office.application["id"])
    assert f"more than {len(stock) - 1}" in question.text


async def test_an_interface_that_is_gone_meanwhile_is_told_and_the_others_stay_chosen(app, office, asker, stock):
    form = (await selector_of(asker, office)).form
    ticks = {pick(stock["Count"]): "yes", pick(stock["Ship"]): "yes"}
    assert (await app.call("DELETE", f"/api/interfaces/{stock['Ship']['id']}", office.token)).status == 204
    async with unchanged(app):
        answer = await asker.submit(form, do="request", **ticks)
    assert answer.status == 404
    assert "nothing was changed" in answer.text
    assert offered(answer) == {stock["Count"]["id"]: True, stock["Weigh"]["id"]: False}
    assert (await asker.submit(answer.form, do="request")).next.endswith("&count=1")


async def test_who_asks_twice_at_once_gets_one_grant(office, asker, stock):
    form = (await selector_of(asker, office)).form
    forms = [asker.submit(form, do="request", **{pick(stock["Count"]): "yes"}) for _ in range(2)]
    assert sorted(answer.next[-1] for answer in await asyncio.gather(*forms)) == ["0", "1"]
    assert len(await of_application(office)) == 1


async def test_a_third_party_that_may_not_call_gets_nothing(app, office, asker, stock):
    waiting = await a_third_party(office, f"weather_{uuid4().hex[:8]}")
    page = await asker.open(CHOOSE, application=waiting["id"])
    assert "No interfaces can be asked for" in page.text
    question = await asker.open(REQUEST_ALL, application=waiting["id"])
    async with unchanged(app):
        for form in (page.form, question.form):
            answer = await asker.submit(form, do="request", **{pick(stock["Count"]): "yes"})
            assert answer.status == 409
            assert "No interfaces can be asked for" in answer.text


async def test_another_organizations_application_and_interfaces_are_not_there(app, office, asker, stock):
    others = await a_firm(app, "Others")
    theirs = await an_interface(others, name="Theirs")
    page = await selector_of(asker, office)
    assert "Theirs" not in page.text
    question = await asker.open(REQUEST_ALL, application=office.application["id"])
    async with unchanged(app):
        for application in (others.application["id"], str(uuid4())):
            for path in (CHOOSE, REQUEST_ALL):
                assert (await asker.open(path, application=application)).status == 404
            for form in (page.form, question.form):
                assert (await asker.submit(form, do="request", application=application)).status == 404
        answer = await asker.submit(page.form, do="request", **{pick(theirs): "yes", pick(stock["Count"]): "yes"})
        assert answer.status == 404
    at = await selector_of(asker, office, chosen=chosen.written([UUID(theirs["id"])]))
    assert "Theirs" not in at.text
    assert await of_application(others) == []


async def test_who_may_ask_and_not_see_comes_back_to_the_selector(office, stock):
    visitor = await office.signed_in(await office.administrator("write_app"))
    page = await selector_of(visitor, office)
    answer = await visitor.submit(page.form, do="request", **{pick(stock["Count"]): "yes"})
    assert urlsplit(answer.next).path == CHOOSE
    page = await visitor.open(answer.next)
    assert "Interfaces asked for: 1." in page.text
    assert (await visitor.open(GRANTS)).status == 403


async def test_what_is_asked_for_is_theirs_in_the_log(app, office, stock):
    administrator = await office.administrator(*REQUESTS)
    visitor = await office.signed_in(administrator)
    page = await selector_of(visitor, office)
    await visitor.submit(page.form, do="request", **{pick(stock["Count"]): "yes"})
    [event] = [event for event in await app.events(limit=20) if event["topic"] == "interface_grant.requested"][:1]
    assert (event["actor"], event["client"]) == (administrator.id, None)


async def test_where_there_is_nothing_to_ask_for_that_is_told(office, asker):
    assert "There are no interfaces that could be asked for." in (await selector_of(asker, office)).text


async def test_names_that_look_like_markup_are_shown_as_they_are(office, asker):
    program = await a_program(office, "<script>alert(1)</script>")
    await an_interface(office, name="<img src=x>")
    for path in (CHOOSE, REQUEST_ALL):
        page = await asker.open(path, application=program.id)
        assert not page.page.all("script")
        assert not page.page.all("img")
        assert "<script>alert(1)</script>" in page.page.said


async def test_what_no_page_of_ours_would_ask_for_is_refused(office, asker):
    own = {"application": office.application["id"]}
    for query in (
        {"application": ""}, {"application": "x"}, {"resource": "x"}, {"after": "x"}, {"search": "\0"},
        {"chosen": "!"}, {"chosen": "AAAA"}, {"chosen": "A" * 3000}, {"count": "x"},
    ):  # fmt: skip
        assert (await asker.open(CHOOSE, **{**own, **query})).status == 400, query
    form = (await selector_of(asker, office)).form
    for fields in (
        {"do": "x"}, {"pick.x": "yes"}, {f"pick.{uuid4()}": "no"}, {"do": "next", "following": "x"}, {"after": "x"},
    ):  # fmt: skip
        assert (await asker.submit(form, **fields)).status == 400, fields


async def test_what_is_written_of_a_choice_is_read_again_and_not_too_long_for_an_address():
    picked = frozenset(uuid4() for _ in range(chosen.MOST))
    assert chosen.read(chosen.written(picked)) == picked
    assert chosen.read(None) == chosen.read("") == frozenset()
    assert len(chosen.written(picked)) < 2000
    with pytest.raises(BadBody):
        chosen.read(chosen.written([*picked, uuid4()]))


async def test_the_address_of_the_selector_keeps_what_is_chosen(office, asker, stock):
    form = (await selector_of(asker, office)).form
    answer = await asker.submit(form, do="search", **{pick(stock["Count"]): "yes"})
    [kept] = parse_qs(urlsplit(answer.next).query)["chosen"]
    assert chosen.read(kept) == {UUID(stock["Count"]["id"])}
