"""Commands about personal access tokens: give a user one, rename it, delete it, and end all that a user has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain import personal_access_token
from domain.personal_access_token import LIMIT, PersonalAccessToken
from domain.refusals import InvalidTokenName, TooMuchAtOnce, UnknownPersonalAccessToken
from projections import personal_access_tokens
from service.commands import claims
from service.commands.entitled import require_entitled
from service.commands.seen import known_user
from service.secrets.digests import sha256_hex
from service.secrets.personal_access_tokens import hint_of, new_value

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


@dataclass(frozen=True, slots=True)
class IssuedPersonalAccessToken:
    """A token that was made, the only time that its value is known."""

    token: PersonalAccessToken
    value: str = field(repr=False)


async def issue(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    name: str,
    expires_at: datetime | None = None,
    own: bool = False,
    remember: Remember[IssuedPersonalAccessToken] | None = None,
) -> Outcome[IssuedPersonalAccessToken]:
    """Give a user a token that can be used until `expires_at` (None: until it is deleted).

    `own`: the user themself asks for it, at a page of ours where they have just signed in, so they get no more than
    they have; anybody else comes in as the user by it, and must hold what the user's roles do. Raises UnknownUser,
    InvalidTokenName, InvalidExpiry (unless in the future), TooManyPersonalAccessTokens, MissingPermission or
    PersonalAccessTokenNameTaken.
    """
    value = new_value()

    async def command(decision: Decision) -> IssuedPersonalAccessToken:
        owner = await known_user(decision, by, user)
        decision.rely_on(personal_access_token.of_user(user))
        token = PersonalAccessToken.issue(
            id=store.clock.new_id(),
            user=owner,
            name=name,
            digest=sha256_hex(value),
            hint=hint_of(value),
            expires_at=expires_at,
            others=await personal_access_tokens.count_of_user(decision.connection, user),
            now=store.clock.now(),
        )
        await require_entitled(decision, by, owner, own=own)
        await _claim_name(decision, token)
        decision.save(token)
        return IssuedPersonalAccessToken(token, value)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def rename(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    name: str,
    new_name: str,
    remember: Remember[PersonalAccessToken] | None = None,
) -> Outcome[PersonalAccessToken]:
    """Give a user's token another name; nothing happens when it has that one.

    Raises UnknownUser, UnknownPersonalAccessToken, InvalidTokenName or PersonalAccessTokenNameTaken.
    """

    async def command(decision: Decision) -> PersonalAccessToken:
        token = await _named(decision, by, user, name)
        former = token.name
        token.rename(new_name, store.clock.now())
        if token.name != former:
            await _release_name(decision, token, former)
            await _claim_name(decision, token)
        decision.save(token)
        return token

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, user: UUID, name: str, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete a user's token: neither it nor what it was exchanged for is worth anything from now on.

    Raises UnknownUser or UnknownPersonalAccessToken.
    """

    async def command(decision: Decision) -> None:
        await _end(decision, await _named(decision, by, user, name), store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def end_of_user(decision: Decision, user: UUID, now: datetime) -> None:
    """Delete all tokens of a user, as a part of a decision that leads to it, while their names can still be read.

    Raises TooMuchAtOnce (over 1,000).
    """
    decision.rely_on(personal_access_token.of_user(user))
    ids = await personal_access_tokens.ids_of_user(decision.connection, user, limit=LIMIT + 1)
    if len(ids) > LIMIT:
        raise TooMuchAtOnce(f"more than {LIMIT} personal access tokens")
    for token in await decision.load_many(PersonalAccessToken, ids):
        # One that was deleted since the ids were read needs nothing more.
        if not token.deleted:
            await _end(decision, token, now)


async def _end(decision: Decision, token: PersonalAccessToken, now: datetime) -> None:
    await _release_name(decision, token, token.name)
    token.delete(now)
    decision.save(token)


async def _named(decision: Decision, by: Caller, user: UUID, name: str) -> PersonalAccessToken:
    """Return a user's token of this name, to be changed. Raises UnknownUser or UnknownPersonalAccessToken."""
    await known_user(decision, by, user)
    stream = await personal_access_tokens.named(decision.connection, user, _as_kept(name))
    found = None if stream is None else await decision.load(PersonalAccessToken, stream)
    if found is None or found.deleted or found.name != _as_kept(name):
        raise UnknownPersonalAccessToken
    return found


def _as_kept(name: str) -> str:
    """Return a name as it would have been kept. Raises UnknownPersonalAccessToken for what no token is called."""
    try:
        return personal_access_token.checked_name(name)
    except InvalidTokenName:
        raise UnknownPersonalAccessToken from None


async def _claim_name(decision: Decision, token: PersonalAccessToken) -> None:
    """Let no other token of the user have this one's name; upper and lower case differ."""
    if token.name is not None:
        digest = await _name(decision, token, token.name)
        decision.claim(claims.TOKEN_NAME, digest, token.id, organization=token.organization)


async def _release_name(decision: Decision, token: PersonalAccessToken, name: str | None) -> None:
    """Let another token of the user have a name that this one had."""
    if name is not None:
        digest = await _name(decision, token, name)
        decision.release(claims.TOKEN_NAME, digest, token.id, organization=token.organization)


async def _name(decision: Decision, token: PersonalAccessToken, name: str) -> bytes:
    text = f"{token.user}:{name}"
    return await decision.identifier_digest(claims.TOKEN_NAME, text, organization=token.organization)
