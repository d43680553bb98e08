"""The permissions of the management interface, their wildcards, and the rule against giving away more than is held."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from domain.refusals import MissingPermission, RootRequired

if TYPE_CHECKING:  # domain.caller builds on this module
    from domain.caller import Caller

ROOT = "root"
ALL = "all"

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
    "read_audit",
    "read_projection",
    "operate_projection",
    ALL,
    ROOT,
)
"""Every name that opens a management route, the wildcard and root included; other scopes are for other services."""

PERSONAL_SCOPES = ("openid", "profile", "email", "offline_access")
"""The scopes that tokens of people may carry whatever an organization defines (OpenID Connect Core section 5.4)."""

BUILT_IN_SCOPES = (*PERMISSIONS, *PERSONAL_SCOPES)
_PERMISSIONS = frozenset(PERMISSIONS)
BUILT_IN_ROLES = frozenset({"super_admin"})
PRIVILEGED_ROLES = frozenset({"super_admin"})
IMPERSONATION_ROLES = frozenset({"super_admin"})
"""Holding one of these lets a user act as another one."""
MEMBERSHIP_ROLES = ("owner", "member", "viewer")


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


def assignable(by: Caller, permissions: Collection[str]) -> None:
    """Stop escalation (spec/melody.md section 0, M13 and M14); the rule is about the request, not about the change.

    Raises RootRequired when root is named and the caller is not root, MissingPermission when `all` is named by a
    caller who holds neither `all` nor root.
    """
    if ROOT in permissions and not by.is_root:
        raise RootRequired
    if ALL in permissions and not by.holds(ALL):
        raise MissingPermission(ALL)
