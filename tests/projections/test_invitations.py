"""Invitations by user and by link: one a user, and only the latest link leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from domain.invitation import LIFETIME, Invitation
from projections import invitations, users
from tests.projections.given import ORGANIZATION, an_account, an_invited_user, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from domain.user import User
    from tests.store_fixture import StoreParts


def an_invitation(parts: StoreParts, user: User, digest: str = "first") -> Invitation:
    return Invitation.issue(
        id=parts.clock.new_id(), organization=ORGANIZATION, user=user.id, email="ada@example.com", digest=digest,
        locale="en", signin_url="https://app.example.com", now=parts.clock.now(),
    )  # fmt: skip


async def test_an_invitation_is_found_by_its_user_and_by_its_latest_link(parts: StoreParts) -> None:
    home, user = an_account(parts, id=ORGANIZATION), an_invited_user(parts)
    invitation = an_invitation(parts, user)
    await save(parts, home, user, invitation)
    row = await invitations.by_digest(parts.pool, "first")
    assert row is not None
    assert (row["user_id"], row["organization_name"], row["expires_at"]) == (
        user.id, "Acme", parts.clock.now() + LIFETIME,
    )  # fmt: skip
    assert (await users.person(parts.pool, user.id))["invitation_expires_at"] == row["expires_at"]  # type: ignore[index]
    invitation.resend(email="ada@example.com", digest="second", locale="zh", signin_url=None, now=parts.clock.now())
    await save(parts, invitation)
    assert await invitations.by_digest(parts.pool, "first") is None
    again = await invitations.by_digest(parts.pool, "second")
    assert again is not None
    assert (again["locale"], again["signin_url"]) == ("zh", "https://app.example.com")
    await same_when_rebuilt(parts, "invitations")


async def test_what_is_over_is_found_by_its_user_alone(parts: StoreParts) -> None:
    home = an_account(parts, id=ORGANIZATION)
    pending = [an_invited_user(parts, f"{n}@example.com") for n in range(2)]
    revoked, accepted = (an_invitation(parts, user, str(n)) for n, user in enumerate(pending))
    revoked.revoke(parts.clock.now())
    accepted.accept("1", parts.clock.now())
    await save(parts, home, *pending, revoked, accepted)
    assert [(await invitations.of_user(parts.pool, user.id))["status"] for user in pending] == [  # type: ignore[index]
        "revoked", "accepted",
    ]  # fmt: skip
    assert [await invitations.by_digest(parts.pool, digest) for digest in "01"] == [None, None]
    assert (await users.person(parts.pool, pending[0].id))["invitation_expires_at"] is None  # type: ignore[index]
    await same_when_rebuilt(parts, "invitations")


async def test_an_organization_that_is_not_active_invites_nobody(parts: StoreParts) -> None:
    home, user = an_account(parts, id=ORGANIZATION), an_invited_user(parts)
    await save(parts, home, user, an_invitation(parts, user))
    home.suspend(SYSTEM, parts.clock.now())
    await save(parts, home)
    assert await invitations.by_digest(parts.pool, "first") is None


async def test_an_invitation_goes_with_its_user(parts: StoreParts) -> None:
    user = an_invited_user(parts)
    await save(parts, user, an_invitation(parts, user))
    user.delete(SYSTEM, parts.clock.now())
    await save(parts, user)
    assert await rows(parts, "invitations") == []
    assert await invitations.of_user(parts.pool, user.id) is None
    await same_when_rebuilt(parts, "invitations")
