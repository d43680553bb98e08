"""The authorization code grant (RFC 6749 section 4.1.3, RFC 7636): a code becomes tokens, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.grant_types import AUTHORIZATION_CODE
from domain.refusals import UnusableCode
from projections import authorizations, tokens
from service import authority
from service.oauth import people
from service.oauth.end_user import asserted
from service.oauth.errors import invalid_request
from service.parts import REQUEST_ID
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from aiohttp import web
    from eventsourcing.domain import Aggregate

    from domain.authorization import Authorization
    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts

REASON = "authorization code replayed"


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Redeem a code. Raises OAuthError, and UnusableCode for every code that is not this client's to redeem now.

    A code that comes back with everything that belongs to it ends the tokens it was exchanged for: somebody copied it
    (RFC 6749 section 4.1.2). Whoever lacks some of that has shown nothing but that they saw it, and changes nothing.
    """
    code = parameters.get("code")
    if code is None:
        raise invalid_request("code is missing")

    async def attempt(client: Client) -> IssuedForPerson:
        now = parts.clock.now()
        row = await authorizations.by_digest(parts.store.pool, sha256_hex(code), now)
        if row is None:
            raise UnusableCode("it was never handed out")
        authorization = authorizations.recalled(row)
        authorization.require_presented(
            application=client.id,
            redirect_uri=parameters.get("redirect_uri"),
            verifier=parameters.get("code_verifier"),
        )
        family = parts.clock.new_id()
        if not authorization.redeem(family, now):
            await _end(request, parts, client, authorization)
            raise UnusableCode("it was used before: its tokens have ended")
        if not row["in_force"]:
            raise UnusableCode("the person, their session or what they act in is out of force")
        people.require_resource(parameters, authorization.audience)
        audience, asked = authorization.audience, authorization.scope
        held = await authority.at(parts, audience, asked, user=authorization.user)
        scope = people.scope_for_people(client, audience, asked, now, parts.settings.issuer, roles=held.permissions)
        return await people.issue_family(
            parts,
            client,
            request_id=request[REQUEST_ID],
            grant_type=AUTHORIZATION_CODE,
            user=authorization.user,
            scope=" ".join(scope),
            audience=audience,
            position=row["head"],
            end_user=asserted(request, parameters, client, authorization.user),
            family=family,
            session=authorization.session,
            account=authorization.account,
            membership=authorization.membership,
            authenticated_at=authorization.authenticated_at,
            methods=authorization.methods,
            nonce=authorization.nonce,
            more_reads=held.guards,
            along=(authorization,),
        )

    return await people.decided(request, parts, parameters, client, attempt)


async def _end(request: web.Request, parts: Parts, client: Client, authorization: Authorization) -> None:
    """Put the replay on record together with the end of the family. Raises Stale when either moved meanwhile."""
    ending: list[Aggregate] = [authorization]
    family = None if authorization.family is None else await tokens.family(parts.store.pool, authorization.family)
    if family is not None:  # else it was purged, long after its end
        family.revoke(None, REASON, parts.clock.now(), final=True)
        ending.append(family)
    await people.append(parts, client, request[REQUEST_ID], client.id, ending)
