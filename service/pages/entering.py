"""What follows once somebody has shown all they have to: a session begins, and they go where they were going."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service import second_step
from service.oauth.authorization import steps
from service.pages import csrf, way_on
from service.pages.way_on import DEVICE
from service.parts import PARTS
from service.sessions import set_cookie
from service.sign_in import set_device_cookie

if TYPE_CHECKING:
    from aiohttp import web

    from service.commands.sessions import Further
    from service.pages.way_on import Way
    from service.second_step import Pending
    from service.sign_in import Proved


async def let_in(
    request: web.Request, way: Way, who: Proved | Pending, *, methods: tuple[str, ...], further: Further | None = None
) -> web.StreamResponse:
    """Let somebody in whose password was right and whose further factors `further` judges, and lead them on.

    Raises what `Sessions.start` raises.
    """
    _, text = await request.app[PARTS].sessions.start(
        request,
        user=who.user,
        organization=who.organization,
        methods=methods,
        position=who.position,
        further=further,
    )
    response = await _follow(request, way)
    set_cookie(response, text)
    csrf.forget(response)
    second_step.forget(request, response)
    set_device_cookie(response, who.device)
    return response


async def _follow(request: web.Request, way: Way) -> web.StreamResponse:
    parts = request.app[PARTS]
    if way.asking is not None:
        return way_on.after_form(request, await steps.proceed(request, parts, way.asking.asked), way.asking)
    if DEVICE in way.fields:
        return way_on.to(parts, "/device", user_code=way.fields[DEVICE])
    return way_on.to(parts, way_on.home(way), organization=str(way.organization))
