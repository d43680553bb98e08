"""Commands about accounts: make, rename, describe, suspend and delete nodes of the tree of tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from domain.account import Account, Status
from domain.membership import Membership
from domain.permissions import ADMINISTRATOR_ROLES, BUILT_IN_SCOPES, ROOT
from domain.refusals import MissingPermission, TooMuchAtOnce
from projections import accounts, applications, memberships, roles, scopes, users
from service.commands import administrators, api_resources, claims, connectors, groups
from service.commands.seen import to_change, to_rely_on
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

ACCOUNT_LIMIT = 1_000  # deleted by one command: one append holds the lock of the log for as long as it takes
MEMBERSHIP_LIMIT = 10_000


async def create_root(
    store: Store, origin: Origin, by: Caller, *, name: str, remember: Remember[Account] | None = None
) -> Outcome[Account]:
    """Make an organization, with its built-in roles. Raises MissingPermission (root alone may) or InvalidName."""
    if not by.is_root:
        raise MissingPermission(ROOT)

    async def command(decision: Decision) -> Account:
        account = Account.create(id=store.clock.new_id(), name=name, parent=None, now=store.clock.now())
        decision.organization = account.organization
        decision.save(account)
        administrators.define(decision, account.id, store.clock)
        return account

    return await store.decide(command, origin, remember=remember)


async def create_child(
    store: Store, origin: Origin, by: Caller, *, parent: UUID, name: str, remember: Remember[Account] | None = None
) -> Outcome[Account]:
    """Make an account below another. Raises UnknownAccount, AccountNotActive (the parent), TooDeep or InvalidName."""

    async def command(decision: Decision) -> Account:
        above = await to_rely_on(decision, by, Account, parent)
        account = Account.create(id=store.clock.new_id(), name=name, parent=above, now=store.clock.now())
        decision.organization = account.organization
        decision.save(account)
        return account

    return await store.decide(command, origin, remember=remember)


async def update(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    name: str | Unchanged = UNCHANGED,
    description: str | Unchanged | None = UNCHANGED,
    picture: str | Unchanged | None = UNCHANGED,
    color: str | Unchanged | None = UNCHANGED,
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Change what is named; None clears a display value.

    Raises UnknownAccount, InvalidName, InvalidDescription, InvalidPicture or InvalidColor.
    """

    async def command(decision: Decision) -> Account:
        changing = await to_change(decision, by, Account, account)
        now = store.clock.now()
        changing.rename(chosen(name, changing.name), now)
        changing.describe(
            chosen(description, changing.description),
            chosen(picture, changing.picture),
            chosen(color, changing.color),
            now,
        )
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def move_status(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    status: str,
    reason: str | None = None,
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Suspend or reinstate. Raises UnknownAccount, InvalidStatus, OwnDeletion (one's organization), InvalidReason."""

    async def command(decision: Decision) -> Account:
        moving = await to_change(decision, by, Account, account)
        moving.move(status, by, store.clock.now(), reason)
        decision.save(moving)
        return moving

    return await store.decide(command, origin, remember=remember)


async def set_features(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    features: Mapping[str, bool],
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Switch features of an organization on or off; those that are not named stay as they are.

    Raises UnknownAccount (a child account too), MissingPermission (the caller is not root) or InvalidFeature.
    """

    async def command(decision: Decision) -> Account:
        changing = await to_change(decision, by, Account, account)
        kept = changing.features.difference(features)
        changing.set_features({*kept, *(name for name, on in features.items() if on)}, by, store.clock.now())
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def change_settings(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    code_lifetime: int | Unchanged = UNCHANGED,
    code_tries: int | Unchanged = UNCHANGED,
    verified_identifiers: bool | Unchanged = UNCHANGED,
    submit_limited: bool | Unchanged = UNCHANGED,
    remember: Remember[Account] | None = None,
) -> Outcome[Account]:
    """Change how an organization deals with its people's addresses and calls of its interfaces, as far as it is named.

    Raises UnknownAccount (a child account too) or InvalidSettings.
    """

    async def command(decision: Decision) -> Account:
        changing = await to_change(decision, by, Account, account)
        changing.change_settings(
            code_lifetime=chosen(code_lifetime, changing.code_lifetime),
            code_tries=chosen(code_tries, changing.code_tries),
            verified_identifiers=chosen(verified_identifiers, changing.verified_identifiers),
            submit_limited=chosen(submit_limited, changing.submit_limited),
            now=store.clock.now(),
        )
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    account: UUID,
    cascade: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Delete an account with its memberships and groups, and with `cascade` all accounts below it, in one append.

    Raises UnknownAccount and what `end` raises.
    """

    async def command(decision: Decision) -> None:
        doomed = await to_change(decision, by, Account, account)
        await end(decision, by, doomed, store.clock.now(), cascade=cascade)

    return await store.decide(command, origin, remember=remember)


async def end(decision: Decision, by: Caller, doomed: Account, now: datetime, *, cascade: bool) -> None:
    """Delete an account, as a part of a decision that has loaded it.

    Raises UnknownAccount (deleted), AccountHasChildren (without `cascade`), OwnDeletion, MissingPermission or
    OrganizationInUse (an organization), and TooMuchAtOnce (more than 1,000 accounts, 10,000 memberships, 1,000 groups,
    10,000 members of groups, 10,000 interfaces or 10,000 grants for them).
    """
    account = doomed.id
    below = await _below(decision, account) if cascade else []
    has_children = not cascade and await _has_children(decision, account)
    in_use = doomed.parent is None and await _in_use(decision, account)
    # Refuses before anything is read in bulk; recorded last, so that no account outlives its parent.
    doomed.delete(by, now, has_children=has_children, in_use=in_use)
    await groups.end_of_accounts(decision, by, [*below, account], now)
    decision.save(*await _ended_memberships(decision, by, [*below, account], now))
    for child in await decision.load_many(Account, below):
        # One that was deleted since `_below` looked has touched its parent's guard: the append is decided anew.
        if child.status is not Status.DELETED:
            child.delete(by, now, has_children=False)
            claims.release_slug(decision, child, child.slug)
            decision.save(child)
    claims.release_slug(decision, doomed, doomed.slug)
    if doomed.parent is None:
        await administrators.end(decision, doomed.id, now)
        await connectors.end_of_organization(decision, by, doomed.id, now)
        await api_resources.end_of_organization(decision, by, doomed.id, now)
    decision.save(doomed)


async def _has_children(decision: Decision, account: UUID) -> bool:
    decision.rely_on(f"account-children:{account}")
    return await accounts.has_children(decision.connection, account)


async def _below(decision: Decision, account: UUID) -> list[UUID]:
    """Return what is below an account, the deepest first, and rely on there being no more."""
    tree = await accounts.subtree(decision.connection, account, limit=ACCOUNT_LIMIT + 1)
    if len(tree) > ACCOUNT_LIMIT:
        raise TooMuchAtOnce(f"more than {ACCOUNT_LIMIT} accounts")
    decision.rely_on(f"account-children:{account}", *(f"account-children:{one}" for one in tree))
    return [one for one in tree if one != account]


async def _ended_memberships(decision: Decision, by: Caller, of: Sequence[UUID], now: datetime) -> list[Membership]:
    ids = await memberships.ids_of_accounts(decision.connection, list(of), limit=MEMBERSHIP_LIMIT + 1)
    if len(ids) > MEMBERSHIP_LIMIT:
        raise TooMuchAtOnce(f"more than {MEMBERSHIP_LIMIT} memberships")
    decision.rely_on(*(f"account-members:{account}" for account in of))
    ending = [member for member in await decision.load_many(Membership, ids) if not member.removed]
    for member in ending:
        member.end_with_account(by, now)
        claims.release_membership(decision, member)
    return ending


async def _in_use(decision: Decision, organization: UUID) -> bool:
    """Say whether anything but accounts belongs to an organization, and rely on the answer."""
    decision.rely_on(f"organization-contents:{organization}")
    connection, first = decision.connection, UUID(int=0)
    return bool(
        await applications.page(connection, organization, kind=None, status=None, after=first, limit=1)
        or await users.page(connection, organization, application=None, status=None, after=first, limit=1)
        or await roles.any_but(connection, organization, ADMINISTRATOR_ROLES)
        or await scopes.any_but(connection, organization, BUILT_IN_SCOPES)
    )
