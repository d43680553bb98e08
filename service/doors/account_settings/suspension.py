"""/api/users/{user_id}/is-suspended: locks a person out and lets them in again (spec/logto.md section 6.5, row 6).

Sessions, refresh tokens and opaque tokens end at once and for good. A JWT that is checked without us is good until it
expires; introspection calls it inactive. Personal access tokens stay, and can be exchanged again afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.refusals import InvitationPending, MissingPermission, TooMuchAtOnce, UnknownUser
from service.commands import users
from service.doors.account_settings import user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.http.call import Answer, Call

if TYPE_CHECKING:
    from domain import user

DOOR = AccountSettingsDoor("suspension")


class Suspension(Body):
    """Whether a person is locked out."""

    is_suspended: bool


@DOOR.route(
    "PATCH",
    "/api/users/{user_id}/is-suspended",
    permission="write_user",
    summary="Lock a person out, or let them in again",
    body=Suspension,
    answer=user_document.User,
    refuses=(UnknownUser, InvitationPending, MissingPermission, TooMuchAtOnce),
)
async def change(call: Call) -> Answer:
    person = call.id("user_id", UnknownUser)
    beside = await user_document.beside(call, person)

    def shown(left: user.User) -> Answer:
        return Answer(user_document.of(left, beside))

    if call.body.is_suspended:
        return await call.carry_out(users.suspend, shown, user=person)
    return await call.carry_out(users.reinstate, shown, user=person)
