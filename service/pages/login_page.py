"""The sign-in page as it is shown: to whoever comes, after a mistake, or to who has to begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.pages import csrf, rendering
from service.parts import PARTS

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.way_on import Way

PATH = "/login"
MINUTE = 60


def page(
    request: web.Request,
    way: Way,
    *,
    status: int = 200,
    identifier: str = "",
    again: bool = False,
    checked: bool = False,
    notice: str = "",
    wait: int = 0,
) -> web.Response:
    """Return the page; `wait` is in seconds, `notice` the name of what is said."""
    shown = csrf.shown_to(request)
    response = rendering.form_page(
        request,
        "login.html",
        status=status,
        locales=way.locales,
        way=way,
        fields={**way.fields, csrf.FIELD: csrf.token(request.app[PARTS], PATH, shown)},
        identifier=identifier,
        again=again,
        checked=checked,
        notice=notice,
        wait_minutes=-(-wait // MINUTE),
    )
    csrf.remember(response, shown)
    return rendering.in_any_window(response)
