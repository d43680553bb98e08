"""Revocation epochs: one row a target, holding a position that only ever grows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from domain.caller import SYSTEM
from domain.revocation import Revocation
from service.store.log import read_page
from tests.projections.given import (
    APPLICATION,
    APPROVER,
    ORGANIZATION,
    a_user,
    an_account,
    an_application,
    an_approver,
    same_when_rebuilt,
    save,
)

if TYPE_CHECKING:
    from datetime import datetime

    from tests.store_fixture import StoreParts

INSTANT, DAY = timedelta(microseconds=1), timedelta(days=1)


def a_revocation(parts: StoreParts, **told: Any) -> Revocation:
    fields = {"application": None, "user": None, "end_user": None, "before": None, "cascade": False, "reason": None}
    return Revocation.record(
        id=parts.clock.new_id(), organization=ORGANIZATION, by=SYSTEM, now=parts.clock.now(), **{**fields, **told}
    )


async def epochs(parts: StoreParts) -> dict[str, int]:
    return dict(await parts.owner.fetch("SELECT key, position FROM models.revocation_epochs"))


@pytest.mark.parametrize(
    ("named", "key"),
    [
        ({"application": APPLICATION}, f"application:{APPLICATION}"),
        ({"user": APPROVER}, f"user:{APPROVER}"),
        ({"end_user": "a:b"}, f"end-user:{ORGANIZATION}:a:b"),
        ({"application": APPLICATION, "user": APPROVER}, f"application:{APPLICATION}:user:{APPROVER}"),
        ({"application": APPLICATION, "end_user": "x"}, f"application:{APPLICATION}:end-user:x"),
    ],
)
@pytest.mark.parametrize("cascade", [False, True])
async def test_a_revocation_is_a_row_of_its_own_position(
    parts: StoreParts, named: dict[str, Any], key: str, *, cascade: bool
) -> None:
    await save(parts, a_revocation(parts, cascade=cascade, **named))
    kinds = ("access", "refresh") if cascade else ("access",)
    assert await epochs(parts) == {f"{kind}:{key}": 1 for kind in kinds}
    await same_when_rebuilt(parts, "revocations")


async def test_suspending_and_deleting_a_user_ends_all_their_tokens(parts: StoreParts) -> None:
    user = a_user(parts)
    await save(parts, user)
    for position, ending in (
        (2, lambda: user.suspend(now=parts.clock.now())),
        (3, lambda: user.delete(SYSTEM, parts.clock.now())),
    ):
        ending()
        await save(parts, user)
        assert await epochs(parts) == {f"{kind}:user:{user.id}": position for kind in ("access", "refresh")}
    await same_when_rebuilt(parts, "revocations")


async def test_submitting_and_rejecting_a_third_party_ends_the_tokens_it_had(parts: StoreParts) -> None:
    application, now = an_application(parts, kind="web"), parts.clock.now()
    said = {"domain": "shop.test", "description": None, "scope_kinds": ["sso"], "by": SYSTEM}
    ended = [f"{kind}:application:{application.id}" for kind in ("access", "refresh")]
    application.submit(**said, now=now)  # type: ignore[arg-type]
    position = await save(parts, application)
    assert await epochs(parts) == dict.fromkeys(ended, position)
    application.approve(an_approver(), now, now + DAY)
    await save(parts, application)
    assert await epochs(parts) == dict.fromkeys(ended, position)
    application.reject(an_approver(), "No", now)
    position = await save(parts, application)
    assert await epochs(parts) == dict.fromkeys(ended, position)
    application.resubmit(application.settings, **said, now=now)  # type: ignore[arg-type]
    position = await save(parts, application)
    assert await epochs(parts) == dict.fromkeys(ended, position)
    await same_when_rebuilt(parts, "revocations")


async def recorded(parts: StoreParts) -> list[datetime]:
    return [entry.recorded_at for entry in await read_page(parts.pool, after=0, until=99, limit=99)]


async def test_before_a_time_means_up_to_the_last_position_before_it(parts: StoreParts) -> None:
    for _ in range(3):
        await save(parts, an_account(parts))
    times = await recorded(parts)
    for before, position in (
        (times[0], 0), (times[1], 1), (times[1] + INSTANT, 2), (times[2] + INSTANT, 3), (times[2] + DAY, None),
    ):  # fmt: skip
        await parts.owner.execute("DELETE FROM models.revocation_epochs")
        own = await save(parts, a_revocation(parts, application=APPLICATION, before=before))
        reached = (await epochs(parts))[f"access:application:{APPLICATION}"]
        # In the future lies every token there is by then, not those that come later.
        assert reached == (own if position is None else position)


async def test_an_epoch_never_goes_back(parts: StoreParts) -> None:
    await save(parts, an_account(parts))
    [first] = await recorded(parts)
    await save(parts, a_revocation(parts, application=APPLICATION))
    await save(parts, a_revocation(parts, application=APPLICATION, before=first + INSTANT))
    assert await epochs(parts) == {f"access:application:{APPLICATION}": 2}
    both = [a_revocation(parts, application=APPLICATION), a_revocation(parts, application=APPLICATION, before=first)]
    await save(parts, *both)
    assert await epochs(parts) == {f"access:application:{APPLICATION}": 4}
    await same_when_rebuilt(parts, "revocations")
