"""Finds roles by the names that a request gives them, and stops whoever may not assign one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permissions import PRIVILEGED_ROLES, require_held
from domain.refusals import PrivilegedRole, TooMany
from domain.role import Role
from domain.text import folded
from projections import roles
from service.commands.seen import to_rely_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision

NAMES_LIMIT = 100


async def roles_named(
    decision: Decision, by: Caller, organization: UUID, names: Sequence[str]
) -> tuple[list[Role], list[str]]:
    """Return an organization's roles by these names, each once and relied on, and the names that no role has.

    Raises PrivilegedRole, for a request that names a privileged one, whether or not it is assigned already, unless by
    root (spec/melody.md section 0, M17), MissingPermission for one that holds a permission of the management interface
    which the caller does not hold, and TooMany (more than 100).
    """
    names = list(dict.fromkeys(names))
    # By the name alone too: that there is no such role yet is no reason to answer anything else.
    if not by.is_root and any(folded(name) in PRIVILEGED_ROLES for name in names):
        raise PrivilegedRole
    if len(names) > NAMES_LIMIT:
        raise TooMany(f"more than {NAMES_LIMIT} roles", field="roles")
    ids = await roles.named(decision.connection, organization, names)
    found = [await to_rely_on(decision, by, Role, ids[name]) for name in names if name in ids]
    if not by.is_root and any(role.privileged for role in found):
        raise PrivilegedRole
    for role in found:
        require_held(by, role.permissions)
    return found, [name for name in names if name not in ids]
