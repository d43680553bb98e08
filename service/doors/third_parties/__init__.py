"""The door to third parties: /api/third-parties (spec/iform.md sections 0.1, 1.1 and 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.third_parties import batches, registrations

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (registrations.DOOR, batches.DOOR)
