"""The account-settings door: /api/users, in the dialect of spec/logto.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors.account_settings import (
    connector_use,
    connectors,
    custom_data,
    identities,
    listing,
    mfa,
    passwords,
    people,
    person,
    personal_access_tokens,
    profile,
    suspension,
    verification_codes,
)

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (
    people.DOOR,
    listing.DOOR,
    person.DOOR,
    profile.DOOR,
    custom_data.DOOR,
    suspension.DOOR,
    identities.DOOR,
    *personal_access_tokens.DOORS,
    passwords.DOOR,
    mfa.DOOR,
    verification_codes.DOOR,
    connectors.DOOR,
    connector_use.DOOR,
)
