"""The grant by password (RFC 6749 section 4.3), for applications that are trusted with the passwords of people.

RFC 9700 section 2.4 wants it gone. It is here for back ends that are being moved, off unless an organization says that
it trusts an application with it, and behind the same throttle and the same answers as the sign-in page. Nobody is asked
here whether they consent, so no permission of the management interface comes of it, whatever the person's roles. Nor
can a further factor be asked for: whoever has to show one signs in at the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.factor import guard
from domain.grant_types import PASSWORD
from service.http.request import client_address
from service.oauth import people
from service.oauth.end_user import asserted
from service.oauth.errors import OAuthError, invalid_request, slow_down
from service.parts import REQUEST_ID
from service.sign_in import SignInRefused, TryLater

if TYPE_CHECKING:
    from aiohttp import web

    from service.oauth.clients import Client
    from service.oauth.people import IssuedForPerson
    from service.parts import Parts
    from service.sign_in import Proved

METHODS = ("pwd",)  # RFC 8176 section 2


async def grant(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> IssuedForPerson:
    """Issue tokens to a user of the client's organization who gave it their password; no session comes of it.

    Raises OAuthError: invalid_target, invalid_scope, invalid_grant (no such user, or another password: nobody learns
    which; or the password is right, and a further factor is needed), or 429 slow_down after too many wrong ones.
    """
    for name in ("username", "password"):
        if name not in parameters:
            raise invalid_request(f"{name} is missing")
    issuer, asked = parts.settings.issuer, parameters.get("scope")
    audience = people.audience_for_people(client, parameters, issuer)
    people.scope_for_people(client, audience, asked, parts.clock.now(), issuer)  # before a password is tried in vain

    async def attempt(client: Client) -> IssuedForPerson:
        proved = await _proved(request, parts, parameters, client)
        now = parts.clock.now()
        return await people.issue_family(
            parts,
            client,
            request_id=request[REQUEST_ID],
            grant_type=PASSWORD,
            user=proved.user,
            scope=" ".join(people.scope_for_people(client, audience, asked, now, issuer)),
            audience=audience,
            position=proved.position,
            end_user=asserted(request, parameters, client, proved.user),
            authenticated_at=now,
            methods=METHODS,
            more_reads={guard(proved.user): proved.position},
        )

    return await people.decided(request, parts, parameters, client, attempt)


async def _proved(request: web.Request, parts: Parts, parameters: dict[str, str], client: Client) -> Proved:
    """Return who that is. Raises OAuthError: the same for every name and password that do not fit together."""
    try:
        proved = await parts.sign_in.check(
            organization=client.organization,
            identifier=parameters["username"],
            password=parameters["password"],
            address=client_address(request),
            device=None,
            shared=client.confidential,
        )
    except SignInRefused as refused:
        raise OAuthError("invalid_grant", str(refused)) from None
    except TryLater as later:
        raise slow_down(later.seconds) from None
    if proved.lacking:
        raise OAuthError("invalid_grant", "A further factor is needed: sign in at the sign-in page")
    return proved
