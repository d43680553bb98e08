"""/api/v1/apps: the applications of the caller's organization (spec/melody.md section 4.1).

Only root puts root into an app's scopes, whatever the app has already (M13, M14). A change is made as a whole or not at
all, and a scope that the organization does not know is refused on POST and on PUT alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from domain.application import Status
from domain.application_settings import ApplicationSettings, Kind
from domain.refusals import (
    AccountNotActive,
    InvalidName,
    InvalidRedirectUri,
    InvalidScope,
    MissingPermission,
    OwnDeletion,
    RootRequired,
    SelfApproval,
    ThirdPartyEffective,
    TooMany,
    UndefinedScope,
    UnknownAccount,
    UnknownApplication,
    WrongClientKind,
)
from projections import applications as rows
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.doors.s2s.frame import (
    EVERYTHING,
    Body,
    Reply,
    ServerToServerDoor,
    already_gone,
    times,
    whole,
)
from service.http.call import Answer, Call, no_content
from service.http.input import Id  # noqa: TC001 - pydantic reads it
from service.http.paging import START

if TYPE_CHECKING:
    from domain.application import Application
    from service.commands.applications import WithSecrets
    from service.http.document import Row

DOOR = ServerToServerDoor("apps")
MFA = ("use_system_mfa_config", "require_email_mfa", "require_otp_mfa", "require_sms_mfa", "allow_email_mfa_as_backup")
RULES = (InvalidName, InvalidScope, TooMany, InvalidRedirectUri, WrongClientKind, RootRequired, MissingPermission)
SECRET_NAME = "first"  # noqa: S105 - what the one secret that this dialect knows of is called elsewhere

Name = Annotated[str, pydantic.Field(min_length=1, max_length=50)]
Type = Literal["spa", "s2s"]


class App(Reply):
    """An app: `s2s` is a server application, `spa` every other kind. `redirectUris` are compared as they stand."""

    id: Id
    client_id: str
    name: str
    is_active: bool
    type: Type
    redirect_uris: list[str]
    use_system_mfa_config: bool
    require_email_mfa: bool
    require_otp_mfa: bool
    require_sms_mfa: bool
    allow_email_mfa_as_backup: bool
    created_at: str
    updated_at: str
    deleted_at: None


class AppDetail(App):
    """An app with the scopes that it may ask for."""

    scopes: list[str]


class CreatedAppDetail(AppDetail):
    """An app just made. `secret` is shown this once, and null for a type that keeps none."""

    secret: str | None


class Apps(Reply):
    """All apps of the organization."""

    apps: list[App]


class OneApp(Reply):
    """One app."""

    app: AppDetail


class CreatedApp(Reply):
    """The app that was made."""

    app: CreatedAppDetail


class NewApp(Body):
    """A new app."""

    name: Name
    type: Type
    scopes: list[str]
    redirect_uris: list[str]


class Change(Body):
    """What of an app is to be different. `scopes` replaces all of them; what is left out stays as it is."""

    name: Name = ""
    is_active: bool = True
    scopes: list[str] = pydantic.Field(default_factory=list)
    redirect_uris: list[str] = pydantic.Field(default_factory=list)
    use_system_mfa_config: bool = True
    require_email_mfa: bool = False
    require_otp_mfa: bool = False
    require_sms_mfa: bool = False
    allow_email_mfa_as_backup: bool = False


def _shown(app: Application) -> Answer:
    return Answer({"app": _detail(app)})


def _created(made: WithSecrets) -> Answer:
    app = _detail(made.application)
    # Its secret is an event of its own, a moment later, which leaves the app's time of change alone.
    app["updatedAt"] = app["createdAt"]
    return Answer({"app": {**app, "secret": made.secrets[0].text if made.secrets else None}})


def _detail(app: Application) -> dict[str, Any]:
    settings = vars(app.settings)
    shown = {"id": app.id, "client_id": app.client_id, "kind": app.kind, "status": app.status, **settings}
    return {**_app(shown), **times(app.created_on, app.modified_on), "scopes": app.settings.permissions}


def _of_row(row: Row) -> dict[str, Any]:
    return {**_app(row), **times(row["created_at"], row["updated_at"])}


def _app(values: Row) -> dict[str, Any]:
    names = App.model_fields
    return {
        "id": values["id"],
        "clientId": values["client_id"],
        "name": values["name"],
        "isActive": values["status"] == Status.ACTIVE,
        "type": "s2s" if values["kind"] == Kind.MACHINE else "spa",
        "redirectUris": values["redirect_uris"],
        **{names[name].alias or name: values[name] for name in MFA},
    }


@DOOR.route("GET", "/api/v1/apps", permission="read_app", summary="List the apps", answer=Apps)
async def listed(call: Call) -> Answer:
    found = await rows.page(
        call.parts.store.pool, call.by.organization, kind=None, status=None, after=START, limit=EVERYTHING + 1
    )
    return Answer({"apps": [_of_row(row) for row in whole(found)]})


@DOOR.route(
    "GET",
    "/api/v1/apps/{app_id}",
    permission="read_app",
    summary="Read an app",
    answer=OneApp,
    refuses=(UnknownApplication,),
)
async def one(call: Call) -> Answer:
    row = call.seen(await rows.one(call.parts.store.pool, call.id("app_id", UnknownApplication)), UnknownApplication)
    return Answer({"app": {**_of_row(row), "scopes": row["permissions"]}})


@DOOR.route(
    "POST",
    "/api/v1/apps",
    permission="write_app",
    summary="Make an app; root alone puts root into its scopes",
    body=NewApp,
    status=201,
    answer=CreatedApp,
    refuses=(UnknownAccount, AccountNotActive, UndefinedScope, *RULES),
)
async def create(call: Call) -> Answer:
    """Make the app for the one audience that tokens of this dialect have, since no request of it can name another."""
    body: NewApp = call.body
    is_server = body.type == "s2s"
    return await call.carry_out(
        applications.register,
        _created,
        organization=call.by.organization,
        kind=Kind.MACHINE if is_server else Kind.SPA,
        settings=ApplicationSettings(
            name=body.name,
            permissions=body.scopes,
            audiences=[call.parts.settings.default_audience] if is_server else [],
            redirect_uris=tuple(body.redirect_uris),
        ),
        secrets=[SecretRequest(SECRET_NAME)] if is_server else [],
        defined_only=True,
    )


@DOOR.route(
    "PUT",
    "/api/v1/apps/{app_id}",
    permission="write_app",
    summary="Change an app; root alone puts root into its scopes",
    body=Change,
    answer=OneApp,
    refuses=(UnknownApplication, UndefinedScope, OwnDeletion, SelfApproval, *RULES),
)
async def update(call: Call) -> Answer:
    stated = call.body.stated()
    for name, command_name in (("scopes", "permissions"), ("is_active", "active")):
        if name in stated:
            stated[command_name] = stated.pop(name)
    return await call.carry_out(
        applications.update, _shown, application=call.id("app_id", UnknownApplication), defined_only=True, **stated
    )


@DOOR.route(
    "DELETE",
    "/api/v1/apps/{app_id}",
    permission="write_app",
    summary="Delete an app; one that is not there is gone already",
    status=204,
    refuses=(UnknownApplication, OwnDeletion, MissingPermission, ThirdPartyEffective),
)
async def delete(call: Call) -> Answer:
    application = call.id("app_id", UnknownApplication)
    return await already_gone(lambda: call.carry_out(applications.delete, no_content, application=application))
