"""What is published about the service: RFC 8414 metadata, OpenID discovery, the key set. All URLs from the issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from service.http.document import Output
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.oauth.client_assertion import ALGORITHMS
from service.oauth.issuing import GRANT_TYPE
from service.parts import PARTS

if TYPE_CHECKING:
    from service.http.endpoint import Handler
    from service.settings import Settings

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
CACHE = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}


class Metadata(Output):
    """The authorization server metadata of RFC 8414 section 2."""

    issuer: str
    token_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]


class Discovery(Metadata):
    """The provider metadata of OpenID Connect Discovery section 3."""

    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    claims_supported: list[str]


class KeySet(Output):
    """Public keys (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


def metadata(settings: Settings) -> dict[str, Any]:
    """Return the authorization server metadata of RFC 8414 section 2: what is served, and nothing else."""
    base = settings.issuer
    return {
        "issuer": base,
        "token_endpoint": f"{base}/oauth2/token",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "grant_types_supported": [GRANT_TYPE],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
    }


def discovery(settings: Settings) -> dict[str, Any]:
    """Return OpenID provider metadata: the same, with the members that OpenID Discovery section 3 requires."""
    return {
        **metadata(settings),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"],
    }


async def authorization_server(request: web.Request) -> web.Response:
    """GET /.well-known/oauth-authorization-server."""
    return _published(metadata(request.app[PARTS].settings))


async def openid_configuration(request: web.Request) -> web.Response:
    """GET /.well-known/openid-configuration."""
    return _published(discovery(request.app[PARTS].settings))


async def key_set(request: web.Request) -> web.Response:
    """GET /.well-known/jwks.json: keys to come, the active one, and retired ones whose tokens may still live."""
    return _published(await request.app[PARTS].keys.document())


def _declared(path: str, handler: Handler, summary: str, shape: type[Output]) -> Endpoint:
    replies = {200: Reply("What is published.", shape, headers=tuple(CACHE)), **UNAVAILABLE}
    return Endpoint("GET", path, handler, Group.OAUTH, "metadata", summary, replies)


ENDPOINTS = (
    _declared(
        "/.well-known/oauth-authorization-server",
        authorization_server,
        "What the authorization server serves",
        Metadata,
    ),
    _declared("/.well-known/openid-configuration", openid_configuration, "What the OpenID provider serves", Discovery),
    _declared("/.well-known/jwks.json", key_set, "The keys that verify tokens", KeySet),
)


def _published(document: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json", headers=CACHE)
