"""/consent: where a person lets an application use their account, or does not.

The page names the application, whose it is, who is asked, and in words what it may do; the answer leads back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pydantic

from domain.refusals import Refusal, SubmittedAgain, UnknownSession
from projections import accounts
from projections import consents as rows
from service import authority
from service.commands import consents
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.oauth.authorization import steps
from service.oauth.errors import OAuthError
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

    from service.oauth.clients import Client
    from service.parts import Parts
    from service.sessions import SignedIn

PATH = "/consent"
DECISION, ALLOW, DENY = "decision", "allow", "deny"
SCOPE, SUBMITTED_AT = "scope", "submitted_at"


class _Question(NamedTuple):
    """What is asked for, of whom, and what of it this person can allow."""

    asking: Asking
    signed_in: SignedIn
    scope: tuple[str, ...]


class ConsentLink(pydantic.BaseModel):
    """What was asked for, sealed."""

    request: str = ""


class ConsentForm(ConsentLink):
    """The form of the consent page: `decision` is allow or deny, `scope` what was asked.

    `submitted_at` is when the third party that asks was submitted for approval as it was shown, empty for any other.
    """

    decision: str = ""
    scope: str = ""
    submitted_at: str = ""
    csrf: str = ""


@told_by_page
async def ask(request: web.Request) -> web.StreamResponse:
    """Answer the consent page."""
    text = parameters(request, REQUEST).get(REQUEST, "")
    found = await _asked(request, text)
    return await _page(request, found, text) if isinstance(found, _Question) else found


@told_by_page
async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the form of the consent page."""
    form = await read(request)
    text, decision = form.get(REQUEST, ""), form.get(DECISION)
    found = await _asked(request, text)
    if not isinstance(found, _Question):
        return found
    asking, signed_in = found.asking, found.signed_in
    if decision not in (ALLOW, DENY) or not csrf.genuine(request, form, PATH, csrf.shown_to(request, signed_in)):
        note(request, 403, "forged_form", signed_in=signed_in, client=asking.client.client_id)
        return await _page(request, found, text, status=403, notice="form_stale")
    if decision == DENY:
        return await _deny(request, asking)
    if form.get(SUBMITTED_AT, "") != _submitted_at(asking.client):  # it may be another by now than was shown
        note(request, 409, "submitted_again", signed_in=signed_in, client=asking.client.client_id)
        return await _page(request, found, text, status=409, notice="form_stale")
    return await _allow(request, found, text, authority.shown(found.scope, form.get(SCOPE, "")))


async def _deny(request: web.Request, asking: Asking) -> web.StreamResponse:
    told = "The person did not consent"
    refused = await steps.refuse(request, request.app[PARTS], asking.asked, "access_denied", told)
    return way_on.after_form(request, refused, asking)


async def _allow(request: web.Request, question: _Question, text: str, scope: tuple[str, ...]) -> web.StreamResponse:
    parts, asking, signed_in = request.app[PARTS], question.asking, question.signed_in
    try:
        await consents.give(
            parts.store,
            origin_of(request, signed_in),
            user=signed_in.user,
            application=asking.client.id,
            organization=signed_in.organization,
            scope=scope,
            submitted_at=asking.client.submitted_at,
        )
    except UnknownSession:
        return _to_sign_in(request, text)
    except SubmittedAgain as refusal:
        note_refusal(request, refusal, signed_in)
        return way_on.to(parts, PATH, request=text)
    except Refusal as refusal:  # the application or the person was locked out meanwhile
        status, locales = note_refusal(request, refusal, signed_in), asking.asked.ui_locales
        return rendering.problem(request, "request_problem_title", "request_disabled_client", status, locales=locales)
    request[steps.CONSENTED] = True
    return way_on.after_form(request, await steps.proceed(request, parts, asking.asked), asking)


async def _asked(request: web.Request, text: str) -> _Question | web.StreamResponse:
    """Return what is asked of whom among the application's people, or the answer to give instead."""
    parts = request.app[PARTS]
    asking = await way_on.asking_of(request, text)
    if not isinstance(asking, Asking):
        return asking
    signed_in = await parts.sessions.present(request)
    if signed_in is None or signed_in.organization != asking.client.organization:
        return _to_sign_in(request, text)
    try:
        scope = await steps.scope_of(parts, asking.client, asking.asked, signed_in.user)
    except OAuthError:  # nothing is left to ask this person for, and the application is told so
        return way_on.after_form(request, await steps.proceed(request, parts, asking.asked), asking)
    return _Question(asking, signed_in, scope)


def _to_sign_in(request: web.Request, text: str) -> web.Response:
    return way_on.to(request.app[PARTS], "/login", request=text)


async def _page(
    request: web.Request, question: _Question, text: str, *, status: int = 200, notice: str = ""
) -> web.Response:
    parts, signed_in = request.app[PARTS], question.signed_in
    client, asked, scope = question.asking.client, question.asking.asked, question.scope
    language = rendering.language_of(request, asked.ui_locales)
    before = await rows.of(parts.store.pool, signed_in.user, client.id)
    new = [name for name in scope if name not in before]
    known = [name for name in scope if name in before] if new else []
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
        new=await described(parts, client.organization, new or scope, language),
        known=await described(parts, client.organization, known, language),
        audience=audience,
        back_to=_host(asked.redirect_uri),
        request_text=text,
        fields={
            REQUEST: text,
            SCOPE: " ".join(scope),
            SUBMITTED_AT: _submitted_at(client),
            csrf.FIELD: csrf.token(parts, PATH, shown),
        },
        notice=notice,
    )
    return rendering.in_any_window(response)


async def _name_of(parts: Parts, account: UUID | None) -> str | None:
    """Return the name of the account that the person is to act for, None where they act for themselves."""
    row = None if account is None else await accounts.one(parts.store.pool, account)
    return None if row is None else row["name"]


def _submitted_at(client: Client) -> str:
    return "" if client.submitted_at is None else client.submitted_at.isoformat()


def _host(redirect_uri: str) -> str | None:
    """Return the host that the answer goes to, None where it goes to an application on the person's own device."""
    parts = urlsplit(redirect_uri)
    return parts.hostname if parts.scheme == "https" else None


ENDPOINTS = (
    Endpoint(
        "GET", PATH, ask, Group.PAGES, "pages", "Ask somebody for their consent",
        {200: html("The form."), 303: ELSEWHERE, 400: html("There is no such request."),
         403: html("The application has no approval that counts."), **FAILED},
        query=ConsentLink,
    ),
    Endpoint(
        "POST", PATH, answer, Group.PAGES, "pages", "Consent, or do not",
        {
            200: html("On to the application."), 303: ELSEWHERE,
            400: html("There is no such request."),
            403: html("The form is none of ours, or the application has no approval that counts."),
            404: html("The application is there no more."),
            409: html("The application or the person is locked out, or the application was submitted again."),
            **UNREADABLE, **FAILED,
        },
        body=ConsentForm, reads=(FORM,),
    ),
)  # fmt: skip
