"""Who has anything to do at the console, and with which permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.caller import Caller

READ, REVOKE, APPROVE = "read_token", "revoke_token", "approve_grant"
READ_USER = "read_user"
"""Without it, people are numbers here."""
OPENING = (READ, APPROVE)
"""Either of these opens the console."""


def administers(caller: Caller) -> bool:
    """Say whether the console has anything to show to somebody."""
    return any(caller.holds(permission) for permission in OPENING)
