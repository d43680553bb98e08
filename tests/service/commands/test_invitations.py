"""People are invited, reminded, called back and let in; what happens at the same moment is decided once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.caller import SYSTEM
from domain.invitation import LIFETIME
from projections import users as user_rows
from service.commands import accounts, applications, email_verifications, invitations, people, roles, users
from service.messages.links import Links
from service.secrets.digests import EMAIL_VERIFICATION, INVITATION
from service.secrets.master_key import MasterKeys
from tests.service.commands.given import (
    ROOT,
    a_role,
    an_application,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from domain.user import User
    from tests.store_fixture import StoreParts


def links(parts: StoreParts) -> Links:
    return Links(parts.master_keys, "https://muniment.test")


async def a_home(parts: StoreParts) -> UUID:
    return (await an_application(parts, (await an_organization(parts)).id)).id


async def invited(parts: StoreParts, home: UUID, email: str = "ada@example.com", **more: Any) -> User:
    made = await invitations.invite(
        parts.store, origin(), SYSTEM, links=links(parts), application=home, email=email, **more
    )
    return made.value.user


async def secret_of(parts: StoreParts, kind: str = INVITATION) -> str:
    """Return the secret of the latest link of a kind, as the sender makes it from the log."""
    [*_, event] = [each for each in await log(parts) if hasattr(each, "digest") and hasattr(each, "email")]
    link = links(parts).link(kind, event.originator_id, event.originator_version, event.expires_at, event.digest)
    assert link is not None
    return link.partition("token=")[2]


async def accept(parts: StoreParts, secret: str) -> object:
    return await invitations.accept(parts.store, uuid4(), secret=secret)


async def test_an_invitation_is_one_append(parts: StoreParts) -> None:
    home = await a_home(parts)
    organization = (await log(parts))[0].originator_id
    role = await a_role(parts, organization)
    before = await head(parts)
    user = await invited(parts, home, roles=["auditor"], given_name="Ada")
    assert await topics(parts, after=before) == [
        "user.created", "user.profile_changed", "user.email_changed", "user.role_assigned", "invitation.issued",
    ]  # fmt: skip
    assert await parts.pool.fetchval(
        "SELECT count(DISTINCT causation) FROM muniment.log WHERE notification_id > $1", before
    ) == 1  # fmt: skip
    assert list(user.roles) == [role.id]


async def test_an_address_is_free_again_when_its_user_is_deleted(parts: StoreParts) -> None:
    home = await a_home(parts)
    user = await invited(parts, home)
    with pytest.raises(refusals.EmailTaken):
        await invited(parts, home, "ADA@example.com")
    await users.delete(parts.store, origin(), SYSTEM, user=user.id)
    assert (await topics(parts))[-2:] == ["invitation.revoked", "user.deleted"]
    await invited(parts, home, "ADA@example.com")


async def test_the_first_two_addresses_of_all_are_claimed_under_one_key(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    home, other = await a_home(parts), await open_parts()
    with meanwhile(parts, lambda: invited(other, home, "grace@example.com")) as decided:
        await invited(parts, home, "ada@example.com")
    assert len(decided) == 2, "the key was made meanwhile, so the digest was made anew"
    for process, address in ((parts, "grace@example.com"), (other, "ada@example.com")):
        with pytest.raises(refusals.EmailTaken):
            await invited(process, home, address)


async def test_an_address_stays_taken_after_the_master_key_was_rotated(parts: StoreParts) -> None:
    home = await a_home(parts)
    await invited(parts, home)
    ring = MasterKeys([bytes(reversed(range(32))), bytes(range(32))])
    parts.master_keys.adopt(ring)
    async with parts.owner.transaction():
        await parts.vault.rewrap(parts.owner)
        await parts.owner.execute("UPDATE muniment.settings SET value = $1 WHERE name = 'master_key'", ring.current_id)
    parts.clock.move(timedelta(minutes=5))
    with pytest.raises(refusals.EmailTaken):
        await invited(parts, home)


async def test_a_link_of_before_a_rotation_still_works(parts: StoreParts) -> None:
    await invited(parts, await a_home(parts))
    parts.master_keys.adopt(MasterKeys([bytes(reversed(range(32))), bytes(range(32))]))
    await accept(parts, await secret_of(parts))


async def test_many_processes_invite_one_address_once(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    home = await a_home(parts)
    processes = [parts, await open_parts(), await open_parts()]
    results = await asyncio.gather(*(invited(each, home) for each in processes * 3), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.EmailTaken] * 8
    assert (await topics(parts)).count("invitation.issued") == 1


async def test_many_processes_accept_once(parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    await invited(parts, await a_home(parts))
    secret = await secret_of(parts)
    processes = [parts, await open_parts(), await open_parts()]
    results = await asyncio.gather(*(accept(each, secret) for each in processes * 3), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.UnknownInvitation] * 8
    assert (await topics(parts)).count("user.activated") == 1


async def test_a_link_works_up_to_the_instant_before_it_expires(parts: StoreParts) -> None:
    await invited(parts, await a_home(parts))
    secret = await secret_of(parts)
    parts.clock.move(LIFETIME)
    with pytest.raises(refusals.UnknownInvitation):
        await accept(parts, secret)
    parts.clock.move(-timedelta(microseconds=1))
    await accept(parts, secret)


WHILE_ACCEPTED: list[Callable[[StoreParts, UUID, UUID], Awaitable[object]]] = [
    lambda parts, user, _: invitations.revoke(parts.store, origin(), SYSTEM, user=user),
    lambda parts, user, _: invitations.resend(parts.store, origin(), SYSTEM, links=links(parts), user=user),
    lambda parts, user, _: users.delete(parts.store, origin(), SYSTEM, user=user),
    lambda parts, _, organization: accounts.move_status(
        parts.store, origin(), ROOT, account=organization, status="suspended"
    ),
]


@pytest.mark.parametrize("happening", WHILE_ACCEPTED, ids=["revoked", "resent", "deleted", "suspended"])
async def test_what_forbids_an_acceptance_meanwhile_forbids_it(
    parts: StoreParts, happening: Callable[[StoreParts, UUID, UUID], Awaitable[object]]
) -> None:
    user = await invited(parts, await a_home(parts))
    secret = await secret_of(parts)
    with (
        meanwhile(parts, lambda: happening(parts, user.id, user.organization)),
        pytest.raises(refusals.UnknownInvitation),
    ):
        await accept(parts, secret)
    assert "user.activated" not in await topics(parts)


async def test_an_acceptance_meanwhile_keeps_others_from_calling_back(parts: StoreParts) -> None:
    user = await invited(parts, await a_home(parts))
    secret = await secret_of(parts)
    with meanwhile(parts, lambda: accept(parts, secret)), pytest.raises(refusals.UserAlreadyActive):
        await invitations.revoke(parts.store, origin(), SYSTEM, user=user.id)


async def test_a_role_that_becomes_privileged_meanwhile_is_not_given_to_the_invited(parts: StoreParts) -> None:
    home = await a_home(parts)
    organization = (await log(parts))[0].originator_id
    role = await a_role(parts, organization)
    by = backend(organization)
    with (
        meanwhile(parts, lambda: roles.change(parts.store, origin(), ROOT, role=role.id, permissions=["root"])),
        pytest.raises(refusals.PrivilegedRole),
    ):
        await invitations.invite(
            parts.store, origin(by), by, links=links(parts), application=home, email="a@example.com", roles=["auditor"]
        )
    assert "user.created" not in await topics(parts)


async def test_only_an_active_application_of_the_callers_organization_invites(parts: StoreParts) -> None:
    home = await a_home(parts)
    await applications.disable(parts.store, origin(), SYSTEM, application=home)
    with pytest.raises(refusals.ApplicationNotActive):
        await invited(parts, home)
    stranger = backend(uuid4())
    with pytest.raises(refusals.UnknownApplication):
        await invitations.invite(
            parts.store, origin(stranger), stranger, links=links(parts), application=home, email="a@example.com"
        )


async def test_a_stranger_does_not_know_the_invitation(parts: StoreParts) -> None:
    user, stranger = await invited(parts, await a_home(parts)), backend(uuid4())
    before = await head(parts)
    for command in (
        lambda: invitations.revoke(parts.store, origin(stranger), stranger, user=user.id),
        lambda: invitations.resend(parts.store, origin(stranger), stranger, links=links(parts), user=user.id),
        lambda: email_verifications.request(parts.store, origin(stranger), stranger, links=links(parts), user=user.id),
        lambda: people.change(parts.store, origin(stranger), stranger, user=user.id, given_name="Eve"),
        lambda: people.unlink(parts.store, origin(stranger), stranger, user=user.id),
    ):
        with pytest.raises(refusals.UnknownUser):
            await command()
    assert await head(parts) == before


async def test_an_address_is_confirmed_by_its_latest_link_once(parts: StoreParts) -> None:
    user = await invited(parts, await a_home(parts))
    for _ in range(2):
        await email_verifications.request(parts.store, origin(), SYSTEM, links=links(parts), user=user.id)
    secret = await secret_of(parts, EMAIL_VERIFICATION)
    results = await asyncio.gather(
        *(email_verifications.verify(parts.store, uuid4(), secret=secret) for _ in range(4)), return_exceptions=True
    )
    assert [type(result) for result in results].count(refusals.UnknownVerification) == 3
    row = await user_rows.one(parts.pool, user.id)
    assert row is not None
    assert row["email_verified"] is True


async def test_a_link_to_confirm_by_lasts_a_day(parts: StoreParts) -> None:
    user = await invited(parts, await a_home(parts))
    await email_verifications.request(parts.store, origin(), SYSTEM, links=links(parts), user=user.id)
    secret = await secret_of(parts, EMAIL_VERIFICATION)
    parts.clock.move(timedelta(hours=24))
    with pytest.raises(refusals.UnknownVerification):
        await email_verifications.verify(parts.store, uuid4(), secret=secret)
    parts.clock.move(-timedelta(microseconds=1))
    await email_verifications.verify(parts.store, uuid4(), secret=secret)


async def test_deleting_a_linked_user_frees_the_other_one_in_the_same_append(parts: StoreParts) -> None:
    home = await a_home(parts)
    one, other = await invited(parts, home, "a@example.com"), await invited(parts, home, "b@example.com")
    await people.link(parts.store, origin(), SYSTEM, user=one.id, other=other.id)
    await users.delete(parts.store, origin(), SYSTEM, user=one.id)
    row = await user_rows.one(parts.pool, other.id)
    assert row is not None
    assert row["linked_user"] is None
    assert (await topics(parts)).count("user.unlinked") == 2
