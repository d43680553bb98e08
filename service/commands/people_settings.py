"""Commands about what people and their applications set of them: what they sign in with, their profile, custom data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from domain.refusals import InvitationPending, ValueTooLong
from domain.user import Status, User
from service.commands import claims, emails, phones, verifications
from service.commands.changing import changed
from service.commands.entitled import require_entitled
from service.commands.seen import to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from domain.person import Profile
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

CUSTOM_DATA_LIMIT = 64 * 1024
"""Bytes of JSON: what is merged request by request grows no larger than one request may be."""


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    username: str | Unchanged | None = UNCHANGED,
    email: str | Unchanged | None = UNCHANGED,
    phone: str | Unchanged | None = UNCHANGED,
    name: str | Unchanged | None = UNCHANGED,
    picture: str | Unchanged | None = UNCHANGED,
    profile: Profile | Unchanged = UNCHANGED,
    members: Mapping[str, Any] | None = None,
    custom_data: Mapping[str, Any] | Unchanged = UNCHANGED,
    own: bool = False,
    verified: bool = False,
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Change what is named, all of it or nothing; None removes.

    `profile` takes the place of all there was but the picture; `members` are those of it that change, the picture
    perhaps, while all others stay. `own`: somebody changes themselves at a page of ours, having just proved who they
    are, so nobody else could gain by it; `verified`: and has shown that the addresses are theirs, the present ones too.

    Raises UnknownUser; InvalidUsername, InvalidEmail, InvalidPhone; InvitationPending (the invitation went to the
    e-mail address that they have); NotVerified (the organization wants to see a code first that was sent to a new
    address); MissingPermission (the user's roles hold more than a caller does who changes what they sign in with);
    InvalidName, InvalidLocale, InvalidProfile; UsernameTaken, EmailTaken, PhoneTaken.
    """

    async def command(decision: Decision) -> User:
        now = store.clock.now()
        found = await to_change(decision, by, User, user)
        found.require_known()
        former = found.username, found.email, found.phone
        found.change_username(chosen(username, found.username), now)
        if not isinstance(email, Unchanged):
            wanted = None if email is None else emails.normalised(email)
            if wanted != found.email and found.status is Status.INVITED:
                raise InvitationPending
            shown = verified or await _shown(decision, found, "email", wanted, now)
            found.change_email(wanted, now, verified=shown)
        if not isinstance(phone, Unchanged):
            wanted = None if phone is None else phones.normalised(phone)
            shown = verified or await _shown(decision, found, "sms", wanted, now)
            found.change_phone(wanted, now, verified=shown)
        if former != (found.username, found.email, found.phone):
            await require_entitled(decision, by, found, own=own)
            await _reclaim(decision, found, *former)
        found.rename(chosen(name, found.name), now)
        present = found.profile
        kept = replace(chosen(profile, present), picture=chosen(picture, present.picture))
        found.change_profile(replace(kept, **(members or {})), now)
        if not isinstance(custom_data, Unchanged):
            found.change_custom_data(dict(custom_data), now)
        decision.save(found)
        return found

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def _shown(decision: Decision, user: User, channel: str, address: str | None, now: datetime) -> bool:
    """Say whether somebody has shown that a new address is theirs. Raises NotVerified where that has to be shown."""
    if address is None or address == (user.email if channel == "email" else user.phone):
        return False
    return await verifications.require_recently_verified(decision, user.organization, channel, address, now)


async def _reclaim(decision: Decision, user: User, username: str | None, email: str | None, phone: str | None) -> None:
    """Claim what a user has come to sign in with, and let others have what they signed in with before."""
    if user.username != username:
        await claims.release_username(decision, user, username)
        await claims.claim_username(decision, user)
    if user.email != email:
        await claims.release_email(decision, user, email)
        await claims.claim_email(decision, user)
    if user.phone != phone:
        await claims.release_phone(decision, user, phone)
        await claims.claim_phone(decision, user)


async def merge_profile(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    members: Mapping[str, Any],
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Change the named members of a profile, an address as a whole; None removes one.

    Raises UnknownUser, InvalidName, InvalidLocale or InvalidProfile.
    """

    def merge(found: User, now: datetime) -> None:
        found.change_profile(replace(found.profile, **members), now)

    return await changed(store, origin, by, User, user, change=merge, remember=remember)


async def merge_custom_data(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    custom_data: Mapping[str, Any],
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Change the named members of a user's custom data, each as a whole; None is a value like any other.

    Raises UnknownUser, or ValueTooLong: all of it would be more than 64 KiB of JSON.
    """

    def merge(found: User, now: datetime) -> None:
        merged = {**found.custom_data, **custom_data}
        if len(msgspec.json.encode(merged)) > CUSTOM_DATA_LIMIT:
            raise ValueTooLong(f"more than {CUSTOM_DATA_LIMIT} bytes", field="custom_data")
        found.change_custom_data(merged, now)

    return await changed(store, origin, by, User, user, change=merge, remember=remember)
