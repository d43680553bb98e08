"""Pushed requests (RFC 9126): a request under a name that is good once, for a minute, for its own client.

The name is the sealed request itself, so there is nothing to keep but that it was used.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from service.oauth.authorization.asking import Unanswerable
from service.oauth.authorization.request import written
from service.oauth.authorization.sealed import PUSHED, closed, live
from service.store.replay import spend

if TYPE_CHECKING:
    from service.oauth.authorization.request import AuthorizationRequest
    from service.parts import Parts

PREFIX = "urn:ietf:params:oauth:request_uri:"
LIFETIME = timedelta(seconds=60)
MARGIN = timedelta(minutes=5)  # between the database's clock and ours


def push(parts: Parts, asked: AuthorizationRequest) -> str:
    """Return the `request_uri` of a request."""
    return PREFIX + closed(parts.ring, written(asked), PUSHED)


async def pulled(parts: Parts, request_uri: str, client_id: str) -> AuthorizationRequest:
    """Return the request behind a `request_uri`, as if it were made now, and use the name up.

    Raises Unanswerable for one that was altered, has expired, was used before, or is another client's (section 2.2).
    """
    asked = live(parts, request_uri.removeprefix(PREFIX), PUSHED, LIFETIME)
    if asked is None or asked.client_id != client_id:
        raise _gone("request_uri is malformed, has expired, or is another client's")
    used = hashlib.sha256(request_uri.encode("ascii")).digest()
    if not await spend(parts.store.pool, used, asked.asked_at + LIFETIME + MARGIN):
        raise _gone("request_uri was used before")
    return msgspec.structs.replace(asked, asked_at=parts.clock.now())


def _gone(description: str) -> Unanswerable:
    return Unanswerable("invalid_request", description, "request_expired")
