"""/account/connections: whoever comes back from a provider left from here, by that connector, just now, and once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from service.pages.account.connections import COMING_BACK
from tests.app_fixture import copied, running
from tests.fake_clock import FakeClock
from tests.provider import linking
from tests.service.pages.account.settings import CONNECTIONS, DISCONNECT, START, a_connector, home, shown
from tests.service.pages.forms import unchanged
from tests.service.pages.people import a_firm
from tests.service.pages.visitor import SESSION, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

STALE = "You did not set out from here"


class Octopus:
    """An organization with a connector to a provider that is there."""

    def __init__(self, app, firm, provider, connector):
        self.app, self.firm, self.provider, self.connector = app, firm, provider, connector
        self.callback = COMING_BACK.format(connector_id=connector["id"])

    async def left(self, visitor, connector=None):
        """Set out for the provider; return where to."""
        connector = connector or self.connector
        page = await visitor.open(CONNECTIONS)
        answer = await visitor.submit(page.page.form(START), connector=connector["id"])
        assert answer.status == 200, answer.text
        return answer.away

    async def back(self, visitor, person, decision="allow"):
        """Set out, be somebody there; return the parameters to come back with."""
        return await self.provider.back(await self.left(visitor), person, decision)

    async def identities(self, person):
        return (await shown(self.firm, person))["identities"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(postgres_dsn, app_template):
    with copied(postgres_dsn, app_template) as own, copied(postgres_dsn, app_template) as theirs:
        async with linking(own, theirs) as both:
            yield both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def octopus(opened):
    app, provider = opened
    firm = await a_firm(app)
    name = {"en": "Octopus", "zh": "章鱼"}
    connector = await provider.connector(app, firm.organization, firm.token, metadata={"name": name})
    made = Octopus(app, firm, provider, connector)
    await provider.register(f"{app.parts.settings.issuer}{made.callback}")
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def ada(octopus):
    return await octopus.firm.person()


@pytest_asyncio.fixture(loop_scope="module")
async def somebody(octopus):
    return await octopus.provider.person(name="Ada at Octopus")


async def test_an_account_elsewhere_is_connected_and_disconnected(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    assert "Not connected" in (await visitor.open(CONNECTIONS)).text
    answer = await visitor.open(octopus.callback, **await octopus.back(visitor, somebody))
    assert answer.next == home(octopus.firm, "connected", CONNECTIONS)
    page = await visitor.open(answer.next)
    for said in ("The account was connected.", "Octopus", "Ada at Octopus"):
        assert said in page.text
    known = await octopus.identities(ada)
    assert known[octopus.connector["target"]]["userId"] == somebody.id
    form = page.page.form(DISCONNECT)
    answer = await visitor.submit(form, **dict(form.buttons))
    assert answer.next == home(octopus.firm, "disconnected", CONNECTIONS)
    assert await octopus.identities(ada) == {}


async def test_who_sets_out_takes_along_a_state_and_the_connectors_own_address(octopus, ada):
    visitor = await octopus.firm.signed_in(ada)
    asked = parse_qs(urlsplit(await octopus.left(visitor)).query)
    assert asked["redirect_uri"] == [f"{octopus.app.parts.settings.issuer}{octopus.callback}"]
    other = parse_qs(urlsplit(await octopus.left(visitor)).query)
    assert asked["state"] != other["state"]


async def test_nobody_is_connected_with_what_somebody_else_began(octopus, ada, somebody):
    """Mallory signs in at the provider, keeps the way back, and has Ada follow it: Ada stays who she is."""
    mallory = await octopus.firm.person()
    hers, theirs = await octopus.firm.signed_in(ada), await octopus.firm.signed_in(mallory)
    way_back = await octopus.back(theirs, somebody)
    async with unchanged(octopus.app):
        answer = await hers.open(octopus.callback, **way_back)
    assert (answer.status, STALE in answer.text) == (403, True)
    assert await octopus.identities(ada) == {}
    assert (await theirs.open(octopus.callback, **way_back)).status == 303, "it still is theirs who began"


async def test_another_session_of_the_same_person_does_not_come_back_either(octopus, ada, somebody):
    visitor, elsewhere = await octopus.firm.signed_in(ada), await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    async with unchanged(octopus.app):
        assert (await elsewhere.open(octopus.callback, **way_back)).status == 403


async def test_a_session_that_was_planted_comes_back_as_nobody(octopus, ada, somebody):
    """A session of Mallory's in Ada's browser would connect Mallory with Ada's account elsewhere."""
    mallory = await octopus.firm.person()
    theirs = await octopus.firm.signed_in(mallory)
    planted = theirs.cookies[SESSION]
    victim = Visitor(octopus.app, {SESSION: planted})
    page = await victim.open("/login", organization=octopus.firm.organization)
    await victim.submit(page.form, identifier=ada.username, password=ada.password)
    assert victim.cookies[SESSION] != planted
    way_back = await octopus.back(victim, somebody)
    async with unchanged(octopus.app):
        assert (await Visitor(octopus.app, {SESSION: planted}).open(octopus.callback, **way_back)).next.startswith(
            "/login"
        )
    await victim.open(octopus.callback, **way_back)
    assert list(await octopus.identities(ada)) == [octopus.connector["target"]]
    assert await octopus.identities(mallory) == {}


async def test_nobody_comes_back_by_another_connector(octopus, ada, somebody):
    """A provider that was talked to cannot have its answer taken for another one's (mix-up)."""
    other = await a_connector(octopus.firm, "Squid")
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    for connector in (other["id"], str(uuid4())):
        async with unchanged(octopus.app):
            answer = await visitor.open(COMING_BACK.format(connector_id=connector), **way_back)
        assert (answer.status, STALE in answer.text) == (403, True)
    assert (await visitor.open(COMING_BACK.format(connector_id="x"), **way_back)).status == 404
    assert (await visitor.open(octopus.callback, **way_back)).status == 303


async def test_a_way_back_leads_back_once(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    answers = await asyncio.gather(*(visitor.open(octopus.callback, **way_back) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [303, 403, 403]


async def test_a_state_of_ones_own_making_is_none(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    head, _, proof = way_back["state"].partition(".")
    later = UUID(int=UUID(hex=head).int + (1 << 90)).hex
    for state in (
        "",
        "x",
        ".",
        f"{head}.",
        f".{proof}",
        f"{later}.{proof}",
        f"{head}.{proof[:-1]}",
        f"{proof}.{head}",
        "é",
    ):
        async with unchanged(octopus.app):
            answer = await visitor.open(octopus.callback, **{**way_back, "state": state})
        assert (answer.status, STALE in answer.text) == (403, True)
    await octopus.app.refusals(limit=50)
    del way_back["state"]
    assert (await visitor.open(octopus.callback, **way_back)).status == 403


async def test_who_comes_back_after_ten_minutes_begins_anew(postgres_dsn, app_template):
    clock = FakeClock()
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn, clock=clock) as app:
            firm = await a_firm(app)
            connector = await a_connector(firm)
            visitor = await firm.signed_in(await firm.person())
            form = (await visitor.open(CONNECTIONS)).page.form(START)
            [state] = parse_qs(urlsplit((await visitor.submit(form, connector=connector["id"])).away).query)["state"]
            callback = COMING_BACK.format(connector_id=connector["id"])
            clock.move(timedelta(minutes=9))
            denied = await visitor.open(callback, state=state, error="access_denied")
            assert (denied.status, "not allowed to tell" in denied.text) == (400, True)
            [state] = parse_qs(urlsplit((await visitor.submit(form, connector=connector["id"])).away).query)["state"]
            clock.move(timedelta(minutes=2, seconds=1))
            answer = await visitor.open(callback, state=state, error="access_denied")
            assert (answer.status, STALE in answer.text) == (403, True)


async def test_who_is_not_signed_in_any_more_signs_in_and_begins_anew(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    async with unchanged(octopus.app):
        assert (await Visitor(octopus.app).open(octopus.callback, **way_back)).next == "/login?account=connections"


async def test_what_was_denied_there_is_told(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody, "deny")
    assert way_back["error"] == "access_denied"
    async with unchanged(octopus.app):
        answer = await visitor.open(octopus.callback, **way_back)
    assert (answer.status, "not allowed to tell" in answer.text) == (400, True)


async def test_a_code_that_the_provider_refuses_connects_nothing(octopus, ada, somebody):
    visitor = await octopus.firm.signed_in(ada)
    way_back = await octopus.back(visitor, somebody)
    async with unchanged(octopus.app):
        answer = await visitor.open(octopus.callback, **{**way_back, "code": "x"})
    assert (answer.status, "could not tell who you are" in answer.text) == (400, True)


async def test_what_the_provider_says_is_not_repeated(octopus, ada):
    visitor = await octopus.firm.signed_in(ada)
    [state] = parse_qs(urlsplit(await octopus.left(visitor)).query)["state"]
    evil = "<script>alert(1)</script>"
    answer = await visitor.open(octopus.callback, state=state, error=evil, error_description=evil, error_uri="x")
    assert answer.status == 400
    assert not answer.page.all("script")
    assert "alert(1)" not in answer.text
    assert (await visitor.open(f"{octopus.callback}?state=a&state=b")).status == 400


async def test_an_account_elsewhere_is_one_persons_here(octopus, ada, somebody):
    other = await octopus.firm.person()
    for person, status in ((other, 303), (ada, 409)):
        visitor = await octopus.firm.signed_in(person)
        answer = await visitor.open(octopus.callback, **await octopus.back(visitor, somebody))
        assert answer.status == status
    assert "connected with somebody else here" in answer.text
    assert await octopus.identities(ada) == {}


async def test_nobody_sets_out_by_what_is_not_offered(octopus, ada):
    elsewhere = await a_firm(octopus.app, "Elsewhere")
    theirs = await a_connector(elsewhere)
    body = {"connectorId": "http-sms", "config": {"endpoint": "https://sms.example/"}}
    sender = await octopus.app.made(
        "/api/connectors", body | {"organizationId": octopus.firm.organization}, octopus.firm.token
    )
    visitor = await octopus.firm.signed_in(ada)
    form = (await visitor.open(CONNECTIONS)).page.form(START)
    async with unchanged(octopus.app):
        for connector in (theirs["id"], sender["id"], str(uuid4()), "x", ""):
            assert (await visitor.submit(form, connector=connector)).status == 404


async def test_nobody_disconnects_what_is_somebody_elses(octopus, ada, somebody):
    mallory = await octopus.firm.person()
    visitor, theirs = await octopus.firm.signed_in(ada), await octopus.firm.signed_in(mallory)
    await visitor.open(octopus.callback, **await octopus.back(visitor, somebody))
    another = await octopus.provider.person()
    await theirs.open(octopus.callback, **await octopus.back(theirs, another))
    [(_, hers)] = (await visitor.open(CONNECTIONS)).page.form(DISCONNECT).buttons
    form = (await theirs.open(CONNECTIONS)).page.form(DISCONNECT)
    async with unchanged(octopus.app):
        for identity in (hers, str(uuid4()), octopus.connector["target"], ""):
            assert (await theirs.submit(form, identity=identity)).status == 404
    assert list(await octopus.identities(ada)) == [octopus.connector["target"]]


async def test_a_provider_is_called_as_its_readers_call_it(octopus, ada):
    visitor = await octopus.firm.signed_in(ada, language="zh")
    page = await visitor.open(CONNECTIONS)
    assert "章鱼" in page.text
    answer = await visitor.submit(page.page.form(START), connector=octopus.connector["id"])
    assert answer.title == "前往 章鱼"
