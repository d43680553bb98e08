"""Renders pages: the reader's language, the headers that keep other sites and scripts out, a page for failures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp_jinja2
import jinja2

from service.http.unexpected import REFUSE
from service.pages import stylesheet
from service.pages.language import preferred
from service.pages.words import WORDS
from service.parts import PARTS, REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "Cache-Control": "no-store",
    # Nothing but our own stylesheet, no script at all, forms to ourselves, and no frame of anybody's around it.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # addresses of pages hold secrets
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Vary": "Accept-Language",
}


def set_up(app: web.Application) -> None:
    """Prepare the templates; what is put into them is escaped, and what is missing is an error."""
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters={"initial": initial},
    )


def initial(name: str) -> str:
    """Return the letter that stands for a name: its first letter or digit, if it has any."""
    return next((character.upper()[0] for character in name if character.isalnum()), "·")


def language_of(request: web.Request, locales: str | None = None) -> str:
    """Return the language of a page; `locales` is what an application says of its user's."""
    return preferred(request.headers.get("Accept-Language", ""), locales)


def page(
    request: web.Request, template: str, *, status: int = 200, locales: str | None = None, **context: Any
) -> web.Response:
    """Return a page. Its template finds its words as `words`, the path all addresses begin with as `base`."""
    language = language_of(request, locales)
    base = urlsplit(request.app[PARTS].settings.issuer).path
    told = {
        **context,
        "language": language,
        "words": WORDS[language],
        "base": base,
        "stylesheet": f"{base}{stylesheet.PATH}?v={stylesheet.VERSION}",
        "reference": str(request[REQUEST_ID]),
    }
    response = aiohttp_jinja2.render_template(template, request, told, status=status)
    response.headers.update(HEADERS)
    return response


def form_page(
    request: web.Request, template: str, *, status: int = 200, locales: str | None = None, **context: Any
) -> web.Response:
    """Return a page whose form has to tell us that it is ours.

    Browsers withhold the Origin of a form together with the referrer (Fetch, "append a request Origin header"), so
    this page tells both, to ourselves alone.
    """
    response = page(request, template, status=status, locales=locales, **context)
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def gone(request: web.Request, status: int = 404) -> web.Response:
    """Return the page of every link that does not work, whatever the reason: it tells nobody anything."""
    return page(request, "gone.html", status=status)


def problem(
    request: web.Request, title_key: str, text_key: str, status: int, *, locales: str | None = None
) -> web.Response:
    """Return a page that tells what is wrong, by two of the words, where nobody can be sent back anywhere."""
    return page(request, "problem.html", status=status, locales=locales, title_key=title_key, text_key=text_key)


def onward(request: web.Request, location: str, *, name: str, locales: str | None = None) -> web.Response:
    """Return a page that leads on to another site at once, for the answer to a form.

    A redirect would not do: some browsers hold every redirect that follows a form to the page's `form-action`, also
    those that the other site makes itself.
    """
    return in_any_window(page(request, "onward.html", locales=locales, location=location, name=name))


def in_any_window(response: web.Response) -> web.Response:
    """Return a page on the way to an application: its window keeps its ties to the one that opened it and waits."""
    del response.headers["Cross-Origin-Opener-Policy"]
    return response


def failing_as_page(request: web.Request) -> None:
    """Let a failure of this request be told by a page."""

    def failed(
        status: int, _code: str, _sentence: str, *, headers: Mapping[str, str] | None = None, **_: Any
    ) -> web.Response:
        response = page(request, "failed.html", status=status)
        response.headers.update(headers or {})
        return response

    request[REFUSE] = failed
