"""How a worker's connections are served, before any handler: limits, the name we go by, what is told of bad HTTP."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web_response
from aiohttp.http_exceptions import HttpProcessingError

# aiohttp names itself and Python, with their versions, also in answers that no handler makes; it has no setting for it.
web_response.SERVER_SOFTWARE = "Muniment"  # type: ignore[attr-defined]


class Calm(logging.LoggerAdapter[logging.Logger]):
    """Tells in one line of what is not HTTP: whoever reaches the port can send it, so it is no error of ours."""

    def log(self, level: int, msg: object, *args: object, **more: Any) -> None:
        """Log as told, or without peer and traceback where the peer is at fault."""
        error = more.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self.logger.info("bad_http: %s", type(error).__name__)
        else:
            self.logger.log(level, msg, *args, **more)


LIMITS: dict[str, Any] = {
    "access_log": None,
    "keepalive_timeout": 75,  # seconds; from the first byte to whole headers, too
    "max_line_size": 8190,
    "max_field_size": 8190,
    "max_headers": 64,
    # What claims to be compressed is refused unread: a few bytes could become gigabytes.
    "auto_decompress": False,
    "logger": Calm(logging.getLogger("aiohttp.server")),
}
"""For `web.AppRunner`."""
