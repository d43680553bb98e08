"""/api/accounts: the tree of tenants, for private back ends (spec/inbox-manager.md section 2, calls 2, 6 and 7).

`read_account` reads and `write_account` changes. An organization, which is a root account, is made by root, changed
with `write_org` besides, and deleted by root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from domain.refusals import (
    AccountHasChildren,
    AccountNotActive,
    InvalidColor,
    InvalidDescription,
    InvalidName,
    InvalidPicture,
    InvalidStatus,
    MissingPermission,
    OrganizationInUse,
    OwnDeletion,
    TooDeep,
    TooMuchAtOnce,
    UnknownAccount,
)
from projections import accounts as rows
from service.commands import accounts
from service.http.administration import AdministrationDoor
from service.http.call import Answer, Call, no_content
from service.http.document import Document, Output
from service.http.input import Id, Input, Moment
from service.http.paging import Listed, OrganizationPage, Page, page

if TYPE_CHECKING:
    from uuid import UUID

    from domain import account

DOOR = AdministrationDoor("accounts")


class Account(Output):
    """An account. An organization has no parent."""

    id: Id
    name: str
    organization_id: Id
    parent_account_id: Id | None
    status: Literal["active", "suspended"]
    description: str | None
    picture: str | None
    color: str | None
    created_at: Moment
    updated_at: Moment


DOCUMENT = Document(Account, organization_id=("organization", "organization"), parent_account_id=("parent", "parent"))


class NewAccount(Input):
    """An account to be made."""

    name: str


class Change(Input):
    """What of an account is to be different; null clears a display value. A `status` is stated alone."""

    name: str = ""
    description: str | None = None
    picture: str | None = None
    color: str | None = None
    status: Literal["active", "suspended"] = "active"


class Deletion(Input):
    """How far a deletion goes: `cascade` takes all accounts below along."""

    cascade: Literal["true", "false"] = "false"


def _shown(made: account.Account) -> Answer:
    return Answer(DOCUMENT.of(made))


@DOOR.route(
    "POST",
    "/api/accounts",
    permission="root",
    summary="Make an organization",
    body=NewAccount,
    status=201,
    machines_only=True,
    answer=Account,
    refuses=(InvalidName,),
)
async def create_root(call: Call) -> Answer:
    return await call.carry_out(accounts.create_root, _shown, name=call.body.name)


@DOOR.route(
    "GET",
    "/api/accounts",
    permission="read_account",
    summary="List the accounts of an organization",
    query=OrganizationPage,
    machines_only=True,
    answer=Listed[Account],
    refuses=(UnknownAccount,),
)
async def listed(call: Call) -> Answer:
    query: OrganizationPage = call.query
    organization = call.organization(query.organization)
    found = await rows.page(call.parts.store.pool, organization, after=query.after, limit=query.wanted)
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "POST",
    "/api/accounts/{account_id}/accounts",
    permission="write_account",
    summary="Make a child account",
    body=NewAccount,
    status=201,
    machines_only=True,
    answer=Account,
    refuses=(UnknownAccount, AccountNotActive, TooDeep, InvalidName),
)
async def create_child(call: Call) -> Answer:
    parent = call.id("account_id", UnknownAccount)
    return await call.carry_out(accounts.create_child, _shown, parent=parent, name=call.body.name)


@DOOR.route(
    "GET",
    "/api/accounts/{account_id}/accounts",
    permission="read_account",
    summary="List the children of an account",
    query=Page,
    machines_only=True,
    answer=Listed[Account],
    refuses=(UnknownAccount,),
)
async def children(call: Call) -> Answer:
    query: Page = call.query
    parent = call.id("account_id", UnknownAccount)
    await _row(call, parent)
    found = await rows.children(call.parts.store.pool, parent, after=query.after, limit=query.wanted)
    return page(found, query, DOCUMENT.of_row)


@DOOR.route(
    "GET",
    "/api/accounts/{account_id}",
    permission="read_account",
    summary="Read an account",
    machines_only=True,
    answer=Account,
    refuses=(UnknownAccount,),
)
async def one(call: Call) -> Answer:
    return Answer(await _row(call, call.id("account_id", UnknownAccount)))


@DOOR.route(
    "PATCH",
    "/api/accounts/{account_id}",
    permission="write_account",
    summary="Change an account's name, display values or status",
    body=Change,
    machines_only=True,
    answer=Account,
    refuses=(
        UnknownAccount,
        InvalidName,
        InvalidDescription,
        InvalidPicture,
        InvalidColor,
        InvalidStatus,
        OwnDeletion,
        MissingPermission,
    ),
)
async def update(call: Call) -> Answer:
    """Change name and display values, or the status: that is a decision of its own, and stated alone."""
    account, stated = call.id("account_id", UnknownAccount), call.body.stated()
    await _require_rights(call, account)
    if "status" not in stated:
        return await call.carry_out(accounts.update, _shown, account=account, **stated)
    if len(stated) > 1:
        raise InvalidStatus("stated with other members", field="status")
    return await call.carry_out(accounts.move_status, _shown, account=account, status=stated["status"])


@DOOR.route(
    "DELETE",
    "/api/accounts/{account_id}",
    permission="write_account",
    summary="Delete an account with its memberships, and with `cascade` all below it",
    query=Deletion,
    status=204,
    machines_only=True,
    refuses=(UnknownAccount, AccountHasChildren, OrganizationInUse, TooMuchAtOnce, OwnDeletion, MissingPermission),
)
async def delete(call: Call) -> Answer:
    account = call.id("account_id", UnknownAccount)
    cascade = call.query.cascade == "true"
    return await call.carry_out(accounts.delete, no_content, account=account, cascade=cascade)


async def _row(call: Call, account: UUID) -> dict[str, Any]:
    return DOCUMENT.of_row(call.seen(await rows.one(call.parts.store.pool, account), UnknownAccount))


async def _require_rights(call: Call, account: UUID) -> None:
    """Refuse whoever changes an organization without `write_org`. An account never becomes one, nor the reverse."""
    shown = await _row(call, account)
    if shown["parent_account_id"] is None and not call.by.holds("write_org"):
        raise MissingPermission("write_org")
