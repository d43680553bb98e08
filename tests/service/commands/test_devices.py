"""Devices are found by what a person typed, in their organization, with few guesses, and answered once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from domain.refusals import DeviceAnswered, UnknownDevice, UnknownSession
from service.commands import devices, users
from service.secrets import user_codes
from service.secrets.master_key import MasterKeys
from service.sign_in import TryLater
from service.store.decision import Origin
from tests.app_fixture import app_database, app_template, running
from tests.service.oauth.persons import a_person, an_app, origin, signed_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.sessions import SignedIn
    from tests.app_fixture import Running

__all__ = ["app_database", "app_template"]


class Place:
    """An organization with a device that waits in it, and somebody who is signed in."""

    def __init__(self, app: Running, organization: str, code: str, session: SignedIn) -> None:
        self.app, self.organization, self.code, self.session = app, organization, code, session

    async def find(self, typed: str | None = None, **told: Any) -> Any:
        fields = {
            "signed_in": self.session,
            "user_code": self.code if typed is None else typed,
            "address": str(uuid4()),
        }
        return await devices.find(self.app.parts, **{**fields, **told})

    async def answer(self, command: Any, **told: Any) -> Any:
        row = await self.find(signed_in=None)
        fields = {"device": row["id"], "signed_in": self.session}
        return await command(self.app.parts.store, self.by, **{**fields, **told})

    @property
    def by(self) -> Origin:
        return Origin(self.session.user, self.session.organization, None, self.app.parts.clock.new_id())


async def place(app: Running) -> Place:
    organization = await app.organization()
    back = await an_app(app, organization, kind="native", name="Telly")
    client = await app.parts.clients.fresh(back.client_id)
    assert client is not None
    waiting = await devices.request(
        app.parts.store, origin_of(app, client), ring=app.parts.ring, organization=client.organization,
        application=client.id, scope="openid", audience="api",
    )  # fmt: skip
    session = await signed_in(app, await a_person(app, organization))
    return Place(app, organization, waiting.value.user_code, session)


def origin_of(app: Running, client: Any) -> Origin:
    return Origin(client.id, client.organization, client.id, app.parts.clock.new_id(), reads=client.guards)


@pytest_asyncio.fixture
async def app(app_database: str) -> AsyncIterator[Running]:
    async with running(app_database) as service:
        yield service


async def test_a_person_finds_the_device_by_what_it_shows(app: Running) -> None:
    at = await place(app)
    row = await at.find()
    assert (row["name"], row["scope"], str(row["organization"])) == ("Telly", "openid", at.organization)
    assert (await at.find(at.code.lower().replace("-", "")))["id"] == row["id"]
    assert await at.find("BBBB-BBBB") is None
    assert await at.find("no code") is None


async def test_another_organizations_device_is_not_there_but_for_who_asks_anywhere(app: Running) -> None:
    at, elsewhere = await place(app), await place(app)
    assert await at.find(elsewhere.code) is None
    for told in ({"signed_in": None}, {"anywhere": True}):
        row = await at.find(elsewhere.code, **told)
        assert str(row["organization"]) == elsewhere.organization


async def test_guesses_are_counted_by_session_and_by_address(app: Running) -> None:
    at, other = await place(app), await place(app)
    for _ in range(5):
        assert await at.find("BBBB-BBBB") is None
    with pytest.raises(TryLater) as later:
        await at.find()
    assert 0 < later.value.seconds <= 60
    assert await other.find() is not None
    for _ in range(20):
        assert await at.find("no code", signed_in=None, address="192.0.2.1") is None
    with pytest.raises(TryLater):
        await other.find(address="192.0.2.1")


async def test_right_codes_are_no_guesses(app: Running) -> None:
    at = await place(app)
    for _ in range(30):
        assert await at.find(address="192.0.2.1") is not None


async def test_of_many_guesses_at_once_no_more_are_looked_at(app: Running) -> None:
    at = await place(app)
    results = await asyncio.gather(*(at.find("BBBB-BBBB") for _ in range(12)), return_exceptions=True)
    assert [type(result) for result in results].count(TryLater) == 7


async def test_a_code_that_was_made_under_a_newer_key_is_found_once_the_ring_has_it(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await place(app)
    ring = app.parts.ring
    behind = MasterKeys([bytes(32)])
    known = MasterKeys(list(ring._keys))
    ring.adopt(behind)
    try:
        object.__setattr__(app.parts, "reload_ring", lambda: ring.adopt(known))
        assert await at.find() is not None
        assert user_codes.digest(ring, "BCDFGHJK") == user_codes.digest(known, "BCDFGHJK")
    finally:
        ring.adopt(known)


async def test_an_approval_names_person_and_session(app: Running) -> None:
    at = await place(app)
    made = await at.answer(devices.approve)
    [event] = [event for event in await app.events(topic="device.approved") if event["position"] == made.position]
    assert (event["actor"], event["subject"]) == (str(at.session.user), str(at.session.user))
    assert event["organization"] == at.organization
    assert await at.find() is None


async def test_a_device_is_answered_once_however_many_answer_at_once(app: Running) -> None:
    at = await place(app)
    device = (await at.find())["id"]
    answers = [
        command(app.parts.store, at.by, device=device, signed_in=at.session)
        for command in (devices.approve, devices.deny) * 4
    ]
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["DeviceAnswered"] * 7 + ["Outcome"]


async def test_nobody_answers_for_another_organization(app: Running) -> None:
    at, elsewhere = await place(app), await place(app)
    for command in (devices.approve, devices.deny):
        with pytest.raises(UnknownDevice):
            await at.answer(command, signed_in=elsewhere.session)
        with pytest.raises(UnknownDevice):
            await command(app.parts.store, at.by, device=uuid4(), signed_in=at.session)
    assert await at.find() is not None


@pytest.mark.parametrize("command", [devices.approve, devices.deny])
async def test_who_was_signed_out_or_locked_out_meanwhile_answers_nothing(app: Running, command: Any) -> None:
    at, other = await place(app), await place(app)
    await app.parts.sessions.end(at.by, at.session.id, reason=None)
    await users.suspend(app.parts.store, origin(app), SYSTEM, user=other.session.user)
    for each in (at, other):
        with pytest.raises(UnknownSession):
            await each.answer(command)
        assert await each.find(signed_in=None) is not None


async def test_what_was_answered_stays_answered(app: Running) -> None:
    at = await place(app)
    device = (await at.find())["id"]
    await at.answer(devices.deny)
    for command in (devices.approve, devices.deny):
        with pytest.raises(DeviceAnswered):
            await command(app.parts.store, at.by, device=device, signed_in=at.session)
