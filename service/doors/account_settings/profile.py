"""/api/users/{user_id}/profile: what is known of a person beside name and picture (spec/logto.md 6.3, row 3)."""

from __future__ import annotations

from domain.refusals import InvalidLocale, InvalidName, InvalidProfile, UnknownUser
from service.commands import people_settings
from service.doors.account_settings import fields, user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.doors.account_settings.user_document import ProfileDocument, ProfileShown
from service.http.call import Answer, Call

DOOR = AccountSettingsDoor("profile")


class Merged(Body):
    """Members that take the place of those of their name, an address as a whole; the others stay."""

    profile: ProfileDocument


@DOOR.route(
    "PATCH",
    "/api/users/{user_id}/profile",
    permission="write_user",
    summary="Change members of a person's profile",
    body=Merged,
    answer=ProfileShown,
    refuses=(UnknownUser, InvalidName, InvalidLocale, InvalidProfile),
)
async def merge(call: Call) -> Answer:
    return await call.carry_out(
        people_settings.merge_profile,
        lambda left: Answer(user_document.profile(left.profile)),
        user=call.id("user_id", UnknownUser),
        members=fields.members(call.body.profile),
    )
