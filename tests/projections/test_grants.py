"""Grants as they are, with who decided and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections import grants
from tests.projections.given import (
    APPROVER,
    HOUR,
    NIL,
    ORGANIZATION,
    a_grant,
    an_application,
    an_approver,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from uuid import UUID

    from tests.store_fixture import StoreParts


async def test_a_row_follows_its_grant(parts: StoreParts) -> None:
    application, until = an_application(parts), parts.clock.now() + HOUR
    grant = a_grant(parts, application, "write", "read", expires_at=until)
    await save(parts, application, grant)
    [row] = await rows(parts, "grants")
    assert dict(row) == {
        "id": grant.id, "organization": ORGANIZATION, "application": application.id, "audience": "api",
        "scope": ["read", "write"], "status": "pending", "requested_by": NIL, "decided_by": None, "reason": None,
        "expires_at": until, "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 2,
    }  # fmt: skip
    grant.approve(an_approver(), parts.clock.now(), until + HOUR)
    await save(parts, grant)
    row = await grants.one(parts.pool, grant.id)
    assert row is not None
    assert (row["status"], row["decided_by"], row["expires_at"]) == ("approved", APPROVER, until + HOUR)
    grant.revoke(an_approver(), "no longer", parts.clock.now())
    await save(parts, grant)
    row = await grants.one(parts.pool, grant.id)
    assert row is not None
    assert (row["status"], row["reason"]) == ("revoked", "no longer")
    await same_when_rebuilt(parts, "grants")


async def test_a_rejected_grant_keeps_its_reason(parts: StoreParts) -> None:
    application = an_application(parts)
    grant = a_grant(parts, application, "read")
    grant.reject(an_approver(), "no need", parts.clock.now())
    await save(parts, application, grant)
    [row] = await rows(parts, "grants")
    assert (row["status"], row["decided_by"], row["reason"]) == ("rejected", APPROVER, "no need")
    await same_when_rebuilt(parts, "grants")


async def test_what_the_approved_grants_of_an_application_name_together(parts: StoreParts) -> None:
    application, other = an_application(parts), an_application(parts)
    mine = [a_grant(parts, application, *scope) for scope in (["a", "b"], ["b", "c"], ["pending"])]
    foreign = a_grant(parts, other, "foreign")
    for grant in (*mine[:2], foreign):
        grant.approve(an_approver(), parts.clock.now())
    await save(parts, application, other, *mine, foreign)
    assert sorted(await grants.approved_scope(parts.pool, application.id)) == ["a", "b", "c"]


async def test_pages_go_by_id_and_can_be_narrowed(parts: StoreParts) -> None:
    application, other = an_application(parts), an_application(parts, organization=APPROVER)
    made = [a_grant(parts, application, "read"), a_grant(parts, application, "read"), a_grant(parts, other, "read")]
    made[1].reject(an_approver(), None, parts.clock.now())
    await save(parts, application, other, *made)
    ids = [grant.id for grant in made]

    async def page(organization: UUID | None = None, **narrowed: object) -> list[object]:
        told = {"application": None, "status": None, "after": NIL, "limit": 10, **narrowed}
        return [row["id"] for row in await grants.page(parts.pool, organization, **told)]  # type: ignore[arg-type]

    assert await page(limit=2) == ids[:2]
    assert await page(after=ids[0]) == ids[1:]
    assert await page(ORGANIZATION) == ids[:2]
    assert await page(application=other.id) == ids[2:]
    assert await page(status="rejected") == [ids[1]]
