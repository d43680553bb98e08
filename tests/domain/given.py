"""The givens of the domain's tests: a fixed now, two organizations, callers, aggregates with their past behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from eventsourcing.domain import Aggregate

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application, ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.grant import Grant
from domain.interface import Interface
from domain.role import Role
from domain.user import User

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
ORGANIZATION = UUID("0f6c1d4e-0000-4000-8000-000000000001")
ELSEWHERE = UUID("0f6c1d4e-0000-4000-8000-000000000002")

A = TypeVar("A", bound=Aggregate)


def settled(aggregate: A) -> A:
    """Put the aggregate's events behind it, so that only what a test does is pending."""
    aggregate.collect_events()
    return aggregate


def happened(aggregate: Aggregate) -> list[str]:
    """Return the topics of what happened since, and put it behind the aggregate."""
    return [event.TOPIC for event in aggregate.collect_events()]  # type: ignore[attr-defined]


def the_event(aggregate: Aggregate) -> Any:
    """Return the one event that happened since."""
    (event,) = aggregate.collect_events()
    return event


def backend(*permissions: str, organization: UUID = ORGANIZATION, application: UUID | None = None) -> Caller:
    application = application or uuid4()
    return Caller(application, organization, frozenset(permissions), application=application)


def person(*permissions: str, organization: UUID = ORGANIZATION, user: UUID | None = None) -> Caller:
    user = user or uuid4()
    return Caller(user, organization, frozenset(permissions), application=uuid4(), user=user)


ROOT_APPLICATION = backend("root", "all")
STRANGER = backend("all", organization=ELSEWHERE)


def an_account(parent: Account | None = None) -> Account:
    id = ORGANIZATION if parent is None else uuid4()
    return settled(Account.create(id=id, name="Acme", parent=parent, now=NOW))


def an_org(slug: str = "acme") -> Account:
    org = an_account(an_account())
    org.profile(slug, public_registration=False, branding_only=False, branding={}, now=NOW)
    return settled(org)


def a_user(organization: UUID = ORGANIZATION, status: str = "active") -> User:
    user = User.create(id=uuid4(), organization=organization, application=uuid4(), name="Ada", status=status, now=NOW)
    return settled(user)


def a_role(*permissions: str, name: str = "auditor", organization: UUID = ORGANIZATION) -> Role:
    role = Role.define(
        id=uuid4(),
        organization=organization,
        name=name,
        description=None,
        permissions=permissions,
        by=SYSTEM,
        now=NOW,
    )
    return settled(role)


def an_application(*permissions: str, kind: str = "machine", organization: UUID = ORGANIZATION) -> Application:
    application = Application.register(
        id=uuid4(),
        organization=organization,
        client_id="billing",
        kind=kind,
        settings=ApplicationSettings("Billing", permissions=list(permissions)),
        by=SYSTEM,
        now=NOW,
    )
    return settled(application)


def a_grant(
    *scope: str, application: Application | None = None, by: Caller | None = None, expires_at: datetime | None = None
) -> Grant:
    grant = Grant.request(
        id=uuid4(),
        application=application or an_application(),
        audience="https://api.example.com",
        scope=scope,
        expires_at=expires_at,
        by=by or backend("root"),
        now=NOW,
    )
    return settled(grant)


def an_api_resource(organization: UUID = ORGANIZATION, *, by: Caller = SYSTEM, **told: Any) -> ApiResource:
    fields = {"identifier": "orders", "name": "Orders", **told}
    return settled(ApiResource.create(id=uuid4(), organization=organization, by=by, now=NOW, **fields))


def an_interface(resource: ApiResource | None = None, **told: Any) -> Interface:
    fields = {"identifier": "read_order", "name": "Read an order", "method": "GET", "path": "/orders/{id}", **told}
    of = resource or an_api_resource()
    return settled(Interface.create(id=uuid4(), resource=of, by=SYSTEM, now=NOW, **fields))
