"""/api/accounts/…/members: who belongs to an account (spec/inbox-manager.md section 2, calls 3 to 5).

For private back ends: `read_account` reads, `write_account` changes. A member's id is the membership's own, not the
user's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain.refusals import (
    AccountNotActive,
    AlreadyMember,
    InvalidRole,
    TooMuchAtOnce,
    UnknownAccount,
    UnknownMembership,
    UnknownUser,
    UserNotActive,
)
from projections import accounts
from projections import memberships as rows
from service.commands import memberships
from service.http.administration import AdministrationDoor
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, Page, page

if TYPE_CHECKING:
    from domain import membership

DOOR = AdministrationDoor("memberships")


class Membership(Output):
    """A membership, whose id is its own."""

    id: Id
    organization_id: Id
    account_id: Id
    user_id: Id
    role: Literal["owner", "member", "viewer"]
    created_at: Moment
    updated_at: Moment


DOCUMENT = Document(
    Membership,
    organization_id=("organization", "organization"),
    account_id=("account", "account"),
    user_id=("user_id", "user"),
)


class NewMember(Input):
    """A user of the account's organization, and what they are to be there: owner, member or viewer."""

    user_id: Id
    role: str


class Change(Input):
    """Another role."""

    role: str


def _shown(made: membership.Membership) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/accounts/{account_id}/members",
    permission="write_account",
    summary="Make a user a member",
    body=NewMember,
    status=201,
    machines_only=True,
    answer=Membership,
    refuses=(UnknownAccount, UnknownUser, InvalidRole, AccountNotActive, UserNotActive, AlreadyMember),
)
async def add(call: Call) -> Answer:
    body: NewMember = call.body
    account = call.id("account_id", UnknownAccount)
    return await call.carry_out(memberships.add, _shown, account=account, user=body.user_id, role=body.role)


@DOOR.route(
    "GET",
    "/api/accounts/{account_id}/members",
    permission="read_account",
    summary="List the members of an account",
    query=Page,
    machines_only=True,
    answer=Listed[Membership],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: Page = call.query
    pool = call.parts.store.pool
    account = call.id("account_id", UnknownAccount)
    call.seen(await accounts.one(pool, account), UnknownAccount)
    found = await rows.of_account(pool, account, after=query.after, limit=query.wanted)
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/accounts/{account_id}/members/{member_id}",
    permission="read_account",
    summary="Read a membership",
    machines_only=True,
    answer=Membership,
    refuses=(UnknownMembership, UnknownAccount),
)
async def one(call: Call) -> Answer:
    account = call.id("account_id", UnknownAccount)
    row = await rows.one(call.parts.store.pool, call.id("member_id", UnknownMembership))
    if call.seen(row, UnknownMembership)["account"] != account:
        raise UnknownMembership
    return Answer(DOCUMENT.of_row(call.seen(row, UnknownMembership)))


@DOOR.route(
    "PATCH",
    "/api/accounts/{account_id}/members/{member_id}",
    permission="write_account",
    summary="Change a member's role",
    body=Change,
    machines_only=True,
    answer=Membership,
    refuses=(UnknownMembership, UnknownAccount, InvalidRole),
)
async def change_role(call: Call) -> Answer:
    return await call.carry_out(
        memberships.change_role,
        _shown,
        account=call.id("account_id", UnknownAccount),
        membership=call.id("member_id", UnknownMembership),
        role=call.body.role,
    )


@DOOR.route(
    "DELETE",
    "/api/accounts/{account_id}/members/{member_id}",
    permission="write_account",
    summary="End a membership",
    status=204,
    machines_only=True,
    refuses=(UnknownMembership, UnknownAccount, TooMuchAtOnce),
)
async def remove(call: Call) -> Answer:
    return await call.carry_out(
        memberships.remove,
        no_content,
        account=call.id("account_id", UnknownAccount),
        membership=call.id("member_id", UnknownMembership),
    )
