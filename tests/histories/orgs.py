"""Rules about orgs, who works in them, their groups, and the scopes that organizations define."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from domain import refusals
from domain.scope_definition import ScopeType
from domain.user import User
from service.commands import groups, orgs, scopes
from service.commands.seen import to_change
from tests.histories.machine import CALLERS, NTH, Machine, command, unknown, why
from tests.histories.world import ACTIVE, DELETED, SUSPENDED, AccountFacts, GroupFacts, MembershipFacts, ScopeFacts

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

SLUGS = st.sampled_from(["north", "NORTH", "south", "a b"])
GROUP_NAMES = st.sampled_from(["Editors", "Writers", " "])
SCOPE_NAMES = st.sampled_from(["files", "mail", "Root"])


async def work_in(
    store: Store, origin: Origin, by: Caller, *, user: UUID, slug: str | None, remember: Any = None
) -> Outcome[None]:
    """Let a user work in an org, which is a part of changing a user."""

    async def decide(decision: Decision) -> None:
        person = await to_change(decision, by, User, user)
        person.require_known()
        await orgs.make_active(decision, by, person, slug, store.clock.now())

    return await store.decide(decide, origin, remember=remember)


class Orgs(Machine):
    """Orgs are made and named, users work in them and are in their groups; scopes are defined and forgotten."""

    @command(who=CALLERS, organization=NTH, slug=SLUGS)
    def charter(self, who: str, organization: int, slug: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (slug == "a b", refusals.InvalidSlug),
            (self._org_named(id, slug) is not None, refusals.NameTaken),
        )
        told = {"name": "Org", "slug": slug, "public_registration": False, "branding_only": False}
        done = self.give(refused, orgs.create, by, organization=id, **told)
        if done:
            self.world.accounts[done.value.id] = AccountFacts(place.organization, id, 1, "Org", slug=slug)

    @command(who=CALLERS, account=NTH, slug=SLUGS)
    def reslug(self, who: str, account: int, slug: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.slug is None, refusals.UnknownAccount),
            (slug == "a b", refusals.InvalidSlug),
            (self._org_named(place.organization, slug) not in (None, id), refusals.NameTaken),
        )
        if self.give(refused, orgs.change, by, org=id, slug=slug):
            place.slug = slug

    @command(who=CALLERS, user=NTH, accounts=st.lists(NTH, max_size=3), weight=2)
    def belong(self, who: str, user: int, accounts: list[int]) -> None:
        by, id = self.caller(who), self.nth(self.world.users, user)
        person, world = self.world.users[id], self.world
        wanted = {self.nth(world.accounts, n) for n in accounts}
        present = {world.memberships[m].account: m for m in self._memberships_in_orgs(id)}
        new = [world.accounts[each] for each in wanted - present.keys()]
        leaving = [world.memberships[m] for account, m in present.items() if account not in wanted]
        last = any(m.role == "owner" and world.owners(m.account) == 1 for m in leaving)
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (bool(new) and person.status == SUSPENDED, refusals.UserNotActive),
            (
                any(unknown(by, o) or o.slug is None or o.organization != person.organization for o in new),
                refusals.UnknownAccount,
            ),
            (any(org.status == SUSPENDED for org in new), refusals.AccountNotActive),
            (last and by.user is not None, refusals.LastOwner),
        )
        before = set(world.accounts)
        done = self.give(refused, orgs.replace_memberships, by, user=id, orgs=[*wanted])
        if done:
            assert before == set(world.accounts)
            for member in leaving:
                world.leave(member)
            rows = self.run(self.parts.pool.fetch("SELECT id, account FROM memberships WHERE user_id = $1", id))
            for row in rows:
                if row["account"] in wanted and row["id"] not in world.memberships:
                    facts = MembershipFacts(person.organization, row["account"], id, "member")
                    world.memberships[row["id"]] = facts

    @command(who=CALLERS, user=NTH, slug=st.none() | SLUGS, weight=2)
    def work(self, who: str, user: int, slug: str | None) -> None:
        by, id = self.caller(who), self.nth(self.world.users, user)
        person, world = self.world.users[id], self.world
        org = None if slug is None else self._org_named(person.organization, slug)
        mine = [world.memberships[m] for m in self._memberships_in_orgs(id)]
        refused = why(
            (unknown(by, person), refusals.UnknownUser),
            (slug is not None and org is None, refusals.UnknownAccount),
            (org is not None and world.accounts[org].status == SUSPENDED, refusals.AccountNotActive),
            (org is not None and all(member.account != org for member in mine), refusals.NotInOrganization),
        )
        if self.give(refused, work_in, by, user=id, slug=slug):
            for member in mine:
                member.active = member.account == org

    @command(who=CALLERS, org=NTH)
    def close_org(self, who: str, org: int) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, org)
        place, world = self.world.accounts[id], self.world
        members = [m for m in world.memberships.values() if m.account == id and m.status == ACTIVE]
        refused = why(
            (unknown(by, place) or place.slug is None, refusals.UnknownAccount),
            (any(member.active for member in members), refusals.OrganizationHasUsers),
            (len(world.below(id)) > 1, refusals.AccountHasChildren),
        )
        if self.give(refused, orgs.delete, by, org=id):
            world.end_account(id)

    @command(who=CALLERS, org=NTH, name=GROUP_NAMES)
    def assemble(self, who: str, org: int, name: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, org)
        place = self.world.accounts[id]
        same = [g for g in self.world.groups.values() if (g.account, g.name, g.status) == (id, name, ACTIVE)]
        refused = why(
            (unknown(by, place) or place.slug is None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (not name.strip(), refusals.InvalidName),
            (bool(same), refusals.NameTaken),
        )
        done = self.give(refused, groups.create, by, org=id, name=name)
        if done:
            self.world.groups[done.value.id] = GroupFacts(place.organization, id, name)

    @command(who=CALLERS, group=NTH)
    def disband(self, who: str, group: int) -> None:
        by, id = self.caller(who), self.nth(self.world.groups, group)
        found = self.world.groups[id]
        if self.give(why((unknown(by, found), refusals.UnknownGroup)), groups.delete, by, group=id):
            found.status, found.members = DELETED, set()

    @command(who=CALLERS, group=NTH, user=NTH, leaves=st.booleans(), weight=2)
    def regroup(self, who: str, group: int, user: int, *, leaves: bool) -> None:
        by = self.caller(who)
        group_id, user_id = self.nth(self.world.groups, group), self.nth(self.world.users, user)
        found, person = self.world.groups[group_id], self.world.users[user_id]
        mine = [self.world.memberships[m] for m in self._memberships_in_orgs(user_id)]
        works = any(member.account == found.account and member.active for member in mine)
        refused = why(
            (unknown(by, person), refusals.UnknownUser), (unknown(by, found) or not works, refusals.UnknownGroup)
        )
        act = groups.remove_member if leaves else groups.add_member
        if self.give(refused, act, by, group=group_id, user=user_id):
            found.members = found.members - {user_id} if leaves else found.members | {user_id}

    @command(who=CALLERS, organization=NTH, name=SCOPE_NAMES)
    def word(self, who: str, organization: int, name: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (name == "Root", refusals.BuiltInScope),
            (self._scope_defined(id, name), refusals.NameTaken),
        )
        done = self.give(refused, scopes.define, by, organization=id, name=name, type=ScopeType.S2S)
        if done:
            self.world.scopes[done.value.id] = ScopeFacts(id, name)

    @command(who=CALLERS, scope=NTH, name=SCOPE_NAMES)
    def reword(self, who: str, scope: int, name: str) -> None:
        by, id = self.caller(who), self.nth(self.world.scopes, scope)
        found = self.world.scopes[id]
        renamed = name != found.name
        refused = why(
            (unknown(by, found), refusals.UnknownScope),
            (renamed and name == "Root", refusals.BuiltInScope),
            (renamed and self._scope_defined(found.organization, name), refusals.NameTaken),
        )
        if self.give(refused, scopes.change, by, scope=id, name=name):
            self.world.exchange_scope(found, name)

    @command(who=CALLERS, scope=NTH)
    def forget(self, who: str, scope: int) -> None:
        by, id = self.caller(who), self.nth(self.world.scopes, scope)
        found = self.world.scopes[id]
        if self.give(why((unknown(by, found), refusals.UnknownScope)), scopes.delete, by, scope=id):
            self.world.exchange_scope(found, None)

    def _org_named(self, organization: UUID, slug: str) -> UUID | None:
        live = ((id, a) for id, a in self.world.accounts.items() if a.slug and a.status != DELETED)
        return next((id for id, a in live if a.organization == organization and a.slug.lower() == slug.lower()), None)

    def _scope_defined(self, organization: UUID, name: str) -> bool:
        live = [s for s in self.world.scopes.values() if s.status == ACTIVE]
        return any((s.organization, s.name) == (organization, name) for s in live)

    def _memberships_in_orgs(self, user: UUID) -> list[UUID]:
        mine = ((id, m) for id, m in self.world.memberships.items() if m.user == user and m.status == ACTIVE)
        return [id for id, m in mine if self.world.accounts[m.account].slug is not None]
