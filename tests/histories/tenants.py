"""Rules about accounts and who is a member of them."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st

from domain import refusals
from projections import roles
from service.commands import accounts, memberships
from service.commands.unchanged import UNCHANGED
from tests.histories.machine import CALLERS, NAMES, NTH, Machine, command, unknown, why
from tests.histories.world import ACTIVE, OWNER, SUSPENDED, AccountFacts, MembershipFacts, RoleFacts

MEMBER_ROLES = st.sampled_from([OWNER, OWNER, "member", "viewer", "king"])
FEATURES = st.sampled_from(["token_search", "token_revocation", "everything"])
SWITCHES = [(False, False), (True, False), (False, True), (True, True)]
COLORS = st.sampled_from([UNCHANGED, None, "#ABCDEF", "red"])


class Tenants(Machine):
    """Accounts are made, changed and deleted; users join and leave them."""

    @command(who=CALLERS, name=NAMES)
    def found(self, who: str, name: str) -> None:
        by = self.caller(who)
        refused = why((not by.is_root, refusals.MissingPermission), (not name.strip(), refusals.InvalidName))
        done = self.give(refused, accounts.create_root, by, name=name)
        if done:
            id = done.value.id
            self.world.accounts[id] = AccountFacts(id, None, 0, name.strip())
            for row in self.run(roles.page(self.parts.pool, id, after=UUID(int=0), limit=9)):
                facts = RoleFacts(id, row["name"], ["read_token", "revoke_token"], built_in=True)
                self.world.roles[row["id"]] = facts

    @command(who=CALLERS, parent=NTH, name=NAMES)
    def branch(self, who: str, parent: int, name: str) -> None:
        by, above = self.caller(who), self.nth(self.world.accounts, parent)
        place = self.world.accounts[above]
        refused = why(
            (unknown(by, place), refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (not name.strip(), refusals.InvalidName),
        )
        done = self.give(refused, accounts.create_child, by, parent=above, name=name)
        if done:
            facts = AccountFacts(place.organization, above, place.depth + 1, name.strip())
            self.world.accounts[done.value.id] = facts

    @command(who=CALLERS, account=NTH, name=st.just(UNCHANGED) | NAMES, color=COLORS)
    def present(self, who: str, account: int, name: str, color: str | None) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place), refusals.UnknownAccount),
            (name is not UNCHANGED and not name.strip(), refusals.InvalidName),
            (color == "red", refusals.InvalidColor),
        )
        if self.give(refused, accounts.update, by, account=id, name=name, color=color):
            place.name = place.name if name is UNCHANGED else name.strip()
            place.color = place.color if color is UNCHANGED else color and color.lower()

    @command(who=CALLERS, account=NTH, status=st.sampled_from([ACTIVE, SUSPENDED]))
    def move(self, who: str, account: int, status: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place), refusals.UnknownAccount),
            (status == SUSPENDED and id == by.organization, refusals.OwnDeletion),
        )
        if self.give(refused, accounts.move_status, by, account=id, status=status):
            place.status = status

    @command(who=CALLERS, account=NTH, features=st.dictionaries(FEATURES, st.booleans()))
    def switch(self, who: str, account: int, features: dict[str, bool]) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (not by.is_root, refusals.MissingPermission),
            (features.get("everything", False), refusals.InvalidFeature),
        )
        if self.give(refused, accounts.set_features, by, account=id, features=features):
            on = {name for name, wanted in features.items() if wanted}
            place.features = place.features.difference(features) | on

    @command(who=CALLERS, account=NTH, tries=st.sampled_from([UNCHANGED, 3, 10, 101]), on=st.sampled_from(SWITCHES))
    def settle(self, who: str, account: int, tries: int, on: tuple[bool, bool]) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place = self.world.accounts[id]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (tries == 101, refusals.InvalidSettings),
        )
        verified, limited = on
        changes = {"code_tries": tries, "verified_identifiers": verified, "submit_limited": limited}
        if self.give(refused, accounts.change_settings, by, account=id, **changes):
            place.code_tries = place.code_tries if tries is UNCHANGED else tries
            place.verified_identifiers, place.submit_limited = verified, limited

    @command(who=CALLERS, account=NTH, cascade=st.booleans())
    def dissolve(self, who: str, account: int, *, cascade: bool) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, account)
        place, tree = self.world.accounts[id], self.world.below(id)
        refused = why(
            (unknown(by, place), refusals.UnknownAccount),
            (id == by.organization, refusals.OwnDeletion),
            (place.parent is None and not by.is_root, refusals.MissingPermission),
            (place.parent is None and self.world.in_use(id), refusals.OrganizationInUse),
            (len(tree) > 1 and not cascade, refusals.AccountHasChildren),
        )
        if self.give(refused, accounts.delete, by, account=id, cascade=cascade):
            for each in tree:
                self.world.end_account(each)

    @command(who=CALLERS, account=NTH, user=NTH, role=MEMBER_ROLES)
    def join(self, who: str, account: int, user: int, role: str) -> None:
        by = self.caller(who)
        account_id, user_id = self.nth(self.world.accounts, account), self.nth(self.world.users, user)
        place, person = self.world.accounts[account_id], self.world.users[user_id]
        refused = why(
            (unknown(by, place), refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (unknown(by, person) or person.organization != place.organization, refusals.UnknownUser),
            (person.status == SUSPENDED, refusals.UserNotActive),
            (role == "king", refusals.InvalidRole),
            (self._together(account_id, user_id), refusals.AlreadyMember),
        )
        done = self.give(refused, memberships.add, by, account=account_id, user=user_id, role=role)
        if done:
            facts = MembershipFacts(place.organization, account_id, user_id, role)
            self.world.memberships[done.value.id] = facts

    @command(who=CALLERS, membership=NTH, path=st.none() | NTH, role=MEMBER_ROLES)
    def promote(self, who: str, membership: int, path: int | None, role: str) -> None:
        by, id = self.caller(who), self.nth(self.world.memberships, membership)
        member = self.world.memberships[id]
        account = member.account if path is None else self.nth(self.world.accounts, path)
        leaves = member.role == OWNER != role and self.world.owners(account) == 1
        refused = why(
            (unknown(by, member) or member.account != account, refusals.UnknownMembership),
            (role == "king", refusals.InvalidRole),
            (leaves and by.user is not None, refusals.LastOwner),
        )
        if self.give(refused, memberships.change_role, by, account=account, membership=id, role=role):
            member.role = role

    @command(who=CALLERS, membership=NTH)
    def leave(self, who: str, membership: int) -> None:
        by, id = self.caller(who), self.nth(self.world.memberships, membership)
        member = self.world.memberships[id]
        leaves = member.role == OWNER and self.world.owners(member.account) == 1
        refused = why(
            (unknown(by, member), refusals.UnknownMembership),
            (leaves and by.user is not None, refusals.LastOwner),
        )
        if self.give(refused, memberships.remove, by, account=member.account, membership=id):
            self.world.leave(member)

    def _together(self, account: UUID, user: UUID) -> bool:
        live = [m for m in self.world.memberships.values() if m.status == ACTIVE]
        return any((member.account, member.user) == (account, user) for member in live)
