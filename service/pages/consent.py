"""/consent: where a person lets an application use their account, or does not.

The page names the application, whose it is, who is asked, and in words what it may do; the answer leads back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pydantic

from domain.refusals import Refusal, UnknownSession
from projections import accounts
from projections import consents as rows
from service.commands import consents
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.oauth.authorization import steps
from service.pages import csrf, rendering, way_on
from service.pages.acting import origin_of
from service.pages.person import person
from service.pages.posted import (
    ELSEWHERE,
    FAILED,
    UNREADABLE,
    html,
    note,
    note_refusal,
    parameters,
    read,
    told_by_page,
)
from service.pages.scope_words import described
from service.pages.way_on import REQUEST, Asking
from service.parts import PARTS

if TYPE_CHECKING:
    from uuid import UUID

    from aiohttp import web

    from service.parts import Parts
    from service.sessions import SignedIn

PATH = "/consent"
DECISION, ALLOW, DENY = "decision", "allow", "deny"


class ConsentLink(pydantic.BaseModel):
    """What was asked for, sealed."""

    request: str = ""


class ConsentForm(ConsentLink):
    """The form of the consent page: `decision` is allow or deny."""

    decision: str = ""
    csrf: str = ""


@told_by_page
async def ask(request: web.Request) -> web.StreamResponse:
    """Answer the consent page."""
    text = parameters(request, REQUEST).get(REQUEST, "")
    found = await _asked(request, text)
    return await _page(request, *found, text) if isinstance(found, tuple) else found


@told_by_page
async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the form of the consent page."""
    form = await read(request)
    text, decision = form.get(REQUEST, ""), form.get(DECISION)
    found = await _asked(request, text)
    if not isinstance(found, tuple):
        return found
    asking, signed_in = found
    if decision not in (ALLOW, DENY) or not csrf.genuine(request, form, PATH, csrf.shown_to(request, signed_in)):
        note(request, 403, "forged_form", signed_in=signed_in, client=asking.client.client_id)
        return await _page(request, asking, signed_in, text, status=403, notice="form_stale")
    return await _allow(request, asking, signed_in, text) if decision == ALLOW else await _deny(request, asking)


async def _deny(request: web.Request, asking: Asking) -> web.StreamResponse:
    told = "The person did not consent"
    refused = await steps.refuse(request, request.app[PARTS], asking.asked, "access_denied", told)
    return way_on.after_form(request, refused, asking)


async def _allow(request: web.Request, asking: Asking, signed_in: SignedIn, text: str) -> web.StreamResponse:
    parts = request.app[PARTS]
    try:
        await consents.give(
            parts.store,
            origin_of(request, signed_in),
            user=signed_in.user,
            application=asking.client.id,
            organization=signed_in.organization,
            scope=asking.asked.scope,
        )
    except UnknownSession:
        return _to_sign_in(request, text)
    except Refusal as refusal:  # the application or the person was locked out meanwhile
        status, locales = note_refusal(request, refusal, signed_in), asking.asked.ui_locales
        return rendering.problem(request, "request_problem_title", "request_disabled_client", status, locales=locales)
    request[steps.CONSENTED] = True
    return way_on.after_form(request, await steps.proceed(request, parts, asking.asked), asking)


async def _asked(request: web.Request, text: str) -> tuple[Asking, SignedIn] | web.StreamResponse:
    """Return what is asked for and who of the application's people is signed in, or the answer to give instead."""
    asking = await way_on.asking_of(request, text)
    if not isinstance(asking, Asking):
        return asking
    signed_in = await request.app[PARTS].sessions.present(request)
    if signed_in is None or signed_in.organization != asking.client.organization:
        return _to_sign_in(request, text)
    return asking, signed_in


def _to_sign_in(request: web.Request, text: str) -> web.Response:
    return way_on.to(request.app[PARTS], "/login", request=text)


async def _page(
    request: web.Request, asking: Asking, signed_in: SignedIn, text: str, *, status: int = 200, notice: str = ""
) -> web.Response:
    parts, client, asked = request.app[PARTS], asking.client, asking.asked
    language = rendering.language_of(request, asked.ui_locales)
    before = await rows.of(parts.store.pool, signed_in.user, client.id)
    new = [name for name in asked.scope if name not in before]
    known = [name for name in asked.scope if name in before] if new else []
    shown = csrf.shown_to(request, signed_in)
    audience = asked.audience if asked.audience != parts.settings.issuer else None
    response = rendering.form_page(
        request,
        "consent.html",
        status=status,
        locales=asked.ui_locales,
        application=client.name,
        owner=await way_on.owner_of(parts, client.organization),
        person=await person(parts, signed_in.user),
        again=not new,
        account=await _name_of(parts, asked.account),
        new=await described(parts, client.organization, new or asked.scope, language),
        known=await described(parts, client.organization, known, language),
        audience=audience,
        back_to=_host(asked.redirect_uri),
        request_text=text,
        fields={REQUEST: text, csrf.FIELD: csrf.token(parts, PATH, shown)},
        notice=notice,
    )
    return rendering.in_any_window(response)


async def _name_of(parts: Parts, account: UUID | None) -> str | None:
    """Return the name of the account that the person is to act for, None where they act for themselves."""
    row = None if account is None else await accounts.one(parts.store.pool, account)
    return None if row is None else row["name"]


def _host(redirect_uri: str) -> str | None:
    """Return the host that the answer goes to, None where it goes to an application on the person's own device."""
    parts = urlsplit(redirect_uri)
    return parts.hostname if parts.scheme == "https" else None


ENDPOINTS = (
    Endpoint(
        "GET", PATH, ask, Group.PAGES, "pages", "Ask somebody for their consent",
        {200: html("The form."), 303: ELSEWHERE, 400: html("There is no such request."), **FAILED},
        query=ConsentLink,
    ),
    Endpoint(
        "POST", PATH, answer, Group.PAGES, "pages", "Consent, or do not",
        {
            200: html("On to the application."), 303: ELSEWHERE,
            400: html("There is no such request."), 403: html("The form is none of ours."),
            404: html("The application is there no more."), 409: html("The application or the person is locked out."),
            **UNREADABLE, **FAILED,
        },
        body=ConsentForm, reads=(FORM,),
    ),
)  # fmt: skip
