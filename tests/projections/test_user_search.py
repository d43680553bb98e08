"""People as those see them who manage their settings: by id and by search, with the application they first came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from domain.authorization import Authorization
from domain.device_authorization import DeviceAuthorization
from projections import user_search
from projections.user_search import Term
from tests.projections.given import APPLICATION, APPROVER, HOUR, NIL, ORGANIZATION, a_user, follow, save

if TYPE_CHECKING:
    from uuid import UUID

    from domain.user import User
    from tests.store_fixture import StoreParts


def a_code(parts: StoreParts, user: User, application: UUID) -> Authorization:
    now = parts.clock.now()
    return Authorization.issue(
        id=parts.clock.new_id(), organization=ORGANIZATION, application=application, user=user.id, session=None,
        account=None, membership=None, scope="openid", audience="api", redirect_uri=None, code_challenge=None,
        nonce=None, methods=["pwd"], authenticated_at=now, digest=uuid4().hex, lifetime=HOUR, now=now,
    )  # fmt: skip


async def first(parts: StoreParts, user: User) -> UUID | None:
    row = await user_search.one(parts.pool, user.id)
    assert row is not None
    application: UUID | None = row["first_application"]
    return application


async def test_the_first_application_is_the_one_that_somebody_was_made_of(parts: StoreParts) -> None:
    user = a_user(parts)
    await save(parts, user, a_code(parts, user, APPROVER))
    await follow(parts)
    assert await first(parts, user) == APPLICATION


async def test_or_else_the_first_that_they_signed_in_to(parts: StoreParts) -> None:
    user, other = a_user(parts, application=None), a_user(parts, application=None)
    await save(parts, user, other)
    await follow(parts)
    assert await first(parts, user) is None
    await save(parts, a_code(parts, user, APPROVER))
    assert await first(parts, user) is None, "the audit has not come to that"
    await follow(parts)
    assert await first(parts, user) == APPROVER
    await save(parts, a_code(parts, user, APPLICATION))
    await follow(parts)
    assert (await first(parts, user), await first(parts, other)) == (APPROVER, None)


async def test_a_device_counts_like_a_browser(parts: StoreParts) -> None:
    user, now = a_user(parts, application=None), parts.clock.now()
    device = DeviceAuthorization.request(
        id=parts.clock.new_id(), organization=ORGANIZATION, application=APPROVER, scope="openid", audience="api",
        user_code_digest="code", digest="digest", expires_at=now + HOUR, now=now,
    )  # fmt: skip
    device.approve(
        user=user.id, organization=ORGANIZATION, session=parts.clock.new_id(), authenticated_at=now, methods=("pwd",),
        now=now,
    )  # fmt: skip
    await save(parts, user, device)
    await follow(parts)
    assert await first(parts, user) == APPROVER


async def test_a_search_is_of_one_organization_or_of_all(parts: StoreParts) -> None:
    here, there = a_user(parts, "Ada"), a_user(parts, "Ada", organization=APPROVER)
    await save(parts, here, there)

    async def found(organization: UUID | None, *terms: Term, **more: Any) -> tuple[list[object], int]:
        options = {"every": False, "limit": 10, "offset": 0, **more}
        rows, total = await user_search.search(parts.pool, organization, terms, **options)
        return [row["id"] for row in rows], total

    ada = Term(("name",), "ada", exact=True)
    assert await found(ORGANIZATION, ada) == ([here.id], 1)
    assert await found(None, ada) == ([there.id, here.id], 2)
    assert await found(None, ada, limit=1, offset=1) == ([here.id], 2)
    assert await found(NIL) == ([], 0)
    assert await found(None, Term(("name",), "ada", exact=True, case_sensitive=True)) == ([], 0)
    assert await found(None, Term(("name",), "_da")) == ([], 0), "only % stands for anything"
    assert await found(None, ada, Term(("id",), str(here.id)), every=True) == ([here.id], 1)
