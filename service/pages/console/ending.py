"""Ending tokens at the console: one at once, all of an application (or of an end user there) after a question.

What ends takes its family along: with its refresh token the application would have another one a moment later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.refusals import UnknownAccount, UnknownApplication, UnknownToken
from service.commands import revocations, tokens
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import rendering, way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, form_fields, seen_with, told
from service.pages.console.filters import DONE, END_USER, FIELDS, address, wanted
from service.pages.console.opening import READ, REVOKE
from service.pages.console.tokens import ALL, APPLICATION, REVOKING, application_of, page, unknown
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from aiohttp import web

    from service.pages.console.administrator import Administrator

TOKEN = "token"  # noqa: S105 - the name of a field
REASON = "revoked at the console"


class TokenForm(pydantic.BaseModel):
    """Which token of which application ends; the rest is the list that it was chosen from."""

    token: str
    application: str
    end_user: str = ""
    status: str = ""
    kind: str = ""
    start: str = ""
    organization: str = ""
    csrf: str = ""


class Question(pydantic.BaseModel):
    """Whose tokens are to end: an application's, or those of one end user there."""

    application: str = ""
    end_user: str = ""
    organization: str = ""


class AllForm(Question):
    """The answer to the question."""

    csrf: str = ""


@done_with(REVOKE)
async def revoke(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """End one token, and go back to the list."""
    row = await application_of(request, who, form.get(APPLICATION, ""))
    if row is None:
        return unknown(request, who)
    chosen = wanted({name: form[name] for name in FIELDS if name in form})
    token = asked.required(form.get(TOKEN))
    try:
        await tokens.revoke(
            request.app[PARTS].store, who.origin(request), who.caller, token=token, cascade=True, reason=REASON
        )
    except UnknownToken as refusal:
        status = note_refusal(request, refusal, who.signed_in)
        if not who.may(READ):  # by now: the list is for those who see tokens
            return told(request, "console_unknown_title", "console_unknown_text", status)
        return await page(request, who, row, chosen, status=status, notice="form_stale", stale=True)
    return _back(request, row, {**chosen.fields, DONE: "revoked"})


@seen_with(REVOKE)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Ask whether all tokens are to end, telling how many there are."""
    values = parameters(request, APPLICATION, END_USER)
    row = await application_of(request, who, values.get(APPLICATION, ""))
    if row is None:
        return unknown(request, who)
    end_user = asked.text(values.get(END_USER))
    parts, organization = request.app[PARTS], row["organization"]
    count, more = await revocations.count(
        parts.store, who.caller, organization=organization, application=row["id"], end_user=end_user
    )
    named = {APPLICATION: str(row["id"]), **({} if end_user is None else {END_USER: end_user})}
    return rendering.form_page(
        request,
        "console_revoke_all.html",
        application={"id": str(row["id"]), "name": row["name"]},
        owner=await way_on.owner_of(parts, organization),
        end_user=end_user,
        count=count,
        more=more,
        fields={**form_fields(request, who, ALL), **named},
        back=address(row["id"], {} if end_user is None else {END_USER: end_user}),
    )


@done_with(REVOKE)
async def revoke_all(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """End all tokens of an application, or of one end user there: one event, however many there are."""
    row = await application_of(request, who, form.get(APPLICATION, ""))
    if row is None:
        return unknown(request, who)
    end_user = asked.text(form.get(END_USER))
    try:
        await revocations.record(
            request.app[PARTS].store,
            who.origin(request),
            who.caller,
            organization=row["organization"],
            application=row["id"],
            end_user=end_user,
            cascade=True,
            reason=REASON,
        )
    except (UnknownAccount, UnknownApplication) as refusal:  # deleted meanwhile
        status = note_refusal(request, refusal, who.signed_in)
        return told(request, "console_unknown_title", "console_unknown_text", status)
    filtered = {} if end_user is None else {END_USER: end_user}
    return _back(request, row, {**filtered, DONE: "revoked_all" if end_user is None else "revoked_end_user"})


def _back(request: web.Request, row: asyncpg.Record, fields: Mapping[str, str]) -> web.Response:
    return way_on.to(request.app[PARTS], address(row["id"], {}), **fields)


ACTED = {
    303: ELSEWHERE,
    400: html("The form cannot be read."),
    403: html("The form is none of ours, or whoever is signed in may not end tokens."),
    404: html("There is no such application or token."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "POST", REVOKING, revoke, Group.PAGES, "pages", "End a token", ACTED, body=TokenForm, reads=(FORM,),
    ),
    Endpoint(
        "GET", ALL, ask, Group.PAGES, "pages", "Ask before all tokens of an application end",
        {
            200: html("The question."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not end tokens."), 404: html("There is no such application."), **FAILED,
        },
        query=Question,
    ),
    Endpoint(
        "POST", ALL, revoke_all, Group.PAGES, "pages", "End all tokens of an application, or of an end user there",
        ACTED, body=AllForm, reads=(FORM,),
    ),
)  # fmt: skip
