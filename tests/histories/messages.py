"""Rules about what people are reached by: connectors of organizations, and codes that show who reads what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from domain import refusals
from domain.verification import ACCOUNT, GENERIC
from service.commands import connectors, verifications
from service.commands.verifications import Addressee
from tests.histories.machine import CALLERS, NAMES, NTH, ROOT, Machine, command, unknown, why
from tests.histories.world import ACTIVE, DELETED, SUSPENDED, CodeFacts, ConnectorFacts

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from domain.verification import Verification
    from service.store.decision import Decision, Origin
    from service.store.store import Outcome, Store

HTTP = {"endpoint": "https://mail.example.com/send"}
SMTP = {"host": "mail.example.com", "port": 587, "fromEmail": "muniment@example.com"}
GITHUB = {"clientId": "shop", "clientSecret": "secret"}
KINDS = {
    "http-email": "Email",
    "simple-mail-transfer-protocol": "Email",
    "http-sms": "Sms",
    "github-universal": "Social",
}
CONFIGS = {"http-email": HTTP, "http-sms": HTTP, "simple-mail-transfer-protocol": SMTP, "github-universal": GITHUB}
TYPES = st.sampled_from([*KINDS, "github-universal", "nothing"])
TARGETS = st.sampled_from(["github", "gitlab", "Git Hub"])
RECIPIENTS = st.sampled_from(["ada@example.com", "ada@EXAMPLE.com", "eve@example.com"])
LIFETIME, GOOD_FOR = timedelta(seconds=600), timedelta(seconds=600)


async def send(store: Store, origin: Origin, _: Caller, *, to: Addressee) -> Outcome[Verification]:
    """Record that a code was sent."""

    async def decide(decision: Decision) -> Verification:
        return await verifications.send(decision, to, id=store.clock.new_id(), key="key", now=store.clock.now())

    return await store.decide(decide, origin)


async def verify(store: Store, origin: Origin, _: Caller, *, to: Addressee, right: bool) -> Outcome[bool]:
    """Type a code, the right one or another."""

    async def decide(decision: Decision) -> bool:
        return await verifications.verify(decision, to, is_code=lambda _: right, now=store.clock.now())

    return await store.decide(decide, origin)


async def spend(store: Store, origin: Origin, _: Caller, *, organization: UUID, recipient: str) -> Outcome[bool]:
    """Make use of what a code showed."""

    async def decide(decision: Decision) -> bool:
        now = store.clock.now()
        return await verifications.require_recently_verified(decision, organization, "email", recipient, now)

    return await store.decide(decide, origin)


class Messages(Machine):
    """Organizations set connectors up, and codes are sent, typed and made use of."""

    @command(weight=2, who=CALLERS, organization=NTH, type=TYPES, target=TARGETS)
    def set_up(self, who: str, organization: int, type: str, target: str) -> None:
        by, id = self.caller(who), self.nth(self.world.accounts, organization)
        place, kind = self.world.accounts[id], KINDS.get(type)
        target = target if kind == "Social" else None
        present = [each for each in self.world.connectors.values() if (each.organization, each.status) == (id, ACTIVE)]
        same = [each for each in present if each.kind == kind]
        refused = why(
            (unknown(by, place) or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
            (kind is None, refusals.NoSuchConnectorType),
            (target == "Git Hub", refusals.InvalidTarget),
            (kind == "Social" and target in [each.target for each in same], refusals.TargetTaken),
            (kind != "Social" and type in [each.type for each in same], refusals.ConnectorTypeTaken),
            self._trusted(by, id, kind),
        )
        told = {"organization": id, "type": type, "config": CONFIGS.get(type), "target": target, "allowed": frozenset()}
        done = self.give(refused, connectors.create, by, **told)
        if done:
            if kind != "Social":
                for each in same:
                    each.status = DELETED
            self.world.connectors[done.value.id] = ConnectorFacts(id, type, kind, target)

    @command(who=CALLERS, connector=NTH, name=NAMES)
    def label(self, who: str, connector: int, name: str) -> None:
        by, id = self.caller(who), self.nth(self.world.connectors, connector)
        facts = self.world.connectors[id]
        refused = why((unknown(by, facts), refusals.UnknownConnector), (not name.strip(), refusals.InvalidName))
        self.give(refused, connectors.change, by, connector=id, name={"en": name}, allowed=frozenset())

    @command(who=CALLERS, connector=NTH)
    def take_down(self, who: str, connector: int) -> None:
        by, id = self.caller(who), self.nth(self.world.connectors, connector)
        facts = self.world.connectors[id]
        refused = why(
            (unknown(by, facts), refusals.UnknownConnector), self._trusted(by, facts.organization, facts.kind)
        )
        if self.give(refused, connectors.delete, by, connector=id):
            facts.status = DELETED

    @command(weight=2, organization=NTH, purpose=st.sampled_from([GENERIC, ACCOUNT]), recipient=RECIPIENTS)
    def send_code(self, organization: int, purpose: str, recipient: str) -> None:
        to = Addressee(self.nth(self.world.accounts, organization), purpose, "email", recipient)
        done = self.give(self._away(to.organization), send, ROOT, to=to)
        if done:
            for each in self.world.codes.values():
                if each.to == to:
                    each.waits = False
            self.world.codes[done.value.id] = CodeFacts(to, self.clock.now())

    @command(weight=3, code=NTH, right=st.booleans())
    def type_code(self, code: int, *, right: bool) -> None:
        """Type the code that was sent last to whom this one was."""
        to, now = self.world.codes[self.nth(self.world.codes, code)].to, self.clock.now()
        place = self.world.accounts[to.organization]
        waiting = [each for each in self.world.codes.values() if each.to == to and each.waits]
        refused = self._away(to.organization) | why(
            (not waiting, refusals.NoCodeSent),
            (bool(waiting) and now >= waiting[0].sent_at + LIFETIME, refusals.CodeExpired),
            (bool(waiting) and waiting[0].misses >= place.code_tries, refusals.CodeBurnt),
        )
        done = self.give(refused, verify, ROOT, to=to, right=right)
        if done:
            assert done.value == right
            waiting[0].misses += not right
            waiting[0].waits = not right
            if right and to.purpose == GENERIC and place.verified_identifiers:
                self._unverify(to.organization, to.recipient)
                waiting[0].verified_at = now

    @command(weight=2, organization=NTH, recipient=RECIPIENTS)
    def use_address(self, organization: int, recipient: str) -> None:
        id, now = self.nth(self.world.accounts, organization), self.clock.now()
        place = self.world.accounts[id]
        wanted = place.status != DELETED and place.verified_identifiers
        good = [each for each in self._verified(id, recipient) if now < each.verified_at + GOOD_FOR]
        refused = why((wanted and not good, refusals.NotVerified))
        done = self.give(refused, spend, ROOT, organization=id, recipient=recipient)
        if done:
            assert done.value == wanted
            if wanted:
                self._unverify(id, recipient)

    def _away(self, organization: UUID) -> set[type[refusals.Refusal]]:
        place = self.world.accounts[organization]
        return why(
            (place.status == DELETED or place.parent is not None, refusals.UnknownAccount),
            (place.status == SUSPENDED, refusals.AccountNotActive),
        )

    def _trusted(self, by: Caller, organization: UUID, kind: str | None) -> tuple[bool, type[refusals.Refusal]]:
        roles = [role for role in self.world.roles.values() if role.organization == organization]
        above = any(role.privileged for role in roles if role.status != DELETED)
        return kind != "Social" and above and not by.is_root, refusals.MissingPermission

    def _verified(self, organization: UUID, recipient: str) -> list[CodeFacts]:
        known = [each for each in self.world.codes.values() if each.verified_at is not None]
        return [
            each
            for each in known
            if each.to.organization == organization and each.to.recipient.lower() == recipient.lower()
        ]

    def _unverify(self, organization: UUID, recipient: str) -> None:
        """Let what was shown of an address before count no more."""
        for each in self._verified(organization, recipient):
            each.verified_at = None
