"""Token exchange (RFC 8693): a client swaps a person's token for one of its own in that person's name.

Who acts is told by `act`: the person behind the actor token, else the client itself. The new token is never worth more
than the one presented: no more scope, no longer life, no refresh token, and it dies with the session of the first, or
with the personal access token that the first came of. It carries no permission of the management interface: those are
for the hands of the person.
A client exchanges only tokens that it may look into: issued to it, for an audience of its own, or with `read_token`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant_types import TOKEN_EXCHANGE
from domain.permissions import OFFLINE_ACCESS, allows
from domain.revocation import end_user_guard
from service.oauth import people
from service.oauth.end_user import asserted
from service.oauth.errors import OAuthError, invalid_request, invalid_scope
from service.oauth.grants import personal_access_token
from service.oauth.grants.personal_access_token import SHORTEST
from service.oauth.token_types import ACCESS_TOKEN, PERSONAL_ACCESS_TOKEN
from service.parts import REQUEST_ID
from service.tokens import is_active

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    import asyncpg
    from aiohttp import web

    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Issue an access token to a client for the user of the subject token, which may be a personal access token.

    Raises OAuthError: invalid_request for everything that is wrong with either token (section 2.2.2), invalid_target,
    invalid_scope.
    """
    if parameters.get("subject_token_type") == PERSONAL_ACCESS_TOKEN:
        return await personal_access_token.grant(request, parts, parameters, client)
    _require_types(parameters)

    async def attempt(client: Client) -> IssuedForPerson:
        now = parts.clock.now()
        subject = await _presented(parts, client, parameters["subject_token"], "subject_token", now)
        actor, more_reads, until = subject["actor"], _reads(subject), subject["expires_at"]
        if "actor_token" in parameters:
            acting = await _presented(parts, client, parameters["actor_token"], "actor_token", now)
            if acting["personal_access_token"] is not None:  # or its deletion would not end what is issued here
                raise _unacceptable("actor_token", "it came of a personal access token")
            actor = _actor(subject, acting)
            more_reads |= _reads(acting)
            until = min(until, acting["expires_at"])
        issuer = parts.settings.issuer
        audience = people.audience_for_people(client, parameters, issuer)
        asked = _narrowed(parameters.get("scope"), subject["scope"])
        scope = [name for name in people.scope_for_people(client, audience, asked, now, issuer)
                 if name != OFFLINE_ACCESS]  # fmt: skip
        if not scope:
            raise invalid_scope("Nothing remains of the scope")
        return await people.issue_family(
            parts,
            client,
            request_id=request[REQUEST_ID],
            grant_type=TOKEN_EXCHANGE,
            user=subject["user_id"],
            session=None if people.outlives(subject["scope"]) else subject["session"],
            account=subject["account"],
            membership=subject["membership"],
            scope=" ".join(scope),
            audience=audience,
            position=subject["head"],
            end_user=asserted(request, parameters, client, subject["user_id"]),
            authenticated_at=subject["authenticated_at"],
            actor=actor,
            refresh=False,
            id_token=False,
            not_after=until,
            more_reads=more_reads,
            more={"issued_token_type": ACCESS_TOKEN},
            personal_access_token=subject["personal_access_token"],
        )

    return await people.decided(request, parts, parameters, client, attempt)


def _require_types(parameters: Mapping[str, str]) -> None:
    """Refuse what is not asked for as section 2.1 says, and tokens that are no access tokens of ours."""
    for name in ("subject_token", "subject_token_type"):
        if name not in parameters:
            raise invalid_request(f"{name} is missing")
    if ("actor_token" in parameters) != ("actor_token_type" in parameters):
        raise invalid_request("actor_token and actor_token_type go together")
    for name in ("subject_token_type", "actor_token_type", "requested_token_type"):
        if parameters.get(name, ACCESS_TOKEN) != ACCESS_TOKEN:
            raise invalid_request(f"{name} must be {ACCESS_TOKEN}")


async def _presented(parts: Parts, client: Client, token: str, name: str, now: datetime) -> asyncpg.Record:
    """Return the row of a live access token of a user of the client's organization that the client may look into."""
    row = await parts.tokens.find(token)
    if row is None or not is_active(row, now) or row["expires_at"] - now < SHORTEST:
        raise _unacceptable(name, "no live token")
    if row["user_id"] is None:
        raise _unacceptable(name, "not a token of a person")
    if row["organization"] != client.organization:
        raise _unacceptable(name, "a token of another organization")
    if not _may_see(client, row, now):
        raise _unacceptable(name, "neither issued to the client nor for an audience of it")
    return row


def _may_see(client: Client, row: asyncpg.Record, now: datetime) -> bool:
    return (
        row["application"] == client.id
        or client.held(row["audience"], now) is not None
        or allows(client.permissions, "read_token")
    )


def _actor(subject: asyncpg.Record, acting: asyncpg.Record) -> UUID:
    """Return who acts. Whoever already acts by the subject token does so still: nobody else takes their place."""
    actor: UUID = acting["actor"] or acting["user_id"]
    if subject["actor"] not in (None, actor):
        raise _unacceptable("subject_token", "somebody else acts by it already")
    return actor


def _narrowed(asked: str | None, subject: str) -> str:
    """Return what is asked for of the subject token's scope. Raises OAuthError invalid_scope when nothing is."""
    held = subject.split(" ")
    if asked is None:
        return subject
    remaining = [name for name in asked.split(" ") if name in held]
    if not remaining:
        raise invalid_scope("The subject token has none of the requested scopes")
    return " ".join(remaining)


def _reads(row: asyncpg.Record) -> dict[str, int]:
    """Return what can end a presented token, as guards from the position at which it was alive."""
    position: int = row["head"]
    keys = [
        f"revocation:token:{row['family']}", f"application:{row['application']}", f"user:{row['user_id']}",
        f"revocation:application:{row['application']}", f"revocation:user:{row['user_id']}",
    ]  # fmt: skip
    if row["session"] is not None and not people.outlives(row["scope"]):
        keys.append(f"session:{row['session']}")
    if row["end_user"] is not None:
        keys.append(end_user_guard(row["organization"], row["end_user"]))
    return dict.fromkeys(keys, position)


def _unacceptable(name: str, detail: str) -> OAuthError:
    return OAuthError("invalid_request", f"The {name} is not acceptable", detail=detail)
