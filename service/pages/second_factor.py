"""/login/factor: what somebody shows besides their password: a code of their app, one that was sent, a backup code.

It is reached by the right password alone, so it tells nobody else that somebody is known here, or what they use. Who
has to use an app and has none yet sets it up here, once everything else was shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic

from domain.factor import Proof
from domain.refusals import (
    CodeBurnt,
    CodeExpired,
    CodeMismatch,
    NoCodeSent,
    Refusal,
    WrongBackupCode,
    WrongTotpCode,
)
from service import second_step
from service.http.body import MAX_BODY
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.http.request import client_address
from service.pages import csrf, entering, login_page, rendering, way_on
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, parameters, read, told_by_page
from service.pages.second_factor_page import BACKUP, BY, PATH, page
from service.pages.way_on import Way
from service.parts import PARTS, REQUEST_ID
from service.second_step_attempts import Attempt, Spent
from service.sign_in import TryLater
from service.store.refusals import Overloaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.second_step import Asked, Pending
    from service.sign_in import Proved
    from service.store.throttle import Bucket

CODE, AGAIN = "code", "again"
WRONG = (WrongTotpCode, WrongBackupCode, CodeMismatch)
DEAD = (NoCodeSent, CodeExpired, CodeBurnt)


class SecondStepLink(pydantic.BaseModel):
    """What the address of the sign-in page said, and whether it is to be a backup code (`by`)."""

    request: str = ""
    organization: str = ""
    device: str = ""
    console: str = ""
    account: str = ""
    other: str = ""
    by: str = ""


class SecondStepForm(SecondStepLink):
    """The form of the second step: the code, or `again`, to have another one sent."""

    code: str = pydantic.Field(default="", max_length=MAX_BODY)
    again: str = ""
    csrf: str = ""


async def begin(request: web.Request, way: Way, proved: Proved) -> web.StreamResponse:
    """Lead somebody here whose password was right."""
    return await _on(request, way, second_step.begun(request.app[PARTS], proved))


@told_by_page
async def ask(request: web.Request) -> web.StreamResponse:
    """Answer the page that asks for what is to be shown now."""
    told = parameters(request, *way_on.FIELDS, BY)
    way = await way_on.found(request, told)
    if not isinstance(way, Way):
        return way
    if second_step.COOKIE not in request.cookies:
        return way_on.to(request.app[PARTS], login_page.PATH, **way.fields)
    found = await _wanted(request, way)
    if found is None:
        return login_page.page(request, way, notice="second_over")
    pending, wanted = found
    return page(request, way, pending, wanted, backup=told.get(BY) == BACKUP)


@told_by_page
async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the form."""
    form = await read(request)
    way = await way_on.found(request, form)
    if not isinstance(way, Way):
        return way
    found = await _wanted(request, way)
    if found is None:
        return _over(request, way, "nobody is between the steps")
    pending, wanted = found
    backup = form.get(BY) == BACKUP and wanted.backup
    if not csrf.genuine(request, form, PATH, csrf.shown_to(request)):
        _note(request, way, pending, 403, "forged_form")
        return page(request, way, pending, wanted, backup=backup, status=403, notice="form_stale")
    if AGAIN in form:
        return await _on(request, way, pending)
    if not form.get(CODE, "").strip():
        return page(request, way, pending, wanted, backup=backup, status=400, fault=True)
    return await _judge(request, way, pending, wanted, form)


async def _judge(
    request: web.Request, way: Way, pending: Pending, wanted: Asked, form: Mapping[str, str]
) -> web.StreamResponse:
    """Judge what was typed, and lead on, or say what is wrong."""
    backup = form.get(BY) == BACKUP and wanted.backup
    attempt = Attempt(request, pending, wanted, form[CODE], backup=backup)
    try:
        buckets = await attempt.taken(client_address(request))
    except TryLater as wait:
        _note(request, way, pending, 429, TryLater.code)
        response = page(request, way, pending, wanted, backup=backup, status=429, wait=wait.seconds)
        response.headers["Retry-After"] = str(wait.seconds)
        return response
    except Spent:
        return _over(request, way, "it led to a session before", pending)
    try:
        return await _shown(request, way, attempt, wanted, buckets)
    except (*WRONG, *DEAD) as refused:
        await attempt.missed(refused, buckets)
        _note(request, way, pending, 403, refused.code, detail=refused.detail)
        wrong = "second_wrong_app" if isinstance(refused, WrongTotpCode) else "second_wrong"
        notice = wrong if isinstance(refused, WRONG) else "second_dead"
        return page(request, way, pending, wanted, backup=backup, status=403, notice=notice)
    except Overloaded as busy:
        await attempt.missed(busy, buckets)
        raise
    except Refusal as refused:  # they were locked out, or changed how they come in, since they proved their password
        return _over(request, way, f"{refused.code} {refused.detail}", pending)


async def _shown(
    request: web.Request, way: Way, attempt: Attempt, wanted: Asked, buckets: tuple[Bucket, ...]
) -> web.StreamResponse:
    """Let somebody in who showed everything, or on to what is left. Raises refusals."""
    await attempt.judged()
    if wanted.last:
        response = await entering.let_in(
            request, way, attempt.pending, methods=attempt.methods, further=attempt.further
        )
    else:
        response = await _on(request, way, await attempt.recorded())
    await attempt.succeeded(buckets)
    return response


async def _on(request: web.Request, way: Way, pending: Pending) -> web.StreamResponse:
    """Lead somebody on to what they have to show next, ready to show it."""
    parts = request.app[PARTS]
    wanted = await second_step.asked(parts, pending)
    if wanted is None:
        return _over(request, way, "nothing is lacking any more", pending)
    ready = await second_step.prepared(request, pending, wanted, rendering.language_of(request, way.locales))
    response = way_on.to(parts, PATH, **way.fields)
    second_step.remember(response, parts, ready)
    return response


async def _wanted(request: web.Request, way: Way) -> tuple[Pending, Asked] | None:
    """Return who is between the steps on this way, and what they have to show; None when they have to begin anew."""
    pending = second_step.present(request)
    if pending is None or pending.organization != way.organization:
        return None
    wanted = await second_step.asked(request.app[PARTS], pending)
    if wanted is None or (wanted.proof is Proof.ENROLMENT and pending.secret is None):
        return None
    return pending, wanted


def _over(request: web.Request, way: Way, detail: str, pending: Pending | None = None) -> web.Response:
    """Return the sign-in page, for somebody who has to begin anew."""
    _note(request, way, pending, 403, "second_step_over", detail=detail)
    response = login_page.page(request, way, status=403, notice="second_over")
    second_step.forget(request, response)
    return response


def _note(
    request: web.Request, way: Way, pending: Pending | None, status: int, code: str, *, detail: str | None = None
) -> None:
    request.app[PARTS].refused.note(
        organization=way.organization,
        actor=None if pending is None else pending.user,
        client=None if way.asking is None else way.asking.client.client_id,
        operation=f"{request.method} {PATH}",
        status=status,
        code=code,
        detail=detail,
        request_id=request[REQUEST_ID],
        address=client_address(request),
    )


ENDPOINTS = (
    Endpoint(
        "GET", PATH, ask, Group.PAGES, "pages", "Ask somebody for a further factor",
        {200: html("The form."), 303: ELSEWHERE, 400: html("There is no such request."),
         403: html("The application has no approval that counts."), 404: html("There is no such organization."),
         **FAILED},
        query=SecondStepLink,
    ),
    Endpoint(
        "POST", PATH, answer, Group.PAGES, "pages", "Show a further factor",
        {
            200: html("On to the application."), 303: ELSEWHERE,
            400: html("Something is missing, or there is no such request."),
            403: html("That is not right, the sign-in begins anew, or the form is none of ours."),
            404: html("There is no such organization."),
            429: html("Too many attempts.", "Retry-After"), **UNREADABLE, **FAILED,
        },
        body=SecondStepForm, reads=(FORM,),
    ),
)  # fmt: skip
