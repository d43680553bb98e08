"""/api/applications: the OAuth clients of an organization. `read_app` reads, `write_app` changes.

Secrets are shown in the answer that made them and never again; an Idempotency-Key lets a client that lost that answer
have it once more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from domain import grant_types
from domain.application_settings import SETTINGS, ApplicationSettings, Kind, TokenFormat
from domain.refusals import (
    AccountNotActive,
    ClientIdTaken,
    InvalidAudience,
    InvalidClientId,
    InvalidEndUserSource,
    InvalidExpiry,
    InvalidGrantType,
    InvalidKeySet,
    InvalidLifetime,
    InvalidLimit,
    InvalidName,
    InvalidReason,
    InvalidRedirectUri,
    InvalidScope,
    MissingPermission,
    OwnDeletion,
    RootRequired,
    SelfApproval,
    ThirdPartyEffective,
    TooMany,
    UnknownAccount,
    UnknownApplication,
    WrongClientKind,
)
from projections import applications as rows
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment, Nothing
from service.http.paging import Listed, OrganizationPage, page

if TYPE_CHECKING:
    from domain import application
    from service.commands.applications import WithSecrets
    from service.http.document import Row

DOOR = Door("applications")
GrantTypes = list[Annotated[str, pydantic.Field(json_schema_extra={"enum": list(grant_types.ALL)})]]
RULES = (
    InvalidName,
    InvalidScope,
    InvalidAudience,
    TooMany,
    InvalidLifetime,
    InvalidLimit,
    InvalidKeySet,
    InvalidRedirectUri,
    InvalidGrantType,
    InvalidEndUserSource,
    WrongClientKind,
    RootRequired,
    MissingPermission,
)


class Application(Output):
    """An application. Lifetimes and the grace are in seconds, `rate_limit` in requests a minute; `key_set` is public.

    No `grant_types` stand for those of its kind. `trusted`: people may give it their passwords. `end_user_from` says
    where its token requests name their end users: `header:NAME`, `query:NAME`, `form:NAME`, or `user` for the signed-in
    user. A third party has a `standing`, and may be used while that is `effective`, before `effective_until`.
    """

    id: Id
    organization: Id
    client_id: str
    kind: Kind
    status: Literal["active", "disabled"]
    name: str
    permissions: list[str]
    audiences: list[str]
    token_format: TokenFormat
    access_token_lifetime: int
    key_set: dict[str, Any] | None
    rate_limit: int | None
    redirect_uris: list[str]
    use_system_mfa_config: bool
    require_email_mfa: bool
    require_otp_mfa: bool
    require_sms_mfa: bool
    allow_email_mfa_as_backup: bool
    grant_types: GrantTypes
    trusted: bool
    refresh_token_lifetime: int
    refresh_grace: int
    post_logout_redirect_uris: list[str]
    backchannel_logout_uri: str | None
    end_user_from: str | None
    standing: Literal["pending", "effective", "rejected"] | None
    effective_until: Moment | None
    created_at: Moment
    updated_at: Moment


class ShownSecret(Output):
    """A secret, shown this once. `hint` is its last 4 characters."""

    id: Id
    name: str
    secret: str
    hint: str
    expires_at: Moment | None


class Registered(Application):
    """The application, with the secrets that were asked for: they are shown this once."""

    secrets: list[ShownSecret]


def _key_set(row: Row) -> dict[str, Any] | None:
    keys = row["key_set"]
    return None if keys is None else json.loads(keys)


DOCUMENT = Document(
    Application,
    **{name: (name, f"settings.{name}") for name in SETTINGS if name != "key_set"},
    key_set=(_key_set, "settings.key_set"),
)


class NewSecret(Input):
    """A secret to be made; `expires_at` null: it lasts until it is retired."""

    name: str
    expires_at: Moment | None = None


class Registration(Input):
    """A new application. `client_id` null: its id; `access_token_lifetime`, in seconds, null: the kind's default."""

    name: str
    kind: Kind
    client_id: str | None = None
    permissions: list[str] = pydantic.Field(default_factory=list)
    audiences: list[str] = pydantic.Field(default_factory=list)
    token_format: TokenFormat = TokenFormat.JWT
    access_token_lifetime: int | None = None
    key_set: dict[str, Any] | None = None
    rate_limit: int | None = None
    redirect_uris: list[str] = pydantic.Field(default_factory=list)
    use_system_mfa_config: bool = True
    require_email_mfa: bool = False
    require_otp_mfa: bool = False
    require_sms_mfa: bool = False
    allow_email_mfa_as_backup: bool = False
    grant_types: GrantTypes = pydantic.Field(default_factory=list)
    trusted: bool = False
    refresh_token_lifetime: int = 2_592_000
    refresh_grace: int = 0
    post_logout_redirect_uris: list[str] = pydantic.Field(default_factory=list)
    backchannel_logout_uri: str | None = None
    end_user_from: str | None = None
    secrets: list[NewSecret] = pydantic.Field(default=[], max_length=20)
    organization: Id | None = None


class Change(Input):
    """Which settings are to be different; kind and client id never change."""

    name: str = ""
    permissions: list[str] = pydantic.Field(default_factory=list)
    audiences: list[str] = pydantic.Field(default_factory=list)
    token_format: TokenFormat = TokenFormat.JWT
    access_token_lifetime: int | None = None
    key_set: dict[str, Any] | None = None
    rate_limit: int | None = None
    redirect_uris: list[str] = pydantic.Field(default_factory=list)
    use_system_mfa_config: bool = True
    require_email_mfa: bool = False
    require_otp_mfa: bool = False
    require_sms_mfa: bool = False
    allow_email_mfa_as_backup: bool = False
    grant_types: GrantTypes = pydantic.Field(default_factory=list)
    trusted: bool = False
    refresh_token_lifetime: int = 2_592_000
    refresh_grace: int = 0
    post_logout_redirect_uris: list[str] = pydantic.Field(default_factory=list)
    backchannel_logout_uri: str | None = None
    end_user_from: str | None = None


class Reason(Input):
    """Why, for the auditors."""

    reason: str | None = None


class Filter(OrganizationPage):
    """Which applications."""

    kind: Kind | None = None
    status: Literal["active", "disabled"] | None = None


def _shown(made: application.Application) -> Answer:
    return Answer(DOCUMENT.of(made))


def _registered(made: WithSecrets) -> Answer:
    secrets = [
        {"id": one.id, "name": one.name, "secret": one.text, "hint": one.hint, "expires_at": one.expires_at}
        for one in made.secrets
    ]
    document = DOCUMENT.of(made.application)
    # Its secrets are events of their own, a moment later, which leave its row's time of change alone.
    return Answer({**document, "updated_at": document["created_at"], "secrets": secrets})


@DOOR.route(
    "POST",
    "/api/applications",
    permission="write_app",
    summary="Register an application, with secrets when asked",
    body=Registration,
    status=201,
    answer=Registered,
    refuses=(UnknownAccount, AccountNotActive, InvalidClientId, InvalidExpiry, ClientIdTaken, *RULES),
)
async def register(call: Call) -> Answer:
    body: Registration = call.body
    return await call.carry_out(
        applications.register,
        _registered,
        organization=body.organization or call.by.organization,
        kind=body.kind,
        client_id=body.client_id,
        settings=ApplicationSettings(**{name: getattr(body, name) for name in SETTINGS}),
        secrets=[SecretRequest(secret.name, secret.expires_at) for secret in body.secrets],
    )


@DOOR.route(
    "GET",
    "/api/applications",
    permission="read_app",
    summary="List applications",
    query=Filter,
    answer=Listed[Application],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Filter = call.query
    found = await rows.page(
        call.parts.store.pool,
        call.organization(query.organization),
        kind=query.kind,
        status=query.status,
        after=query.after,
        limit=query.wanted,
    )
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/applications/{application_id}",
    permission="read_app",
    summary="Read an application",
    answer=Application,
    refuses=(UnknownApplication,),
)
async def one(call: Call) -> Answer:
    row = await rows.one(call.parts.store.pool, call.id("application_id", UnknownApplication))
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownApplication)))


@DOOR.route(
    "PATCH",
    "/api/applications/{application_id}",
    permission="write_app",
    summary="Change an application's settings",
    body=Change,
    answer=Application,
    refuses=(UnknownApplication, SelfApproval, *RULES),
)
async def update(call: Call) -> Answer:
    application = call.id("application_id", UnknownApplication)
    return await call.carry_out(applications.update, _shown, application=application, **call.body.stated())


@DOOR.route(
    "POST",
    "/api/applications/{application_id}/disable",
    permission="write_app",
    summary="Take an application and its tokens out of use",
    body=Reason,
    answer=Application,
    refuses=(UnknownApplication, OwnDeletion, MissingPermission, InvalidReason),
)
async def disable(call: Call) -> Answer:
    application = call.id("application_id", UnknownApplication)
    return await call.carry_out(applications.disable, _shown, application=application, reason=call.body.reason)


@DOOR.route(
    "POST",
    "/api/applications/{application_id}/enable",
    permission="write_app",
    summary="Take an application and its tokens into use again; a third party as it is approved",
    body=Nothing,
    answer=Application,
    refuses=(UnknownApplication, MissingPermission, SelfApproval),
)
async def enable(call: Call) -> Answer:
    application = call.id("application_id", UnknownApplication)
    return await call.carry_out(applications.enable, _shown, application=application)


@DOOR.route(
    "DELETE",
    "/api/applications/{application_id}",
    permission="write_app",
    summary="Delete an application and its secrets",
    status=204,
    refuses=(UnknownApplication, OwnDeletion, MissingPermission, ThirdPartyEffective),
)
async def delete(call: Call) -> Answer:
    application = call.id("application_id", UnknownApplication)
    return await call.carry_out(applications.delete, no_content, application=application)
