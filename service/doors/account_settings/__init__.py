"""The account-settings door: /api/users, in the dialect of spec/logto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.account_settings import people

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (people.DOOR,)
