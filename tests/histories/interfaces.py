"""Rules about API resources and their interfaces: what can be called, by which identifier and at which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from service.commands import api_resources, interfaces
from tests.histories.machine import CALLERS, NTH, Machine, command, unknown, why
from tests.histories.world import ACTIVE, DELETED, SUSPENDED, InterfaceFacts, ResourceFacts

if TYPE_CHECKING:
    from uuid import UUID

IDENTIFIERS = st.sampled_from(["orders", "Orders", "stock", "a b"])
AUDIENCES = st.sampled_from([None, "https://orders.test", "a b"])
METHODS = st.sampled_from(["GET", "POST", "*"])
PATHS = st.sampled_from(["/orders", "/orders/{id}", "/orders/{number}", "//"])
FREQUENCIES = st.sampled_from([1, 120, 0])


class Interfaces(Machine):
    """API resources are published and taken back; they get interfaces, which change and go."""

    @command(who=CALLERS, organization=NTH, identifier=IDENTIFIERS, audience=AUDIENCES)
    def publish(self, who: str, organization: int, identifier: str, audience: str | None) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place = self.world.accounts[id]
        present = [each for each in self.world.resources.values() if (each.organization, each.status) == (id, ACTIVE)]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (identifier == "a b", refusals.InvalidApiIdentifier),
            (audience == "a b", refusals.InvalidAudience),
            (any(each.identifier.lower() == identifier.lower() for each in present), refusals.IdentifierTaken),
        )
        told = {"identifier": identifier, "name": "Orders", "audience": audience}
        done = self.give(refused, api_resources.create, by, organization=id, **told)
        if done:
            self.world.resources[done.value.id] = ResourceFacts(id, identifier, audience, by.actor)

    @command(who=CALLERS, resource=NTH, audience=AUDIENCES)
    def address(self, who: str, resource: int, audience: str | None) -> None:
        by, id = self.caller(who), self.nth(self.world.resources, resource)
        facts = self.world.resources[id]
        refused = why((unknown(by, facts), refusals.UnknownApiResource), (audience == "a b", refusals.InvalidAudience))
        if self.give(refused, api_resources.change, by, resource=id, audience=audience):
            facts.audience = audience

    @command(who=CALLERS, resource=NTH, cascade=st.booleans())
    def take_back(self, who: str, resource: int, *, cascade: bool) -> None:
        by, id = self.caller(who), self.nth(self.world.resources, resource)
        facts = self.world.resources[id]
        refused = why(
            (unknown(by, facts), refusals.UnknownApiResource),
            (bool(self._interfaces_of(id)) and not cascade, refusals.ApiResourceInUse),
        )
        if self.give(refused, api_resources.delete, by, resource=id, cascade=cascade):
            self.world.end_resource(id)

    @command(weight=2, who=CALLERS, resource=NTH, identifier=IDENTIFIERS, method=METHODS, path=PATHS)
    def open(self, who: str, resource: int, identifier: str, method: str, path: str) -> None:
        by, id = self.caller(who), self.nth(self.world.resources, resource)
        facts = self.world.resources[id]
        named = {each.identifier.lower() for each in self._interfaces_of(id).values()}
        refused = why(
            (unknown(by, facts), refusals.UnknownApiResource),
            (identifier == "a b", refusals.InvalidApiIdentifier),
            (path == "//", refusals.InvalidPath),
            (identifier.lower() in named, refusals.IdentifierTaken),
            (self._answered(id, method, path, ()), refusals.AddressTaken),
        )
        told = {"identifier": identifier, "name": "Orders", "method": method, "path": path}
        done = self.give(refused, interfaces.create, by, resource=id, **told)
        if done:
            facts = InterfaceFacts(facts.organization, id, identifier, method, path)
            self.world.interfaces[done.value.id] = facts

    @command(weight=2, who=CALLERS, interface=NTH, path=PATHS, frequency=FREQUENCIES, limited=st.booleans())
    def alter_interface(self, who: str, interface: int, path: str, frequency: int, *, limited: bool) -> None:
        by, id = self.caller(who), self.nth(self.world.interfaces, interface)
        facts = self.world.interfaces[id]
        refused = why(
            (unknown(by, facts), refusals.UnknownInterface),
            (path == "//", refusals.InvalidPath),
            (frequency == 0, refusals.InvalidFrequency),
            (self._answered(facts.resource, facts.method, path, (id,)), refusals.AddressTaken),
        )
        told: dict[str, Any] = {"path": path, "frequency": frequency, "submit_limited": limited}
        if self.give(refused, interfaces.change, by, interface=id, **told):
            facts.path, facts.frequency, facts.limited = path, frequency, limited

    @command(who=CALLERS, interface=NTH)
    def close_interface(self, who: str, interface: int) -> None:
        by, id = self.caller(who), self.nth(self.world.interfaces, interface)
        facts = self.world.interfaces[id]
        if self.give(why((unknown(by, facts), refusals.UnknownInterface)), interfaces.delete, by, interface=id):
            self.world.end_interface(id)

    def _interfaces_of(self, resource: UUID) -> dict[UUID, InterfaceFacts]:
        """Return what interfaces a resource has."""
        live = ((id, each) for id, each in self.world.interfaces.items() if each.status != DELETED)
        return {id: each for id, each in live if each.resource == resource}

    def _answered(self, resource: UUID, method: str, path: str, but: tuple[UUID, ...]) -> bool:
        """Say whether an interface of a resource answers this already, however it calls what stands in the path."""
        addresses = [
            (each.method, each.path.partition("{")[0])
            for id, each in self._interfaces_of(resource).items()
            if id not in but
        ]
        return (method, path.partition("{")[0]) in addresses
