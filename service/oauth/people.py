"""Tokens of people: which audience and scope one may have, and the one way to issue them, whatever the grant.

A permission of the management interface enters a person's token by name, where application and roles both hold it.
What a decision rests on is guarded, so nothing is issued after the suspension, the sign-out or the revocation that
forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from domain import consent
from domain.grant_types import REFRESH_TOKEN
from domain.permissions import OFFLINE_ACCESS, PERMISSIONS, PERSONAL_SCOPES, granted, personal
from domain.personal_access_token import PersonalAccessToken
from domain.revocation import end_user_guard
from domain.token_family import TokenFamily
from service.oauth.access_tokens import access_token
from service.oauth.client_authentication import presented
from service.oauth.errors import invalid_request, invalid_scope, invalid_target, unauthorized_client, unavailable
from service.oauth.id_token import id_token as made_id_token
from service.oauth.issuing import MAX_SCOPES
from service.secrets.digests import sha256_hex
from service.secrets.refresh_secrets import refresh_secret
from service.store.decision import collected
from service.store.pending import Envelope
from service.store.refusals import Stale

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from aiohttp import web
    from eventsourcing.domain import Aggregate

    from domain.application_settings import TokenFormat
    from service.oauth.access_tokens import AccessToken
    from service.oauth.clients import Client
    from service.parts import Parts

T = TypeVar("T")
OPENID = "openid"
ATTEMPTS = 20  # decisions of one grant; those who share a refresh token in its grace go one by one


@dataclass(frozen=True, slots=True)
class IssuedForPerson:
    """What a grant hands out. `expires_on` is in seconds since 1970; `more` is for the answer as it is."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    scope: str
    expires_in: int
    expires_on: int
    user: UUID
    position: int
    more: Mapping[str, str] = field(default_factory=dict)


def audience_for_people(client: Client, parameters: Mapping[str, str], issuer: str) -> str:
    """Return the audience of a request: the one it names, else the client's only one, else the issuer.

    Whether the client may name it, `scope_for_people` says. Raises OAuthError when two are named.
    """
    named = named_audience(parameters)
    if named is not None:
        return named
    return next(iter(client.audiences)) if len(client.audiences) == 1 else issuer


def named_audience(parameters: Mapping[str, str]) -> str | None:
    """Return the audience that a request names as `resource` or `audience`, or None. Raises OAuthError for two."""
    resource, audience = parameters.get("resource"), parameters.get("audience")
    if resource is not None and audience is not None and resource != audience:
        raise invalid_request("audience and resource differ")
    return resource or audience


def scope_for_people(
    client: Client,
    audience: str,
    asked: str | None,
    now: datetime,
    issuer: str,
    *,
    roles: Collection[str] = (),
    listed: bool = True,
) -> tuple[str, ...]:
    """Return what is granted of what was asked, in the order asked.

    Without `asked`, all there is but `offline_access` and permissions. `roles` are the permissions that the person's
    roles hold for this audience (see `service.authority`): none where somebody acts in their name, or nobody asks them.
    A public client has none, for anybody can pose as it. Without `listed` the audience is an account that the person
    belongs to, at which counts what the client itself holds. Raises OAuthError: invalid_target (the client may not name
    the audience) or invalid_scope (nothing remains).
    """
    held = client.held(audience, now) if listed else client.permissions
    if held is None:
        # Whoever signs people in may learn who they are: from us, or by a token to itself.
        if audience not in (issuer, client.client_id):
            raise invalid_target("The client may not ask for this audience")
        held = frozenset()
    may = [name for name in PERSONAL_SCOPES if name != OFFLINE_ACCESS or client.may(REFRESH_TOKEN)]
    may += sorted(held.difference(PERMISSIONS, PERSONAL_SCOPES))
    if asked is None:
        return tuple(name for name in may if name != OFFLINE_ACCESS)
    names = dict.fromkeys(asked.split(" "))
    names.pop("", None)
    if not names or len(names) > MAX_SCOPES:
        raise invalid_scope("The scope is malformed")
    if client.confidential:
        may += personal(granted([name for name in names if name in PERMISSIONS], held), roles)
    remaining = tuple(name for name in names if name in may)
    if not remaining:
        raise invalid_scope("The client may ask for none of the requested scopes")
    return remaining


def require_resource(parameters: Mapping[str, str], audience: str) -> None:
    """Refuse a request that names another resource than what was granted is for (RFC 8707 section 2.2)."""
    for name in ("resource", "audience"):
        if parameters.get(name, audience) != audience:
            raise invalid_target("It was granted for another audience")


async def decided(
    request: web.Request,
    parts: Parts,
    parameters: dict[str, str],
    client: Client,
    attempt: Callable[[Client], Awaitable[T]],
) -> T:
    """Attempt a grant until it commits: each time anew, with the client as it is then, once something moved meanwhile.

    Raises what the attempt refuses with; when the client lost its right meanwhile, invalid_client or
    unauthorized_client; temporarily_unavailable after so many attempts in a row.
    """
    for left in range(ATTEMPTS - 1, -1, -1):
        try:
            return await attempt(client)
        except Stale as stale:
            if not left:
                break
            if stale.detail in parts.keys.guards:
                await parts.keys.load(newer_than=parts.keys.position)
        client = await parts.issuer.again(presented(request, parameters), public=True)
        if not client.may(parameters["grant_type"]):
            raise unauthorized_client("This client may not use this grant type")
    raise unavailable()


async def issue_family(
    parts: Parts,
    client: Client,
    *,
    request_id: UUID,
    grant_type: str,
    user: UUID,
    scope: str,
    audience: str,
    position: int,
    end_user: str | None,
    family: UUID | None = None,
    session: UUID | None = None,
    account: UUID | None = None,
    membership: UUID | None = None,
    authenticated_at: datetime | None = None,
    methods: Sequence[str] = (),
    nonce: str | None = None,
    actor: UUID | None = None,
    refresh: bool = True,
    id_token: bool = True,
    not_after: datetime | None = None,
    more_reads: Mapping[str, int] | None = None,
    along: Sequence[Aggregate] = (),
    more: Mapping[str, str] | None = None,
    personal_access_token: UUID | None = None,
    format: TokenFormat | None = None,
    claims: Mapping[str, str] | None = None,
) -> IssuedForPerson:
    """Issue a first access token to a client for a user and, where the client may, a refresh token.

    `position` is that at which the user, session, account, membership, actor and consent were found in order: they are
    guarded from it on. `end_user` is whom the client asserts that it serves. `family` is the id of the new family
    (made here when None) and `along` are the aggregates whose new events go with it. With `openid` in the scope there
    is an ID token unless `id_token` is False; the access token expires no later than `not_after`, ends with the
    personal access token, is in this `format` rather than the client's, and has further `claims`.

    Raises Stale when something it rests on moved: decide anew, all of it.
    """
    now = parts.clock.now()
    token = family or parts.clock.new_id()
    access = access_token(
        parts, client, token, scope=scope, audience=audience, grant_type=grant_type, now=now,
        authenticated_at=authenticated_at, user=user, account=account, actor=actor,
        end_user=end_user, not_after=not_after, format=format, more=claims,
    )  # fmt: skip
    secret = None
    if refresh and client.may(REFRESH_TOKEN):
        secret = refresh_secret(parts.ring, token, TokenFamily.INITIAL_VERSION)
    tokens = TokenFamily.issue(
        id=token,
        organization=client.organization,
        application=client.id,
        membership=membership,
        scope=scope,
        audience=audience,
        format=format or client.token_format,
        digest=sha256_hex(access.text),
        expires_at=access.expires_at,
        grant_type=grant_type,
        refresh_digest=None if secret is None else sha256_hex(secret),
        refresh_expires_at=None if secret is None else now + timedelta(seconds=client.refresh_token_lifetime),
        session=session,
        authenticated_at=authenticated_at,
        now=now,
        user=user,
        account=account,
        end_user=end_user,
        actor=actor,
        personal_access_token=personal_access_token,
    )
    identity = None
    if id_token and OPENID in scope.split(" "):
        identity = made_id_token(
            parts, client=client, user=user, session=session, methods=methods, authenticated_at=authenticated_at,
            nonce=nonce, access_token=access.text, now=now,
        )  # fmt: skip
    kept = guards(
        client,
        position,
        user=user,
        session=None if outlives(scope) else session,
        account=account,
        membership=membership,
        actor=actor,
        end_user=end_user,
        personal_access_token=personal_access_token,
    )
    reads = (kept, client.guards, parts.keys.guards, more_reads or {})
    at = await append(parts, client, request_id, actor or user, (*along, tokens), reads=reads)
    return handed_out(access, scope, user, at, refresh_token=secret, id_token=identity, more=more)


def outlives(scope: str) -> bool:
    """Say whether access with this scope goes on without the session."""
    return OFFLINE_ACCESS in scope.split(" ")


def guards(
    client: Client,
    position: int,
    *,
    user: UUID,
    session: UUID | None,
    account: UUID | None,
    membership: UUID | None,
    actor: UUID | None,
    end_user: str | None,
    personal_access_token: UUID | None = None,
) -> dict[str, int]:
    """Return everything that can end a person's tokens, as guards from a position on."""
    keys = [
        f"application:{client.id}", f"account:{client.organization}", f"user:{user}",
        f"revocation:application:{client.id}", f"revocation:user:{user}", consent.guard(user, client.id),
    ]  # fmt: skip
    things = {
        "session": session, "account": account, "membership": membership, "user": actor, "revocation:user": actor,
        PersonalAccessToken.TOPIC: personal_access_token,
    }  # fmt: skip
    keys += [f"{kind}:{thing}" for kind, thing in things.items() if thing is not None]
    if end_user is not None:
        keys.append(end_user_guard(client.organization, end_user))
    return dict.fromkeys(keys, position)


async def append(
    parts: Parts,
    client: Client,
    request_id: UUID,
    actor: UUID,
    aggregates: Sequence[Aggregate],
    *,
    reads: Iterable[Mapping[str, int]] = (),
) -> int:
    """Commit what these aggregates have done under guards, and return the position. Raises Stale.

    A guard that several know of counts from the earliest of their positions.
    """
    envelope = Envelope(client.organization, actor, client.id, request_id)
    prepared = parts.store.prepare([event for each in aggregates for event in collected(each)], envelope)
    for known in reads:
        for key, position in known.items():
            prepared.reads[key] = min(position, prepared.reads.get(key, position))
    return (await parts.store.appender.append(prepared)).position


def handed_out(
    access: AccessToken,
    scope: str,
    user: UUID,
    position: int,
    *,
    refresh_token: str | None,
    id_token: str | None,
    more: Mapping[str, str] | None = None,
) -> IssuedForPerson:
    """Return what was issued, once it is on record."""
    expires_on = int(access.expires_at.timestamp())
    return IssuedForPerson(
        access.text, refresh_token, id_token, scope, access.lifetime, expires_on, user, position, more or {}
    )
