"""The device page: a code is typed, its device named, and connected by whoever signed in, or by nobody."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from domain.grant_types import DEVICE_CODE
from service.clock import Clock
from tests.app_fixture import running
from tests.service.pages.people import a_firm, sign_in
from tests.service.pages.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def native():
    """An application on devices."""
    return {"kind": "native", "name": "Atlas TV", "redirect_uris": []}


async def waiting(app, firm, scope="openid profile"):
    """Let a device ask; return what it is told."""
    form = {"client_id": firm.client_id, "scope": scope}
    reply = await app.call("POST", "/oauth2/device_authorization", "", data=form)
    assert reply.status == 200, reply.text
    return reply.json


async def polled(app, firm, device):
    form = {"grant_type": DEVICE_CODE, "device_code": device["device_code"], "client_id": firm.client_id}
    reply = await app.call("POST", "/oauth2/token", "", data=form)
    return reply.json.get("error", "issued")


async def question(visitor, code):
    """Type a code; return the page that comes."""
    page = await visitor.open("/device")
    return await visitor.submit(page.form, user_code=code)


async def test_a_code_typed_and_confirmed_connects_the_device(app, native):
    firm = await a_firm(app, **native)
    visitor, device = await firm.signed_in(await firm.person()), await waiting(app, firm)
    page = await question(visitor, device["user_code"])
    assert (page.status, page.title) == (200, "Connect Atlas TV?")
    for said in (device["user_code"], "by Acme", "Ada Lovelace", "See your profile", "Not you?"):
        assert said in page.text
    assert await polled(app, firm, device) == "authorization_pending", "to look is not to allow"
    done = await visitor.submit(page.form, decision="allow")
    assert (done.status, done.title) == (200, "Your device is connected")
    assert device["device_code"] not in done.text
    await asyncio.sleep(0)
    assert await polled_patiently(app, firm, device) == "issued"


async def polled_patiently(app, firm, device):
    """Poll once more, as if its interval had passed."""
    await app.parts.store.pool.execute("DELETE FROM muniment.device_polls")
    return await polled(app, firm, device)


async def test_a_device_that_is_refused_is_told_so(app, native):
    firm = await a_firm(app, **native)
    visitor, device = await firm.signed_in(await firm.person()), await waiting(app, firm)
    done = await visitor.submit((await question(visitor, device["user_code"])).form, decision="deny")
    assert (done.status, done.title) == (200, "The device is not connected")
    assert await polled(app, firm, device) == "access_denied"


async def test_the_code_says_who_has_to_sign_in(app, native):
    firm = await a_firm(app, "Elsewhere", **native)
    person, device, visitor = await firm.person(), await waiting(app, firm), Visitor(app)
    answer = await question(visitor, device["user_code"])
    login = await visitor.open(answer.next)
    assert "with your account at Elsewhere" in login.text
    back = await visitor.open((await sign_in(visitor, login, person)).next)
    assert back.page.one("input", name="user_code")["value"] == device["user_code"]
    page = await visitor.submit(back.form)
    assert page.title == "Connect Atlas TV?"
    assert (await visitor.submit(page.form, decision="allow")).title == "Your device is connected"


async def test_people_of_another_organization_sign_in_as_somebody_who_may(app, firm, ada, native):
    elsewhere = await a_firm(app, "Elsewhere", **native)
    visitor, device = await firm.signed_in(ada), await waiting(app, elsewhere)
    answer = await question(visitor, device["user_code"])
    assert answer.next.startswith(f"/login?organization={elsewhere.organization}&device=")
    forged = (await visitor.open("/device")).form
    answer = await visitor.submit(forged, user_code=device["user_code"], decision="allow")
    assert answer.status == 400
    assert await polled(app, elsewhere, device) == "authorization_pending"


@pytest.mark.parametrize("written", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "])
async def test_a_code_may_be_typed_as_people_do(app, native, written):
    firm = await a_firm(app, **native)
    visitor, device = await firm.signed_in(await firm.person()), await waiting(app, firm)
    page = await question(visitor, written(device["user_code"]))
    assert page.title == "Connect Atlas TV?"
    assert device["user_code"] in page.text


async def test_a_link_only_fills_the_code_in(app, native):
    firm = await a_firm(app, **native)
    visitor, device = await firm.signed_in(await firm.person()), await waiting(app, firm)
    complete = device["verification_uri_complete"].removeprefix(visitor.issuer)
    for _ in range(20):  # as often as a program opens it
        page = await visitor.open(complete)
        assert page.title == "Connect a device"
        assert page.page.one("input", name="user_code")["value"] == device["user_code"]
    assert await polled(app, firm, device) == "authorization_pending"


@pytest.mark.parametrize("code", ["", "   ", "BCDF", "BCDF-GHJ1", "AAAA-AAAA", "x" * 5000, "\0", "Ä" * 8])
async def test_what_is_no_code_is_told_beside_its_field(app, firm, ada, code):
    visitor = await firm.signed_in(ada)
    answer = await question(visitor, code)
    assert answer.status == 400
    field = answer.page.one("input", name="user_code")
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "code-fault")
    assert answer.page.one("p", id="code-fault")["class"] == "fault"


async def test_a_device_is_answered_once(app, native):
    firm = await a_firm(app, **native)
    visitor, device = await firm.signed_in(await firm.person()), await waiting(app, firm)
    page = await question(visitor, device["user_code"])
    answers = await asyncio.gather(
        *(visitor.submit(page.form, decision=decision) for decision in ("allow", "deny", "allow"))
    )
    assert sorted(answer.status for answer in answers) == [200, 400, 400]
    assert "This code is not right, or it has expired." in answers[[a.status for a in answers].index(400)].text


async def test_guessing_codes_is_slowed_down(app, firm, ada):
    visitor = await firm.signed_in(ada)
    answers = [await question(visitor, f"BCDF-GHJ{letter}") for letter in "BCDFGHJKLMNPQRST"]
    assert answers[0].status == 400
    last = answers[-1]
    assert last.status == 429
    assert int(last.headers["Retry-After"]) > 0
    assert re.search(r"Please try again in (one minute|\d+ minutes)\.", last.text)


async def test_nothing_is_connected_by_a_session_that_is_over(app, native):
    firm = await a_firm(app, **native)
    person, device = await firm.person(), await waiting(app, firm)
    visitor = await firm.signed_in(person)
    page = await question(visitor, device["user_code"])
    await app.call("POST", f"/api/users/{person.id}/suspend", json={})
    answer = await visitor.submit(page.form, decision="allow")
    assert answer.status == 403, "the form was shown to a session that is no more"
    assert await polled(app, firm, device) == "authorization_pending"


class MovedClock(Clock):
    """The real clock, put forward."""

    by = timedelta(0)

    def now(self):
        return super().now() + self.by


async def test_a_code_expires_after_ten_minutes(app_database, native):
    clock = MovedClock()
    async with running(app_database, clock=clock) as service:
        firm = await a_firm(service, **native)
        visitor, device = await firm.signed_in(await firm.person()), await waiting(service, firm)
        page = await question(visitor, device["user_code"])
        clock.by = timedelta(minutes=11)
        assert (await visitor.submit(page.form, decision="allow")).status == 400
        assert (await question(visitor, device["user_code"])).status == 400
