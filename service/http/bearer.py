"""Authenticates callers of the management doors by bearer token (RFC 6750 section 2.1), live at every request.

The token is looked up, not verified: what the row and everything it depends on says now is what counts. The caller's
authority is noted with its position, so that a command of a caller who is revoked meanwhile does not commit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from domain.caller import Caller
from domain.grant_types import TOKEN_EXCHANGE
from domain.permissions import OFFLINE_ACCESS, granted, personal
from domain.refusals import MissingPermission
from domain.revocation import end_user_guard
from projections.roles import NOTHING
from service.store.decision import Origin
from service.tokens import is_active

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg
    from aiohttp import web

    from projections.roles import Held
    from service.clock import Clock
    from service.tokens import Tokens

MACHINE = "machine"


class Unauthenticated(Exception):
    """No caller: 401. `error` is None when no credentials were given at all (RFC 6750 section 3.1)."""

    def __init__(self, sentence: str, *, error: str | None = "invalid_token", status: int = 401) -> None:
        """Keep what the challenge says."""
        super().__init__(sentence)
        self.sentence = sentence
        self.error = error
        self.status = status


class UnsupportedScheme(Unauthenticated):
    """Credentials of another kind than a bearer token, which some dialects tell apart from none at all."""


class Expired(Unauthenticated):
    """The token had its time. What opens nothing any more may be told apart: whoever shows it can see when it ended."""


class WrongAudience(Unauthenticated):
    """The token is good, elsewhere."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A caller with what its door wants to know of the client, and the guards its authority rests on."""

    caller: Caller
    client_id: str
    client_kind: str
    rate_limit: int | None
    reads: dict[str, int]
    token: str

    @property
    def is_machine(self) -> bool:
        """Whether a private back end acts for itself (spec/inbox-manager.md I6)."""
        return self.client_kind == MACHINE and self.caller.user is None


class Bearer:
    """Turns the Authorization header into a caller."""

    def __init__(self, tokens: Tokens, clock: Clock, audiences: tuple[str, ...]) -> None:
        """`audiences` are those the management doors accept, compared exactly (spec/README.md 1)."""
        self._tokens = tokens
        self._clock = clock
        self._audiences = audiences

    async def authenticate(self, request: web.Request) -> Authenticated:
        """Return the caller of a request. Raises Unauthenticated."""
        return await self.by_token(presented(request))

    async def by_token(self, token: str) -> Authenticated:
        """Return the caller a token stands for now. Raises Unauthenticated, saying no more than a client may know."""
        row = await self._tokens.find(token)
        if row is None or not is_active(row, self._clock.now()):
            kind = Unauthenticated if row is None or not row["alive"] else Expired
            raise kind("The token is unknown, has expired or was revoked")
        if row["audience"] not in self._audiences:
            raise WrongAudience(f"The token is meant for another audience than {' and '.join(self._audiences)}")
        user = row["user_id"]
        return _authenticated(row, token, NOTHING if user is None else await self._tokens.held_by(user))

    def origin(self, authenticated: Authenticated, request_id: UUID) -> Origin:
        """Return where this caller's commands come from; its authority is judged again when a guard of it moved.

        That raises Unauthenticated, and MissingPermission when the caller may do less than it could: the command was
        admitted, and is decided, by what it held then.
        """
        caller = authenticated.caller

        async def renew() -> Origin:
            present = await self.by_token(authenticated.token)
            lost = caller.permissions - present.caller.permissions
            if lost:
                raise MissingPermission(f"taken away meanwhile: {' '.join(sorted(lost))}")
            return self.origin(replace(authenticated, reads=present.reads), request_id)

        return Origin(
            caller.actor, caller.organization, caller.application, request_id, reads=authenticated.reads, renew=renew
        )


def presented(request: web.Request) -> str:
    """Return the token of the Authorization header (RFC 6750 section 2.1). Raises Unauthenticated."""
    headers = request.headers.getall("Authorization", [])
    if not headers:
        raise Unauthenticated("A bearer token is required", error=None)
    if len(headers) > 1:
        raise Unauthenticated("More than one Authorization header", error="invalid_request", status=400)
    scheme, _, token = headers[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        raise UnsupportedScheme("A bearer token is required", error=None)
    if not token or " " in token:
        raise Unauthenticated("The Authorization header is malformed", error="invalid_request", status=400)
    return token


def _authenticated(row: asyncpg.Record, token: str, by_roles: Held) -> Authenticated:
    head, application, user, organization = row["head"], row["application"], row["user_id"], row["organization"]
    # What the token says, cut down to what its application still holds: a permission taken away is gone at once.
    held = frozenset((*row["permissions"], *row["granted"]))
    permissions = granted(row["scope"].split(" "), held)
    guards = [
        f"application:{application}",
        f"account:{organization}",
        f"revocation:application:{application}",
        f"revocation:token:{row['family']}",
    ]
    if user is not None:
        guards += [f"user:{user}", f"revocation:user:{user}"]
        # And to what the person's roles still hold; whoever acts in their name has nothing by these.
        permissions = personal(permissions, () if _acted_for(row) else by_roles.permissions)
    if row["session"] is not None and OFFLINE_ACCESS not in row["scope"].split(" "):
        guards.append(f"session:{row['session']}")
    if row["end_user"] is not None:
        guards.append(end_user_guard(organization, row["end_user"]))
    if row["account"] is not None:
        guards.append(f"account:{row['account']}")
    if row["membership"] is not None:
        guards.append(f"membership:{row['membership']}")
    return Authenticated(
        caller=Caller(
            actor=user or application,
            organization=organization,
            permissions=frozenset(permissions),
            application=application,
            user=user,
        ),
        client_id=row["client_id"],
        client_kind=row["client_kind"],
        rate_limit=row["rate_limit"],
        reads=dict.fromkeys(guards, head) | by_roles.guards,
        token=token,
    )


def _acted_for(row: asyncpg.Record) -> bool:
    """Say whether somebody else uses a person's token: another user, or the client that exchanged it."""
    return row["actor"] is not None or row["grant_type"] == TOKEN_EXCHANGE
