"""A decision with what it rests on, and how it is told (section 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.access import causes

ALLOWED = "allowed"
INCOMPLETE = "invalid_request"
FORBIDDEN = "403"
REASONS = {
    INCOMPLETE: "The evaluation is not complete",
    "unknown_type": "Subjects of this type do nothing with resources of this type",
    "unknown_action": "There is no such action for resources of this type",
    "unknown_subject": "There is no such subject",
    "unknown_resource": "There is no such resource",
    "unknown_application": "There is no such application",
    "organization_not_active": "The organization is suspended",
    "another_organization": "The resource belongs to another organization",
    "user_not_active": "The user is not active",
    "account_not_active": "The account is suspended",
    "permission_missing": "Nothing that is held gives this permission",
    "membership_missing": "The user is no member of the account",
    "membership_insufficient": "The user's role in the account does not do for this",
    "role_missing": "The user does not have the role",
    "audience_missing": "The application may not name this audience",
    "scope_missing": "The application does not hold this scope at the audience",
    "application_required": "People call this interface by way of an application, which is not named",
    "another_method": "The interface answers another method",
    **{
        cause.code: cause.sentence
        for cause in (
            causes.CLIENT_NOT_EFFECTIVE,
            causes.INTERFACE_CALLS_NOT_GRANTED,
            causes.GRANT_MISSING,
            causes.GRANT_PENDING,
            causes.GRANT_REJECTED,
            causes.GRANT_EXPIRED,
            causes.CHANGES_LIMITED,
        )
    },
}
"""What each code of a denial means, for administrators."""
FOR_USERS = "Access is denied. Ask your administrator for it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision: its code, and the positions of the events that caused it, ascending."""

    code: str
    positions: tuple[int, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the subject may."""
        return self.code == ALLOWED

    def told(self, fault: str | None = None) -> dict[str, Any]:
        """Return the decision as it is answered; `fault` is what was wrong with an evaluation that is none."""
        context: dict[str, Any] = {"code": self.code, "positions": list(self.positions)}
        if not self.allowed:
            context["reason_admin"] = {FORBIDDEN: REASONS[self.code]}
            context["reason_user"] = {FORBIDDEN: FOR_USERS}
        if fault is not None:
            context["error"] = {"status": 400, "message": fault}
        return {"decision": self.allowed, "context": context}


def verdict(code: str, *positions: int | None) -> Verdict:
    """Return a verdict that rests on these positions; None stands for what left none."""
    return Verdict(code, tuple(sorted({position for position in positions if position})))
