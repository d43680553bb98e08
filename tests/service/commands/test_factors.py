"""Factors: one of a kind at a time, whoever comes first; every code counts once, on however many workers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyotp
import pytest

from domain import refusals
from domain.caller import SYSTEM, Caller
from domain.factor import Kind
from domain.person import Factor
from domain.user import User
from projections import factors as rows
from service.commands import factors, people, users
from service.secrets import one_time
from tests.service.commands.given import (
    a_user,
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

    from service.commands.factors import NewBackupCodes, NewTotp
    from tests.store_fixture import StoreParts

HOST = "id.example.com"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STEP = timedelta(seconds=30)
CODES = [f"{n:010x}" for n in range(10)]


async def somebody(parts: StoreParts, organization: UUID | None = None) -> UUID:
    organization = organization or (await an_organization(parts)).id
    return (await a_user(parts, (await an_application(parts, organization)).id)).id


async def an_app(parts: StoreParts, user: UUID, **more: Any) -> NewTotp:
    return (await factors.add_totp(parts.store, origin(), SYSTEM, user=user, host=HOST, **more)).value


async def codes(parts: StoreParts, user: UUID, chosen: list[str] | None = None) -> NewBackupCodes:
    return (await factors.add_backup_codes(parts.store, origin(), SYSTEM, user=user, codes=chosen)).value


async def typed(parts: StoreParts, user: UUID, code: str, kind: Kind = Kind.TOTP) -> None:
    await factors.verify(parts.store, origin(), SYSTEM, user=user, kind=kind, code=code)


async def claimed(parts: StoreParts) -> list[str]:
    found = await parts.owner.fetch(
        "SELECT space FROM muniment.claims WHERE space = ANY (ARRAY['totp', 'backup-codes']) ORDER BY space"
    )
    return [row["space"] for row in found]


async def test_a_new_secret_is_told_once_and_counts_at_once(parts: StoreParts) -> None:
    user = await somebody(parts)
    added = await an_app(parts, user)
    assert len(added.secret) == 32
    assert pyotp.parse_uri(added.uri).secret == added.secret
    assert added.secret not in repr(added)
    await typed(parts, user, pyotp.TOTP(added.secret).at(parts.clock.now()))
    assert (await topics(parts))[-2:] == ["factor.added", "factor.used"]


async def test_an_app_shows_the_first_that_is_known_of_somebody(parts: StoreParts) -> None:
    now, given = parts.clock.now(), []
    for name, email, phone, username in [
        ("Ada", "ada@example.com", "447400123456", "ada"),
        (None, "ada@example.com", "447400123456", "ada"),
        (None, None, "447400123456", "ada"),
        (None, None, None, "ada"),
        (None, None, None, None),
    ]:
        user = User.create(id=uuid4(), organization=uuid4(), name=name, now=now)
        user.change_email(email, now)
        user.change_phone(phone, now)
        user.change_username(username, now)
        given.append(factors.account_of(user))
    assert given == ["Ada", "ada@example.com", "+447400123456", "ada", "Account"]


async def test_somebody_has_one_app_at_a_time_and_another_after_it(parts: StoreParts) -> None:
    user = await somebody(parts)
    first = await an_app(parts, user, secret=SECRET)
    before = await head(parts)
    for secret in (None, SECRET, "nonsense"):  # that there is one already is told before what is wrong with the other
        with pytest.raises(refusals.TotpInUse):
            await an_app(parts, user, secret=secret)
    assert await head(parts) == before
    await factors.remove(parts.store, origin(), SYSTEM, user=user, factor=first.factor.id)
    assert await claimed(parts) == []
    second = await an_app(parts, user)
    assert await claimed(parts) == ["totp"]
    with pytest.raises(refusals.WrongTotpCode):
        await typed(parts, user, pyotp.TOTP(SECRET).at(parts.clock.now()))
    await typed(parts, user, pyotp.TOTP(second.secret).at(parts.clock.now()))


async def test_of_two_apps_at_once_on_two_workers_one_is_added(
    open_parts: Callable[[], Awaitable[StoreParts]],
) -> None:
    one, other = await open_parts(), await open_parts()
    user = await somebody(one)
    results = await asyncio.gather(*(an_app(each, user) for each in (one, other) * 4), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NewTotp"] + ["TotpInUse"] * 7
    assert len(await rows.of_user(one.pool, user)) == 1
    results = await asyncio.gather(*(codes(each, user) for each in (one, other) * 4), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["BackupCodesInUse"] * 7 + ["NewBackupCodes"]


async def test_a_step_counts_once_on_all_workers_together(open_parts: Callable[[], Awaitable[StoreParts]]) -> None:
    one, other = await open_parts(), await open_parts()
    user = await somebody(one)
    await an_app(one, user, secret=SECRET)
    code = pyotp.TOTP(SECRET).at(one.clock.now())
    results = await asyncio.gather(*(typed(each, user, code) for each in (one, other) * 4), return_exceptions=True)
    assert results.count(None) == 1
    assert [type(result) for result in results if result is not None] == [refusals.WrongTotpCode] * 7
    assert (await topics(one)).count("factor.used") == 1


async def test_a_backup_code_counts_once_on_all_workers_together(
    open_parts: Callable[[], Awaitable[StoreParts]],
) -> None:
    one, other = await open_parts(), await open_parts()
    user = await somebody(one)
    await an_app(one, user)
    await codes(one, user, CODES)
    results = await asyncio.gather(
        *(typed(each, user, CODES[4], Kind.BACKUP_CODES) for each in (one, other) * 4), return_exceptions=True
    )
    assert results.count(None) == 1
    assert [type(result) for result in results if result is not None] == [refusals.WrongBackupCode] * 7
    # Different codes at once all count, and none is lost.
    await asyncio.gather(
        *(typed(each, user, code, Kind.BACKUP_CODES) for each, code in zip((one, other) * 2, CODES[:4], strict=True))
    )
    assert (await rows.of_user(one.pool, user))[1]["remaining"] == 5


async def test_the_same_codes_given_anew_count_anew_and_once(parts: StoreParts) -> None:
    user = await somebody(parts)
    await an_app(parts, user)
    for _ in range(2):
        await codes(parts, user, CODES)
        for code in CODES:
            await typed(parts, user, code, Kind.BACKUP_CODES)
            with pytest.raises(refusals.WrongBackupCode):
                await typed(parts, user, code, Kind.BACKUP_CODES)
    assert await claimed(parts) == ["totp"]


async def test_a_step_before_one_that_was_used_counts_no_more(parts: StoreParts) -> None:
    user = await somebody(parts)
    await an_app(parts, user, secret=SECRET)
    app, now = pyotp.TOTP(SECRET), parts.clock.now()
    await typed(parts, user, app.at(now))
    with pytest.raises(refusals.WrongTotpCode):
        await typed(parts, user, app.at(now - STEP))
    await typed(parts, user, app.at(now + STEP))
    parts.clock.move(STEP)
    with pytest.raises(refusals.WrongTotpCode):
        await typed(parts, user, app.at(parts.clock.now()))


async def test_the_code_that_confirmed_an_app_counts_no_more(parts: StoreParts) -> None:
    user, now = await somebody(parts), parts.clock.now()
    code = pyotp.TOTP(SECRET).at(now)
    await an_app(parts, user, secret=SECRET, step=one_time.check(SECRET, code, now))
    with pytest.raises(refusals.WrongTotpCode):
        await typed(parts, user, code)


async def test_backup_codes_stand_in_for_something(parts: StoreParts) -> None:
    user = await somebody(parts)
    before = await head(parts)
    for chosen in (None, ["nonsense"]):  # told before what is wrong with the codes
        with pytest.raises(refusals.BackupCodesAlone):
            await codes(parts, user, chosen)
    assert await head(parts) == before
    await people.require_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.OTP)
    with pytest.raises(refusals.BackupCodesAlone):
        await codes(parts, user)
    await people.require_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.EMAIL)
    assert len((await codes(parts, user)).codes) == 10


@pytest.mark.parametrize("chosen", [[], CODES[:9], [*CODES, "aaaaaaaaaa"], [*CODES[:9], "x" * 10], [CODES[0]] * 10])
async def test_a_set_of_codes_is_ten_different_ones(parts: StoreParts, chosen: list[str]) -> None:
    user = await somebody(parts)
    await an_app(parts, user)
    before = await head(parts)
    with pytest.raises(refusals.InvalidBackupCodes):
        await codes(parts, user, chosen)
    assert await head(parts) == before


async def test_a_new_set_comes_once_all_of_the_old_is_used(parts: StoreParts) -> None:
    user = await somebody(parts)
    await an_app(parts, user)
    await codes(parts, user, [code.upper() for code in CODES])
    for n, code in enumerate(CODES):
        with pytest.raises(refusals.BackupCodesInUse):
            await codes(parts, user, ["nonsense"])
        assert await claimed(parts) == ["backup-codes", "totp"]
        await typed(parts, user, code if n % 2 else f" {code[:5]} {code[5:]} ".upper(), Kind.BACKUP_CODES)
    assert await claimed(parts) == ["totp"]
    second = await codes(parts, user)
    assert [row["remaining"] for row in await rows.of_user(parts.pool, user)] == [None, 0, 10]
    with pytest.raises(refusals.WrongBackupCode):
        await typed(parts, user, CODES[0], Kind.BACKUP_CODES)
    await typed(parts, user, second.codes[0], Kind.BACKUP_CODES)


async def test_codes_stay_when_the_app_goes_and_can_be_removed(parts: StoreParts) -> None:
    user = await somebody(parts)
    app, kept = await an_app(parts, user), await codes(parts, user)
    await factors.remove(parts.store, origin(), SYSTEM, user=user, factor=app.factor.id)
    assert [row["id"] for row in await rows.of_user(parts.pool, user)] == [kept.factor.id]
    await factors.remove(parts.store, origin(), SYSTEM, user=user, factor=kept.factor.id)
    assert await claimed(parts) == []
    with pytest.raises(refusals.WrongBackupCode):
        await typed(parts, user, kept.codes[0], Kind.BACKUP_CODES)


async def test_only_a_users_own_factor_is_removed_and_once(parts: StoreParts) -> None:
    organization = (await an_organization(parts)).id
    user, other = await somebody(parts, organization), await somebody(parts, organization)
    theirs = (await an_app(parts, other)).factor.id
    before = await head(parts)
    for factor in (theirs, uuid4(), user):
        with pytest.raises(refusals.UnknownFactor):
            await factors.remove(parts.store, origin(), SYSTEM, user=user, factor=factor)
    assert await head(parts) == before
    await factors.remove(parts.store, origin(), SYSTEM, user=other, factor=theirs)
    with pytest.raises(refusals.UnknownFactor):
        await factors.remove(parts.store, origin(), SYSTEM, user=other, factor=theirs)


async def test_to_others_a_user_is_unknown(parts: StoreParts) -> None:
    user = await somebody(parts)
    factor = (await an_app(parts, user)).factor.id
    stranger = backend((await an_organization(parts)).id)
    before = await head(parts)
    for command, more in [
        (factors.add_totp, {"host": HOST}),
        (factors.add_backup_codes, {}),
        (factors.remove, {"factor": factor}),
        (factors.verify, {"kind": Kind.TOTP, "code": "000000"}),
    ]:
        for by, whom in ((stranger, user), (SYSTEM, uuid4())):
            with pytest.raises(refusals.UnknownUser):
                await command(parts.store, origin(by), by, user=whom, **more)  # type: ignore[operator]
    assert await head(parts) == before


async def test_who_asks_for_themselves_needs_to_hold_nothing(parts: StoreParts) -> None:
    organization = (await an_organization(parts)).id
    user = await somebody(parts, organization)
    by = Caller(user, organization, frozenset(), user=user)
    added = await factors.add_totp(parts.store, origin(by), by, user=user, host=HOST, own=True)
    await factors.add_backup_codes(parts.store, origin(by), by, user=user, own=True)
    await factors.remove(parts.store, origin(by), by, user=user, factor=added.value.factor.id, own=True)


async def test_a_factor_that_is_added_meanwhile_is_seen(parts: StoreParts) -> None:
    user = await somebody(parts)
    with meanwhile(parts, lambda: an_app(parts, user)) as decided, pytest.raises(refusals.TotpInUse):
        await an_app(parts, user)
    assert len(decided) == 1


async def test_who_leaves_takes_their_factors_along_unreadable(parts: StoreParts) -> None:
    user = await somebody(parts)
    await an_app(parts, user, secret=SECRET)
    await codes(parts, user, CODES)
    await users.delete(parts.store, origin(), SYSTEM, user=user)
    assert await rows.of_user(parts.pool, user) == []
    assert await claimed(parts) == []
    added = [event for event in await log(parts) if event.TOPIC == "factor.added"]
    assert [(event.secret, event.digests) for event in added] == [(None, None)] * 2
    assert (await topics(parts)).count("factor.removed") == 2
    for command in (lambda: an_app(parts, user), lambda: typed(parts, user, "000000")):
        with pytest.raises(refusals.UnknownUser):
            await command()


async def test_whoever_is_asked_for_no_app_any_more_has_none(parts: StoreParts) -> None:
    user = await somebody(parts)
    await people.require_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.OTP)
    await an_app(parts, user)
    kept = await codes(parts, user)
    await people.waive_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.OTP)
    assert [row["id"] for row in await rows.of_user(parts.pool, user)] == [kept.factor.id]
    assert (await topics(parts))[-2:] == ["user.factor_waived", "factor.removed"]
    await an_app(parts, user)
    await people.waive_factor(parts.store, origin(), SYSTEM, user=user, factor=Factor.OTP)
    assert (await topics(parts))[-1] == "factor.removed"


async def test_another_name_gets_in_nobodys_way(parts: StoreParts) -> None:
    user = await somebody(parts)
    await an_app(parts, user, secret=SECRET)
    code = pyotp.TOTP(SECRET).at(parts.clock.now())

    async def renamed() -> None:
        await people.change(parts.store, origin(), SYSTEM, user=user, given_name="Grace")

    with meanwhile(parts, renamed) as decided:
        await typed(parts, user, code)
    assert len(decided) == 1
