"""/account/username: the name that somebody signs in with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import InvalidUsername, UsernameTaken
from projections import users
from service.commands import people_settings
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, Filled, PageLink, back, done, form_fields, seen, shown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.pages.account.holder import Holder

PATH = f"{HOME}/username"
USERNAME = "username"


class UsernameForm(pydantic.BaseModel):
    """The name to sign in with from now on."""

    username: str = pydantic.Field(default="", max_length=MAX_BODY)
    organization: str = ""
    csrf: str = ""


@seen(PATH)
async def show(request: web.Request, who: Holder) -> web.StreamResponse:
    """Answer the page."""
    return await page(request, who)


async def page(
    request: web.Request,
    who: Holder,
    *,
    status: int = 200,
    notice: str = "",
    bad: bool = False,
    filled: Filled = UNTOUCHED,
) -> web.Response:
    """Return the page, with the present name or what was typed."""
    row = await users.one(request.app[PARTS].store.pool, who.user)
    known = {USERNAME: (row["username"] if row is not None else None) or ""}
    return shown(
        request,
        "account_username.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=Filled(filled.typed or known, filled.faults),
        fields=form_fields(request, who, PATH),
    )


@done(PATH, page)
async def change(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Change the name."""
    parts, username = request.app[PARTS], form.get(USERNAME, "").strip()
    if not username:
        return await _again(request, who, 400, username, "account_username_missing")
    try:
        await people_settings.change(
            parts.store, who.origin(request), who.by, user=who.user, username=username, own=True
        )
    except InvalidUsername as refusal:
        return await _again(
            request, who, note_refusal(request, refusal, who.signed_in), username, "account_username_wrong"
        )
    except UsernameTaken as refusal:
        return await _again(
            request, who, note_refusal(request, refusal, who.signed_in), username, "account_username_taken"
        )
    return back(request, who, HOME, "username_changed")


async def _again(request: web.Request, who: Holder, status: int, username: str, fault: str) -> web.Response:
    return await page(request, who, status=status, filled=Filled({USERNAME: username}, {USERNAME: fault}))


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The username of whoever is signed in",
        {200: html("The form."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=PageLink,
    ),
    Endpoint(
        "POST", PATH, change, Group.PAGES, "pages", "Change one's username",
        {
            303: ELSEWHERE, 400: html("The form cannot be read, or nobody can be called that."),
            403: html("The form is none of ours."), 404: html("There is nobody like that any more."),
            409: html("Somebody else is called that."), **UNREADABLE, **FAILED,
        },
        body=UsernameForm, reads=(FORM,),
    ),
)  # fmt: skip
