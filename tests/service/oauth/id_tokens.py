"""ID tokens as applications would have got them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.oauth.id_token import id_token

if TYPE_CHECKING:
    from uuid import UUID

    from tests.service.oauth.authorization.flow import Shop


async def an_id_token(shop: Shop, user: UUID, session: UUID | None, **more: Any) -> str:
    """Return an ID token for a shop whose user signed in just now."""
    parts = shop.app.parts
    now = parts.clock.now()
    told = {"methods": ("pwd",), "authenticated_at": now, "nonce": "n", "access_token": "a", "now": now, **more}
    client = await parts.clients.fresh(shop.client_id)
    assert client is not None
    return id_token(parts, client=client, user=user, session=session, **told)
