"""How pages tell of an application: whether it is a third party's, and why it may not be used at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.pages import moments

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

EFFECTIVE = "effective"
EXPIRED, DISABLED = "expired", "disabled"


class Standing(NamedTuple):
    """`blocked_by`: pending, rejected, expired or disabled; None when it is in use. `until`: the day its approval ends.

    `until` is None for what never ends, or does not matter because the application is blocked.
    """

    third_party: bool
    blocked_by: str | None
    until: str | None


def standing(row: asyncpg.Record, now: datetime, language: str) -> Standing:
    """Return how an application stands, by `status`, `standing` and `effective_until` of its row.

    An approval has expired from `effective_until` on.
    """
    until = row["effective_until"]
    blocked = None
    if row["standing"] is not None and row["standing"] != EFFECTIVE:
        blocked = row["standing"]
    elif until is not None and until <= now:
        blocked = EXPIRED
    elif row["status"] == DISABLED:
        blocked = DISABLED
    shown = moments.day(until, language) if until is not None and blocked is None else None
    return Standing(row["standing"] is not None, blocked, shown)
