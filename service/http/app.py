"""Builds the web application of a worker: every endpoint and every door, mounted once."""

from __future__ import annotations

from aiohttp import web

from service.doors import DOORS
from service.http.body import MAX_BODY
from service.http.request import UNDER_WAY, identify
from service.oauth import introspection, metadata, revocation, token_endpoint
from service.operations import endpoints
from service.parts import PARTS, Parts


def build(parts: Parts) -> web.Application:
    """Return the application over its parts; who called starts and stops them."""
    app = web.Application(middlewares=[identify], client_max_size=MAX_BODY)
    app[PARTS] = parts
    app[UNDER_WAY] = set()
    route = app.router.add_route
    route("POST", "/oauth2/token", token_endpoint.STANDARD)
    route("POST", "/oauth2/v1/token", token_endpoint.SERVER_TO_SERVER)
    route("POST", "/oidc/token", token_endpoint.ACCOUNT_SETTINGS)
    route("POST", "/oauth2/introspect", introspection.HANDLER)
    route("POST", "/oauth2/revoke", revocation.HANDLER)
    app.router.add_get("/.well-known/oauth-authorization-server", metadata.authorization_server)
    app.router.add_get("/.well-known/openid-configuration", metadata.openid_configuration)
    app.router.add_get("/.well-known/jwks.json", metadata.key_set)
    endpoints.add_to(app)
    for door in DOORS:
        door.add_to(app)
    return app
