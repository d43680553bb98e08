"""Refuses whoever holds less than a user's roles do, where a command decides how that user comes in.

Whoever can come in as somebody has what their roles hold: so another password, one proof fewer, more guesses or the
end of a suspension are given only by those who could have given the roles (as `Application.require_entitled` has it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permissions import ROOT, require_held
from domain.refusals import MissingPermission
from projections import roles

if TYPE_CHECKING:
    from domain.caller import Caller
    from domain.user import User
    from service.store.decision import Decision


async def require_entitled(decision: Decision, by: Caller, user: User, *, own: bool = False) -> None:
    """Refuse whoever could not have given a user their roles, and rely on what these hold.

    The user must have been loaded to be changed, or be relied on: then another role gets in the way. Nobody is spared,
    not even they themselves by a token of theirs, for an application that acts with less could take the rest; but with
    `own`, at a page of ours where they have just proved who they are, they get no more than they have. Raises
    MissingPermission.
    """
    if own and by.user == user.id and by.application is None:
        return
    held = await roles.held_by(decision.connection, user.id)
    decision.rely_on(*held.guards)
    if held.privileged and not by.is_root:
        raise MissingPermission(ROOT)
    require_held(by, held.permissions)
