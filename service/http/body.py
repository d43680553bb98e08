"""Reads request bodies within limits: size, nesting, repeated names. Says exactly what is wrong with one it refuses."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp.web import RequestPayloadError

if TYPE_CHECKING:
    from aiohttp import web

MAX_BODY = 64 * 1024  # bytes
MAX_DEPTH = 32
MAX_PARAMETERS = 100
READ_SECONDS = 10.0

TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
AS_SQUARE = bytes.maketrans(b"{}", b"[]")
# What may be told of a name that a client chose (RFC 6749 section 5.2 allows no quotes in a description).
PLAIN_NAME = re.compile(r"[\w.:-]{1,64}", re.ASCII)

_json = msgspec.json.Decoder()


class BadBody(Exception):
    """The body cannot be used. `status` is 400, 408, 413 or 415; `sentence` is public."""

    def __init__(self, sentence: str, *, status: int = 400) -> None:
        """Keep the sentence for the answer."""
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


class Repeated(BadBody):
    """A name stands twice in the body, where readers could disagree about which one counts."""

    def __init__(self, name: str) -> None:
        """Keep the name, which is told only when it is plain."""
        super().__init__(f"{called(name)} is repeated")
        self.name = name


def called(name: str) -> str:
    """Return how a sentence calls a parameter or member."""
    return f"The parameter {name}" if PLAIN_NAME.fullmatch(name) else "A parameter"


def size(limit: int) -> str:
    """Return a number of bytes as sentences have it: in KiB, or in MiB."""
    kibibytes = limit // 1024
    return f"{kibibytes} KiB" if kibibytes < 1024 else f"{kibibytes // 1024} MiB"  # noqa: PLR2004 - KiB of a MiB


async def read_bytes(request: web.Request, *, limit: int = MAX_BODY, seconds: float | None = None) -> bytes:
    """Return the whole body. Raises BadBody when it is larger, encoded, cut off or not there in time (10 s)."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadBody("The body must not be compressed", status=415)
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    if length == 0 or not request.can_read_body:
        return b""
    content = request.content
    if content.is_eof() and content.exception() is None:
        raw = content.read_nowait()  # the usual small body came with its headers: nothing to wait for
        if len(raw) > limit:
            raise _too_large(limit)
        return raw
    chunks: list[bytes] = []
    total = 0
    try:
        async with asyncio.timeout(READ_SECONDS if seconds is None else seconds):
            async for chunk in request.content.iter_any():
                total += len(chunk)
                if total > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise BadBody("The body did not arrive in time", status=408) from None
    except (ConnectionError, RequestPayloadError):
        # The client's doing, unlike a connection to the database that is lost.
        raise BadBody("The body was cut off or wrongly chunked") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> BadBody:
    return BadBody(f"The body is larger than {size(limit)}", status=413)


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text.

    Raises BadBody for anything that is not JSON or nests deeper than 32, and Repeated (RFC 8259 section 4 leaves open
    which of two members of one name counts).
    """
    try:
        value = _json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BadBody("The body is not valid JSON") from None
    if _is_flat(value, raw):
        return value
    if _is_deep(raw):
        raise BadBody(f"The JSON is nested deeper than {MAX_DEPTH}")
    json.loads(raw, object_pairs_hook=_members)
    return value


def parse_form(raw: bytes) -> dict[str, str]:
    """Return the parameters of a form (RFC 6749 appendix B). Raises BadBody, and Repeated (section 3.2)."""
    return _members(form_pairs(raw))


def form_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a form, or of a query, in their order, a name perhaps twice. Raises BadBody."""
    try:
        text = raw.decode("utf-8")
        pieces = [piece for piece in text.split("&") if piece]
        if len(pieces) > MAX_PARAMETERS:
            raise BadBody(f"The form has more than {MAX_PARAMETERS} parameters")
        return [(_unquoted(name), _unquoted(value)) for name, _, value in (p.partition("=") for p in pieces)]
    except UnicodeDecodeError:
        raise BadBody("The form is malformed") from None


def _unquoted(text: str) -> str:
    # Most of a token request needs no decoding; to look first costs a fraction of the standard library's parser.
    if "%" not in text and "+" not in text:
        return text
    # What `unquote_plus` returns, which looks for what is to be decoded by a regular expression.
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise Repeated(name)
        values[name] = value
    return values


def _is_flat(value: Any, raw: bytes) -> bool:
    """Say whether the text is an object of texts, no name twice: the usual case, known without a second parser.

    Four quotes a member are left over when none was dropped; a backslash could hide one.
    """
    return (
        type(value) is dict
        and b"\\" not in raw
        and raw.count(b'"') == 4 * len(value)
        and all(type(member) is str for member in value.values())
    )


def _is_deep(raw: bytes) -> bool:
    """Say whether brackets nest deeper than MAX_DEPTH in a valid JSON text: each pass takes the innermost pairs off."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    brackets = TEXTS.sub(b"", raw).translate(None, NOT_BRACKETS).translate(AS_SQUARE)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
