"""/api/connectors at work: where a user begins to link an identity, and messages to try a configuration out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.connector import Kind
from domain.refusals import (
    InvalidConnectorConfig,
    MessageRefused,
    MessageThrottled,
    SecretMissing,
    UnknownConnector,
    WrongConnectorKind,
)
from service.commands import connectors
from service.connectors import configuration, provider, sending
from service.connectors.registry import TYPES
from service.doors.account_settings import connector_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Reply
from service.http.call import Answer, Call, no_content
from service.http.input import InvalidInput
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from uuid import UUID

DOOR = AccountSettingsDoor("connectors at work")
TRIALS = (10, 60.0)
"""How many messages an organization may try out at once, and the seconds after which it may try one more."""


class AuthorizationUri(Reply):
    """Where the user goes to."""

    redirect_to: str


class Asking(Body):
    """What an authorization request carries: `state` is for the caller to check, nothing of it is kept."""

    state: Annotated[str, pydantic.Field(max_length=4096)]
    redirect_uri: Annotated[str, pydantic.Field(max_length=2048)]


class Trial(Body):
    """To whom a message is sent to try a connector out, and by which configuration, if not by its own."""

    email: Annotated[str, pydantic.Field(max_length=128, pattern=r"^\S+@\S+\.\S+$")] | None = None
    phone: Annotated[str, pydantic.Field(max_length=32, pattern=r"^[0-9]+$")] | None = None
    config: dict[str, Any] | None = None


@DOOR.route(
    "POST",
    "/api/connectors/{connector_id}/authorization-uri",
    permission="read_org",
    summary="Make the address where a user begins to link an identity",
    body=Asking,
    answer=AuthorizationUri,
    refuses=provider.AUTHORIZING,
)
async def authorization_uri(call: Call) -> Answer:
    body: Asking = call.body
    provider.require_complete(body.state, body.redirect_uri)
    found = await connector_document.seen(call)
    uri = await provider.authorization_uri(
        call.parts, found.organization, found.id, state=body.state, redirect_uri=body.redirect_uri
    )
    return Answer({"redirectTo": uri})


@DOOR.route(
    "POST",
    "/api/connectors/{connector_id}/test",
    permission="write_org",
    summary="Send a message by a connector, or by a type that is named in its place, to try a configuration out",
    body=Trial,
    status=204,
    words=("connector_id",),
    refuses=(
        UnknownConnector,
        WrongConnectorKind,
        SecretMissing,
        MessageRefused,
        MessageThrottled,
        InvalidConnectorConfig,
    ),
)
async def test(call: Call) -> Answer:
    body: Trial = call.body
    to, kind = (body.phone, Kind.SMS) if body.phone is not None else (body.email, Kind.EMAIL)
    if to is None:
        told = {"in": "body", "field": "email", "message": "an e-mail address or a phone number is needed"}
        raise InvalidInput("body", "The body does not fit", [told])
    known = TYPES.get(call.request.match_info["connector_id"])
    found = None if known is not None else await connector_document.seen(call)
    known = known or (None if found is None else TYPES.get(found.type))
    if known is None or known.kind is not kind:
        raise WrongConnectorKind
    config, allowed = found.config if found else None, call.parts.outbound.allowed
    if body.config is not None:
        config = configuration.checked(known.config, body.config, allowed=allowed, former=config)
    parts = call.parts
    sender = sending.sender(known.id, config, parts.outbound, parts.clock)
    await _require_few(call, call.by.organization if found is None else found.organization)
    await sending.tried(sender, to, id=parts.clock.new_id())
    if found is None:
        return Answer()
    return await call.carry_out(connectors.note_test, no_content, connector=found.id)


async def _require_few(call: Call, organization: UUID) -> None:
    """Count a trial. Raises MessageThrottled: whoever pays for messages is not to be made to pay for any number."""
    burst, every = TRIALS
    seconds = await call.parts.throttle.wait(Bucket.of("connector-trial", organization.bytes, burst=burst, every=every))
    if seconds:
        raise MessageThrottled("too many trials", seconds=seconds)
