"""Who is at their own account, and whether they proved lately that it is they.

Whoever finds a browser open sees what its owner sees. So that they cannot keep what they found, the pages that decide
how somebody comes in open only to a proof of the last minutes, and lead to the sign-in page for another one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pydantic

from domain.caller import Caller
from domain.refusals import Refusal, UnknownSession
from service.pages import acting, csrf, rendering, way_on
from service.pages.posted import note, note_refusal, parameters, read, told_by_page
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from aiohttp import web

    from service.sessions import SignedIn
    from service.store.decision import Origin

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Seeing = Callable[[web.Request, "Holder"], Awaitable[web.StreamResponse]]
    Acting = Callable[[web.Request, "Holder", Mapping[str, str]], Awaitable[web.StreamResponse]]

PATH = "/account"
DONE = "done"
RECENT = timedelta(minutes=15)


class PageLink(pydantic.BaseModel):
    """Whose people sign in, for somebody who is not signed in."""

    organization: str = ""


class AccountLink(PageLink):
    """Whose people sign in, for somebody who is not signed in; and what was just done."""

    done: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody at their own account."""

    signed_in: SignedIn

    @property
    def user(self) -> UUID:
        """Who they are."""
        return self.signed_in.user

    @property
    def organization(self) -> UUID:
        """Whose user they are."""
        return self.signed_in.organization

    @property
    def by(self) -> Caller:
        """Who they are to the rules: themselves, with no permission at all."""
        return Caller(actor=self.user, organization=self.organization, permissions=frozenset(), user=self.user)

    def origin(self, request: web.Request) -> Origin:
        """Return where a command of theirs comes from: it raises UnknownSession once their session is over."""
        return acting.origin_of(request, self.signed_in)

    def proved_lately(self, now: datetime) -> bool:
        """Whether they proved themselves less than fifteen minutes ago."""
        return now < self.signed_in.authenticated_at + RECENT


class Filled(NamedTuple):
    """What was typed into a form, and what is wrong with it: the words for it, by the name of the field."""

    typed: Mapping[str, str]
    faults: Mapping[str, str]


UNTOUCHED = Filled({}, {})


class Showing(Protocol):
    """Shows a page, for the first time or again."""

    def __call__(
        self,
        request: web.Request,
        who: Holder,
        *,
        status: int = 200,
        notice: str = "",
        bad: bool = False,
        filled: Filled = UNTOUCHED,
    ) -> Awaitable[web.Response]:
        """Show it with a notice perhaps, a `bad` one perhaps, and what was typed."""


async def present(request: web.Request) -> Holder | None:
    """Return who is signed in, None when nobody is."""
    signed_in = await request.app[PARTS].sessions.present(request)
    return None if signed_in is None else Holder(signed_in)


def seen(path: str, *, lately: bool = True, showing: Showing | None = None) -> Callable[[Seeing], Handler]:
    """Let a page be seen by whoever is signed in, and did so `lately` if that is asked for.

    `showing` tells by the page, shown anew, what was refused, where looking at it does something.
    """

    def guarded(handler: Seeing) -> Handler:
        @told_by_page
        @wraps(handler)
        async def seeing(request: web.Request) -> web.StreamResponse:
            who = await present(request)
            if who is None:
                return to_sign_in(request, path, parameters(request, way_on.ORGANIZATION).get(way_on.ORGANIZATION))
            if lately and not who.proved_lately(request.app[PARTS].clock.now()):
                return to_sign_in(request, path, str(who.organization))
            try:
                return await handler(request, who)
            except Refusal as refusal:
                if showing is None:
                    raise
                return await _refused(request, who, path, showing, refusal)

        return seeing

    return guarded


def done(path: str, showing: Showing, *, lately: bool = True) -> Callable[[Acting], Handler]:
    """Let the form of a page be sent by whoever was shown it, and signed in `lately` if that is asked for.

    What is refused and not told beside a field is told by the page, shown anew.
    """

    def guarded(handler: Acting) -> Handler:
        @told_by_page
        @wraps(handler)
        async def acting_on(request: web.Request) -> web.StreamResponse:
            form = await read(request)
            who = await present(request)
            if who is None:
                return to_sign_in(request, path, form.get(way_on.ORGANIZATION))
            if lately and not who.proved_lately(request.app[PARTS].clock.now()):
                return to_sign_in(request, path, str(who.organization))
            if not csrf.genuine(request, form, request.path, csrf.shown_to(request, who.signed_in)):
                note(request, 403, "forged_form", signed_in=who.signed_in)
                return await showing(request, who, status=403, notice="form_stale", bad=True)
            try:
                return await handler(request, who, form)
            except Refusal as refusal:
                return await _refused(request, who, path, showing, refusal)

        return acting_on

    return guarded


async def _refused(
    request: web.Request, who: Holder, path: str, showing: Showing, refusal: Refusal
) -> web.StreamResponse:
    if isinstance(refusal, UnknownSession) and await present(request) is None:
        return to_sign_in(request, path, str(who.organization))
    status = note_refusal(request, refusal, who.signed_in)
    return await showing(request, who, status=status, notice="form_stale", bad=True)


def shown(
    request: web.Request,
    template: str,
    *,
    status: int,
    notice: str,
    bad: bool,
    filled: Filled,
    forms: bool = True,
    **context: Any,
) -> web.Response:
    """Return a page, which has `forms` or none; the first field at fault has the focus."""
    render = rendering.form_page if forms else rendering.page
    return render(
        request,
        template,
        status=status,
        notice=notice,
        bad=bad,
        typed=defaultdict(str, filled.typed),
        faults=defaultdict(str, filled.faults),
        first=next(iter(filled.faults), ""),
        **context,
    )


def later(response: web.Response, seconds: int) -> web.Response:
    """Return a page that says, where there are any, in how many seconds it may be tried again."""
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def minutes(seconds: int) -> int:
    """Return in how many minutes it may be tried again, as people are told."""
    return -(-seconds // 60)


def form_fields(request: web.Request, who: Holder, path: str) -> dict[str, str]:
    """Return what every form carries: where to sign in once the session is over, and its token."""
    return {
        way_on.ORGANIZATION: str(who.organization),
        csrf.FIELD: csrf.token(request.app[PARTS], path, csrf.shown_to(request, who.signed_in)),
    }


def back(request: web.Request, who: Holder, path: str, outcome: str) -> web.Response:
    """Return the answer that leads to a page which tells what was done."""
    return way_on.to(request.app[PARTS], path, **{way_on.ORGANIZATION: str(who.organization), DONE: outcome})


def told_done(request: web.Request, outcomes: tuple[str, ...]) -> str:
    """Return the words for what the address says was done; nothing for what is none of our own outcomes."""
    outcome = parameters(request, DONE).get(DONE, "")
    return f"account_{outcome}" if outcome in outcomes else ""


def to_sign_in(request: web.Request, path: str, organization: str | None) -> web.Response:
    """Return the answer that leads to the sign-in page, and from there back to this page."""
    fields = {way_on.ORGANIZATION: organization} if organization else {}
    page = path.removeprefix(f"{PATH}/")
    if page in way_on.ACCOUNT_PAGES:
        fields[way_on.ACCOUNT] = page
    return way_on.to(request.app[PARTS], "/login", **fields)
