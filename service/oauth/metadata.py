"""What is published about the service: RFC 8414 metadata, OpenID discovery, the key set. All URLs from the issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from service.oauth.client_assertion import ALGORITHMS
from service.oauth.issuing import GRANT_TYPE
from service.parts import PARTS

if TYPE_CHECKING:
    from service.settings import Settings

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
CACHE = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}


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


def _published(document: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json", headers=CACHE)
