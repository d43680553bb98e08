"""/api/organizations/{organization_id}/features: what root switched on for an organization. `read_org` reads.

Each feature is off until root switches it on: `token_search` lets those who hold `read_token` look the organization's
tokens up at `/v1/organizations`, `token_revocation` lets those who hold `revoke_token` end many of them there at once.
The routes under `/api/tokens` go by permission alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.account import TOKEN_REVOCATION, TOKEN_SEARCH
from domain.refusals import UnknownAccount
from projections import accounts as rows
from service.commands import accounts
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.door import Door
from service.http.input import Input

if TYPE_CHECKING:
    from collections.abc import Collection

    from domain.account import Account

DOOR = Door("features")


class Features(Output):
    """Which features are on."""

    token_search: bool
    token_revocation: bool


class Change(Input):
    """Which features are to be on; one that is left out stays as it is."""

    token_search: bool = False
    token_revocation: bool = False


def _of(features: Collection[str]) -> Answer:
    return Answer({name: name in features for name in (TOKEN_SEARCH, TOKEN_REVOCATION)})


def _shown(changed: Account) -> Answer:
    return _of(changed.features)


@DOOR.route(
    "GET",
    "/api/organizations/{organization_id}/features",
    permission="read_org",
    summary="Read which features an organization has",
    answer=Features,
    refuses=(UnknownAccount,),
)
async def one(call: Call) -> Answer:
    row = call.seen(await rows.one(call.parts.store.pool, call.id("organization_id", UnknownAccount)), UnknownAccount)
    if row["parent"] is not None:
        raise UnknownAccount
    return _of(row["features"])


@DOOR.route(
    "PUT",
    "/api/organizations/{organization_id}/features",
    permission="root",
    summary="Switch features of an organization on or off",
    body=Change,
    answer=Features,
    refuses=(UnknownAccount,),
)
async def change(call: Call) -> Answer:
    stated = call.body.stated()
    return await call.carry_out(
        accounts.set_features, _shown, account=call.id("organization_id", UnknownAccount), features=stated
    )
