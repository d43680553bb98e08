"""Sessions, impersonation, consents and locked addresses of a user at /api/v1/users/… (spec/melody.md section 4.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pydantic import Field

from domain.refusals import (
    ApplicationNotActive,
    ImpersonationDenied,
    ImpersonatorMissing,
    MissingPermission,
    UnknownApplication,
    UnknownSession,
    UnknownToken,
    UnknownUser,
    UserNotActive,
    WrongAppForImpersonation,
)
from projections import consents as consent_rows
from projections import tokens as token_rows
from projections import users as rows
from service.commands import consents, impersonation, tokens, users
from service.doors.s2s.frame import Body, Reply, ServerToServerDoor, already_gone
from service.http.call import Answer, Call, no_content
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from uuid import UUID

    from service.commands.impersonation import Impersonation
    from service.http.document import Row

DOOR = ServerToServerDoor("user-sessions")


class Session(Reply):
    """What a user can renew their access with. `sessionId` is a digest: it names the session and opens nothing."""

    session_id: str
    expired_at: str | None
    auth_id: Id
    client_id: str
    scope: str
    roles: list[str]


class Sessions(Reply):
    """The sessions of a user that have not ended."""

    active_sessions: list[Session]


class Impersonated(Output):
    """A refresh token of the user, marked with who uses it; shown once."""

    refresh_token: str
    refresh_token_expires_in: int
    refresh_token_expires_on: int


class Impersonator(Body):
    """Who wants to act as the user: an access token of theirs."""

    impersonator_token: str = ""


class ConsentedApp(Reply):
    """An app that a user lets act for them."""

    app_id: Id
    app_name: str


class ConsentedApps(Reply):
    """The apps that a user lets act for them."""

    consented_apps: list[ConsentedApp]


class LockedAddresses(Reply):
    """From where a user cannot sign in for a while, after too many wrong attempts."""

    locked_ips: list[str] = Field(alias="lockedIPs")


def _user(call: Call) -> UUID:
    return call.id("auth_id", UnknownUser)


async def _row(call: Call) -> Row:
    return call.seen(await rows.person(call.parts.store.pool, _user(call)), UnknownUser)


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}/active-sessions",
    permission="read_user",
    summary="List a user's active sessions",
    answer=Sessions,
    refuses=(UnknownUser,),
)
async def sessions(call: Call) -> Answer:
    person = await _row(call)
    found = await token_rows.sessions(call.parts.store.pool, person["id"])
    return Answer({"activeSessions": [_session(session, person) for session in found]})


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/active-sessions/{session_id}",
    permission="write_user",
    summary="End a user's session",
    status=204,
    refuses=(UnknownUser, UnknownSession),
    words=("session_id",),
)
async def end_session(call: Call) -> Answer:
    person = await _row(call)
    wanted = call.request.match_info["session_id"]
    for session in await token_rows.sessions(call.parts.store.pool, person["id"]):
        if _session_id(session) == wanted:
            try:
                return await call.carry_out(tokens.revoke, no_content, family=session["family"], reason="session ended")
            except UnknownToken:  # purged meanwhile
                break
    raise UnknownSession


@DOOR.route(
    "POST",
    "/api/v1/users/{auth_id}/impersonation/{app_id}",
    permission="root",
    summary="Let an administrator act as a user",
    body=Impersonator,
    answer=Impersonated,
    refuses=(
        ImpersonatorMissing,
        UnknownUser,
        UnknownApplication,
        WrongAppForImpersonation,
        ImpersonationDenied,
        UserNotActive,
        ApplicationNotActive,
    ),
)
async def impersonate(call: Call) -> Answer:
    body: Impersonator = call.body
    return await call.carry_out(
        impersonation.impersonate,
        _issued,
        tokens=call.parts.tokens,
        impersonator_token=body.impersonator_token,
        user=_user(call),
        application=call.id("app_id", UnknownApplication),
    )


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}/consented-apps",
    permission="read_user",
    summary="List the apps that a user lets act for them",
    answer=ConsentedApps,
    refuses=(UnknownUser,),
)
async def consented_apps(call: Call) -> Answer:
    person = await _row(call)
    found = await consent_rows.of_user(call.parts.store.pool, person["id"])
    return Answer({"consentedApps": [{"appId": row["application"], "appName": row["name"]} for row in found]})


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/consented-apps/{app_id}",
    permission="write_user",
    summary="Take back a user's consent to an app; one that is not there is gone already",
    status=204,
    refuses=(UnknownUser,),
)
async def withdraw_consent(call: Call) -> Answer:
    person = await _row(call)
    return await already_gone(
        lambda: call.carry_out(
            consents.withdraw,
            no_content,
            user=person["id"],
            application=call.id("app_id", UnknownApplication),
        )
    )


@DOOR.route(
    "GET",
    "/api/v1/users/{auth_id}/locked-ips",
    permission="read_user",
    summary="List the addresses from which a user cannot sign in for a while",
    answer=LockedAddresses,
    refuses=(UnknownUser,),
)
async def locked_addresses(call: Call) -> Answer:
    person = await _row(call)
    found = await call.parts.sign_in.locked_addresses(person["organization"], _names(person))
    return Answer({"lockedIPs": found})


@DOOR.route(
    "DELETE",
    "/api/v1/users/{auth_id}/locked-ips",
    permission="write_user",
    summary="Let a user sign in from everywhere again",
    status=204,
    refuses=(UnknownUser, MissingPermission),
)
async def unlock_addresses(call: Call) -> Answer:
    person = await _row(call)
    done = await call.carry_out(users.unlock_sign_in, no_content, user=person["id"])
    await call.parts.sign_in.unlock(person["organization"], person["id"], _names(person))
    return done


def _names(person: Row) -> list[str]:
    """Return what a user signs in by."""
    return [name for name in (person["username"], person["email"]) if name is not None]


def _session(session: Row, person: Row) -> dict[str, Any]:
    expires_at = session["expires_at"]
    return {
        "sessionId": _session_id(session),
        "expiredAt": None if expires_at is None else expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "authId": person["id"],
        "clientId": session["client_id"],
        "scope": session["scope"],
        "roles": person["role_names"],
    }


def _session_id(session: Row) -> str:
    return hashlib.sha256(b"session:" + session["family"].bytes).hexdigest()


def _issued(made: Impersonation) -> Answer:
    return Answer(
        {
            "refresh_token": made.text,
            "refresh_token_expires_in": made.lifetime,
            "refresh_token_expires_on": int(made.expires_at.timestamp()),
        }
    )
