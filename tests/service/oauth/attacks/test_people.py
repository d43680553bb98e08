"""People under attack: consent without their will, sessions that somebody planted, guesses at names and at codes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from domain.grant_types import DEVICE_CODE, PASSWORD, REFRESH_TOKEN
from service.secrets.digests import SESSION as PREFIX
from service.secrets.digests import new_secret
from tests.service.oauth.asking import TOKEN, error
from tests.service.oauth.attacks.given import EVIL, nothing_written
from tests.service.oauth.persons import a_person, an_app, credentials
from tests.service.pages.people import Person, a_firm, sign_in
from tests.service.pages.visitor import FORM, SESSION, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app_fixture import Reply, Running
    from tests.service.pages.people import Firm

pytestmark = pytest.mark.asyncio(loop_scope="module")

FROM_ELSEWHERE = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
WRONG = "not their password"


@pytest_asyncio.fixture(loop_scope="module")
async def firm(app: Running) -> Firm:
    return await a_firm(app)


@pytest.fixture
def compared(app: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """How often, and at what cost, a password was compared with a digest."""
    hasher, seen = app.parts.passwords._hasher, list[str]()
    verify = type(hasher).verify

    def noted(self: Any, digest: str, password: str) -> bool:
        seen.append(digest.rsplit("$", 2)[0])
        return verify(self, digest, password)

    monkeypatch.setattr(type(hasher), "verify", noted)
    return seen


async def test_another_site_gives_no_consent_in_a_persons_name(app: Running, firm: Firm) -> None:
    """The victim is signed in, and a page of the attacker's posts the form of consent."""
    victim, attacker = await firm.signed_in(await firm.person()), await firm.signed_in(await firm.person())
    shown = (await firm.ask(victim)).form
    theirs = (await firm.ask(attacker)).form
    asked, token = shown.fields["request"], shown.fields["csrf"]
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"request": asked, "decision": "allow"}, FROM_ELSEWHERE),
        ({"request": asked, "decision": "allow", "csrf": theirs.fields["csrf"]}, FROM_ELSEWHERE),
        ({"request": theirs.fields["request"], "decision": "allow", "csrf": theirs.fields["csrf"]}, {}),
        ({"request": asked, "decision": "allow", "csrf": token}, FROM_ELSEWHERE),
        ({"request": asked, "decision": "allow", "csrf": token}, {"Origin": "null"}),
        ({"request": asked, "decision": "allow", "csrf": ""}, {}),
    ]
    async with nothing_written(app):
        for fields, headers in attempts:
            answer = await victim.send("POST", "/consent", data=fields, headers=headers)
            assert (answer.status, "code=" in answer.text) == (403, False), fields
        assert (await victim.send("GET", "/consent", params={"request": asked, "decision": "allow"})).status == 200
    assert "code" in (await victim.submit(shown, decision="allow")).given


async def test_a_session_that_an_attacker_planted_is_never_the_victims(app: Running, firm: Firm) -> None:
    """Fixation: what the browser held before the sign-in, made up or the attacker's own, opens nothing afterwards."""
    ada, attacker = await firm.person(), await firm.signed_in(await firm.person())
    for planted in (new_secret(PREFIX), "x", attacker.cookies[SESSION]):
        victim = Visitor(app, {SESSION: planted})
        page = await victim.open("/login", organization=firm.organization)
        assert (await sign_in(victim, page, ada)).next.startswith("/account")
        assert victim.cookies[SESSION] != planted
        assert ada.username in (await victim.open("/account")).text
        assert (await Visitor(app, {SESSION: planted}).open("/account")).next.startswith("/login")


async def test_nobody_is_signed_in_as_somebody_else_by_a_form_from_elsewhere(app: Running, firm: Firm) -> None:
    """Login CSRF: the attacker's own credentials, posted from the attacker's page by the victim's browser."""
    mallory, attacker, victim = await firm.person(), Visitor(app), Visitor(app)
    form = (await attacker.open("/login", organization=firm.organization)).form
    fields = form.fields | {"identifier": mallory.username, "password": mallory.password}
    async with nothing_written(app):
        for cookies, headers in (({}, FROM_ELSEWHERE), ({}, {}), ({FORM: attacker.cookies[FORM]}, FROM_ELSEWHERE)):
            victim.cookies = dict(cookies)
            assert (await victim.send("POST", "/login", data=fields, headers=headers)).status == 403
            assert SESSION not in victim.cookies


async def test_who_has_an_account_is_told_by_neither_words_nor_work(
    app: Running, firm: Firm, compared: list[str]
) -> None:
    ada, eve = await firm.person(), await firm.person()
    assert (await app.call("POST", f"/api/users/{eve.id}/suspend", json={})).status == 200
    kinds = []
    for name, password in (
        (ada.username, WRONG), ("nobody", WRONG), ("nobody@example.com", WRONG), (ada.email, WRONG),
        (eve.username, eve.password), ("nobody", "x" * 200),
    ):  # fmt: skip
        visitor = Visitor(app)
        page = await visitor.open("/login", organization=firm.organization)
        compared.clear()
        answer = await sign_in(visitor, page, Person("", name, "", password))
        text = answer.text.replace(name, "")
        secrets = {value for value in answer.form.fields.values() if value}
        for secret in secrets:
            text = text.replace(secret, "")
        kinds.append((answer.status, text, tuple(compared)))
    assert kinds[0][0] == 403
    assert [kind for kind in kinds if kind != kinds[0]] == []
    assert len(kinds[0][2]) == 1


async def test_the_password_grant_tells_no_more_about_who_there_is(app: Running, compared: list[str]) -> None:
    home = await app.organization()
    trusted = await an_app(app, home, grant_types=[PASSWORD, REFRESH_TOKEN], trusted=True)
    known = await a_person(app, home, password="their password")
    without = await a_person(app, home)

    async def tried(name: str) -> tuple[Any, ...]:
        compared.clear()
        form = {"grant_type": PASSWORD, "username": name, "password": WRONG, **credentials(trusted)}
        reply: Reply = await app.call("POST", TOKEN, "", data=form)
        return error(reply), reply.text, tuple(compared)

    kinds = [await tried(name) for name in (known.username, without.username, "nobody", "nobody@example.com")]
    assert {kind[0] for kind in kinds} == {(400, "invalid_grant")}
    assert [kind for kind in kinds if kind != kinds[0]] == []
    assert len(kinds[0][2]) == 1


async def test_a_sign_in_takes_as_long_for_a_name_that_nobody_has(app: Running, firm: Firm) -> None:
    """By the clock: the shortest of several attempts is what the work itself takes."""
    names = {True: [], False: []}  # type: dict[bool, list[float]]
    for _ in range(4):
        for known, person in ((True, await firm.person()), (False, Person("", f"nobody_{time.time_ns()}", "", ""))):
            visitor = Visitor(app)
            page = await visitor.open("/login", organization=firm.organization)
            wrong = Person("", person.username, "", WRONG)
            began = time.process_time()
            assert (await sign_in(visitor, page, wrong)).status in {403, 429}
            names[known].append(time.process_time() - began)
    known, unknown = min(names[True]), min(names[False])
    assert max(known, unknown) < 2 * min(known, unknown), (known, unknown)


async def test_whoever_guesses_what_devices_show_is_slowed_down_and_hits_nothing(app: Running) -> None:
    firm = await a_firm(app, kind="native", redirect_uris=[])
    form = {"client_id": firm.client_id, "scope": "openid"}
    device = (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json
    visitor = await firm.signed_in(await firm.person())
    page = await visitor.open("/device")
    statuses = []
    for first in "BCDFGHJKLMNPQRSTVWXZ":
        guess = f"{first}BBB-BBBB"
        statuses.append((await visitor.submit(page.form, user_code=guess)).status)
    assert statuses[0] == 400
    assert set(statuses) == {400, 429}
    assert statuses.count(400) <= 10
    right = await visitor.submit(page.form, user_code=device["user_code"])
    assert (right.status, right.title) == (429, "Connect a device"), "the right one, too, is not looked at"
    polled = await app.call("POST", TOKEN, "", data={
        "grant_type": DEVICE_CODE, "device_code": device["device_code"], "client_id": firm.client_id,
    })  # fmt: skip
    assert error(polled) == (400, "authorization_pending")


async def test_codes_of_devices_are_not_found_by_polling(app: Running) -> None:
    back = await an_app(app, await app.organization(), kind="native")

    async def guessed(code: str) -> Reply:
        data = {"grant_type": DEVICE_CODE, "device_code": code, **credentials(back)}
        return await app.call("POST", TOKEN, "", data=data)

    async with nothing_written(app):
        replies = await asyncio.gather(*(guessed(new_secret("mun_dc_")) for _ in range(20)))
        assert {error(reply) for reply in replies} == {(400, "invalid_grant")}
