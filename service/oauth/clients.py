"""What the token path knows of applications: remembered between requests, guarded by positions, read anew on doubt."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from domain import grant_types
from domain.application_settings import Kind, TokenFormat
from projections import applications
from service.coalescer import Coalescer

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class GrantInForce:
    """An approved grant: the scopes an application may ask for at an audience, until it expires."""

    audience: str
    scope: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Client:
    """An application as token decisions see it, true at `position`. `grant_types` are all that it may use."""

    id: UUID
    organization: UUID
    client_id: str
    name: str
    kind: Kind
    confidential: bool
    permissions: frozenset[str]
    audiences: frozenset[str]
    token_format: TokenFormat
    access_token_lifetime: int
    key_set: dict[str, Any] | None
    rate_limit: int | None
    active: bool
    secrets: tuple[tuple[str, datetime | None], ...]
    grants: tuple[GrantInForce, ...]
    redirect_uris: tuple[str, ...]
    grant_types: frozenset[str]
    trusted: bool
    refresh_token_lifetime: int
    refresh_grace: int
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    position: int

    @property
    def guards(self) -> dict[str, int]:
        """The keys this knowledge rests on, with the position it was read at."""
        return {f"application:{self.id}": self.position, f"account:{self.organization}": self.position}

    def may(self, grant_type: str) -> bool:
        """Whether the client may come by a token this way."""
        return grant_type in self.grant_types

    def digests(self, now: datetime) -> list[str]:
        """Return the digests of the secrets that are valid now; one is invalid from its expiry on."""
        return [digest for digest, expires_at in self.secrets if expires_at is None or now < expires_at]

    def held(self, audience: str, now: datetime) -> frozenset[str] | None:
        """Return what the client may ask for at an audience, None when it may not name that audience at all."""
        scope: frozenset[str] | None = self.permissions if audience in self.audiences else None
        for grant in self.grants:
            if grant.audience == audience and (grant.expires_at is None or now < grant.expires_at):
                scope = grant.scope if scope is None else scope | grant.scope
        return scope


class Clients:
    """Applications by client id: from memory where a guard covers the decision, from the database otherwise."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Take where applications are read."""
        self._pool = pool
        self._remembered: OrderedDict[str, Client] = OrderedDict()
        self._queries: Coalescer[str, Client] = Coalescer(self._fetch)

    def remembered(self, client_id: str) -> Client | None:
        """Return what is remembered of a client: good for decisions whose append carries its guards."""
        return self._remembered.get(client_id)

    async def fresh(self, client_id: str) -> Client | None:
        """Return a client as the database has it after this call began, None when there is none; remember it."""
        client = await self._queries.get(client_id)
        if client is None:
            self._remembered.pop(client_id, None)
        else:
            self._remembered[client_id] = client
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return client

    async def _fetch(self, client_ids: list[str]) -> dict[str, Client]:
        rows = await applications.for_decisions(self._pool, client_ids)
        return {client_id: _client(row) for client_id, row in rows.items()}


class _GrantRow(msgspec.Struct):
    audience: str
    scope: list[str]
    expires_at: datetime | None


def _client(row: asyncpg.Record) -> Client:
    kind = Kind(row["kind"])
    grants = _grants.decode(row["grants"]) if row["grants"] else []
    return Client(
        id=row["id"],
        organization=row["organization"],
        client_id=row["client_id"],
        name=row["name"],
        kind=kind,
        confidential=kind.confidential,
        permissions=frozenset(row["permissions"]),
        audiences=frozenset(row["audiences"]),
        token_format=TokenFormat(row["token_format"]),
        access_token_lifetime=row["access_token_lifetime"],
        key_set=msgspec.json.decode(row["key_set"]) if row["key_set"] else None,
        rate_limit=row["rate_limit"],
        active=row["status"] == "active" and row["organization_status"] == "active",
        secrets=tuple(zip(row["secret_digests"], row["secret_expiries"], strict=True)),
        grants=tuple(GrantInForce(g.audience, frozenset(g.scope), g.expires_at) for g in grants),
        redirect_uris=tuple(row["redirect_uris"]),
        grant_types=_grant_types(kind, row["grant_types"], trusted=row["trusted"]),
        trusted=row["trusted"],
        refresh_token_lifetime=row["refresh_token_lifetime"],
        refresh_grace=row["refresh_grace"],
        post_logout_redirect_uris=tuple(row["post_logout_redirect_uris"]),
        backchannel_logout_uri=row["backchannel_logout_uri"],
        position=row["head"],
    )


def _grant_types(kind: Kind, named: list[str], *, trusted: bool) -> frozenset[str]:
    """Return what an application may use: what it names, else what its kind has; passwords only if it is trusted."""
    usable = frozenset(named or kind.grant_types)
    return usable if trusted else usable - {grant_types.PASSWORD}


_grants = msgspec.json.Decoder(list[_GrantRow])
