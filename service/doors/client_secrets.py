"""/api/applications/…/secrets: what an application proves itself with. `read_app` lists, `write_app` adds and retires.

A list never holds a secret or its digest: name, hint (the last 4 characters) and expiry tell one from another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import UnknownApplication, UnknownSecret
from projections import applications as rows
from service.commands import applications
from service.commands.secrets import SecretRequest
from service.http.call import Answer, Call, no_content
from service.http.door import Door
from service.http.input import Input, Moment

if TYPE_CHECKING:
    from service.commands.applications import WithSecrets

DOOR = Door("client-secrets")
MEMBERS = ("id", "name", "hint", "expires_at", "created_at")


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
)
async def listed(call: Call) -> Answer:
    """Answer all at once, in a list without pages."""
    pool = call.parts.store.pool
    application = call.id("application_id", UnknownApplication)
    call.seen(await rows.one(pool, application), UnknownApplication)
    secrets = await rows.secrets_of(pool, application)
    return Answer({"items": [{name: row[name] for name in MEMBERS} for row in secrets], "next": None})


@DOOR.route(
    "DELETE",
    "/api/applications/{application_id}/secrets/{secret_id}",
    permission="write_app",
    summary="Retire a secret, the last one too",
    status=204,
)
async def retire(call: Call) -> Answer:
    return await call.carry_out(
        applications.retire_secret,
        no_content,
        application=call.id("application_id", UnknownApplication),
        secret=call.id("secret_id", UnknownSecret),
    )
