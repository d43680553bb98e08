"""Devices that wait are found by either of their codes, and not at all once they have their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from domain.caller import SYSTEM
from domain.device_authorization import DeviceAuthorization
from domain.revocation import Revocation
from domain.session import Session
from projections import device_authorizations as devices
from projections import token_purge
from tests.projections.given import (
    HOUR,
    ORGANIZATION,
    a_user,
    an_account,
    an_application,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.account import Account
    from domain.application import Application
    from domain.user import User
    from tests.store_fixture import StoreParts

USER, SESSION, FAMILY, ELSEWHERE = (UUID(int=n) for n in range(11, 15))
INSTANT = timedelta(microseconds=1)


def a_device(parts: StoreParts, application: Application, **told: Any) -> DeviceAuthorization:
    fields = {
        "id": parts.clock.new_id(), "organization": application.organization, "application": application.id,
        "scope": "openid", "audience": "api", "user_code_digest": "typed", "digest": "held",
        "expires_at": parts.clock.now() + HOUR, "now": parts.clock.now(),
    }  # fmt: skip
    return DeviceAuthorization.request(**{**fields, **told})


def approve(parts: StoreParts, device: DeviceAuthorization, scope: str | None = None) -> None:
    now = parts.clock.now()
    device.approve(
        user=USER, organization=device.organization, session=SESSION, authenticated_at=now, methods=("pwd", "otp"),
        scope=scope, now=now,
    )  # fmt: skip


async def a_row(parts: StoreParts, digest: str = "held") -> Any:
    row = await devices.by_digest(parts.pool, digest, parts.clock.now())
    assert row is not None
    return row


async def test_a_row_holds_the_scope_that_was_approved(parts: StoreParts) -> None:
    application = an_application(parts, kind="native")
    waiting = [a_device(parts, application, scope="openid files", digest=digest) for digest in ("one", "two")]
    await save(parts, application, *waiting)
    approve(parts, waiting[0])
    approve(parts, waiting[1], scope="openid")
    await save(parts, *waiting)
    assert [(await a_row(parts, digest))["scope"] for digest in ("one", "two")] == ["openid files", "openid"]
    await same_when_rebuilt(parts, "device_authorizations")


async def test_a_row_follows_its_device_until_it_is_redeemed(parts: StoreParts) -> None:
    application = an_application(parts, kind="native")
    device = a_device(parts, application)
    await save(parts, application, device)
    [row] = await rows(parts, "device_authorizations")
    assert dict(row) == {
        "id": device.id, "organization": ORGANIZATION, "application": application.id, "scope": "openid",
        "audience": "api", "user_code_digest": "typed", "digest": "held", "status": "pending", "user_id": None,
        "session": None, "authenticated_at": None, "methods": None, "requested_at": parts.clock.now(),
        "expires_at": parts.clock.now() + HOUR, "version": 1, "position": 2,
    }  # fmt: skip
    approve(parts, device)
    await save(parts, device)
    row = await a_row(parts)
    assert (row["status"], row["user_id"], row["session"], row["methods"]) == (
        "approved",
        USER,
        SESSION,
        ["pwd", "otp"],
    )
    assert (row["authenticated_at"], row["version"], row["head"]) == (parts.clock.now(), 2, 3)
    await same_when_rebuilt(parts, "device_authorizations")
    device.redeem(FAMILY, parts.clock.now())
    await save(parts, device)
    assert await devices.by_digest(parts.pool, "held", parts.clock.now()) is None
    await same_when_rebuilt(parts, "device_authorizations")


async def test_a_refused_device_keeps_its_row_and_is_told(parts: StoreParts) -> None:
    application = an_application(parts, kind="native")
    device = a_device(parts, application)
    device.deny(user=USER, organization=ORGANIZATION, now=parts.clock.now())
    await save(parts, application, device)
    row = await a_row(parts)
    assert (row["status"], row["user_id"], row["version"]) == ("denied", USER, 2)
    await same_when_rebuilt(parts, "device_authorizations")


async def test_a_person_finds_what_waits_in_their_organization(parts: StoreParts) -> None:
    home, application = an_account(parts, id=ORGANIZATION), an_application(parts, kind="native")
    device = a_device(parts, application)
    await save(parts, home, application, device)
    now = parts.clock.now()
    row = await devices.waiting(parts.pool, ["other", "typed"], now, organization=ORGANIZATION)
    assert row is not None
    assert (row["id"], row["name"], row["client_id"]) == (device.id, "Billing", application.client_id)
    assert (row["organization_name"], row["scope"]) == ("Acme", "openid")
    assert await devices.waiting(parts.pool, ["typed"], now, organization=None) is not None
    assert await devices.in_use(parts.pool, ["typed"], now)
    for codes, at, organization in ((["other"], now, ORGANIZATION), (["typed"], now, ELSEWHERE),
                                    (["typed"], now + HOUR, ORGANIZATION)):  # fmt: skip
        assert await devices.waiting(parts.pool, codes, at, organization=organization) is None
    assert not await devices.in_use(parts.pool, ["typed"], now + HOUR)


async def test_nothing_is_found_once_it_was_answered_or_its_application_or_organization_is_out_of_use(
    parts: StoreParts,
) -> None:
    home, application = an_account(parts, id=ORGANIZATION), an_application(parts, kind="native")
    answered, waiting = a_device(parts, application, user_code_digest="answered"), a_device(parts, application)
    approve(parts, answered)
    await save(parts, home, application, answered, waiting)

    async def found(code: str) -> bool:
        return await devices.waiting(parts.pool, [code], parts.clock.now(), organization=ORGANIZATION) is not None

    assert (await found("answered"), await found("typed")) == (False, True)
    application.disable(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert not await found("typed")
    application.enable(SYSTEM, parts.clock.now())
    home.suspend(SYSTEM, parts.clock.now())
    await save(parts, home, application)
    assert not await found("typed")


async def test_of_two_waitingunder_one_code_neither_is_found(parts: StoreParts) -> None:
    home, application = an_account(parts, id=ORGANIZATION), an_application(parts, kind="native")
    await save(parts, home, application, a_device(parts, application), a_device(parts, application, digest="second"))
    assert await devices.waiting(parts.pool, ["typed"], parts.clock.now(), organization=ORGANIZATION) is None
    assert await devices.in_use(parts.pool, ["typed"], parts.clock.now())


async def test_an_unknown_code_has_no_row(parts: StoreParts) -> None:
    assert await devices.by_digest(parts.pool, "unknown", parts.clock.now()) is None


async def an_approval(parts: StoreParts, scope: str = "openid") -> tuple[Account, Application, User, Session]:
    """Commit a device that somebody approved, signed in, and return all that the approval rests on."""
    home, application, user = an_account(parts, id=ORGANIZATION), an_application(parts, kind="native"), a_user(parts)
    now = parts.clock.now()
    session = Session.start(
        id=parts.clock.new_id(), user=user, organization=home, digest="cookie", methods=("pwd",),
        expires_at=now + HOUR, now=now,
    )  # fmt: skip
    device = a_device(parts, application, scope=scope, expires_at=now + 2 * HOUR)
    device.approve(
        user=user.id, organization=ORGANIZATION, session=session.id, authenticated_at=now, methods=("pwd",), now=now
    )
    await save(parts, home, application, user, session, device)
    return home, application, user, session


async def in_force(parts: StoreParts) -> bool:
    return bool((await a_row(parts))["in_force"])


async def test_what_nobody_approved_is_not_in_force(parts: StoreParts) -> None:
    application = an_application(parts, kind="native")
    await save(parts, an_account(parts, id=ORGANIZATION), application, a_device(parts, application))
    assert not await in_force(parts)


@pytest.mark.parametrize("what", ["user", "organization", "session", "tokens"])
async def test_an_approval_ends_with_what_it_rests_on(parts: StoreParts, what: str) -> None:
    home, application, user, session = await an_approval(parts)
    assert await in_force(parts)
    now, ending = parts.clock.now(), {"user": user, "organization": home, "session": session}
    match what:
        case "user":
            user.suspend(None, now=now)
        case "organization":
            home.suspend(SYSTEM, now)
        case "session":
            session.end(None, now)
        case _:
            ending[what] = Revocation.record(
                id=parts.clock.new_id(), organization=ORGANIZATION, application=application.id, user=user.id,
                end_user=None, before=None, cascade=True, reason=None, by=SYSTEM, now=now,
            )  # fmt: skip
    await save(parts, ending[what])
    assert not await in_force(parts)


async def test_a_session_that_runs_out_takes_the_approval_along_unless_it_was_meant_to_outlive_it(
    parts: StoreParts,
) -> None:
    await an_approval(parts)
    parts.clock.move(HOUR - INSTANT)
    assert await in_force(parts)
    parts.clock.move(INSTANT)
    assert not await in_force(parts)


async def test_offline_access_goes_on_without_the_session(parts: StoreParts) -> None:
    *_, session = await an_approval(parts, scope="openid offline_access")
    session.end(None, parts.clock.now())
    await save(parts, session)
    assert await in_force(parts)


async def test_waitinggo_once_they_have_expired_by_the_horizon_and_not_before(parts: StoreParts) -> None:
    application, now = an_application(parts, kind="native"), parts.clock.now()
    ends = {"gone": now - 2 * HOUR, "goes": now - HOUR, "stays": now - HOUR + INSTANT}
    made = [a_device(parts, application, digest=name, expires_at=at) for name, at in ends.items()]
    await save(parts, application, *made)
    assert await devices.purge_page(parts.owner, schema="models", limit=9) == 0
    await token_purge.raise_horizon(parts.owner, now - HOUR)
    assert [await devices.purge_page(parts.owner, schema="models", limit=1) for _ in range(3)] == [1, 1, 0]
    assert [row["digest"] for row in await rows(parts, "device_authorizations")] == ["stays"]
    await same_when_rebuilt(parts, "device_authorizations")
