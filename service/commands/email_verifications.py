"""Commands by which a user shows that they read the mail sent to their address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from domain.account import Account
from domain.caller import SYSTEM
from domain.refusals import Refusal, UnknownVerification
from domain.user import User
from projections import users
from service.commands.seen import to_change, to_rely_on
from service.secrets.digests import EMAIL_VERIFICATION, sha256_hex
from service.store.decision import Origin

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.messages.links import Links
    from service.store.decision import Decision
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

LIFETIME = timedelta(hours=24)


async def request(
    store: Store, origin: Origin, by: Caller, *, links: Links, user: UUID, remember: Remember[User] | None = None
) -> Outcome[User]:
    """Send a user a link, good for a day, that shows that they read their mail; one sent before is dead.

    Raises UnknownUser, EmailMissing or EmailAlreadyVerified.
    """

    async def command(decision: Decision) -> User:
        expires_at = (now := store.clock.now()) + LIFETIME
        found = await to_change(decision, by, User, user)
        digest = links.digest(EMAIL_VERIFICATION, found.id, found.version + 1, expires_at)
        # No locale: the letter goes by the user's own, which is theirs and so only in what is sealed.
        found.request_email_verification(digest, expires_at, None, now)
        decision.save(found)
        return found

    return await store.decide(command, origin, remember=remember)


async def verify(store: Store, request_id: UUID, *, secret: str) -> Outcome[User]:
    """Note that a user reads their mail, by the secret of the link that was sent there.

    Raises UnknownVerification for a link that is unknown, used, replaced or expired.
    """
    digest = sha256_hex(secret)
    person = await users.by_verification(store.pool, digest)
    row = None if person is None else await users.one(store.pool, person)
    if person is None or row is None:
        raise UnknownVerification
    organization = row["organization"]

    async def command(decision: Decision) -> User:
        (await to_rely_on(decision, SYSTEM, Account, organization)).require_active()
        found = await to_change(decision, SYSTEM, User, person)
        found.verify_email(digest, store.clock.now())
        decision.save(found)
        return found

    try:
        return await store.decide(command, Origin(person, organization, None, request_id))
    except Refusal as refusal:
        raise UnknownVerification(refusal.code) from None
