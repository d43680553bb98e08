"""/account/factors: what somebody shows at sign-in besides their password: codes of an app, or those for its loss.

Backup codes are shown once, in the answer to the form that makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic

from domain.factor import Kind
from domain.refusals import BackupCodesAlone, BackupCodesInUse, UnknownFactor
from projections import factors as rows
from projections import users
from service.commands import factors
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import moments
from service.pages.account import once
from service.pages.account.holder import PATH as HOME
from service.pages.account.holder import UNTOUCHED, AccountLink, Filled, back, done, form_fields, seen, shown, told_done
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal
from service.pages.rendering import language_of
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from aiohttp import web

    from service.pages.account.holder import Holder

PATH = f"{HOME}/factors"
MAKING, REMOVING, APP = f"{PATH}/codes", f"{PATH}/remove", f"{PATH}/app"
FACTOR = "factor"
OUTCOMES = ("app_added", "app_removed", "codes_removed")
REMOVED = {Kind.TOTP: "app_removed", Kind.BACKUP_CODES: "codes_removed"}


class BackupCodesForm(pydantic.BaseModel):
    """That backup codes are wanted. `once`: the form's own id."""

    once: str = ""
    organization: str = ""
    csrf: str = ""


class RemoveFactorForm(pydantic.BaseModel):
    """Which factor is to be asked for no more."""

    factor: str
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
    codes: Sequence[str] = (),
) -> web.Response:
    """Return the page, with the backup `codes` that were just made."""
    parts = request.app[PARTS]
    language = language_of(request)
    held = await rows.of_user(parts.store.pool, who.user)
    own = await users.one(parts.store.pool, who.user)
    messages = own is not None and (own["email_factor"] or own["sms_factor"])
    has_app = any(row["type"] == Kind.TOTP for row in held)
    may_make_codes = (has_app or messages) and not any(row["remaining"] for row in held)
    return shown(
        request,
        "account_factors.html",
        status=status,
        notice=notice,
        bad=bad,
        filled=filled,
        codes=codes,
        held=[
            {
                "id": str(row["id"]),
                "app": row["type"] == Kind.TOTP,
                "remaining": row["remaining"],
                "since": moments.day(row["created_at"], language),
                "used": row["last_used_at"] and moments.day(row["last_used_at"], language),
            }
            for row in held
        ],
        has_app=has_app,
        may_make_codes=may_make_codes,
        forms=not codes and (bool(held) or may_make_codes),
        by_email=own is not None and own["email_factor"],
        by_sms=own is not None and own["sms_factor"],
        making={**form_fields(request, who, MAKING), once.FIELD: once.new(request)},
        removing=form_fields(request, who, REMOVING),
    )


@done(PATH, page)
async def make_codes(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Make backup codes and show them: this once."""
    codes: list[str] = []
    try:
        async with once.taking(request, who, form) as first:
            if first:
                made = await factors.add_backup_codes(
                    request.app[PARTS].store, who.origin(request), who.by, user=who.user, own=True
                )
                codes = made.value.codes
    except (BackupCodesInUse, BackupCodesAlone) as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        alone = isinstance(refusal, BackupCodesAlone)
        return await page(
            request, who, status=status, notice="account_codes_alone" if alone else "account_codes_there", bad=True
        )
    if not codes:
        note(request, 409, "form_sent_before", signed_in=who.signed_in)
        return await page(request, who, status=409, notice="account_shown_before", bad=True)
    return await page(request, who, notice="account_codes_made", codes=codes)


@done(PATH, page)
async def remove(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Ask for a factor no more."""
    parts = request.app[PARTS]
    held: dict[str, Any] = {str(row["id"]): row for row in await rows.of_user(parts.store.pool, who.user)}
    chosen = held.get(form.get(FACTOR, ""))
    if chosen is None:
        raise UnknownFactor
    factor: UUID = chosen["id"]
    await factors.remove(parts.store, who.origin(request), who.by, user=who.user, factor=factor, own=True)
    return back(request, who, PATH, REMOVED[Kind(chosen["type"])])


ENDPOINTS = (
    Endpoint(
        "GET", PATH, show, Group.PAGES, "pages", "The further factors of whoever is signed in",
        {200: html("The list."), 303: ELSEWHERE, 400: html("A parameter is repeated."), **FAILED},
        query=AccountLink,
    ),
    Endpoint(
        "POST", MAKING, make_codes, Group.PAGES, "pages", "Make backup codes for oneself",
        {
            200: html("The codes, shown this once."), 303: ELSEWHERE, 400: html("The form cannot be read."),
            403: html("The form is none of ours."), 404: html("There is nobody like that any more."),
            409: html("There are codes, or nothing that they could stand in for, or this form was sent before."),
            **UNREADABLE, **FAILED,
        },
        body=BackupCodesForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", REMOVING, remove, Group.PAGES, "pages", "Remove one of one's further factors",
        {
            303: ELSEWHERE, 400: html("The form cannot be read."), 403: html("The form is none of ours."),
            404: html("There is no such factor."), **UNREADABLE, **FAILED,
        },
        body=RemoveFactorForm, reads=(FORM,),
    ),
)  # fmt: skip
