"""Commands about orgs: child accounts with a slug, their members, and in which of them a user is active."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import Account
from domain.membership import Membership
from domain.refusals import (
    NotInOrganization,
    OrganizationClosed,
    OrganizationHasUsers,
    TooMuchAtOnce,
    UnknownAccount,
)
from domain.user import User
from projections import accounts, memberships
from service.commands import accounts as account_commands
from service.commands import claims, groups
from service.commands.owners import owners_of
from service.commands.seen import active_organization, to_change, to_rely_on
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

MEMBERSHIP_LIMIT = 1_000  # of one user in orgs: looked at by one command
MEMBER = "member"


async def create(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    name: str,
    slug: str,
    public_registration: bool,
    branding_only: bool,
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Make an org. Raises UnknownAccount, AccountNotActive, InvalidName, InvalidSlug or NameTaken (the slug)."""

    async def command(decision: Decision) -> Account:
        home = await active_organization(decision, by, organization)
        now = store.clock.now()
        org = Account.create(id=store.clock.new_id(), name=name, parent=home, now=now)
        org.profile(slug, public_registration=public_registration, branding_only=branding_only, branding={}, now=now)
        claims.claim_slug(decision, org)
        decision.save(org)
        return org

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    org: UUID,
    name: str | Unchanged = UNCHANGED,
    slug: str | Unchanged = UNCHANGED,
    public_registration: bool | Unchanged = UNCHANGED,
    branding_only: bool | Unchanged = UNCHANGED,
    branding: Mapping[str, str] | None = None,
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Change what is named; `branding` holds the values to be different, an empty one clears it.

    Raises UnknownAccount, InvalidName, InvalidSlug, InvalidBranding or NameTaken.
    """

    async def command(decision: Decision) -> Account:
        changing = _org(await to_change(decision, by, Account, org))
        former, now = changing.slug or "", store.clock.now()
        changing.rename(chosen(name, changing.name), now)
        changing.profile(
            chosen(slug, former),
            public_registration=chosen(public_registration, changing.public_registration),
            branding_only=chosen(branding_only, changing.branding_only),
            branding={**changing.branding, **(branding or {})},
            now=now,
        )
        if changing.slug != former:
            claims.release_slug(decision, changing, former)
            claims.claim_slug(decision, changing)
        decision.save(changing)
        return changing

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, org: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete an org with its memberships and groups.

    Raises UnknownAccount, OrganizationHasUsers (a user is active in it), AccountHasChildren or TooMuchAtOnce.
    """

    async def command(decision: Decision) -> None:
        ending = _org(await to_change(decision, by, Account, org))
        decision.rely_on(f"account-members:{org}")
        if await memberships.any_active(decision.connection, org):
            raise OrganizationHasUsers
        await account_commands.end(decision, by, ending, store.clock.now(), cascade=False)

    return await store.decide(command, origin, remember=remember)


async def replace_memberships(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    user: UUID,
    orgs: Sequence[UUID],
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Make a user a member of these orgs and of no others, all in one append; who was active in another is so no more.

    Raises UnknownUser, UserNotActive, UnknownAccount, AccountNotActive, LastOwner or TooMuchAtOnce.
    """
    wanted = dict.fromkeys(orgs)

    async def command(decision: Decision) -> None:
        person = await to_rely_on(decision, by, User, user)
        person.require_known()
        decision.organization = person.organization
        now = store.clock.now()
        present = await _in_orgs(decision, user)
        leaving = [member for member in present if member.account not in wanted]
        for member in leaving:
            member.remove(await owners_of(decision, member), by, now)
            claims.release_membership(decision, member)
        decision.save(*leaving)
        await groups.end_of_user(decision, user, now, orgs=[member.account for member in leaving])
        for account in wanted.keys() - {member.account for member in present}:
            org = _org(await to_rely_on(decision, by, Account, account))
            if org.organization != person.organization:
                raise UnknownAccount
            member = Membership.add(id=store.clock.new_id(), account=org, user=person, role=MEMBER, now=now)
            claims.claim_membership(decision, member)
            decision.save(member)

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def make_active(decision: Decision, by: Caller, person: User, slug: str | None, now: datetime) -> None:
    """Let a user work in the org with this slug, or with None or "" in none, as a part of a decision about the user.

    Raises UnknownAccount (no such org of the user's organization), AccountNotActive or NotInOrganization.
    """
    org = await _by_slug(decision, by, person.organization, slug) if slug else None
    present = await _in_orgs(decision, person.id)
    chosen_one = [member for member in present if org is not None and member.account == org.id]
    if org is not None and not chosen_one:
        raise NotInOrganization
    for member in present:
        if member not in chosen_one:
            member.deactivate(now)
    for member in chosen_one:
        member.activate(now)
    decision.save(*present)


async def join(decision: Decision, by: Caller, person: User, slug: str, now: datetime, *, id: UUID) -> None:
    """Make a new user, who is invited, a member of the org with this slug and active in it; `id` is the membership's.

    Raises UnknownAccount (no such org), AccountNotActive or OrganizationClosed (it only lends its branding).
    """
    org = await _by_slug(decision, by, person.organization, slug)
    if org.branding_only:
        raise OrganizationClosed
    member = Membership.add(id=id, account=org, user=person, role=MEMBER, now=now)
    member.activate(now)
    claims.claim_membership(decision, member)
    decision.save(member)


async def _in_orgs(decision: Decision, user: UUID) -> list[Membership]:
    """Return a user's memberships in orgs, and rely on there being no others."""
    decision.rely_on(f"user-memberships:{user}")
    ids = await memberships.ids_in_orgs(decision.connection, user, limit=MEMBERSHIP_LIMIT + 1)
    if len(ids) > MEMBERSHIP_LIMIT:
        raise TooMuchAtOnce(f"more than {MEMBERSHIP_LIMIT} memberships")
    return [member for member in await decision.load_many(Membership, ids) if not member.removed]


async def _by_slug(decision: Decision, by: Caller, organization: UUID, slug: str) -> Account:
    found = await accounts.org_by_slug(decision.connection, organization, slug)
    if found is None:
        raise UnknownAccount
    org = _org(await to_rely_on(decision, by, Account, found))
    org.require_active()
    return org


def _org(account: Account) -> Account:
    """Return the account if it is an org. Raises UnknownAccount."""
    account.require_known()
    if account.slug is None:
        raise UnknownAccount
    return account
