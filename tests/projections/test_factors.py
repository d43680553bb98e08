"""Factors of users: which there are, when they were used, and nothing of what they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.factor import AuthenticationFactor
from projections import factors
from tests.projections.given import HOUR, a_user, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
DIGESTS = [f"{n:064x}" for n in range(10)]


async def test_a_row_follows_its_factor(parts: StoreParts) -> None:
    user, other, clock = a_user(parts), a_user(parts, "Grace"), parts.clock
    first = clock.now()
    app = AuthenticationFactor.add_totp(id=clock.new_id(), user=user, secret=SECRET, now=first)
    await save(parts, user, other, app)
    clock.move(HOUR)
    codes = AuthenticationFactor.add_backup_codes(id=clock.new_id(), user=user, digests=DIGESTS, now=clock.now())
    app.use_step(59_000_000, clock.now())
    await save(parts, app, codes)
    assert [dict(row) for row in await factors.of_user(parts.pool, user.id)] == [
        {"id": app.id, "type": "Totp", "created_at": first, "last_used_at": first + HOUR, "remaining": None},
        {"id": codes.id, "type": "BackupCode", "created_at": first + HOUR, "last_used_at": None, "remaining": 10},
    ]
    assert await factors.of_user(parts.pool, other.id) == []
    codes.use_backup_code(DIGESTS[7], clock.now())
    codes.use_backup_code(DIGESTS[0], clock.now())
    app.remove(clock.now())
    await save(parts, app, codes)
    [left] = await factors.of_user(parts.pool, user.id)
    assert (left["id"], left["remaining"], left["last_used_at"]) == (codes.id, 8, first + HOUR)
    await same_when_rebuilt(parts, "factors")


async def test_no_row_holds_what_a_factor_is_made_of(parts: StoreParts) -> None:
    user, now = a_user(parts), parts.clock.now()
    app = AuthenticationFactor.add_totp(id=parts.clock.new_id(), user=user, secret=SECRET, now=now)
    codes = AuthenticationFactor.add_backup_codes(id=parts.clock.new_id(), user=user, digests=DIGESTS, now=now)
    await save(parts, user, app, codes)
    shown = str([dict(row) for row in await rows(parts, "factors")])
    assert SECRET not in shown
    assert not any(digest in shown for digest in DIGESTS)
    stored = await parts.owner.fetch("SELECT state FROM muniment.events WHERE topic = 'factor.added'")
    assert len(stored) == 2
    for row in stored:
        assert SECRET.encode() not in row["state"]
        assert not any(digest.encode() in row["state"] for digest in DIGESTS)
