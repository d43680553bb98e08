"""The past that benchmarks make up is one that the service could have had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projections import tokens
from service.secrets.digests import sha256_hex
from tests.bench import filled
from tests.histories import verdict
from tests.histories.law import lawful
from tests.service.store.given import a_token, write

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


async def test_a_past_that_is_made_up_obeys_the_domain_and_its_read_models_follow_from_it(parts: StoreParts) -> None:
    past = await filled.fill(parts.owner, parts.master_keys, filled.Past(1_000, people=12, applications=3))
    await filled.build_models(parts.owner, parts.master_keys)
    await verdict.the_log_is_whole(parts)
    events = await verdict.history(parts)
    lawful(events)
    families = [each for each in verdict.folded(events).values() if type(each).__name__ == "TokenFamily"]
    assert sum(family.ended for family in families) == 16  # two in each hundred from the third on
    assert sum(len(family.revoked) for family in families if not family.ended) == 8
    assert sum(len(family.tokens) for family in families) == await parts.pool.fetchval("SELECT count(*) FROM tokens")
    await verdict.rebuilt_models_are_equal(parts, 500)
    assert past.head == len(events)
    assert len(past.people) == 12
    assert await parts.pool.fetchval("SELECT count(*) FROM users WHERE starts_with(name, 'Person')") == 12


async def test_the_store_goes_on_behind_a_past_that_is_made_up(parts: StoreParts) -> None:
    past = await filled.fill(parts.owner, parts.master_keys, filled.Past(300))
    await filled.build_models(parts.owner, parts.master_keys)
    [row] = await parts.pool.fetch("SELECT * FROM tokens WHERE user_id IS NOT NULL ORDER BY position LIMIT 1")
    assert row["digest"] == bytes.fromhex(sha256_hex(str(row["id"])))
    found = await tokens.by_digests(parts.pool, [row["digest"]])
    assert found[row["digest"]]["alive"]
    assert found[row["digest"]]["head"] == past.head
    committed = await write(parts, a_token(parts))
    assert committed.position == past.head + 1
    await verdict.rebuilt_models_are_equal(parts, 500)


async def test_a_past_can_be_dealt_out_to_several_organizations(parts: StoreParts) -> None:
    many = filled.Past(2_000, people=21, applications=9, organizations=3, favoured=10, end_users=7)
    past = await filled.fill(parts.owner, parts.master_keys, many)
    await filled.build_models(parts.owner, parts.master_keys)
    lawful(await verdict.history(parts))
    await verdict.rebuilt_models_are_equal(parts, 500)
    [first, *others] = await parts.pool.fetch(
        "SELECT application, count(*) AS n FROM tokens GROUP BY 1 ORDER BY 2 DESC"
    )
    assert first["application"] == past.applications[0]
    assert sum(row["n"] for row in others) < first["n"]
    assert len(others) == 8
    strangers = await parts.pool.fetchval(
        "SELECT count(*) FROM tokens t JOIN applications a ON a.id = application LEFT JOIN users u ON u.id = user_id"
        " WHERE t.organization <> a.organization OR t.organization <> u.organization"
    )
    assert strangers == 0
    for whose in ("user_id", "end_user"):
        count = f"SELECT count(DISTINCT organization) FROM tokens WHERE {whose} IS NOT NULL"
        assert await parts.pool.fetchval(count) == 3
    assert await parts.pool.fetchval("SELECT count(*) FROM tokens WHERE end_user IS NOT NULL") == 400
