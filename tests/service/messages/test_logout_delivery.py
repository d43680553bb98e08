"""Applications are told that a session is over: each that it was used for, until it knows, whatever happens between."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jwt
import pytest

from domain.application import ApplicationSettings
from domain.authorization import Authorization
from domain.caller import SYSTEM
from domain.device_authorization import DeviceAuthorization
from projections import signing_keys as key_rows
from service.commands import applications, sessions, signing_keys, users
from service.messages import logout_delivery
from service.messages.logout_delivery import (
    FIRST_DELAY,
    LEASE,
    LONGEST_DELAY,
    MOST_ATTEMPTS,
    OF_APPLICATION,
    LogoutDelivery,
)
from service.oauth.key_ring import KeyRing
from service.oauth.logout_token import EVENT, LIFETIME
from service.outbound import Outbound
from service.store import logouts, outgoing
from service.store.upkeep import Upkeep
from tests.receiver import Answer, receiver
from tests.service.commands.given import a_user, an_organization, origin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from domain.application import Application
    from tests.receiver import Receiver
    from tests.store_fixture import StoreParts

ISSUER = "https://muniment.test"
OUTSIDE = "https://rp.test/logout"


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    """Where an application takes the news."""
    async with receiver() as opened:
        yield opened


@asynccontextmanager
async def a_delivery(parts: StoreParts, *allowed: Receiver) -> AsyncIterator[LogoutDelivery]:
    await signing_keys.ensure(parts.store, origin(), ["ES256", "RS256"])
    outbound = Outbound(frozenset((each.host, each.port) for each in allowed), resolve=lambda *_: ["10.0.0.1"])
    await outbound.start()
    try:
        yield LogoutDelivery(
            parts.pool,
            parts.clock,
            keys=KeyRing(parts.pool, parts.vault, parts.clock),
            outbound=outbound,
            issuer=ISSUER,
        )
    finally:
        await outbound.stop()


async def an_application(parts: StoreParts, organization: UUID, uri: str | None) -> Application:
    made = await applications.register(
        parts.store,
        origin(),
        SYSTEM,
        organization=organization,
        kind="web",
        settings=ApplicationSettings("Shop", redirect_uris=("https://rp.test/cb",), backchannel_logout_uri=uri),
    )
    return made.value.application


class Given:
    """An organization whose people sign in."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.organization = UUID(int=0)

    async def application(self, at: Receiver | str | None) -> Application:
        if not self.organization.int:
            self.organization = (await an_organization(self.parts)).id
        uri = at if at is None or isinstance(at, str) else at.url
        return await an_application(self.parts, self.organization, uri)

    async def session(self, *used: Application, user: UUID | None = None, hours: int = 8) -> UUID:
        """Sign somebody in, and on to these applications."""
        parts = self.parts
        user = user or (await a_user(parts, used[0].id)).id
        started = await sessions.start(
            parts.store,
            origin(),
            user=user,
            organization=self.organization,
            digest=uuid4().hex * 2,
            methods=("pwd",),
            lifetime=timedelta(hours=hours),
            former=None,
        )
        for application in used:
            await self.code(application, user, started.value.id)
        return started.value.id

    async def code(self, application: Application, user: UUID, session: UUID | None) -> None:
        parts = self.parts

        async def command(decision: Any) -> None:
            decision.organization = self.organization
            now = parts.clock.now()
            decision.save(
                Authorization.issue(
                    id=parts.clock.new_id(),
                    organization=self.organization,
                    application=application.id,
                    user=user,
                    session=session,
                    account=None,
                    membership=None,
                    scope="openid",
                    audience=ISSUER,
                    redirect_uri=None,
                    code_challenge=None,
                    nonce=None,
                    methods=["pwd"],
                    authenticated_at=now,
                    digest=uuid4().hex * 2,
                    now=now,
                )
            )

        await parts.store.decide(command, origin())

    async def end(self, session: UUID) -> None:
        at_home = origin()
        where = type(at_home)(at_home.actor, self.organization, None, at_home.request_id)
        await sessions.end(self.parts.store, where, session=session, reason="signed out")

    async def waiting(self) -> list[Any]:
        return await self.parts.owner.fetch("SELECT * FROM muniment.logouts ORDER BY next_at")

    async def noted(self) -> list[UUID]:
        rows = await self.parts.owner.fetch("SELECT session FROM muniment.session_applications ORDER BY session")
        return [row["session"] for row in rows]


@pytest.fixture
def given(parts: StoreParts) -> Given:
    return Given(parts)


async def sent_to(delivery: LogoutDelivery) -> int:
    await delivery.look()
    return await delivery.tell_due()


async def test_the_end_of_a_session_is_told_in_a_token_that_shows_who_says_it(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    application = await given.application(shop)
    user = (await a_user(parts, application.id)).id
    session = await given.session(application, user=user)
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 0
        await given.end(session)
        assert (await sent_to(delivery), await sent_to(delivery)) == (1, 0)
    [form] = shop.forms
    assert shop.requests == [("POST", "/")]
    assert shop.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"
    token = form.pop("logout_token")
    assert form == {}
    header = jwt.get_unverified_header(token)
    [row] = [row for row in await key_rows.every(parts.pool) if row["kid"] == header["kid"]]
    assert (header["alg"], header["typ"]) == ("RS256", "logout+jwt")
    options: Any = {"verify_exp": False, "verify_iat": False}
    told = jwt.decode(
        token, jwt.PyJWK(key_rows.public_key(row)), ["RS256"], audience=application.client_id, options=options
    )
    now = int(parts.clock.now().timestamp())
    assert UUID(told.pop("jti")).version == 7
    assert told == {
        "iss": ISSUER,
        "sub": str(user),
        "aud": application.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "sid": str(session),
        "events": {EVENT: {}},
    }
    assert (await given.waiting(), await given.noted()) == ([], [])


async def test_each_application_of_the_session_is_told_once_and_no_other(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    async with receiver() as office, receiver() as stranger, a_delivery(parts, shop, office, stranger) as delivery:
        first, second = await given.application(shop), await given.application(office)
        silent, third = await given.application(None), await given.application(stranger)
        session = await given.session(first, second, silent, first)
        other = await given.session(third, second)
        await given.end(session)
        assert await sent_to(delivery) == 2
        assert (len(shop.forms), len(office.forms), len(stranger.forms)) == (1, 1, 0)
        assert await given.noted() == [other, other]


async def test_a_device_is_told_of_the_session_that_it_was_approved_in(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    application = await given.application(shop)
    user = (await a_user(parts, application.id)).id
    session = await given.session(user=user)

    async def command(decision: Any) -> None:
        decision.organization = given.organization
        now = parts.clock.now()
        device = DeviceAuthorization.request(
            id=parts.clock.new_id(),
            organization=given.organization,
            application=application.id,
            scope="openid",
            audience=ISSUER,
            user_code_digest="u",
            digest="d" * 64,
            expires_at=now + timedelta(minutes=10),
            now=now,
        )
        device.approve(
            user=user,
            organization=given.organization,
            session=session,
            authenticated_at=now,
            methods=("pwd",),
            now=now,
        )
        decision.save(device)

    await parts.store.decide(command, origin())
    await given.end(session)
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 1


async def test_a_code_without_a_session_is_nothing_to_be_told_of(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    application = await given.application(shop)
    await given.code(application, (await a_user(parts, application.id)).id, None)
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 0
    assert await given.noted() == []


@pytest.mark.parametrize("how", ["suspend", "delete", "all"])
async def test_whatever_ends_a_session_is_told(parts: StoreParts, given: Given, shop: Receiver, how: str) -> None:
    application = await given.application(shop)
    user = (await a_user(parts, application.id)).id
    await given.session(application, user=user)
    await given.session(application, user=user)
    at_home = origin()
    where = type(at_home)(at_home.actor, given.organization, None, at_home.request_id)
    match how:
        case "suspend":
            await users.suspend(parts.store, origin(), SYSTEM, user=user)
        case "delete":
            await users.delete(parts.store, origin(), SYSTEM, user=user)
        case _:
            await sessions.end_all(parts.store, where, user=user, reason=None)
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 2
    assert len({jwt.decode(f["logout_token"], options={"verify_signature": False})["sid"] for f in shop.forms}) == 2


@pytest.mark.parametrize("status", [200, 204])
async def test_an_application_that_answers_well_is_told_no_more(
    parts: StoreParts, given: Given, shop: Receiver, status: int
) -> None:
    shop.always = Answer(status)
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 1
    assert await given.waiting() == []


async def test_an_application_that_refuses_is_asked_no_more(parts: StoreParts, given: Given, shop: Receiver) -> None:
    shop.always = Answer(400, body=b'{"error":"invalid_request"}')
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        assert await sent_to(delivery) == 1
    assert await given.waiting() == []


@pytest.mark.parametrize("answer", [Answer(500), Answer(503), Answer(404), Answer(429), Answer(302, {"Location": "/"})])
async def test_an_application_that_is_unwell_is_told_again_later_and_in_the_end(
    parts: StoreParts, given: Given, shop: Receiver, answer: Answer
) -> None:
    shop.answers.extend([answer] * 4)
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        for attempt in range(1, 5):
            assert await sent_to(delivery) == 1
            [row] = await given.waiting()
            delay = min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
            assert (row["attempts"], row["next_at"]) == (attempt, parts.clock.now() + delay)
            parts.clock.move(delay - timedelta(microseconds=1))
            assert await sent_to(delivery) == 0, "not before it is due"
            parts.clock.move(timedelta(microseconds=1))
        assert await sent_to(delivery) == 1
    assert await given.waiting() == []
    assert len({form["logout_token"] for form in shop.forms}) == len(shop.forms) == 5


async def test_attempts_come_to_an_end(parts: StoreParts, given: Given, shop: Receiver) -> None:
    shop.always = Answer(500)
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        for _ in range(MOST_ATTEMPTS):
            assert await sent_to(delivery) == 1
            parts.clock.move(LONGEST_DELAY)
        assert await sent_to(delivery) == 0
    assert await given.waiting() == []


async def test_an_application_that_nobody_may_call_is_not_called(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    await given.end(await given.session(await given.application(shop), await given.application(OUTSIDE)))
    async with a_delivery(parts) as delivery:
        assert await sent_to(delivery) == 2
    assert (shop.requests, await given.waiting()) == ([], [])


async def test_a_redirect_leads_nobody_to_what_may_not_be_called(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    async with receiver() as inner, a_delivery(parts, shop, inner) as delivery:
        shop.always = Answer(307, {"Location": inner.url})
        await given.end(await given.session(await given.application(shop)))
        assert await sent_to(delivery) == 1
        assert inner.requests == []


async def test_an_application_without_an_address_any_more_is_forgotten(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    gone, changed = await given.application(shop), await given.application(shop)
    await given.end(await given.session(gone, changed))
    async with a_delivery(parts, shop) as delivery:
        await delivery.look()
        await applications.delete(parts.store, origin(), SYSTEM, application=gone.id)
        await applications.update(parts.store, origin(), SYSTEM, application=changed.id, backchannel_logout_uri=None)
        assert await delivery.tell_due() == 2
    assert (shop.requests, await given.waiting()) == ([], [])


async def test_an_application_that_does_not_answer_keeps_no_other_waiting(
    parts: StoreParts, given: Given, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout_delivery, "OF_ORGANIZATION", 4)
    async with receiver() as deaf:
        deaf.always = Answer(pause=60)
        slow, well = await given.application(deaf), await given.application(shop)
        for _ in range(8):
            await given.end(await given.session(slow))
        for _ in range(3):
            await given.end(await given.session(well))
        async with a_delivery(parts, shop, deaf) as delivery:
            await delivery.look()
            begun = 0
            async with asyncio.timeout(3):  # less than an attempt takes
                while len(shop.forms) < 3:
                    begun += await delivery.begin_due()
                    await asyncio.sleep(0.05)
            assert len(deaf.forms) <= OF_APPLICATION + 1
            assert begun < 3 + 8
            for task in list(delivery._under_way):
                task.cancel()
            await asyncio.gather(*delivery._under_way, return_exceptions=True)


async def test_one_organization_takes_only_its_share(parts: StoreParts, shop: Receiver) -> None:
    crowded, quiet = Given(parts), Given(parts)
    for _ in range(6):
        await crowded.end(await crowded.session(await crowded.application(shop)))
    await quiet.end(await quiet.session(await quiet.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        await delivery.look()
    now = parts.clock.now()
    wanted = {"now": now, "until": now + LEASE, "of_application": 2, "of_organization": 3}
    taken = await logouts.take(parts.pool, limit=100, **wanted)  # type: ignore[arg-type]
    counts = [sum(each.organization == given.organization for each in taken) for given in (crowded, quiet)]
    assert counts == [3, 1]
    rest = await logouts.take(parts.pool, limit=100, but_organizations=[crowded.organization], **wanted)  # type: ignore[arg-type]
    assert rest == []
    more = await logouts.take(parts.pool, limit=2, **wanted)  # type: ignore[arg-type]
    assert len(more) == 2
    left = [row["application"] for row in await crowded.waiting() if row["next_at"] <= now]
    assert await logouts.take(parts.pool, limit=100, but_applications=left, **wanted) == []  # type: ignore[arg-type]


async def test_a_logout_whose_process_ended_in_the_middle_is_told_by_another(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        await delivery.look()
        now = parts.clock.now()
        [taken] = await logouts.take(
            parts.pool, now=now, until=now + LEASE, limit=9, of_application=9, of_organization=9
        )
        assert (taken.attempts, await delivery.tell_due()) == (1, 0)
        parts.clock.move(LEASE)
        assert await delivery.tell_due() == 1
    assert len(shop.forms) == 1


async def test_several_processes_tell_each_logout_once(
    parts: StoreParts, given: Given, open_parts: Callable[[], Awaitable[StoreParts]], shop: Receiver
) -> None:
    application = await given.application(shop)
    for _ in range(12):
        await given.end(await given.session(application))
    others = [await open_parts(), await open_parts()]
    async with a_delivery(parts, shop) as one, a_delivery(others[0], shop) as two, a_delivery(others[1], shop) as three:
        processes = (one, two, three)
        assert sum(await asyncio.gather(*(each.look() for each in processes))) == 12
        while sum(await asyncio.gather(*(each.tell_due() for each in processes))):
            pass
    assert len(shop.forms) == 12
    assert len({jwt.decode(f["logout_token"], options={"verify_signature": False})["sid"] for f in shop.forms}) == 12


async def test_many_events_are_found_in_pages(
    parts: StoreParts, given: Given, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "PAGE", 2)
    monkeypatch.setattr(outgoing.asked, "__kwdefaults__", {"limit": 2})
    application = await given.application(shop)
    for _ in range(5):
        await given.end(await given.session(application))
    async with a_delivery(parts, shop) as delivery:
        assert (await delivery.look(), await delivery.look()) == (5, 0)
        assert await delivery.tell_due() == 5


async def test_a_logout_that_cannot_be_settled_comes_again(
    parts: StoreParts, given: Given, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given.end(await given.session(await given.application(shop)))

    async def broken(*_: Any) -> None:
        raise ConnectionError

    async with a_delivery(parts, shop) as delivery:
        await delivery.look()
        with monkeypatch.context() as patched:
            patched.setattr(logouts, "done", broken)
            assert await delivery.begin_due() == 1
            await asyncio.gather(*delivery._under_way, return_exceptions=True)
        parts.clock.move(LEASE)
        assert await delivery.tell_due() == 1
    assert await given.waiting() == []


async def test_a_logout_that_cannot_be_made_comes_to_an_end_and_keeps_no_other_waiting(
    parts: StoreParts, given: Given, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, well = await given.application(shop), await given.application(shop)
    await given.end(await given.session(bad, well))
    make = logout_delivery.logout_token

    def fragile(*rest: Any, client_id: str, **more: Any) -> str:
        if client_id == bad.client_id:
            raise RuntimeError
        return make(*rest, client_id=client_id, **more)

    monkeypatch.setattr(logout_delivery, "logout_token", fragile)
    async with a_delivery(parts, shop) as delivery:
        for _ in range(MOST_ATTEMPTS):
            await sent_to(delivery)
            parts.clock.move(LONGEST_DELAY)
    assert (len(shop.forms), await given.waiting()) == (1, [])


async def test_an_outage_ends_no_delivery(
    parts: StoreParts, given: Given, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout_delivery, "RETRY_SECONDS", 0.01)
    await given.end(await given.session(await given.application(shop)))
    outages = [ConnectionError(), ConnectionError(), RuntimeError()]
    async with a_delivery(parts, shop) as delivery:
        look = delivery.look

        async def failing() -> int:
            if outages:
                raise outages.pop()
            return await look()

        monkeypatch.setattr(delivery, "look", failing)
        await delivery.start()
        await shop.heard(1)
        await delivery.stop()


async def test_what_is_under_way_at_the_end_is_told(parts: StoreParts, given: Given, shop: Receiver) -> None:
    shop.always = Answer(pause=0.3)
    await given.end(await given.session(await given.application(shop)))
    async with a_delivery(parts, shop) as delivery:
        await delivery.start()
        await shop.heard(1)
        await delivery.stop()
    assert await given.waiting() == []


async def test_a_running_delivery_hears_of_what_happens_and_ends_in_order(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    application = await given.application(shop)
    async with a_delivery(parts, shop) as delivery:
        await delivery.start()
        try:
            await given.end(await given.session(application))
            await shop.heard(1)
        finally:
            await delivery.stop()
        await given.end(await given.session(application))
    async with a_delivery(parts, shop) as another:
        assert await sent_to(another) == 1, "what happened meanwhile is told by who comes next"


async def test_upkeep_forgets_sessions_a_day_after_their_expiry(
    parts: StoreParts, given: Given, shop: Receiver
) -> None:
    application = await given.application(shop)
    short, long = await given.session(application, hours=1), await given.session(application, hours=100)
    upkeep = Upkeep(lambda: None, parts.clock)  # type: ignore[arg-type,return-value] # it is run by hand
    async with a_delivery(parts, shop) as delivery, parts.pool.acquire() as connection:
        await delivery.look()
        await upkeep.run(connection)
        assert await given.noted() == sorted([short, long])
        parts.clock.move(timedelta(hours=25))
        await upkeep.run(connection)
        assert await given.noted() == [long]
        await given.end(long)
        assert await sent_to(delivery) == 1
