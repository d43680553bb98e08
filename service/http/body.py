"""Reads request bodies within limits: size, nesting, duplicates. Says exactly what is wrong with a body it refuses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import msgspec

if TYPE_CHECKING:
    from aiohttp import web

MAX_BODY = 64 * 1024  # bytes
MAX_DEPTH = 32
MAX_PARAMETERS = 100
READ_SECONDS = 10.0

_json = msgspec.json.Decoder()


class BadBody(Exception):
    """The body cannot be used. `status` is 400, 408, 413 or 415; `sentence` is public."""

    def __init__(self, sentence: str, *, status: int = 400) -> None:
        """Keep the sentence for the answer."""
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


async def read_bytes(request: web.Request) -> bytes:
    """Return the whole body. Raises BadBody when it is over 64 KiB or does not arrive within 10 s."""
    length = request.content_length
    if length is not None and length > MAX_BODY:
        raise BadBody("The body is larger than 64 KiB", status=413)
    if length == 0 or not request.can_read_body:
        return b""
    if request.content.is_eof():  # a small body came with its headers: no waiting, no timer
        raw = request.content.read_nowait()
        if len(raw) > MAX_BODY:
            raise BadBody("The body is larger than 64 KiB", status=413)
        return raw
    chunks: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_any():
                total += len(chunk)
                if total > MAX_BODY:
                    raise BadBody("The body is larger than 64 KiB", status=413)
                chunks.append(chunk)
    except TimeoutError:
        raise BadBody("The body did not arrive in time", status=408) from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text. Raises BadBody for anything that is not JSON or nests deeper than 32."""
    if _depth(raw) > MAX_DEPTH:
        raise BadBody(f"The JSON is nested deeper than {MAX_DEPTH}")
    try:
        return _json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadBody("The body is not valid JSON") from None


def parse_form(raw: bytes) -> dict[str, str]:
    """Return the parameters of a form (RFC 6749 appendix B). Raises BadBody for a repeated one (section 3.2)."""
    try:
        text = raw.decode("utf-8")
        pieces = text.split("&") if text else []
        if len(pieces) > MAX_PARAMETERS:
            raise BadBody(f"The form has more than {MAX_PARAMETERS} parameters")
        pairs = [tuple(map(_unquoted, piece.partition("=")[::2])) for piece in pieces if piece]
    except UnicodeDecodeError:
        raise BadBody("The form is malformed") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise BadBody(f"The parameter {name[:64]} is repeated")
        values[name] = value
    return values


def _unquoted(text: str) -> str:
    # Most of a token request needs no decoding, and looking is cheaper than the standard parser.
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _depth(raw: bytes) -> int:
    """Return how deep brackets nest at most, counted outside strings."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0  # cannot be deeper: the common case costs two scans
    depth = deepest = 0
    quoted = escaped = False
    for byte in raw:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # noqa: PLR2004 - a backslash
                escaped = True
            elif byte == 0x22:  # noqa: PLR2004 - the closing quote
                quoted = False
        elif byte == 0x22:  # noqa: PLR2004
            quoted = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
