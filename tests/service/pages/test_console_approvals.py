"""Interface grants that wait, at the console: whoever may and did not ask decides, about one or all (F28-F30)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import Caller
from service.commands import interface_grants, third_parties
from service.commands.interface_grants import Wanted
from service.commands.third_parties import Details
from service.pages import csrf
from service.pages.console import approving_all, pending_grants
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE
from tests.service.pages.console import a_program, a_third_party
from tests.service.pages.forms import unchanged
from tests.service.pages.grants import (
    APPROVALS,
    APPROVE,
    APPROVE_ALL,
    APPROVES,
    REJECT,
    a_request,
    a_resource,
    an_interface,
    approved,
    form_about,
    state,
)
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def office(app):
    """An organization of its own, for tests that count what waits."""
    return await a_firm(app)


@pytest_asyncio.fixture(loop_scope="module")
async def waiting(firm):
    """A grant that waits, to be found by the name of its interface."""
    named = f"Orders {uuid4().hex[:8]}"
    [grant] = await a_request(firm, await an_interface(firm, name=named))
    return {**grant, "named": named}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def approver(firm):
    return await firm.signed_in(await firm.administrator(*APPROVES))


async def found(visitor, grant):
    return await visitor.open(APPROVALS, search=grant["named"])


def a_day(days):
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


async def test_what_waits_is_shown_with_what_matters_for_the_decision(firm, approver):
    resource = await a_resource(firm, "Warehouse")
    interface = await an_interface(firm, resource, name="Count stock", method="POST", path="/stock/{id}", frequency=7)
    [grant] = await a_request(firm, interface)
    page = await approver.open(APPROVALS, search="count STOCK")
    for said in (
        "Atlas CRM → Count stock", "POST /stock/{id}", "Warehouse", firm.client_id, "Requested", "UTC by Back end",
    ):  # fmt: skip
        assert said in page.text, said
    form = form_about(page, APPROVE, grant)
    assert (form.fields["frequency"], form.fields["test_frequency"]) == ("7", "60")
    proposed = datetime.fromisoformat(form.fields["until"]).replace(tzinfo=UTC)
    assert timedelta(days=363) < proposed - datetime.now(UTC) < timedelta(days=366)


async def test_f28_an_approval_lasts_to_the_end_of_a_day_with_the_limits_that_were_typed(firm, approver, waiting):
    form = form_about(await found(approver, waiting), APPROVE, waiting)
    answer = await approver.submit(form, until=a_day(3), frequency=" 30 ", test_frequency="5")
    assert answer.next.endswith("&done=approved")
    page = await approver.open(answer.next)
    assert "The interface was approved." in page.text
    assert page.page.form(APPROVALS).fields["search"] == waiting["named"], "the filter stays"
    assert "Nothing that waits matches." in page.text
    now = await state(firm, waiting)
    assert (now["status"], now["frequency"], now["test_frequency"]) == ("effective", 30, 5)
    assert now["expires_at"][:19] == f"{a_day(3)}T23:59:59"


async def test_f29_a_rejection_says_why(firm, approver, waiting):
    form = form_about(await found(approver, waiting), REJECT, waiting)
    async with unchanged(firm.app):
        for reason in ("", "  ", "x" * 501):
            answer = await approver.submit(form, reason=reason)
            assert answer.status == 400
            assert "Say why" in answer.text
    answer = await approver.submit(form, reason="We do not know what for.")
    assert "The interface was rejected." in (await approver.open(answer.next)).text
    now = await state(firm, waiting)
    assert (now["status"], now["reason"]) == ("rejected", "We do not know what for.")


async def test_days_and_limits_that_are_none_are_refused(firm, approver, waiting):
    form = form_about(await found(approver, waiting), APPROVE, waiting)
    async with unchanged(firm.app):
        for day in ("", "x", "2020-01-01", "2030-02-30"):
            answer = await approver.submit(form, until=day)
            assert answer.status == 400, day
            assert "Choose a day" in answer.text
            assert waiting["named"] in answer.text, "to be tried again"
        for name in ("frequency", "test_frequency"):
            for calls in ("", "0", "-1", "1.5", "x", "\u0661", "2147483648", "9" * 11):
                answer = await approver.submit(form, **{name: calls})
                assert answer.status == 400, calls
                assert "Calls a minute are a whole number" in answer.text
    assert (await state(firm, waiting))["status"] == "pending"


async def test_what_was_asked_for_until_a_day_is_proposed_until_then(firm, approver):
    named = f"Orders {uuid4().hex[:8]}"
    until = f"{a_day(9)}T12:00:00Z"
    [grant] = await a_request(firm, await an_interface(firm, name=named), expires_at=until)
    form = form_about(await approver.open(APPROVALS, search=named), APPROVE, grant)
    assert form.fields["until"] == a_day(9)


async def requested_by(firm, person, application):
    """Let somebody ask for a new interface on behalf of an application."""
    user, organization = UUID(person.id), UUID(firm.organization)
    interface = await an_interface(firm)
    parts = firm.app.parts
    done = await interface_grants.request(
        parts.store,
        Origin(user, organization, None, parts.clock.new_id()),
        Caller(user, organization, frozenset({"write_app"}), user=user),
        application=UUID(application["id"]),
        interfaces=[Wanted(UUID(interface["id"]))],
    )
    return {"id": str(done.value.grants[0].id)}


async def test_nobody_approves_what_they_asked_for(app, office):
    administrator = await office.administrator("all")
    visitor = await office.signed_in(administrator)
    grant = await requested_by(office, administrator, office.application)
    page = await visitor.open(APPROVALS)
    assert "You asked for this, so somebody else has to decide." in page.text
    assert [form.action for form in page.page.forms] == [APPROVALS]
    assert "Approve all" not in page.text
    other = await office.signed_in(await office.administrator(*APPROVES))
    form = form_about(await other.open(APPROVALS), APPROVE, grant)
    session = await app.parts.store.pool.fetchval("SELECT id FROM sessions WHERE user_id = $1", administrator.id)
    form.fields["csrf"] = csrf.token(app.parts, APPROVE, csrf.Shown(f"session:{session}"))
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert answer.status == 403
    assert "You asked for this" in answer.text
    assert (await other.submit(form_about(await other.open(APPROVALS), APPROVE, grant))).status == 303


async def test_who_submitted_a_third_party_does_not_approve_what_others_ask_for_it(app, office):
    administrator = await office.administrator(*APPROVES)
    user, organization = UUID(administrator.id), UUID(office.organization)
    done = await third_parties.register(
        app.parts.store,
        Origin(user, organization, None, app.parts.clock.new_id()),
        Caller(user, organization, frozenset({"write_app"}), user=user),
        organization=organization,
        identifier=f"own_{uuid4().hex[:8]}",
        details=Details("Mine", "mine.example", None, ("api",), ("client_credentials",), ()),
        audience=AUDIENCE,
    )
    third_party = {"id": str(done.value.application.id)}
    approver = await app.manager(office.organization, "approve_grant")
    await app.made(f"/api/third-parties/{third_party['id']}/approve", {}, approver)
    [grant] = await a_request(office, application=third_party)
    page = await (await office.signed_in(administrator)).open(APPROVALS)
    assert "You asked for this, so somebody else has to decide." in page.text
    assert [form.action for form in page.page.forms] == [APPROVALS]
    other = await office.signed_in(await office.administrator(*APPROVES))
    answer = await other.submit(form_about(await other.open(APPROVALS), APPROVE, grant))
    assert answer.next.endswith("&done=approved")


async def test_an_application_that_may_not_call_any_more_is_told(app, office):
    third_party = await a_third_party(office, f"weather_{uuid4().hex[:8]}")
    approver = await app.manager(office.organization, "approve_grant")
    path = f"/api/third-parties/{third_party['id']}"
    await app.made(f"{path}/approve", {}, approver)
    [grant] = await a_request(office, application=third_party)
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    form = form_about(await visitor.open(APPROVALS), APPROVE, grant)
    await app.made(f"{path}/reject", {"reason": "Over."}, approver)
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert answer.status == 409
    assert "this third party is not in effect" in answer.text


async def test_one_of_another_organization_is_not_there(app, firm, approver, waiting, office):
    [theirs] = await a_request(office, await an_interface(office, name="Theirs"))
    assert "Theirs" not in (await approver.open(APPROVALS)).text
    page = await found(approver, waiting)
    async with unchanged(app):
        for path in (APPROVE, REJECT):
            form = form_about(page, path, waiting)
            for other in (theirs["id"], firm.application["id"], str(uuid4())):
                answer = await approver.submit(form, grant=other, reason="x")
                assert answer.status == 404
                assert "nothing was changed" in answer.text
    resource = {"resource": theirs["resource"]}
    assert "Theirs" not in (await approver.open(APPROVALS, **resource)).text
    question = await approver.open(APPROVE_ALL, **resource, submitted_before=datetime.now(UTC).isoformat())
    assert "<dd>0</dd>" in question.text
    assert (await approver.submit(question.form)).status == 303
    assert (await state(office, theirs))["status"] == "pending"


async def test_what_was_requested_again_since_it_was_shown_is_not_approved(firm, approver, waiting):
    form = form_about(await found(approver, waiting), APPROVE, waiting)
    other = await firm.app.manager(firm.organization, "approve_grant")
    await firm.app.made(f"/api/interface-grants/{waiting['id']}/reject", {"reason": "No."}, other)
    await a_request(firm, {"id": waiting["interface"]})
    async with unchanged(firm.app):
        answer = await approver.submit(form)
        assert answer.status == 409
        assert "nothing was changed" in answer.text
        for moment in ("", "x", "2026-01-01", "2026-01-01T00:00:00"):
            assert (await approver.submit(form, requested_at=moment)).status == 400, moment
    assert (await approver.submit(form_about(answer, APPROVE, waiting))).next.endswith("&done=approved")


async def test_of_two_who_decide_at_once_one_does(firm, approver, waiting):
    other = await firm.signed_in(await firm.administrator(*APPROVES))
    forms = [form_about(await found(visitor, waiting), APPROVE, waiting) for visitor in (approver, other)]
    answers = await asyncio.gather(approver.submit(forms[0]), other.submit(forms[1]))
    assert sorted(answer.status for answer in answers) == [303, 409]


async def test_what_was_decided_is_theirs_in_the_log(app, firm, waiting):
    administrator = await firm.administrator(*APPROVES)
    visitor = await firm.signed_in(administrator)
    await visitor.submit(form_about(await found(visitor, waiting), APPROVE, waiting))
    [event] = [event for event in await app.events(limit=20) if event["topic"] == "interface_grant.approved"][:1]
    assert (event["actor"], event["client"]) == (administrator.id, None)


async def test_f30_all_that_wait_are_approved_but_ones_own_and_what_came_later(app, office):
    resource = await a_resource(office)
    former = [(await a_request(office, await an_interface(office, resource)))[0] for _ in range(3)]
    [rejected] = await a_request(office, await an_interface(office, resource))
    other = await app.manager(office.organization, "approve_grant")
    await app.made(f"/api/interface-grants/{rejected['id']}/reject", {"reason": "No."}, other)
    administrator = await office.administrator("all")
    own = await requested_by(office, administrator, office.application)
    visitor = await office.signed_in(administrator)
    page = await visitor.open(APPROVALS)
    [link] = [tag["href"] for tag in page.page.all("a") if tag["href"].startswith(APPROVE_ALL)]
    [later] = await a_request(office, await an_interface(office, resource))
    async with unchanged(app):
        question = await visitor.open(link)
    assert question.title == "Approve all that wait?"
    assert "<dd>4</dd>" in question.text
    answer = await visitor.submit(question.form, until=a_day(5))
    assert answer.next.endswith("&done=approved_all&count=3&left=1")
    assert "Approved: 3." in (await visitor.open(answer.next)).text
    states = [(await state(office, grant))["status"] for grant in (*former, rejected, own, later)]
    assert states == ["effective"] * 3 + ["rejected", "pending", "pending"]
    assert (await state(office, former[0]))["expires_at"][:19] == f"{a_day(5)}T23:59:59"


async def test_all_that_match_are_approved_for_as_long_as_was_asked_for(app, office):
    program, resource = await a_program(office), await a_resource(office, "Stock")
    until = f"{a_day(9)}T12:00:00Z"
    [mine] = await a_request(office, await an_interface(office, resource, name="Count"), expires_at=until)
    others = [
        (await a_request(office, await an_interface(office, resource, name="Weigh")))[0],
        (await a_request(office, await an_interface(office, name="Count")))[0],
        (await a_request(office, await an_interface(office, resource, name="Count"), application=program.made))[0],
    ]
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    chosen = {"resource": resource["id"], "search": "count", "application": office.application["id"]}
    page = await visitor.open(APPROVALS, **chosen)
    [link] = [tag["href"] for tag in page.page.all("a") if tag["href"].startswith(APPROVE_ALL)]
    question = await visitor.open(link)
    for said in ("<dd>1</dd>", "Stock", "count", "Atlas CRM"):
        assert said in question.text, said
    answer = await visitor.submit(question.form)
    assert "&done=approved_all&count=1&left=0" in answer.next
    assert f"resource={resource['id']}" in answer.next
    assert (await state(office, mine))["expires_at"][:19] == f"{a_day(9)}T12:00:00"
    assert {(await state(office, other))["status"] for other in others} == {"pending"}


async def test_all_are_not_approved_until_a_day_that_is_none_or_past(app, office):
    [grant] = await a_request(office)
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    question = await visitor.open(APPROVE_ALL, submitted_before=datetime.now(UTC).isoformat())
    async with unchanged(app):
        for day in ("x", "2020-01-01", "2030-02-30"):
            answer = await visitor.submit(question.form, until=day)
            assert answer.status == 400
            assert "Choose a day" in answer.text
        for moment in ("", "x", "2026-01-01"):
            assert (await visitor.submit(question.form, submitted_before=moment)).status == 400
            assert (await visitor.open(APPROVE_ALL, submitted_before=moment)).status == 400
    assert (await state(office, grant))["status"] == "pending"


async def test_beyond_a_thousand_are_not_counted(monkeypatch, office):
    monkeypatch.setattr(approving_all, "COUNTED", 1)
    await a_request(office, await an_interface(office), await an_interface(office))
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    question = await visitor.open(APPROVE_ALL, submitted_before=datetime.now(UTC).isoformat())
    assert "more than 1" in question.text


async def test_a_long_list_goes_on(monkeypatch, office):
    monkeypatch.setattr(pending_grants, "SHOWN", 2)
    made = [(await a_request(office, await an_interface(office)))[0]["id"] for _ in range(5)]
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    page, shown = await visitor.open(APPROVALS), []
    while True:
        shown += [form.buttons[0][1] for form in page.page.forms if form.action == APPROVE]
        following = [tag["href"] for tag in page.page.all("a") if "after=" in tag["href"]]
        if not following:
            break
        page = await visitor.open(following[0])
        assert "First page" in page.text
    assert shown == made, "the oldest first"


async def test_where_nothing_waits_that_is_told(office):
    visitor = await office.signed_in(await office.administrator(*APPROVES))
    assert "No interface waits for approval." in (await visitor.open(APPROVALS)).text
    await approved(office)
    assert "No interface waits for approval." in (await visitor.open(APPROVALS)).text


async def test_names_that_look_like_markup_are_shown_as_they_are(firm, approver):
    named = f"<script>alert('{uuid4().hex[:8]}')</script>"
    await a_request(firm, await an_interface(firm, name=named))
    page = await approver.open(APPROVALS, search=named)
    assert not page.page.all("script")
    assert named in page.page.said


async def test_what_no_page_of_ours_would_ask_for_is_refused(approver):
    for query in (
        {"application": "x"}, {"resource": "x"}, {"after": "x"}, {"search": "\0"}, {"search": "x" * 256},
        {"status": "x"}, {"count": "x"}, {"left": "-1"},
    ):  # fmt: skip
        assert (await approver.open(APPROVALS, **query)).status == 400, query
    assert (await approver.send("GET", f"{APPROVALS}?search=a&search=b")).status == 400
    for done in ("<b>x", "question", "x" * 3000):
        page = await approver.open(APPROVALS, done=done)
        assert page.status == 200
        assert 'class="notice' not in page.text
