"""/api/users/{user_id}/identities: who a user is at social providers and at an enterprise's own (spec/logto.md 7).

A provider is named by its target: in the path, or as `target` in the query or the body. `read_user` reads, `write_user`
links and unlinks. Enterprise identities are shown and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pydantic

from domain.identity import PERSON_LIMIT
from domain.refusals import (
    IdentityTaken,
    InvalidDetails,
    InvalidIdentity,
    InvalidTarget,
    MissingPermission,
    TooMany,
    UnknownConnector,
    UnknownEnterpriseIdentity,
    UnknownIdentity,
    UnknownUser,
)
from projections import identities as rows
from projections import users
from service.commands import identities
from service.connectors import provider
from service.doors.account_settings import user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Flag, Reply
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import InvalidInput

if TYPE_CHECKING:
    from service.commands.identities import Left

DOOR = AccountSettingsDoor("identities")
PATH = "/api/users/{user_id}/identities"


class Callback(Body):
    """What a provider sent the user back with: `connectorData` has the parameters, and the `redirectUri` they came to.

    `state` is for whoever sent the user there to check.
    """

    connector_id: str
    connector_data: dict[str, Any]


class Person(Body):
    """Whom a provider knows the user as, and what else is told of them there; what is left out is told no more."""

    user_id: str = pydantic.Field(min_length=1, max_length=PERSON_LIMIT)
    details: dict[str, Any] = pydantic.Field(default={})


class PersonThere(Person):
    """Whom a provider knows the user as, and which one."""

    target: str | None = None


class There(Body):
    """Which provider."""

    target: str | None = None


class Secrets(Body):
    """Whether to show tokens of the provider, which are not kept: there is nothing to show."""

    include_token_secret: Flag = False


class SocialIdentity(Reply):
    """Whom a provider knows a user as, with what it told of them."""

    user_id: str
    details: dict[str, Any] = pydantic.Field(default={})


class Identities(Output, pydantic.RootModel[dict[str, SocialIdentity]]):
    """All social identities of a user, by target."""


class OneIdentity(Reply):
    """A social identity of a user."""

    identity: SocialIdentity


class IdentityThere(OneIdentity):
    """A social identity, and where it is one."""

    target: str


class OneEnterpriseIdentity(Reply):
    """An enterprise identity of a user."""

    sso_identity: user_document.EnterpriseIdentity


class EnterpriseIdentityThere(OneEnterpriseIdentity):
    """An enterprise identity, and where it is one."""

    sso_connector_id: str


class AllIdentities(Reply):
    """All identities of a user, social and enterprise."""

    social_identities: list[IdentityThere]
    sso_identities: list[EnterpriseIdentityThere]


def _map(left: Left) -> Answer:
    return Answer(left.identities)


def _map_or_made(left: Left) -> Answer:
    return Answer(left.identities, status=201 if left.made else None)


@DOOR.route(
    "POST",
    PATH,
    permission="write_user",
    summary="Link the social identity that the user proved at a provider",
    body=Callback,
    answer=Identities,
    refuses=(UnknownUser, MissingPermission, *provider.REDEEMING, InvalidDetails, TooMany, IdentityTaken),
)
async def link(call: Call) -> Answer:
    body: Callback = call.body
    user, parts = call.id("user_id", UnknownUser), call.parts
    organization = await identities.may_link(parts.store, call.origin, call.by, user=user)
    connector = _connector(body.connector_id)
    proved = await provider.redeemed(parts, organization, connector, body.connector_data)
    return await call.carry_out(
        identities.link,
        _map,
        user=user,
        target=proved.target,
        person=proved.user_id,
        details=proved.details,
        connector=connector,
    )


@DOOR.route(
    "PUT",
    PATH + "/{target}",
    permission="write_user",
    summary="Say whom a provider knows a user as",
    body=Person,
    answer=Identities,
    also=201,
    refuses=(UnknownUser, MissingPermission, InvalidTarget, InvalidIdentity, InvalidDetails, TooMany, IdentityTaken),
)
async def put(call: Call) -> Answer:
    return await _put(call, call.request.match_info["target"])


@DOOR.route(
    "PUT",
    PATH,
    permission="write_user",
    summary="Say whom a provider, which is named in the query or the body, knows a user as",
    query=There,
    body=PersonThere,
    answer=Identities,
    also=201,
    refuses=(UnknownUser, MissingPermission, InvalidTarget, InvalidIdentity, InvalidDetails, TooMany, IdentityTaken),
)
async def put_named(call: Call) -> Answer:
    return await _put(call, _target(call))


@DOOR.route(
    "DELETE",
    PATH + "/{target}",
    permission="write_user",
    summary="Unlink a social identity",
    answer=user_document.User,
    refuses=(UnknownUser, MissingPermission, UnknownIdentity),
)
async def unlink(call: Call) -> Answer:
    return await _unlink(call, call.request.match_info["target"])


@DOOR.route(
    "DELETE",
    PATH,
    permission="write_user",
    summary="Unlink the social identity at the provider that is named in the query or the body",
    query=There,
    body=There,
    answer=user_document.User,
    refuses=(UnknownUser, MissingPermission, UnknownIdentity),
)
async def unlink_named(call: Call) -> Answer:
    return await _unlink(call, _target(call))


@DOOR.route(
    "GET",
    PATH + "/{target}",
    permission="read_user",
    summary="Read a social identity",
    query=Secrets,
    answer=OneIdentity,
    refuses=(UnknownUser, UnknownIdentity),
)
async def one(call: Call) -> Answer:
    user = await _seen(call)
    linked = await rows.of_users(call.parts.store.pool, [user])
    identity = linked[user].get(call.request.match_info["target"])
    if identity is None:
        raise UnknownIdentity
    return Answer({"identity": identity})


@DOOR.route(
    "GET",
    "/api/users/{user_id}/all-identities",
    permission="read_user",
    summary="Read all identities of a user, social and enterprise",
    query=Secrets,
    answer=AllIdentities,
    refuses=(UnknownUser,),
)
async def every(call: Call) -> Answer:
    user, pool = await _seen(call), call.parts.store.pool
    social = await rows.of_users(pool, [user])
    enterprise = await rows.enterprise_of(pool, user)
    return Answer(
        {
            "socialIdentities": [{"target": target, "identity": said} for target, said in social[user].items()],
            "ssoIdentities": [
                {"ssoConnectorId": row["connector"], "ssoIdentity": user_document.enterprise(row)} for row in enterprise
            ],
        }
    )


@DOOR.route(
    "GET",
    "/api/users/{user_id}/sso-identities/{sso_connector}",
    permission="read_user",
    summary="Read an enterprise identity",
    query=Secrets,
    answer=OneEnterpriseIdentity,
    refuses=(UnknownUser, UnknownEnterpriseIdentity),
)
async def enterprise(call: Call) -> Answer:
    user, word = await _seen(call), call.request.match_info["sso_connector"]
    for row in await rows.enterprise_of(call.parts.store.pool, user):
        if row["connector"] == word:
            return Answer({"ssoIdentity": user_document.enterprise(row)})
    raise UnknownEnterpriseIdentity


async def _seen(call: Call) -> UUID:
    """Return the id of the path's user. Raises UnknownUser."""
    user = call.id("user_id", UnknownUser)
    call.seen(await users.one(call.parts.store.pool, user), UnknownUser)
    return user


async def _put(call: Call, target: str) -> Answer:
    body: Person = call.body
    return await call.carry_out(
        identities.link,
        _map_or_made,
        user=call.id("user_id", UnknownUser),
        target=target,
        person=body.user_id,
        details=body.details if "details" in body.model_fields_set else None,
    )


async def _unlink(call: Call, target: str) -> Answer:
    user = call.id("user_id", UnknownUser)
    beside = await user_document.beside(call, user)

    def shown(left: Left) -> Answer:
        return Answer(user_document.of(left.user, beside, linked=left.identities))

    return await call.carry_out(identities.unlink, shown, user=user, target=target)


def _target(call: Call) -> str:
    """Return the provider that query or body name, which is never all of them. Raises InvalidInput."""
    named = {each.target for each in (call.query, call.body) if each.target is not None}
    if len(named) != 1:
        sentence = "Name one provider: in the path, or as target in the query or the body"
        raise InvalidInput("query", sentence, [{"in": "query", "field": "target", "message": sentence}])
    return str(named.pop())


def _connector(text: str) -> UUID:
    """Return the id of a connector; what is no UUID names nothing. Raises UnknownConnector."""
    try:
        value = UUID(text)
    except ValueError:
        raise UnknownConnector from None
    if str(value) != text.lower():
        raise UnknownConnector
    return value
