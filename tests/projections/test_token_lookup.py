"""Tokens are looked up by application, user and end user, newest first, each judged as of now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from projections import tokens
from tests.bench import filled
from tests.projections.given import ORGANIZATION, a_token, a_user, an_account, an_application, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

OTHER = UUID(int=77)
APP, USER = UUID(int=71), UUID(int=72)
ISSUED: tuple[dict[str, Any], ...] = (
    {"application": APP},
    {"application": APP, "user": USER, "end_user": "ada"},
    {"application": OTHER, "end_user": "ada"},
    {"application": OTHER, "user": USER},
    {"application": APP, "end_user": "ada"},
    {"application": APP, "end_user": "ada", "organization": OTHER},
)


@pytest.fixture
async def issued(parts: StoreParts) -> StoreParts:
    for told in ISSUED:
        await save(parts, a_token(parts, **told))
    return parts


async def found(parts: StoreParts, organization: UUID = ORGANIZATION, *, limit: int = 50, **wanted: Any) -> list[int]:
    return [row["position"] for row in await tokens.page(parts.pool, organization, limit=limit, **wanted)]


async def test_each_of_the_three_finds_its_tokens_newest_first(issued: StoreParts) -> None:
    assert await found(issued, application=APP) == [5, 2, 1]
    assert await found(issued, user=USER) == [4, 2]
    assert await found(issued, end_user="ada") == [5, 3, 2]
    assert await found(issued, application=APP, end_user="ada") == [5, 2]
    assert await found(issued, application=OTHER, user=USER) == [4]
    assert await found(issued, application=APP, user=USER, end_user="ada") == [2]
    assert await found(issued, application=uuid4()) == await found(issued, end_user="nobody") == []


async def test_another_organizations_tokens_are_not_found(issued: StoreParts) -> None:
    assert await found(issued, OTHER, end_user="ada") == await found(issued, OTHER, application=APP) == [6]
    assert await found(issued, OTHER, user=USER) == []


async def test_pages_hold_every_token_once(issued: StoreParts) -> None:
    walked: list[int] = []
    while page := await found(issued, application=APP, after=walked[-1] if walked else None, limit=1):
        walked += page
    assert walked == [5, 2, 1]


async def test_without_one_of_the_three_nothing_is_looked_up(issued: StoreParts) -> None:
    with pytest.raises(ValueError, match="application, user or end user"):
        await found(issued)


async def test_each_is_judged_as_by_its_digest(parts: StoreParts) -> None:
    application, user = an_application(parts), a_user(parts)
    token = a_token(parts, application=application.id, user=user.id)
    await save(parts, an_account(parts, id=ORGANIZATION), application, user, token)

    async def alike() -> bool:
        [row] = await tokens.page(parts.pool, ORGANIZATION, user=user.id, limit=9)
        assert dict(row) == dict((await tokens.by_digests(parts.pool, [row["digest"]]))[row["digest"]])
        return bool(row["alive"])

    assert await alike()
    application.disable(SYSTEM, parts.clock.now())
    await save(parts, application)
    assert not await alike()


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"application": APP}, "tokens_application"),
        ({"user": USER}, "tokens_user"),
        ({"end_user": "ada"}, "tokens_end_user"),
        ({"application": APP, "end_user": "ada"}, "tokens_end_user"),
        ({"application": APP, "user": USER}, "tokens_user"),
    ],
    ids=str,
)
async def test_the_narrowest_finds_them_by_the_index_that_has_them_in_order(
    issued: StoreParts, wanted: dict[str, Any], index: str
) -> None:
    seen: list[tuple[str, Any]] = []

    class Spy:
        async def fetch(self, sql: str, *values: Any) -> list[Any]:
            seen.append((sql, values))
            return []

    await tokens.page(Spy(), ORGANIZATION, limit=9, **wanted)  # type: ignore[arg-type]
    [(sql, values)] = seen
    async with issued.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT json) {sql}", *values))
    scan = _scan_of_tokens(plan[0]["Plan"])
    assert (scan["Index Name"], scan["Scan Direction"]) == (index, "Backward")


@pytest.mark.parametrize("plans", ["force_generic_plan", "force_custom_plan"])
async def test_an_application_with_most_of_the_tokens_is_not_read_whole(parts: StoreParts, plans: str) -> None:
    past = await filled.fill(
        parts.owner, parts.master_keys, filled.Past(5_000, people=3, applications=99, favoured=100)
    )
    await filled.build_models(parts.owner, parts.master_keys, ["tokens"])
    await parts.owner.execute(f"SET search_path = models, muniment; SET plan_cache_mode = {plans}")
    read = "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'models.tokens'::regclass"
    async with parts.owner.transaction():
        before = await parts.owner.fetchval(read)
        page = await tokens.page(parts.owner, past.organizations[0], application=past.applications[0], limit=50)  # type: ignore[arg-type]
        assert len(page) == 50
        assert await parts.owner.fetchval(read) - before == 50


def _scan_of_tokens(node: dict[str, Any]) -> Any:
    if node.get("Relation Name") == "tokens":
        return node
    found = (_scan_of_tokens(part) for part in node.get("Plans", ()))
    return next((scan for scan in found if scan), None)
