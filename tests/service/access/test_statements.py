"""Decisions read no events (T10), share their statements, and let nothing pass when one of these fails."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from tests.app_fixture import running
from tests.service.access.asked import told, verify
from tests.service.access.guarded import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = re.compile(r"\bmuniment\.(events|token_events\w*|log)\b|\b(events|token_events|log)\b")
PASSES = (200, None)


@contextmanager
def heard(app: Running) -> Iterator[list[str]]:
    """Yield the statements that this worker's pools carry out meanwhile."""
    statements: list[str] = []

    def note(record: Any) -> None:
        statements.append(record.query)

    pools = (app.parts.store.pool, app.parts.tokens._pool)
    connections = [holder._con for pool in pools for holder in pool._holders]
    for connection in connections:
        connection.add_query_logger(note)
    yield statements
    for connection in connections:
        connection.remove_query_logger(note)


async def test_no_statement_of_a_decision_names_the_events(app: Running) -> None:
    firm = await guarded(app)
    await firm.interface(path="/orders")
    await firm.interface(path="/news", scope="anonymous", granted=False)
    with heard(app) as statements:
        for path in ("/orders", "/news", "/nothing", "/orders//"):
            for token in (firm.token, "", "nonsense"):
                await verify(firm, "GET", path, token)
        await verify(firm, "GET", "/orders", resource=str(uuid4()))
    assert sum("FROM api_resources r" in query for query in statements) == 1
    assert sum("interface_grants w" in query for query in statements) >= 13
    assert sum("take_calls" in query for query in statements) == 4
    assert [query for query in statements if EVENTS.search(query)] == []


async def test_calls_that_come_together_share_their_statements(app: Running) -> None:
    firm = await guarded(app)
    for number in range(4):
        await firm.interface(path=f"/orders/{number}")
    await verify(firm, "GET", "/orders/0")
    with heard(app) as statements:
        asked = (verify(firm, "GET", f"/orders/{number % 4}") for number in range(32))
        assert {told(reply) for reply in await asyncio.gather(*asked)} == {PASSES}
    decisions = [query for query in statements if "interface_calls" not in query]
    assert len(decisions) < 32, "one by one they would have been 96"


async def test_decisions_are_made_by_a_worker_that_may_not_read_events(app_database: str) -> None:
    rights = "SELECT ON muniment.events, muniment.token_events, muniment.log"
    with psycopg.connect(app_database, autocommit=True) as owner:
        async with running(app_database) as app:
            firm = await guarded(app)
            await firm.interface(path="/orders")
            owner.execute(f"REVOKE {rights} FROM muniment_service")
            assert told(await verify(firm, "GET", "/orders")) == PASSES
            assert told(await verify(firm, "GET", "/orders", "nonsense")) == (401, "invalid_token")
            owner.execute(f"GRANT {rights} TO muniment_service")


@pytest.mark.parametrize(
    "right",
    ["SELECT ON models.interface_grants", "SELECT ON models.applications", "EXECUTE ON FUNCTION muniment.take_calls"],
)
async def test_a_statement_that_fails_lets_nothing_pass_and_is_tried_again(app_database: str, right: str) -> None:
    with psycopg.connect(app_database, autocommit=True) as owner:
        async with running(app_database) as app:
            firm = await guarded(app)
            await firm.interface(path="/orders")
            assert told(await verify(firm, "GET", "/orders")) == PASSES
            owner.execute(f"REVOKE {right} FROM muniment_service")
            replies = await asyncio.gather(*(verify(firm, "GET", "/orders") for _ in range(4)))
            assert {told(reply) for reply in replies} == {(500, "internal_error")}
            owner.execute(f"GRANT {right} TO muniment_service")
            assert told(await verify(firm, "GET", "/orders")) == PASSES
