"""Interface grants at the console: who may call what, found by status and name, and deleted (F18, F19)."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from service.pages.console import interface_grants
from tests.service.pages.console import a_program, a_third_party
from tests.service.pages.forms import unchanged
from tests.service.pages.grants import (
    APPROVALS,
    CHOOSE,
    DELETE,
    GRANTS,
    READS,
    REJECT,
    REQUESTS,
    a_request,
    a_resource,
    an_interface,
    approved,
    form_about,
    of_application,
    state,
)
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def program(firm):
    return await a_program(firm, f"Ledger {uuid4().hex[:8]}")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def reader(firm):
    """Somebody who may see grants."""
    return await firm.signed_in(await firm.administrator(*READS))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def keeper(firm):
    """Somebody who may ask for interfaces, and delete grants."""
    return await firm.signed_in(await firm.administrator(*REQUESTS))


def grants_of(page):
    """Return what the rows of a page say, each as one text."""
    return page.text.split('<tr role="row">')[2:]


async def test_f18_each_application_of_the_list_leads_to_its_grants(firm, reader, program):
    page = await reader.open("/console", search=program.made["name"])
    assert page.page.one("a", href=f"{GRANTS}?application={program.id}")
    assert not [tag for tag in page.page.all("a") if tag["href"].startswith("/console/applications/")]
    both = await firm.signed_in(await firm.administrator("read_token", *READS))
    page = await both.open("/console", search=program.made["name"])
    assert page.page.one("a", href=f"{GRANTS}?application={program.id}")
    assert page.page.one("a", href=f"/console/applications/{program.id}")


async def test_f19_an_applications_grants_lead_to_more_and_back(keeper, reader, program):
    page = await keeper.open(GRANTS, application=program.id)
    assert page.title == f"Interface grants of {program.made['name']}"
    assert page.page.one("a", href=f"{CHOOSE}?application={program.id}")
    assert "Close" in page.text
    assert "There are no interface grants yet." in page.text
    assert "Choose interfaces" not in (await reader.open(GRANTS, application=program.id)).text


async def test_grants_are_shown_with_what_is_known_of_them(firm, reader, program):
    resource = await a_resource(firm, "Warehouse")
    interface = await an_interface(firm, resource, name="Count stock", method="PUT", path="/stock/{id}", frequency=1200)
    await approved(firm, interface, application=program.made)
    page = await reader.open(GRANTS, application=program.id)
    [row] = grants_of(page)
    for said in (
        "Count stock", "PUT /stock/{id}", "Warehouse", "In effect", "1,200 a minute", "Test calls: 60", "Back end",
    ):  # fmt: skip
        assert said in row, said
    assert DELETE not in page.text, "who only sees has no buttons"


async def test_grants_are_found_by_application_resource_status_and_name(firm, reader, program):
    resource = await a_resource(firm, "Stock")
    count, weigh, ship = [await an_interface(firm, resource, name=name) for name in ("Count", "Weigh", "Ship")]
    elsewhere = await an_interface(firm, name="Count")
    await approved(firm, count, application=program.made)
    [rejected, _, _] = await a_request(firm, weigh, ship, elsewhere, application=program.made)
    approver = await firm.app.manager(firm.organization, "approve_grant")
    await firm.app.made(f"/api/interface-grants/{rejected['id']}/reject", {"reason": "Not for you."}, approver)
    form = (await reader.open(GRANTS, application=program.id)).form
    assert form.fields["status"] == "any"
    for fields, names in (
        ({}, ["Count", "Weigh", "Ship", "Count"]),
        ({"status": "effective"}, ["Count"]),
        ({"status": "pending"}, ["Ship", "Count"]),
        ({"status": "rejected"}, ["Weigh"]),
        ({"status": "expired"}, []),
        ({"search": "cOUNT"}, ["Count", "Count"]),
        ({"search": "count", "resource": resource["id"]}, ["Count"]),
        ({"search": "no such name"}, []),
    ):
        page = await reader.submit(form, **fields)
        shown = [row.partition('data-label="Interface"><span>')[2].partition("</span>")[0] for row in grants_of(page)]
        assert shown == names, fields
    assert "No interface grants match." in page.text
    page = await reader.submit(form, status="rejected")
    assert "Not for you." in page.text
    assert page.form.fields["status"] == "rejected"


async def test_f19_a_grant_is_deleted_and_may_be_asked_for_again(firm, keeper, program):
    interface, kept = await an_interface(firm), await an_interface(firm)
    made = await approved(firm, interface, kept, application=program.made)
    page = await keeper.open(GRANTS, application=program.id, status="effective")
    answer = await keeper.submit(form_about(page, DELETE, made[0]))
    assert answer.next.endswith(f"application={program.id}&status=effective&done=deleted")
    page = await keeper.open(answer.next)
    assert "The grant was deleted." in page.text
    assert [one["id"] for one in await of_application(firm, program.made)] == [made[1]["id"]]
    assert len(await a_request(firm, interface, application=program.made)) == 1


async def test_a_grant_in_effect_is_rejected_after_a_question(app, firm, program):
    visitor = await firm.signed_in(await firm.administrator("read_grant", "approve_grant"))
    interface = await an_interface(firm, name="Count stock")
    [grant] = await approved(firm, interface, application=program.made)
    page = await visitor.open(GRANTS, application=program.id)
    async with unchanged(app):
        question = await visitor.open(page.page.one("a", href=f"{REJECT}?grant={grant['id']}")["href"])
    assert question.title == f"Reject Count stock for {program.made['name']}?"
    assert "In effect" in question.text
    answer = await visitor.submit(question.form, reason="Not needed any more.")
    assert "The interface was rejected." in (await visitor.open(answer.next)).text
    now = await state(firm, grant)
    assert (now["status"], now["reason"]) == ("rejected", "Not needed any more.")
    page = await visitor.open(GRANTS, application=program.id)
    assert REJECT not in page.text, "what is rejected stays so"
    assert DELETE not in page.text


async def test_what_cannot_be_rejected_is_not_asked_about(app, firm, keeper):
    visitor = await firm.signed_in(await firm.administrator("approve_grant"))
    others = await a_firm(app, "Others")
    [theirs] = await a_request(others)
    for grant in (theirs["id"], str(uuid4()), firm.application["id"]):
        answer = await visitor.open(REJECT, grant=grant)
        assert (answer.status, answer.title) == (404, "There is no such interface grant")
    for grant in ("", "x"):
        assert (await visitor.open(REJECT, grant=grant)).status == 400
    [mine] = await a_request(firm)
    assert (await keeper.open(REJECT, grant=mine["id"])).status == 403
    assert (await visitor.open(REJECT, grant=mine["id"])).page.one("a", href=APPROVALS)


async def test_one_of_another_organization_is_not_there(app, firm, keeper, program):
    others = await a_firm(app, "Others")
    [theirs] = await a_request(others, await an_interface(others, name="Theirs"))
    [mine] = await a_request(firm, application=program.made)
    assert "Theirs" not in (await keeper.open(GRANTS)).text
    assert "Theirs" not in (await keeper.open(GRANTS, resource=theirs["resource"])).text
    for application in (others.application["id"], str(uuid4())):
        answer = await keeper.open(GRANTS, application=application)
        assert (answer.status, answer.title) == (404, "There is no such application")
    form = form_about(await keeper.open(GRANTS, application=program.id), DELETE, mine)
    async with unchanged(app):
        for other in (theirs["id"], program.id, str(uuid4())):
            answer = await keeper.submit(form, grant=other)
            assert answer.status == 404
            assert "nothing was changed" in answer.text
    assert len(await of_application(firm, program.made)) == 1


async def test_the_same_form_twice_at_once_deletes_once(app, firm, keeper, program):
    [grant] = await a_request(firm, application=program.made)
    form = form_about(await keeper.open(GRANTS, application=program.id), DELETE, grant)
    before = await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")
    answers = await asyncio.gather(*(keeper.submit(form) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [303, 404]
    assert await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches") == before + 1


async def test_who_may_see_grants_no_more_is_not_shown_them_for_a_form_that_is_stale(app, firm, program):
    [grant] = await a_request(firm, application=program.made)
    administrator = await firm.administrator(*REQUESTS)
    visitor = await firm.signed_in(administrator)
    form = form_about(await visitor.open(GRANTS, application=program.id), DELETE, grant)
    change = {"permissions": ["write_app"]}
    assert (await app.call("PATCH", f"/api/roles/{administrator.role}", json=change)).status == 200
    answer = await visitor.submit(form, grant=str(uuid4()))
    assert (answer.status, answer.title) == (404, "Nothing was changed")
    assert program.made["name"] not in answer.text


async def test_a_third_party_that_may_not_call_is_told_to_be_so(app, firm, keeper):
    approver = await app.manager(firm.organization, "approve_grant")
    told = "No interfaces can be asked for"
    waiting = await a_third_party(firm, f"weather_{uuid4().hex[:8]}")
    page = await keeper.open(GRANTS, application=waiting["id"])
    assert told in page.text
    assert "Waiting for approval" in page.text
    await app.made(f"/api/third-parties/{waiting['id']}/approve", {}, approver)
    assert told not in (await keeper.open(GRANTS, application=waiting["id"])).text
    only = await a_third_party(firm, f"weather_{uuid4().hex[:8]}", scope_kinds=["sso"])
    await app.made(f"/api/third-parties/{only['id']}/approve", {}, approver)
    page = await keeper.open(GRANTS, application=only["id"])
    assert told in page.text
    assert CHOOSE not in page.text


async def test_a_long_list_goes_on(monkeypatch, firm, reader, program):
    monkeypatch.setattr(interface_grants, "SHOWN", 2)
    for number in range(5):
        await a_request(firm, await an_interface(firm, name=f"Number {number}"), application=program.made)
    page, shown = await reader.open(GRANTS, application=program.id), []
    while True:
        shown += [row.partition("<span>Number ")[2][0] for row in grants_of(page)]
        following = [tag["href"] for tag in page.page.all("a") if "after=" in tag["href"]]
        if not following:
            break
        page = await reader.open(following[0])
        assert "First page" in page.text
    assert shown == list("01234")


async def test_all_grants_name_their_application_and_lead_to_it(app):
    firm = await a_firm(app)
    program = await a_program(firm, "Stocktaking")
    visitor = await firm.signed_in(await firm.administrator(*READS))
    assert "There are no interface grants yet." in (await visitor.open(GRANTS)).text
    await a_request(firm, application=program.made)
    page = await visitor.open(GRANTS)
    assert "Stocktaking" in page.text
    assert page.page.one("a", href=f"{GRANTS}?application={program.id}")


async def test_names_that_look_like_markup_are_shown_as_they_are(firm, keeper):
    program = await a_program(firm, "<script>alert(1)</script>")
    await a_request(firm, await an_interface(firm, name="<img src=x>"), application=program.made)
    page = await keeper.open(GRANTS, application=program.id)
    assert not page.page.all("script")
    assert not page.page.all("img")
    assert "<img src=x>" in page.page.said


async def test_what_no_page_of_ours_would_ask_for_is_refused(firm, keeper, program):
    for query in (
        {"application": "x"}, {"resource": "x"}, {"after": "x"}, {"search": "\0"}, {"status": "x"}, {"count": "x"},
    ):  # fmt: skip
        assert (await keeper.open(GRANTS, **query)).status == 400, query
    [grant] = await a_request(firm, application=program.made)
    form = form_about(await keeper.open(GRANTS, application=program.id), DELETE, grant)
    for text in ("", "x"):
        assert (await keeper.submit(form, grant=text)).status == 400
    page = await keeper.open(GRANTS, done="<b>x")
    assert 'class="notice' not in page.text
