"""Tells applications that a session is over (OpenID Connect Back-Channel Logout 1.0): looks through the log, and tries.

The log is the queue. Who signed in somewhere by a session is noted as the log tells it, and once the log says that the
session ended, each application that names an address is told there: at least once, unless it refuses, has no address
any more, or two dozen attempts over half a day came to nothing. An application that is slow or away keeps no other
waiting: few are told at once for each application and organization, and each is on its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from domain.authorization import Authorization
from domain.device_authorization import DeviceAuthorization
from domain.session import Session
from service.oauth.logout_token import logout_token
from service.outbound import Blocked, NotCalled
from service.store import codec, logouts, outgoing
from service.store.lane import LOST
from service.store.log import head
from service.store.logouts import FOLLOWER, Used

if TYPE_CHECKING:
    from uuid import UUID

    from service.clock import Clock
    from service.oauth.key_ring import KeyRing
    from service.outbound import Outbound
    from service.store.logouts import Logout

SIGNED_IN = (Authorization.Issued.TOPIC, DeviceAuthorization.Approved.TOPIC)
"""The events that let an application know of a session."""
TOPICS = [*SIGNED_IN, Session.Ended.TOPIC]

AT_ONCE = 40
OF_ORGANIZATION = 10
OF_APPLICATION = 2
LEASE = timedelta(minutes=1)  # longer than an attempt takes: then another process may try
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=30)
MOST_ATTEMPTS = 30  # about half a day
IDLE_SECONDS = 0.5
RETRY_SECONDS = 2.0
FAREWELL_SECONDS = 6.0  # longer than an attempt takes
ANSWER_LIMIT = 4096  # bytes: what an application answers is looked at by nobody
TOLD = frozenset({200, 204})  # section 2.8
REFUSED = 400

log = structlog.get_logger(__name__)


class LogoutDelivery:
    """The duty. Several processes may have it at once: each logout is in one's hands at a time."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, *, keys: KeyRing, outbound: Outbound, issuer: str) -> None:
        """Take where the log and the queue are, and what makes and sends logout tokens."""
        self._pool = pool
        self._clock = clock
        self._keys = keys
        self._outbound = outbound
        self._issuer = issuer
        self._under_way: dict[asyncio.Task[None], Logout] = {}
        self._closing = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._seen = -1

    async def start(self) -> None:
        """Begin to look and to tell."""
        self._task = asyncio.create_task(self._run(), name="logout-delivery")

    async def stop(self) -> None:
        """Tell what is under way, for a few seconds; what is left then is tried again by whoever comes next."""
        self._closing.set()
        self._moved.set()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FAREWELL_SECONDS)
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _run(self) -> None:
        told = False
        while not self._closing.is_set():
            try:
                await self.look()
                await self.begin_due()
                told = False
            except (asyncpg.PostgresError, *LOST) as error:
                if not told:  # once an outage
                    log.warning("logout_delivery_interrupted", error=repr(error))
                told = True
            except Exception:  # the duty must live
                log.exception("logout_delivery_failed")
                told = True
            await self._pause(RETRY_SECONDS if told else IDLE_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until one that was under way has made room for the next."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        self._moved.clear()

    async def look(self) -> int:
        """Take in what the log tells since it was last looked through; return how many sessions ended."""
        total = 0
        while (end := await head(self._pool)) > self._seen:
            async with self._pool.acquire() as connection, connection.transaction():
                position = await outgoing.lock_position(connection, FOLLOWER)
                if position >= end:
                    self._seen = position
                    break
                page = await outgoing.asked(connection, after=position, until=end, topics=TOPICS)
                for asked in page:
                    event: Any = codec.decode(asked.topic, asked.stream, asked.version, asked.state)
                    if asked.topic == Session.Ended.TOPIC:
                        await logouts.end(connection, asked.stream, due=self._clock.now())
                        total += 1
                    elif event.session is not None:
                        used = Used(event.session, event.application, event.organization, event.user)
                        await logouts.note(connection, [used])
                await outgoing.advance(connection, page[-1].position if len(page) == outgoing.PAGE else end, FOLLOWER)
        return total

    async def tell_due(self) -> int:
        """Tell all that are due now, each once; return how many were tried."""
        total = 0
        while begun := await self.begin_due():
            total += begun
            await asyncio.gather(*self._under_way)
        return total

    async def begin_due(self) -> int:
        """Begin to tell those that are due and for which there is room; return how many."""
        total = 0
        while (room := AT_ONCE - len(self._under_way)) > 0:
            now = self._clock.now()
            applications = Counter(logout.application for logout in self._under_way.values())
            organizations = Counter(logout.organization for logout in self._under_way.values())
            taken = await logouts.take(
                self._pool,
                now=now,
                until=now + LEASE,
                limit=room,
                of_application=OF_APPLICATION,
                of_organization=OF_ORGANIZATION,
                but_applications=_full(applications, OF_APPLICATION),
                but_organizations=_full(organizations, OF_ORGANIZATION),
            )
            if not taken:
                break
            await self._keys.load()
            for logout in taken:
                task = asyncio.create_task(self._attempt(logout), name=f"logout-{logout.id}")
                self._under_way[task] = logout
                task.add_done_callback(self._ended)
            total += len(taken)
        return total

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # It was taken for a while only, so it comes again.
            log.warning("logout_interrupted", error=repr(error))

    async def _attempt(self, logout: Logout) -> None:
        try:
            await self._try(logout)
        except (asyncpg.PostgresError, *LOST):
            raise
        except Exception:  # one that cannot be told must come to an end, too
            log.exception("logout_failed", **_about(logout))
            await self._delay(logout, "it could not be told")

    async def _try(self, logout: Logout) -> None:
        if logout.uri is None or logout.client_id is None:
            await self._give_up(logout, "the application takes no news any more")
            return
        token = logout_token(
            self._keys.id_token_signer,
            issuer=self._issuer,
            client_id=logout.client_id,
            user=logout.user,
            session=logout.session,
            id=self._clock.new_id(),
            now=self._clock.now(),
        )
        try:
            answer = await self._outbound.post_form(logout.uri, {"logout_token": token}, limit=ANSWER_LIMIT)
        except Blocked as blocked:
            await self._give_up(logout, str(blocked))
            return
        except NotCalled as problem:
            await self._delay(logout, str(problem))
            return
        if answer.status in TOLD:
            await logouts.done(self._pool, logout.id)
            log.info("logout_told", **_about(logout))
        elif answer.status == REFUSED:
            await self._give_up(logout, "the application refused it")
        else:
            await self._delay(logout, f"the application answered {answer.status}")

    async def _delay(self, logout: Logout, why: str) -> None:
        if logout.attempts >= MOST_ATTEMPTS:
            await self._give_up(logout, why)
            return
        delay = min(FIRST_DELAY * 2 ** min(logout.attempts - 1, 20), LONGEST_DELAY)
        await logouts.again(self._pool, logout.id, self._clock.now() + delay)
        log.warning("logout_delayed", **_about(logout), why=why)

    async def _give_up(self, logout: Logout, why: str) -> None:
        await logouts.done(self._pool, logout.id)
        log.error("logout_given_up", **_about(logout), why=why)


def _full(counted: Counter[UUID], limit: int) -> list[UUID]:
    return [each for each, count in counted.items() if count >= limit]


def _about(logout: Logout) -> dict[str, Any]:
    return {"application": str(logout.application), "session": str(logout.session), "attempts": logout.attempts}
