"""The call log at the console: which calls gateways asked about and how they were decided, found by all of it (F31)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.access.causes import CAUSES
from service.pages import moments
from service.pages.console import interface_logs
from service.pages.words import WORDS
from tests.service.pages.console import a_program
from tests.service.pages.grants import CALLS, a_call, a_resource, an_interface
from tests.service.pages.people import a_firm

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def office(app):
    """An organization of its own."""
    return await a_firm(app)


@pytest_asyncio.fixture(loop_scope="module")
async def auditor(office):
    return await office.signed_in(await office.administrator("read_audit"))


def calls_of(page):
    """Return what the rows of a page say, each as one text."""
    return page.text.split('<tr role="row">')[2:]


def paths_of(page):
    return [row.partition('<code class="address">')[2].partition("</code>")[0] for row in calls_of(page)]


async def test_f31_each_call_is_told_with_who_made_it_and_how_it_was_decided(app, office):
    person, program = await office.person(), await a_program(office, "Ledger")
    interface = await an_interface(office, await a_resource(office, "Stock"), name="Count")
    call = await a_call(
        office,
        path="/stock/7",
        interface=UUID(interface["id"]),
        resource=UUID(interface["resource"]),
        application=UUID(program.id),
        client_id=program.made["client_id"],
        user=UUID(person.id),
        cause="grant_missing",
        test=True,
    )
    sees = await office.signed_in(await office.administrator("read_audit", "read_user"))
    [row] = calls_of(await sees.open(CALLS))
    for said in (
        f"{moments.brief(call.at, 'en')}:{call.at:%S}", "GET /stock/7", interface["identifier"], "Ledger",
        "Ada Lovelace", "203.0.113.9", ">403<", "Not granted", "Test", str(call.id),
    ):  # fmt: skip
        assert said in row, said
    only = await office.signed_in(await office.administrator("read_audit"))
    [row] = calls_of(await only.open(CALLS))
    assert person.id in row
    assert "Ada Lovelace" not in row, "people are called by name before those who may see people alone"


async def test_f31_calls_are_found_by_each_of_what_is_known(app, office, auditor):
    person, program = await office.person(), await a_program(office)
    interface = await an_interface(office)
    plain = await a_call(office)
    calls = {
        "outcome=refused": {"cause": "unknown_interface"},
        "outcome=refused&cause=grant_expired": {"cause": "grant_expired"},
        "cause=frequency_exceeded": {"cause": "frequency_exceeded", "status": 429},
        "method=DELETE": {"method": "DELETE"},
        "path=/stock": {"path": "/stock/7?"},
        "client=shop": {"client_id": "shop"},
        "address=192.0.2.7": {"address": "192.0.2.7"},
        f"user={person.id}": {"user": UUID(person.id)},
        f"application={program.id}": {"application": UUID(program.id)},
        f"interface={interface['id']}": {"interface": UUID(interface["id"])},
        f"resource={interface['resource']}": {"resource": UUID(interface["resource"])},
    }
    made = {query: await a_call(office, **more) for query, more in calls.items()}
    for query, call in made.items():
        page = await auditor.send("GET", f"{CALLS}?{query}")
        assert str(call.id) in calls_of(page)[-1], query
        assert str(plain.id) not in page.text, query
        assert len(calls_of(page)) == (3 if query == "outcome=refused" else 1), query
    page = await auditor.open(CALLS, outcome="allowed")
    assert len(calls_of(page)) == len(calls) - 3 + 1
    assert page.form.fields["outcome"] == "allowed"


async def test_f31_calls_are_found_by_a_time_range_in_whole_minutes(office, auditor):
    present = datetime.now(UTC).replace(second=0, microsecond=0)
    for within in (timedelta(0), timedelta(seconds=59, microseconds=999_999)):
        await a_call(office, at=present + within)
    now, before, after = (f"{present + timedelta(minutes=minutes):%Y-%m-%dT%H:%M}" for minutes in (0, -1, 1))
    form = (await auditor.open(CALLS)).form
    for since, until, shown in (
        (now, now, 2), (after, "", 0), ("", before, 0), (before, after, 2), ("0001-01-01T00:00", "9999-12-31T23:59", 2),
    ):  # fmt: skip
        page = await auditor.submit(form, since=since, until=until)
        assert len(calls_of(page)) == shown, (since, until)
    assert page.form.fields["until"] == "9999-01-01T00:00", "brought nearer"
    assert "No calls match." in (await auditor.open(CALLS, since=after)).text


async def test_people_are_found_by_name_and_address_before_those_who_may_see_people_alone(office, auditor):
    person, other = await office.person(), await office.person()
    for somebody in (person, other):
        await a_call(office, user=UUID(somebody.id), path=f"/{somebody.username}")
    sees = await office.signed_in(await office.administrator("read_audit", "read_user"))
    for text in (person.username.upper(), person.email, person.id, f" {person.username} "):
        assert paths_of(await sees.open(CALLS, user=text)) == [f"GET /{person.username}"], text
    assert paths_of(await sees.open(CALLS, user="nobody_at_all")) == []
    assert paths_of(await auditor.open(CALLS, user=person.username)) == []
    assert paths_of(await auditor.open(CALLS, user=person.id)) == [f"GET /{person.username}"]


async def test_a_flood_is_told_as_a_number(office, auditor):
    await a_call(office, cause="token_missing", status=401, method=None, path=None, times=12_000)
    [row] = calls_of(await auditor.open(CALLS))
    for said in ("12,000 calls within a minute", "No token", ">401<"):
        assert said in row, said


async def test_whoever_called_leads_to_their_other_calls(office, auditor):
    program = await a_program(office)
    await a_call(office, application=UUID(program.id), path="/mine")
    await a_call(office, path="/other")
    page = await auditor.open(CALLS, method="GET")
    [link] = [tag["href"] for tag in page.page.all("a") if "application=" in tag["href"]]
    page = await auditor.open(link)
    assert paths_of(page) == ["GET /mine"]
    assert page.form.fields["application"] == program.id, "it stays when more is looked for"
    assert page.form.fields["method"] == "GET"
    assert "<dd>Ledger</dd>" in page.text
    assert "All calls" in page.text


async def test_a_long_log_goes_on_the_newest_first(monkeypatch, office, auditor):
    monkeypatch.setattr(interface_logs, "SHOWN", 2)
    made = [str((await a_call(office)).id) for _ in range(5)]
    page, shown = await auditor.open(CALLS, outcome="allowed"), []
    while True:
        shown += [row.partition("<code>")[2].partition("</code>")[0] for row in calls_of(page)]
        following = [tag["href"] for tag in page.page.all("a") if "before=" in tag["href"]]
        if not following:
            break
        assert "outcome=allowed" in following[0]
        page = await auditor.open(following[0])
        assert "First page" in page.text
    assert shown == made[::-1]


async def test_calls_of_another_organization_are_not_there(app, office, auditor):
    others = await a_firm(app, "Others")
    interface, program = await an_interface(others), await a_program(others)
    theirs = {"application": UUID(program.id), "interface": UUID(interface["id"]), "client_id": "theirs"}
    await a_call(others, **theirs, resource=UUID(interface["resource"]), path="/theirs")
    assert "No gateway has asked about a call yet." in (await auditor.open(CALLS)).text
    for query in ({"application": program.id}, {"interface": interface["id"]}, {"client": "theirs"}):
        page = await auditor.open(CALLS, **query)
        assert page.status == 200
        assert "/theirs" not in page.text


async def test_every_reason_is_told_in_words_of_its_own():
    for words in WORDS.values():
        told = [words[f"console_cause_{cause.code}"] for cause in CAUSES]
        assert len(set(told)) == len(told)


async def test_a_reason_that_has_no_words_is_told_by_its_code(office, auditor):
    await a_call(office, cause="unknown_resource", status=400)
    [row] = calls_of(await auditor.open(CALLS))
    assert "unknown_resource" in row


async def test_what_callers_chose_is_shown_as_it_is(office, auditor):
    await a_call(office, path="/<script>alert(1)</script>", client_id="<img src=x>", address="<b>")
    page = await auditor.open(CALLS)
    assert not page.page.all("script")
    assert not page.page.all("img")
    assert "/<script>alert(1)</script>" in page.page.said


async def test_what_no_page_of_ours_would_ask_for_is_refused(auditor):
    for query in (
        {"since": "x"}, {"since": "2026-03-04"}, {"until": "2026-03-04T05:06Z"}, {"outcome": "x"}, {"cause": "x"},
        {"method": "x"}, {"path": "\0"}, {"client": "x" * 256}, {"application": "x"}, {"interface": "x"},
        {"resource": "x"}, {"before": "x"},
    ):  # fmt: skip
        assert (await auditor.open(CALLS, **query)).status == 400, query
    assert (await auditor.send("GET", f"{CALLS}?path=a&path=b")).status == 400
    assert (await auditor.open(CALLS, before=str(uuid4()))).status == 200


async def test_what_is_looked_for_is_kept_when_the_page_is_opened_again(auditor):
    said = {
        "since": "2026-03-04T05:06", "until": "2026-03-05T05:06", "outcome": "refused", "cause": "grant_missing",
        "method": "POST", "path": "/stock", "client": "shop", "user": str(uuid4()), "address": "192.0.2.7",
    }  # fmt: skip
    page = await auditor.submit((await auditor.open(CALLS)).form, **said)
    assert page.form.fields == said
