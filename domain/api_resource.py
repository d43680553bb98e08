"""API resource: a service whose interfaces applications may be granted, as spec/iform.md section 1.2 has it.

Its identifier never changes. Interfaces are streams of their own (domain/interface.py) and end with it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain import scope, text
from domain.event import Recorded
from domain.refusals import ApiResourceInUse, InvalidApiIdentifier, InvalidUri, UnknownAccount, UnknownApiResource

if TYPE_CHECKING:
    from domain.caller import Caller

URI_LIMIT = 2048
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,127}")
# The characters of RFC 3986 without "#": people follow it, and a fragment addresses no service.
_URI = re.compile(r"https?://[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.IGNORECASE)


class ApiResource(Aggregate):
    """A service. Where `audience` is set, a token must have exactly that one to call its interfaces."""

    TOPIC = "api_resource"

    class Event(Recorded, Aggregate.Event):
        """What happens to a resource; decisions that rely on it are touched."""

        TOPIC = "api_resource.event"
        organization: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"api_resource:{self.originator_id}",)

        @property
        def shares(self) -> tuple[str, ...]:
            return (f"api_resource:{self.originator_id}",)

    class Created(Event, Aggregate.Created):
        """There is a resource."""

        TOPIC = "api_resource.created"
        identifier: str
        name: str
        uri: str | None
        audience: str | None
        description: str | None
        created_by: UUID

        @property
        def touches(self) -> tuple[str, ...]:
            return (
                f"api_resource:{self.originator_id}",
                f"organization-api-resources:{self.organization}",
                f"organization-contents:{self.organization}",
            )

    class Changed(Event):
        """A resource has another name, address, audience or description."""

        TOPIC = "api_resource.changed"
        name: str
        uri: str | None
        audience: str | None
        description: str | None

        def apply(self, resource: ApiResource) -> None:
            resource.name, resource.uri = self.name, self.uri
            resource.audience, resource.description = self.audience, self.description

    class Deleted(Event):
        """A resource is gone for ever."""

        TOPIC = "api_resource.deleted"

        @property
        def touches(self) -> tuple[str, ...]:
            return (f"api_resource:{self.originator_id}", f"organization-api-resources:{self.organization}")

        def apply(self, resource: ApiResource) -> None:
            resource.deleted = True

    def __init__(
        self,
        *,
        organization: UUID,
        identifier: str,
        name: str,
        uri: str | None,
        audience: str | None,
        description: str | None,
        created_by: UUID,
    ) -> None:
        """Start in use."""
        self.organization = organization
        self.identifier = identifier
        self.name = name
        self.uri = uri
        self.audience = audience
        self.description = description
        self.created_by = created_by
        self.deleted = False

    @classmethod
    def create(
        cls,
        *,
        id: UUID,
        organization: UUID,
        identifier: str,
        name: str,
        by: Caller,
        now: datetime,
        uri: str | None = None,
        audience: str | None = None,
        description: str | None = None,
    ) -> ApiResource:
        """Make a resource. That no other one has the identifier is for the caller's claim to ensure.

        Raises UnknownAccount (an organization that the caller does not see), InvalidApiIdentifier, InvalidName,
        InvalidUri, InvalidAudience or InvalidDescription.
        """
        if not by.sees(organization):
            raise UnknownAccount
        return cls._create(
            cls.Created,
            id=id,
            timestamp=now,
            organization=organization,
            identifier=checked_identifier(identifier),
            created_by=by.actor,
            **_checked(name, uri, audience, description),
        )

    def change(
        self,
        *,
        name: str,
        uri: str | None,
        audience: str | None,
        description: str | None,
        by: Caller,
        now: datetime,
    ) -> None:
        """Replace all but the identifier. Raises UnknownApiResource and what `create` raises of these."""
        self.require_known(by)
        values = _checked(name, uri, audience, description)
        if any(getattr(self, field) != value for field, value in values.items()):
            self.trigger_event(self.Changed, timestamp=now, organization=self.organization, **values)

    def delete(self, by: Caller, now: datetime, *, has_interfaces: bool = False) -> None:
        """End the resource for ever: `has_interfaces` says whether any would be left without it.

        Raises UnknownApiResource or ApiResourceInUse.
        """
        self.require_known(by)
        if has_interfaces:
            raise ApiResourceInUse
        self.trigger_event(self.Deleted, timestamp=now, organization=self.organization)

    def require_known(self, by: Caller | None = None) -> None:
        """Raise UnknownApiResource when the resource is deleted or outside the caller's organization."""
        if self.deleted or (by is not None and not by.sees(self.organization)):
            raise UnknownApiResource


def checked_identifier(value: str, *, field: str = "identifier") -> str:
    """Return the identifier of a resource or an interface as it is. Raises InvalidApiIdentifier."""
    if not _IDENTIFIER.fullmatch(value):
        raise InvalidApiIdentifier(field=field)
    return value


def folded_identifier(value: str) -> str:
    """Return what an identifier is told apart by: letter case is left aside."""
    return value.lower()


def _checked(name: str, uri: str | None, audience: str | None, description: str | None) -> dict[str, str | None]:
    return {
        "name": text.name(name),
        "uri": _address(uri),
        "audience": None if audience is None else scope.audience(audience),
        "description": text.description(description),
    }


def _address(uri: str | None) -> str | None:
    """Return the address for people, None for an empty one. Raises InvalidUri."""
    if not uri:
        return None
    if len(uri) > URI_LIMIT or not _URI.fullmatch(uri):
        raise InvalidUri(field="uri")
    try:
        parts = urlsplit(uri)
        complete = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:  # such as an unclosed bracket, or a port that is no number
        complete = False
    if not complete:
        raise InvalidUri(field="uri")
    return uri
