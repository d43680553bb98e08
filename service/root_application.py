"""Keeps the root application within reach after the first start: its audiences, and another secret for a lost one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from domain.application import Application, Status
from domain.caller import SYSTEM
from domain.refusals import UnknownApplication
from domain.scope import AUDIENCE_LIST_LIMIT
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.store.decision import Origin
from service.store.log import read_page

if TYPE_CHECKING:
    from service.clock import Clock
    from service.settings import Settings
    from service.store.decision import Decision
    from service.store.store import Store

FIRST_APPEND = 16  # events, at most: the root application is made among them
NIL = UUID(int=0)

log = structlog.get_logger(__name__)


async def follow_audiences(store: Store, settings: Settings, clock: Clock) -> None:
    """Let the root application ask for the configured management audiences, which may not be those of its first start.

    Without this, another port or issuer would lock root out. A root application that was deleted stays so.
    """
    if settings.port == 0:  # `muniment init`: the port, and with it the audience, is not known yet
        return
    stream = await _stream(store)

    async def command(decision: Decision) -> list[str]:
        root = None if stream is None else await decision.load(Application, stream)
        if root is None or root.status is Status.DELETED:
            return []
        present, wanted = set(root.settings.audiences), set(settings.management_audiences)
        if wanted <= present:
            return []
        # A service that takes another free port each time would have filled the list one day: then it begins anew.
        audiences = present | wanted if len(present | wanted) <= AUDIENCE_LIST_LIMIT else wanted
        changed = replace(root.settings, audiences=sorted(audiences))
        root.update(changed, SYSTEM, clock.now(), permissions_stated=False)
        decision.organization = root.organization
        decision.save(root)
        return sorted(wanted - present)

    added = (await store.decide(command, _origin(clock))).value
    if added:
        log.info("root_application_follows", audiences=added)


async def another_secret(store: Store, clock: Clock) -> tuple[str, str]:
    """Return the root application's client id and a new secret for it; the others stay.

    Raises UnknownApplication when it was deleted, and TooManySecrets.
    """
    stream = await _stream(store)
    if stream is None:
        raise UnknownApplication
    request = SecretRequest(f"made {clock.now():%Y-%m-%d %H:%M:%S}")
    made = (await applications.add_secrets(store, _origin(clock), SYSTEM, application=stream, secrets=[request])).value
    return made.application.client_id, made.secrets[0].text


async def _stream(store: Store) -> UUID | None:
    """Return the first application of the log, None before the first start."""
    first = await read_page(store.pool, after=0, until=FIRST_APPEND, limit=FIRST_APPEND)
    return next((entry.stream for entry in first if entry.topic == Application.Registered.TOPIC), None)


def _origin(clock: Clock) -> Origin:
    return Origin(NIL, NIL, None, clock.new_id())
