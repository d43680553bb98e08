"""/account/password: another password, for whoever knows the present one."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pydantic

from domain.refusals import InvalidPassword, TooManyGuesses, WrongPassword
from domain.text import is_orderly
from projections import users
from service import password_checks
from service.commands import passwords
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import (
    UNTOUCHED,
    Filled,
    PageLink,
    back,
    done,
    form_fields,
    later,
    minutes,
    seen,
    shown,
)
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal
from service.parts import PARTS
from service.secrets.passwords import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.pages.account.holder import Holder

PATH = f"{HOME}/password"
PRESENT, NEW, AGAIN, OTHERS = "present", "new", "again", "others"
SHORTEST = 8
"""NIST SP 800-63B section 3.1.1.2, of what somebody chooses for themselves."""


class PasswordForm(pydantic.BaseModel):
    """The present password, and the new one twice. `others`: whether all other sessions end."""

    present: str = pydantic.Field(default="", max_length=MAX_BODY)
    new: str = pydantic.Field(default="", max_length=MAX_BODY)
    again: str = pydantic.Field(default="", max_length=MAX_BODY)
    others: str = ""
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
    others: bool = True,
    wait: int = 0,
) -> web.Response:
    """Return the page; no password that was typed is on it. `wait`: the seconds until the next guess."""
    row = await users.one(request.app[PARTS].store.pool, who.user)
    response = shown(
        request,
        "account_password.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        fields=form_fields(request, who, PATH),
        identifier="" if row is None else row["username"] or row["email"] or "",
        others=others,
        wait_minutes=minutes(wait),
    )
    return later(response, wait)


@done(PATH, page)
async def change(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Change the password."""
    parts, others = request.app[PARTS], OTHERS in form
    faults = _faults(form)
    if faults:
        return await page(request, who, status=400, filled=Filled({}, faults), others=others)
    origin = who.origin(request)
    try:
        proved = await password_checks.require_right(parts, origin, who.by, user=who.user, password=form[PRESENT])
        await passwords.change(
            parts.store,
            origin,
            who.by,
            passwords=parts.passwords,
            user=who.user,
            password=form[NEW],
            own=True,
            former=proved.digest,
            ends_others_than=who.signed_in.id if others else None,
        )
    except WrongPassword as refusal:
        note_refusal(request, refusal, who.signed_in)
        fault = {PRESENT: "account_password_wrong"}
        return await page(request, who, status=403, filled=Filled({}, fault), others=others)
    except InvalidPassword as refusal:
        status, fault = note_refusal(request, refusal, who.signed_in), {NEW: "account_password_odd"}
        return await page(request, who, status=status, filled=Filled({}, fault), others=others)
    except TooManyGuesses as refusal:
        note_refusal(request, refusal, who.signed_in)
        return await page(request, who, status=429, others=others, wait=refusal.seconds)
    return back(request, who, HOME, "password_changed")


def _faults(form: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with the fields, by their names in the order of the page."""
    present, new, again = (form.get(name, "") for name in (PRESENT, NEW, AGAIN))
    length = len(unicodedata.normalize("NFKC", new) if is_orderly(new) else new)
    found: dict[str, str] = {}
    if not present:
        found[PRESENT] = "password_missing"
    if length < SHORTEST:
        found[NEW] = "account_password_short"
    elif length > LIMIT:
        found[NEW] = "account_password_long"
    elif new == present:
        found[NEW] = "account_password_same"
    elif new != again:
        found[AGAIN] = "account_password_differs"
    return found


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "Ask for another password",
        {200: html("The form."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=PageLink,
    ),
    Endpoint(
        "POST", PATH, change, Group.PAGES, "pages", "Change one's password",
        {
            303: ELSEWHERE, 400: html("The form cannot be read, or that can be no password."),
            403: html("The present password is another one, or the form is none of ours."),
            404: html("There is nobody like that any more."), 409: html("Too much at once."),
            429: html("Too many attempts.", "Retry-After"), **UNREADABLE, **FAILED,
        },
        body=PasswordForm, reads=(FORM,),
    ),
)  # fmt: skip
