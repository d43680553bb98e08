"""An authorization request: what an application asks of a person, once everything in it has been checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

RESPONSE_TYPES = ("code",)
RESPONSE_MODES = ("query", "form_post")
CHALLENGE_METHODS = ("S256",)
PROMPTS = ("none", "login", "consent", "select_account")


class AuthorizationRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request. `scope` is what can be granted of what was asked, for the one `audience`; `max_age` is in seconds.

    `redirect_uri` is where the answer goes, also where the request left it out. `account` is that in whose name the
    person is to act, `subject` the person whom the request is about, where it names one.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    audience: str
    asked_at: datetime
    redirect_uri_given: bool = True
    response_mode: str = "query"
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str | None = None
    ui_locales: str | None = None
    account: UUID | None = None
    subject: UUID | None = None

    def accepts(self, authenticated_at: datetime) -> bool:
        """Whether somebody who last proved themselves then need not do it again.

        Compared with the moment of the request, so that time spent on our pages sends nobody back to the first of them.
        Who selects an account proves that it is theirs.
        """
        if self.prompt & {"login", "select_account"}:
            return authenticated_at >= self.asked_at
        return self.max_age is None or self.asked_at - authenticated_at <= timedelta(seconds=self.max_age)

    @property
    def silent(self) -> bool:
        """Whether no page may be shown (`prompt=none`)."""
        return "none" in self.prompt


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AuthorizationRequest).decode


def written(asked: AuthorizationRequest) -> bytes:
    """Return a request as JSON."""
    return _encode(asked)


def read(text: bytes) -> AuthorizationRequest | None:
    """Return the request that `written` wrote, None for what another version of the service wrote differently."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
