"""/oauth2/authorize: where an application sends a person's browser, by GET or by a form; /oauth/authorize likewise."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from service.http.endpoint import Endpoint
from service.http.group import Group
from service.oauth.authorization import addressing, answer, checks, parameters, pushed, shapes, steps
from service.oauth.authorization.asking import Unanswerable, begun
from service.oauth.errors import OAuthError
from service.oauth.iform_scope import in_our_words
from service.pages.rendering import failing_as_page
from service.parts import CLIENT, PARTS

if TYPE_CHECKING:
    from service.oauth.authorization.parameters import Parameters
    from service.oauth.authorization.request import AuthorizationRequest
    from service.parts import Parts

PATH, THIRD_PARTIES_PATH = "/oauth2/authorize", "/oauth/authorize"


async def authorize(request: web.Request) -> web.StreamResponse:
    """Answer an authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2)."""
    if request.method == "HEAD":  # who asks for the head alone is no browser on its way to a code
        raise web.HTTPMethodNotAllowed("HEAD", ("GET", "POST"))
    failing_as_page(request)
    parts = request.app[PARTS]
    given, client_id = None, None
    try:
        given = await parameters.read(request)
        client_id = addressing.require_client_id(given)
        request[CLIENT] = addressing.require_known_client(await parts.clients.fresh(client_id))
        asked = await _asked(request, parts, given)
    except Unanswerable as problem:
        locales = given.values.get("ui_locales") if given is not None else None
        return answer.told(request, parts, problem, client_id=client_id, locales=locales)
    if isinstance(asked, web.Response):
        return asked
    if request.method == "POST":
        return _by_get(parts, asked)
    return await steps.proceed(request, parts, asked)


async def _asked(request: web.Request, parts: Parts, given: Parameters) -> AuthorizationRequest | web.Response:
    """Return the request, or the answer that refuses it. Raises Unanswerable."""
    client = request[CLIENT]
    if "request_uri" in given.repeated:
        raise Unanswerable("invalid_request", "request_uri is repeated", "request_expired")
    request_uri = given.values.get("request_uri", "")
    if request_uri.startswith(pushed.PREFIX):
        # All else that the address holds counts for nothing (RFC 9101 section 6.3).
        return await pushed.pulled(parts, request_uri, client.client_id)
    values = given.values
    if request.path == THIRD_PARTIES_PATH:
        values = {**values, **in_our_words(values, client)}
    asking = await begun(parts, client, values, given.repeated)
    checks.judge_address(asking)
    try:
        return checks.judge(asking)
    except OAuthError as problem:
        return answer.error(request, parts, asking, problem)


def _by_get(parts: Parts, asked: AuthorizationRequest) -> web.Response:
    """Send a request that came by a form here again, by GET.

    Browsers keep our cookies to themselves when another site posts a form to us (SameSite=Lax): nobody would be
    signed in. Where a page leads by GET, they come along.
    """
    again = {"client_id": asked.client_id, "request_uri": pushed.push(parts, asked)}
    return answer.elsewhere(f"{parts.settings.issuer}{PATH}?{urlencode(again)}")


ENDPOINTS = (
    Endpoint(
        "GET",
        PATH,
        authorize,
        Group.OAUTH,
        "oauth",
        "Ask a person for their consent, and for a code",
        shapes.REPLIES,
        query=shapes.Asked,
    ),
    Endpoint(
        "POST",
        PATH,
        authorize,
        Group.OAUTH,
        "oauth",
        "Ask a person for their consent, and for a code, by a form",
        shapes.POSTED,
        body=shapes.AskedByForm,
        reads=shapes.READS,
    ),
    Endpoint(
        "GET",
        THIRD_PARTIES_PATH,
        authorize,
        Group.OAUTH,
        "oauth",
        "Ask a person for their consent, and for a code, at the address that third parties know",
        shapes.REPLIES,
        query=shapes.Asked,
    ),
)
