"""/v1/organizations/{organization_id}/oauth2/revoke: end tokens by application, by end user, or by both.

The organization has the feature `token_revocation`. One event ends them, however many there are, before the answer is
given; nothing brings them back. With `cascade` the refresh tokens end as well (spec/apigee.md section 1.2).
"""

from __future__ import annotations

import pydantic

from domain.account import TOKEN_REVOCATION
from domain.refusals import FeatureNotEnabled, InvalidEndUser, NothingToRevoke, UnknownAccount, UnknownApplication
from service.commands import revocations
from service.doors.apigee.frame import ApigeeDoor, organization_with
from service.doors.apigee.which import Flag, Which, named
from service.http.call import Answer, Call
from service.http.document import Output

DOOR = ApigeeDoor("token revocation")


class Target(Which):
    """Whose tokens end, and whether their refresh tokens do."""

    cascade: Flag = "false"


class Submitted(Output, pydantic.RootModel[int]):
    """How many access tokens ended: 1000 stand for as many or more."""


@DOOR.route(
    "POST",
    "/oauth2/revoke",
    permission="revoke_token",
    summary="End the tokens of an application, of an end user, or of both",
    query=Target,
    status=202,
    answer=Submitted,
    refuses=(UnknownAccount, FeatureNotEnabled, NothingToRevoke, InvalidEndUser, UnknownApplication),
)
async def revoke(call: Call) -> Answer:
    organization = await organization_with(call, TOKEN_REVOCATION)
    query: Target = call.query
    of = await named(call, organization, query, NothingToRevoke)
    tokens, _ = await revocations.count(
        call.parts.store, call.by, organization=organization, application=of.application, end_user=of.end_user
    )
    return await call.carry_out(
        revocations.record,
        lambda _: Answer(tokens),
        organization=organization,
        application=of.application,
        end_user=of.end_user,
        cascade=query.cascade == "true",
    )
