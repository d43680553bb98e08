"""/v1/organizations/{organization_id}/userroles: the roles of an organization, and what each may do with tokens.

Of the resource `/oauth2`, a role may `get` by `read_token`, `put` and `delete` by `revoke_token` (spec/apigee.md A11
and A12). `orgadmin` and `opsadmin`, which every organization has, may do all three.
"""

from __future__ import annotations

import pydantic

from domain.permissions import allows
from domain.refusals import UnknownAccount, UnknownRole
from projections import roles as rows
from service.doors.apigee.frame import ApigeeDoor, Reply, organization
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import Input
from service.http.paging import START

DOOR = ApigeeDoor("user roles")
MOST = 10_000  # roles that are listed
OAUTH2 = "/oauth2"
NEEDED = {"delete": "revoke_token", "get": "read_token", "put": "revoke_token"}


class Roles(Output, pydantic.RootModel[list[str]]):
    """The names of the organization's roles."""


class ResourcePermission(Reply):
    """What a role may do with a resource of an organization."""

    organization: str
    path: str
    permissions: list[str]


class ResourcePermissions(Reply):
    """What a role may do; resources that it may do nothing with are left out."""

    resource_permission: list[ResourcePermission]


class Which(Input):
    """Which resource: all of them unless one is named."""

    path: str | None = None


@DOOR.route(
    "GET", "/userroles", permission="read_role", summary="List the roles", answer=Roles, refuses=(UnknownAccount,)
)
async def listed(call: Call) -> Answer:
    owner = (await organization(call))["id"]
    found = await rows.page(call.parts.store.pool, owner, after=START, limit=MOST)
    return Answer([row["name"] for row in found])


@DOOR.route(
    "GET",
    "/userroles/{role}/permissions",
    permission="read_role",
    summary="Read what a role may do with the organization's tokens",
    query=Which,
    answer=ResourcePermissions,
    refuses=(UnknownAccount, UnknownRole),
)
async def permissions(call: Call) -> Answer:
    owner, name = (await organization(call))["id"], call.request.match_info["role"]
    row = await rows.by_name(call.parts.store.pool, owner, name) if _storable(name) else None
    if row is None:
        raise UnknownRole
    may = [verb for verb, needed in NEEDED.items() if allows(row["permissions"], needed)]
    asked = call.query.path in (None, OAUTH2)
    shown = [{"organization": str(owner), "path": OAUTH2, "permissions": may}] if may and asked else []
    return Answer({"resourcePermission": shown})


def _storable(name: str) -> bool:
    """Say whether a text can stand in the database at all."""
    return "\x00" not in name and name.isprintable()
