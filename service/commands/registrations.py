"""The command that makes a person: a user of an organization with what they are known by and sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.person import Profile
from domain.user import User
from service.commands import claims, emails, phones
from service.commands.seen import active_organization

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from domain.caller import Caller
    from service.secrets.passwords import Passwords
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

NOBODYS = Profile()


async def register(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    passwords: Passwords,
    organization: UUID,
    username: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    digest: str | None = None,
    name: str | None = None,
    profile: Profile = NOBODYS,
    custom_data: Mapping[str, Any] | None = None,
    remember: Remember[User] | None = None,
) -> Outcome[User]:
    """Make an active user of an organization, all of it or nothing. Neither address counts as verified.

    `digest` is one that another system made of the password, as `password_formats.adopted` returns it, for when there
    is no password. Raises InvalidPassword, Overloaded; UnknownAccount, AccountNotActive; InvalidName, InvalidUsername,
    InvalidEmail, InvalidPhone, InvalidLocale, InvalidProfile; UsernameTaken, EmailTaken, PhoneTaken.
    """
    if password is not None:
        digest = await passwords.digest(password)

    async def command(decision: Decision) -> User:
        now = store.clock.now()
        await active_organization(decision, by, organization)
        user = User.create(id=store.clock.new_id(), organization=organization, name=name, now=now)
        user.change_username(username, now)
        user.change_email(None if email is None else emails.normalised(email), now)
        user.change_phone(None if phone is None else phones.normalised(phone), now)
        user.change_profile(profile, now)
        user.change_custom_data(dict(custom_data or {}), now)
        if digest is not None:
            user.change_password(digest, now)
        await claims.claim_username(decision, user)
        await claims.claim_email(decision, user)
        await claims.claim_phone(decision, user)
        decision.save(user)
        return user

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)
