"""The server-to-server door: /info and /api/v1, in the dialect of spec/melody.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.s2s import (
    apps,
    groups,
    info,
    invitations,
    logs,
    orgs,
    roles,
    scopes,
    user_factors,
    user_orgs,
    user_sessions,
    users,
)

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (
    info.DOOR,
    apps.DOOR,
    roles.DOOR,
    scopes.DOOR,
    orgs.DOOR,
    groups.DOOR,
    invitations.DOOR,
    users.DOOR,
    user_factors.DOOR,
    user_sessions.DOOR,
    user_orgs.DOOR,
    logs.DOOR,
)
