"""Commands about passwords: give a user another one, keep a better digest of the one they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import WrongPassword
from domain.revocation import Revocation
from domain.user import User
from service.commands import sessions
from service.commands.entitled import require_entitled
from service.commands.seen import to_change

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.secrets.passwords import Passwords
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

CHANGED = "password changed"


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    passwords: Passwords,
    user: UUID,
    password: str,
    revoke: bool = False,
    own: bool = False,
    former: str | None = None,
    ends_others_than: UUID | None = None,
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Give a user another password, or their first; with `revoke`, their tokens and sessions end in the same moment.

    `own`: they do it themselves at a page of ours, after they have proved anew who they are, so that their roles are
    no more than what they hold already. `former` is the digest of the password that they proved themselves with.
    `ends_others_than` is their session that goes on: all others end.

    Raises InvalidPassword, Overloaded (too many digests are being made), UnknownUser, MissingPermission (the user's
    roles hold more than the caller does), WrongPassword (the digest is not `former` any more) or TooMuchAtOnce.
    """
    digest = await passwords.digest(password)

    async def command(decision: Decision) -> User:
        found, now = await to_change(decision, by, User, user), store.clock.now()
        found.require_known()
        await require_entitled(decision, by, found, own=own)
        if former is not None and found.password != former:
            raise WrongPassword(field="password")
        found.change_password(digest, now)
        decision.save(found)
        if revoke:
            revocation = Revocation.record(
                id=store.clock.new_id(),
                organization=found.organization,
                application=None,
                user=found.id,
                end_user=None,
                before=None,
                cascade=True,
                reason=CHANGED,
                by=by,
                now=now,
            )
            decision.save(revocation)
        if revoke or ends_others_than is not None:
            await sessions.end_of_user(decision, found, now, but=ends_others_than, reason=CHANGED)
        return found

    return await store.decide(command, origin, remember=remember)


async def rehash(
    store: Store, origin: Origin, by: Caller, *, passwords: Passwords, user: UUID, former: str, password: str
) -> Outcome[User]:
    """Keep a digest of today's making in place of `former`, of the same password. Raises as `change` does."""
    digest = await passwords.digest(password)

    async def command(decision: Decision) -> User:
        found = await to_change(decision, by, User, user)
        found.rehash_password(former, digest, store.clock.now())
        decision.save(found)
        return found

    return await store.decide(command, origin)
