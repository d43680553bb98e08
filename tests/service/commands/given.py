"""The givens of the commands' tests: callers, and organizations, applications, users and roles already there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
from service.commands import accounts, api_resources, applications, interfaces, memberships, orgs, roles, users
from service.store import codec
from service.store.decision import Origin
from service.store.log import read_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from domain.account import Account
    from domain.api_resource import ApiResource
    from domain.application import Application
    from domain.interface import Interface
    from domain.membership import Membership
    from domain.role import Role
    from domain.user import User
    from service.store.pending import Append, Committed
    from tests.store_fixture import StoreParts

NOBODY = UUID(int=0)


def backend(organization: UUID, *permissions: str) -> Caller:
    application = uuid4()
    return Caller(application, organization, frozenset(permissions or ("all",)), application=application)


def person(organization: UUID, *permissions: str) -> Caller:
    user = uuid4()
    return Caller(user, organization, frozenset(permissions or ("all",)), application=uuid4(), user=user)


def origin(by: Caller = SYSTEM) -> Origin:
    return Origin(by.actor, by.organization, by.application, uuid4())


ROOT = backend(uuid4(), "root", "all")


async def an_organization(parts: StoreParts) -> Account:
    return (await accounts.create_root(parts.store, origin(), SYSTEM, name="Acme")).value


async def an_org(parts: StoreParts, organization: UUID, slug: str = "acme") -> Account:
    made = await orgs.create(
        parts.store, origin(), SYSTEM, organization=organization, name="Acme", slug=slug,
        public_registration=False, branding_only=False,
    )  # fmt: skip
    return made.value


async def a_child(parts: StoreParts, parent: UUID) -> Account:
    return (await accounts.create_child(parts.store, origin(), SYSTEM, parent=parent, name="Branch")).value


async def an_application(
    parts: StoreParts, organization: UUID, *permissions: str, client_id: str | None = None, kind: str = "machine"
) -> Application:
    registered = await applications.register(
        parts.store,
        origin(),
        SYSTEM,
        organization=organization,
        kind=kind,
        settings=ApplicationSettings("Billing", permissions=list(permissions)),
        client_id=client_id,
    )
    return registered.value.application


async def a_user(parts: StoreParts, application: UUID, name: str | None = "Ada") -> User:
    return (await users.create(parts.store, origin(), SYSTEM, application=application, name=name)).value


async def a_role(parts: StoreParts, organization: UUID, *permissions: str, name: str = "auditor") -> Role:
    made = await roles.define(
        parts.store, origin(), SYSTEM, organization=organization, name=name, permissions=permissions
    )
    return made.value


async def a_member(parts: StoreParts, account: UUID, user: UUID, role: str = "viewer") -> Membership:
    made = await memberships.add(parts.store, origin(), SYSTEM, account=account, user=user, role=role)
    return made.value


async def an_api_resource(
    parts: StoreParts, organization: UUID, identifier: str = "orders", **told: Any
) -> ApiResource:
    fields = {"organization": organization, "identifier": identifier, "name": "Orders", **told}
    return (await api_resources.create(parts.store, origin(), SYSTEM, **fields)).value


async def an_interface(parts: StoreParts, resource: UUID, identifier: str = "read_order", **told: Any) -> Interface:
    fields = {"resource": resource, "identifier": identifier, "name": "Read", "method": "GET", "path": f"/{identifier}"}
    return (await interfaces.create(parts.store, origin(), SYSTEM, **{**fields, **told})).value


@contextmanager
def meanwhile(parts: StoreParts, happening: Callable[[], Awaitable[object]]) -> Iterator[list[Append]]:
    """Let something happen after the next command has decided, before its append: the tightest race there is.

    Yields what the command decides, once more for each time that it has to decide again.
    """
    append, decided, inside = parts.appender.append, [], False

    async def late(one: Append) -> Committed:
        nonlocal inside
        if not inside:
            decided.append(one)
            if len(decided) == 1:
                inside = True
                await happening()
                inside = False
        return await append(one)

    parts.appender.append = late
    yield decided
    parts.appender.append = append
    assert decided, "nothing was decided"


async def log(parts: StoreParts, *, after: int = 0) -> list[Any]:
    """Return the events of the log after a position, decoded."""
    entries = await read_page(parts.pool, after=after, until=2**62, limit=100_000)
    ciphers = await parts.vault.for_entries(entries)
    return [codec.decode(e.topic, e.stream, e.version, e.state, ciphers) for e in entries]


async def topics(parts: StoreParts, *, after: int = 0) -> list[str]:
    return [event.TOPIC for event in await log(parts, after=after)]


async def head(parts: StoreParts) -> int:
    return await parts.pool.fetchval("SELECT max(last) FROM muniment.batches")
