"""/device: where a person types the code that their device shows, and connects it or does not (RFC 8628 section 3.3).

The code says whose people may answer, so it comes first, then the sign-in, then the question: with the application, its
code again and all it may do, because somebody else may have sent the code (section 5.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydantic
from aiohttp import web

from domain.refusals import DeviceAnswered, UnknownDevice, UnknownSession
from service import authority
from service.commands import devices
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.http.request import client_address
from service.pages import csrf, rendering, way_on
from service.pages.acting import origin_of
from service.pages.person import person
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, parameters, read, told_by_page
from service.pages.scope_words import described
from service.parts import PARTS
from service.sign_in import TryLater

if TYPE_CHECKING:
    import asyncpg

    from service.sessions import SignedIn

PATH = "/device"
CODE, SCOPE = "user_code", "scope"
DECISION, ALLOW, DENY = "decision", "allow", "deny"
MINUTE = 60


class DeviceLink(pydantic.BaseModel):
    """What a device's own link says: the code, to be confirmed."""

    user_code: str = ""


class DeviceForm(DeviceLink):
    """The form of the device page: the code, and once that was found, `decision` (allow or deny) on this `scope`."""

    decision: str = ""
    scope: str = ""
    csrf: str = ""


@told_by_page
async def ask(request: web.Request) -> web.StreamResponse:
    """Answer the page that asks for the code. Nothing is looked for yet: links are opened by programs, too."""
    signed_in = await request.app[PARTS].sessions.present(request)
    return _code_page(request, signed_in, parameters(request, CODE).get(CODE, ""))


@told_by_page
async def answer(request: web.Request) -> web.StreamResponse:
    """Answer the form: a code, or what is decided about its device."""
    form = await read(request)
    code, decision = form.get(CODE, "").strip(), form.get(DECISION)
    signed_in = await request.app[PARTS].sessions.present(request)
    if not csrf.genuine(request, form, PATH, csrf.shown_to(request, signed_in)):
        note(request, 403, "forged_form", signed_in=signed_in)
        return _code_page(request, signed_in, code, status=403, notice="form_stale")
    deciding = signed_in is not None and decision in (ALLOW, DENY)
    row = await _find(request, signed_in, code, anywhere=not deciding)
    if isinstance(row, web.Response):
        return row
    code = devices.shown(code)
    if signed_in is None or signed_in.organization != row["organization"]:
        return way_on.to(request.app[PARTS], "/login", organization=str(row["organization"]), device=code)
    if not deciding:
        return await _question(request, signed_in, row, code)
    agreed = authority.shown(await _asked(request, signed_in, row), form.get(SCOPE, ""))
    return await _decide(request, signed_in, row, code, None if decision == DENY else " ".join(agreed))


async def _find(
    request: web.Request, signed_in: SignedIn | None, code: str, *, anywhere: bool
) -> asyncpg.Record | web.Response:
    """Return the device that waits under a code, or the page that tells that there is none."""
    if not code:
        return _code_page(request, signed_in, code, status=400, fault="device_missing")
    try:
        row = await devices.find(
            request.app[PARTS],
            signed_in=signed_in,
            user_code=code,
            address=client_address(request),
            anywhere=anywhere,
        )
    except TryLater as wait:
        note(request, 429, "try_later", signed_in=signed_in)
        response = _code_page(request, signed_in, code, status=429, wait=wait.seconds)
        response.headers["Retry-After"] = str(wait.seconds)
        return response
    return _unknown(request, signed_in, code) if row is None else row


async def _decide(
    request: web.Request, signed_in: SignedIn, row: asyncpg.Record, code: str, scope: str | None
) -> web.StreamResponse:
    """Connect the device within this scope, or with None do not."""
    parts, deciding = request.app[PARTS], {"device": row["id"], "signed_in": signed_in}
    try:
        if scope is None:
            await devices.deny(parts.store, origin_of(request, signed_in), **deciding)
        else:
            await devices.approve(parts.store, origin_of(request, signed_in), **deciding, scope=scope)
    except UnknownSession:
        return way_on.to(request.app[PARTS], "/login", organization=str(row["organization"]), device=code)
    except (UnknownDevice, DeviceAnswered):  # it ran out, or another window was quicker
        return _unknown(request, signed_in, code)
    result = "device_denied" if scope is None else "device_allowed"
    return rendering.page(request, "device_done.html", result=result, application=row["name"])


def _unknown(request: web.Request, signed_in: SignedIn | None, code: str) -> web.Response:
    note(request, 400, "unknown_device", signed_in=signed_in)
    return _code_page(request, signed_in, code, status=400, fault="device_unknown")


def _code_page(
    request: web.Request,
    signed_in: SignedIn | None,
    code: str,
    *,
    status: int = 200,
    notice: str = "",
    fault: str = "",
    wait: int = 0,
) -> web.Response:
    shown = csrf.shown_to(request, signed_in)
    response = rendering.form_page(
        request,
        "device.html",
        status=status,
        code=code,
        fields={csrf.FIELD: csrf.token(request.app[PARTS], PATH, shown)},
        notice=notice,
        fault=fault,
        wait_minutes=-(-wait // MINUTE),
    )
    csrf.remember(response, shown)
    return response


async def _question(request: web.Request, signed_in: SignedIn, row: asyncpg.Record, code: str) -> web.Response:
    parts = request.app[PARTS]
    language = rendering.language_of(request)
    shown = csrf.shown_to(request, signed_in)
    scope = await _asked(request, signed_in, row)
    return rendering.form_page(
        request,
        "device_confirm.html",
        application=row["name"],
        owner=await way_on.owner_of(parts, row["organization"]),
        person=await person(parts, signed_in.user),
        code=code,
        organization=str(row["organization"]),
        scopes=await described(parts, row["organization"], scope, language),
        audience=row["audience"] if row["audience"] != parts.settings.issuer else None,
        fields={CODE: code, SCOPE: " ".join(scope), csrf.FIELD: csrf.token(parts, PATH, shown)},
    )


async def _asked(request: web.Request, signed_in: SignedIn, row: asyncpg.Record) -> list[str]:
    """Return what of the device's scope this person can be asked about."""
    return await authority.kept(request.app[PARTS], row["audience"], row["scope"], user=signed_in.user)


ENDPOINTS = (
    Endpoint(
        "GET", PATH, ask, Group.PAGES, "pages", "Ask for the code of a device",
        {200: html("The form."), 400: html("The code is repeated."), **FAILED},
        query=DeviceLink,
    ),
    Endpoint(
        "POST", PATH, answer, Group.PAGES, "pages", "Connect a device, or do not",
        {
            200: html("The question, or what came of it."), 303: ELSEWHERE,
            400: html("No device waits under this code."), 403: html("The form is none of ours."),
            429: html("Too many attempts.", "Retry-After"), **UNREADABLE, **FAILED,
        },
        body=DeviceForm, reads=(FORM,),
    ),
)  # fmt: skip
