"""Which applications may use a person's account, and where they are signed in; all of it theirs to end."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pydantic

from domain.refusals import UnknownApplication, UnknownSession
from service.commands import consents, sessions
from service.http.endpoint import FORM, Endpoint
from service.http.group import Group
from service.pages import logout
from service.pages.account.holder import PATH, back, done
from service.pages.account.home import END, REVOKE, page
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html
from service.parts import PARTS
from service.sessions import clear_cookie

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from service.pages.account.holder import Holder

APPLICATION, SESSION, ALL, OTHERS = "application", "session", "all", "others"
SIGNED_OUT, REMOVED = "signed out on the account page", "ended on the account page"


class RevokeForm(pydantic.BaseModel):
    """Whose access ends: an application's by its id, or that of `all`. `organization`: where to sign in, if need be."""

    application: str
    organization: str = ""
    csrf: str = ""


class EndForm(pydantic.BaseModel):
    """Which session ends: one by its id, or all `others`. `organization`: where to sign in, if need be."""

    session: str
    organization: str = ""
    csrf: str = ""


@done(PATH, page, lately=False)
async def revoke(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """Take access away from an application, or from all."""
    store, origin, chosen = request.app[PARTS].store, who.origin(request), form.get(APPLICATION, "")
    if chosen == ALL:
        await consents.withdraw_all(store, origin, user=who.user)
        return back(request, who, PATH, "revoked_all")
    application = _id(chosen)
    if application is None:
        raise UnknownApplication
    await consents.withdraw(store, origin, user=who.user, application=application)
    return back(request, who, PATH, "revoked")


@done(PATH, page, lately=False)
async def end(request: web.Request, who: Holder, form: Mapping[str, str]) -> web.StreamResponse:
    """End a session, or all but the one that asks."""
    parts, origin, chosen = request.app[PARTS], who.origin(request), form.get(SESSION, "")
    if chosen == OTHERS:
        await sessions.end_all(parts.store, origin, user=who.user, but=who.signed_in.id, reason=REMOVED)
        return back(request, who, PATH, "ended_others")
    session = _id(chosen)
    if session is None:
        raise UnknownSession
    own = session == who.signed_in.id
    await parts.sessions.end(origin, session, reason=SIGNED_OUT if own else REMOVED, user=who.user)
    if not own:
        return back(request, who, PATH, "ended")
    response = logout.done(request, organization=who.organization)
    clear_cookie(response)
    return response


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ACTED = {
    303: ELSEWHERE,
    400: html("The form cannot be read."),
    403: html("The form is none of ours."),
    404: html("There is no such thing."),
    409: html("Too much at once."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "POST", REVOKE, revoke, Group.PAGES, "pages", "Take access away from an application, or from all",
        ACTED, body=RevokeForm, reads=(FORM,),
    ),
    Endpoint(
        "POST", END, end, Group.PAGES, "pages", "End a session, or all others",
        {200: html("The page of whoever signed out."), **ACTED}, body=EndForm, reads=(FORM,),
    ),
)  # fmt: skip
