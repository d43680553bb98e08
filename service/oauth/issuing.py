"""Issues access tokens to clients: the grant engine behind every token endpoint that serves machines.

A decision may rest on what is remembered of the client and the keys: its append carries their guards, so it commits
only if nothing it relied on was touched since. Before anybody is refused, the client is read anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from domain.application_settings import TokenFormat
from domain.grant_types import CLIENT_CREDENTIALS
from domain.permissions import PERMISSIONS, granted
from domain.scope import organization_audience
from domain.token_family import TokenFamily
from service.oauth import client_assertion, client_authentication
from service.oauth.errors import (
    OAuthError,
    access_denied,
    invalid_client,
    invalid_request,
    invalid_scope,
    invalid_target,
    unauthorized_client,
    unavailable,
)
from service.secrets.digests import ACCESS_TOKEN, new_secret, sha256_hex
from service.store.decision import collected
from service.store.pending import Envelope
from service.store.refusals import Stale, StoreRefusal
from service.store.replay import spend

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from service.oauth.client_authentication import Credentials
    from service.oauth.clients import Client, Clients
    from service.oauth.key_ring import KeyRing
    from service.store.store import Store

ATTEMPTS = 4
GRANT_TYPE = "client_credentials"
MAX_SCOPES = 200


class IssuedToken(NamedTuple):
    """A token as its endpoint hands it out. `expires_on` is in seconds since 1970 and equals the `exp` claim.

    `end_user` is None where the client asserted none.
    """

    access_token: str
    scope: str
    expires_in: int
    expires_on: int
    position: int
    client: Client
    audience: str
    end_user: str | None


class Issuer:
    """Issues tokens for client credentials (RFC 6749 section 4.4) as RFC 9068 JWTs or opaque references."""

    def __init__(
        self,
        store: Store,
        clients: Clients,
        keys: KeyRing,
        *,
        issuer: str,
        assertion_audiences: tuple[str, ...],
    ) -> None:
        """Wire the parts. `issuer` becomes `iss`; `assertion_audiences` are what client assertions may name."""
        self._store = store
        self._clients = clients
        self._keys = keys
        self._issuer = issuer
        self._assertion_audiences = assertion_audiences

    async def authenticate(self, credentials: Credentials, *, public: bool = False) -> Client:
        """Return the client behind these credentials as the database has it now; with `public`, also one without any.

        Raises OAuthError.
        """
        client = await self.again(credentials, public=public)
        await self._spend(credentials, client, self._store.clock.now())
        return client

    async def again(self, credentials: Credentials, *, public: bool = False) -> Client:
        """Return the client behind credentials that this request was let in with before, as the database has it now.

        An assertion's `jti` is not looked at: it was used up by this very request. Raises OAuthError.
        """
        client = await self._clients.fresh(credentials.client_id)
        now = self._store.clock.now()
        return client_authentication.verify(
            credentials, client, now, audiences=self._assertion_audiences, public=public
        )

    async def issue(
        self,
        credentials: Credentials,
        *,
        audience: str,
        scope: str | None,
        request_id: UUID,
        admit: Callable[[Client], None],
        end_user: Callable[[Client], str | None],
        organization: str | None = None,
    ) -> IssuedToken:
        """Issue a token for an audience with the requested scope (None: all the client holds there).

        `admit` is asked once, when the client has proved itself: nobody else can use up its rate limit. `end_user`
        says whom the client asserts that it serves. `organization` is the id that a request names: the client's own,
        whose audience it may name without listing it.

        Raises OAuthError: invalid_client, access_denied (another organization), unauthorized_client (not a grant of
        this client), invalid_target, invalid_scope (nothing of what was asked remains), temporarily_unavailable, and
        what the two raise.
        """
        # An assertion is verified once, whoever is named: a second time would tell known clients from unknown ones.
        client = self._clients.remembered(credentials.client_id) if credentials.assertion is None else None
        remembered = client is not None
        if client is None:
            client = await self._clients.fresh(credentials.client_id)
        admitted = spent = False
        for _ in range(ATTEMPTS):
            now = self._store.clock.now()
            try:
                known = client_authentication.verify(credentials, client, now, audiences=self._assertion_audiences)
                if not admitted:
                    admit(known)
                    admitted = True
                place = None if organization is None else _own(known, organization)
                remaining = _decide(known, audience, scope, now, place)
                served = None if known.end_user_from is None else end_user(known)
            except OAuthError:
                if not remembered:
                    raise
                client, remembered = await self._clients.fresh(credentials.client_id), False
                continue
            if not spent:
                await self._spend(credentials, known, now)
                spent = True
            try:
                return await self._commit(
                    known, audience, remaining, served, now=now, request_id=request_id, account=place
                )
            except Stale as stale:
                if stale.detail in self._keys.guards:
                    await self._keys.load(newer_than=self._keys.position)
                client, remembered = await self._clients.fresh(credentials.client_id), False
            except StoreRefusal:
                raise unavailable() from None
        raise unavailable()

    async def _commit(
        self,
        client: Client,
        audience: str,
        scope: str,
        end_user: str | None,
        *,
        now: datetime,
        request_id: UUID,
        account: UUID | None,
    ) -> IssuedToken:
        store = self._store
        token_id = store.clock.new_id()
        issued_at = int(now.timestamp())
        lifetime = client.token_lifetime(now)
        reads = client.guards
        if client.token_format is TokenFormat.JWT:
            reads.update(self._keys.guards)
            claims = {
                "iss": self._issuer,
                "sub": client.client_id,
                "client_id": client.client_id,
                "aud": audience,
                "scope": scope,
                "iat": issued_at,
                "exp": issued_at + lifetime,
                "jti": str(token_id),
            }
            if end_user is not None:
                claims["end_user"] = end_user
            if account is not None:
                claims |= _of_account(account, audience)
            text = await self._keys.sign(claims)
        else:
            text = new_secret(ACCESS_TOKEN)
        family = TokenFamily.issue(
            id=token_id,
            organization=client.organization,
            application=client.id,
            scope=scope,
            audience=audience,
            format=client.token_format,
            digest=sha256_hex(text),
            expires_at=now.replace(microsecond=0) + timedelta(seconds=lifetime),
            grant_type=GRANT_TYPE,
            account=account,
            end_user=end_user,
            now=now,
        )
        envelope = Envelope(client.organization, client.id, client.id, request_id)
        append = store.prepare(collected(family), envelope)
        append.reads = reads
        committed = await store.appender.append(append)
        return IssuedToken(text, scope, lifetime, issued_at + lifetime, committed.position, client, audience, end_user)

    async def _spend(self, credentials: Credentials, client: Client, now: datetime) -> None:
        if credentials.assertion is None:
            return
        until = now + timedelta(seconds=client_assertion.MAX_LIFETIME + 2 * client_assertion.LEEWAY)
        if not await spend(self._store.pool, client_assertion.digest(credentials.assertion, client), until):
            raise invalid_client("assertion was used before")


def _own(client: Client, named: str) -> UUID:
    """Return the client's organization, which must be the one that is named. Raises OAuthError access_denied."""
    if named.lower() != str(client.organization):
        raise access_denied("The client does not belong to this organization")
    return client.organization


def _of_account(account: UUID, audience: str) -> dict[str, str]:
    """Return the claims that tell of an account; where the audience does not say it, by the dialect's name, too."""
    told = {"acc": str(account)}
    return told if audience == organization_audience(account) else told | {"organization_id": str(account)}


def _decide(client: Client, audience: str, scope: str | None, now: datetime, account: UUID | None) -> str:
    """Return the granted scope, or refuse: the way to come by it, audience, scope, in this order.

    At the audience of its own account it is of what the client holds itself, but no permission of ours.
    """
    if not client.may(CLIENT_CREDENTIALS):
        raise unauthorized_client("This client may not use client_credentials")
    held = client.held(audience, now)
    if account is not None and audience == organization_audience(account):
        held = client.permissions.difference(PERMISSIONS)
    if held is None:
        raise invalid_target("The client may not ask for this audience")
    if scope is None:
        return " ".join(sorted(held))
    asked = dict.fromkeys(scope.split(" "))
    asked.pop("", None)
    if not asked or len(asked) > MAX_SCOPES:
        raise invalid_scope("The scope is malformed")
    remaining = granted(asked, held)
    if not remaining:
        raise invalid_scope("The client holds none of the requested scopes")
    return " ".join(remaining)


def require_audience(parameters: dict[str, str]) -> str:
    """Return the audience of a request: `audience` or `resource`. Raises OAuthError when it is missing or doubled."""
    audience, resource = parameters.get("audience"), parameters.get("resource")
    if audience is not None and resource is not None and audience != resource:
        raise invalid_request("audience and resource differ")
    value = audience or resource
    if value is None:
        raise invalid_request("audience is missing: name the API that the token is for")
    return value
