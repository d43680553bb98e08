"""The client credentials grant (RFC 6749 section 4.4): a machine's own token, decided on what is remembered of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from service.oauth.client_authentication import presented
from service.oauth.end_user import asserted
from service.oauth.endpoint import admit
from service.parts import PRESENTED_CLIENT, REQUEST_ID

if TYPE_CHECKING:
    from aiohttp import web

    from service.oauth.issuing import IssuedToken
    from service.parts import Parts


async def grant(
    request: web.Request,
    parts: Parts,
    parameters: dict[str, str],
    *,
    audience: str,
    organization: str | None = None,
) -> IssuedToken:
    """Issue a token to the client that proves itself, for its organization where that is named. Raises OAuthError."""
    credentials = presented(request, parameters)
    request[PRESENTED_CLIENT] = credentials.client_id
    return await parts.issuer.issue(
        credentials,
        audience=audience,
        scope=parameters.get("scope"),
        request_id=request[REQUEST_ID],
        organization=organization,
        admit=partial(admit, request, parts),
        end_user=partial(asserted, request, parameters),
    )
