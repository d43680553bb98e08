"""What the token path knows of applications: remembered between requests, guarded by positions, read anew on doubt."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from domain import grant_types, third_party
from domain.application_settings import Kind, TokenFormat
from domain.end_user import Source, source
from projections import applications
from service.coalescer import Coalescer

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    import asyncpg

REMEMBERED = 10_000
FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GrantInForce:
    """An approved grant: the scopes an application may ask for at an audience, until it expires."""

    audience: str
    scope: frozenset[str]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Client:
    """An application as token decisions see it, true at `position`. `grant_types` are all that it may use.

    It may be used until `usable_until`, exclusive, if it is `active`: neither it nor its organization was taken out of
    use. `standing` is what was decided about a third party; one that may call no interface has no `permissions`,
    `audiences` and `grants`.
    """

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
    usable_until: datetime = FOR_EVER
    standing: str | None = None
    effective_until: datetime | None = None
    scope_kinds: tuple[str, ...] | None = None
    submitted_at: datetime | None = None
    end_user_from: Source | None = None

    @property
    def guards(self) -> dict[str, int]:
        """The keys this knowledge rests on, with the position it was read at."""
        return {f"application:{self.id}": self.position, f"account:{self.organization}": self.position}

    def in_use(self, now: datetime) -> bool:
        """Whether the client may do anything at all."""
        return self.active and now < self.usable_until

    def status(self, now: datetime) -> str | None:
        """Return `pending`, `effective`, `rejected` or `expired` for a third party, None for any other application."""
        return None if self.standing is None else third_party.status(self.standing, self.effective_until, now)

    def token_lifetime(self, issued_at: datetime) -> int:
        """Return for how many seconds an access token lives that is issued then: no longer than the client may."""
        if self.effective_until is None:
            return self.access_token_lifetime
        return min(self.access_token_lifetime, int(self.effective_until.timestamp()) - int(issued_at.timestamp()))

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

    async def several(self, client_ids: Collection[str]) -> dict[str, Client]:
        """Return those clients that there are, as the database has them after this call began, in one query."""
        return await self._fetch(list(client_ids))

    async def _fetch(self, client_ids: list[str]) -> dict[str, Client]:
        rows = await applications.for_decisions(self._pool, client_ids)
        return {client_id: _client(row) for client_id, row in rows.items()}


class _GrantRow(msgspec.Struct):
    audience: str
    scope: list[str]
    expires_at: datetime | None


def _client(row: asyncpg.Record) -> Client:
    kind, scope_kinds = Kind(row["kind"]), row["scope_kinds"]
    holds = third_party.holds_interfaces(scope_kinds)
    grants = _grants.decode(row["grants"]) if row["grants"] and holds else []
    return Client(
        id=row["id"],
        organization=row["organization"],
        client_id=row["client_id"],
        name=row["name"],
        kind=kind,
        confidential=kind.confidential,
        permissions=frozenset(row["permissions"] if holds else ()),
        audiences=frozenset(row["audiences"] if holds else ()),
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
        # The driver has no time zone for what is infinite.
        usable_until=row["usable_until"].replace(tzinfo=UTC),
        standing=row["standing"],
        effective_until=row["effective_until"],
        scope_kinds=None if scope_kinds is None else tuple(scope_kinds),
        submitted_at=row["submitted_at"],
        end_user_from=None if row["end_user_from"] is None else _source(row["end_user_from"]),
    )


def _grant_types(kind: Kind, named: list[str], *, trusted: bool) -> frozenset[str]:
    """Return what an application may use: what it names, else what its kind has; passwords only if it is trusted."""
    usable = frozenset(named or kind.grant_types)
    return usable if trusted else usable - {grant_types.PASSWORD}


_source = lru_cache(maxsize=1000)(source)
_grants = msgspec.json.Decoder(list[_GrantRow])
