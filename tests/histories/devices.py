"""Rules about devices: they wait, are answered by whoever is signed in, and have their tokens once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.caller import Caller
from domain.device_authorization import DeviceAuthorization
from projections import device_authorizations
from service.commands import devices
from service.secrets.digests import sha256_hex
from service.secrets.master_key import MasterKeys
from service.sessions import SignedIn
from tests.histories.machine import NTH, Machine, NothingYet, command, why
from tests.histories.world import ACTIVE, DeviceFacts

if TYPE_CHECKING:
    from uuid import UUID

    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

RING = MasterKeys([bytes(32)])
PENDING, APPROVED, DENIED, REDEEMED = "pending", "approved", "denied", "redeemed"


async def wait(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """Let a device wait."""
    return await devices.request(store, origin, ring=RING, scope="openid", audience="api", **told)


async def approve(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """Let a device act for somebody."""
    return await devices.approve(store, origin, **told)


async def deny(store: Store, origin: Origin, _: Caller, **told: Any) -> Outcome[Any]:
    """Refuse a device."""
    return await devices.deny(store, origin, **told)


async def redeem(store: Store, origin: Origin, _: Caller, *, device: UUID) -> Outcome[None]:
    """Give a device its tokens, but for the tokens: what a row remembers is enough."""

    async def command(decision: Decision) -> None:
        row = await decision.connection.fetchrow("SELECT * FROM device_authorizations WHERE id = $1", device)
        if row is None:
            raise refusals.DeviceNotApproved
        waiting = DeviceAuthorization.recalled(
            id=row["id"],
            version=row["version"],
            organization=row["organization"],
            application=row["application"],
            status=row["status"],
            expires_at=row["expires_at"],
            at=row["requested_at"],
        )
        decision.organization = row["organization"]
        waiting.redeem(store.clock.new_id(), store.clock.now())
        decision.save(waiting)

    return await store.decide(command, origin)


class Devices(Machine):
    """Applications have devices wait; people of their organization, or not, answer."""

    @command(weight=2, application=NTH)
    def plug_in(self, application: int) -> None:
        """Let a device wait, of an application and an organization in use: the endpoint sees to that."""
        id = self.nth(self.world.applications, application)
        facts = self.world.applications[id]
        if not facts.usable(self.clock.now()) or self.world.accounts[facts.organization].status != ACTIVE:
            raise NothingYet
        by = Caller(id, facts.organization, frozenset(), application=id)
        done = self.give(set(), wait, by, organization=facts.organization, application=id)
        assert done is not None
        row = self.run(
            device_authorizations.by_digest(self.parts.pool, sha256_hex(done.value.device_code), self.clock.now())
        )
        until = self.clock.now() + done.value.lifetime
        self.world.devices[row["id"]] = DeviceFacts(facts.organization, id, until)

    @command(weight=3, device=NTH, session=NTH, allowed=st.booleans())
    def answer(self, device: int, session: int, *, allowed: bool) -> None:
        """Answer at a live session, of somebody of that organization or another."""
        id, at = self.nth(self.world.devices, device), self.nth(self.world.sessions, session)
        facts, visit, now = self.world.devices[id], self.world.sessions[at], self.clock.now()
        if {visit.status, self.world.accounts[visit.organization].status} != {ACTIVE} or visit.expires_at <= now:
            raise NothingYet
        by = Caller(visit.user, visit.organization, frozenset(), user=visit.user)
        signed_in = SignedIn(at, visit.organization, visit.user, now, ("pwd",), self.head)
        submitted_at = self.world.applications[facts.application].submitted_at
        another = submitted_at is not None and facts.expires_at - devices.LIFETIME <= submitted_at
        gone = visit.organization != facts.organization or now >= facts.expires_at or (allowed and another)
        refused = why((gone, refusals.UnknownDevice), (facts.status != PENDING, refusals.DeviceAnswered))
        if self.give(refused, approve if allowed else deny, by, device=id, signed_in=signed_in):
            facts.status = APPROVED if allowed else DENIED

    @command(weight=2, device=NTH)
    def fetch(self, device: int) -> None:
        id = self.nth(self.world.devices, device)
        facts, now = self.world.devices[id], self.clock.now()
        refused = why(
            (now >= facts.expires_at, refusals.UnknownDevice),
            (facts.status != APPROVED, refusals.DeviceNotApproved),
        )
        by = Caller(facts.application, facts.organization, frozenset(), application=facts.application)
        if self.give(refused, redeem, by, device=id):
            facts.status = REDEEMED
