"""/api/v1/orgs: the orgs of the caller's organization, their looks and their members (spec/melody.md section 4.5).

An org is an account right below the organization that has a slug. Members are the account's members; of their orgs,
users are active in one at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from domain.branding import FORMS
from domain.refusals import (
    AccountHasChildren,
    AccountNotActive,
    InvalidBranding,
    InvalidName,
    InvalidSlug,
    NameTaken,
    OrganizationHasUsers,
    TooMuchAtOnce,
    UnknownAccount,
)
from projections import accounts as rows
from projections import users
from service.commands import orgs
from service.doors.s2s import user_document
from service.doors.s2s.frame import EVERYTHING, Body, Listing, Reply, ServerToServerDoor, times, whole
from service.doors.s2s.org_document import Org, branding_of, of_row
from service.http.call import Answer, Call, no_content

if TYPE_CHECKING:
    from domain.account import Account
    from service.http.document import Row

DOOR = ServerToServerDoor("orgs")
RULES = (InvalidName, InvalidSlug, NameTaken)

Name = Annotated[str, pydantic.Field(min_length=1, max_length=50)]


class Orgs(Reply):
    """All orgs of the organization."""

    orgs: list[Org]


class OneOrg(Reply):
    """One org."""

    org: Org


class Members(Reply):
    """Users of an org. `count` is of all of them, whatever the page."""

    users: list[user_document.User]
    count: int


class NewOrg(Body):
    """A new org."""

    name: Name
    slug: Name
    allow_public_registration: bool
    only_use_for_branding_override: bool


class Change(Body):
    """What of an org is to be different; an empty text clears a value of its branding."""

    name: Name = ""
    slug: Name = ""
    allow_public_registration: bool = False
    only_use_for_branding_override: bool = False
    company_logo_url: str = ""
    company_email_logo_url: str = ""
    font_family: str = ""
    font_url: str = ""
    layout_color: str = ""
    label_color: str = ""
    primary_button_color: str = ""
    primary_button_label_color: str = ""
    primary_button_border_color: str = ""
    secondary_button_color: str = ""
    secondary_button_label_color: str = ""
    secondary_button_border_color: str = ""
    critical_indicator_color: str = ""
    email_sender_name: str = ""
    terms_link: str = ""
    privacy_policy_link: str = ""


class Search(Listing):
    """Which users: `search` is a part of first name, last name and e-mail address."""

    search: str | None = pydantic.Field(default=None, max_length=250)


def _shown(org: Account) -> Answer:
    shown = {
        "id": org.id,
        "name": org.name,
        "slug": org.slug,
        "allowPublicRegistration": org.public_registration,
        "onlyUseForBrandingOverride": org.branding_only,
    }
    return Answer({"org": {**shown, **branding_of(org.branding), **times(org.created_on, org.modified_on)}})


@DOOR.route("GET", "/api/v1/orgs", permission="read_org", summary="List the orgs", answer=Orgs)
async def listed(call: Call) -> Answer:
    found = await rows.orgs(call.parts.store.pool, call.by.organization, limit=EVERYTHING + 1)
    return Answer({"orgs": [of_row(row) for row in whole(found)]})


@DOOR.route(
    "GET",
    "/api/v1/orgs/{org_id}",
    permission="read_org",
    summary="Read an org",
    answer=OneOrg,
    refuses=(UnknownAccount,),
)
async def one(call: Call) -> Answer:
    return Answer({"org": of_row(await _row(call))})


@DOOR.route(
    "POST",
    "/api/v1/orgs",
    permission="write_org",
    summary="Make an org",
    body=NewOrg,
    status=201,
    answer=OneOrg,
    refuses=(UnknownAccount, AccountNotActive, *RULES),
)
async def create(call: Call) -> Answer:
    body: NewOrg = call.body
    return await call.carry_out(
        orgs.create,
        _shown,
        organization=call.by.organization,
        name=body.name,
        slug=body.slug.strip(),
        public_registration=body.allow_public_registration,
        branding_only=body.only_use_for_branding_override,
    )


@DOOR.route(
    "PUT",
    "/api/v1/orgs/{org_id}",
    permission="write_org",
    summary="Change an org's name, slug, registration or branding",
    body=Change,
    answer=OneOrg,
    refuses=(UnknownAccount, InvalidBranding, *RULES),
)
async def update(call: Call) -> Answer:
    stated = call.body.stated()
    changes: dict[str, Any] = {"branding": {name: stated.pop(name) for name in FORMS if name in stated}}
    for name, command_name in (
        ("name", "name"),
        ("slug", "slug"),
        ("allow_public_registration", "public_registration"),
        ("only_use_for_branding_override", "branding_only"),
    ):
        if name in stated:
            changes[command_name] = stated[name].strip() if name == "slug" else stated[name]
    return await call.carry_out(orgs.change, _shown, org=call.id("org_id", UnknownAccount), **changes)


@DOOR.route(
    "DELETE",
    "/api/v1/orgs/{org_id}",
    permission="write_org",
    summary="Delete an org in which no user is active, with its memberships and groups",
    status=204,
    refuses=(UnknownAccount, OrganizationHasUsers, AccountHasChildren, TooMuchAtOnce),
)
async def delete(call: Call) -> Answer:
    return await call.carry_out(orgs.delete, no_content, org=call.id("org_id", UnknownAccount))


@DOOR.route(
    "GET",
    "/api/v1/orgs/{org_id}/users",
    permission="read_org read_user",
    summary="List the users who are active in an org",
    query=Search,
    answer=Members,
    refuses=(UnknownAccount,),
)
async def active_users(call: Call) -> Answer:
    return await _members(call, active_only=True)


@DOOR.route(
    "GET",
    "/api/v1/orgs/{org_id}/all-users",
    permission="read_org read_user",
    summary="List the members of an org",
    query=Search,
    answer=Members,
    refuses=(UnknownAccount,),
)
async def all_users(call: Call) -> Answer:
    return await _members(call, active_only=False)


async def _members(call: Call, *, active_only: bool) -> Answer:
    query: Search = call.query
    pool, org = call.parts.store.pool, await _row(call)
    which = {"search": query.search, "account": org["id"], "active_only": active_only}
    found = await users.listing(pool, org["organization"], **which, limit=query.limit, offset=query.offset)
    shown = [user_document.of_row(row) for row in whole(found)]
    count = len(shown) if query.page_size is None else await users.listing_count(pool, org["organization"], **which)
    return Answer({"users": shown, "count": count})


async def _row(call: Call) -> Row:
    """Return the org's row. An account without slug, or further down, is no org."""
    row = call.seen(await rows.one(call.parts.store.pool, call.id("org_id", UnknownAccount)), UnknownAccount)
    if row["slug"] is None:
        raise UnknownAccount
    return row
