"""The device code grant: polled until a person has answered, redeemed once, in time, by the client that asked."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import pytest_asyncio

from domain.grant_types import DEVICE_CODE
from projections import device_authorizations as rows
from service.commands import consents, devices, sessions
from service.secrets.digests import sha256_hex
from service.store.decision import Origin
from service.store.log import head
from tests.service.oauth.asking import INTROSPECT, ISSUER, TOKEN, claims, error
from tests.service.oauth.persons import a_person, an_app, credentials, signed_in, suspended
from tests.service.oauth.test_token_path import EVENTS, heard

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.fake_clock import FakeClock
    from tests.service.oauth.asking import Back
    from tests.service.oauth.persons import Person

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP = timedelta(seconds=5)


class Tv:
    """A device and what stands about it."""

    def __init__(self, app: Running, back: Back, person: Person, session: Any, told: Any) -> None:
        self.app, self.back, self.person, self.session, self.told = app, back, person, session, told

    async def poll(self, app: Running | None = None, back: Back | None = None, **form: str) -> Reply:
        data = {"grant_type": DEVICE_CODE, "device_code": self.told["device_code"], **credentials(back or self.back)}
        return await (app or self.app).call("POST", TOKEN, "", data={**data, **form})

    async def id(self) -> UUID:
        row = await rows.by_digest(
            self.app.parts.store.pool, sha256_hex(self.told["device_code"]), self.app.parts.clock.now()
        )
        assert row is not None
        return row["id"]

    async def approve(self) -> None:
        await devices.approve(self.app.parts.store, self.by, device=await self.id(), signed_in=self.session)

    async def deny(self) -> None:
        await devices.deny(self.app.parts.store, self.by, device=await self.id(), signed_in=self.session)

    @property
    def by(self) -> Origin:
        """The person, as the one who gives a command."""
        return Origin(self.person.id, self.person.organization, None, self.app.parts.clock.new_id())


async def a_tv(app: Running, *, scope: str = "openid profile", **body: Any) -> Tv:
    organization = await app.organization()
    back = await an_app(app, organization, **{"kind": "native", **body})
    person = await a_person(app, organization)
    reply = await app.call("POST", "/oauth2/device_authorization", "", data={**credentials(back), "scope": scope})
    assert reply.status == 200, reply.text
    return Tv(app, back, person, await signed_in(app, person), reply.json)


@pytest_asyncio.fixture(loop_scope="module")
async def tv(timed: tuple[Running, FakeClock]) -> Tv:
    """A device that waits, on a service whose clock stands still."""
    return await a_tv(timed[0])


async def test_an_approval_becomes_tokens_of_the_person(app: Running) -> None:
    tv = await a_tv(app)
    await tv.approve()
    reply = await tv.poll()
    assert reply.status == 200, reply.text
    assert (reply.headers["Cache-Control"], reply.headers["Pragma"]) == ("no-store", "no-cache")
    told = reply.json
    assert (told["token_type"], told["scope"]) == ("Bearer", "openid profile")
    assert told["refresh_token"].startswith("mun_rt_")
    access = claims(told["access_token"])
    assert (access["sub"], access["client_id"], access["aud"]) == (str(tv.person.id), tv.back.client_id, ISSUER)
    identity = claims(told["id_token"])
    assert (identity["sub"], identity["sid"], identity["amr"]) == (str(tv.person.id), str(tv.session.id), ["pwd"])
    assert identity["auth_time"] == int(tv.session.authenticated_at.timestamp())
    topics = {event["topic"] for event in await app.events(request_id=reply.headers["X-Request-Id"])}
    assert topics == {"device.redeemed", "token.issued"}


async def test_a_device_asks_until_somebody_answers(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    app, clock = timed
    for _ in range(3):
        assert error(await tv.poll()) == (400, "authorization_pending")
        clock.move(STEP)
    assert await app.refusals(code="authorization_pending") == []  # to wait is not to be refused
    await tv.approve()
    assert (await tv.poll()).status == 200


async def test_a_device_that_asks_too_early_waits_longer_from_then_on(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    clock = timed[1]
    assert error(await tv.poll()) == (400, "authorization_pending")
    assert error(await tv.poll()) == (400, "slow_down")
    clock.move(STEP)
    assert error(await tv.poll()) == (400, "slow_down")
    await tv.approve()
    assert error(await tv.poll()) == (400, "slow_down")  # an answer is no reason to let it in early
    clock.move(4 * STEP)
    assert (await tv.poll()).status == 200


async def test_a_refusal_is_told_and_stays(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    await tv.deny()
    for _ in range(2):
        assert error(await tv.poll()) == (400, "access_denied")
        timed[1].move(STEP)


async def test_a_code_expires_at_its_instant(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    clock = timed[1]
    clock.move(timedelta(seconds=600, microseconds=-1))
    assert error(await tv.poll()) == (400, "authorization_pending")
    clock.move(timedelta(microseconds=1))
    assert error(await tv.poll()) == (400, "expired_token")


async def test_an_approval_too_expires(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    await tv.approve()
    timed[1].move(timedelta(seconds=600))
    assert error(await tv.poll()) == (400, "expired_token")


async def test_a_code_is_redeemed_once(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    await tv.approve()
    first = (await tv.poll()).json
    timed[1].move(STEP)
    assert error(await tv.poll()) == (400, "invalid_grant")
    reply = await timed[0].call("POST", TOKEN, "", data={
        "grant_type": "refresh_token", "refresh_token": first["refresh_token"], **credentials(tv.back),
    })  # fmt: skip
    assert reply.status == 200, reply.text


async def test_of_many_polls_at_once_on_two_workers_one_has_the_tokens(two: tuple[Running, Running]) -> None:
    tv = await a_tv(two[0])
    await tv.approve()
    replies = await asyncio.gather(*(tv.poll(two[n % 2]) for n in range(10)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
    assert {error(reply)[1] for reply in replies if reply.status == 400} <= {"slow_down", "invalid_grant"}
    issued = [event for event in await two[0].events(topic="token.issued") if event["subject"] == str(tv.person.id)]
    assert len(issued) == 1


async def test_of_those_who_pass_the_poll_together_one_redeems(
    two: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if every poll had come in time: the stream's version alone decides."""

    async def in_time(*_: Any) -> bool:
        return False

    monkeypatch.setattr("service.oauth.grants.device_code.too_early", in_time)
    tv = await a_tv(two[0])
    await tv.approve()
    replies = await asyncio.gather(*(tv.poll(two[n % 2]) for n in range(10)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 9
    assert {error(reply) for reply in replies if reply.status == 400} == {(400, "invalid_grant")}


async def test_another_clients_code_is_unknown_and_is_not_used_up(app: Running) -> None:
    tv = await a_tv(app)
    await tv.approve()
    for other in (
        await an_app(app, tv.back.document["organization"], kind="native"),
        await an_app(app, await app.organization(), kind="native"),
    ):
        assert error(await tv.poll(back=other)) == (400, "invalid_grant")
    assert (await tv.poll()).status == 200


@pytest.mark.parametrize("code", ["x", "mun_dc_" + "A" * 49, "\U0001f4fa"])
async def test_an_unknown_code_is_refused(app: Running, code: str) -> None:
    tv = await a_tv(app)
    assert error(await tv.poll(device_code=code)) == (400, "invalid_grant")


async def test_a_code_must_be_there(app: Running) -> None:
    tv = await a_tv(app)
    assert error(await tv.poll(device_code="")) == (400, "invalid_request")


async def test_the_client_is_known_first(app: Running) -> None:
    tv = await a_tv(app, kind="web", grant_types=[DEVICE_CODE])
    await tv.approve()
    form = {"grant_type": DEVICE_CODE, "device_code": tv.told["device_code"]}
    for who in ({}, {"client_id": tv.back.client_id}, {"client_id": tv.back.client_id, "client_secret": "x"}):
        assert error(await app.call("POST", TOKEN, "", data={**form, **who})) == (401, "invalid_client")
    assert (await tv.poll()).status == 200


async def test_a_client_that_lost_the_grant_redeems_nothing(app: Running) -> None:
    tv = await a_tv(app)
    await tv.approve()
    change = {"grant_types": ["authorization_code"]}
    assert (await app.call("PATCH", f"/api/applications/{tv.back.id}", json=change)).status == 200
    assert error(await tv.poll()) == (400, "unauthorized_client")


async def test_without_the_refresh_grant_there_is_no_refresh_token(app: Running) -> None:
    tv = await a_tv(app, scope="openid offline_access", grant_types=[DEVICE_CODE])
    await tv.approve()
    told = (await tv.poll()).json
    assert "refresh_token" not in told
    assert told["scope"] == "openid"


async def test_what_the_client_lost_meanwhile_it_does_not_get(app: Running) -> None:
    tv = await a_tv(app, permissions=["films"])
    path, films = f"/api/applications/{tv.back.id}", {"audiences": ["https://films.test"]}
    assert (await app.call("PATCH", path, json=films)).status == 200
    form = {**credentials(tv.back), "scope": "films openid"}
    tv.told = (await app.call("POST", "/oauth2/device_authorization", "", data=form)).json
    await tv.approve()
    assert (await app.call("PATCH", path, json={"permissions": []})).status == 200
    assert (await tv.poll()).json["scope"] == "openid"


async def test_a_device_may_name_the_audience_again_and_no_other(timed: tuple[Running, FakeClock], tv: Tv) -> None:
    await tv.approve()
    assert error(await tv.poll(resource="https://other.test")) == (400, "invalid_target")
    timed[1].move(STEP)
    assert (await tv.poll(resource=ISSUER)).status == 200


async def end_session(tv: Tv) -> None:
    await sessions.end_all(tv.app.parts.store, tv.by, user=tv.person.id, reason=None)


async def withdraw(tv: Tv) -> None:
    store, about = tv.app.parts.store, {"user": tv.person.id, "application": UUID(tv.back.id)}
    await consents.give(store, tv.by, organization=tv.person.organization, scope=["openid"], **about)
    await consents.withdraw(store, tv.by, **about)


async def suspend(tv: Tv) -> None:
    await suspended(tv.app, tv.person)


@pytest.mark.parametrize("end", [end_session, withdraw, suspend])
async def test_what_ends_between_approval_and_poll_ends_the_approval(app: Running, end: Any) -> None:
    tv = await a_tv(app)
    await tv.approve()
    await end(tv)
    before = await head(app.parts.store.pool)
    assert error(await tv.poll()) == (400, "access_denied")
    assert await head(app.parts.store.pool) == before


async def test_offline_access_outlives_the_session_of_the_approval(app: Running) -> None:
    tv = await a_tv(app, scope="openid offline_access")
    await tv.approve()
    await end_session(tv)
    told = (await tv.poll()).json
    assert told["scope"] == "openid offline_access"
    back = await an_app(app, tv.back.document["organization"])
    assert (await app.call("PATCH", f"/api/applications/{back.id}", json={"permissions": ["read_token"]})).status == 200
    worth = await app.call("POST", INTROSPECT, "", data={**credentials(back), "token": told["access_token"]})
    assert worth.json["active"]


async def test_nothing_is_issued_past_a_suspension_that_commits_first(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is suspended after the row was read and before the append: its guard refuses it."""
    tv = await a_tv(app)
    await tv.approve()
    read, read_before = rows.by_digest, []

    async def overtaken(*args: Any) -> Any:
        row = await read(*args)
        if not read_before:
            await suspended(app, tv.person)
        read_before.append(row)
        return row

    monkeypatch.setattr(rows, "by_digest", overtaken)
    assert error(await tv.poll()) == (400, "access_denied")
    assert [row["in_force"] for row in read_before] == [True, False]
    issued = [event for event in await app.events(topic="token.issued") if event["subject"] == str(tv.person.id)]
    assert issued == []


async def test_what_ends_the_person_ends_the_devices_access_on_every_worker(two: tuple[Running, Running]) -> None:
    one, other = two
    tv = await a_tv(one)
    await tv.approve()
    told = (await tv.poll(other)).json
    await suspended(one, tv.person)
    renewal = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"], **credentials(tv.back)}
    assert error(await other.call("POST", TOKEN, "", data=renewal)) == (400, "invalid_grant")
    back = await an_app(one, tv.back.document["organization"], permissions=["read_token"])
    question = {**credentials(back), "token": told["access_token"]}
    assert (await other.call("POST", INTROSPECT, "", data=question)).json == {"active": False}


async def test_no_event_is_read_to_redeem(app: Running) -> None:
    tv = await a_tv(app)
    await tv.approve()
    with heard(app) as statements:
        assert (await tv.poll()).status == 200
    assert statements
    assert not [statement for statement in statements if EVENTS.search(statement)]
