"""Rules about what belongs to users: who they are elsewhere, personal access tokens, and further factors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyotp
from hypothesis import strategies as st

from domain import refusals
from domain.factor import Kind
from projections import identities as rows
from service.commands import factors, identities, personal_access_tokens
from tests.histories.machine import CALLERS, NTH, ROOT, Machine, NothingYet, command, unknown, why
from tests.histories.tokens import HOUR, issue
from tests.histories.world import (
    DELETED,
    EnterpriseFacts,
    FactorFacts,
    FamilyFacts,
    IdentityFacts,
    PersonalTokenFacts,
    TokenFacts,
)

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from tests.histories.world import UserFacts

ASKERS = CALLERS | st.just("clerk")
TARGETS = st.sampled_from(["github", "apple", "Git Hub"])
PERSONS = st.sampled_from(["1", "2", "3", ""])
DETAILS = st.sampled_from([None, {"a": "b"}])
ISSUERS = st.sampled_from(["https://a.example", "https://b.example"])
NAMES = st.sampled_from(["laptop", " laptop", "Laptop", " "])


class Belongings(Machine):
    """Users come to be somebody elsewhere too, have tokens for their programs, and prove themselves by more."""

    @command(weight=2, who=ASKERS, user=NTH, target=TARGETS, person=PERSONS, details=DETAILS)
    def link_identity(self, who: str, user: int, target: str, person: str, details: dict[str, Any] | None) -> None:
        by, id, facts = self._about(who, user)
        live = self._of(self.world.identities, organization=facts.organization, target=target)
        taken = [each for each in live.values() if each.person == person and each.user != id]
        refused = self._entitled(by, facts) | why(
            (target == "Git Hub", refusals.InvalidTarget),
            (not person, refusals.InvalidIdentity),
            (bool(taken), refusals.IdentityTaken),
        )
        told = {"user": id, "target": target, "person": person, "details": details}
        done = self.give(refused, identities.link, by, **told)
        if done:
            said = details and json.dumps(details)
            mine = [each for each in live.values() if each.user == id]
            assert done.value.made == (not mine)
            if mine:
                mine[0].person, mine[0].details = person, said
            else:
                made = self.run(rows.id_of(self.parts.pool, id, target))
                self.world.identities[made] = IdentityFacts(facts.organization, id, target, person, said)

    @command(who=ASKERS, user=NTH, target=TARGETS)
    def unlink_identity(self, who: str, user: int, target: str) -> None:
        by, id, facts = self._about(who, user)
        mine = self._of(self.world.identities, user=id, target=target)
        refused = self._entitled(by, facts) | why((not mine, refusals.UnknownIdentity))
        if self.give(refused, identities.unlink, by, user=id, target=target):
            for each in mine.values():
                each.status = DELETED

    @command(who=ASKERS, user=NTH, connector=st.sampled_from(["acme", "zoo"]), issuer=ISSUERS, person=PERSONS)
    def record_identity(self, who: str, user: int, connector: str, issuer: str, person: str) -> None:
        by, id, facts = self._about(who, user)
        live = self._of(self.world.enterprise_identities, organization=facts.organization)
        mine = {key: each for key, each in live.items() if (each.user, each.connector) == (id, connector)}
        others = [(each.issuer, each.identity_id) for key, each in live.items() if key not in mine]
        refused = self._entitled(by, facts) | why(
            (not person, refusals.InvalidIdentity), ((issuer, person) in others, refusals.IdentityTaken)
        )
        told = {"user": id, "connector": connector, "issuer": issuer, "identity_id": person}
        done = self.give(refused, identities.record_enterprise, by, **told)
        if done:
            fresh = EnterpriseFacts(facts.organization, id, connector, issuer, person)
            kept = self.world.enterprise_identities.setdefault(done.value.id, fresh)
            kept.issuer, kept.identity_id = issuer, person

    @command(weight=2, who=ASKERS, user=NTH, name=NAMES, until=st.sampled_from([None, HOUR, -HOUR]))
    def make_personal_token(self, who: str, user: int, name: str, until: Any) -> None:
        by, id, facts = self._about(who, user)
        refused = self._entitled(by, facts) | why(
            (not name.strip(), refusals.InvalidTokenName),
            (until == -HOUR, refusals.InvalidExpiry),
            (self._token_named(id, name) is not None, refusals.PersonalAccessTokenNameTaken),
        )
        expires_at = until and self.clock.now() + until
        told = {"user": id, "name": name, "expires_at": expires_at}
        done = self.give(refused, personal_access_tokens.issue, by, **told)
        if done:
            made = PersonalTokenFacts(facts.organization, id, name.strip(), expires_at)
            self.world.personal_tokens[done.value.token.id] = made

    @command(who=CALLERS, token=NTH, name=NAMES)
    def rename_personal_token(self, who: str, token: int, name: str) -> None:
        """Rename one by its name, which another one may have by now."""
        by, facts = self.caller(who), self.world.personal_tokens[self.nth(self.world.personal_tokens, token)]
        found, other = self._token_named(facts.user, facts.name), self._token_named(facts.user, name)
        refused = self._by_name(by, facts) | why(
            (not name.strip(), refusals.InvalidTokenName),
            (other is not None and other != found, refusals.PersonalAccessTokenNameTaken),
        )
        told = {"user": facts.user, "name": facts.name, "new_name": name}
        if self.give(refused, personal_access_tokens.rename, by, **told):
            self.world.personal_tokens[found].name = name.strip()

    @command(who=CALLERS, token=NTH)
    def delete_personal_token(self, who: str, token: int) -> None:
        by, facts = self.caller(who), self.world.personal_tokens[self.nth(self.world.personal_tokens, token)]
        found = self._token_named(facts.user, facts.name)
        told = {"user": facts.user, "name": facts.name}
        if self.give(self._by_name(by, facts), personal_access_tokens.delete, by, **told):
            self.world.personal_tokens[found].status = DELETED

    @command(weight=2, token=NTH, application=NTH)
    def exchange(self, token: int, application: int) -> None:
        """Issue an access token for one of a user, which ends with it."""
        id = self.nth(self.world.personal_tokens, token)
        facts, home = self.world.personal_tokens[id], self.nth(self.world.applications, application)
        if self.world.applications[home].organization != facts.organization:
            raise NothingYet
        family = FamilyFacts(facts.organization, home, facts.user, None, None, None, None, personal_access_token=id)
        done = self.give(set(), issue, ROOT, of=family)
        assert done is not None
        self.world.families[done.value.id] = family
        self.world.tokens[done.value.id] = TokenFacts(done.value.id, done.position, self.clock.now() + HOUR)

    @command(who=ASKERS, user=NTH)
    def add_app(self, who: str, user: int) -> None:
        by, id, facts = self._about(who, user)
        present = self._of(self.world.factors, user=id, kind=Kind.TOTP)
        refused = self._entitled(by, facts) | why((bool(present), refusals.TotpInUse))
        done = self.give(refused, factors.add_totp, by, user=id, host="muniment.test")
        if done:
            made = FactorFacts(facts.organization, id, Kind.TOTP, None, [done.value.secret])
            self.world.factors[done.value.factor.id] = made

    @command(who=ASKERS, user=NTH)
    def add_codes(self, who: str, user: int) -> None:
        by, id, facts = self._about(who, user)
        present = self._of(self.world.factors, user=id)
        refused = self._entitled(by, facts) | why(
            (any(each.remaining for each in present.values()), refusals.BackupCodesInUse),
            (not any(each.kind is Kind.TOTP for each in present.values()), refusals.BackupCodesAlone),
        )
        done = self.give(refused, factors.add_backup_codes, by, user=id)
        if done:
            made = FactorFacts(facts.organization, id, Kind.BACKUP_CODES, 10, done.value.codes)
            self.world.factors[done.value.factor.id] = made

    @command(weight=3, who=CALLERS, factor=NTH, code=st.integers(-1, 9))
    def prove(self, who: str, factor: int, code: int) -> None:
        """Prove a factor, with a code of before or of nobody perhaps."""
        by, id = self.caller(who), self.nth(self.world.factors, factor)
        facts, step = self.world.factors[id], int(self.clock.now().timestamp()) // 30
        totp = facts.kind is Kind.TOTP
        number = step if totp else code
        typed = (pyotp.TOTP(facts.secrets[0]).generate_otp(step) if totp else facts.secrets[code]) if code >= 0 else ""
        gone = facts.status == DELETED or code < 0 or number in facts.used
        later = totp and any(used >= step for used in facts.used)
        refused = why(
            (unknown(by, self.world.users[facts.user]), refusals.UnknownUser),
            (gone or later, refusals.WrongTotpCode if totp else refusals.WrongBackupCode),
        )
        if self.give(refused, factors.verify, by, user=facts.user, kind=facts.kind, code=typed):
            facts.used.add(number)
            facts.remaining = None if totp else facts.remaining - 1

    @command(who=ASKERS, factor=NTH)
    def remove_factor(self, who: str, factor: int) -> None:
        id = self.nth(self.world.factors, factor)
        facts, by = self.world.factors[id], self.caller(who)
        refused = self._entitled(by, self.world.users[facts.user]) | why(
            (facts.status == DELETED, refusals.UnknownFactor)
        )
        if self.give(refused, factors.remove, by, user=facts.user, factor=id):
            facts.status = DELETED

    def _about(self, who: str, user: int) -> tuple[Caller, UUID, UserFacts]:
        id = self.nth(self.world.users, user)
        return self.caller(who), id, self.world.users[id]

    def _entitled(self, by: Caller, facts: UserFacts) -> set[type[refusals.Refusal]]:
        held = {name for role in facts.roles for name in self.world.roles[role].permissions}
        return why(
            (unknown(by, facts), refusals.UnknownUser),
            (not all(by.holds(name) for name in held), refusals.MissingPermission),
        )

    def _token_named(self, user: UUID, name: str) -> UUID | None:
        return next(iter(self._of(self.world.personal_tokens, user=user, name=name.strip())), None)

    def _by_name(self, by: Caller, facts: PersonalTokenFacts) -> set[type[refusals.Refusal]]:
        return why(
            (unknown(by, self.world.users[facts.user]), refusals.UnknownUser),
            (self._token_named(facts.user, facts.name) is None, refusals.UnknownPersonalAccessToken),
        )

    def _of(self, things: dict[UUID, Any], **values: Any) -> dict[UUID, Any]:
        """Return those that are left and have these values."""
        return {
            id: each
            for id, each in things.items()
            if each.status != DELETED and all(getattr(each, name) == value for name, value in values.items())
        }
