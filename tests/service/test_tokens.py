"""The token look-up: by digest, many callers in one query, and as of the moment somebody asks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from service.tokens import MAX_TOKEN, Tokens, is_active

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def row(*, alive: bool, ends: timedelta) -> Any:
    return {"alive": alive, "expires_at": NOW + ends}


def test_a_token_is_active_while_it_lives_and_before_its_expiry() -> None:
    moment = timedelta(microseconds=1)
    assert is_active(row(alive=True, ends=moment), NOW)
    assert not is_active(row(alive=True, ends=timedelta(0)), NOW)
    assert not is_active(row(alive=True, ends=-moment), NOW)
    assert not is_active(row(alive=False, ends=moment), NOW)


async def test_a_text_that_is_no_token_is_not_found(parts: StoreParts) -> None:
    tokens = Tokens(parts.pool)
    for text in ("", "x", "\x00", "\ud800", "x" * MAX_TOKEN):
        assert await tokens.find(text) is None


async def test_a_text_that_is_too_long_is_not_even_looked_for(parts: StoreParts) -> None:
    tokens, asked = Tokens(parts.pool), []
    tokens._queries._fetch = asked.append  # type: ignore[assignment]
    assert await tokens.find("x" * (MAX_TOKEN + 1)) is None
    assert asked == []


async def test_concurrent_look_ups_share_queries(parts: StoreParts, monkeypatch: Any) -> None:
    tokens = Tokens(parts.pool)
    fetch, asked = tokens._queries._fetch, []

    async def counted(digests: list[bytes]) -> Any:
        asked.append(len(digests))
        return await fetch(digests)

    monkeypatch.setattr(tokens._queries, "_fetch", counted)
    assert await asyncio.gather(*(tokens.find(str(number % 50)) for number in range(400))) == [None] * 400
    assert sum(asked) <= 100
    assert len(asked) <= 4
