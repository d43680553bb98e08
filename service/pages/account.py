"""/account: which applications may use a person's account, and where they are signed in; all of it theirs to end."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pydantic

from domain.refusals import Refusal, UnknownApplication, UnknownSession
from service.commands import consents, sessions
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import csrf, logout, way_on
from service.pages.account_page import END, REVOKE, page
from service.pages.acting import origin_of
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
from service.parts import PARTS
from service.sessions import clear_cookie

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from service.sessions import SignedIn

PATH = "/account"
ORGANIZATION, DONE = "organization", "done"
APPLICATION, SESSION, ALL, OTHERS = "application", "session", "all", "others"
SIGNED_OUT, REMOVED = "signed out on the account page", "ended on the account page"


class AccountLink(pydantic.BaseModel):
    """Whose people sign in, for somebody who is not signed in; and what was just done."""

    organization: str = ""
    done: str = ""


class RevokeForm(pydantic.BaseModel):
    """Whose access ends: an application's by its id, or that of `all`. `organization`: where to sign in, if need be."""

    application: str
    organization: str = ""
    csrf: str = ""


class EndForm(pydantic.BaseModel):
    """Which session ends: one by its id, or all `others`. `organization`: where to sign in, if need be."""

    session: str
    organization: str = ""
    csrf: str = ""


@told_by_page
async def show(request: web.Request) -> web.StreamResponse:
    """Answer the account page."""
    told = parameters(request, ORGANIZATION, DONE)
    signed_in = await request.app[PARTS].sessions.present(request)
    if signed_in is None:
        return _to_sign_in(request, told.get(ORGANIZATION))
    return await page(request, signed_in, done=told.get(DONE, ""))


@told_by_page
async def revoke(request: web.Request) -> web.StreamResponse:
    """Take access away from an application, or from all."""
    return await _acting(request, REVOKE, _revoke)


@told_by_page
async def end(request: web.Request) -> web.StreamResponse:
    """End a session, or all but the one that asks."""
    return await _acting(request, END, _end)


async def _acting(
    request: web.Request,
    path: str,
    act: Callable[[web.Request, SignedIn, Mapping[str, str]], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    form = await read(request)
    signed_in = await request.app[PARTS].sessions.present(request)
    if signed_in is None:
        return _to_sign_in(request, form.get(ORGANIZATION))
    if not csrf.genuine(request, form, path, csrf.shown_to(request, signed_in)):
        note(request, 403, "forged_form", signed_in=signed_in)
        return await page(request, signed_in, status=403, stale=True)
    try:
        return await act(request, signed_in, form)
    except UnknownSession as refusal:
        if await request.app[PARTS].sessions.present(request) is None:
            return _to_sign_in(request, str(signed_in.organization))
        return await page(request, signed_in, status=note_refusal(request, refusal, signed_in), stale=True)
    except Refusal as refusal:
        return await page(request, signed_in, status=note_refusal(request, refusal, signed_in), stale=True)


async def _revoke(request: web.Request, signed_in: SignedIn, form: Mapping[str, str]) -> web.StreamResponse:
    store, origin, chosen = request.app[PARTS].store, origin_of(request, signed_in), form.get(APPLICATION, "")
    if chosen == ALL:
        await consents.withdraw_all(store, origin, user=signed_in.user)
        return _done(request, signed_in, "revoked_all")
    application = _id(chosen)
    if application is None:
        raise UnknownApplication
    await consents.withdraw(store, origin, user=signed_in.user, application=application)
    return _done(request, signed_in, "revoked")


async def _end(request: web.Request, signed_in: SignedIn, form: Mapping[str, str]) -> web.StreamResponse:
    parts, origin, chosen = request.app[PARTS], origin_of(request, signed_in), form.get(SESSION, "")
    if chosen == OTHERS:
        await sessions.end_all(parts.store, origin, user=signed_in.user, but=signed_in.id, reason=REMOVED)
        return _done(request, signed_in, "ended_others")
    session = _id(chosen)
    if session is None:
        raise UnknownSession
    own = session == signed_in.id
    await parts.sessions.end(origin, session, reason=SIGNED_OUT if own else REMOVED, user=signed_in.user)
    if not own:
        return _done(request, signed_in, "ended")
    response = logout.done(request, organization=signed_in.organization)
    clear_cookie(response)
    return response


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _done(request: web.Request, signed_in: SignedIn, outcome: str) -> web.Response:
    return way_on.to(request.app[PARTS], PATH, organization=str(signed_in.organization), done=outcome)


def _to_sign_in(request: web.Request, organization: str | None) -> web.Response:
    fields = {ORGANIZATION: organization} if organization else {}
    return way_on.to(request.app[PARTS], "/login", **fields)


ACTED = {
    303: ELSEWHERE,
    400: html("The form cannot be read."),
    403: html("The form is none of ours."),
    404: html("There is no such thing."),
    409: html("Too much at once."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The account page of whoever is signed in",
        {200: html("The page."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=AccountLink,
    ),
    Endpoint(
        "POST", REVOKE, revoke, Group.PAGES, "pages", "Take access away from an application, or from all",
        ACTED, body=RevokeForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", END, end, Group.PAGES, "pages", "End a session, or all others",
        {200: html("The page of whoever signed out."), **ACTED}, body=EndForm, reads=(FORM,),
    ),
)  # fmt: skip
