"""The door to API resources and their interfaces (spec/iform.md sections 0.3 to 0.5, 1.2 to 1.5, 2 and 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.interfaces import api_resources, grant_batches, grants, imports, interfaces, logs

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (
    api_resources.DOOR,
    imports.DOOR,
    interfaces.DOOR,
    grants.DOOR,
    grant_batches.DOOR,
    logs.DOOR,
)
