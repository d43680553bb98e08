"""/api/organizations/{organization_id}/settings: how an organization deals with addresses, and with calls.

`read_org` reads and `write_org` changes. The settings count at once, also for codes that are out already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.account import CODE_LIFETIME, CODE_TRIES
from domain.refusals import InvalidSettings, UnknownAccount
from projections import accounts as rows
from service.commands import accounts
from service.http.call import Answer, Call
from service.http.document import Document, Output
from service.http.door import Door
from service.http.input import Input

if TYPE_CHECKING:
    from domain import account

DOOR = Door("organization-settings")


class Settings(Output):
    """An organization's settings.

    A verification code lives `code_lifetime` seconds and is dead after `code_tries` wrong ones. With
    `verified_identifiers`, a user's new e-mail address or phone number has to be verified first. With `submit_limited`,
    gateways are told to refuse every call of an interface that may change something.
    """

    code_lifetime: int
    code_tries: int
    verified_identifiers: bool
    submit_limited: bool


DOCUMENT = Document(Settings)


class Change(Input):
    """The settings that are to be different; one that is left out stays as it is."""

    code_lifetime: int = pydantic.Field(default=CODE_LIFETIME, ge=60, le=3600)
    code_tries: int = pydantic.Field(default=CODE_TRIES, ge=1, le=100)
    verified_identifiers: bool = False
    submit_limited: bool = False


def _shown(changed: account.Account) -> Answer:
    return Answer(DOCUMENT.of(changed))


@DOOR.route(
    "GET",
    "/api/organizations/{organization_id}/settings",
    permission="read_org",
    summary="Read an organization's settings",
    answer=Settings,
    refuses=(UnknownAccount,),
)
async def one(call: Call) -> Answer:
    row: Any = await rows.one(call.parts.store.pool, call.id("organization_id", UnknownAccount))
    if call.seen(row, UnknownAccount)["parent"] is not None:
        raise UnknownAccount
    return Answer(DOCUMENT.of_row(row))


@DOOR.route(
    "PUT",
    "/api/organizations/{organization_id}/settings",
    permission="write_org",
    summary="Change an organization's settings",
    body=Change,
    answer=Settings,
    refuses=(UnknownAccount, InvalidSettings),
)
async def change(call: Call) -> Answer:
    organization = call.id("organization_id", UnknownAccount)
    return await call.carry_out(accounts.change_settings, _shown, account=organization, **call.body.stated())
