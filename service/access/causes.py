"""Why a call is refused: each reason declared once, with its code, its status and the number that iForm has for it.

spec/iform.md section 3 lists the numbers. A refusal of a call is 401, 403 or 429, for gateways hand these on to whoever
called; what is wrong with the gateway's own question is another matter (service/access/questions.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain import third_party

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

NOT_AUTHORISED, TOO_FREQUENT, SUBMIT_LIMITED, ILLEGAL_TOKEN, EXPIRED_TOKEN = 6010104, 6010105, 6010106, 6020201, 6020301


class Cause(NamedTuple):
    """One reason. `error` is what RFC 6750 section 3.1 calls it; None: no credentials were given at all."""

    code: str
    status: int
    state: int
    sentence: str
    error: str | None = None


AMBIGUOUS_PATH = Cause("ambiguous_path", 403, NOT_AUTHORISED, "The path can be read in more than one way")
UNKNOWN_INTERFACE = Cause("unknown_interface", 403, NOT_AUTHORISED, "No interface answers this method and path")
TOKEN_MISSING = Cause("token_missing", 401, ILLEGAL_TOKEN, "A bearer token is required")
INVALID_REQUEST = Cause(
    "invalid_request", 401, ILLEGAL_TOKEN, "The token is malformed, or given more than once", "invalid_request"
)
INVALID_TOKEN = Cause("invalid_token", 401, ILLEGAL_TOKEN, "The token is unknown or has ended", "invalid_token")
TOKEN_EXPIRED = Cause("token_expired", 401, EXPIRED_TOKEN, "The token has expired", "invalid_token")
WRONG_AUDIENCE = Cause("wrong_audience", 401, ILLEGAL_TOKEN, "The token is meant for another audience", "invalid_token")
CLIENT_NOT_EFFECTIVE = Cause("client_not_effective", 403, NOT_AUTHORISED, "The application may not be used")
INTERFACE_CALLS_NOT_GRANTED = Cause(
    "interface_calls_not_granted", 403, NOT_AUTHORISED, "The application may call no interface"
)
GRANT_MISSING = Cause("grant_missing", 403, NOT_AUTHORISED, "The application was not granted this interface")
GRANT_PENDING = Cause("grant_pending", 403, NOT_AUTHORISED, "The grant waits for approval")
GRANT_REJECTED = Cause("grant_rejected", 403, NOT_AUTHORISED, "The grant was rejected")
GRANT_EXPIRED = Cause("grant_expired", 403, NOT_AUTHORISED, "The grant has expired")
FREQUENCY_EXCEEDED = Cause("frequency_exceeded", 429, TOO_FREQUENT, "Too many calls in this minute")
CHANGES_LIMITED = Cause("submit_limited", 403, SUBMIT_LIMITED, "Calls that change something are not let pass now")

CAUSES = (
    AMBIGUOUS_PATH, UNKNOWN_INTERFACE, TOKEN_MISSING, INVALID_REQUEST, INVALID_TOKEN, TOKEN_EXPIRED, WRONG_AUDIENCE,
    CLIENT_NOT_EFFECTIVE, INTERFACE_CALLS_NOT_GRANTED, GRANT_MISSING, GRANT_PENDING, GRANT_REJECTED, GRANT_EXPIRED,
    FREQUENCY_EXCEEDED, CHANGES_LIMITED,
)  # fmt: skip
"""All of them, in the order in which a call is judged."""
_OF_STATUS = {"pending": GRANT_PENDING, "rejected": GRANT_REJECTED, "expired": GRANT_EXPIRED}


def of_client(scope_kinds: Collection[str] | None, *, usable: bool) -> Cause | None:
    """Return why an application may call no interface at all, None when it may; `scope_kinds` are a third party's."""
    if not usable:
        return CLIENT_NOT_EFFECTIVE
    return None if third_party.holds_interfaces(scope_kinds) else INTERFACE_CALLS_NOT_GRANTED


def of_grant(status: str | None, expires_at: datetime | None, now: datetime) -> Cause | None:
    """Return why a grant is not in force, None when it is; `status` None: there is none."""
    if status is None:
        return GRANT_MISSING
    present = third_party.status(status, expires_at, now)
    # Deny by default: an approval says until when it counts.
    return None if present == "effective" and expires_at is not None else _OF_STATUS.get(present, GRANT_MISSING)
