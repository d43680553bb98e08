"""/api/v1/scopes: the scopes that the caller's organization knows (spec/melody.md section 4.4).

Built-in scopes are listed as well, under ids that are the same everywhere. Their note and translations may change; they
are never made, renamed or deleted, and nothing is named like one of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic

from domain.refusals import (
    AccountNotActive,
    BuiltInScope,
    InvalidDescription,
    InvalidLocale,
    InvalidName,
    InvalidScope,
    MissingPermission,
    NameTaken,
    TooMany,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownScope,
)
from domain.scope_definition import BUILT_IN, ScopeDefinition, ScopeType, built_in_type
from projections import accounts
from projections import scopes as rows
from service.commands import scopes
from service.doors.s2s.frame import EVERYTHING, Body, Reply, ServerToServerDoor, already_gone, times, whole
from service.http.call import Answer, Call, no_content
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from service.http.document import Row

DOOR = ServerToServerDoor("scopes")
IDS = {name: known for known, name in BUILT_IN.items()}
RULES = (InvalidName, InvalidScope, InvalidDescription, InvalidLocale, TooMany, BuiltInScope, NameTaken)

Name = Annotated[str, pydantic.Field(min_length=1, max_length=50)]
Type = Literal["spa", "s2s"]


class ScopeLocale(Reply):
    """What a scope is called in one language."""

    locale: str
    value: str


class Scope(Reply):
    """A scope: `spa` ones are for tokens of users, `s2s` ones for those of server applications."""

    id: Id
    name: str
    note: str
    type: Type
    created_at: str
    updated_at: str
    deleted_at: None


class ScopeDetail(Scope):
    """A scope with what it is called in other languages."""

    locales: list[ScopeLocale]


class Scopes(Reply):
    """All scopes of the organization, the built-in ones first."""

    scopes: list[Scope]


class OneScope(Reply):
    """One scope."""

    scope: ScopeDetail


class Locale(Body):
    """What a scope is to be called in one language."""

    locale: str
    value: str


class NewScope(Body):
    """A new scope."""

    name: Name
    type: Type
    note: str | None = None
    locales: list[Locale] = pydantic.Field(default_factory=list)


class Change(Body):
    """What of a scope is to be different. `locales` replaces all of them."""

    name: Name = ""
    note: str | None = None
    locales: list[Locale] = pydantic.Field(default_factory=list)


def _shown(made: ScopeDefinition) -> Answer:
    shown = _scope(IDS.get(made.name, made.id), made.name, made.note, made.type)
    return Answer({"scope": {**shown, **times(made.created_on, made.modified_on), **_locales(made.locales)}})


def _of_row(row: Row) -> dict[str, Any]:
    shown = _scope(IDS.get(row["name"], row["id"]), row["name"], row["note"], row["type"])
    return {**shown, **times(row["created_at"], row["updated_at"])}


def _of_built_in(name: str, since: datetime) -> dict[str, Any]:
    return {**_scope(IDS[name], name, None, built_in_type(name)), **times(since, since)}


def _scope(id: UUID, name: str, note: str | None, type: str) -> dict[str, Any]:
    return {"id": id, "name": name, "note": note or "", "type": type}


def _locales(values: dict[str, str]) -> dict[str, Any]:
    return {"locales": [{"locale": locale, "value": value} for locale, value in values.items()]}


def _by_locale(locales: list[Locale]) -> dict[str, str]:
    return {each.locale: each.value for each in locales}


@DOOR.route("GET", "/api/v1/scopes", permission="read_scope", summary="List the scopes", answer=Scopes)
async def listed(call: Call) -> Answer:
    pool, organization = call.parts.store.pool, call.by.organization
    found = whole(await rows.of_organization(pool, organization, limit=EVERYTHING + 1))
    said = {row["name"]: row for row in found}
    since = await _since(call)
    shown = [_of_row(said[name]) if name in said else _of_built_in(name, since) for name in IDS]
    return Answer({"scopes": shown + [_of_row(row) for row in found if row["name"] not in IDS]})


@DOOR.route(
    "GET",
    "/api/v1/scopes/{scope_id}",
    permission="read_scope",
    summary="Read a scope",
    answer=OneScope,
    refuses=(UnknownScope,),
)
async def one(call: Call) -> Answer:
    pool, scope = call.parts.store.pool, call.id("scope_id", UnknownScope)
    if scope not in BUILT_IN:
        row = call.seen(await rows.one(pool, scope), UnknownScope)
        if row["name"] in IDS:
            raise UnknownScope
        return Answer({"scope": {**_of_row(row), **_locales(json.loads(row["locales"]))}})
    name = BUILT_IN[scope]
    said = (await rows.by_names(pool, call.by.organization, [name])).get(name)
    found = None if said is None else await rows.one(pool, said)
    if found is None:
        return Answer({"scope": {**_of_built_in(name, await _since(call)), **_locales({})}})
    return Answer({"scope": {**_of_row(found), **_locales(json.loads(found["locales"]))}})


@DOOR.route(
    "POST",
    "/api/v1/scopes",
    permission="write_scope",
    summary="Make a scope known",
    body=NewScope,
    status=201,
    answer=OneScope,
    refuses=(UnknownAccount, AccountNotActive, *RULES),
)
async def create(call: Call) -> Answer:
    body: NewScope = call.body
    return await call.carry_out(
        scopes.define,
        _shown,
        organization=call.by.organization,
        name=body.name.strip(),
        type=ScopeType(body.type),
        note=body.note,
        locales=_by_locale(body.locales),
    )


@DOOR.route(
    "PUT",
    "/api/v1/scopes/{scope_id}",
    permission="write_scope",
    summary="Change a scope; to rename one that apps have takes write_app as well",
    body=Change,
    answer=OneScope,
    refuses=(UnknownScope, MissingPermission, TooMuchAtOnce, *RULES),
)
async def update(call: Call) -> Answer:
    stated = call.body.stated()
    if "name" in stated:
        stated["name"] = stated["name"].strip()
    if "locales" in stated:
        stated["locales"] = _by_locale(stated["locales"])
    return await call.carry_out(scopes.change, _shown, scope=call.id("scope_id", UnknownScope), **stated)


@DOOR.route(
    "DELETE",
    "/api/v1/scopes/{scope_id}",
    permission="write_scope",
    summary="Forget a scope, which apps have no longer then; one that is not there is gone already",
    status=204,
    refuses=(UnknownScope, BuiltInScope, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    scope = call.id("scope_id", UnknownScope)
    return await already_gone(lambda: call.carry_out(scopes.delete, no_content, scope=scope))


async def _since(call: Call) -> datetime:
    """Return since when the organization has been there, and with it the built-in scopes."""
    home = call.seen(await accounts.one(call.parts.store.pool, call.by.organization), UnknownScope)
    since: datetime = home["created_at"]
    return since
