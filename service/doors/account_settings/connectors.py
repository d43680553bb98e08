"""/api/connectors: ways to providers of identities, and what sends messages. `read_org` reads, `write_org` changes.

Secrets are never shown: a mask stands in their place, and sending it back keeps them. An organization has one sender of
each kind, and a new one of another type takes its place; whoever sets one up holds what the organization's roles do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.refusals import (
    AccountNotActive,
    ConnectorTypeTaken,
    InvalidConnectorConfig,
    InvalidLocale,
    InvalidName,
    InvalidPicture,
    InvalidTarget,
    MissingPermission,
    NoSuchConnectorType,
    SecretMissing,
    TargetFixed,
    TargetMissing,
    TargetTaken,
    TooMany,
    UnknownAccount,
    UnknownConnector,
)
from service.commands import connectors
from service.commands.unchanged import UNCHANGED
from service.connectors import stored
from service.connectors.registry import TYPES
from service.doors.account_settings import connector_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.http.call import Answer, Call, no_content
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from domain import connector

DOOR = AccountSettingsDoor("connectors")
DESCRIBED = (InvalidName, InvalidLocale, InvalidPicture, TooMany)
CONFIGURED = (InvalidConnectorConfig, MissingPermission)

Word = Annotated[str, pydantic.Field(min_length=1, max_length=128)]
Text = Annotated[str, pydantic.Field(max_length=2048)]


class ConnectorFactories(Output, pydantic.RootModel[list[connector_document.ConnectorFactory]]):
    """The types of connectors that there are."""


class Connectors(Output, pydantic.RootModel[list[connector_document.Connector]]):
    """The connectors of an organization."""


class Which(Body):
    """Which connectors: those to one target, perhaps. `organizationId` is root's to name."""

    target: str | None = None
    organization_id: Id | None = None


class NewMetadata(Body):
    """What people are shown of a connector."""

    target: Word | None = None
    name: dict[str, str] | None = None
    logo: Text | None = None
    logo_dark: Text | None = None


class NewConnector(Body):
    """A connector of the type `connectorId`. `organizationId` is the caller's own, but root may name another."""

    connector_id: Word
    config: dict[str, Any] | None = None
    metadata: NewMetadata | None = None
    organization_id: Id | None = None


class Change(Body):
    """What of a connector is to be different; `config` is replaced as a whole."""

    config: dict[str, Any] | None = None
    metadata: NewMetadata | None = None


def _shown(found: connector.Connector) -> Answer:
    return Answer(connector_document.of(found))


def _stated(metadata: NewMetadata | None) -> dict[str, Any]:
    """Return what is said of a connector; a name that is null is none."""
    given = {} if metadata is None else metadata.stated()
    return {**given, "name": given["name"] or {}} if "name" in given else given


@DOOR.route(
    "GET",
    "/api/connector-factories",
    permission="read_org",
    summary="List the types of connectors",
    answer=ConnectorFactories,
)
async def types(_: Call) -> Answer:
    return Answer([connector_document.of_type(known) for known in TYPES.values()])


@DOOR.route(
    "GET",
    "/api/connectors",
    permission="read_org",
    summary="List the connectors",
    query=Which,
    answer=Connectors,
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Which = call.query
    organization = query.organization_id or call.by.organization
    if not call.by.sees(organization):
        raise UnknownAccount
    store = call.parts.store
    found = [connector_document.of(one) for one in await stored.of_organization(store.pool, store.vault, organization)]
    return Answer([one for one in found if query.target in (None, one["target"])])


@DOOR.route(
    "POST",
    "/api/connectors",
    permission="write_org",
    summary="Set a connector up",
    body=NewConnector,
    answer=connector_document.Connector,
    refuses=(
        UnknownAccount,
        AccountNotActive,
        NoSuchConnectorType,
        TargetMissing,
        InvalidTarget,
        TargetTaken,
        ConnectorTypeTaken,
        *CONFIGURED,
        *DESCRIBED,
    ),
)
async def create(call: Call) -> Answer:
    body: NewConnector = call.body
    return await call.carry_out(
        connectors.create,
        _shown,
        organization=body.organization_id or call.by.organization,
        type=body.connector_id,
        config=body.config,
        allowed=call.parts.outbound.allowed,
        **_stated(body.metadata),
    )


@DOOR.route(
    "GET",
    "/api/connectors/{connector_id}",
    permission="read_org",
    summary="Read a connector",
    answer=connector_document.Connector,
    refuses=(UnknownConnector,),
)
async def one(call: Call) -> Answer:
    return _shown(await connector_document.seen(call))


@DOOR.route(
    "PATCH",
    "/api/connectors/{connector_id}",
    permission="write_org",
    summary="Change a connector",
    body=Change,
    answer=connector_document.Connector,
    refuses=(UnknownConnector, SecretMissing, TargetFixed, *CONFIGURED, *DESCRIBED),
)
async def change(call: Call) -> Answer:
    body: Change = call.body
    return await call.carry_out(
        connectors.change,
        _shown,
        connector=call.id("connector_id", UnknownConnector),
        allowed=call.parts.outbound.allowed,
        config=UNCHANGED if body.config is None else body.config,
        **_stated(body.metadata),
    )


@DOOR.route(
    "DELETE",
    "/api/connectors/{connector_id}",
    permission="write_org",
    summary="End a connector, and destroy its configuration; identities that were linked through it stay",
    status=204,
    refuses=(UnknownConnector, MissingPermission),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(connectors.delete, no_content, connector=call.id("connector_id", UnknownConnector))
