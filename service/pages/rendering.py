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
    )


def page(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """Return a page. Its template finds its words as `words`, the path all addresses begin with as `base`."""
    language = preferred(request.headers.get("Accept-Language", ""))
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


def gone(request: web.Request, status: int = 404) -> web.Response:
    """Return the page of every link that does not work, whatever the reason: it tells nobody anything."""
    return page(request, "gone.html", status=status)


def failing_as_page(request: web.Request) -> None:
    """Let a failure of this request be told by a page."""

    def failed(
        status: int, _code: str, _sentence: str, *, headers: Mapping[str, str] | None = None, **_: Any
    ) -> web.Response:
        response = page(request, "failed.html", status=status)
        response.headers.update(headers or {})
        return response

    request[REFUSE] = failed
