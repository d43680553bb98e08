"""The read models: one file each, owning its tables, its writer and its queries. Disposable: rebuilt from the log."""

from __future__ import annotations

from projections import (
    accounts,
    applications,
    audit,
    authorizations,
    connectors,
    consents,
    device_authorizations,
    factors,
    grants,
    groups,
    identities,
    interface_grants,
    interfaces,
    invitations,
    memberships,
    personal_access_tokens,
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
        connectors,
        consents,
        device_authorizations,
        factors,
        grants,
        groups,
        identities,
        interface_grants,
        interfaces,
        invitations,
        memberships,
        personal_access_tokens,
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
