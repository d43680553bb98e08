"""/v1/organizations/{organization_id}: an organization with its two switches, both off until root switches them on.

`features.isOAuth2TokenSearchEnabled` lets its tokens be searched and `features.isOAuthRevokeEnabled` many of them be
revoked at once, one without the other (spec/apigee.md A10). A switch that is not named stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.account import TOKEN_REVOCATION, TOKEN_SEARCH
from domain.refusals import InvalidFeature, UnknownAccount
from service.commands import accounts
from service.doors.apigee import frame
from service.doors.apigee.frame import ApigeeDoor, Reply, milliseconds
from service.doors.apigee.which import Flag  # noqa: TC001 - pydantic reads the annotations
from service.http.call import Answer, Call
from service.http.input import Input

if TYPE_CHECKING:
    from collections.abc import Collection

    from domain.account import Account
    from service.http.document import Row
    from service.http.route import Kind

DOOR = ApigeeDoor("organization")
SWITCHES = {
    "features.isOAuth2TokenSearchEnabled": TOKEN_SEARCH,
    "features.isOAuthRevokeEnabled": TOKEN_REVOCATION,
}


class Property(Reply):
    """A property of an organization: a switch."""

    name: str
    value: Literal["true", "false"]


class Properties(Reply):
    """The properties of an organization."""

    property: list[Property]


class Organization(Reply):
    """An organization. `name` is its id, by which paths call it; times are in milliseconds since 1970."""

    name: str
    display_name: str
    type: Literal["paid"]
    environments: list[str]
    properties: Properties
    created_at: int
    last_modified_at: int


class Switch(Input):
    """A switch, on or off."""

    name: str
    value: Flag


class Switches(Input):
    """The switches to set."""

    property: list[Switch] = pydantic.Field(default_factory=list)


class Change(Input):
    """What of an organization is to be different."""

    model_config = pydantic.ConfigDict(extra="ignore")  # clients send back what they were told

    properties: Switches = pydantic.Field(default_factory=Switches)


def _of(row: Row) -> Answer:
    return _shown(row["id"], row["name"], row["features"], row["created_at"], row["updated_at"])


def _changed(account: Account) -> Answer:
    return _shown(account.id, account.name, account.features, account.created_on, account.modified_on)


def _shown(id: object, name: str, features: Collection[str], *times: Any) -> Answer:
    created_at, updated_at = map(milliseconds, times)
    switches = [
        {"name": switch, "value": "true" if feature in features else "false"} for switch, feature in SWITCHES.items()
    ]
    return Answer(
        {
            "name": str(id),
            "displayName": name,
            "type": "paid",
            "environments": [],
            "properties": {"property": switches},
            "createdAt": created_at,
            "lastModifiedAt": updated_at,
        }
    )


@DOOR.route(
    "GET",
    "",
    permission="read_org",
    summary="Read an organization with its switches",
    answer=Organization,
    refuses=(UnknownAccount,),
)
async def one(call: Call) -> Answer:
    return _of(await frame.organization(call))


async def change(call: Call) -> Answer:
    """Set the switches that a request names. Raises InvalidFeature for what is none, or is named twice."""
    row = await frame.organization(call)
    body: Change = call.body
    switches = body.properties.property
    named = {switch.name: switch.value == "true" for switch in switches}
    if len(named) < len(switches) or not named.keys() <= SWITCHES.keys():
        raise InvalidFeature(field="properties")
    features = {SWITCHES[name]: on for name, on in named.items()}
    return await call.carry_out(accounts.set_features, _changed, account=row["id"], features=features)


METHODS: tuple[Kind, ...] = ("POST", "PUT")
for method in METHODS:
    DOOR.route(
        method,
        "",
        permission="root",
        summary="Switch the search and the revocation of an organization's tokens on or off",
        body=Change,
        answer=Organization,
        refuses=(UnknownAccount, InvalidFeature),
    )(change)
