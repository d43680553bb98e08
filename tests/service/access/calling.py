"""A gateway whose calls are noted in a call log, without any decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from service.access.call_log import CallLog
    from tests.store_fixture import StoreParts

ORGANIZATION, OTHER = UUID(int=1), UUID(int=2)
RESOURCE, INTERFACE, GATEWAY, APPLICATION, USER = (UUID(int=n) for n in range(11, 16))
ROWS = "SELECT * FROM muniment.interface_calls ORDER BY id"


@dataclass
class Gateway:
    """Asks about calls, again and again."""

    parts: StoreParts
    log: CallLog

    def asked(self, **changed: Any) -> UUID:
        """Note a call that was allowed, unless `cause` says otherwise; return its request."""
        request: UUID = self.parts.clock.new_id()
        refused = changed.get("cause") is not None
        told = {
            "at": self.parts.clock.now(), "organization": ORGANIZATION, "resource": RESOURCE, "interface": INTERFACE,
            "gateway": GATEWAY, "application": APPLICATION, "user": None, "client_id": "shop", "address": "192.0.2.7",
            "method": "GET", "path": "/orders", "test": False, "status": 403 if refused else 200, "cause": None,
            "request_id": request,
        }  # fmt: skip
        self.log.note(**{**told, **changed})
        return request

    def refused(self, **changed: Any) -> UUID:
        return self.asked(**{"cause": "grant_missing", **changed})

    async def stored(self) -> list[Any]:
        return await self.parts.pool.fetch(ROWS)
