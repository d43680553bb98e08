"""A request that is being examined: what was sent, by which client, and what the checks have made of it so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.oauth.authorization.request import AuthorizationRequest
from service.oauth.errors import OAuthError
from service.oauth.id_token_hint import hinted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from service.oauth.clients import Client
    from service.oauth.id_token_hint import Hint
    from service.parts import Parts


class Unanswerable(OAuthError):
    """An error that must never be sent to an address of the request's own: it is told on a page (RFC 6749 4.1.2.1).

    `words` names what that page says.
    """

    def __init__(self, error: str, description: str, words: str, *, status: int = 400, detail: str = "") -> None:
        """Keep what the page says besides the parts of every error."""
        super().__init__(error, description, status=status, detail=detail)
        self.words = words


@dataclass(slots=True)
class Asking:
    """The examined request. Each check refuses it, or notes here what it has found to be good.

    `hint` is what a genuine `id_token_hint` says, None where there is no such hint; `management` are the audiences at
    which scopes are permissions of ours.
    """

    parameters: Mapping[str, str]
    client: Client
    issuer: str
    now: datetime
    repeated: frozenset[str] = frozenset()
    hint: Hint | None = None
    management: frozenset[str] = frozenset()

    redirect_uri: str = ""
    response_mode: str = "query"
    state: str | None = None
    scope: tuple[str, ...] = ()
    audience: str = ""
    nonce: str | None = None
    code_challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str | None = None
    ui_locales: str | None = None
    account: UUID | None = None
    subject: UUID | None = None

    def request(self) -> AuthorizationRequest:
        """Return what has been found, as a request that may go on."""
        return AuthorizationRequest(
            client_id=self.client.client_id,
            redirect_uri=self.redirect_uri,
            redirect_uri_given="redirect_uri" in self.parameters,
            response_mode=self.response_mode,
            scope=self.scope,
            audience=self.audience,
            state=self.state,
            nonce=self.nonce,
            code_challenge=self.code_challenge,
            prompt=self.prompt,
            max_age=self.max_age,
            login_hint=self.login_hint,
            ui_locales=self.ui_locales,
            account=self.account,
            subject=self.subject,
            asked_at=self.now,
        )


async def begun(
    parts: Parts, client: Client, parameters: Mapping[str, str], repeated: frozenset[str] = frozenset()
) -> Asking:
    """Return the examination of a request that nothing is known of yet but its client."""
    text = parameters.get("id_token_hint")
    hint = None if text is None else await hinted(parts, text)
    management = frozenset(parts.settings.management_audiences)
    return Asking(parameters, client, parts.settings.issuer, parts.clock.now(), repeated, hint, management)
