"""Counts the owners of an account for a decision about one of its members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.membership import OWNER
from projections import memberships

if TYPE_CHECKING:
    from domain.membership import Membership
    from service.store.decision import Decision


async def owners_of(decision: Decision, member: Membership) -> int:
    """Return how many owners the member's account has, and rely on it; 0, uncounted, when the member is none."""
    if member.role != OWNER:
        return 0
    decision.rely_on(f"account-owners:{member.account}")
    return await memberships.owners(decision.connection, member.account)
