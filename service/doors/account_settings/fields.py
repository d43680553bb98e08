"""What people are made with and changed by: how long each value may be, and how a profile is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.person import Profile
from domain.refusals import ValueTooLong

if TYPE_CHECKING:
    from service.doors.account_settings.frame import Body
    from service.doors.account_settings.user_document import ProfileDocument

LIMITS = {"username": 128, "primary_email": 128, "name": 128, "avatar": 2048}
"""The most characters of a value, where the dialect tells one that is too long from one that is wrong."""


def require_short(body: Body) -> None:
    """Refuse a value that is too long. Raises ValueTooLong."""
    for member, limit in LIMITS.items():
        if len(getattr(body, member) or "") > limit:
            raise ValueTooLong(f"{member} has more than {limit} characters", field=member)


def members(given: ProfileDocument) -> dict[str, Any]:
    """Return the members that a profile names, as the domain calls them."""
    stated = given.stated()
    if "address" in stated:
        stated["address"] = given.address.stated()
    return stated


def profile(given: ProfileDocument | None) -> Profile:
    """Return a profile that has what is named and no more."""
    return Profile(**members(given)) if given is not None else Profile()
