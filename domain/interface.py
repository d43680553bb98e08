"""Interface: what a call of an API resource is judged by, as spec/iform.md sections 0.4 and 1.3 have it.

An address is a method and a path template; no two interfaces of a resource have the same one. The identifier never
changes, and whatever else does, the grants for the interface stay.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import text
from domain.api_resource import checked_identifier
from domain.event import Recorded
from domain.path_template import path_template, shape
from domain.refusals import InvalidFrequency, InvalidInterfaceScope, InvalidMethod, UnknownInterface

if TYPE_CHECKING:
    from domain.api_resource import ApiResource
    from domain.caller import Caller

__all__ = [
    "FREQUENCY",
    "SAFE_METHODS",
    "TEST_FREQUENCY",
    "Interface",
    "Method",
    "Scope",
    "calls",
    "path_template",
    "shape",
]

FREQUENCY, TEST_FREQUENCY = 120, 60
"""How many calls a minute are let pass for each application, unless somebody says so."""
_FREQUENCIES = range(1, 2**31)


class Method(StrEnum):
    """The method of a call; ANY stands for every one that no interface names itself."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    OPTIONS = "OPTIONS"
    ANY = "*"


SAFE_METHODS = frozenset({Method.GET, Method.HEAD, Method.OPTIONS})
"""The methods that change nothing (RFC 9110 section 9.2.1): no submit limit is about them."""


class Scope(StrEnum):
    """Who may call an interface."""

    AUTHORIZED = "authorized"
    """Applications that are granted it."""
    ANONYMOUS = "anonymous"
    """Anybody."""


class Interface(Aggregate):
    """An interface. `frequency` counts calls a minute, `test_frequency` those that a gateway says are tests.

    `submit_limited`: calls that may change something are refused. `resource` and `identifier` never change.
    """

    TOPIC = "interface"

    class Event(Recorded, Aggregate.Event):
        """What happens to an interface; who decides by it, or by which ones a resource has, is touched."""

        TOPIC = "interface.event"
        organization: UUID
        resource: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"interface:{self.originator_id}", f"resource-interfaces:{self.resource}")

        @property
        def shares(self) -> tuple[str, ...]:
            return (f"api_resource:{self.resource}",)  # which tells when there was something new about it last

    class Created(Event, Aggregate.Created):
        """There is an interface."""

        TOPIC = "interface.created"
        identifier: str
        name: str
        method: Method
        path: str
        frequency: int
        test_frequency: int
        submit_limited: bool
        scope: Scope
        description: str | None

    class Changed(Event):
        """An interface is another one in all but its identifier."""

        TOPIC = "interface.changed"
        name: str
        method: Method
        path: str
        frequency: int
        test_frequency: int
        submit_limited: bool
        scope: Scope
        description: str | None

        def apply(self, interface: Interface) -> None:
            interface.name, interface.description = self.name, self.description
            interface.method, interface.path = Method(self.method), self.path
            interface.frequency, interface.test_frequency = self.frequency, self.test_frequency
            interface.submit_limited, interface.scope = self.submit_limited, Scope(self.scope)

    class Deleted(Event):
        """An interface is gone for ever."""

        TOPIC = "interface.deleted"

        def apply(self, interface: Interface) -> None:
            interface.deleted = True

    def __init__(
        self,
        *,
        organization: UUID,
        resource: UUID,
        identifier: str,
        name: str,
        method: Method,
        path: str,
        frequency: int,
        test_frequency: int,
        submit_limited: bool,
        scope: Scope,
        description: str | None,
    ) -> None:
        """Start in use."""
        self.organization = organization
        self.resource = resource
        self.identifier = identifier
        self.name = name
        self.method = Method(method)
        self.path = path
        self.frequency = frequency
        self.test_frequency = test_frequency
        self.submit_limited = submit_limited
        self.scope = Scope(scope)
        self.description = description
        self.deleted = False

    @property
    def address(self) -> str:
        """Return what no other interface of the resource may have: its method, and its path without names."""
        return f"{self.method} {shape(self.path)}"

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        resource: ApiResource,
        identifier: str,
        name: str,
        method: str,
        path: str,
        by: Caller,
        now: datetime,
        frequency: int = FREQUENCY,
        test_frequency: int = TEST_FREQUENCY,
        submit_limited: bool = False,
        scope: str = Scope.AUTHORIZED,
        description: str | None = None,
    ) -> Interface:
        """Make an interface. That nothing else of the resource has its identifier or address is for claims to ensure.

        Raises UnknownApiResource, InvalidApiIdentifier, InvalidName, InvalidMethod, InvalidPath, InvalidFrequency,
        InvalidInterfaceScope or InvalidDescription.
        """
        resource.require_known(by)
        values = _checked(
            name=name,
            method=method,
            path=path,
            frequency=frequency,
            test_frequency=test_frequency,
            scope=scope,
            description=description,
        )
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=resource.organization,
            resource=resource.id,
            identifier=checked_identifier(identifier),
            submit_limited=submit_limited,
            **values,
        )

    def change(
        self,
        *,
        name: str,
        method: str,
        path: str,
        frequency: int,
        test_frequency: int,
        submit_limited: bool,
        scope: str,
        description: str | None,
        by: Caller,
        now: datetime,
    ) -> None:
        """Replace all but the identifier. Raises UnknownInterface and what `create` raises of these."""
        self.require_known(by)
        values = _checked(
            name=name,
            method=method,
            path=path,
            frequency=frequency,
            test_frequency=test_frequency,
            scope=scope,
            description=description,
        )
        values["submit_limited"] = submit_limited
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(
                self.Changed, timestamp=now, organization=self.organization, resource=self.resource, **values
            )

    def delete(self, by: Caller, now: datetime) -> None:
        """End the interface for ever; withdrawing its grants is for the caller. Raises UnknownInterface."""
        self.require_known(by)
        self.trigger_event(self.Deleted, timestamp=now, organization=self.organization, resource=self.resource)

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownInterface when the interface is deleted or outside the caller's organization."""
        if self.deleted or (by is not None and not by.sees(self.organization)):
            raise UnknownInterface


def calls(value: int, *, field: str) -> int:
    """Return how many calls a minute are let pass. Raises InvalidFrequency."""
    if value not in _FREQUENCIES:
        raise InvalidFrequency(field=field)
    return value


def _checked(
    *, name: str, method: str, path: str, frequency: int, test_frequency: int, scope: str, description: str | None
) -> dict[str, Any]:
    if method not in set(Method):
        raise InvalidMethod(field="method")
    if scope not in set(Scope):
        raise InvalidInterfaceScope(field="scope")
    return {
        "name": text.name(name),
        "method": Method(method),
        "path": path_template(path),
        "frequency": calls(frequency, field="frequency"),
        "test_frequency": calls(test_frequency, field="test_frequency"),
        "scope": Scope(scope),
        "description": text.description(description),
    }
