"""Applications as they are, and in one snapshot all that decides whether one may have a token."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from domain.caller import SYSTEM, Caller
from domain.grant_types import TOKEN_EXCHANGE
from projections import applications
from tests.projections.given import (
    APPROVER,
    HOUR,
    NIL,
    ORGANIZATION,
    a_grant,
    an_account,
    an_application,
    an_approver,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.application import Application
    from tests.store_fixture import StoreParts


def add_secret(parts: StoreParts, application: Application, name: str, *, lasting: bool = True) -> UUID:
    secret = parts.clock.new_id()
    until = None if lasting else parts.clock.now() + HOUR
    application.add_secret(secret, name, f"digest of {name}", "hint", until, by=SYSTEM, now=parts.clock.now())
    return secret


async def test_a_row_follows_its_application(parts: StoreParts) -> None:
    application = an_application(parts, "billing", permissions=["read_user"], audiences=["https://api.example.com"])
    await save(parts, application)
    [row] = await rows(parts, "applications")
    assert dict(row) == {
        "id": application.id, "organization": ORGANIZATION, "client_id": "billing", "kind": "machine",
        "name": "Billing",
        "permissions": ["read_user"], "audiences": ["https://api.example.com"],
        "token_format": application.settings.token_format,
        "access_token_lifetime": application.settings.access_token_lifetime, "key_set": None, "rate_limit": None,
        "redirect_uris": [], "use_system_mfa_config": True, "require_email_mfa": False, "require_otp_mfa": False,
        "require_sms_mfa": False, "allow_email_mfa_as_backup": False, "grant_types": [], "trusted": False,
        "refresh_token_lifetime": 2_592_000, "refresh_grace": 0, "post_logout_redirect_uris": [],
        "backchannel_logout_uri": None, "end_user_from": None,
        **dict.fromkeys(SUBMISSION), "usable_until": FOR_EVER,
        "status": "active", "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 1,
    }  # fmt: skip
    uris = ("https://b.example.com/", "https://a.example.com/")
    settings = replace(
        application.settings, name="Renamed", permissions=[], rate_limit=60, redirect_uris=uris, trusted=True,
        grant_types=(TOKEN_EXCHANGE,), refresh_token_lifetime=60, refresh_grace=1, post_logout_redirect_uris=uris,
        backchannel_logout_uri=uris[0], end_user_from="header:appuserID",
    )  # fmt: skip
    application.update(settings, SYSTEM, parts.clock.now())
    application.disable(SYSTEM, parts.clock.now())
    await save(parts, application)
    row = await applications.one(parts.pool, application.id)
    assert row is not None
    assert (row["name"], row["permissions"], row["rate_limit"], row["status"]) == ("Renamed", [], 60, "disabled")
    assert row["redirect_uris"] == row["post_logout_redirect_uris"] == list(uris)
    assert (row["grant_types"], row["trusted"], row["refresh_token_lifetime"]) == ([TOKEN_EXCHANGE], True, 60)
    assert (row["refresh_grace"], row["backchannel_logout_uri"]) == (1, uris[0])
    assert row["end_user_from"] == "header:appuserID"
    application.enable(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert (await applications.one(parts.pool, application.id))["status"] == "active"  # type: ignore[index]
    await same_when_rebuilt(parts, "applications")


async def test_nothing_is_left_of_a_deleted_application(parts: StoreParts) -> None:
    application = an_application(parts, "billing")
    add_secret(parts, application, "first")
    await save(parts, application)
    application.delete(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert await rows(parts, "applications") == await rows(parts, "application_secrets") == []
    assert await applications.for_decisions(parts.pool, ["billing"]) == {}
    await same_when_rebuilt(parts, "applications")


async def test_secrets_are_listed_without_their_digests(parts: StoreParts) -> None:
    application, other = an_application(parts), an_application(parts)
    kept, retired = add_secret(parts, application, "kept", lasting=False), add_secret(parts, application, "retired")
    add_secret(parts, other, "of another")
    application.retire_secret(retired, by=SYSTEM, now=parts.clock.now())
    await save(parts, application, other)
    [secret] = await applications.secrets_of(parts.pool, application.id)
    assert dict(secret) == {
        "id": kept, "name": "kept", "hint": "hint", "expires_at": parts.clock.now() + HOUR,
        "created_at": parts.clock.now(),
    }  # fmt: skip
    await same_when_rebuilt(parts, "applications")


async def test_a_decision_sees_the_application_its_secrets_its_grants_and_its_organization_at_one_position(
    parts: StoreParts,
) -> None:
    organization, application = an_account(parts, id=ORGANIZATION), an_application(parts, "billing")
    for name in ("one", "two"):
        add_secret(parts, application, name, lasting=name == "one")
    pending, approved, revoked = (a_grant(parts, application, "read", audience=f"api{n}") for n in range(3))
    for grant in (approved, revoked):
        grant.approve(an_approver(), parts.clock.now(), parts.clock.now() + HOUR)
    revoked.revoke(an_approver(), None, parts.clock.now())
    await save(parts, organization, application, pending, approved, revoked)
    found = await applications.for_decisions(parts.pool, ["billing", "unknown"])
    assert found.keys() == {"billing"}
    row = found["billing"]
    assert (row["organization_status"], row["status"], row["head"]) == ("active", "active", 10)
    assert row["secret_digests"] == ["digest of one", "digest of two"]
    assert row["secret_expiries"] == [None, parts.clock.now() + HOUR]
    [grant] = json.loads(row["grants"])
    assert (grant["audience"], grant["scope"]) == ("api1", ["read"])
    organization.suspend(SYSTEM, parts.clock.now())
    await save(parts, organization)
    row = (await applications.for_decisions(parts.pool, ["billing"]))["billing"]
    assert (row["organization_status"], row["head"]) == ("suspended", 11)


async def test_an_application_without_anything_still_has_its_row(parts: StoreParts) -> None:
    await save(parts, an_application(parts, "bare"))
    row = (await applications.for_decisions(parts.pool, ["bare"]))["bare"]
    assert (row["organization_status"], row["secret_digests"], row["grants"]) == (None, [], None)


async def test_pages_go_by_id_and_can_be_narrowed(parts: StoreParts) -> None:
    machines = [an_application(parts) for _ in range(3)]
    public, elsewhere = an_application(parts, kind="spa"), an_application(parts, organization=APPROVER)
    elsewhere.disable(SYSTEM, parts.clock.now())
    await save(parts, *machines, public, elsewhere)
    ids = [application.id for application in machines]

    async def page(organization: UUID | None = None, **narrowed: object) -> list[object]:
        told = {"kind": None, "status": None, "after": NIL, "limit": 10, **narrowed}
        return [row["id"] for row in await applications.page(parts.pool, organization, **told)]  # type: ignore[arg-type]

    assert await page(limit=2) == ids[:2]
    assert await page(after=ids[2]) == [public.id, elsewhere.id]
    assert await page(ORGANIZATION) == [*ids, public.id]
    assert await page(kind="spa") == [public.id]
    assert await page(status="disabled") == [elsewhere.id]


async def test_the_applications_that_hold_a_scope_are_found(parts: StoreParts) -> None:
    several = [an_application(parts, permissions=["files", "mail"]) for _ in range(3)]
    others = [an_application(parts, permissions=["mail"]), an_application(parts, organization=APPROVER)]
    await save(parts, *several, *others)
    ids = [application.id for application in several]
    assert await applications.holders(parts.pool, ORGANIZATION, "files", limit=9) == ids
    assert await applications.holders(parts.pool, ORGANIZATION, "files", limit=2) == ids[:2]
    assert await applications.holders(parts.pool, APPROVER, "files", limit=9) == []


SAID = {"domain": "https://shop.example.com", "description": "Books", "scope_kinds": ["sso", "api"]}
SUBMITTER = Caller(UUID(int=7), ORGANIZATION, frozenset({"write_app"}))
USABLE = "SELECT usable_until FROM models.applications WHERE id = $1"
IN_USE = "SELECT usable_until > $2 FROM models.applications WHERE id = $1"
FOR_EVER, NEVER = datetime.max, datetime.min  # noqa: DTZ901 - as the driver reads what is infinite
SUBMISSION = (
    "standing", "domain", "description", "scope_kinds", "created_by", "submitted_by", "submitted_at", "decided_by",
    "decided_at", "cause", "effective_until",
)  # fmt: skip


async def usable_until(parts: StoreParts, application: Application) -> object:
    await same_when_rebuilt(parts, "applications")
    return await parts.owner.fetchval(USABLE, application.id)


async def test_a_row_tells_of_a_third_party_what_was_decided_last(parts: StoreParts) -> None:
    application, now = an_application(parts, kind="web"), parts.clock.now()
    application.submit(**SAID, by=SUBMITTER, now=now)  # type: ignore[arg-type]
    await save(parts, application)

    async def told() -> tuple[object, ...]:
        row = await applications.one(parts.pool, application.id)
        assert row is not None
        assert row["updated_at"] == parts.clock.now()
        await same_when_rebuilt(parts, "applications", "revocations")
        return tuple(row[name] for name in SUBMISSION)

    said = ("https://shop.example.com", "Books", ["sso", "api"], SUBMITTER.actor)
    assert await told() == ("pending", *said, SUBMITTER.actor, now, None, None, None, None)
    parts.clock.move(HOUR)
    decided, until = parts.clock.now(), parts.clock.now() + HOUR
    application.approve(an_approver(), decided, until)
    await save(parts, application)
    assert await told() == ("effective", *said, SUBMITTER.actor, now, APPROVER, decided, None, until)
    application.reject(an_approver(), "No", decided)
    await save(parts, application)
    assert await told() == ("rejected", *said, SUBMITTER.actor, now, APPROVER, decided, "No", None)
    parts.clock.move(HOUR)
    again = {"domain": "shop.test", "description": None, "scope_kinds": ["sso"]}
    application.resubmit(application.settings, **again, by=SYSTEM, now=parts.clock.now())  # type: ignore[arg-type]
    await save(parts, application)
    said = ("shop.test", None, ["sso"], SUBMITTER.actor)
    assert await told() == ("pending", *said, SYSTEM.actor, parts.clock.now(), None, None, None, None)


async def test_one_column_says_until_when_an_application_may_be_used(parts: StoreParts) -> None:
    application, now = an_application(parts, kind="web"), parts.clock.now()
    await save(parts, application)
    assert await usable_until(parts, application) == FOR_EVER
    until = now + HOUR
    for change, expected in (
        (lambda: application.disable(SYSTEM, now), NEVER),
        (lambda: application.enable(SYSTEM, now), FOR_EVER),
        (lambda: application.submit(**SAID, by=SUBMITTER, now=now), NEVER),  # type: ignore[arg-type]
        (lambda: application.disable(SYSTEM, now), NEVER),
        (lambda: application.approve(an_approver(), now, until), NEVER),
        (lambda: application.enable(SYSTEM, now), until),
        (lambda: application.reject(an_approver(), "No", now), NEVER),
    ):
        change()
        await save(parts, application)
        assert await usable_until(parts, application) == expected


async def test_an_application_is_in_use_before_its_end_and_not_at_it(parts: StoreParts) -> None:
    application, until = an_application(parts, kind="web"), parts.clock.now() + HOUR
    application.submit(**SAID, by=SUBMITTER, now=parts.clock.now())  # type: ignore[arg-type]
    application.approve(an_approver(), parts.clock.now(), until)
    await save(parts, application)
    assert await parts.owner.fetchval(IN_USE, application.id, until - timedelta(microseconds=1))
    assert not await parts.owner.fetchval(IN_USE, application.id, until)


async def test_redirect_uris_are_those_of_applications_in_use(parts: StoreParts) -> None:
    own, waiting, disabled, approved = (
        an_application(parts, kind="web", redirect_uris=(f"https://{name}.example.com/",))
        for name in ("own", "waiting", "disabled", "approved")
    )
    for each in (waiting, approved):
        each.submit(**SAID, by=SUBMITTER, now=parts.clock.now())  # type: ignore[arg-type]
    approved.approve(an_approver(), parts.clock.now(), parts.clock.now() + HOUR)
    disabled.disable(SYSTEM, parts.clock.now())
    await save(parts, own, waiting, disabled, approved)
    found = await applications.redirect_uris_of(parts.pool, ORGANIZATION)
    assert sorted(found) == ["https://approved.example.com/", "https://own.example.com/"]
