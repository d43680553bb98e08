"""Checks of what binds the code to who asked for it: the code challenge (RFC 7636) and the nonce."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from service.oauth.authorization.request import CHALLENGE_METHODS
from service.oauth.errors import invalid_request

if TYPE_CHECKING:
    from service.oauth.authorization.asking import Asking

# The base64url of a SHA-256 without padding (RFC 7636 section 4.2).
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
NONCE_LIMIT = 512
NONCE = re.compile(r"[\x20-\x7E]+")


def refuse_weak_challenge(asking: Asking) -> None:
    """Refuse all but S256: `plain`, which no method at all means too (section 4.3), shows onlookers the verifier."""
    method = asking.parameters.get("code_challenge_method")
    if "code_challenge" in asking.parameters:
        if method not in CHALLENGE_METHODS:
            raise invalid_request("code_challenge_method must be S256")
    elif method is not None:
        raise invalid_request("code_challenge is missing")


def refuse_malformed_challenge(asking: Asking) -> None:
    """Refuse a challenge that no verifier could ever answer: a mistake, told at once."""
    challenge = asking.parameters.get("code_challenge")
    if challenge is not None and not CHALLENGE.fullmatch(challenge):
        raise invalid_request("code_challenge must be the base64url of a SHA-256, 43 characters")
    asking.code_challenge = challenge


def require_challenge_of_public_clients(asking: Asking) -> None:
    """Require it of who has no secret, and nothing else to show that a code is its own (RFC 9700 section 2.1.1)."""
    if asking.code_challenge is None and not asking.client.confidential:
        raise invalid_request("code_challenge is required")


def keep_nonce(asking: Asking) -> None:
    """Keep what the client recognizes its ID token by (OpenID Connect Core section 3.1.2.1)."""
    nonce = asking.parameters.get("nonce")
    if nonce is not None and (len(nonce) > NONCE_LIMIT or not NONCE.fullmatch(nonce)):
        raise invalid_request(f"nonce is longer than {NONCE_LIMIT} characters or holds one that is not visible ASCII")
    asking.nonce = nonce
