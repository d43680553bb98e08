"""Checks of how a request is made and how it wants to be answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from domain.grant_types import AUTHORIZATION_CODE
from service.oauth.authorization.addressing import origin
from service.oauth.authorization.request import RESPONSE_MODES, RESPONSE_TYPES, written
from service.oauth.errors import OAuthError, invalid_request, invalid_target, unauthorized_client

if TYPE_CHECKING:
    from service.oauth.authorization.asking import Asking

STATE_LIMIT = 4096  # characters, as it stands in an address
REQUEST_LIMIT = 4096  # bytes of the whole request; sealed, it has to fit into an address of ours
# RFC 6749 appendix A.5: state = 1*VSCHAR
STATE = re.compile(r"[\x20-\x7E]+")


def keep_state(asking: Asking) -> None:
    """Keep what the client recognizes its answer by: it goes back as it came. What cannot is not sent back."""
    state = asking.parameters.get("state")
    if state is None:
        return
    if not STATE.fullmatch(state) or len(quote_plus(state)) > STATE_LIMIT:
        raise invalid_request(f"state is longer than {STATE_LIMIT} characters or holds one that is not visible ASCII")
    asking.state = state


def keep_response_mode(asking: Asking) -> None:
    """Keep the way that answers are to go, errors too, if it is one of ours; else they go in the query."""
    asking.response_mode = asking.parameters.get("response_mode", asking.response_mode)
    if asking.response_mode not in RESPONSE_MODES or origin(asking.redirect_uri) is None:
        asking.response_mode = RESPONSE_MODES[0]


def refuse_repeated_parameters(asking: Asking) -> None:
    """Refuse two of a kind, of which either could be the one that counts (RFC 6749 section 3.1)."""
    if asking.repeated == {"resource"}:
        raise invalid_target("A token is for one resource")
    if asking.repeated:
        raise invalid_request("A parameter is repeated")


def refuse_request_objects(asking: Asking) -> None:
    """Refuse requests in a JWT or behind an address of others (OpenID Connect Core sections 3.1.2.6 and 6)."""
    if "request" in asking.parameters:
        raise OAuthError("request_not_supported", "The parameter request is not supported")
    if "request_uri" in asking.parameters:
        raise OAuthError("request_uri_not_supported", "request_uri must come from the pushed request endpoint")


def refuse_registration(asking: Asking) -> None:
    """Refuse clients that register on their way (OpenID Connect Core section 7.2.1)."""
    if "registration" in asking.parameters:
        raise OAuthError("registration_not_supported", "The parameter registration is not supported")


def require_response_type(asking: Asking) -> None:
    """Require a code: no token ever travels through the browser (RFC 9700 section 2.1.2)."""
    response_type = asking.parameters.get("response_type")
    if response_type is None:
        raise invalid_request("response_type is missing")
    if response_type not in RESPONSE_TYPES:
        raise OAuthError("unsupported_response_type", "The response type must be code")


def require_known_response_mode(asking: Asking) -> None:
    """Require a redirect or a form (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1)."""
    if asking.parameters.get("response_mode", RESPONSE_MODES[0]) not in RESPONSE_MODES:
        raise invalid_request(f"response_mode must be {' or '.join(RESPONSE_MODES)}")


def require_postable_redirect_uri(asking: Asking) -> None:
    """Require a web address for a form, and one that its page can be allowed to send it to."""
    if asking.parameters.get("response_mode") == "form_post" and origin(asking.redirect_uri) is None:
        raise invalid_request("form_post needs a redirect URI of http or https whose host is no IPv6 address")


def require_code_grant(asking: Asking) -> None:
    """Require a client that may have codes (RFC 6749 section 4.1.2.1)."""
    if not asking.client.may(AUTHORIZATION_CODE):
        raise unauthorized_client("The client may not use this grant")


def require_redirect_uri_with_openid(asking: Asking) -> None:
    """Require what OpenID Connect Core section 3.1.2.1 leaves nobody the choice of."""
    if "redirect_uri" not in asking.parameters and "openid" in asking.parameters.get("scope", "").split(" "):
        raise invalid_request("redirect_uri is required with the scope openid")


def refuse_overlong(asking: Asking) -> None:
    """Refuse a long request: it travels in addresses, and browsers and proxies cut long ones off."""
    if len(written(asking.request())) > REQUEST_LIMIT:
        raise invalid_request(f"The request is larger than {REQUEST_LIMIT} bytes")
