"""Log lines: one JSON object a line on standard error, ours and the libraries' alike, without secrets.

Keys: timestamp (ISO 8601, UTC), level, event, pid, request_id where there is one, then what the caller gave. The
service logs through structlog; aiohttp, asyncio and asyncpg log through the standard library and end up here too.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import structlog

from service.clock import Clock
from service.operations.exception_text import described, place
from service.operations.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from uuid import UUID

MALFORMED = "aiohttp.http_exceptions"  # by name: the parent process does without aiohttp
POOL, RESTARTING = "asyncpg.pool", "CannotConnectNowError"
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

request_id: ContextVar[UUID | None] = ContextVar("request_id", default=None)
"""The request whose handling logs; set by the outermost middleware. Setting it costs a tenth of a microsecond."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure(
    level: str = "info",
    *,
    stream: BinaryIO | None = None,
    secrets: Iterable[str] = (),
    clock: Clock | None = None,
    final: bool = True,
) -> None:
    """Send all log lines from `level` on to a stream (standard error when None). Call it once, before serving.

    `secrets` are the process's own, masked wherever they turn up. `final` lets loggers remember these settings, which
    saves them work at each line; tests, which configure again and again, pass False. Raises ValueError for a level
    that is not in LEVELS.
    """
    if level not in LEVELS:
        msg = f"a log level is one of {', '.join(LEVELS)}"
        raise ValueError(msg)
    lines = Lines(stream or sys.stderr.buffer, Redactor(secrets), clock or Clock())
    structlog.configure(
        processors=[lines.render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=final,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(lines))
    root.setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)


class Lines:
    """Renders and writes lines; what structlog calls a logger."""

    def __init__(self, stream: BinaryIO, redactor: Redactor, clock: Clock) -> None:
        """Take where lines go, what cleans them and what dates them."""
        self._stream = stream
        self._redactor = redactor
        self._clock = clock
        self._pid = os.getpid()

    def render(self, _: Any, level: str, fields: MutableMapping[str, Any]) -> bytes:
        """Return a line. The last and only processor: passing a dict through many costs more than the work itself."""
        error = fields.pop("exc_info", None)
        if error:
            _describe(fields, error)
        cleaned = self._redactor.fields(fields)
        line: dict[str, Any] = {
            "timestamp": self._clock.now().isoformat(timespec="milliseconds"),
            "level": "error" if level == "exception" else level,
            "event": cleaned.pop("event", ""),
            "pid": self._pid,
        }
        current = request_id.get()
        if current is not None:
            line["request_id"] = current
        line.update(cleaned)
        try:
            return _encode(line)
        except (UnicodeEncodeError, TypeError, ValueError):
            # A lone surrogate (a header that is not UTF-8), for example: escaped, never a crash.
            return json.dumps(line, default=str).encode()

    def msg(self, line: bytes) -> None:
        """Write a line: in one call, so that the lines of several workers do not mix."""
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads our standard error any more: no reason to stop serving.
            return

    debug = info = warning = warn = error = exception = critical = fatal = failure = log = msg


class LibraryHandler(logging.Handler):
    """Takes what libraries log."""

    def __init__(self, lines: Lines) -> None:
        """Take where their lines go."""
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__module__ == MALFORMED:
            # A peer that speaks no HTTP is no failure of ours, and the message quotes what it sent.
            if logging.getLogger().isEnabledFor(logging.INFO):
                fields: dict[str, Any] = {
                    "event": "malformed_request",
                    "logger": record.name,
                    "problem": type(error).__name__,
                }
                self._lines.msg(self._lines.render(None, "info", fields))
            return
        if record.name == POOL and (isinstance(error, OSError) or type(error).__name__ == RESTARTING):
            # Each pool says so at each try; that the database is away is told once, by what needs it.
            return
        try:
            event = record.getMessage()
        except Exception:  # noqa: BLE001 - a library's wrong arguments must not hide its message
            event = str(record.msg)
        fields = {"event": event, "logger": record.name, "exc_info": record.exc_info}
        self._lines.msg(self._lines.render(None, record.levelname.lower(), fields))


def _describe(fields: MutableMapping[str, Any], error: Any) -> None:
    """Put an exception in plain words: itself, a triple of the standard library's, or True for the present one."""
    if isinstance(error, tuple):
        error = error[1]
    elif not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if error is not None:
        fields["exception"] = described(error)
        fields["at"] = place(error.__traceback__)
