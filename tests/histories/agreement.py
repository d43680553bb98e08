"""The rows of the read models beside what the domain makes of the streams, and beside the world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.connector import Connector
from domain.consent import Consent
from domain.device_authorization import DeviceAuthorization
from domain.factor import AuthenticationFactor, Kind
from domain.grant import Grant
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.identity import EnterpriseIdentity, Identity
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.membership import Membership
from domain.personal_access_token import PersonalAccessToken
from domain.role import Role
from domain.scope_definition import ScopeDefinition
from domain.session import Session
from domain.signing_key import SigningKey
from domain.token_family import TokenFamily
from domain.user import User
from projections import tokens
from tests.histories.world import DELETED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from eventsourcing.domain import Aggregate

    from tests.histories.world import World
    from tests.store_fixture import StoreParts

COLUMNS = {
    "accounts": (
        "organization", "parent", "depth", "name", "status", "color", "slug", "features", "code_tries",
        "verified_identifiers", "submit_limited",
    ),
    "users": ("organization", "application", "name", "status"),
    "user_roles": ("user_id", "role"),
    "memberships": ("organization", "account", "user_id", "role", "active"),
    "org_groups": ("organization", "account", "name"),
    "group_members": ("group_id", "user_id"),
    "scopes": ("organization", "name"),
    "roles": ("organization", "name", "permissions", "privileged"),
    "applications": (
        "organization",
        "client_id",
        "kind",
        "permissions",
        "access_token_lifetime",
        "status",
        "standing",
        "scope_kinds",
        "created_by",
        "submitted_by",
        "effective_until",
    ),
    "application_secrets": ("application", "name", "expires_at"),
    "grants": ("organization", "application", "scope", "requested_by", "expires_at", "status"),
    "signing_keys": ("algorithm", "status"),
    "sessions": ("organization", "user_id", "digest", "expires_at"),
    "identities": ("organization", "user_id", "target", "person", "details"),
    "enterprise_identities": ("organization", "user_id", "connector", "issuer", "identity_id", "detail"),
    "personal_access_tokens": ("organization", "user_id", "name", "expires_at"),
    "factors": ("organization", "user_id", "type", "remaining"),
    "connectors": ("organization", "type", "kind", "target"),
    "api_resources": ("organization", "identifier", "audience", "created_by"),
    "interfaces": (
        "organization", "resource", "identifier", "method", "path", "frequency", "test_frequency", "submit_limited",
        "scope",
    ),
    "interface_grants": (
        "organization", "application", "resource", "interface", "status", "frequency", "test_frequency", "expires_at",
        "requested_by",
    ),
    "consents": ("organization", "user_id", "application", "scope"),
    "device_authorizations": ("organization", "application", "status", "expires_at"),
    "tokens": (
        "family",
        "organization",
        "application",
        "user_id",
        "account",
        "membership",
        "end_user",
        "actor",
        "ended",
        "deleted",
        "attributes",
    ),
    "refresh_tokens": (
        "family", "organization", "application", "user_id", "account", "end_user", "expires_at", "position", "used",
        "ended", "deleted", "attributes",
    ),
}  # fmt: skip
COMPUTED = {
    "ended": "ended_at IS NOT NULL",
    "used": "used_at IS NOT NULL",
    "deleted": "deleted_at IS NOT NULL",
    "attributes": "coalesce(attributes::text, '{}')",
}
KEYS = {
    "user_roles": "user_id || role::text",
    "group_members": "group_id || user_id::text",
    "refresh_tokens": "encode(digest, 'hex')",
}

Rows = dict[Any, tuple[Any, ...]]


async def shown(parts: StoreParts) -> dict[str, Rows]:
    """Return the rows of the read models by table and id, each as its COLUMNS."""
    tables = {}
    for table, columns in COLUMNS.items():
        values = ", ".join(COMPUTED.get(column, column) for column in columns)
        rows = await parts.pool.fetch(f"SELECT {KEYS.get(table, 'id')}, {values} FROM models.{table}")
        tables[table] = {row[0]: tuple(row)[1:] for row in rows}
    return tables


def of_streams(things: Mapping[UUID, Aggregate]) -> dict[str, Rows]:
    """Return the rows that follow from the aggregates; a table that they say too little about is absent."""
    rows: dict[str, Rows] = {name: {} for name in COLUMNS if name != "refresh_tokens"}
    for id, each in things.items():
        _of_tenant(rows, id, each)
        _of_client(rows, id, each)
        _of_person(rows, id, each)
        _of_interface(rows, id, each)
    return rows


def _of_tenant(rows: dict[str, Rows], id: UUID, each: Aggregate) -> None:
    match each:
        case Account() if each.status != DELETED:
            rows["accounts"][id] = (
                each.organization, each.parent, each.depth, each.name, each.status, each.color, each.slug,
                sorted(each.features), each.code_tries, each.verified_identifiers, each.submit_limited,
            )  # fmt: skip
        case User() if each.status != DELETED:
            rows["users"][id] = (each.organization, each.application, each.name, each.status)
            rows["user_roles"] |= {f"{id}{role}": (id, role) for role in each.roles}
        case Membership() if not each.removed:
            rows["memberships"][id] = (each.organization, each.account, each.user, each.role, each.active)
        case Group() if not each.deleted:
            rows["org_groups"][id] = (each.organization, each.account, each.name)
        case GroupMembership() if not each.removed:
            rows["group_members"][f"{each.group}{each.user}"] = (each.group, each.user)
        case ScopeDefinition() if not each.deleted:
            rows["scopes"][id] = (each.organization, each.name)
        case Role() if not each.deleted:
            rows["roles"][id] = (each.organization, each.name, each.permissions, each.privileged)


def _of_client(rows: dict[str, Rows], id: UUID, each: Aggregate) -> None:
    match each:
        case Application() if each.status != DELETED:
            settings = each.settings
            values = (settings.permissions, settings.access_token_lifetime, each.status)
            rows["applications"][id] = (each.organization, each.client_id, each.kind, *values, *_of_third_party(each))
            secrets = each.secrets.values()
            rows["application_secrets"] |= {s.id: (id, s.name, s.expires_at) for s in secrets}
        case Grant():
            values = (each.scope, each.requested_by, each.expires_at, each.status)
            rows["grants"][id] = (each.organization, each.application, *values)
        case Session() if not each.ended:
            rows["sessions"][id] = (each.organization, each.user, each.digest, each.expires_at)
        case Consent() if not each.withdrawn:
            rows["consents"][id] = (each.organization, each.user, each.application, each.scope)
        case DeviceAuthorization() if each.status != "redeemed":
            rows["device_authorizations"][id] = (each.organization, each.application, each.status, each.expires_at)
        case SigningKey():
            rows["signing_keys"][id] = (each.algorithm, each.status)
        case TokenFamily():
            of = (
                each.organization, each.application, each.user, each.account, each.membership, each.end_user,
                each.actor,
            )  # fmt: skip
            rows["tokens"] |= {
                token: (
                    id, *of, token in each.revoked, token in each.deleted, _json(each.attributes.get(token, {})),
                )
                for token in each.tokens
            }  # fmt: skip


def _of_person(rows: dict[str, Rows], id: UUID, each: Aggregate) -> None:
    match each:
        case Identity() if not each.unlinked:
            details = None if each.details is None else _json(each.details)
            rows["identities"][id] = (each.organization, each.user, each.target, each.person, details)
        case EnterpriseIdentity() if not each.unlinked:
            said = (each.connector, each.issuer, each.identity_id, _json(each.detail or {}))
            rows["enterprise_identities"][id] = (each.organization, each.user, *said)
        case PersonalAccessToken() if not each.deleted:
            rows["personal_access_tokens"][id] = (each.organization, each.user, each.name, each.expires_at)
        case AuthenticationFactor() if not each.removed:
            left = each.remaining if each.kind is Kind.BACKUP_CODES else None
            rows["factors"][id] = (each.organization, each.user, each.kind, left)
        case Connector() if not each.deleted:
            rows["connectors"][id] = (each.organization, each.type, each.kind, each.target)


def _of_interface(rows: dict[str, Rows], id: UUID, each: Aggregate) -> None:
    match each:
        case ApiResource() if not each.deleted:
            rows["api_resources"][id] = (each.organization, each.identifier, each.audience, each.created_by)
        case Interface() if not each.deleted:
            limits = (each.frequency, each.test_frequency, each.submit_limited, each.scope)
            rows["interfaces"][id] = (
                each.organization, each.resource, each.identifier, each.method, each.path, *limits,
            )  # fmt: skip
        case InterfaceGrant() if not each.ended:
            limits = (each.frequency, each.test_frequency, each.expires_at, each.requested_by)
            rows["interface_grants"][id] = (
                each.organization, each.application, each.resource, each.interface, each.status, *limits,
            )  # fmt: skip


def _json(attributes: dict[str, Any]) -> str:
    """Return attributes, whose names are equally long, as PostgreSQL does."""
    return json.dumps(attributes, sort_keys=True, ensure_ascii=False)


def _of_third_party(application: Application) -> tuple[Any, ...]:
    asked = application.submission
    if asked is None:
        return (None,) * 5
    return asked.standing, list(asked.scope_kinds), asked.created_by, asked.submitted_by, asked.effective_until


def of_world(world: World) -> dict[str, Rows]:
    """Return the rows that the commands which were carried out must have led to."""
    people = {id: user for id, user in world.users.items() if user.status != DELETED}
    clients = {id: client for id, client in world.applications.items() if client.status != DELETED}
    families = world.families
    return {
        "accounts": {
            id: (
                *(a.organization, a.parent, a.depth, a.name, a.status, a.color, a.slug),
                *(sorted(a.features), a.code_tries, a.verified_identifiers, a.submit_limited),
            )
            for id, a in world.accounts.items()
            if a.status != DELETED
        },
        "users": {id: (u.organization, u.application, u.name, u.status) for id, u in people.items()},
        "user_roles": {f"{id}{role}": (id, role) for id, user in people.items() for role in user.roles},
        "memberships": {
            id: (m.organization, m.account, m.user, m.role, m.active)
            for id, m in world.memberships.items()
            if m.status != DELETED
        },
        "org_groups": {
            id: (g.organization, g.account, g.name) for id, g in world.groups.items() if g.status != DELETED
        },
        "group_members": {f"{id}{user}": (id, user) for id, g in world.groups.items() for user in g.members},
        "scopes": {id: (s.organization, s.name) for id, s in world.scopes.items() if s.status != DELETED},
        "roles": {
            id: (r.organization, r.name, r.permissions, r.privileged)
            for id, r in world.roles.items()
            if r.status != DELETED
        },
        "applications": {
            id: (
                c.organization,
                c.client_id,
                c.kind,
                c.permissions,
                c.lifetime,
                c.status,
                c.standing,
                c.kinds,
                c.created_by,
                c.submitted_by,
                c.until,
            )
            for id, c in clients.items()
        },
        "application_secrets": {key: (id, *of) for id, c in clients.items() for key, of in c.secrets.items()},
        "grants": {
            id: (g.organization, g.application, g.scope, g.requested_by, g.expires_at, g.status)
            for id, g in world.grants.items()
        },
        "sessions": {
            id: (s.organization, s.user, s.digest, s.expires_at)
            for id, s in world.sessions.items()
            if s.status != DELETED
        },
        "consents": {
            id: (c.organization, c.user, c.application, sorted(c.scope))
            for id, c in world.consents.items()
            if c.status != DELETED
        },
        "identities": {
            id: (i.organization, i.user, i.target, i.person, i.details)
            for id, i in world.identities.items()
            if i.status != DELETED
        },
        "enterprise_identities": {
            id: (i.organization, i.user, i.connector, i.issuer, i.identity_id, "{}")
            for id, i in world.enterprise_identities.items()
            if i.status != DELETED
        },
        "personal_access_tokens": {
            id: (t.organization, t.user, t.name, t.expires_at)
            for id, t in world.personal_tokens.items()
            if t.status != DELETED
        },
        "factors": {
            id: (f.organization, f.user, f.kind, f.remaining) for id, f in world.factors.items() if f.status != DELETED
        },
        "connectors": {
            id: (c.organization, c.type, c.kind, c.target) for id, c in world.connectors.items() if c.status != DELETED
        },
        "api_resources": {
            id: (r.organization, r.identifier, r.audience, r.created_by)
            for id, r in world.resources.items()
            if r.status != DELETED
        },
        "interfaces": {
            id: (i.organization, i.resource, i.identifier, i.method, i.path, i.frequency, 60, i.limited, "authorized")
            for id, i in world.interfaces.items()
            if i.status != DELETED
        },
        "interface_grants": {
            id: (
                *(g.organization, g.application, g.resource, g.interface, g.status),
                *(g.frequency, g.test_frequency, g.expires_at, g.requested_by),
            )
            for id, g in world.interface_grants.items()
            if g.status != DELETED
        },
        "device_authorizations": {
            id: (d.organization, d.application, d.status, d.expires_at)
            for id, d in world.devices.items()
            if d.status != "redeemed"
        },
        "signing_keys": {id: (key.algorithm, key.status) for id, key in world.keys.items()},
        "tokens": {
            id: (
                t.family,
                f.organization,
                f.application,
                f.user,
                f.account,
                f.membership,
                f.end_user,
                f.actor,
                t.ended,
                t.deleted,
                _json(t.attributes),
            )
            for id, t in world.tokens.items()
            for f in (families[t.family],)
        },
        "refresh_tokens": {
            digest: (
                id,
                family.organization,
                family.application,
                family.user,
                family.account,
                family.end_user,
                r.expires_at,
                r.position,
                r.used,
                r.ended,
                r.deleted,
                _json(r.attributes),
            )
            for id, family in families.items()
            for digest, r in family.refresh.items()
        },
    }


async def tokens_alive(parts: StoreParts) -> set[UUID]:
    """Return the tokens that introspection would call active, expiry aside."""
    digests = [row["digest"] for row in await parts.pool.fetch("SELECT digest FROM tokens")]
    return {row["id"] for row in (await tokens.by_digests(parts.pool, digests)).values() if row["alive"]}
