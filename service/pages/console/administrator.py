"""Who is at the console: somebody signed in, with the permissions of the roles that they have now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

from domain.refusals import MissingPermission, RootRequired, UnknownSession
from service.authority import of_person, origin_of
from service.pages import csrf, rendering, way_on
from service.pages.console.opening import sections
from service.pages.posted import note, note_refusal, parameters, read, told_by_page
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from domain.caller import Caller
    from service.authority import Authority
    from service.pages.console.opening import Section
    from service.sessions import SignedIn
    from service.store.decision import Origin

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Seeing = Callable[[web.Request, "Administrator"], Awaitable[web.StreamResponse]]
    Acting = Callable[[web.Request, "Administrator", Mapping[str, str]], Awaitable[web.StreamResponse]]
    Reading = Callable[[web.Request], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody at the console."""

    signed_in: SignedIn
    authority: Authority

    @property
    def caller(self) -> Caller:
        """Who they are to the rules."""
        return self.authority.caller

    def may(self, *permissions: str) -> bool:
        """Whether they hold one of these."""
        return any(self.caller.holds(permission) for permission in permissions)

    @property
    def opens(self) -> list[Section]:
        """The parts of the console that are open to them."""
        return sections(self.caller)

    def origin(self, request: web.Request) -> Origin:
        """Return where a command of theirs comes from, which rests on their session and their roles."""
        return origin_of(request, self.signed_in, self.authority)


async def present(request: web.Request) -> Administrator | None:
    """Return who is signed in, whatever they may do here; None when nobody is."""
    parts = request.app[PARTS]
    signed_in = await parts.sessions.present(request)
    return None if signed_in is None else Administrator(signed_in, await of_person(parts, signed_in))


def seen_with(*permissions: str) -> Callable[[Seeing], Handler]:
    """Let a page be seen by whoever is signed in and holds one of these permissions."""

    def guarded(handler: Seeing) -> Handler:
        @told_by_page
        @wraps(handler)
        async def seeing(request: web.Request) -> web.StreamResponse:
            who = await present(request)
            if who is None:
                return _to_sign_in(request, parameters(request, way_on.ORGANIZATION))
            return await handler(request, who) if who.may(*permissions) else _denied(request, who)

        return seeing

    return guarded


def done_with(*permissions: str, reading: Reading | None = None) -> Callable[[Acting], Handler]:
    """Let the form of a page be sent by whoever is signed in, holds one of these permissions, and was shown it.

    `reading` reads a form that may be large, of nobody who may not send it: its address says where to sign in.
    """

    def guarded(handler: Acting) -> Handler:
        @told_by_page
        @wraps(handler)
        async def acting(request: web.Request) -> web.StreamResponse:
            form: Mapping[str, str] = parameters(request, way_on.ORGANIZATION) if reading else await read(request)
            who = await present(request)
            if who is None:
                return _to_sign_in(request, form)
            if not who.may(*permissions):
                return _denied(request, who)
            if reading is not None:
                form = await reading(request)
            if not csrf.genuine(request, form, request.path, csrf.shown_to(request, who.signed_in)):
                note(request, 403, "forged_form", signed_in=who.signed_in)
                return told(request, "console_stale_title", "form_stale", 403)
            try:
                return await handler(request, who, form)
            except UnknownSession:
                return _to_sign_in(request, form)
            except (MissingPermission, RootRequired) as refusal:
                note_refusal(request, refusal, who.signed_in)
                return told(request, "console_denied_title", "console_denied_text", 403, back="/account")

        return acting

    return guarded


def told(request: web.Request, title: str, text: str, status: int, *, back: str = "/console") -> web.Response:
    """Return a page that tells why not, by two of the words, and leads back."""
    return rendering.page(request, "console_told.html", status=status, title_key=title, text_key=text, back=back)


def form_fields(request: web.Request, who: Administrator, path: str) -> dict[str, str]:
    """Return what every form of the console carries: where to sign in once the session is over, and its token."""
    shown = csrf.shown_to(request, who.signed_in)
    return {
        way_on.ORGANIZATION: str(who.signed_in.organization),
        csrf.FIELD: csrf.token(request.app[PARTS], path, shown),
    }


def _denied(request: web.Request, who: Administrator) -> web.Response:
    note(request, 403, MissingPermission.code, signed_in=who.signed_in)
    return told(request, "console_denied_title", "console_denied_text", 403, back="/account")


def _to_sign_in(request: web.Request, values: Mapping[str, str]) -> web.Response:
    organization = values.get(way_on.ORGANIZATION)
    fields = {way_on.ORGANIZATION: organization} if organization else {}
    return way_on.to(request.app[PARTS], "/login", **fields, **{way_on.CONSOLE: "yes"})
