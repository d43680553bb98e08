"""Third parties at the console: those that wait are decided about, by whoever may and did not ask for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import Caller
from service.commands import third_parties
from service.commands.third_parties import Details
from service.pages import csrf
from service.store.decision import Origin
from tests.app_fixture import AUDIENCE
from tests.service.pages.console import APPROVE, APPROVES, REJECT, THIRD_PARTIES, a_third_party
from tests.service.pages.forms import unchanged
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def waiting(firm):
    """A third party that waits, alone on the first page but for those of other tests."""
    return await a_third_party(firm, f"weather_{uuid4().hex[:8]}", name=f"Weather {uuid4().hex[:8]}")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def approver(firm):
    return await firm.signed_in(await firm.administrator(*APPROVES))


def form_about(page, path, third_party):
    [form] = [
        form for form in page.page.forms if form.action == path and ("third_party", third_party["id"]) in form.buttons
    ]
    form.fields |= dict(form.buttons)
    return form


async def standing_of(firm, third_party):
    return (await firm.app.call("GET", f"/api/third-parties/{third_party['id']}", firm.token)).json


async def test_what_waits_is_shown_with_what_matters_for_the_decision(approver, waiting):
    page = await approver.open(THIRD_PARTIES)
    for said in (
        waiting["name"], "Shows the weather.", "https://weather.example", waiting["identifier"],
        "https://weather.example/callback", "Single sign-on", "Interface calls", "authorization_code", "Submitted",
        "UTC by Back end",
    ):  # fmt: skip
        assert said in page.text, said


async def test_an_approval_lasts_to_the_end_of_the_day_that_is_chosen(firm, approver, waiting):
    page = await approver.open(THIRD_PARTIES)
    form = form_about(page, APPROVE, waiting)
    proposed = datetime.fromisoformat(form.fields["until"]).replace(tzinfo=UTC)
    assert timedelta(days=363) < proposed - datetime.now(UTC) < timedelta(days=366)
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    answer = await approver.submit(form, until=day)
    assert answer.next == f"{THIRD_PARTIES}?organization={firm.organization}&done=approved"
    page = await approver.open(answer.next)
    assert "The third party was approved." in page.text
    assert waiting["name"] not in page.text
    now = await standing_of(firm, waiting)
    assert (now["status"], now["expires_at"][:19]) == ("effective", f"{day}T23:59:59")


async def test_a_rejection_says_why(firm, approver, waiting):
    page = await approver.open(THIRD_PARTIES)
    form = form_about(page, REJECT, waiting)
    async with unchanged(firm.app):
        for reason in ("", "  ", "x" * 501):
            answer = await approver.submit(form, reason=reason)
            assert answer.status == 400
            assert "Say why" in answer.text
    answer = await approver.submit(form, reason="We do not know them.")
    assert answer.next.endswith("&done=rejected")
    page = await approver.open(answer.next)
    assert "The third party was rejected." in page.text
    now = await standing_of(firm, waiting)
    assert (now["status"], now["cause"]) == ("rejected", "We do not know them.")


async def test_a_day_that_is_none_or_is_past_is_refused(firm, approver, waiting):
    form = form_about(await approver.open(THIRD_PARTIES), APPROVE, waiting)
    async with unchanged(firm.app):
        for day in ("", "x", "2020-01-01", "2030-02-30"):
            answer = await approver.submit(form, until=day)
            assert answer.status == 400, day
            assert "Choose a day" in answer.text
            assert waiting["name"] in answer.text, "to be tried again"
    assert (await standing_of(firm, waiting))["status"] == "pending"


async def test_nobody_decides_about_what_they_asked_for(app):
    firm = await a_firm(app)
    administrator = await firm.administrator("approve_grant", "read_app", "write_app")
    visitor = await firm.signed_in(administrator)
    user, organization = UUID(administrator.id), UUID(firm.organization)
    await third_parties.register(
        app.parts.store,
        Origin(user, organization, None, app.parts.clock.new_id()),
        Caller(user, organization, frozenset({"write_app"}), user=user),
        organization=organization,
        identifier=f"own_{uuid4().hex[:8]}",
        details=Details(
            "Mine", "mine.example", None, ("sso",), ("authorization_code",), ("https://mine.example/back",)
        ),
        audience=AUDIENCE,
    )
    page = await visitor.open(THIRD_PARTIES)
    assert "You asked for this, so somebody else has to decide." in page.text
    assert page.page.forms == []
    other = await firm.signed_in(await firm.administrator(*APPROVES))
    form = (await other.open(THIRD_PARTIES)).page.form(APPROVE)
    form.fields |= dict(form.buttons)
    form.fields["csrf"] = csrf.token(app.parts, APPROVE, csrf.Shown(await session_of(app, administrator)))
    async with unchanged(app):
        answer = await visitor.submit(form)
    assert answer.status == 403
    assert "You asked for this" in answer.text


async def session_of(app, person):
    """Return to whom the forms of somebody's session are shown."""
    session = await app.parts.store.pool.fetchval("SELECT id FROM sessions WHERE user_id = $1", person.id)
    return f"session:{session}"


async def test_one_of_another_organization_is_not_there(app, firm, approver, waiting):
    others = await a_firm(app, "Others")
    theirs = await a_third_party(others, f"theirs_{uuid4().hex[:8]}", name="Theirs")
    page = await approver.open(THIRD_PARTIES)
    assert "Theirs" not in page.text
    async with unchanged(app):
        for path in (APPROVE, REJECT):
            form = form_about(page, path, waiting)
            for other in (theirs["id"], firm.application["id"], str(uuid4())):
                answer = await approver.submit(form, third_party=other, reason="x")
                assert answer.status == 404
                assert "nothing was changed" in answer.text
    assert (await standing_of(others, theirs))["status"] == "pending"


async def test_what_was_submitted_again_since_it_was_shown_is_not_approved(firm, approver, waiting):
    form = form_about(await approver.open(THIRD_PARTIES), APPROVE, waiting)
    path, elsewhere = f"/api/third-parties/{waiting['id']}", ["https://elsewhere.example/callback"]
    assert (await firm.app.call("PUT", path, firm.token, json={"redirect_uris": elsewhere})).status == 200
    async with unchanged(firm.app):
        answer = await approver.submit(form)
        assert answer.status == 409
        assert "nothing was changed" in answer.text
        for moment in ("", "x", "2026-01-01", "2026-01-01T00:00:00"):
            assert (await approver.submit(form, submitted_at=moment)).status == 400, moment
    assert (await standing_of(firm, waiting))["status"] == "pending"
    assert (await approver.submit(form_about(answer, APPROVE, waiting))).next.endswith("&done=approved")


async def test_of_two_who_decide_at_once_one_does(firm, approver, waiting):
    other = await firm.signed_in(await firm.administrator(*APPROVES))
    forms = [form_about(await visitor.open(THIRD_PARTIES), APPROVE, waiting) for visitor in (approver, other)]
    answers = await asyncio.gather(approver.submit(forms[0]), other.submit(forms[1]))
    assert sorted(answer.status for answer in answers) == [303, 409]
    [late] = [answer for answer in answers if answer.status == 409]
    assert "nothing was changed" in late.text


async def test_what_was_decided_is_theirs_in_the_log(app, firm, waiting):
    administrator = await firm.administrator(*APPROVES)
    visitor = await firm.signed_in(administrator)
    await visitor.submit(form_about(await visitor.open(THIRD_PARTIES), APPROVE, waiting))
    [event] = [event for event in await app.events(limit=20) if event["topic"] == "application.approved"][:1]
    assert (event["actor"], event["client"]) == (administrator.id, None)


async def test_where_nobody_waits_that_is_told(app):
    firm = await a_firm(app)
    visitor = await firm.signed_in(await firm.administrator(*APPROVES))
    assert "No third party waits for approval." in (await visitor.open(THIRD_PARTIES)).text


async def test_its_standing_is_shown_at_the_console(app, firm, approver, waiting):
    sees = await firm.signed_in(await firm.administrator("read_token"))
    page = await sees.open("/console", search=waiting["name"])
    for said in ("Third party", "Waiting for approval"):
        assert said in page.text
    await approver.submit(form_about(await approver.open(THIRD_PARTIES), APPROVE, waiting))
    for path in ("/console?search=" + waiting["identifier"], f"/console/applications/{waiting['id']}"):
        page = await sees.open(path)
        assert "Approved until" in page.text
        assert "Waiting for approval" not in page.text
