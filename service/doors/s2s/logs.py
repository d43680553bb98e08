"""/api/v1/logs: what was sent to people, and who signed in (spec/melody.md section 4.6). For root alone.

Each log can be shortened; that it was stays in the event log.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from domain.log_purge import Log
from domain.refusals import InvalidBefore, UnknownLog
from projections import sign_ins
from projections.audit import MODEL
from service.commands import logs
from service.doors.s2s.frame import Listing, Reply, ServerToServerDoor, times, whole
from service.http.call import Answer, Call, no_content
from service.http.consistency import await_model
from service.http.input import Id, Input
from service.messages import log as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.http.document import Row

DOOR = ServerToServerDoor("logs")
ROOT = "root"
AUDIT = MODEL.name
# RFC 3339 in UTC, or as this dialect writes times.
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z| \d\d:\d\d:\d\d)", re.ASCII)


class MessageLog(Reply):
    """A message that was sent or tried. Codes are left out of `content`; both are null once the person is deleted."""

    id: Id
    success: bool
    receiver: str | None
    response: str | None
    content: str | None
    created_at: str
    updated_at: str
    deleted_at: None


class SignInLog(Reply):
    """A user who signed in. `ip` is null once the request journal has forgotten it; `detail` says by which proofs."""

    id: Id
    user_id: Id
    ip: str | None
    detail: str | None
    created_at: str
    updated_at: str
    deleted_at: None


class MessageLogs(Reply):
    """Messages, the newest first."""

    logs: list[MessageLog]
    count: int


class OneMessageLog(Reply):
    """One message."""

    log: MessageLog


class SignInLogs(Reply):
    """Who signed in, the newest first."""

    logs: list[SignInLog]
    count: int


class OneSignInLog(Reply):
    """One sign-in."""

    log: SignInLog


class Purge(Input):
    """From before which time the log is deleted, in UTC."""

    before: str | None = None


def _shown(found: Mapping[str, Any]) -> dict[str, Any]:
    members = ("id", "success", "receiver", "response", "content")
    return {**{name: found[name] for name in members}, **times(found["created_at"], found["updated_at"])}


def _sign_in(found: Row) -> dict[str, Any]:
    at = found["recorded_at"]
    return {
        "id": found["id"],
        "userId": found["user_id"],
        "ip": found["address"],
        "detail": " ".join(found["methods"]) or None,
        **times(at, at),
    }


def _moment(text: str | None) -> datetime:
    if text is not None and _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:  # no such day or hour
            pass
    raise InvalidBefore


def _declare_messages(log: Log, what: str) -> None:
    """Declare the routes of a log of messages."""

    @DOOR.route(
        "GET", f"/api/v1/logs/{log}", permission=ROOT, summary=f"List the {what}", query=Listing, answer=MessageLogs
    )
    async def listed(call: Call) -> Answer:
        query: Listing = call.query
        store, organization = call.parts.store, call.by.organization
        found = await messages.page(
            store.pool, store.vault, organization, channel=log, limit=query.limit, offset=query.offset
        )
        shown = [_shown(each) for each in whole(found)]
        count = len(shown) if query.page_size is None else await messages.count(store.pool, organization, channel=log)
        return Answer({"logs": shown, "count": count})

    @DOOR.route(
        "GET",
        f"/api/v1/logs/{log}/{{log_id}}",
        permission=ROOT,
        summary=f"Read one of the {what}",
        answer=OneMessageLog,
        refuses=(UnknownLog,),
    )
    async def one(call: Call) -> Answer:
        store = call.parts.store
        found = await messages.one(
            store.pool, store.vault, call.by.organization, call.id("log_id", UnknownLog), channel=log
        )
        if found is None:
            raise UnknownLog
        return Answer({"log": _shown(found)})

    @DOOR.route(
        "DELETE",
        f"/api/v1/logs/{log}",
        permission=ROOT,
        summary=f"Delete the {what} from before a time",
        query=Purge,
        status=204,
        refuses=(InvalidBefore,),
    )
    async def purge(call: Call) -> Answer:
        before = _moment(call.query.before)
        done = await call.carry_out(logs.record_purge, no_content, log=log, before=before)
        await messages.delete_before(call.parts.store.pool, call.by.organization, channel=log, before=before)
        return done


_declare_messages(Log.EMAIL, "e-mails")
_declare_messages(Log.SMS, "text messages")


@DOOR.route(
    "GET",
    "/api/v1/logs/sign-in",
    permission=ROOT,
    summary="List the sign-ins",
    query=Listing,
    answer=SignInLogs,
)
async def listed_sign_ins(call: Call) -> Answer:
    query: Listing = call.query
    await await_model(call.request, call.parts, AUDIT)
    pool, organization = call.parts.store.pool, call.by.organization
    found = whole(await sign_ins.page(pool, organization, limit=query.limit, offset=query.offset))
    count = len(found) if query.page_size is None else await sign_ins.count(pool, organization)
    return Answer({"logs": [_sign_in(row) for row in found], "count": count})


@DOOR.route(
    "GET",
    "/api/v1/logs/sign-in/{log_id}",
    permission=ROOT,
    summary="Read one of the sign-ins",
    answer=OneSignInLog,
    refuses=(UnknownLog,),
)
async def one_sign_in(call: Call) -> Answer:
    await await_model(call.request, call.parts, AUDIT)
    found = await sign_ins.one(call.parts.store.pool, call.by.organization, call.id("log_id", UnknownLog))
    if found is None:
        raise UnknownLog
    return Answer({"log": _sign_in(found)})


@DOOR.route(
    "DELETE",
    "/api/v1/logs/sign-in",
    permission=ROOT,
    summary="Delete the sign-ins from before a time",
    query=Purge,
    status=204,
    refuses=(InvalidBefore,),
)
async def purge_sign_ins(call: Call) -> Answer:
    before = _moment(call.query.before)
    return await call.carry_out(logs.record_purge, no_content, log=Log.SIGN_IN, before=before)
