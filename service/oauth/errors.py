"""The errors of RFC 6749 section 5.2 and RFC 8707 section 2, and which refusal is rendered as which."""

from __future__ import annotations

from domain import refusals

NOT_EFFECTIVE = {
    "pending": "The application waits for approval",
    "rejected": "The application was rejected",
    "expired": "The approval of the application has expired",
}
"""What is said of a third party that may not be used, by its status."""


class OAuthError(Exception):
    """An error that a token endpoint answers. `description` is public, `detail` goes to the log only."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, detail: str = "", retry_after: int = 1
    ) -> None:
        """Keep the parts of the answer."""
        super().__init__(f"{error}: {detail or description}")
        self.error = error
        self.description = description
        self.status = status
        self.detail = detail
        self.challenge: str | None = None
        self.retry_after = retry_after
        self.recorded = True
        """Whether the record of refusals takes it: what is asked for again and again until it comes is not refused."""


def invalid_request(description: str) -> OAuthError:
    """Return the error for a request that is malformed or lacks a parameter."""
    return OAuthError("invalid_request", description)


def invalid_client(detail: str, *, challenge: str | None = None) -> OAuthError:
    """Return the one answer for an unknown client, a wrong secret and a disabled application alike."""
    error = OAuthError("invalid_client", "Client authentication failed", status=401, detail=detail)
    error.challenge = challenge
    return error


def invalid_target(description: str) -> OAuthError:
    """Return the error for an audience the client may not ask for (RFC 8707 section 2)."""
    return OAuthError("invalid_target", description)


def invalid_scope(description: str) -> OAuthError:
    """Return the error for scopes of which nothing remains."""
    return OAuthError("invalid_scope", description)


def invalid_grant(detail: str) -> OAuthError:
    """Return the one answer for a code or token that is unknown, used, ended or somebody else's (section 5.2)."""
    return OAuthError("invalid_grant", "The grant is not valid, has expired or has ended", detail=detail)


def unauthorized_client(description: str) -> OAuthError:
    """Return the error for a client that may not use this grant."""
    return OAuthError("unauthorized_client", description)


def access_denied(description: str) -> OAuthError:
    """Return the error for an account that the token's subject does not belong to, or that there is none of."""
    return OAuthError("access_denied", description, status=403)


def not_effective(status: str | None) -> OAuthError:
    """Return the error for a third party without an approval that counts, to itself; `status` says how it stands."""
    return unauthorized_client(NOT_EFFECTIVE.get(status or "", "The application is not in effect"))


def slow_down(seconds: int) -> OAuthError:
    """Return the error for a client that has used up its rate limit, for so long."""
    return OAuthError("slow_down", "Too many requests", status=429, retry_after=seconds)


def unavailable() -> OAuthError:
    """Return the error for a moment at which nothing can be decided."""
    return OAuthError("temporarily_unavailable", "The service is busy, try again shortly", status=503)


def failed() -> OAuthError:
    """Return the error for a failure, whose insides never leave the process."""
    return OAuthError("server_error", "The request failed; its id names it in the log", status=500)


def of_refusal(refusal: refusals.Refusal) -> OAuthError:
    """Render a refusal of the rules at a token endpoint."""
    match refusal:
        case refusals.InvalidScope():
            return invalid_scope(refusal.sentence)
        case refusals.InvalidAudience():
            return invalid_target(refusal.sentence)
        case refusals.Unknown() | refusals.ApplicationNotActive():
            return invalid_client(str(refusal))
        case refusals.Forbidden():
            return unauthorized_client(refusal.sentence)
        case refusals.Conflict() | refusals.InvalidLifetime():  # for a time that is over at once
            return OAuthError("invalid_grant", refusal.sentence, detail=refusal.detail)
        case _:
            return invalid_request(refusal.sentence)
