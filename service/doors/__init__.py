"""The doors to management: each a thin set of routes that speaks one dialect over the same commands and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.doors import (
    account_settings,
    accounts,
    apigee,
    applications,
    authzen,
    client_secrets,
    events,
    features,
    grants,
    interfaces,
    jobs,
    keys,
    memberships,
    organization_settings,
    projections,
    refusals,
    revocations,
    roles,
    s2s,
    third_parties,
    tokens,
    users,
)

if TYPE_CHECKING:
    from service.http.door import Door

DOORS: tuple[Door, ...] = (
    applications.DOOR,
    client_secrets.DOOR,
    users.DOOR,
    accounts.DOOR,
    features.DOOR,
    organization_settings.DOOR,
    memberships.DOOR,
    roles.DOOR,
    grants.DOOR,
    *third_parties.DOORS,
    *interfaces.DOORS,
    authzen.DOOR,
    tokens.DOOR,
    revocations.DOOR,
    keys.DOOR,
    projections.DOOR,
    jobs.DOOR,
    events.DOOR,
    refusals.DOOR,
    *s2s.DOORS,
    *account_settings.DOORS,
    *apigee.DOORS,
)
