"""/login: where people sign in with their identifier and password.

Whoever is unknown, has another password, none at all or is locked out is told the same, after the same work. The
cookie of a session is another one after each sign-in, whatever the browser came with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import Refusal
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.http.request import client_address
from service.pages import csrf, entering, second_factor, way_on
from service.pages.login_page import PATH, page
from service.pages.person import person
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal, parameters, read, told_by_page
from service.pages.way_on import ACCOUNT, OTHER, Way
from service.parts import PARTS
from service.second_step import PASSWORD
from service.sign_in import DEVICE_COOKIE, SignInRefused, TryLater

if TYPE_CHECKING:
    from aiohttp import web

    from service.sign_in import Proved

METHODS = (PASSWORD,)
SELECT = "select_account"


class SignInLink(pydantic.BaseModel):
    """What the address of the sign-in page says: what was asked for, or whose people sign in, or which device waits.

    `console`: whoever signs in wants to go there; `account`: to this page of their account.
    """

    request: str = ""
    organization: str = ""
    device: str = ""
    console: str = ""
    account: str = ""
    other: str = ""


class SignInForm(SignInLink):
    """The form of the sign-in page."""

    identifier: str = pydantic.Field(default="", max_length=MAX_BODY)
    password: str = pydantic.Field(default="", max_length=MAX_BODY)
    csrf: str = ""


@told_by_page
async def ask(request: web.Request) -> web.StreamResponse:
    """Answer the sign-in page."""
    way = await way_on.found(request, parameters(request, *way_on.FIELDS))
    if not isinstance(way, Way):
        return way
    hint = "" if way.asking is None else way.asking.asked.login_hint or ""
    again = await _present(request, way)
    return page(request, way, identifier=hint or again or "", again=again is not None)


@told_by_page
async def sign_in(request: web.Request) -> web.StreamResponse:
    """Answer the form of the sign-in page."""
    form = await read(request)
    way = await way_on.found(request, form)
    if not isinstance(way, Way):
        return way
    identifier, password = form.get("identifier", "").strip(), form.get("password", "")
    if not csrf.genuine(request, form, PATH, csrf.shown_to(request)):
        client = None if way.asking is None else way.asking.client.client_id
        note(request, 403, "forged_form", organization=way.organization, client=client)
        return page(request, way, status=403, identifier=identifier, notice="form_stale")
    if not identifier or not password:
        return page(request, way, status=400, identifier=identifier, checked=True)
    try:
        return await _go_on(request, way, await _check(request, way, identifier, password))
    except TryLater as wait:
        response = page(request, way, status=429, identifier=identifier, wait=wait.seconds)
        response.headers["Retry-After"] = str(wait.seconds)
        return response
    except (SignInRefused, Refusal) as refused:
        if isinstance(refused, Refusal):  # locked out between proof and sign-in: told as if the proof had failed
            note_refusal(request, refused)
        return page(request, way, status=403, identifier=identifier, notice="login_refused")


async def _check(request: web.Request, way: Way, identifier: str, password: str) -> Proved:
    return await request.app[PARTS].sign_in.check(
        organization=way.organization,
        identifier=identifier,
        password=password,
        address=client_address(request),
        device=request.cookies.get(DEVICE_COOKIE),
    )


async def _go_on(request: web.Request, way: Way, proved: Proved) -> web.StreamResponse:
    """Let somebody in whose password was right, or lead them to the second step."""
    if proved.lacking:
        return await second_factor.begin(request, way, proved)
    return await entering.let_in(request, way, proved, methods=METHODS)


async def _present(request: web.Request, way: Way) -> str | None:
    """Return what somebody signs in with who is signed in and has to prove it again; None for anybody else."""
    if OTHER in way.fields or (way.asking is None and ACCOUNT not in way.fields):
        return None
    if way.asking is not None and SELECT in way.asking.asked.prompt:
        return None
    parts = request.app[PARTS]
    signed_in = await parts.sessions.present(request)
    if signed_in is None or signed_in.organization != way.organization:
        return None
    if way.asking is not None and way.asking.asked.accepts(signed_in.authenticated_at):
        return None
    return (await person(parts, signed_in.user)).identifier


ENDPOINTS = (
    Endpoint(
        "GET", PATH, ask, Group.PAGES, "pages", "Ask somebody to sign in",
        {200: html("The form."), 400: html("There is no such request."),
         403: html("The application has no approval that counts."), 404: html("There is no such organization."),
         **FAILED},
        query=SignInLink,
    ),
    Endpoint(
        "POST", PATH, sign_in, Group.PAGES, "pages", "Sign in",
        {
            200: html("On to the application."), 303: ELSEWHERE,
            400: html("Something is missing, or there is no such request."),
            403: html("That is not right, the form is none of ours, or the application has no approval that counts."),
            404: html("There is no such organization."),
            429: html("Too many attempts.", "Retry-After"), **UNREADABLE, **FAILED,
        },
        body=SignInForm, reads=(FORM,),
    ),
)  # fmt: skip
