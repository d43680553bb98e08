"""Round trips to a provider and back: the `state` that shows that somebody who comes back is who left, for what.

It is bound to the session that left and to the connector it left by, holds for ten minutes and counts once. So nobody
comes back with what another one began: neither into another account, nor as if from another provider (RFC 9700 sections
2.1 and 4.4, RFC 6749 section 10.12). Nothing is kept until it comes back.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from service.parts import PARTS
from service.secrets.digests import same
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from aiohttp import web

    from service.pages.account.holder import Holder

PURPOSE = "account-round-trip"
LIFETIME = timedelta(minutes=10)
REMEMBERED = 2 * LIFETIME
MILLISECONDS_AT = 80  # of a UUIDv7: its first 48 bits


def state(request: web.Request, who: Holder, connector: UUID) -> str:
    """Return the state of a new round trip."""
    parts = request.app[PARTS]
    trip = parts.clock.new_id()
    return f"{trip.hex}.{_text(parts.ring.mac(PURPOSE, _bound(who, connector, trip)))}"


async def came_back(request: web.Request, who: Holder, connector: UUID, text: str) -> bool:
    """Say whether this session left by this connector with this state, lately, and comes back for the first time."""
    parts = request.app[PARTS]
    head, _, proof = text.partition(".")
    try:
        trip = UUID(hex=head)
    except ValueError:
        return False
    for attempt in range(2):
        if attempt:
            parts.reload_ring()  # another worker may have made it with a newer key
        made = parts.ring.mac_all(PURPOSE, _bound(who, connector, trip))
        fits = [same(proof, _text(raw)) for raw in made]
        if any(fits):
            break
    else:
        return False
    age = int(parts.clock.now().timestamp() * 1000) - (trip.int >> MILLISECONDS_AT)
    if age >= LIFETIME / timedelta(milliseconds=1):
        return False
    once = Bucket.of("account-round-trip", trip.bytes, burst=1, every=REMEMBERED.total_seconds())
    return await parts.throttle.wait(once) == 0


def _bound(who: Holder, connector: UUID, trip: UUID) -> bytes:
    return who.signed_in.id.bytes + connector.bytes + trip.bytes


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
