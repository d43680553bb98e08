"""Random commands on whatever is there, as many as there is time for."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.refusals import Refusal
from domain.token_family import TokenFamily
from service.commands import (
    accounts,
    applications,
    grants,
    memberships,
    people_settings,
    revocations,
    roles,
    tokens,
    users,
)
from service.commands.secrets import SecretRequest
from service.secrets.digests import sha256_hex
from service.store.decision import Origin
from service.store.refusals import Stale

if TYPE_CHECKING:
    from random import Random

    from service.store.decision import Decision
    from service.store.store import Store

APPROVER = Caller(UUID(int=7), UUID(int=7), frozenset({"root", "all"}))
HOUR = timedelta(hours=1)
ANY = {
    "organization": "SELECT id FROM models.accounts WHERE parent IS NULL",
    "account": "SELECT id FROM models.accounts",
    "user": "SELECT id FROM models.users",
    "role": "SELECT id FROM models.roles",
    "application": "SELECT id FROM models.applications",
    "grant": "SELECT id FROM models.grants",
    "membership": "SELECT id, account FROM models.memberships",
    "token": "SELECT id FROM models.tokens WHERE ended_at IS NULL",
    "family": "SELECT family FROM models.refresh_tokens WHERE used_at IS NULL AND ended_at IS NULL",
}


class Deeds:
    """Gives commands; those that are refused are part of it. Things are picked among the newest of their kind."""

    def __init__(self, store: Store, random: Random) -> None:
        self.store = store
        self.random = random
        # Tokens are most of what happens in earnest, and the first thing a new log needs is an organization.
        self.deeds = [
            *[self.issue] * 6, *[self.create_account] * 2, self.create_user, self.create_user, self.delete_account,
            self.update_account, self.rename_user, self.suspend_user, self.delete_user, self.define_role,
            self.assign_role, self.register, self.add_secret, self.disable, self.request, self.decide_grant, self.join,
            self.leave, self.refresh, self.revoke, self.revoke_in_bulk,
        ]  # fmt: skip

    async def go_on(self) -> None:
        """Give commands for ever."""
        while True:
            with suppress(Refusal, Stale):
                await self.random.choice(self.deeds)()

    async def begin(self) -> None:
        made = await accounts.create_root(self.store, self.origin(), SYSTEM, name="First")
        await applications.register(
            self.store, self.origin(), SYSTEM, organization=made.value.id, kind="web", settings=ApplicationSettings("A")
        )

    async def any(self, kind: str) -> Any:
        row = await self.store.pool.fetchrow(
            f"{ANY[kind]} ORDER BY position DESC OFFSET $1 LIMIT 1", self.random.randrange(6)
        )
        row = row or await self.store.pool.fetchrow(f"{ANY[kind]} ORDER BY position LIMIT 1")
        return None if row is None else row[0] if len(row) == 1 else tuple(row)

    async def some(self, kind: str) -> Any:
        """Return one thing, or a thing that is not there: commands must refuse it."""
        return await self.any(kind) or ((uuid4(), uuid4()) if kind == "membership" else uuid4())

    def origin(self) -> Origin:
        return Origin(SYSTEM.actor, SYSTEM.organization, None, uuid4())

    def name(self) -> str:
        return f"n{self.random.randrange(10**9)}"

    async def create_account(self) -> None:
        parent = await self.some("account")
        await accounts.create_child(self.store, self.origin(), SYSTEM, parent=parent, name=self.name())

    async def update_account(self) -> None:
        account = await self.some("account")
        await accounts.update(self.store, self.origin(), SYSTEM, account=account, name=self.name(), color="#a0b0c0")

    async def delete_account(self) -> None:
        account = await self.some("account")
        if account != await self.any("organization"):
            await accounts.delete(
                self.store, self.origin(), SYSTEM, account=account, cascade=self.random.random() < 0.5
            )

    async def create_user(self) -> None:
        name = None if self.random.random() < 0.2 else self.name()
        await users.create(self.store, self.origin(), SYSTEM, application=await self.some("application"), name=name)

    async def rename_user(self) -> None:
        await people_settings.change(self.store, self.origin(), SYSTEM, user=await self.some("user"), name=self.name())

    async def suspend_user(self) -> None:
        user = await self.some("user")
        await users.suspend(self.store, self.origin(), SYSTEM, user=user)
        await users.reinstate(self.store, self.origin(), SYSTEM, user=user)

    async def delete_user(self) -> None:
        await users.delete(self.store, self.origin(), SYSTEM, user=await self.some("user"))

    async def define_role(self) -> None:
        organization = await self.some("organization")
        name = f"r{self.random.randrange(50)}"
        await roles.define(
            self.store, self.origin(), SYSTEM, organization=organization, name=name, permissions=["read_user"]
        )

    async def assign_role(self) -> None:
        user, role = await self.some("user"), await self.some("role")
        await users.assign_role(self.store, self.origin(), SYSTEM, user=user, role=role)

    async def register(self) -> None:
        organization = await self.some("organization")
        settings = ApplicationSettings(self.name(), permissions=["read_user"])
        await applications.register(
            self.store, self.origin(), SYSTEM, organization=organization, kind="machine", settings=settings
        )

    async def add_secret(self) -> None:
        application = await self.some("application")
        wanted = [SecretRequest(self.name())]
        await applications.add_secrets(self.store, self.origin(), SYSTEM, application=application, secrets=wanted)

    async def disable(self) -> None:
        application = await self.some("application")
        await applications.disable(self.store, self.origin(), SYSTEM, application=application)
        await applications.enable(self.store, self.origin(), SYSTEM, application=application)

    async def request(self) -> None:
        application = await self.some("application")
        await grants.request(
            self.store, self.origin(), SYSTEM, application=application, audience="api", scope=["read", "write"]
        )

    async def decide_grant(self) -> None:
        grant = await self.some("grant")
        if self.random.random() < 0.6:
            await grants.approve(self.store, self.origin(), APPROVER, grant=grant)
        else:
            await grants.reject(self.store, self.origin(), APPROVER, grant=grant)
        await grants.revoke(self.store, self.origin(), APPROVER, grant=grant)

    async def join(self) -> None:
        account, user = await self.some("account"), await self.some("user")
        role = self.random.choice(["owner", "member", "viewer"])
        await memberships.add(self.store, self.origin(), SYSTEM, account=account, user=user, role=role)

    async def leave(self) -> None:
        membership, account = await self.some("membership")
        await memberships.remove(self.store, self.origin(), SYSTEM, account=account, membership=membership)

    async def issue(self) -> None:
        organization, application = await self.some("organization"), await self.some("application")
        now, refresh = self.store.clock.now(), self.random.random() < 0.3

        async def command(decision: Decision) -> None:
            decision.organization = organization
            decision.rely_on(f"application:{application}")
            family = TokenFamily.issue(
                id=self.store.clock.new_id(), organization=organization, application=application, scope="read",
                audience="api", format="jwt", digest=sha256_hex(uuid4().hex), expires_at=now + HOUR,
                grant_type="client_credentials", now=now, refresh_expires_at=now + HOUR if refresh else None,
                refresh_digest=sha256_hex(uuid4().hex) if refresh else None,
            )  # fmt: skip
            decision.save(family)

        await self.store.decide(command, self.origin())

    async def refresh(self) -> None:
        stream, now = await self.some("family"), self.store.clock.now()
        replay = self.random.random() < 0.3

        async def command(decision: Decision) -> None:
            family = await decision.load(TokenFamily, stream)
            if family is None or family.refresh_digest is None:
                return
            decision.organization = family.organization
            family.refresh(
                sha256_hex("replayed") if replay else family.refresh_digest, token=self.store.clock.new_id(),
                scope="read", audience="api", format="jwt", digest=sha256_hex(uuid4().hex), expires_at=now + HOUR,
                refresh_digest=sha256_hex(uuid4().hex), refresh_expires_at=now + HOUR, now=now,
            )  # fmt: skip
            decision.save(family)

        await self.store.decide(command, self.origin())

    async def revoke(self) -> None:
        await tokens.revoke(self.store, self.origin(), SYSTEM, token=await self.some("token"), reason="lost")

    async def revoke_in_bulk(self) -> None:
        organization, application = await self.some("organization"), await self.some("application")
        before = (
            None if self.random.random() < 0.5 else self.store.clock.now() - timedelta(seconds=self.random.random())
        )
        await revocations.record(
            self.store, self.origin(), SYSTEM, organization=organization, application=application, before=before
        )
