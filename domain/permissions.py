"""The permissions of the management interface, their wildcards, and the rule against giving away more than is held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from domain.refusals import MissingPermission, RootRequired

if TYPE_CHECKING:  # domain.caller builds on this module
    from domain.caller import Caller

ROOT = "root"
ALL = "all"
DECIDE = "decide"
"""Of those who ask for decisions: gateways, and services that ask who may do what."""

PERMISSIONS = (
    "read_user",
    "write_user",
    "read_app",
    "write_app",
    "read_role",
    "write_role",
    "read_scope",
    "write_scope",
    "read_org",
    "write_org",
    "read_account",
    "write_account",
    "read_api",
    "write_api",
    "read_grant",
    "approve_grant",
    "read_token",
    "revoke_token",
    DECIDE,
    "read_audit",
    "read_projection",
    "operate_projection",
    ALL,
    ROOT,
)
"""Every name that opens a management route, the wildcard and root included; other scopes are for other services."""

OFFLINE_ACCESS = "offline_access"
"""With it in its scope, access outlives the session that it comes from (OpenID Connect Core section 11)."""
PERSONAL_SCOPES = ("openid", "profile", "email", OFFLINE_ACCESS)
"""The scopes that tokens of people may carry whatever an organization defines (OpenID Connect Core section 5.4)."""

BUILT_IN_SCOPES = (*PERMISSIONS, *PERSONAL_SCOPES)
_PERMISSIONS = frozenset(PERMISSIONS)
ADMINISTRATOR_ROLES = {
    "orgadmin": "Looks up and revokes the tokens of the organization",
    "opsadmin": "Looks up and revokes the tokens of the organization, for those who run the service",
}
"""The roles that every organization has from its beginning (spec/apigee.md A11), each with what it is for."""
ADMINISTRATION = ("read_token", "revoke_token")
"""What each of them may do."""
BUILT_IN_ROLES = frozenset({"super_admin", *ADMINISTRATOR_ROLES})
PRIVILEGED_ROLES = frozenset({"super_admin"})
IMPERSONATION_ROLES = frozenset({"super_admin"})
"""Holding one of these lets a user act as another one."""
MEMBERSHIP_ROLES = ("owner", "member", "viewer")
HANDING_OUT = frozenset({"write_app", "approve_grant"})
"""With one of these, an application that acts for itself hands out, or lets others have, what it does not hold."""


def allows(held: Collection[str], needed: str) -> bool:
    """Whether holding these permissions allows the needed one: root allows everything, `all` everything but root."""
    if needed in held or ROOT in held:
        return True
    return needed != ROOT and ALL in held


def granted(asked: Iterable[str], held: Collection[str]) -> list[str]:
    """Return those of the asked scopes that are held, in the order asked (RFC 6749 section 3.3, spec/README.md 2).

    The wildcards stand for permissions alone: any other scope must be held by name.
    """
    return [name for name in asked if name in held or (name in _PERMISSIONS and allows(held, name))]


def personal(scope: Iterable[str], roles: Collection[str]) -> list[str]:
    """Return what of a scope somebody may have whose roles hold these permissions, in order.

    Root never goes into a person's hands by a token; what is no permission of ours is not for roles to decide.
    """
    return [name for name in scope if name not in _PERMISSIONS or (name != ROOT and allows(roles, name))]


def assignable(by: Caller, permissions: Collection[str]) -> None:
    """Stop escalation (spec/melody.md section 0, M13 and M14); the rule is about the request, not about the change.

    Raises RootRequired when root is named and the caller is not root, MissingPermission when `all` is named by a
    caller who holds neither `all` nor root. An application that acts for itself may hand out all others (M14); a
    person hands out what they hold, and makes no application that may do so unless they hold `all`, or it would hand
    out to them what they do not hold, and approve what they asked for: MissingPermission.
    """
    if ROOT in permissions and not by.is_root:
        raise RootRequired
    if ALL in permissions and not by.holds(ALL):
        raise MissingPermission(ALL)
    if by.user is not None:
        require_held(by, permissions)
        if not HANDING_OUT.isdisjoint(permissions) and not by.holds(ALL):
            raise MissingPermission(ALL)


def require_held(by: Caller, permissions: Collection[str]) -> None:
    """Refuse whoever would give more than they hold, to people or by way of them; other services' scopes are free.

    Raises MissingPermission for the first permission of the management interface that the caller does not hold.
    """
    for name in PERMISSIONS:
        if name in permissions and not by.holds(name):
            raise MissingPermission(name)
