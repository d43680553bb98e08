"""Rules about third parties: applications that wait for somebody else's approval, for a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.application import Application
from service.commands.changing import changed
from tests.histories.clients import HOUR, Clients
from tests.histories.machine import CALLERS, NTH, command, unknown, why
from tests.histories.people import PERMISSIONS
from tests.histories.world import EpochFacts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Origin
    from service.store.store import Outcome, Store
    from tests.histories.world import ApplicationFacts

KINDS = st.sampled_from([["sso"], ["api"], ["sso", "api"]])
LASTING = st.sampled_from([HOUR, 2 * HOUR])
SAID: dict[str, Any] = {"domain": "shop.example.com", "description": None}


async def alter(
    store: Store, origin: Origin, by: Caller, *, application: UUID, change: Callable[[Application, datetime], None]
) -> Outcome[Application]:
    """Let one application's rules decide."""
    return await changed(store, origin, by, Application, application, change=change, remember=None)


class ThirdParties(Clients):
    """Third parties are submitted, approved, rejected and submitted again."""

    @command(weight=2, who=CALLERS, application=NTH, kinds=KINDS)
    def submit(self, who: str, application: int, kinds: list[str]) -> None:
        by, id, client = self._web(who, application)
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (client.standing is not None, refusals.WrongClientKind),
            (by.application == id, refusals.OwnDeletion),
            ("root" in client.permissions and not by.is_root, refusals.MissingPermission),
        )
        said = partial(Application.submit, **SAID, scope_kinds=kinds, by=by)
        done = self.give(refused, alter, by, application=id, change=lambda found, now: said(found, now=now))
        if done:
            client.created_by = by.actor
            self._waits(id, by, kinds, done.position)

    @command(weight=3, who=CALLERS, application=NTH, lasting=LASTING, trusted=st.booleans())
    def accept(self, who: str, application: int, lasting: timedelta, *, trusted: bool) -> None:
        by, id, client = self._web(who, application)
        until = self.clock.now() + lasting
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (client.standing is None, refusals.UnknownThirdParty),
            (client.standing not in (None, "pending"), refusals.ThirdPartyNotPending),
            (self.interested(by, id), refusals.SelfApproval),
            ("root" in client.permissions and not by.is_root, refusals.RootRequired),
        )

        def change(found: Application, now: datetime) -> None:
            found.approve(by, now, until, trusted=trusted)

        if self.give(refused, alter, by, application=id, change=change):
            client.standing, client.until = "effective", until

    @command(weight=2, who=CALLERS, application=NTH)
    def turn_away(self, who: str, application: int) -> None:
        by, id, client = self._web(who, application)
        over = client.standing == "effective" and not client.effective(self.clock.now())
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (client.standing is None, refusals.UnknownThirdParty),
            (over, refusals.ThirdPartyNotEffective),
            (self.interested(by, id), refusals.SelfApproval),
        )

        def change(found: Application, now: datetime) -> None:
            found.reject(by, "Unknown", now)

        done = self.give(refused, alter, by, application=id, change=change)
        if done and client.standing != "rejected":
            client.standing, client.until = "rejected", None
            self._end(id, done.position)

    @command(weight=2, who=CALLERS, application=NTH, kinds=KINDS, permissions=PERMISSIONS)
    def submit_again(self, who: str, application: int, kinds: list[str], permissions: list[str]) -> None:
        by, id, client = self._web(who, application)
        differs = client.permissions != sorted(permissions)
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (client.standing is None, refusals.UnknownThirdParty),
            (client.effective(self.clock.now()), refusals.ThirdPartyEffective),
            (by.actor != client.created_by and not by.is_root, refusals.CreatorRequired),
            ("root" in permissions and not by.is_root, refusals.RootRequired),
            ("root" in client.permissions and differs and not by.is_root, refusals.MissingPermission),
        )

        def change(found: Application, now: datetime) -> None:
            settings = replace(found.settings, permissions=permissions)
            found.resubmit(settings, **SAID, scope_kinds=kinds, by=by, now=now)

        done = self.give(refused, alter, by, application=id, change=change)
        if done:
            client.permissions = sorted(permissions)
            self._waits(id, by, kinds, done.position)

    def _web(self, who: str, application: int) -> tuple[Caller, UUID, ApplicationFacts]:
        web = {id: each for id, each in self.world.applications.items() if each.kind == "web"}
        id = self.nth(web, application)
        return self.caller(who, self._as(id)), id, web[id]

    def _waits(self, application: UUID, by: Caller, kinds: list[str], position: int) -> None:
        client = self.world.applications[application]
        client.standing, client.kinds, client.submitted_by, client.until = "pending", kinds, by.actor, None
        client.submitted_at = self.clock.now()
        self._end(application, position)

    def _end(self, application: UUID, position: int) -> None:
        organization = self.world.applications[application].organization
        self.world.epochs.append(EpochFacts(organization, application, None, None, position, refresh=True))
