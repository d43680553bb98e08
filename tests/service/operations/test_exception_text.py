"""An exception is told in a line, with its causes and places, and without what was in a variable or a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from service.operations.exception_text import MAX_CAUSES, MAX_FRAMES, described, place

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


def test_causes_are_named_in_order() -> None:
    error = RuntimeError("outer")
    error.__cause__ = KeyError("inner")
    assert described(error) == "RuntimeError: outer because KeyError: 'inner'"


def test_a_cause_that_was_suppressed_stays_so() -> None:
    error = RuntimeError()
    error.__context__ = KeyError("inner")
    assert described(error) == "RuntimeError because KeyError: 'inner'"
    error.__suppress_context__ = True
    assert described(error) == "RuntimeError"


def test_an_endless_chain_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert described(one).count("because") == MAX_CAUSES - 1


def test_places_are_the_innermost_frames_without_locals() -> None:
    def fall(depth: int, secret: str) -> None:
        if depth == 0:
            raise ValueError
        fall(depth - 1, secret)

    with pytest.raises(ValueError) as raised:
        fall(20, "hush")
    frames = place(raised.value.__traceback__)
    assert len(frames) == MAX_FRAMES
    assert all(frame.startswith("operations/test_exception_text.py:") and frame.endswith("fall") for frame in frames)
    assert place(None) == []


def test_an_exception_that_cannot_be_printed_is_named() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert described(Unprintable()).endswith("Unprintable")


async def test_what_the_database_quotes_is_left_out(parts: StoreParts) -> None:
    insert = "INSERT INTO muniment.claims VALUES (gen_random_uuid(), $1, '', gen_random_uuid())"
    await parts.owner.execute("CREATE UNIQUE INDEX ON muniment.claims (space)")
    await parts.owner.execute(insert, "Alice Example")
    with pytest.raises(asyncpg.UniqueViolationError) as taken:
        await parts.owner.execute(insert, "Alice Example")
    with pytest.raises(asyncpg.PostgresError) as malformed:
        await parts.owner.execute("SELECT ('Alice ' || $1)::uuid", "Example")
    with pytest.raises(Exception, match="Alice") as unfit:
        await parts.owner.execute("SELECT $1::int", "Alice Example")
    for error in (taken.value, malformed.value, unfit.value):
        assert "Alice" in str(error)
        assert "Alice" not in described(error)
    assert described(taken.value).startswith("UniqueViolationError: 23505 duplicate key")
