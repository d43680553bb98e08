"""A client secret as an application keeps it: never the secret itself, but what recognises it and limits its life."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import text
from domain.refusals import InvalidExpiry, NameTaken, TooManySecrets

SECRET_LIMIT = 20
_NAME_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Secret:
    """`digest` is the SHA-256 in hex; `hint`, the last 4 characters, tells people one secret from another."""

    id: UUID
    name: str
    digest: str
    hint: str
    expires_at: datetime | None

    def live(self, now: datetime) -> bool:
        """Whether the secret still proves anything; from `expires_at` on it does not."""
        return self.expires_at is None or now < self.expires_at


def name_for_one_more(name: str, expires_at: datetime | None, secrets: Iterable[Secret], now: datetime) -> str:
    """Return the name, normalised, under which a secret may join these.

    Raises InvalidName (1 to 64 characters), InvalidExpiry (not after now), NameTaken (by a live secret) or
    TooManySecrets (20 live ones).
    """
    name = text.name(name, limit=_NAME_LIMIT)
    if expires_at is not None and expires_at <= now:
        raise InvalidExpiry(field="expires_at")
    live = [secret.name for secret in secrets if secret.live(now)]
    if name in live:
        raise NameTaken(field="name")
    if len(live) >= SECRET_LIMIT:
        raise TooManySecrets
    return name
