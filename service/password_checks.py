"""Whether a password is a user's (spec/logto.md section 6.6): asked by who manages them, and by our own pages.

Nobody is signed in by it, so it is told of suspended users too. Guesses count by user, apart from those at sign-in:
whoever asks here has proved who they are, and cannot lock anybody out of signing in.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from domain.refusals import Refusal, TooManyGuesses, WrongPassword
from domain.user import User
from service.commands import passwords
from service.commands.seen import seen
from service.store.decision import Decision
from service.store.log import head
from service.store.refusals import Overloaded, StoreRefusal
from service.store.throttle import Bucket

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.parts import Parts
    from service.store.decision import Origin

# Guesses at once, and the seconds after which one more is let through.
OF_USER = (10, 60.0)


class Checked(NamedTuple):
    """The digest that a right password has now; true at `position`."""

    digest: str
    position: int


async def require_right(parts: Parts, origin: Origin, by: Caller, *, user: UUID, password: str) -> Checked:
    """Return what proves that a password is a user's; a digest of another making is replaced by one of ours.

    Raises UnknownUser, WrongPassword (also when there is none, after the same work), TooManyGuesses, and Overloaded
    when too many passwords are being checked.
    """
    store = parts.store
    position = await head(store.pool)
    await store.vault.present_ciphers([user])
    decision = Decision(store.pool, store.vault, position=position, organization=origin.organization)
    found = seen(decision, by, User, await decision.peek(User, user))
    found.require_known()
    bucket = Bucket.of("password-check", user.bytes, burst=OF_USER[0], every=OF_USER[1])
    seconds = await parts.throttle.wait(bucket)
    if seconds:
        raise TooManyGuesses(seconds=seconds)
    digest = found.password
    try:
        right = await parts.passwords.verify(digest, password)
    except Overloaded:
        await parts.throttle.succeeded(bucket)
        raise
    if digest is None or not right:
        raise WrongPassword(f"of user {user}", field="password")
    await parts.throttle.succeeded(bucket)
    if not parts.passwords.outdated(digest):
        return Checked(digest, position)
    with suppress(StoreRefusal, Refusal):  # it is right all the same; the next time will do
        kept = await passwords.rehash(
            store, origin, by, passwords=parts.passwords, user=user, former=digest, password=password
        )
        return Checked(kept.value.password or digest, kept.position)
    return Checked(digest, position)
