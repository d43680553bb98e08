"""What users let applications do, and which applications have access to what is theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from domain.caller import SYSTEM
from domain.consent import Consent
from domain.revocation import Revocation
from domain.session import Session
from projections import consents
from tests.projections.given import (
    HOUR,
    ORGANIZATION,
    a_token,
    a_user,
    an_account,
    an_application,
    an_approver,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from uuid import UUID

    from domain.application import Application
    from domain.token_family import TokenFamily
    from domain.user import User
    from tests.store_fixture import StoreParts


def given(parts: StoreParts, user: User, application: Application, *scope: str) -> Consent:
    now = parts.clock.now()
    return Consent.give(id=parts.clock.new_id(), user=user, application=application, scope=scope, now=now)


def renewable(
    parts: StoreParts, user: User, application: Application, digest: str = "f" * 64, **told: Any
) -> TokenFamily:
    fields = {
        "user": user.id, "application": application.id, "refresh_digest": digest,
        "refresh_expires_at": parts.clock.now() + 2 * HOUR, "scope": "read write", "grant_type": "password",
    } | told  # fmt: skip
    return a_token(parts, **fields)


async def test_a_row_follows_its_consent(parts: StoreParts) -> None:
    user, application = a_user(parts), an_application(parts, kind="spa")
    consent = given(parts, user, application, "openid")
    first = parts.clock.now()
    await save(parts, user, application, consent)
    assert await consents.of(parts.pool, user.id, application.id) == {"openid"}
    assert await consents.of(parts.pool, application.id, user.id) == frozenset()
    parts.clock.move(HOUR)
    consent.extend(application, ["email"], parts.clock.now())
    position = await save(parts, consent)
    [row] = await rows(parts, "consents")
    assert dict(row) == {
        "id": consent.id, "organization": ORGANIZATION, "user_id": user.id, "application": application.id,
        "scope": ["email", "openid"], "given_at": first, "updated_at": parts.clock.now(), "position": position,
    }  # fmt: skip
    assert await consents.id_of(parts.pool, user.id, application.id) == consent.id
    await same_when_rebuilt(parts, "consents")
    consent.withdraw(parts.clock.now())
    await save(parts, consent)
    assert await rows(parts, "consents") == []
    assert await consents.id_of(parts.pool, user.id, application.id) is None
    await same_when_rebuilt(parts, "consents")


async def test_a_consent_counts_once_it_was_given_after_the_last_submission(parts: StoreParts) -> None:
    user, application, own = a_user(parts), an_application(parts, kind="web"), an_application(parts, kind="web")
    consent, kept = given(parts, user, application, "email", "openid"), given(parts, user, own, "openid")
    await save(parts, an_account(parts, id=ORGANIZATION), user, application, own, consent, kept)
    application.submit(
        domain="shop.test", description=None, scope_kinds=["sso"], by=an_approver(), now=parts.clock.now()
    )  # fmt: skip
    await save(parts, application)
    assert await consents.of(parts.pool, user.id, application.id) == frozenset(), "not at the very instant"
    assert await consents.of(parts.pool, user.id, own.id) == {"openid"}
    assert await consents.id_of(parts.pool, user.id, application.id) == consent.id, "it is there to be given anew"
    assert len(await consents.access_of(parts.pool, user.id)) == 2, "and to be taken back"
    parts.clock.move(timedelta(microseconds=1))
    consent.extend(application, ["openid"], parts.clock.now())
    await save(parts, consent)
    assert await consents.of(parts.pool, user.id, application.id) == {"openid"}
    await same_when_rebuilt(parts, "consents", "applications")


async def test_consents_are_listed_by_application(parts: StoreParts) -> None:
    user, other = a_user(parts), a_user(parts)
    first, second = (an_application(parts, kind="spa") for _ in range(2))
    theirs = [given(parts, user, second, "openid"), given(parts, user, first, "openid")]
    await save(parts, user, other, first, second, *theirs, given(parts, other, first, "openid"))
    assert [tuple(row) for row in await consents.of_user(parts.pool, user.id)] == [
        (first.id, "Billing"),
        (second.id, "Billing"),
    ]
    assert await consents.ids_of_user(parts.pool, user.id, limit=9) == [consent.id for consent in theirs]
    assert await consents.ids_of_user(parts.pool, user.id, limit=1) == [theirs[0].id]


async def test_an_application_has_access_by_consent_and_by_a_refresh_token_that_works(parts: StoreParts) -> None:
    home, user = an_account(parts, "Acme", id=ORGANIZATION), a_user(parts)
    asked, trusted, idle = (an_application(parts, kind="web") for _ in range(3))
    since = parts.clock.now()
    await save(parts, home, user, asked, trusted, idle, given(parts, user, asked, "openid", "email"))
    await save(parts, renewable(parts, user, trusted), a_token(parts, user=user.id, application=idle.id))
    parts.clock.move(timedelta(minutes=1))
    await save(parts, renewable(parts, user, trusted, "e" * 64, scope="openid read"))
    used = parts.clock.now()
    found = {row["application"]: row for row in await consents.access_of(parts.pool, user.id)}
    assert found.keys() == {asked.id, trusted.id}
    assert dict(found[asked.id]) == {
        "application": asked.id, "client_id": asked.client_id, "name": "Billing", "organization_name": "Acme",
        "status": "active", "standing": None, "effective_until": None,
        "scope": ["email", "openid"], "given_at": since, "last_used": None,
    }  # fmt: skip
    assert dict(found[trusted.id]) == {
        "application": trusted.id, "client_id": trusted.client_id, "name": "Billing", "organization_name": "Acme",
        "status": "active", "standing": None, "effective_until": None,
        "scope": ["openid", "read", "write"], "given_at": since, "last_used": used,
    }  # fmt: skip
    [one] = await consents.access_of(parts.pool, user.id, application=trusted.id)
    assert one == found[trusted.id]
    assert await consents.access_of(parts.pool, a_user(parts).id) == []


@pytest.mark.parametrize("end", ["family", "expiry", "user", "application", "both"])
async def test_a_refresh_token_that_is_dead_gives_no_access(parts: StoreParts, end: str) -> None:
    home, user, application = an_account(parts, id=ORGANIZATION), a_user(parts), an_application(parts, kind="web")
    until = parts.clock.now() + (-HOUR if end == "expiry" else HOUR)
    family = renewable(parts, user, application, refresh_expires_at=until)
    await save(parts, home, user, application, family)
    if end == "family":
        family.revoke(None, "lost", parts.clock.now())
        await save(parts, family)
    elif end != "expiry":
        named: dict[str, UUID | None] = {
            "user": None if end == "application" else user.id,
            "application": None if end == "user" else application.id,
        }
        revocation = Revocation.record(
            id=parts.clock.new_id(), organization=ORGANIZATION, end_user=None, before=None, cascade=True, reason=None,
            by=SYSTEM, now=parts.clock.now(), **named,
        )  # fmt: skip
        await save(parts, revocation)
    assert await consents.access_of(parts.pool, user.id) == []


async def test_access_ends_with_the_session_unless_it_was_meant_to_outlive_it(parts: StoreParts) -> None:
    home, user = an_account(parts, id=ORGANIZATION), a_user(parts)
    bound, offline = (an_application(parts, kind="web") for _ in range(2))
    now = parts.clock.now()
    session = Session.start(
        id=parts.clock.new_id(), user=user, organization=home, digest="a" * 64, methods=("pwd",),
        expires_at=now + HOUR, now=now,
    )  # fmt: skip
    families = [
        renewable(parts, user, bound, session=session.id),
        renewable(parts, user, offline, "e" * 64, session=session.id, scope="openid offline_access"),
    ]
    await save(parts, home, user, bound, offline, session, *families)

    async def having_access() -> set[UUID]:
        return {row["application"] for row in await consents.access_of(parts.pool, user.id)}

    assert await having_access() == {bound.id, offline.id}
    session.end("signed out", now)
    await save(parts, session)
    assert await having_access() == {offline.id}


async def test_tokens_are_looked_for_by_user_and_application(parts: StoreParts) -> None:
    user, application = a_user(parts), an_application(parts, kind="web")
    access = a_token(parts, user=user.id, application=application.id)
    await save(parts, user, application)
    assert not await consents.has_tokens(parts.pool, user.id, application.id)
    await save(parts, access)
    assert await consents.has_tokens(parts.pool, user.id, application.id)
    assert not await consents.has_tokens(parts.pool, user.id, user.id)
    access.revoke(None, None, parts.clock.now())
    await save(parts, access)
    assert not await consents.has_tokens(parts.pool, user.id, application.id)
    await save(parts, renewable(parts, user, application, expires_at=parts.clock.now() + timedelta(microseconds=1)))
    assert await consents.has_tokens(parts.pool, user.id, application.id)
