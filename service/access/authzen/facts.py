"""What one request's decisions rest on: read when it is needed, once, and all of one moment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from domain import interface_grant
from projections import authzen
from service.access import causes
from service.access.authzen import vocabulary as v
from service.access.authzen.subjects import ACTIVE, Application, User
from service.access.authzen.verdict import Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    import asyncpg

    from service.access.authzen.shapes import Resource, Subject
    from service.http.call import Call

T = TypeVar("T")
WHOSE = "organization"
"""The property of a resource by which root says in which organization it has its name."""
GUARDS = {
    v.USER: "user",
    v.APPLICATION: "application",
    v.ORGANIZATION: "account",
    v.ACCOUNT: "account",
    v.ROLE: "role",
    v.INTERFACE: "interface",
}
"""How the guards of things of each type begin."""


class Facts:
    """The facts that a caller sees: of its own organization, for root of all (`organization` None)."""

    def __init__(
        self,
        connection: authzen.Connection,
        *,
        organization: UUID | None,
        home: UUID,
        audiences: tuple[str, ...],
        now: datetime,
    ) -> None:
        """`home` is the caller's organization, `audiences` are those of the management interface."""
        self.connection = connection
        self.organization = organization
        self.audiences = audiences
        self.now = now
        self._home = home
        self._known: dict[tuple[object, ...], object] = {}

    async def head(self) -> int:
        """Return the position that the facts are true at."""
        return await authzen.head(self.connection)

    async def subject(self, subject: Subject) -> User | Application | None:
        """Return a user or an application, None when there is none."""
        if subject.type == v.USER:
            return await self._once((v.USER, subject.id), lambda: self._user(as_id(subject.id)))
        return await self.application(subject.id)

    async def application(self, text: str) -> Application | None:
        """Return an application by its id or its client id, None when there is none."""
        return await self._once((v.APPLICATION, text), lambda: self._application(text))

    async def thing(self, resource: Resource) -> asyncpg.Record | None:
        """Return a resource of any type but an audience, None when there is none."""
        known, whose = as_id(resource.id), self._whose(resource)
        if resource.type == v.ROLE:
            return await self._once((v.ROLE, resource.id, whose), lambda: self._role(known, whose, resource.id))
        if resource.type == v.INTERFACE:
            key = (v.INTERFACE, resource.id, whose)
            return await self._once(key, lambda: self._interface(known, whose, resource.id))
        row = None if known is None else await self.account(known)
        return None if row is None or (resource.type == v.ORGANIZATION and row["parent"] is not None) else row

    async def account(self, account: UUID) -> asyncpg.Record | None:
        """Return an account, None when there is none."""
        key = (v.ACCOUNT, account)
        return await self._once(key, lambda: authzen.account(self.connection, account, self.organization))

    async def home_of(self, organization: UUID) -> asyncpg.Record:
        """Return the organization of what was found to be in force. Raises LookupError otherwise."""
        home = await self.account(organization)
        if home is None:
            raise LookupError(organization)
        return home

    async def fault_of(self, subject: User | Application) -> Verdict | None:
        """Return why a subject may nothing at all, None when it is in force."""
        code = "user_not_active" if isinstance(subject, User) else causes.CLIENT_NOT_EFFECTIVE.code
        return await self.fault_of_organization(subject.organization) or (
            None if subject.in_use else verdict(code, subject.position)
        )

    async def fault_of_organization(self, organization: UUID) -> Verdict | None:
        """Return why nothing may be done in an organization, None when it is in force."""
        home = await self.account(organization)
        if home is not None and home["status"] == ACTIVE:
            return None
        return verdict("organization_not_active", None if home is None else home["position"])

    async def roles_of(self, user: User) -> list[asyncpg.Record]:
        """Return the roles that a user holds."""
        key = ("roles", user.id)
        return await self._once(key, lambda: authzen.roles_of(self.connection, user.id, user.organization))

    async def assignment(self, user: User, role: UUID) -> int | None:
        """Return the position at which a user was given a role, None when they do not have it."""
        return await authzen.assignment(self.connection, user.id, role)

    async def membership(self, account: UUID, user: User) -> asyncpg.Record | None:
        """Return a user's membership in an account, None when there is none."""
        key = ("membership", account, user.id)
        return await self._once(key, lambda: authzen.membership(self.connection, account, user.id))

    async def interface_grant(self, application: Application, interface: UUID) -> asyncpg.Record:
        """Return where an application's right to an interface stands."""
        guard = interface_grant.guard(application.id, interface)
        key = ("interface grant", application.id, interface)
        return await self._once(key, lambda: authzen.interface_grant(self.connection, application.id, interface, guard))

    async def end_of(self, thing: Subject | Resource) -> int | None:
        """Return the position of the last event about something that is not there, None when there never was one."""
        known = as_id(thing.id)
        if known is None:
            return None
        return await authzen.last_event(self.connection, f"{GUARDS[thing.type]}:{known}", self.organization)

    async def _user(self, user: UUID | None) -> User | None:
        row = None if user is None else await authzen.user(self.connection, user, self.organization)
        return None if row is None else User.of_row(row)

    async def _application(self, text: str) -> Application | None:
        row = await authzen.application(self.connection, as_id(text), text, self.organization, self.now)
        return None if row is None else Application.of_row(row, self.now)

    async def _role(self, role: UUID | None, whose: UUID, name: str) -> asyncpg.Record | None:
        return await authzen.role(self.connection, role, self.organization, names_of=whose, name=name)

    async def _interface(self, interface: UUID | None, whose: UUID, name: str) -> asyncpg.Record | None:
        resource, _, identifier = name.partition("/")
        return await authzen.interface(
            self.connection, interface, self.organization, names_of=whose, resource=resource, identifier=identifier
        )

    def _whose(self, resource: Resource) -> UUID:
        named = None if self.organization is not None else (resource.properties or {}).get(WHOSE)
        return (as_id(named) if isinstance(named, str) else None) or self._home

    async def _once(self, key: tuple[object, ...], read: Callable[[], Awaitable[T]]) -> T:
        if key not in self._known:
            self._known[key] = await read()
        return self._known[key]  # type: ignore[return-value] # each kind of key has facts of one type


@asynccontextmanager
async def present(call: Call) -> AsyncIterator[Facts]:
    """Open the facts of this moment for a caller."""
    parts = call.parts
    async with (
        parts.store.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield Facts(
            connection,
            organization=call.organization(None),
            home=call.by.organization,
            audiences=parts.settings.management_audiences,
            now=parts.clock.now(),
        )


def as_id(text: str) -> UUID | None:
    """Return the id that a text is in its usual form, None when it is another name."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
