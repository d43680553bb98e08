"""The steps between a request and its code: sign in, consent, each on a page of its own where it is needed.

Everything is judged anew at each step, for an hour may have passed: the client, what it may ask for, who is signed in,
what they consented to. The code is issued only if none of it was touched in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from domain.grant_types import AUTHORIZATION_CODE
from projections import consents
from service import authority
from service.oauth import codes, people
from service.oauth.authorization import answer
from service.oauth.authorization.addressing import is_registered, require_in_use, require_known_client
from service.oauth.authorization.asking import Unanswerable
from service.oauth.authorization.sealed import seal
from service.oauth.errors import OAuthError, unauthorized_client, unavailable
from service.parts import CLIENT, REQUEST_ID
from service.store.log import head
from service.store.refusals import Stale, StoreRefusal

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from service.oauth.authorization.request import AuthorizationRequest
    from service.oauth.clients import Client
    from service.parts import Parts
    from service.sessions import SignedIn

ATTEMPTS = 4
LOGIN, CONSENT = "login", "consent"
"""The pages, below the issuer."""

CONSENTED: web.RequestKey[bool] = web.RequestKey("consented", bool)
"""Set by the page on which a person consented in this very request: with `prompt=consent` they are not asked again."""


class Unsettled(OAuthError):
    """Something has to be asked of the person first, on this page; where no page may be shown, it is an error."""

    def __init__(self, error: str, description: str, page: str) -> None:
        """Keep the page."""
        super().__init__(error, description)
        self.page = page


async def proceed(request: web.Request, parts: Parts, asked: AuthorizationRequest) -> web.StreamResponse:
    """Take a request as far as it gets: to the page of sign-in or consent, or to the client with its answer."""
    problem = unavailable()
    for _ in range(ATTEMPTS):
        try:
            return answer.code(request, parts, asked, await _code(request, parts, asked))
        except Stale:  # something it rests on was touched: look again
            continue
        except StoreRefusal:
            break
        except Unanswerable as refused:
            return answer.told(request, parts, refused, client_id=asked.client_id, locales=asked.ui_locales)
        except Unsettled as missing:
            if not asked.silent:
                sealed = urlencode({"request": seal(parts, asked)})
                return answer.elsewhere(f"{parts.settings.issuer}/{missing.page}?{sealed}")
            problem = missing
            break
        except OAuthError as refused:
            problem = refused
            break
    return answer.error(request, parts, asked, problem)


async def refuse(
    request: web.Request, parts: Parts, asked: AuthorizationRequest, error: str, description: str
) -> web.StreamResponse:
    """Take a refusal to the client, such as access_denied; to nobody when it may not have answers any more."""
    try:
        request[CLIENT] = await client_of(parts, asked)
    except Unanswerable as problem:
        return answer.told(request, parts, problem, client_id=asked.client_id, locales=asked.ui_locales)
    return answer.error(request, parts, asked, OAuthError(error, description))


async def client_of(parts: Parts, asked: AuthorizationRequest) -> Client:
    """Return the client of a request as it is now. Raises Unanswerable when it may have no answers there any more."""
    client = require_known_client(await parts.clients.fresh(asked.client_id))
    require_in_use(client, parts.clock.now())
    if not is_registered(client, asked.redirect_uri):
        raise Unanswerable("invalid_request", "redirect_uri is not registered any more", "request_bad_redirect")
    return client


async def _code(request: web.Request, parts: Parts, asked: AuthorizationRequest) -> str:
    """Return a code for a request. Raises Unanswerable, Unsettled, other OAuthErrors and StoreRefusals."""
    client = request[CLIENT] = await client_of(parts, asked)
    _scope(parts, client, asked)  # before anybody signs in for nothing
    signed_in = await _signed_in(request, parts, client, asked)
    scope = await scope_of(parts, client, asked, signed_in.user)
    position = await head(parts.store.pool)
    covered = await consents.of(parts.store.pool, signed_in.user, client.id)
    if not covered.issuperset(scope) or (_asks_anew(client, asked) and CONSENTED not in request):
        raise Unsettled("consent_required", "The person has not consented to all of this", CONSENT)
    return await codes.issue(
        parts,
        signed_in=signed_in,
        client=client,
        request_id=request[REQUEST_ID],
        scope=" ".join(scope),
        audience=asked.audience,
        redirect_uri=asked.redirect_uri if asked.redirect_uri_given else None,
        code_challenge=asked.code_challenge,
        nonce=asked.nonce,
        account=asked.account,
        consent_position=position,
    )


def _asks_anew(client: Client, asked: AuthorizationRequest) -> bool:
    """Whether consent is asked for though it was given: because the request says so, or because of who may be asking.

    Any program of a machine can pose as a public client that is answered at a loopback port or by a scheme of its own:
    it gets nothing unseen (RFC 6749 section 10.2, RFC 8252 section 8.6). An https address is one client's alone.
    """
    return "consent" in asked.prompt or not (client.confidential or asked.redirect_uri.startswith("https://"))


async def scope_of(parts: Parts, client: Client, asked: AuthorizationRequest, user: UUID) -> tuple[str, ...]:
    """Return what of a request's scope the client may have for this person by now. Raises OAuthError."""
    held = await authority.at(parts, asked.audience, " ".join(asked.scope), user=user)
    return _scope(parts, client, asked, held.permissions)


def _scope(
    parts: Parts, client: Client, asked: AuthorizationRequest, roles: Collection[str] | None = None
) -> tuple[str, ...]:
    """Return what of the request's scope the client may have by now, for whomever if `roles` is None. As above."""
    if not client.may(AUTHORIZATION_CODE):
        raise unauthorized_client("The client may not use this grant")
    settings, wanted = parts.settings, " ".join(asked.scope)
    if roles is None:
        roles = authority.anybodys(settings.management_audiences, asked.audience)
    return people.scope_for_people(client, asked.audience, wanted, parts.clock.now(), settings.issuer, roles=roles)


async def _signed_in(request: web.Request, parts: Parts, client: Client, asked: AuthorizationRequest) -> SignedIn:
    """Return who is signed in, if it is somebody the client may meet. Raises Unsettled or OAuthError.

    A client signs in people of its own organization; anybody else is a stranger to it.
    """
    signed_in = await parts.sessions.present(request)
    login = Unsettled("login_required", "The person has to sign in", LOGIN)
    if signed_in is None or signed_in.organization != client.organization:
        raise login
    if asked.subject not in (None, signed_in.user):
        # Whoever signs in as somebody else although one person is asked for: OpenID Connect Core section 3.1.2.1.
        just_now = signed_in.authenticated_at >= asked.asked_at
        raise OAuthError(login.error, "Another person signed in than id_token_hint names") if just_now else login
    if not asked.accepts(signed_in.authenticated_at):
        raise login
    return signed_in
