"""/api/applications/…/secrets: what an application proves itself with. `read_app` lists, `write_app` adds and retires.

A list never holds a secret or its digest: name, hint (the last 4 characters) and expiry tell one from another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import (
    CreatorRequired,
    InvalidExpiry,
    InvalidName,
    MissingPermission,
    NameTaken,
    RootRequired,
    ThirdPartyNotEffective,
    TooManySecrets,
    UnknownApplication,
    UnknownSecret,
    WrongClientKind,
)
from projections import applications as rows
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Id, Input, Moment
from service.http.paging import Whole

if TYPE_CHECKING:
    from service.commands.applications import WithSecrets

DOOR = Door("client-secrets")


class Secret(Output):
    """A secret, of which only the last 4 characters are told: `hint`."""

    id: Id
    name: str
    hint: str
    expires_at: Moment | None
    created_at: Moment


class ShownSecret(Output):
    """A secret, shown this once. `hint` is its last 4 characters."""

    id: Id
    name: str
    secret: str
    hint: str
    expires_at: Moment | None


class ShownSecrets(Output):
    """The secrets, shown this once."""

    secrets: list[ShownSecret]


DOCUMENT = Document(Secret)


class NewSecret(Input):
    """A secret to be made; `expires_at` null: it lasts until it is retired."""

    name: str
    expires_at: Moment | None = None


class NewSecrets(Input):
    """Secrets to be made together, all or none."""

    secrets: list[NewSecret] = pydantic.Field(min_length=1, max_length=20)


def _issued(made: WithSecrets) -> Answer:
    return Answer(
        {
            "secrets": [
                {"id": one.id, "name": one.name, "secret": one.text, "hint": one.hint, "expires_at": one.expires_at}
                for one in made.secrets
            ]
        }
    )


@DOOR.route(
    "POST",
    "/api/applications/{application_id}/secrets",
    permission="write_app",
    summary="Make further secrets, shown once",
    body=NewSecrets,
    status=201,
    answer=ShownSecrets,
    refuses=(
        UnknownApplication,
        InvalidName,
        InvalidExpiry,
        NameTaken,
        TooManySecrets,
        ThirdPartyNotEffective,
        CreatorRequired,
        WrongClientKind,
        RootRequired,
        MissingPermission,
    ),
)
async def add(call: Call) -> Answer:
    return await call.carry_out(
        applications.add_secrets,
        _issued,
        application=call.id("application_id", UnknownApplication),
        secrets=[SecretRequest(secret.name, secret.expires_at) for secret in call.body.secrets],
    )


@DOOR.route(
    "GET",
    "/api/applications/{application_id}/secrets",
    permission="read_app",
    summary="List an application's secrets, expired ones too",
    answer=Whole[Secret],
    refuses=(UnknownApplication,),
)
async def listed(call: Call) -> Answer:
    """Answer all at once, in a list without pages."""
    pool = call.parts.store.pool
    application = call.id("application_id", UnknownApplication)
    call.seen(await rows.one(pool, application), UnknownApplication)
    secrets = await rows.secrets_of(pool, application)
    return Answer({"items": [DOCUMENT.of_row(row) for row in secrets], "next": None})


@DOOR.route(
    "DELETE",
    "/api/applications/{application_id}/secrets/{secret_id}",
    permission="write_app",
    summary="Retire a secret, the last one too",
    status=204,
    refuses=(UnknownApplication, UnknownSecret),
)
async def retire(call: Call) -> Answer:
    return await call.carry_out(
        applications.retire_secret,
        no_content,
        application=call.id("application_id", UnknownApplication),
        secret=call.id("secret_id", UnknownSecret),
    )
