"""Rules about interface grants: what applications may call, asked for by one and approved by another, for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from domain import refusals
from service.commands import interface_grant_batches, interface_grants
from service.commands.interface_grants import Wanted
from service.commands.third_parties import in_a_year
from tests.histories.clients import HOUR, Clients
from tests.histories.machine import CALLERS, NTH, command, unknown, why
from tests.histories.world import DELETED, InterfaceGrantFacts

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from domain.caller import Caller

LASTING = st.sampled_from([None, HOUR, 2 * HOUR])
CALLS = st.sampled_from([None, 1, 0])
OF_INTERFACES = "SELECT id, interface FROM models.interface_grants WHERE application = $1"


class InterfaceGrants(Clients):
    """Interfaces are asked for, one, several or all, and approved, denied and taken away again."""

    @command(
        weight=3,
        who=CALLERS,
        application=NTH,
        interfaces=st.lists(NTH, min_size=1, max_size=3),
        calls=CALLS,
        lasting=LASTING,
    )
    def want(
        self, who: str, application: int, interfaces: list[int], calls: int | None, lasting: timedelta | None
    ) -> None:
        by, id, client = self._client(who, application)
        wanted = list(dict.fromkeys(self.nth(self.world.interfaces, n) for n in interfaces))
        until = lasting and self.clock.now() + lasting
        gone = any(
            each.status == DELETED or each.organization != client.organization
            for each in map(self.world.interfaces.__getitem__, wanted)
        )
        refused = self._not_asked(by, id) | why(
            (gone, refusals.UnknownInterface),
            (calls == 0, refusals.InvalidFrequency),
        )
        new = [interface for interface in wanted if self._open(id, interface)]
        asked = [Wanted(interface, calls) for interface in wanted]
        told = {"application": id, "interfaces": asked, "expires_at": until}
        done = self.give(refused, interface_grants.request, by, **told)
        if done:
            assert [grant.interface for grant in done.value.grants] == new
            assert done.value.skipped == [interface for interface in wanted if interface not in new]
            for grant in done.value.grants:
                self._asked_for(grant.id, id, grant.interface, by=by, calls=calls, until=until)

    @command(weight=2, who=CALLERS, application=NTH)
    def want_all(self, who: str, application: int) -> None:
        by, id, client = self._client(who, application)
        of = ((interface, each) for interface, each in self.world.interfaces.items() if each.status != DELETED)
        there = [interface for interface, each in of if each.organization == client.organization]
        new = [interface for interface in there if self._open(id, interface)]
        done = self.give(self._not_asked(by, id), interface_grant_batches.request_all, by, application=id)
        if done:
            assert done.value == len(new)
            rows = self.run(self.parts.pool.fetch(OF_INTERFACES, id))
            ids = {row["interface"]: row["id"] for row in rows}
            for interface in new:
                self._asked_for(ids[interface], id, interface, by=by, calls=None, until=None)

    @command(weight=4, who=CALLERS, grant=NTH, calls=CALLS, lasting=LASTING)
    def let_call(self, who: str, grant: int, calls: int | None, lasting: timedelta | None) -> None:
        by, id, facts = self._right(who, grant)
        until = lasting and self.clock.now() + lasting
        refused = why((unknown(by, facts), refusals.UnknownInterfaceGrant), (calls == 0, refusals.InvalidFrequency))
        refused |= self._not_approved(by, facts, until)
        told = {"grant": id, "frequency": calls, "expires_at": until}
        if self.give(refused, interface_grants.approve, by, **told):
            self._allowed(facts, until)
            facts.frequency = calls or facts.frequency

    @command(weight=2, who=CALLERS, organization=NTH)
    def let_all_call(self, who: str, organization: int) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        there = [
            facts
            for facts in self.world.interface_grants.values()
            if (facts.organization, facts.status) == (id, "pending")
            and self.world.applications[facts.application].status != DELETED
        ]
        allowed = [facts for facts in there if not self._not_approved(by, facts, None)]
        refused = why((not by.sees(id), refusals.UnknownAccount))
        done = self.give(refused, interface_grant_batches.approve_all, by, organization=id)
        if done:
            assert done.value == (len(allowed), len(there) - len(allowed))
            for facts in allowed:
                self._allowed(facts, None)

    @command(weight=2, who=CALLERS, grant=NTH)
    def let_not_call(self, who: str, grant: int) -> None:
        by, id, facts = self._right(who, grant)
        over = facts.status == "effective" and not facts.effective(self.clock.now())
        refused = why(
            (unknown(by, facts), refusals.UnknownInterfaceGrant),
            (over, refusals.GrantNotEffective),
        )
        if self.give(refused, interface_grants.reject, by, grant=id, reason="No") and facts.status != "rejected":
            facts.status, facts.expires_at = "rejected", None

    @command(who=CALLERS, grant=NTH)
    def forget_right(self, who: str, grant: int) -> None:
        by, id, facts = self._right(who, grant)
        refused = why((unknown(by, facts), refusals.UnknownInterfaceGrant))
        if self.give(refused, interface_grants.delete, by, grant=id):
            facts.status = DELETED

    def _right(self, who: str, grant: int) -> tuple[Caller, UUID, InterfaceGrantFacts]:
        id = self.nth(self.world.interface_grants, grant)
        facts = self.world.interface_grants[id]
        return self.caller(who, self._as(facts.application)), id, facts

    def _present(self, application: UUID, interface: UUID) -> InterfaceGrantFacts | None:
        pair, live = (application, interface), self.world.interface_grants.values()
        found = [each for each in live if (each.application, each.interface) == pair and each.status != DELETED]
        return found[0] if found else None

    def _open(self, application: UUID, interface: UUID) -> bool:
        """Say whether there is anything to ask for."""
        facts = self._present(application, interface)
        return facts is None or not (facts.status == "pending" or facts.effective(self.clock.now()))

    def _barred_from_calls(self, application: UUID) -> set[type[refusals.Refusal]]:
        client = self.world.applications[application]
        return why(
            (client.signs_in_only, refusals.SignInOnly),
            (client.standing is not None and not client.effective(self.clock.now()), refusals.ThirdPartyNotEffective),
        )

    def _not_asked(self, by: Caller, application: UUID) -> set[type[refusals.Refusal]]:
        client = self.world.applications[application]
        return why((unknown(by, client), refusals.UnknownApplication)) | self._barred_from_calls(application)

    def _not_approved(
        self, by: Caller, facts: InterfaceGrantFacts, until: datetime | None
    ) -> set[type[refusals.Refusal]]:
        client, now = self.world.applications[facts.application], self.clock.now()
        over = until is None and facts.expires_at is not None and now >= facts.expires_at
        return self._barred_from_calls(facts.application) | why(
            (client.status == DELETED, refusals.UnknownApplication),
            (self.world.interfaces[facts.interface].status == DELETED, refusals.UnknownInterface),
            (facts.status != "pending", refusals.GrantNotPending),
            (by.actor == facts.requested_by or by.application == facts.application, refusals.SelfApproval),
            (client.standing is not None and self.interested(by, facts.application), refusals.SelfApproval),
            (over, refusals.GrantExpired),
        )

    def _asked_for(
        self, grant: UUID, application: UUID, interface: UUID, *, by: Caller, calls: int | None, until: datetime | None
    ) -> None:
        target = self.world.interfaces[interface]
        frequency = calls or target.frequency
        self.world.interface_grants[grant] = InterfaceGrantFacts(
            target.organization, application, target.resource, interface, frequency, 60, by.actor, until
        )

    def _allowed(self, facts: InterfaceGrantFacts, until: datetime | None) -> None:
        facts.status = "effective"
        facts.expires_at = until or facts.expires_at or in_a_year(self.clock.now())
