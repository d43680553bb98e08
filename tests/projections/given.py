"""The givens of the read models' tests: aggregates with a past, committed, and the rows that are there afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application, ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.grant import Grant
from domain.interface import Interface
from domain.membership import Membership
from domain.person import Profile
from domain.role import Role
from domain.token_family import TokenFamily
from domain.user import User
from projections import MODELS
from service.store import connections
from service.store.decision import Origin
from service.store.follower import Bell
from service.store.projector import Projector
from service.store.rebuild import differences

if TYPE_CHECKING:
    import asyncpg
    from eventsourcing.domain import Aggregate

    from service.store.decision import Decision
    from tests.store_fixture import StoreParts

NIL = UUID(int=0)
ORGANIZATION, APPLICATION, APPROVER = (UUID(int=n) for n in range(1, 4))
HOUR = timedelta(hours=1)
ORIGIN = Origin(NIL, ORGANIZATION, None, UUID(int=9))


async def save(parts: StoreParts, *aggregates: Aggregate, origin: Origin = ORIGIN) -> int:
    """Commit what these aggregates have done since they were last saved; return the position."""

    async def command(decision: Decision) -> None:
        decision.save(*aggregates)

    return (await parts.store.decide(command, origin)).position


async def rows(parts: StoreParts, table: str) -> list[asyncpg.Record]:
    return await parts.owner.fetch(f"SELECT * FROM models.{table} ORDER BY position")


async def same_when_rebuilt(parts: StoreParts, *names: str) -> None:
    for name in names:
        assert await differences(parts.owner, MODELS[name], parts.vault) == [], name


async def follow(parts: StoreParts) -> None:
    """Bring the audit up to the head."""
    connect = connections.connector(parts.dsn, name="projector")
    session = await connect()
    while await Projector(connect, [], parts.vault, Bell(connect)).advance(session, MODELS["audit"]):
        pass
    await session.close()


def an_account(parts: StoreParts, name: str = "Acme", parent: Account | None = None, id: UUID | None = None) -> Account:
    return Account.create(id=id or parts.clock.new_id(), name=name, parent=parent, now=parts.clock.now())


def a_user(parts: StoreParts, name: str | None = "Ada", **told: Any) -> User:
    fields = {"organization": ORGANIZATION, "application": APPLICATION, "name": name, "now": parts.clock.now()}
    return User.create(id=parts.clock.new_id(), **{**fields, **told})


def an_invited_user(parts: StoreParts, email: str = "ada@example.com") -> User:
    return User.invite(
        id=parts.clock.new_id(), organization=ORGANIZATION, application=APPLICATION, email=email,
        profile=Profile("Ada"), now=parts.clock.now(),
    )  # fmt: skip


def a_member(parts: StoreParts, account: Account, user: User, role: str = "viewer") -> Membership:
    return Membership.add(id=parts.clock.new_id(), account=account, user=user, role=role, now=parts.clock.now())


def a_role(parts: StoreParts, *permissions: str, name: str = "auditor", organization: UUID = ORGANIZATION) -> Role:
    return Role.define(
        id=parts.clock.new_id(), organization=organization, name=name, description=None, permissions=permissions,
        by=SYSTEM, now=parts.clock.now(),
    )  # fmt: skip


def an_application(
    parts: StoreParts,
    client_id: str | None = None,
    *,
    kind: str = "machine",
    organization: UUID = ORGANIZATION,
    **settings: Any,
) -> Application:
    return Application.register(
        id=parts.clock.new_id(), organization=organization, client_id=client_id or uuid4().hex, kind=kind,
        settings=ApplicationSettings("Billing", **settings), by=SYSTEM, now=parts.clock.now(),
    )  # fmt: skip


def a_grant(parts: StoreParts, application: Application, *scope: str, audience: str = "api", **told: Any) -> Grant:
    return Grant.request(
        id=parts.clock.new_id(), application=application, audience=audience, scope=scope,
        expires_at=told.get("expires_at"), by=SYSTEM, now=parts.clock.now(),
    )  # fmt: skip


def an_approver() -> Caller:
    return Caller(APPROVER, ORGANIZATION, frozenset({"root", "all"}))


def a_token(parts: StoreParts, **told: Any) -> TokenFamily:
    now = parts.clock.now()
    fields = {
        "id": parts.clock.new_id(), "organization": ORGANIZATION, "application": APPLICATION, "scope": "read",
        "audience": "api", "format": "jwt", "digest": uuid4().hex * 2, "expires_at": now + HOUR,
        "grant_type": "client_credentials",
    }  # fmt: skip
    return TokenFamily.issue(now=now, **{**fields, **told})


def an_api_resource(parts: StoreParts, identifier: str = "orders", **told: Any) -> ApiResource:
    fields = {"organization": ORGANIZATION, "name": "Orders", **told}
    return ApiResource.create(
        id=parts.clock.new_id(), identifier=identifier, by=SYSTEM, now=parts.clock.now(), **fields
    )


def an_interface(parts: StoreParts, resource: ApiResource, identifier: str = "read_order", **told: Any) -> Interface:
    fields = {"name": "Read an order", "method": "GET", "path": "/orders/{id}", **told}
    return Interface.create(
        id=parts.clock.new_id(), resource=resource, identifier=identifier, by=SYSTEM, now=parts.clock.now(), **fields
    )
