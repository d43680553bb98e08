"""/account/factors/app: an app that makes codes, set up by scanning a picture and typing a code that it shows.

Until that code is right, nothing is kept: the new secret travels in the form, sealed for this session and for half an
hour, and is another one each time the page is opened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import pydantic

from domain.refusals import TotpInUse
from projections import users
from service.commands import factors
from service.commands.factors import NAMELESS, account_name
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.oauth.authorization import sealed
from service.pages.account.factors import APP as PATH
from service.pages.account.factors import PATH as LIST
from service.pages.account.holder import UNTOUCHED, Filled, PageLink, back, done, form_fields, seen, shown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal
from service.pages.qr import drawn
from service.parts import PARTS
from service.secrets import one_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from aiohttp import web

    from service.pages.account.holder import Holder
    from service.parts import Parts

PURPOSE = "account-app"
KEPT, CODE = "app", "code"
LIFETIME = timedelta(minutes=30)


class AuthenticatorForm(pydantic.BaseModel):
    """The code that the app shows. `app`: its secret, sealed."""

    app: str = ""
    code: str = pydantic.Field(default="", max_length=MAX_BODY)
    organization: str = ""
    csrf: str = ""


class Offered(msgspec.Struct):
    """A secret that was shown, to which session, and when."""

    secret: str
    session: str
    at: datetime


@seen(LIST)
async def show(request: web.Request, who: Holder) -> web.StreamResponse:
    """Answer the page, with a new secret."""
    return await page(request, who)


async def page(
    request: web.Request,
    who: Holder,
    *,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
    filled: Filled = UNTOUCHED,
    secret: str = "",
) -> web.Response:
    """Return the page, with the `secret` that it showed before if it did."""
    parts = request.app[PARTS]
    secret = secret or one_time.new_secret()
    uri = one_time.uri(secret, issuer=_host(parts), account=await _account(parts, who.user))
    return shown(
        request,
        "account_app.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        code=drawn(uri),
        secret=secret,
        fields={**form_fields(request, who, PATH), KEPT: _closed(parts, who, secret)},
    )


@done(LIST, page)
async def confirm(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Have the app asked for from now on, if it shows the right code."""
    parts, typed = request.app[PARTS], form.get(CODE, "").strip()
    secret = _opened(parts, who, form.get(KEPT, ""))
    if secret is None:
        note(request, 409, "stale_form", signed_in=who.signed_in)
        return await page(request, who, status=409, notice="account_app_stale", bad=True)
    step = one_time.check(secret, typed, parts.clock.now()) if typed else None
    if step is None:
        fault = {CODE: "account_app_code_wrong" if typed else "account_app_code_missing"}
        return await page(request, who, status=400, filled=Filled({}, fault), secret=secret)
    try:
        await factors.add_totp(
            parts.store,
            who.origin(request),
            who.by,
            user=who.user,
            host=_host(parts),
            secret=secret,
            step=step,
            own=True,
        )
    except TotpInUse as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        return await page(request, who, status=status, notice="account_app_there", bad=True)
    return back(request, who, LIST, "app_added")


def _closed(parts: Parts, who: Holder, secret: str) -> str:
    offered = Offered(secret, str(who.signed_in.id), parts.clock.now())
    return sealed.closed(parts.ring, msgspec.json.encode(offered), PURPOSE)


def _opened(parts: Parts, who: Holder, text: str) -> str | None:
    """Return the secret that a form holds, None where this session was not shown one, or half an hour ago."""
    if sealed.unknown_key(parts.ring, text):
        parts.reload_ring()  # another worker may have a newer master key
    plain = sealed.opened_text(parts.ring, text, PURPOSE)
    if plain is None:
        return None
    offered = msgspec.json.decode(plain, type=Offered)
    live = parts.clock.now() < offered.at + LIFETIME
    return offered.secret if live and offered.session == str(who.signed_in.id) else None


def _host(parts: Parts) -> str:
    return urlsplit(parts.settings.issuer).hostname or ""


async def _account(parts: Parts, user: UUID) -> str:
    """Return what the app calls the account."""
    row = await users.one(parts.store.pool, user)
    if row is None:
        return NAMELESS
    return account_name(name=row["name"], email=row["email"], phone=row["phone"], username=row["username"])


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "Set up an app that makes codes",
        {200: html("The form."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=PageLink,
    ),
    Endpoint(
        "POST", PATH, confirm, Group.PAGES, "pages", "Confirm an app by a code of it",
        {
            303: ELSEWHERE, 400: html("The form cannot be read, or the code is wrong."),
            403: html("The form is none of ours."), 404: html("There is nobody like that any more."),
            409: html("There is an app already, or the page was open for too long."), **UNREADABLE, **FAILED,
        },
        body=AuthenticatorForm, reads=(FORM,),
    ),
)  # fmt: skip
