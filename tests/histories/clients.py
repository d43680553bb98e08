"""Rules about applications, their secrets and their grants."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from domain import refusals
from domain.application import ApplicationSettings
from domain.caller import Caller
from domain.permissions import PERMISSIONS as MANAGEMENT
from service.commands import applications, grants
from service.commands.secrets import SecretRequest
from service.commands.unchanged import UNCHANGED
from service.secrets.signing import generate
from tests.histories.machine import CALLERS, NTH, Machine, command, unknown, why
from tests.histories.people import PERMISSIONS
from tests.histories.world import ACTIVE, DELETED, DISABLED, SUSPENDED, ApplicationFacts, GrantFacts

if TYPE_CHECKING:
    from uuid import UUID

HOUR = timedelta(hours=1)
FREE = st.sampled_from([["files"], ["files", "read_user"]])  # what organizations may define
KEYS = {"keys": [generate("ES256").public_key]}
SECRETS = st.lists(st.tuples(st.sampled_from(["blue", "green"]), st.sampled_from([None, HOUR])), max_size=2)
Secrets = list[tuple[str, timedelta | None]]


class Clients(Machine):
    """Applications are registered and changed, prove themselves with secrets, and are granted rights."""

    @command(
        who=CALLERS,
        organization=NTH,
        kind=st.sampled_from(["machine", "machine", "web", "spa"]),
        client_id=st.sampled_from([None, None, "billing", "crm"]),
        permissions=PERMISSIONS | FREE,
        secrets=SECRETS,
    )
    def register(
        self, who: str, organization: int, *, kind: str, client_id: str | None, permissions: list[str], secrets: Secrets
    ) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place = self.world.accounts[id]
        former = [each.client_id for each in self.world.applications.values()]
        new = ApplicationFacts(id, client_id or "", kind, "Billing", sorted(permissions), 300)
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (client_id in former, refusals.ClientIdTaken),
            ("root" in permissions and not by.is_root, refusals.RootRequired),
            (new.public and bool(secrets or not {*permissions}.isdisjoint(MANAGEMENT)), refusals.WrongClientKind),
            (self._doubled(new, secrets), refusals.NameTaken),
        )
        done = self.give(
            refused,
            applications.register,
            by,
            organization=id,
            kind=kind,
            client_id=client_id,
            settings=ApplicationSettings("Billing", permissions=permissions, access_token_lifetime=300),
            secrets=self._requests(secrets),
        )
        if done:
            made = done.value
            new.client_id = client_id or str(made.application.id)
            new.secrets = {secret.id: (secret.name, secret.expires_at) for secret in made.secrets}
            self.world.applications[made.application.id] = new

    @command(
        who=CALLERS,
        application=NTH,
        permissions=st.just(UNCHANGED) | PERMISSIONS | FREE,
        lifetime=st.sampled_from([UNCHANGED, 60, 600, 59]),
        keys=st.sampled_from([UNCHANGED, UNCHANGED, None, KEYS]),
    )
    def configure(self, who: str, application: int, permissions: list[str], lifetime: int, keys: object) -> None:
        by, id, client = self._client(who, application)
        holding = client.permissions if permissions is UNCHANGED else permissions
        key_set = client.key_set if keys is UNCHANGED else keys
        living = client.lifetime if lifetime is UNCHANGED else lifetime
        differs = (client.permissions, client.key_set, client.lifetime) != (sorted(holding), key_set, living)
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (permissions == ["root"] and not by.is_root, refusals.RootRequired),
            (keys is not UNCHANGED and not self.world.entitled(by, id), refusals.RootRequired),
            (client.public and not {*holding}.isdisjoint(MANAGEMENT), refusals.WrongClientKind),
            (client.public and key_set is not None, refusals.WrongClientKind),
            (lifetime == 59, refusals.InvalidLifetime),
            (
                "root" in client.permissions and client.permissions != sorted(holding) and not by.is_root,
                refusals.MissingPermission,
            ),
            (differs and client.standing is not None and self.interested(by, id), refusals.SelfApproval),
        )
        stated = {"permissions": permissions, "access_token_lifetime": lifetime, "key_set": keys}
        if self.give(refused, applications.update, by, application=id, **stated):
            client.permissions, client.key_set, client.lifetime = sorted(holding), key_set, living

    @command(who=CALLERS, application=NTH, secrets=SECRETS)
    def add_secrets(self, who: str, application: int, secrets: Secrets) -> None:
        by, id, client = self._client(who, application)
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (not self.world.entitled(by, id), refusals.RootRequired),
            (bool(secrets) and client.public, refusals.WrongClientKind),
            (
                bool(secrets) and client.standing is not None and not client.effective(self.clock.now()),
                refusals.ThirdPartyNotEffective,
            ),
            (self._doubled(client, secrets), refusals.NameTaken),
        )
        done = self.give(refused, applications.add_secrets, by, application=id, secrets=self._requests(secrets))
        if done:
            client.secrets |= {secret.id: (secret.name, secret.expires_at) for secret in done.value.secrets}

    @command(who=CALLERS, application=NTH, secret=NTH)
    def retire_secret(self, who: str, application: int, secret: int) -> None:
        by, id, client = self._client(who, application)
        all_secrets = {key: each for each in self.world.applications.values() for key in each.secrets}
        wanted = self.nth(all_secrets, secret)
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            ("root" in client.permissions and not by.is_root, refusals.MissingPermission),
            (wanted not in client.secrets, refusals.UnknownSecret),
        )
        if self.give(refused, applications.retire_secret, by, application=id, secret=wanted):
            del client.secrets[wanted]

    @command(who=CALLERS, application=NTH, status=st.sampled_from([DISABLED, ACTIVE, ACTIVE, DELETED]))
    def end_or_enable(self, who: str, application: int, status: str) -> None:
        by, id, client = self._client(who, application)
        command = {DISABLED: applications.disable, ACTIVE: applications.enable, DELETED: applications.delete}[status]
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            (status != ACTIVE and by.application == id, refusals.OwnDeletion),
            (status == DELETED and client.effective(self.clock.now()), refusals.ThirdPartyEffective),
            ("root" in client.permissions and not by.is_root, refusals.MissingPermission),
            (status == ACTIVE and self._barred(by, id), refusals.SelfApproval),
        )
        if self.give(refused, command, by, application=id):
            client.status = status
            client.secrets = {} if status == DELETED else client.secrets

    @command(who=CALLERS, application=NTH, scope=PERMISSIONS, lasting=st.sampled_from([None, HOUR]))
    def ask_for(self, who: str, application: int, scope: list[str], lasting: timedelta | None) -> None:
        by, id, client = self._client(who, application)
        expires_at = lasting and self.clock.now() + lasting
        refused = why(
            (unknown(by, client), refusals.UnknownApplication),
            ("root" in scope and not by.is_root, refusals.RootRequired),
            (client.signs_in_only, refusals.SignInOnly),
        )
        asked = {"audience": "https://api.example.com", "scope": scope, "expires_at": expires_at}
        done = self.give(refused, grants.request, by, application=id, **asked)
        if done:
            facts = GrantFacts(client.organization, id, sorted(scope), by.actor, expires_at)
            self.world.grants[done.value.id] = facts

    @command(who=CALLERS, grant=NTH)
    def approve(self, who: str, grant: int) -> None:
        id = self.nth(self.world.grants, grant)
        facts = self.world.grants[id]
        by = self.caller(who, self._as(facts.application))
        refused = why(
            (not by.sees(facts.organization), refusals.UnknownGrant),
            (unknown(by, self.world.applications[facts.application]), refusals.UnknownApplication),
            (facts.status != "pending", refusals.GrantNotPending),
            (facts.expires_at is not None and self.clock.now() >= facts.expires_at, refusals.GrantExpired),
            (by.actor == facts.requested_by or by.application == facts.application, refusals.SelfApproval),
            ("root" in facts.scope and not by.is_root, refusals.RootRequired),
            (self.world.applications[facts.application].signs_in_only, refusals.SignInOnly),
        )
        if self.give(refused, grants.approve, by, grant=id):
            facts.status, facts.decided_by = "approved", by.actor

    @command(who=CALLERS, grant=NTH, status=st.sampled_from(["rejected", "revoked"]))
    def refuse(self, who: str, grant: int, status: str) -> None:
        by, id = self.caller(who), self.nth(self.world.grants, grant)
        facts = self.world.grants[id]
        command, before, refusal = {
            "rejected": (grants.reject, "pending", refusals.GrantNotPending),
            "revoked": (grants.revoke, "approved", refusals.GrantNotEffective),
        }[status]
        refused = why(
            (not by.sees(facts.organization), refusals.UnknownGrant),
            (facts.status not in (before, status), refusal),
        )
        if self.give(refused, command, by, grant=id) and facts.status != status:
            facts.status, facts.decided_by = status, by.actor

    def interested(self, by: Caller, application: UUID) -> bool:
        """Say whether somebody may not decide about a third party: it is theirs, or they are it."""
        facts = self.world.applications[application]
        return by.actor in (facts.created_by, facts.submitted_by) or by.application == application

    def _barred(self, by: Caller, application: UUID) -> bool:
        """Say whether it is out of use, and a third party that somebody may not decide about."""
        facts = self.world.applications[application]
        return facts.status == DISABLED and facts.standing is not None and self.interested(by, application)

    def _client(self, who: str, application: int) -> tuple[Caller, UUID, ApplicationFacts]:
        id = self.nth(self.world.applications, application)
        return self.caller(who, self._as(id)), id, self.world.applications[id]

    def _as(self, application: UUID) -> Caller:
        organization = self.world.applications[application].organization
        return Caller(application, organization, frozenset({"all"}), application=application)

    def _requests(self, secrets: Secrets) -> list[SecretRequest]:
        return [SecretRequest(name, lasting and self.clock.now() + lasting) for name, lasting in secrets]

    def _doubled(self, client: ApplicationFacts, secrets: Secrets) -> bool:
        now = self.clock.now()
        live = [name for name, until in client.secrets.values() if until is None or now < until]
        names = live + [name for name, _ in secrets]
        return len(set(names)) < len(names)
