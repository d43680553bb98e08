"""The givens of the checks' tests: a client, a good request of it, and what becomes of one that is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.application_settings import Kind, TokenFormat
from domain.grant_types import AUTHORIZATION_CODE, REFRESH_TOKEN
from service.oauth.authorization import checks
from service.oauth.authorization.asking import Asking
from service.oauth.clients import Client

if TYPE_CHECKING:
    from service.oauth.authorization.request import AuthorizationRequest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ISSUER = "https://muniment.test"
CALLBACK = "https://app.example.com/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The challenge of RFC 7636 appendix B."""
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
GOOD = {"client_id": "shop", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid", "state": "xyz"}

WEB = Client(
    id=UUID(int=1),
    organization=UUID(int=2),
    client_id="shop",
    name="Shop",
    kind=Kind.WEB,
    confidential=True,
    permissions=frozenset({"files.read", "read_user"}),
    audiences=frozenset({"https://files.test"}),
    token_format=TokenFormat.JWT,
    access_token_lifetime=300,
    key_set=None,
    rate_limit=None,
    active=True,
    secrets=(),
    grants=(),
    redirect_uris=(CALLBACK,),
    grant_types=frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN}),
    trusted=False,
    refresh_token_lifetime=3600,
    refresh_grace=0,
    post_logout_redirect_uris=(),
    backchannel_logout_uri=None,
    position=1,
)
NATIVE = replace(
    WEB, kind=Kind.NATIVE, confidential=False, redirect_uris=("http://127.0.0.1/cb", "com.example.app:/cb")
)
PUBLIC = replace(WEB, kind=Kind.SPA, confidential=False)


def asking(client: Client = WEB, repeated: frozenset[str] = frozenset(), **changed: str | None) -> Asking:
    """Return the examination of a good request with these parameters changed, or left out where they are None."""
    parameters = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    for name in repeated:
        parameters.pop(name, None)
    return Asking(parameters, client, ISSUER, NOW, repeated)


def judged(client: Client = WEB, **changed: Any) -> AuthorizationRequest:
    """Return the request that the checks make of it. Raises what they refuse with."""
    examined = asking(client, **changed)
    checks.judge_address(examined)
    return checks.judge(examined)
