"""A connector as the account-settings door shows one, and its type: with a mask in the place of each secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.connector import Kind
from domain.refusals import UnknownConnector
from service.connectors import configuration, stored
from service.connectors.registry import TYPES
from service.doors.account_settings.frame import Reply, milliseconds
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from domain import connector
    from service.connectors.registry import ConnectorType
    from service.http.call import Call


class Metadata(Reply):
    """What people are shown of a connector: its name by language, and pictures. `target` names a social provider."""

    target: str | None
    name: dict[str, str]
    logo: str | None
    logo_dark: str | None


class ConnectorFactory(Reply):
    """A type of connectors. `isStandard`: its connectors lead anywhere, so each names its target.

    With `isSessionNeeded`, nobody is linked by way of one through this interface. `configSchema` is a JSON Schema.
    """

    id: str
    type: str
    target: str
    platform: str | None
    name: dict[str, str]
    description: dict[str, str]
    is_standard: bool
    is_session_needed: bool
    config_schema: dict[str, Any]


class Connector(Reply):
    """A connector, of the type that `connectorId` names. Where its configuration has a secret, a mask stands."""

    id: Id
    tenant_id: Id
    connector_id: str
    type: str
    platform: str | None
    target: str
    name: dict[str, str]
    config: dict[str, Any]
    metadata: Metadata
    sync_profile: bool
    is_standard: bool
    is_session_needed: bool
    created_at: int
    updated_at: int


def of(found: connector.Connector) -> dict[str, Any]:
    """Return the document of a connector."""
    known = TYPES.get(found.type)
    return {
        "id": found.id,
        "tenantId": found.organization,
        "connectorId": found.type,
        "type": found.kind,
        "platform": _platform(found.kind),
        "target": found.target or found.type,
        "name": found.name or {"en": known.name if known else found.type},
        # A type that this program does not know may have secrets that it does not know either.
        "config": configuration.masked(known.config, found.config) if known else {},
        "metadata": {"target": found.target, "name": found.name, "logo": found.logo, "logoDark": found.logo_dark},
        "syncProfile": False,
        "isStandard": known is not None and _is_standard(known),
        "isSessionNeeded": known is not None and known.needs_session,
        "createdAt": milliseconds(found.created_on),
        "updatedAt": milliseconds(found.modified_on),
    }


def of_type(known: ConnectorType) -> dict[str, Any]:
    """Return the document of a type."""
    return {
        "id": known.id,
        "type": known.kind,
        "target": known.target or known.id,
        "platform": _platform(known.kind),
        "name": {"en": known.name},
        "description": {"en": known.description},
        "isStandard": _is_standard(known),
        "isSessionNeeded": known.needs_session,
        "configSchema": known.config.model_json_schema(),
    }


def _platform(kind: Kind) -> str | None:
    return "Universal" if kind is Kind.SOCIAL else None


def _is_standard(known: ConnectorType) -> bool:
    return known.kind is Kind.SOCIAL and known.target is None


async def seen(call: Call) -> connector.Connector:
    """Return the connector of the path, if the caller sees it. Raises UnknownConnector."""
    store = call.parts.store
    found = await stored.one(store.pool, store.vault, call.id("connector_id", UnknownConnector))
    if found is None or not call.by.sees(found.organization):
        raise UnknownConnector
    return found
