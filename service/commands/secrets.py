"""Makes client secrets for an application: the text is shown once, the application keeps a digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from service.secrets.digests import CLIENT_SECRET, new_secret, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from domain.application import Application
    from domain.caller import Caller
    from service.clock import Clock

HINT_LENGTH = 4


class SecretRequest(NamedTuple):
    """A secret to be made: its name, and when it ends (None: when it is retired)."""

    name: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A secret that was made, the only time that its text is known."""

    id: UUID
    name: str
    text: str = field(repr=False)
    hint: str
    expires_at: datetime | None


def add_new(
    application: Application, requests: Iterable[SecretRequest], by: Caller, clock: Clock
) -> tuple[IssuedSecret, ...]:
    """Make secrets and add them, in this order. Raises what `Application.add_secret` raises."""
    now = clock.now()
    issued = []
    for request in requests:
        text = new_secret(CLIENT_SECRET)
        key, hint, expires_at = clock.new_id(), text[-HINT_LENGTH:], request.expires_at
        application.add_secret(key, request.name, sha256_hex(text), hint, expires_at, by=by, now=now)
        issued.append(IssuedSecret(key, application.secrets[key].name, text, hint, expires_at))
    return tuple(issued)
