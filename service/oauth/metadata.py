"""What is published about the service: RFC 8414 metadata, OpenID discovery, the key set. All URLs from the issuer.

Libraries set themselves up by these documents, so what stands here is what is served: no more, and no less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from domain import grant_types
from domain.permissions import PERSONAL_SCOPES
from service.http.document import Output
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.oauth import claims
from service.oauth.authorization.request import CHALLENGE_METHODS, PROMPTS, RESPONSE_MODES, RESPONSE_TYPES
from service.oauth.client_assertion import ALGORITHMS
from service.pages.language import LANGUAGES
from service.parts import PARTS

if TYPE_CHECKING:
    from service.http.endpoint import Handler
    from service.settings import Settings

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
PUBLIC_METHODS = [*METHODS, "none"]
"""Where a public client may come, too, which names itself and proves nothing."""
ID_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr")
CACHE = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}


class Metadata(Output):
    """The authorization server metadata of RFC 8414 section 2, RFC 8628 section 4, RFC 9126 section 5 and RFC 9207."""

    issuer: str
    authorization_endpoint: str
    pushed_authorization_request_endpoint: str
    require_pushed_authorization_requests: bool
    device_authorization_endpoint: str
    token_endpoint: str
    introspection_endpoint: str
    revocation_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_signing_alg_values_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_signing_alg_values_supported: list[str]
    ui_locales_supported: list[str]


class Discovery(Metadata):
    """The provider metadata of OpenID Connect Discovery section 3, RP-Initiated and Back-Channel Logout section 2.1."""

    userinfo_endpoint: str
    end_session_endpoint: str
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]
    claim_types_supported: list[str]
    claims_supported: list[str]
    prompt_values_supported: list[str]
    claims_parameter_supported: bool
    request_parameter_supported: bool
    request_uri_parameter_supported: bool
    backchannel_logout_supported: bool
    backchannel_logout_session_supported: bool


class KeySet(Output):
    """Public keys (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


def metadata(settings: Settings) -> dict[str, Any]:
    """Return the authorization server metadata of RFC 8414 section 2: what is served, and nothing else."""
    base = settings.issuer
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "pushed_authorization_request_endpoint": f"{base}/oauth2/par",
        "require_pushed_authorization_requests": False,
        "device_authorization_endpoint": f"{base}/oauth2/device_authorization",
        "token_endpoint": f"{base}/oauth2/token",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "scopes_supported": list(PERSONAL_SCOPES),
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(grant_types.ALL),
        "code_challenge_methods_supported": list(CHALLENGE_METHODS),
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": PUBLIC_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": PUBLIC_METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "ui_locales_supported": list(LANGUAGES),
    }


def discovery(settings: Settings) -> dict[str, Any]:
    """Return OpenID provider metadata: the same, with the members of OpenID Discovery section 3."""
    base = settings.issuer
    return {
        **metadata(settings),
        "userinfo_endpoint": f"{base}/oauth2/userinfo",
        "end_session_endpoint": f"{base}/oauth2/logout",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [settings.id_token_algorithm],
        "claim_types_supported": ["normal"],
        "claims_supported": [*ID_TOKEN_CLAIMS, *(claim for named in claims.CLAIMS.values() for claim in named)],
        "prompt_values_supported": list(PROMPTS),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
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
