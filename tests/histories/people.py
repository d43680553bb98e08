"""Rules about users and the roles they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from domain import refusals
from domain.caller import Caller
from service.commands import people_settings, roles, users
from service.commands.unchanged import UNCHANGED
from tests.histories.machine import CALLERS, NAMES, NTH, Machine, command, unknown, why
from tests.histories.world import ACTIVE, DELETED, OWNER, SUSPENDED, EpochFacts, RoleFacts, UserFacts

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

PERMISSIONS = st.sampled_from([[], ["read_user"], ["read_user", "read_app"], ["root"]])
ROLE_NAMES = st.sampled_from(["auditor", "editor", "super_admin", "OrgAdmin", "-"])
GIVERS = CALLERS | st.just("clerk")


class People(Machine):
    """Users come, are locked out, let in and deleted; roles are defined, given and taken away."""

    @command(who=CALLERS, application=NTH, name=st.none() | NAMES, status=st.sampled_from([ACTIVE, ACTIVE, SUSPENDED]))
    def enrol(self, who: str, application: int, name: str | None, status: str) -> None:
        by, home = self.caller(who), self.nth(self.world.applications, application)
        place = self.world.applications[home]
        refused = why(
            (unknown(by, place), refusals.UnknownApplication),
            (not place.usable(self.clock.now()), refusals.ApplicationNotActive),
            (name is not None and not name.strip(), refusals.InvalidName),
        )
        done = self.give(refused, users.create, by, application=home, name=name, status=status)
        if done:
            name = name and name.strip()
            self.world.users[done.value.id] = UserFacts(place.organization, home, name, status, bool(name))

    @command(who=CALLERS, user=NTH, name=st.none() | NAMES)
    def rename(self, who: str, user: int, name: str | None) -> None:
        by, id = self.caller(who), self.nth(self.world.users, user)
        person = self.world.users[id]
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (name is not None and not name.strip(), refusals.InvalidName),
        )
        if self.give(refused, people_settings.change, by, user=id, name=name):
            person.name = name and name.strip()
            person.had_name |= bool(name)

    @command(who=CALLERS, user=NTH)
    def suspend(self, who: str, user: int) -> None:
        by, id = self.caller(who), self.nth(self.world.users, user)
        person = self.world.users[id]
        done = self.give(why((unknown(by, person), refusals.UnknownUser)), users.suspend, by, user=id)
        if done and person.status == ACTIVE:
            person.status = SUSPENDED
            self.world.sign_out(id)
            self._end_tokens(id, done.position)

    @command(who=GIVERS, user=NTH)
    def reinstate(self, who: str, user: int) -> None:
        by, id = self.caller(who), self.nth(self.world.users, user)
        person = self.world.users[id]
        held = {name for role in person.roles for name in self.world.roles[role].permissions}
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (person.status == SUSPENDED and not _holds(by, held), refusals.MissingPermission),
        )
        if self.give(refused, users.reinstate, by, user=id):
            person.status = ACTIVE

    @command(who=CALLERS, user=NTH)
    def expel(self, who: str, user: int) -> None:
        id = self.nth(self.world.users, user)
        person, world = self.world.users[id], self.world
        itself = Caller(id, person.organization, frozenset({"all"}), application=person.application, user=id)
        by = self.caller(who, itself)
        live = [m for m in world.memberships.values() if m.user == id and m.status == ACTIVE]
        leaves = any(member.role == OWNER and world.owners(member.account) == 1 for member in live)
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (by.user == id, refusals.OwnDeletion),
            (leaves and by.user is not None, refusals.LastOwner),
        )
        done = self.give(refused, users.delete, by, user=id)
        if done:
            person.status, person.roles = DELETED, set()
            for member in live:
                world.leave(member)
            for group in world.groups.values():
                group.members.discard(id)
            world.sign_out(id)
            world.end_belongings(id)
            for consent in world.consents.values():
                if consent.user == id:
                    consent.status = DELETED
            self._end_tokens(id, done.position)

    @command(who=GIVERS, organization=NTH, name=ROLE_NAMES, permissions=PERMISSIONS)
    def define(self, who: str, organization: int, name: str, permissions: list[str]) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            *self._named(by, id, name, permissions),
        )
        done = self.give(refused, roles.define, by, organization=id, name=name, permissions=permissions)
        if done:
            self.world.roles[done.value.id] = RoleFacts(id, name, sorted(permissions))

    @command(who=GIVERS, role=NTH, name=st.just(UNCHANGED) | ROLE_NAMES, permissions=st.just(UNCHANGED) | PERMISSIONS)
    def redefine(self, who: str, role: int, name: str, permissions: list[str]) -> None:
        by, id = self.caller(who), self.nth(self.world.roles, role)
        facts = self.world.roles[id]
        wanted = facts.name if name is UNCHANGED else name
        holding = facts.permissions if permissions is UNCHANGED else permissions
        refused = why(
            (unknown(by, facts), refusals.UnknownRole),
            (facts.built_in, refusals.BuiltInRole),
            *self._named(by, facts.organization, wanted, holding, but=id),
        )
        if self.give(refused, roles.change, by, role=id, name=name, permissions=permissions):
            facts.name, facts.permissions = wanted, sorted(holding)

    @command(who=CALLERS, role=NTH)
    def abolish(self, who: str, role: int) -> None:
        by, id = self.caller(who), self.nth(self.world.roles, role)
        facts = self.world.roles[id]
        refused = why(
            (unknown(by, facts), refusals.UnknownRole),
            (facts.built_in, refusals.BuiltInRole),
            (facts.privileged and not by.is_root, refusals.MissingPermission),
            (any(id in person.roles for person in self.world.users.values()), refusals.RoleInUse),
        )
        if self.give(refused, roles.delete, by, role=id):
            facts.status = DELETED

    @command(who=GIVERS, user=NTH, role=NTH)
    def appoint(self, who: str, user: int, role: int) -> None:
        by, id, role_id = self.caller(who), self.nth(self.world.users, user), self.nth(self.world.roles, role)
        person, facts = self.world.users[id], self.world.roles[role_id]
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (unknown(by, facts) or facts.organization != person.organization, refusals.UnknownRole),
            (facts.privileged and not by.is_root, refusals.PrivilegedRole),
            (not _holds(by, facts.permissions), refusals.MissingPermission),
        )
        if self.give(refused, users.assign_role, by, user=id, role=role_id):
            person.roles.add(role_id)

    @command(who=CALLERS, user=NTH, role=NTH)
    def dismiss(self, who: str, user: int, role: int) -> None:
        by, id, role_id = self.caller(who), self.nth(self.world.users, user), self.nth(self.world.roles, role)
        person = self.world.users[id]
        refused = why((unknown(by, person), refusals.UnknownUser))
        if self.give(refused, users.unassign_role, by, user=id, role=role_id):
            person.roles.discard(role_id)

    def _named(
        self, by: Caller, organization: UUID, name: str, permissions: list[str], but: UUID | None = None
    ) -> list[tuple[bool, type[refusals.Refusal]]]:
        others = [role for id, role in self.world.roles.items() if id != but and role.status != DELETED]
        return [
            (name == "-", refusals.InvalidName),
            (name in {"super_admin", "OrgAdmin"}, refusals.BuiltInRole),
            (not _holds(by, permissions), refusals.MissingPermission),
            ("root" in permissions and not by.is_root, refusals.RootRequired),
            (any((r.organization, r.name) == (organization, name) for r in others), refusals.NameTaken),
        ]

    def _end_tokens(self, user: UUID, position: int) -> None:
        organization = self.world.users[user].organization
        self.world.epochs.append(EpochFacts(organization, None, user, None, position, refresh=True))


def _holds(by: Caller, permissions: Collection[str]) -> bool:
    return all(by.holds(name) for name in permissions)
