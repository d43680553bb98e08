"""/account/connections: who somebody is at other providers; connected by signing in there, and disconnected.

Whoever leaves proved lately that it is they, and comes back within ten minutes or not at all: so coming back asks for
no other proof.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pydantic

from domain.refusals import (
    ConnectorFailed,
    IdentityTaken,
    InvalidConnectorConfig,
    InvalidDetails,
    InvalidIdentity,
    NotImplementedHere,
    ProviderAnswerInvalid,
    SocialCodeInvalid,
    SocialDenied,
    TooMany,
    UnknownConnector,
    UnknownIdentity,
)
from projections import identities as rows
from service.commands import identities
from service.connectors import provider, stored
from service.connectors.registry import TYPES
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import moments, rendering
from service.pages.account import round_trips
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, AccountLink, Filled, back, done, form_fields, seen, shown, told_done
from service.pages.language import in_language
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.account.holder import Holder

PATH = f"{HOME}/connections"
LEAVING, ENDING = f"{PATH}/start", f"{PATH}/disconnect"
COMING_BACK = f"{PATH}/{{connector_id}}/callback"
CONNECTOR, IDENTITY, STATE = "connector", "identity", "state"
ANSWERED = ("code", STATE, "error", "iss")
OUTCOMES = ("connected", "disconnected")
FAULTS: dict[type[Refusal], str] = {
    SocialDenied: "account_connection_denied",
    SocialCodeInvalid: "account_connection_failed",
    ProviderAnswerInvalid: "account_connection_failed",
    InvalidIdentity: "account_connection_failed",
    InvalidDetails: "account_connection_failed",
    ConnectorFailed: "account_connection_failed",
    InvalidConnectorConfig: "account_connection_unready",
    NotImplementedHere: "account_connection_unready",
    IdentityTaken: "account_connection_taken",
    TooMany: "account_connection_too_many",
}


class ConnectForm(pydantic.BaseModel):
    """By which connector to leave."""

    connector: str
    organization: str = ""
    csrf: str = ""


class DisconnectForm(pydantic.BaseModel):
    """Which identity is to be known no more."""

    identity: str
    organization: str = ""
    csrf: str = ""


class ComingBack(pydantic.BaseModel):
    """What the provider says. `state` is what we gave it."""

    code: str = ""
    state: str = ""
    error: str = ""
    iss: str = ""


@seen(PATH)
async def show(request: web.Request, who: Holder) -> web.StreamResponse:
    """Answer the page."""
    return await page(request, who, notice=told_done(request, OUTCOMES))


async def page(
    request: web.Request,
    who: Holder,
    *,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
    filled: Filled = UNTOUCHED,
) -> web.Response:
    """Return the page."""
    pool, language = request.app[PARTS].store.pool, rendering.language_of(request)
    linkable = await stored.linkable(pool, who.organization)
    called = {row["target"]: _called(row, language) for row in linkable}
    linked = await rows.of_user(pool, who.user)
    known = {row["target"] for row in linked}
    offered = [{"id": str(row["id"]), "name": called[row["target"]]} for row in linkable if row["target"] not in known]
    return shown(
        request,
        "account_connections.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        linked=[_told(row, called, language) for row in linked],
        enterprise=[
            {"name": row["connector"], "person": row["identity_id"], "since": moments.day(row["created_at"], language)}
            for row in await rows.enterprise_of(pool, who.user)
        ],
        offered=offered,
        forms=bool(linked or offered),
        leaving=form_fields(request, who, LEAVING),
        ending=form_fields(request, who, ENDING),
    )


@done(PATH, page)
async def start(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Lead to the provider."""
    parts, connector = request.app[PARTS], _id(form.get(CONNECTOR, ""))
    linkable = {row["id"]: row for row in await stored.linkable(parts.store.pool, who.organization)}
    if connector not in linkable:
        raise UnknownConnector
    try:
        location = await provider.authorization_uri(
            parts,
            who.organization,
            connector,
            state=round_trips.state(request, who, connector),
            redirect_uri=_callback(request, connector),
        )
    except tuple(FAULTS) as refusal:
        return await _again(request, who, refusal)
    name = _called(linkable[connector], rendering.language_of(request))
    return rendering.page(request, "account_onward.html", location=location, name=name)


@seen(PATH, lately=False, showing=page)
async def come_back(request: web.Request, who: Holder) -> web.StreamResponse:
    """Connect whoever came back from the provider."""
    parts, answered = request.app[PARTS], parameters(request, *ANSWERED)
    try:
        connector = _id(request.match_info["connector_id"])
        if not await round_trips.came_back(request, who, connector, answered.get(STATE, "")):
            note(request, 403, "forged_state", signed_in=who.signed_in)
            return await page(request, who, status=403, notice="account_connection_stale", bad=True)
        data = {**answered, "redirectUri": _callback(request, connector)}
        found = await provider.redeemed(parts, who.organization, connector, data)
        await identities.link(
            parts.store,
            who.origin(request),
            who.by,
            user=who.user,
            target=found.target,
            person=found.user_id,
            details=found.details,
            connector=connector,
            own=True,
        )
    except tuple(FAULTS) as refusal:
        return await _again(request, who, refusal)
    return back(request, who, PATH, "connected")


@done(PATH, page)
async def disconnect(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Know an identity no more."""
    parts = request.app[PARTS]
    linked = {str(row["id"]): row["target"] for row in await rows.of_user(parts.store.pool, who.user)}
    target = linked.get(form.get(IDENTITY, ""))
    if target is None:
        raise UnknownIdentity
    await identities.unlink(parts.store, who.origin(request), who.by, user=who.user, target=target, own=True)
    return back(request, who, PATH, "disconnected")


async def _again(request: web.Request, who: Holder, refusal: Refusal) -> web.Response:
    status = note_refusal(request, refusal, who.signed_in)
    return await page(request, who, status=status, notice=FAULTS[type(refusal)], bad=True)


def _callback(request: web.Request, connector: UUID) -> str:
    """Return where the provider sends people back to: another address for each, so that none passes for another."""
    return f"{request.app[PARTS].settings.issuer}{COMING_BACK.format(connector_id=connector)}"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UnknownConnector from None


def _called(row: asyncpg.Record, language: str) -> str:
    """Return how a provider is called, in a language if it has a name there."""
    names: dict[str, str] = json.loads(row["name"])
    known = TYPES.get(row["type"])
    said = in_language(names, language) or next(iter(names.values()), None)
    return said or (known.name if known is not None and known.target == row["target"] else row["target"])


def _told(row: asyncpg.Record, called: Mapping[str, str], language: str) -> dict[str, Any]:
    details: dict[str, Any] = {} if row["details"] is None else json.loads(row["details"])
    told = [details.get(member) for member in ("name", "email")]
    return {
        "id": str(row["id"]),
        "name": called.get(row["target"], row["target"]),
        "person": " · ".join(each for each in told if isinstance(each, str) and each) or row["person"],
        "since": moments.day(row["created_at"], language),
    }


ACTED = {
    303: ELSEWHERE, 400: html("The form cannot be read, or the provider cannot be used."),
    403: html("The form is none of ours."), 404: html("There is no such thing."), **UNREADABLE, **FAILED,
}  # fmt: skip
ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "Who somebody is at other providers",
        {200: html("The list."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=AccountLink,
    ),
    Endpoint(
        "POST", LEAVING, start, Group.PAGES, "pages", "Lead to a provider to be connected with",
        {200: html("On to the provider."), 409: html("The provider cannot be used here."), **ACTED},
        body=ConnectForm, reads=(FORM,),
    ),
    Endpoint(
        "GET", COMING_BACK, come_back, Group.PAGES, "pages", "Connect whoever comes back from a provider",
        {
            303: ELSEWHERE, 400: html("The provider said no, or nothing that can be used."),
            403: html("Nobody left from here like that, or too long ago."), 404: html("There is no such connector."),
            409: html("Somebody else is that at the provider."), **FAILED,
        },
        query=ComingBack,
    ),
    Endpoint(
        "POST", ENDING, disconnect, Group.PAGES, "pages", "End a connection with a provider",
        ACTED, body=DisconnectForm, reads=(FORM,),
    ),
)  # fmt: skip
