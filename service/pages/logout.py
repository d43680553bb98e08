"""The pages of signing out: one that asks first, one that says it is done. service/oauth/logout.py decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.pages import csrf, rendering
from service.pages.person import person
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from aiohttp import web

    from service.sessions import SignedIn

PATH = "/oauth2/logout"


async def ask(
    request: web.Request,
    signed_in: SignedIn,
    *,
    fields: Mapping[str, str],
    locales: str | None = None,
    status: int = 200,
) -> web.Response:
    """Return the page that asks whether to sign out; its form repeats `fields`. A status of 403: it was not genuine."""
    parts = request.app[PARTS]
    shown = csrf.shown_to(request, signed_in)
    return rendering.form_page(
        request,
        "logout.html",
        status=status,
        locales=locales,
        action=PATH,
        person=await person(parts, signed_in.user),
        fields={**fields, csrf.FIELD: csrf.token(parts, PATH, shown)},
        notice="form_stale" if status == 403 else "",  # noqa: PLR2004 - the one refusal that leads here
    )


def genuine(request: web.Request, form: Mapping[str, str], signed_in: SignedIn) -> bool:
    """Say whether a form to sign out was sent by the page above, shown to this session."""
    return csrf.genuine(request, form, PATH, csrf.shown_to(request, signed_in))


def done(
    request: web.Request, *, go_on: str | None = None, organization: UUID | None = None, locales: str | None = None
) -> web.Response:
    """Return the page of whoever is signed out: with a link on if there is one, else to the sign-in page."""
    return rendering.page(request, "logged_out.html", locales=locales, go_on=go_on, organization=organization)
