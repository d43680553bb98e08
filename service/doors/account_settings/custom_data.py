"""/api/users/{user_id}/custom-data: what applications keep of a person (spec/logto.md section 6.4, rows 4 and 5)."""

from __future__ import annotations

import json
from typing import Any

import pydantic

from domain.refusals import UnknownUser, ValueTooLong
from projections import users
from service.commands import people_settings
from service.doors.account_settings.frame import AccountSettingsDoor, Body
from service.http.call import Answer, Call
from service.http.document import Output

DOOR = AccountSettingsDoor("custom-data")


class CustomData(Output, pydantic.RootModel[dict[str, Any]]):
    """Whatever applications keep."""


class Merged(Body):
    """Members that take the place of those of their name, each as a whole; the others stay."""

    custom_data: dict[str, Any]


@DOOR.route(
    "GET",
    "/api/users/{user_id}/custom-data",
    permission="read_user",
    summary="Read what applications keep of a person",
    answer=CustomData,
    refuses=(UnknownUser,),
)
async def one(call: Call) -> Answer:
    row = call.seen(await users.one(call.parts.store.pool, call.id("user_id", UnknownUser)), UnknownUser)
    return Answer(json.loads(row["custom_data"]))


@DOOR.route(
    "PATCH",
    "/api/users/{user_id}/custom-data",
    permission="write_user",
    summary="Change members of what applications keep of a person",
    body=Merged,
    answer=CustomData,
    refuses=(UnknownUser, ValueTooLong),
)
async def merge(call: Call) -> Answer:
    return await call.carry_out(
        people_settings.merge_custom_data,
        lambda left: Answer(left.custom_data),
        user=call.id("user_id", UnknownUser),
        custom_data=call.body.custom_data,
    )
