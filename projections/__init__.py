"""The read models: one file each, owning its tables, its writer and its queries. Disposable: rebuilt from the log."""

from __future__ import annotations

from projections import (
    accounts,
    applications,
    audit,
    authorizations,
    consents,
    device_authorizations,
    grants,
    groups,
    invitations,
    memberships,
    revocations,
    roles,
    scopes,
    sessions,
    signing_keys,
    tokens,
    users,
)

MODELS = {
    module.MODEL.name: module.MODEL
    for module in (
        accounts,
        applications,
        audit,
        authorizations,
        consents,
        device_authorizations,
        grants,
        groups,
        invitations,
        memberships,
        revocations,
        roles,
        scopes,
        sessions,
        signing_keys,
        tokens,
        users,
    )
}
IMMEDIATE = {name: model for name, model in MODELS.items() if model.mode == "immediate"}
EVENTUAL = {name: model for name, model in MODELS.items() if model.mode == "eventual"}
