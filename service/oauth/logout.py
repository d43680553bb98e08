"""/oauth2/logout: an application leads a person here to sign them out (OpenID Connect RP-Initiated Logout 1.0).

Any page can lead a browser here, so nobody is signed out unasked: only an ID token that names this very session shows
that an application which the person used wants it (section 6). On to an application goes whoever came from a registered
one, to an address that is registered for it, character by character (section 3). Ending the session is what tells the
other applications (service/messages/logout_delivery.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pydantic
from aiohttp import web

from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.oauth.authorization.answer import elsewhere, extended
from service.oauth.client_authentication import CLIENT_ID
from service.oauth.id_token_hint import Hint, hinted
from service.pages import logout as pages
from service.pages import posted
from service.pages.rendering import onward, problem
from service.parts import PARTS, REQUEST_ID
from service.sessions import COOKIE, clear_cookie
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from service.oauth.clients import Client
    from service.parts import Parts
    from service.sessions import SignedIn

PATH = "/oauth2/logout"
CONFIRMED = "confirmed"
REASON = "signed out"


class LogoutRequest(pydantic.BaseModel):
    """A request to sign a person out. The address is one that is registered for the client, by its id or hint."""

    id_token_hint: str = ""
    client_id: str = ""
    post_logout_redirect_uri: str = ""
    state: str = ""
    ui_locales: str = ""
    logout_hint: str = ""


PARAMETERS = tuple(LogoutRequest.model_fields)


class _Refused(Exception):
    """Nobody is signed out and sent anywhere. `words` names what the page says."""

    def __init__(self, words: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.words, self.code, self.detail = words, code, detail


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was judged. `location` is where to go afterwards, None for nowhere."""

    client: Client | None
    hint: Hint | None
    location: str | None
    locales: str | None


@posted.told_by_page
async def led(request: web.Request) -> web.StreamResponse:
    """Answer a browser that was led here."""
    if request.method == "HEAD":  # who asks for the head alone is nobody to sign out
        raise web.HTTPMethodNotAllowed("HEAD", ("GET", "POST"))
    return await _answered(request, posted.parameters(request, *PARAMETERS))


@posted.told_by_page
async def sent(request: web.Request) -> web.StreamResponse:
    """Answer a form: our own, which says yes, or an application's, which asks."""
    form = await posted.read(request)
    if COOKIE in request.cookies:
        return await (_confirmed if CONFIRMED in form else _answered)(request, form)
    # Browsers keep our cookies to themselves when another site posts a form to us (SameSite=Lax): nobody would be
    # signed in, and what such a form says must not make the browser forget its session. Where a page leads by GET, the
    # cookies come along.
    given = {name: form[name] for name in PARAMETERS if form.get(name)}
    return elsewhere(f"{request.app[PARTS].settings.issuer}{PATH}?{urlencode(given)}")


async def _answered(request: web.Request, values: Mapping[str, str]) -> web.StreamResponse:
    """Sign out, or ask first."""
    parts = request.app[PARTS]
    try:
        asked = await _judged(parts, values)
    except _Refused as refused:
        return _refusal(request, refused, values)
    signed_in = await parts.sessions.present(request)
    if signed_in is None:
        return _done(request, asked, None)
    if asked.hint is None or asked.hint.session != signed_in.id:
        return await _question(request, signed_in, asked, values)
    await _end(request, parts, signed_in)
    return _done(request, asked, signed_in.organization)


async def _confirmed(request: web.Request, form: Mapping[str, str]) -> web.StreamResponse:
    """Sign out who said yes on our page."""
    parts = request.app[PARTS]
    try:
        asked = await _judged(parts, form)
    except _Refused as refused:
        return _refusal(request, refused, form)
    signed_in = await parts.sessions.present(request)
    if signed_in is not None:
        if not pages.genuine(request, form, signed_in):
            posted.note(request, 403, "forged_form", "The form is not one of ours", signed_in=signed_in)
            return await _question(request, signed_in, asked, form, status=403)
        await _end(request, parts, signed_in)
    response: web.StreamResponse
    if asked.location is None or asked.client is None:
        organization = None if signed_in is None else signed_in.organization
        response = pages.done(request, organization=organization, locales=asked.locales)
    else:
        response = onward(request, asked.location, name=asked.client.name, locales=asked.locales)
    clear_cookie(response)
    return response


async def _judged(parts: Parts, values: Mapping[str, str]) -> Asked:
    """Return what is asked for, if it can be. Raises _Refused."""
    hint = await _hint(parts, values)
    client_id = values.get("client_id") or (None if hint is None else hint.client_id)
    client = await parts.clients.fresh(client_id) if client_id and CLIENT_ID.fullmatch(client_id) else None
    uri = values.get("post_logout_redirect_uri")
    location = None
    if uri:
        usable = client is not None and client.in_use(parts.clock.now())
        if client is None or not usable or uri not in client.post_logout_redirect_uris:
            raise _Refused(
                "logout_bad_redirect", "invalid_redirect_uri", "The address is not registered for the client"
            )
        state = values.get("state")
        location = extended(uri, {"state": state}) if state else uri
    return Asked(client, hint, location, values.get("ui_locales"))


async def _hint(parts: Parts, values: Mapping[str, str]) -> Hint | None:
    """Return what the ID token says, None where there is none. Raises _Refused: not ours, or another client's."""
    text = values.get("id_token_hint")
    if not text:
        return None
    hint = await hinted(parts, text)
    if hint is None:
        raise _Refused("request_unreadable", "invalid_id_token_hint", "The hint is no ID token of this service")
    if values.get("client_id", hint.client_id) not in ("", hint.client_id):
        raise _Refused("request_unreadable", "invalid_id_token_hint", "The hint was issued to another client")
    return hint


async def _question(
    request: web.Request,
    signed_in: SignedIn,
    asked: Asked,
    values: Mapping[str, str],
    *,
    status: int = 200,
) -> web.Response:
    """Return the page that asks. Its form repeats the request, whose hint has said by then all that it can."""
    named = {} if asked.client is None else {"client_id": asked.client.client_id}
    kept = ("post_logout_redirect_uri", "state", "ui_locales")
    fields = {CONFIRMED: "yes", **named, **{name: values[name] for name in kept if values.get(name)}}
    return await pages.ask(request, signed_in, fields=fields, locales=asked.locales, status=status)


def _done(request: web.Request, asked: Asked, organization: UUID | None) -> web.StreamResponse:
    """Return the answer to who is signed out by now."""
    response: web.StreamResponse
    if asked.location is None:
        response = pages.done(request, organization=organization, locales=asked.locales)
    else:
        response = elsewhere(asked.location)
    if COOKIE in request.cookies:
        clear_cookie(response)
    return response


async def _end(request: web.Request, parts: Parts, signed_in: SignedIn) -> None:
    origin = Origin(signed_in.user, signed_in.organization, None, request[REQUEST_ID])
    await parts.sessions.end(origin, signed_in.id, reason=REASON, user=signed_in.user)


def _refusal(request: web.Request, refused: _Refused, values: Mapping[str, str]) -> web.Response:
    client_id = values.get("client_id", "")
    named = client_id if CLIENT_ID.fullmatch(client_id) else None
    posted.note(request, 400, refused.code, refused.detail, client=named)
    return problem(request, "logout_problem_title", refused.words, 400, locales=values.get("ui_locales"))


BACK = Reply("On to where the application is.", None, headers=("Cache-Control", "Location"))
REPLIES = {
    200: posted.html("A page that asks, or says that nobody is signed in any more."),
    303: BACK,
    400: posted.html("The hint is none of ours, or the address is not registered for the client."),
    **posted.FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", PATH, led, Group.OAUTH, "oauth", "Lead a person here to sign them out", REPLIES, query=LogoutRequest
    ),
    Endpoint(
        "POST",
        PATH,
        sent,
        Group.OAUTH,
        "oauth",
        "Sign a person out by a form",
        {**REPLIES, 403: posted.html("The form was not sent by our page."), **posted.UNREADABLE},
        body=LogoutRequest,
        reads=(FORM,),
    ),
)
