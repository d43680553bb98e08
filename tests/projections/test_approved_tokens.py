"""Rows of tokens that were revoked and approved again, deleted, described: live as when they are rebuilt."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain.token_family import refresh_token_id
from projections import MODELS, tokens
from service.store.rebuild import differences
from tests.projections.given import HOUR, NIL, a_token, rows, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tests.store_fixture import StoreParts

FIRST, SECOND, THIRD = (sha256(bytes([n])).hexdigest() for n in range(3))


class Family:
    """A family with two access tokens and two refresh tokens, of which the second is the current one."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts = parts
        self.now = parts.clock.now()
        self.until = self.now + HOUR
        self.family = a_token(
            parts, grant_type="authorization_code", refresh_digest=FIRST, refresh_expires_at=self.now + 24 * HOUR
        )
        self.first, self.second = self.family.id, self.refreshed(FIRST, SECOND)
        self.refresh = refresh_token_id(SECOND)

    def refreshed(self, presented: str, following: str | None) -> UUID:
        token = self.parts.clock.new_id()
        self.family.refresh(
            presented, token=token, scope="read", audience="api", format="jwt", digest=uuid4().hex * 2,
            expires_at=self.until, refresh_digest=following, refresh_expires_at=self.now + 24 * HOUR, now=self.now,
        )  # fmt: skip
        return token

    def revoke(self, token: UUID | None = None) -> None:
        self.family.revoke(token, "lost", self.now)

    def approve(self, token: UUID, *, cascade: bool = False) -> None:
        self.family.approve(token, cascade=cascade, expires_at=self.until, now=self.now)

    def delete(self, token: UUID) -> None:
        self.family.delete(token, self.now)

    def describe(self, token: UUID, **attributes: str) -> None:
        self.family.describe(token, attributes, expires_at=self.until, now=self.now)


@pytest.fixture
def family(parts: StoreParts) -> Family:
    return Family(parts)


async def told(family: Family) -> dict[str, list[Any]]:
    """Return which access and refresh tokens have ended, and which are deleted, in the order of their issue."""
    access, refresh = await rows(family.parts, "tokens"), await rows(family.parts, "refresh_tokens")
    return {
        "access": [row["ended_because"] for row in access],
        "refresh": [row["ended_because"] for row in refresh],
        "deleted": [row["deleted_at"] is not None for row in (*access, *refresh)],
    }


async def same(family: Family) -> None:
    """Require that rows are as rebuilt in pages of any size, and tell the version of the stream."""
    recalled = await tokens.family(family.parts.pool, family.family.id)
    assert recalled is not None
    assert recalled.version == family.family.version
    for page in (1, 2, 3, 5_000):
        found = await differences(family.parts.owner, MODELS["tokens"], family.parts.vault, page_size=page)
        assert found == [], page


NOBODY = [False] * 4
STORIES: dict[str, tuple[Callable[[Family], Any], dict[str, list[Any]]]] = {
    "one revoked, and approved": (
        lambda f: (f.revoke(f.second), f.approve(f.second)),
        {"access": [None, None], "refresh": [None, None], "deleted": NOBODY},
    ),
    "all revoked, one approved": (
        lambda f: (f.revoke(), f.approve(f.second)),
        {"access": ["lost", None], "refresh": ["lost", "lost"], "deleted": NOBODY},
    ),
    "all revoked, one approved with the refresh token": (
        lambda f: (f.revoke(), f.approve(f.first, cascade=True)),
        {"access": [None, "lost"], "refresh": ["lost", None], "deleted": NOBODY},
    ),
    "all revoked, the refresh token approved": (
        lambda f: (f.revoke(), f.approve(f.refresh)),
        {"access": ["lost", "lost"], "refresh": ["lost", None], "deleted": NOBODY},
    ),
    "approved with the refresh token, renewed, revoked": (
        lambda f: (f.revoke(), f.approve(f.first, cascade=True), f.refreshed(SECOND, THIRD), f.revoke()),
        {"access": ["lost"] * 3, "refresh": ["lost"] * 3, "deleted": [False] * 6},
    ),
    "approved with the refresh token, and renewed": (
        lambda f: (f.revoke(), f.approve(f.first, cascade=True), f.refreshed(SECOND, THIRD)),
        {"access": [None, "lost", None], "refresh": ["lost", None, None], "deleted": [False] * 6},
    ),
    "revoked alone, then with all, then approved": (
        lambda f: (f.revoke(f.first), f.revoke(), f.approve(f.first), f.approve(f.second), f.revoke(f.first)),
        {"access": ["lost", None], "refresh": ["lost", "lost"], "deleted": NOBODY},
    ),
    "deleted": (
        lambda f: f.delete(f.first),
        {"access": ["deleted", None], "refresh": [None, None], "deleted": [True, False, False, False]},
    ),
    "revoked and deleted": (
        lambda f: (f.revoke(f.first), f.delete(f.first)),
        {"access": ["lost", None], "refresh": [None, None], "deleted": [True, False, False, False]},
    ),
    "the refresh token deleted": (
        lambda f: (f.revoke(f.first), f.delete(f.refresh), f.approve(f.second, cascade=True)),
        {"access": ["lost", None], "refresh": ["deleted", "deleted"], "deleted": [False, False, False, True]},
    ),
    "reuse": (
        lambda f: (f.revoke(f.first), f.refreshed(FIRST, None)),
        {
            "access": ["lost", "refresh token reuse"],
            "refresh": ["refresh token reuse"] * 2,
            "deleted": NOBODY,
        },
    ),
}


@pytest.mark.parametrize("story", STORIES)
async def test_rows_tell_which_tokens_have_ended(family: Family, story: str) -> None:
    happens, expected = STORIES[story]
    happens(family)
    await save(family.parts, family.family)
    assert await told(family) == expected
    await same(family)


@pytest.mark.parametrize("story", STORIES)
async def test_it_makes_no_difference_what_was_committed_together(family: Family, story: str) -> None:
    happens, expected = STORIES[story]
    happens(family)
    waiting = [*family.family.pending_events]
    for event in waiting:
        family.family.pending_events[:] = [event]
        await save(family.parts, family.family)
    assert await told(family) == expected
    await same(family)


async def test_refresh_tokens_keep_the_position_they_were_issued_at(family: Family) -> None:
    await save(family.parts, family.family)
    family.revoke()
    await save(family.parts, family.family)
    family.approve(family.first, cascade=True)
    family.refreshed(SECOND, THIRD)
    await save(family.parts, family.family)
    assert [row["position"] for row in await rows(family.parts, "refresh_tokens")] == [1, 2, 5]


async def test_each_tokens_attributes_are_told(family: Family) -> None:
    other = a_token(family.parts)
    family.describe(family.first, plan="gold")
    family.describe(family.refresh, note='"rare":true \u00e9')
    family.describe(family.first, plan="silver", since="2020")
    await save(family.parts, family.family, other)
    access = [row["attributes"] for row in await rows(family.parts, "tokens")]
    refresh = [row["attributes"] for row in await rows(family.parts, "refresh_tokens")]
    assert json.loads(access[0]) == {"plan": "silver", "since": "2020"}
    assert (access[1:], refresh[0]) == ([None, None], None)
    assert json.loads(refresh[1]) == {"note": '"rare":true \u00e9'}
    await same(family)


async def test_of_what_is_purged_nothing_comes_back(parts: StoreParts, family: Family) -> None:
    await save(parts, family.family)
    for table in ("refresh_tokens", "tokens"):
        await parts.owner.execute(f"DELETE FROM models.{table}")
    family.revoke(family.second)
    family.approve(family.second)
    family.describe(family.refresh, plan="gold")
    family.delete(family.second)
    family.delete(family.refresh)
    await save(parts, family.family)
    assert await rows(parts, "tokens") == await rows(parts, "refresh_tokens") == []
    assert await tokens.family(parts.pool, NIL) is None


async def test_many_families_at_once_each_keep_their_order(parts: StoreParts) -> None:
    families = [a_token(parts) for _ in range(4)]
    for n, each in enumerate(families):
        for _ in range(n):
            each.revoke(each.id, "lost", parts.clock.now())
            each.approve(each.id, cascade=False, expires_at=parts.clock.now() + HOUR, now=parts.clock.now())
        if n % 2:
            each.revoke(each.id, "at last", parts.clock.now())
    await save(parts, *families)
    assert [row["ended_because"] for row in await rows(parts, "tokens")] == [None, "at last", None, "at last"]
    assert [row["version"] for row in await rows(parts, "tokens")] == [each.version for each in families]
    for page in (1, 3, 5_000):
        assert await differences(parts.owner, MODELS["tokens"], parts.vault, page_size=page) == []
