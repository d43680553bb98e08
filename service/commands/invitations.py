"""Commands about invitations: invite somebody by mail, send the link again, call it back, accept it.

The mail itself is no part of a command: it goes out once the events are in the log (service/messages/delivery.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.application import Application
from domain.caller import SYSTEM
from domain.invitation import LIFETIME, Invitation
from domain.person import Profile
from domain.refusals import InvitationClosed, Refusal, UnknownInvitation, UnknownRole, UnknownUser, UserAlreadyActive
from domain.user import Status, User
from projections import invitations
from service.commands import claims, orgs, signin_urls
from service.commands.detail import detailed
from service.commands.emails import normalised
from service.commands.role_names import roles_named
from service.commands.seen import active_organization, to_change, to_rely_on
from service.secrets.digests import INVITATION, sha256_hex
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from domain.caller import Caller
    from service.commands.detail import Detail
    from service.messages.links import Links
    from service.store.decision import Decision
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def invite(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    links: Links,
    application: UUID,
    email: str,
    given_name: str | None = None,
    family_name: str | None = None,
    locale: str | None = None,
    org: str | None = None,
    roles: Sequence[str] = (),
    signin_url: str | None = None,
    remember: Remember[Detail] | None = None,
) -> Outcome[Detail]:
    """Make a user who is let in once they accept, with these roles, and invite them; all in one append.

    Raises PrivilegedRole, MissingPermission (a role holds more than the caller does), TooMany; UnknownAccount,
    OrganizationClosed (the org); UnknownRole; InvalidEmail, InvalidName, InvalidLocale, InvalidSigninUrl;
    UnknownApplication, ApplicationNotActive, AccountNotActive; EmailTaken.
    """

    async def command(decision: Decision) -> Detail:
        now = store.clock.now()
        home = await to_rely_on(decision, by, Application, application)
        home.require_active(now)
        await active_organization(decision, by, home.organization)
        # Before anything that is wrong with the rest: a privileged role is refused in its own words (M17).
        wanted, missing = await roles_named(decision, by, home.organization, roles)
        address = normalised(email)
        user = User.invite(
            id=store.clock.new_id(),
            organization=home.organization,
            application=home.id,
            email=address,
            profile=Profile(given_name, family_name, locale),
            now=now,
        )
        decision.save(user)
        if org:
            await orgs.join(decision, by, user, org, now, id=store.clock.new_id())
        if missing:
            raise UnknownRole
        for role in wanted:
            user.assign_role(role, by, now)
        invitation = store.clock.new_id()
        decision.save(
            Invitation.issue(
                id=invitation,
                organization=home.organization,
                user=user.id,
                email=address,
                digest=links.digest(INVITATION, invitation, Invitation.INITIAL_VERSION, now + LIFETIME),
                locale=None,  # the letter goes by the user's own, which is theirs and so only in what is sealed
                signin_url=await signin_urls.checked(decision.connection, home.organization, signin_url),
                now=now,
            )
        )
        await claims.claim_email(decision, user)
        return await detailed(decision, user, invitation_expires_at=now + LIFETIME, org_stated=True)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def resend(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    links: Links,
    user: UUID,
    locale: str | None = None,
    signin_url: str | None = None,
    remember: Remember[Invitation] | None = None,
) -> Outcome[Invitation]:
    """Send an invited user a new link, good for seven days; the one before is dead.

    Raises UnknownUser, UserAlreadyActive, InvitationClosed, InvalidLocale or InvalidSigninUrl.
    """

    async def command(decision: Decision) -> Invitation:
        now = store.clock.now()
        person, invitation = await _pending(decision, by, user)
        if person.email is None:  # deleted at this very moment: their key went first
            raise UnknownUser
        url = await signin_urls.checked(decision.connection, person.organization, signin_url)
        digest = links.digest(INVITATION, invitation.id, invitation.version + 1, now + LIFETIME)
        invitation.resend(email=person.email, digest=digest, locale=locale, signin_url=url, now=now)
        decision.save(invitation)
        return invitation

    return await store.decide(command, origin, remember=remember)


async def revoke(
    store: Store, origin: Origin, by: Caller, *, user: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Call a user's invitation back: the link is dead, the user stays and is not active.

    Raises UnknownUser, UserAlreadyActive or InvitationClosed.
    """

    async def command(decision: Decision) -> None:
        now = store.clock.now()
        person, invitation = await _pending(decision, by, user)
        invitation.revoke(now)
        person.withdraw_invitation(now)
        decision.save(invitation, person)

    return await store.decide(command, origin, remember=remember)


async def accept(store: Store, request_id: UUID, *, secret: str) -> Outcome[Invitation]:
    """Let a user in by the secret of their link, on their own behalf.

    Raises UnknownInvitation for a link that is unknown, used, revoked, replaced or expired, or whose user or
    organization is not there any more: all the same to whoever holds it.
    """
    digest = sha256_hex(secret)
    row = await invitations.by_digest(store.pool, digest)
    if row is None:
        raise UnknownInvitation
    stream, organization, person = row["id"], row["organization"], row["user_id"]

    async def command(decision: Decision) -> Invitation:
        now = store.clock.now()
        (await to_rely_on(decision, SYSTEM, Account, organization)).require_active()
        invitation = await decision.load(Invitation, stream)
        user = await decision.load(User, person)
        if invitation is None or user is None:
            raise UnknownInvitation
        invitation.accept(digest, now)
        user.accept_invitation(now)
        decision.save(invitation, user)
        return invitation

    try:
        return await store.decide(command, Origin(person, organization, None, request_id))
    except Refusal as refusal:
        raise UnknownInvitation(refusal.code) from None


async def _pending(decision: Decision, by: Caller, user: UUID) -> tuple[User, Invitation]:
    person = await to_change(decision, by, User, user)
    person.require_known()
    if person.status is Status.ACTIVE:
        raise UserAlreadyActive
    row = await invitations.of_user(decision.connection, user)
    invitation = None if row is None else await decision.load(Invitation, row["id"])
    if invitation is None or person.status is not Status.INVITED:
        raise InvitationClosed
    return person, invitation
