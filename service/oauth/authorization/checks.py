"""What is checked of an authorization request, in this order. Each line is a function of its name.

First whom the request comes from and where its answer may go: until both are known to be good, nothing is sent by
redirect, and an error is told on a page of ours. From then on errors go to the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.oauth.authorization import access, addressing, person, proof, protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.oauth.authorization.asking import Asking
    from service.oauth.authorization.request import AuthorizationRequest

    Check = Callable[[Asking], None]

ADDRESS: tuple[Check, ...] = (
    addressing.require_active_client,
    addressing.refuse_repeated_address,
    addressing.require_redirect_uri,
    addressing.match_redirect_uri,
)
"""Those that raise Unanswerable."""

REQUEST: tuple[Check, ...] = (
    protocol.keep_state,
    protocol.keep_response_mode,
    protocol.refuse_repeated_parameters,
    protocol.refuse_request_objects,
    protocol.refuse_registration,
    protocol.require_response_type,
    protocol.require_known_response_mode,
    protocol.require_postable_redirect_uri,
    protocol.require_code_grant,
    protocol.require_redirect_uri_with_openid,
    proof.refuse_weak_challenge,
    proof.refuse_malformed_challenge,
    proof.require_challenge_of_public_clients,
    proof.keep_nonce,
    person.keep_prompt,
    person.refuse_none_with_others,
    person.keep_max_age,
    person.keep_login_hint,
    person.keep_ui_locales,
    person.keep_account,
    person.keep_subject,
    access.keep_audience,
    access.keep_scope,
    protocol.refuse_overlong,
)
"""Those whose OAuthError goes to the client."""


def judge_address(asking: Asking) -> None:
    """Find out where answers to a request may go. Raises Unanswerable."""
    for check in ADDRESS:
        check(asking)


def judge(asking: Asking) -> AuthorizationRequest:
    """Return the request, everything in it checked, once its address is. Raises OAuthError."""
    for check in REQUEST:
        check(asking)
    return asking.request()
