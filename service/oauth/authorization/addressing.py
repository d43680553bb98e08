"""Checks of whom a request comes from and where its answer may go, before anything is sent anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.application_settings import Kind
from domain.redirect_uri import matches
from service.oauth.authorization.asking import Unanswerable
from service.oauth.client_authentication import CLIENT_ID
from service.oauth.errors import not_effective

if TYPE_CHECKING:
    from datetime import datetime

    from service.oauth.authorization.asking import Asking
    from service.oauth.authorization.parameters import Parameters
    from service.oauth.clients import Client


def require_client_id(given: Parameters) -> str:
    """Return the id of the client that asks. Raises Unanswerable unless there is one that could be somebody's."""
    client_id = given.values.get("client_id")
    if client_id is None or not CLIENT_ID.fullmatch(client_id):
        raise Unanswerable("invalid_request", "client_id is missing, repeated or malformed", "request_unknown_client")
    return client_id


def require_known_client(client: Client | None) -> Client:
    """Return the client. Raises Unanswerable when there is none."""
    if client is None:
        raise Unanswerable("invalid_client", "The application is unknown", "request_unknown_client")
    return client


def require_active_client(asking: Asking) -> None:
    """Refuse a client that may do nothing at the moment: it asks nobody for anything."""
    require_in_use(asking.client, asking.now)


def require_in_use(client: Client, now: datetime) -> None:
    """Refuse a client that is disabled, or whose organization is, and a third party without an approval that counts.

    A person is told on our page what to do about it. The address of a third party that nobody has looked at yet, or
    that was refused, is sent nothing.
    """
    if client.in_use(now):
        return
    status = client.status(now) if client.active else None
    if status is None:
        raise Unanswerable("unauthorized_client", "The application is not active", "request_disabled_client")
    raise Unanswerable("unauthorized_client", not_effective(status).description, f"request_{status}_client", status=403)


def refuse_repeated_address(asking: Asking) -> None:
    """Refuse two addresses: none of them is the one that was meant (RFC 6749 section 3.1)."""
    if "redirect_uri" in asking.repeated:
        raise Unanswerable("invalid_request", "redirect_uri is repeated", "request_bad_redirect")


def require_redirect_uri(asking: Asking) -> None:
    """Require an address, but of a client that has one only (RFC 6749 section 3.1.2.3)."""
    given, registered = asking.parameters.get("redirect_uri"), asking.client.redirect_uris
    if given is None and len(registered) != 1:
        raise Unanswerable("invalid_request", "redirect_uri is missing", "request_bad_redirect")
    asking.redirect_uri = registered[0] if given is None else given


def match_redirect_uri(asking: Asking) -> None:
    """Require a registered address, character by character (RFC 9700 section 4.1.3)."""
    if not is_registered(asking.client, asking.redirect_uri):
        raise Unanswerable("invalid_request", "redirect_uri is not registered for this client", "request_bad_redirect")


def is_registered(client: Client, redirect_uri: str) -> bool:
    """Whether answers for a client may go there."""
    return matches(client.redirect_uris, redirect_uri, native=client.kind is Kind.NATIVE)


def origin(redirect_uri: str) -> str | None:
    """Return the one origin that a form to this URI goes to, None where a page cannot be allowed to send it there.

    A policy has no words for IPv6 addresses (Content Security Policy Level 3 section 2.3.1).
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or "[" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}"
