"""Builds the web application of a worker: every endpoint and every door, mounted once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aiohttp import web

from service import pages
from service.access import verify
from service.access.authzen import metadata as authzen
from service.doors import DOORS
from service.http import cors
from service.http.body import MAX_BODY
from service.http.request import UNDER_WAY, identify
from service.oauth import (
    apigee,
    device_authorization_endpoint,
    iform,
    introspection,
    logout,
    metadata,
    pushed_endpoint,
    revocation,
    token_endpoint,
    userinfo,
)
from service.oauth.authorization import endpoint as authorization
from service.openapi import browsing, documents, published
from service.operations import endpoints
from service.parts import PARTS, Parts

if TYPE_CHECKING:
    from service.openapi.documents import Contents
    from service.openapi.published import Pages
    from service.openapi.schemas import Schema

ENDPOINTS = (
    token_endpoint.STANDARD,
    token_endpoint.SERVER_TO_SERVER,
    token_endpoint.ACCOUNT_SETTINGS,
    *iform.ENDPOINTS,
    apigee.ALL_STRINGS,
    introspection.INTROSPECTION,
    revocation.REVOCATION,
    *userinfo.ENDPOINTS,
    *logout.ENDPOINTS,
    *authorization.ENDPOINTS,
    pushed_endpoint.PUSHED,
    device_authorization_endpoint.ENDPOINT,
    *metadata.ENDPOINTS,
    *verify.ENDPOINTS,
    authzen.ENDPOINT,
    *endpoints.ENDPOINTS,
    *published.ENDPOINTS,
    *browsing.ENDPOINTS,
    *pages.ENDPOINTS,
)
"""Everything that is served outside the doors."""


def build(parts: Parts) -> web.Application:
    """Return the application over its parts; who called starts and stops them."""
    app = web.Application(middlewares=[identify], client_max_size=MAX_BODY)
    app[PARTS] = parts
    app[UNDER_WAY] = set()
    app.on_startup.append(_publish)
    for endpoint in ENDPOINTS:
        endpoint.add_to(app)
    for door in DOORS:
        door.add_to(app)
    cors.add_to(app)
    pages.set_up(app)
    return app


def document(contents: Contents, issuer: str) -> Schema:
    """Return an API document of all that is served, for an issuer."""
    return documents.made(contents, DOORS, ENDPOINTS, issuer)


@cache
def _pages(issuer: str) -> Pages:
    return published.pages(document, issuer)


async def _publish(app: web.Application) -> None:
    app[published.PAGES] = _pages(app[PARTS].settings.issuer)
