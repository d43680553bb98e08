"""Third parties: applications of others, approved for a time by somebody else than who submitted them.

What is kept here is a part of the application: what was submitted, by whom, and what was decided about it. Rules from
spec/iform.md sections 0.1, 1.1 and 2.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain import text
from domain.refusals import (
    CreatorRequired,
    InvalidDomain,
    InvalidIdentifier,
    InvalidScopeKind,
    MissingPermission,
    ReasonMissing,
    SelfApproval,
    SignInOnly,
    ThirdPartyEffective,
    ThirdPartyNotEffective,
    ThirdPartyNotPending,
)

if TYPE_CHECKING:
    from domain.caller import Caller

APPROVAL = "approve_grant"
"""The permission of those who decide about third parties."""
DOMAIN_LIMIT = 2048
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
# It decides nothing, yet people read it: an http(s) address or a host, without a user in front of it.
_DOMAIN = re.compile(r"(?:https?://)?[\w.\-]+(?::[0-9]{1,5})?(?:[/?#][^\s<>\"'\\^`{|}]*)?", re.IGNORECASE)


class Standing(StrEnum):
    """What was decided about a third party; time adds whether an approval still counts."""

    PENDING = "pending"
    EFFECTIVE = "effective"
    REJECTED = "rejected"


EXPIRED = "expired"
"""What an effective third party is from the end of its approval on."""


class ScopeKind(StrEnum):
    """What a third party is for."""

    SSO = "sso"
    """It signs people in."""
    API = "api"
    """It calls interfaces."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What was submitted last and what was decided about that. It is in effect until `effective_until`, exclusive."""

    domain: str
    description: str | None
    scope_kinds: tuple[str, ...]
    created_by: UUID
    submitted_by: UUID
    submitted_at: datetime
    standing: Standing = Standing.PENDING
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    cause: str | None = None
    effective_until: datetime | None = None

    def effective(self, now: datetime) -> bool:
        """Whether the third party may be used: approved, and the approval has not expired."""
        return self.standing is Standing.EFFECTIVE and self.effective_until is not None and now < self.effective_until

    def status(self, now: datetime) -> str:
        """Return `pending`, `effective`, `rejected` or `expired`."""
        return status(self.standing, self.effective_until, now)

    def require_pending(self) -> None:
        """Raise ThirdPartyNotPending unless somebody has to decide."""
        if self.standing is not Standing.PENDING:
            raise ThirdPartyNotPending

    def require_effective(self, now: datetime) -> None:
        """Raise ThirdPartyNotEffective unless it may be used."""
        if not self.effective(now):
            raise ThirdPartyNotEffective

    def require_out_of_effect(self, now: datetime) -> None:
        """Raise ThirdPartyEffective while it may be used."""
        if self.effective(now):
            raise ThirdPartyEffective

    def require_api(self) -> None:
        """Raise SignInOnly unless it is for calling interfaces."""
        if ScopeKind.API not in self.scope_kinds:
            raise SignInOnly

    def require_approver(self, by: Caller, application: UUID) -> None:
        """Raise MissingPermission, or SelfApproval for who made or submitted it, root too, and for itself."""
        if not by.holds(APPROVAL):
            raise MissingPermission(APPROVAL)
        if by.actor in (self.created_by, self.submitted_by) or by.application == application:
            raise SelfApproval

    def require_creator(self, by: Caller) -> None:
        """Raise CreatorRequired for anybody but its creator and root."""
        if by.actor != self.created_by and not by.is_root:
            raise CreatorRequired

    def require_keeper(self, by: Caller) -> None:
        """Raise CreatorRequired for anybody but its creator and those who decide about third parties."""
        if by.actor != self.created_by and not by.holds(APPROVAL):
            raise CreatorRequired


def status(standing: str, effective_until: datetime | None, now: datetime) -> str:
    """Return the standing as it is now: `expired` from the end of an approval on."""
    over = effective_until is not None and now >= effective_until
    return EXPIRED if standing == Standing.EFFECTIVE and over else str(standing)


def holds_interfaces(scope_kinds: Collection[str] | None) -> bool:
    """Whether an application may hold anything at an audience; None: it is no third party."""
    return scope_kinds is None or ScopeKind.API in scope_kinds


def identifier(value: str, *, field: str = "identifier") -> str:
    """Return the identifier, which becomes the client id. Raises InvalidIdentifier."""
    if not _IDENTIFIER.fullmatch(value):
        raise InvalidIdentifier(field=field)
    return value


def checked_domain(value: str, *, field: str = "domain") -> str:
    """Return the domain without outer space. Raises InvalidDomain."""
    domain = text.line(value, DOMAIN_LIMIT, InvalidDomain, field)
    if not _DOMAIN.fullmatch(domain):
        raise InvalidDomain(field=field)
    return domain


def scope_kind_list(values: Iterable[str], *, field: str = "scope_kinds") -> tuple[str, ...]:
    """Return the kinds, each once and in one order. Raises InvalidScopeKind for another, and for none."""
    wanted = set(values)
    if not wanted or not wanted <= set(ScopeKind):
        raise InvalidScopeKind(field=field)
    return tuple(str(kind) for kind in ScopeKind if kind in wanted)


def reason(value: str) -> str:
    """Return why a third party is rejected. Raises InvalidReason or ReasonMissing."""
    given = text.reason(value)
    if given is None:
        raise ReasonMissing(field="reason")
    return given
