"""Authenticates clients: HTTP Basic, credentials in the body, or a signed assertion; exactly one of them.

An unknown client, a wrong secret and a disabled application get the same answer after the same work
(spec/README.md 3). Secrets are compared by digest, all candidates in constant time.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from domain.grant_types import PASSWORD
from service.oauth import client_assertion
from service.oauth.errors import OAuthError, invalid_client, invalid_request, not_effective, unauthorized_client
from service.parts import UNPROVED
from service.secrets.digests import verify_any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiohttp import web

    from service.oauth.clients import Client

CHALLENGE = 'Basic realm="muniment", charset="UTF-8"'
CLIENT_ID = re.compile(r"[\x21-\x39\x3B-\x7E]{1,128}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client presented: a secret or an assertion. `basic` says whether the answer carries a challenge.

    `as_sent` is the secret of a Basic header before it was form-decoded: curl and many others do not encode it.
    `unproved` says that an id alone may do, where the client is a third party that is trusted with passwords.
    """

    client_id: str
    secret: str | None = None
    assertion: str | None = None
    basic: bool = False
    as_sent: str | None = None
    unproved: bool = False

    @property
    def challenge(self) -> str | None:
        """The WWW-Authenticate value of a refusal (RFC 6749 section 5.2)."""
        return CHALLENGE if self.basic else None


def presented(request: web.Request, parameters: Mapping[str, str]) -> Credentials:
    """Return the one set of credentials of a request. Raises OAuthError for none, malformed or two at once."""
    header = request.headers.getall("Authorization", [])
    in_body = "client_secret" in parameters
    assertion = parameters.get("client_assertion")
    if len(header) + in_body + (assertion is not None) > 1:
        raise invalid_request("More than one client authentication method was used")
    if header:
        credentials = basic(header[0])
        if parameters.get("client_id", credentials.client_id) != credentials.client_id:
            raise invalid_request("client_id differs from the authenticated client")
        return credentials
    if assertion is not None:
        if parameters.get("client_assertion_type") != client_assertion.TYPE:
            raise invalid_request(f"client_assertion_type must be {client_assertion.TYPE}")
        client_id = client_assertion.claimed_client(assertion)
        if client_id is None or parameters.get("client_id", client_id) != client_id:
            raise invalid_client("assertion without usable subject")
        return Credentials(_checked(client_id), assertion=assertion)
    if in_body:
        if "client_id" not in parameters:
            raise invalid_request("client_id is missing")
        return Credentials(_checked(parameters["client_id"]), secret=parameters["client_secret"])
    if "client_id" in parameters:
        # A public client names itself only (RFC 6749 section 2.3.1); whether it may come, `verify` says.
        return Credentials(_checked(parameters["client_id"]), unproved=request.get(UNPROVED, False))
    raise invalid_client("no credentials", challenge=CHALLENGE)


def basic(header: str) -> Credentials:
    """Read an Authorization header: scheme in any case, id and secret form-encoded (RFC 6749 section 2.3.1).

    Raises OAuthError invalid_client.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client("authorization scheme is not Basic", challenge=CHALLENGE)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        name, colon, sent = text.partition(":")
        if not colon:
            raise ValueError  # noqa: TRY301 - one answer for everything malformed
        client_id, secret = unquote_plus(name, errors="strict"), unquote_plus(sent)
    except (ValueError, binascii.Error):
        raise invalid_client("malformed Basic credentials", challenge=CHALLENGE) from None
    if not CLIENT_ID.fullmatch(client_id):
        raise invalid_client("malformed client id", challenge=CHALLENGE)
    return Credentials(client_id, secret=secret, basic=True, as_sent=None if sent == secret else sent)


def _checked(client_id: str) -> str:
    if not CLIENT_ID.fullmatch(client_id):
        raise invalid_client("malformed client id")
    return client_id


def verify(
    credentials: Credentials,
    client: Client | None,
    now: datetime,
    *,
    audiences: tuple[str, ...],
    public: bool = False,
) -> Client:
    """Return the client if the credentials are its own and it may act; its assertion's `jti` is checked elsewhere.

    Raises the same OAuthError in every other case, after comparable work; but a public client, whose id is no secret
    and which has nothing to prove itself with, is told that it may not come here, and a third party that has proved
    itself how it stands. With `public` a public client may come, by its id alone: what it presents instead of proving
    itself is then for the caller to check. `audiences` are those a client assertion may name (spec/README.md 17).
    """
    if client is not None and not client.confidential:
        return _nameable(credentials, client, now, public=public)
    if client is not None and credentials.unproved and client.may(PASSWORD) and client.standing is not None:
        # From here on it is what a public client is: somebody who knows an id that is no secret.
        return _nameable(credentials, replace(client, confidential=False), now, public=public)
    if credentials.assertion is not None:
        verified = client_assertion.verify(credentials.assertion, client, now, audiences=audiences)
    else:
        digests = client.digests(now) if client is not None else []
        verified = verify_any(credentials.secret or "", digests) is not None
        if not verified and credentials.as_sent is not None:
            verified = verify_any(credentials.as_sent, digests) is not None
    if client is None or not verified:
        raise invalid_client("unknown client or wrong credentials", challenge=credentials.challenge)
    return _in_use(credentials, client, now)


def _nameable(credentials: Credentials, client: Client, now: datetime, *, public: bool) -> Client:
    """Return a public client that named itself and did nothing else. Raises OAuthError."""
    if not public:
        raise unauthorized_client("A public client may not use this endpoint")
    if credentials.secret is not None or credentials.assertion is not None:
        raise invalid_client("a public client with a secret or an assertion", challenge=credentials.challenge)
    return _in_use(credentials, client, now)


def _in_use(credentials: Credentials, client: Client, now: datetime) -> Client:
    """Return a client that may do something. Raises OAuthError."""
    if client.in_use(now):
        return client
    if client.active:
        raise not_effective(client.status(now))
    raise invalid_client("application or organization is not active", challenge=credentials.challenge)


__all__ = ["CHALLENGE", "Credentials", "OAuthError", "basic", "presented", "verify"]
