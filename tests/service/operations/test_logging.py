"""Every line is one JSON object with the agreed keys, whoever logs it, and none holds a secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
import structlog
from aiohttp.http_exceptions import LineTooLong

from service.clock import Clock
from service.operations.logging import LibraryHandler, configure, request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUEST = UUID("01890f2e-7d2e-7b41-9c55-0a1b2c3d4e5f")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class StoppedClock(Clock):
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    root = logging.getLogger()
    level = root.level
    yield io.BytesIO()
    structlog.reset_defaults()
    for handler in [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def written(stream: io.BytesIO) -> Callable[[], list[dict[str, Any]]]:
    configure(stream=stream, clock=StoppedClock(), final=False)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_the_agreed_keys_first(written: Callable[[], list[dict[str, Any]]], stream: io.BytesIO) -> None:
    token = request_id.set(REQUEST)
    structlog.get_logger("x").info("grant_approved", grant=UUID(int=1), at=NOW)
    request_id.reset(token)
    structlog.get_logger("x").warning("alone")
    first, second = written()
    assert list(first) == ["timestamp", "level", "event", "pid", "request_id", "grant", "at"]
    assert first["timestamp"] == "2026-01-02T03:04:05.678+00:00"
    assert (first["level"], first["event"], first["request_id"]) == ("info", "grant_approved", str(REQUEST))
    assert (second["level"], "request_id" in second) == ("warning", False)
    assert stream.getvalue().count(b"\n") == 2


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lines_below_the_level_are_not_written(stream: io.BytesIO, level: str, shown: int) -> None:
    configure(level, stream=stream, final=False)
    log, library = structlog.get_logger("x"), logging.getLogger("aiohttp.server")
    for speaker in (log, library):
        speaker.debug("a")
        speaker.info("b")
        speaker.warning("c")
        speaker.error("d")
    assert stream.getvalue().count(b"\n") == 2 * shown


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        configure("loud")


def test_an_exception_is_one_line_without_locals(written: Callable[[], list[dict[str, Any]]]) -> None:
    def fail(secret: str) -> None:
        raise ValueError(f"Bearer {secret}")

    try:
        fail("hush-hush")
    except ValueError as error:
        structlog.get_logger("x").exception("failed")
        structlog.get_logger("x").error("failed", exc_info=error)
        logging.getLogger("asyncio").exception("failed")
    for line in written():
        assert (line["level"], line["event"]) == ("error", "failed")
        assert line["exception"] == "ValueError: Bearer [redacted]"
        assert line["at"][-1].endswith("fail")
        assert "hush" not in json.dumps(line)


def test_libraries_log_in_the_same_form(written: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("aiohttp.server").warning("bad request from %s: %s", "192.0.2.7", "token=hush")
    [handler] = [handler for handler in logging.getLogger().handlers if isinstance(handler, LibraryHandler)]
    handler.emit(logging.makeLogRecord({"name": "asyncpg", "levelname": "ERROR", "msg": "wrong %d", "args": ("x",)}))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    first, second, third = written()
    assert (first["logger"], first["event"]) == ("aiohttp.server", "bad request from 192.0.2.7: token=[redacted]")
    assert (second["logger"], second["event"]) == ("asyncpg", "wrong %d")
    assert (third["logger"], third["level"]) == ("py.warnings", "warning")


def test_pools_that_try_again_do_not_repeat_that_the_database_is_away(
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    pool = logging.getLogger("asyncpg.pool")
    for error in (FileNotFoundError(2, "gone"), asyncpg.CannotConnectNowError("shutting down")):
        pool.warning("Failed to restore", exc_info=error)
    assert written() == []
    pool.warning("Failed to restore", exc_info=asyncpg.TooManyConnectionsError("sorry, too many clients already"))
    pool.warning("taking over 60 seconds to complete")
    assert [line["event"] for line in written()] == ["Failed to restore", "taking over 60 seconds to complete"]


def test_what_is_no_http_is_told_without_quoting_it(written: Callable[[], list[dict[str, Any]]]) -> None:
    problem = LineTooLong(b"Cookie: session=a-session-of-theirs", 8190)
    logging.getLogger("aiohttp.server").error("Error handling request from 192.0.2.1", exc_info=problem)
    [line] = written()
    assert (line["level"], line["event"], line["problem"]) == ("info", "malformed_request", "LineTooLong")
    assert "a-session-of-theirs" not in json.dumps(line)


async def test_a_task_that_failed_unseen_is_told(written: Callable[[], list[dict[str, Any]]]) -> None:
    async def fail() -> None:
        raise ValueError("nobody waits for me")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
    await asyncio.sleep(0)
    import gc  # noqa: PLC0415 - for this test alone

    gc.collect()
    [line] = [line for line in written() if line.get("logger") == "asyncio"]
    assert line["exception"] == "ValueError: nobody waits for me"


def test_what_no_json_can_hold_is_escaped(written: Callable[[], list[dict[str, Any]]]) -> None:
    structlog.get_logger("x").info("odd", header="\udc80", huge=2**80, line="two\nlines")
    [line] = written()
    assert (line["header"], line["huge"], line["line"]) == ("\udc80", 2**80, "two\nlines")


def test_a_closed_stream_stops_nothing(stream: io.BytesIO) -> None:
    configure(stream=stream, final=False)
    stream.close()
    structlog.get_logger("x").info("unheard")


def test_known_secrets_are_masked_in_every_line(stream: io.BytesIO) -> None:
    configure(stream=stream, secrets=["correct horse"], final=False)
    structlog.get_logger("x").info("said", text="the correct horse ran")
    assert b"correct horse" not in stream.getvalue()


def test_configuring_again_replaces_what_was(stream: io.BytesIO) -> None:
    configure(stream=io.BytesIO(), final=False)
    configure(stream=stream, final=False)
    logging.getLogger("x").warning("once")
    assert stream.getvalue().count(b"\n") == 1
    assert sum(isinstance(handler, LibraryHandler) for handler in logging.getLogger().handlers) == 1
