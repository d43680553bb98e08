"""The door of token look-up and revocation: /v1/organizations, in the dialect of spec/apigee.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.apigee import codes, organization, revoke, roles, search, tokens

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (
    organization.DOOR,
    search.DOOR,
    revoke.DOOR,
    tokens.ACCESS,
    tokens.REFRESH,
    codes.DOOR,
    roles.DOOR,
)
