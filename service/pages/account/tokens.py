"""/account/tokens: personal access tokens, each shown once, when it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pydantic

from domain.refusals import (
    InvalidTokenName,
    PersonalAccessTokenNameTaken,
    TooManyPersonalAccessTokens,
    UnknownPersonalAccessToken,
)
from projections import personal_access_tokens as rows
from service.commands import personal_access_tokens
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import moments
from service.pages.account import once
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, AccountLink, Filled, back, done, form_fields, seen, shown, told_done
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal
from service.pages.rendering import language_of
from service.parts import PARTS
from service.secrets.personal_access_tokens import masked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import asyncpg
    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.account.holder import Holder

PATH = f"{HOME}/tokens"
RENAMING, DELETING = f"{PATH}/rename", f"{PATH}/delete"
NAME, DAYS, TOKEN, NEW_NAME = "name", "days", "token", "new_name"
NEVER = "never"
CHOICES = ("30", "90", "365", NEVER)
"""The days that a token may be good for."""
USUAL = "90"
OUTCOMES = ("token_renamed", "token_deleted")
FAULTS: dict[type[Refusal], str] = {
    InvalidTokenName: "account_token_name_wrong",
    PersonalAccessTokenNameTaken: "account_token_name_taken",
    TooManyPersonalAccessTokens: "account_token_too_many",
}


class NewTokenForm(pydantic.BaseModel):
    """A new token: its name, and for how many `days` it is good, or `never` to end. `once`: the form's own id."""

    name: str = pydantic.Field(default="", max_length=MAX_BODY)
    days: str = ""
    once: str = ""
    organization: str = ""
    csrf: str = ""


class RenameTokenForm(pydantic.BaseModel):
    """Which token is to be called what."""

    token: str
    new_name: str = pydantic.Field(default="", max_length=MAX_BODY)
    organization: str = ""
    csrf: str = ""


class DeleteTokenForm(pydantic.BaseModel):
    """Which token is to be gone."""

    token: str
    organization: str = ""
    csrf: str = ""


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
    value: str = "",
    renamed: str = "",
) -> web.Response:
    """Return the page, with the `value` of a token that was just made.

    `renamed` is the id of the token whose new name is at fault.
    """
    parts = request.app[PARTS]
    language, now = language_of(request), parts.clock.now()
    return shown(
        request,
        "account_tokens.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=Filled({DAYS: USUAL, **filled.typed}, filled.faults),
        value=value,
        tokens=[_told(row, now, language) for row in await rows.of_user(parts.store.pool, who.user)],
        renamed=renamed,
        choices=CHOICES,
        making={**form_fields(request, who, PATH), once.FIELD: once.new(request)},
        renaming=form_fields(request, who, RENAMING),
        deleting=form_fields(request, who, DELETING),
    )


@done(PATH, page)
async def make(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Make a token and show it: this once."""
    typed = {NAME: form.get(NAME, "").strip(), DAYS: form.get(DAYS, USUAL)}
    if not typed[NAME] or typed[DAYS] not in CHOICES:
        fault = {NAME: "account_token_name_missing"} if not typed[NAME] else {DAYS: "account_token_days_wrong"}
        return await page(request, who, status=400, filled=Filled(typed, fault))
    try:
        async with once.taking(request, who, form) as first:
            value = await _made(request, who, typed) if first else None
    except tuple(FAULTS) as refusal:
        return await _again(request, who, refusal, typed, NAME)
    if value is None:
        note(request, 409, "form_sent_before", signed_in=who.signed_in)
        return await page(request, who, status=409, notice="account_shown_before", bad=True)
    return await page(request, who, notice="account_token_made", value=value)


@done(PATH, page)
async def rename(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Give a token another name."""
    token, typed = await _chosen(request, who, form), {NEW_NAME: form.get(NEW_NAME, "").strip()}
    try:
        await personal_access_tokens.rename(
            request.app[PARTS].store,
            who.origin(request),
            who.by,
            user=who.user,
            name=token[NAME],
            new_name=typed[NEW_NAME],
        )
    except tuple(FAULTS) as refusal:
        return await _again(request, who, refusal, typed, NEW_NAME, renamed=str(token["id"]))
    return back(request, who, PATH, "token_renamed")


@done(PATH, page)
async def delete(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Delete a token; what it was exchanged for ends with it."""
    token = await _chosen(request, who, form)
    await personal_access_tokens.delete(
        request.app[PARTS].store, who.origin(request), who.by, user=who.user, name=token[NAME]
    )
    return back(request, who, PATH, "token_deleted")


async def _made(request: web.Request, who: Holder, typed: Mapping[str, str]) -> str:
    parts = request.app[PARTS]
    made = await personal_access_tokens.issue(
        parts.store,
        who.origin(request),
        who.by,
        user=who.user,
        name=typed[NAME],
        expires_at=_end(typed[DAYS], parts.clock.now()),
        own=True,
    )
    return made.value.value


async def _chosen(request: web.Request, who: Holder, form: Mapping[str, str]) -> asyncpg.Record:
    """Return the token of theirs that a form is about, whatever it is called by now. Raises if there is none."""
    found = await rows.of_user(request.app[PARTS].store.pool, who.user)
    token = next((row for row in found if str(row["id"]) == form.get(TOKEN)), None)
    if token is None or token[NAME] is None:
        raise UnknownPersonalAccessToken
    return token


async def _again(
    request: web.Request, who: Holder, refusal: Refusal, typed: Mapping[str, str], field: str, *, renamed: str = ""
) -> web.Response:
    status = note_refusal(request, refusal, who.signed_in)
    filled = Filled(typed, {field: FAULTS[type(refusal)]})
    return await page(request, who, status=status, filled=filled, renamed=renamed)


def _end(days: str, now: datetime) -> datetime | None:
    return None if days == NEVER else now + timedelta(days=int(days))


def _told(row: asyncpg.Record, now: datetime, language: str) -> dict[str, Any]:
    until = row["expires_at"]
    return {
        "id": str(row["id"]),
        "name": row[NAME] or "",
        "masked": masked(row["hint"]),
        "since": moments.day(row["created_at"], language),
        "until": until and moments.day(until, language),
        "expired": until is not None and until <= now,
    }


ACTED = {
    303: ELSEWHERE, 400: html("The form cannot be read, or no token can be called that."),
    403: html("The form is none of ours."), 404: html("There is no such token."),
    409: html("Another token is called that."), **UNREADABLE, **FAILED,
}  # fmt: skip
ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The personal access tokens of whoever is signed in",
        {200: html("The list."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=AccountLink,
    ),
    Endpoint(
        "POST", PATH, make, Group.PAGES, "pages", "Make a personal access token for oneself",
        {200: html("The token, shown this once."), **ACTED,
         409: html("Another token is called that, there are too many, or this form was sent before.")},
        body=NewTokenForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", RENAMING, rename, Group.PAGES, "pages", "Rename one's personal access token",
        ACTED, body=RenameTokenForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", DELETING, delete, Group.PAGES, "pages", "Delete one's personal access token",
        ACTED, body=DeleteTokenForm, reads=(FORM,),
    ),
)  # fmt: skip
