"""A page that a secret link leads to: it asks for a click, and only the click does what the link is for.

Programs that look at mail before people do open links too, so opening one changes nothing. The secret goes into the
form and is all that proves the right: there is nothing here that another site could send in somebody's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydantic

from service.http.body import BadBody, parse_form, read_bytes
from service.http.endpoint import FORM, Endpoint, Reply
from service.http.group import Group
from service.http.request import client_address
from service.pages.rendering import failing_as_page, gone, page
from service.parts import PARTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.parts import Parts

FIELD = "token"


class Link(pydantic.BaseModel):
    """The secret of a link."""

    token: str = ""


def _reply(told: str, *more: str) -> Reply:
    return Reply(told, str, "text/html", ("Cache-Control", *more))


FAILED = {
    500: _reply("A page that says that something failed."),
    503: _reply("A page that says so, while the service is away for a moment.", "Retry-After"),
}


@dataclass(frozen=True)
class Told:
    """What a page says of its link: for whom it is, and where it leads on (None: nowhere)."""

    organization: str
    email: str
    go_on: str | None = None


@dataclass(frozen=True)
class LinkPage:
    """One kind of link. `find` returns None for a link that does not work, `use` for one that did not any more."""

    path: str
    words: str
    find: Callable[[Parts, str], Awaitable[Told | None]]
    use: Callable[[web.Request, Parts, str], Awaitable[Told | None]]

    @property
    def endpoints(self) -> tuple[Endpoint, Endpoint]:
        """The page and its form."""
        asks, acts = f"Ask before an {self.words} link is used", f"Use an {self.words} link"
        replies = {200: _reply("A page."), 404: _reply("The link does not work."), **FAILED}
        bad = {status: _reply("The form cannot be read.") for status in (400, 408, 413, 415)}
        return (
            Endpoint("GET", self.path, self.ask, Group.PAGES, "pages", asks, replies, query=Link),
            Endpoint(
                "POST", self.path, self.act, Group.PAGES, "pages", acts, {**replies, **bad}, body=Link, reads=(FORM,)
            ),
        )

    async def ask(self, request: web.Request) -> web.Response:
        """Answer a link that was opened."""
        failing_as_page(request)
        tokens = request.query.getall(FIELD, [])
        told = await self.find(request.app[PARTS], tokens[0]) if len(tokens) == 1 else None
        if told is None:
            return self._refused(request, 404)
        return page(request, "confirm.html", kind=self.words, told=told, action=self.path, field=FIELD, token=tokens[0])

    async def act(self, request: web.Request) -> web.Response:
        """Answer the click."""
        failing_as_page(request)
        try:
            form = parse_form(await read_bytes(request)) if request.content_type == FORM else {}
        except BadBody as refused:
            return self._refused(request, refused.status)
        told = await self.use(request, request.app[PARTS], form.get(FIELD, ""))
        return self._refused(request, 404) if told is None else page(request, "done.html", kind=self.words, told=told)

    def _refused(self, request: web.Request, status: int) -> web.Response:
        request.app[PARTS].refused.note(
            organization=None,
            actor=None,
            client=None,
            operation=f"{request.method} {self.path}",
            status=status,
            code="unknown_link",
            detail="The link does not work",
            request_id=request[REQUEST_ID],
            address=client_address(request),
        )
        return gone(request, status)
