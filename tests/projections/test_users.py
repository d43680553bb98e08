"""Users as they are, with their roles; names in plain form, gone with the user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from domain.caller import SYSTEM
from domain.person import Factor, Profile
from domain.session import Session
from domain.user import User
from projections import users
from tests.projections.given import (
    APPLICATION,
    APPROVER,
    HOUR,
    NIL,
    ORGANIZATION,
    a_role,
    a_user,
    an_account,
    an_invited_user,
    rows,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from domain.account import Account
    from tests.store_fixture import StoreParts


async def test_a_row_follows_its_user(parts: StoreParts) -> None:
    user = a_user(parts)
    await save(parts, user)
    [row] = await rows(parts, "users")
    assert dict(row) == {
        "id": user.id, "organization": ORGANIZATION, "application": APPLICATION, "status": "active", "name": "Ada",
        "given_name": None, "family_name": None, "locale": None, "middle_name": None, "nickname": None,
        "preferred_username": None, "profile": None, "picture": None, "website": None, "gender": None,
        "birthdate": None, "zoneinfo": None, "address": None, "custom_data": "{}", "username": None,
        "has_password": False, "email": None, "email_verified": False, "phone": None, "phone_verified": False,
        "verification_digest": None, "verification_expires_at": None, "email_factor": False, "otp_factor": False,
        "sms_factor": False, "linked_user": None, "last_sign_in_at": None,
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 1,
    }  # fmt: skip
    user.rename(None, parts.clock.now())
    user.suspend("why", now=parts.clock.now())
    await save(parts, user)
    [row] = await rows(parts, "users")
    assert (row["name"], row["status"], row["position"]) == (None, "suspended", 3)
    user.reinstate(parts.clock.now())
    await save(parts, user)
    assert (await rows(parts, "users"))[0]["status"] == "active"
    await same_when_rebuilt(parts, "users")


async def test_roles_come_and_go(parts: StoreParts) -> None:
    user, auditor, clerk = a_user(parts), a_role(parts), a_role(parts, name="clerk")
    for role in (auditor, clerk):
        user.assign_role(role, SYSTEM, parts.clock.now())
    await save(parts, user, auditor, clerk)
    assert (await users.one(parts.pool, user.id))["roles"] == sorted([auditor.id, clerk.id])  # type: ignore[index]
    assert await users.holders(parts.pool, clerk.id, limit=10) == [user.id]
    user.unassign_role(clerk.id, parts.clock.now())
    await save(parts, user)
    assert (await users.one(parts.pool, user.id))["roles"] == [auditor.id]  # type: ignore[index]
    assert await users.holders(parts.pool, clerk.id, limit=10) == []
    await same_when_rebuilt(parts, "users")


async def test_nothing_is_left_of_a_deleted_user(parts: StoreParts) -> None:
    user, role = a_user(parts), a_role(parts)
    user.assign_role(role, SYSTEM, parts.clock.now())
    await save(parts, user, role)
    user.delete(SYSTEM, parts.clock.now())
    await save(parts, user)
    assert await rows(parts, "users") == await rows(parts, "user_roles") == []
    assert await users.one(parts.pool, user.id) is None
    assert await users.known(parts.pool, [user.id, NIL]) == []
    await same_when_rebuilt(parts, "users")


async def test_pages_go_by_id_and_can_be_narrowed(parts: StoreParts) -> None:
    mine = [a_user(parts, f"{n}") for n in range(4)]
    suspended = a_user(parts, "s", status="suspended")
    elsewhere = a_user(parts, "e", organization=APPROVER, application=APPROVER)
    await save(parts, *mine, suspended, elsewhere)

    async def page(**narrowed: object) -> list[object]:
        told = {"organization": None, "application": None, "status": None, "after": NIL, "limit": 10, **narrowed}
        return [row["id"] for row in await users.page(parts.pool, told.pop("organization"), **told)]  # type: ignore[arg-type]

    ids = [user.id for user in mine]
    assert await page(limit=3) == ids[:3]
    assert await page(after=ids[2]) == [ids[3], suspended.id, elsewhere.id]
    assert await page(organization=ORGANIZATION) == [*ids, suspended.id]
    assert await page(application=APPROVER) == [elsewhere.id]
    assert await page(status="suspended") == [suspended.id]
    assert await users.known(parts.pool, [elsewhere.id, ids[0], NIL]) == [ids[0], elsewhere.id]


async def test_a_person_is_shown_as_they_became(parts: StoreParts) -> None:
    user, other, now = an_invited_user(parts), a_user(parts), parts.clock.now()
    user.accept_invitation(now)
    user.change_profile(Profile("Grace", "Hopper", "en"), now)
    user.change_email("grace@example.com", now)
    user.request_email_verification("digest", now + HOUR, None, now)
    user.require_factor(Factor.OTP, now)
    user.require_factor(Factor.SMS, now)
    user.waive_factor(Factor.SMS, now)
    user.link(other, now)
    await save(parts, user, other)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    shown = ("status", "given_name", "family_name", "locale", "email", "email_verified", "otp_factor", "sms_factor")
    assert [row[name] for name in shown] == [
        "active", "Grace", "Hopper", "en", "grace@example.com", False, True, False,
    ]  # fmt: skip
    assert (row["linked_user"], row["verification_expires_at"]) == (other.id, now + HOUR)
    assert await users.by_verification(parts.pool, "digest") == user.id
    user.verify_email("digest", now)
    user.unlink(now)
    await save(parts, user)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    assert (row["email_verified"], row["linked_user"], row["verification_digest"]) == (True, None, None)
    assert await users.by_verification(parts.pool, "digest") is None
    await same_when_rebuilt(parts, "users")


async def test_what_a_person_signs_in_with_is_shown_but_for_the_password(parts: StoreParts) -> None:
    now = parts.clock.now()
    user = User.create(id=parts.clock.new_id(), organization=ORGANIZATION, name="Ada", now=now)
    user.change_username("ada", now)
    user.change_phone("447400123456", now, verified=True)
    user.change_password("the digest", now)
    user.rehash_password("the digest", "a better digest", now)
    profile = Profile(
        "Ada", "Lovelace", "en", "King", "A", "countess", "https://a.example", "https://a.example/x.png", "a.example",
        "f", "1815-12-10", "Europe/London", {"locality": "London"},
    )  # fmt: skip
    user.change_profile(profile, now)
    user.change_custom_data({"tier": 1, "big": 123456789012345678901234567890}, now)
    await save(parts, user)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    assert {name: row[name] for name in vars(profile) if name != "address"} == {
        name: value for name, value in vars(profile).items() if name != "address"
    }
    assert (json.loads(row["address"]), json.loads(row["custom_data"])) == (profile.address, user.custom_data)
    assert (row["application"], row["username"], row["phone"], row["phone_verified"], row["has_password"]) == (
        None, "ada", "447400123456", True, True,
    )  # fmt: skip
    assert not {"the digest", "a better digest"} & set(map(str, row.values()))
    await same_when_rebuilt(parts, "users")
    user.change_profile(Profile(), now)
    user.change_username(None, now)
    user.change_phone(None, now)
    user.change_custom_data({}, now)
    await save(parts, user)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    assert {row[name] for name in (*vars(profile), "username", "phone")} == {None}
    assert (row["custom_data"], row["phone_verified"], row["has_password"]) == ("{}", False, True)
    await same_when_rebuilt(parts, "users")


async def test_a_change_of_roles_is_a_change_of_the_user(parts: StoreParts) -> None:
    user, role = a_user(parts), a_role(parts)
    await save(parts, user, role)
    parts.clock.move(HOUR)
    user.assign_role(role, SYSTEM, parts.clock.now())
    await save(parts, user)
    assert (await users.one(parts.pool, user.id))["updated_at"] == parts.clock.now()  # type: ignore[index]
    parts.clock.move(HOUR)
    user.unassign_role(role.id, parts.clock.now())
    await save(parts, user)
    assert (await users.one(parts.pool, user.id))["updated_at"] == parts.clock.now()  # type: ignore[index]


async def test_people_are_listed_by_what_they_are_and_where_they_belong(parts: StoreParts) -> None:
    clerk = a_role(parts, name="clerk")
    ada, grace = a_user(parts), an_invited_user(parts, "grace@example.com")
    ada.change_profile(Profile("Ada", "Lovelace"), parts.clock.now())
    ada.assign_role(clerk, SYSTEM, parts.clock.now())
    elsewhere = a_user(parts, organization=APPROVER)
    await save(parts, clerk, ada, grace, elsewhere)

    async def found(**wanted: Any) -> list[object]:
        rows = await users.listing(parts.pool, ORGANIZATION, **wanted, limit=10, offset=0)
        assert await users.listing_count(parts.pool, ORGANIZATION, **wanted) == len(rows)
        return [row["id"] for row in rows]

    assert await found() == [ada.id, grace.id]
    assert await found(search="LOVE") == await found(search="ada lovelace") == await found(role=clerk.id) == [ada.id]
    assert await found(search="@example") == [grace.id]
    assert await found(search="%") == await found(account=NIL) == await found(group=NIL) == []
    [row] = await users.listing(parts.pool, ORGANIZATION, limit=1, offset=1)
    assert row["id"] == grace.id
    assert (await users.person(parts.pool, ada.id))["role_names"] == ["clerk"]  # type: ignore[index]


async def test_the_last_sign_in_is_told_and_is_no_change_of_the_user(parts: StoreParts) -> None:
    organization, user, born = an_account(parts, id=ORGANIZATION), a_user(parts), parts.clock.now()
    session = a_session(parts, user, organization)
    await save(parts, organization, user, session)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    assert (row["last_sign_in_at"], row["updated_at"]) == (born, born)
    parts.clock.move(HOUR)
    now = parts.clock.now()
    session.authenticate(
        user=user, organization=organization, digest="other", methods=("pwd",), expires_at=now + HOUR, now=now
    )
    await save(parts, session)
    row = await users.one(parts.pool, user.id)
    assert row is not None
    assert (row["last_sign_in_at"], row["updated_at"]) == (now, born)
    await same_when_rebuilt(parts, "users")
    user.delete(SYSTEM, now)
    session.end(None, now)
    await save(parts, user, session)
    assert await rows(parts, "users") == []
    await same_when_rebuilt(parts, "users")


@pytest.mark.parametrize("column", ["email", "username", "phone"])
async def test_who_has_a_name_is_found_by_an_index(parts: StoreParts, column: str) -> None:
    await parts.owner.execute("SET enable_seqscan = off")
    place = f"SELECT id FROM models.users u WHERE lower(u.{column}) = lower('x') AND u.organization = '{ORGANIZATION}'"
    plan = await parts.owner.fetch(f"EXPLAIN {place}")
    assert f"users_{column}" in str(plan)


def a_session(parts: StoreParts, user: User, organization: Account) -> Session:
    now = parts.clock.now()
    return Session.start(
        id=parts.clock.new_id(), user=user, organization=organization, digest="digest", methods=("pwd",),
        expires_at=now + HOUR + HOUR, now=now,
    )  # fmt: skip
