"""Reads the parameters of an authorization request, from the query or from a form, and which of them stand twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.http.body import BadBody, form_pairs, read_bytes
from service.http.endpoint import FORM
from service.oauth.authorization.asking import Unanswerable
from service.oauth.parameters import MAX_VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web


class Parameters(NamedTuple):
    """The values by name, and the names that stand more than once (RFC 6749 section 3.1): none of those has a value.

    A parameter without a value counts as left out.
    """

    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()


async def read(request: web.Request) -> Parameters:
    """Return the parameters of a GET or POST request. Raises Unanswerable for what cannot be read."""
    try:
        return parse(await _raw(request))
    except BadBody as bad:
        raise Unanswerable("invalid_request", bad.sentence, "request_unreadable", status=bad.status) from None


def parse(raw: bytes) -> Parameters:
    """Return the parameters of a query or form. Raises BadBody."""
    values: dict[str, str] = {}
    repeated = set()
    for name, value in form_pairs(raw):
        if name in values:
            repeated.add(name)
        elif len(value) > MAX_VALUE or "\x00" in value:
            raise BadBody("A parameter is malformed")
        values[name] = value
    sent = {name: value for name, value in values.items() if value and name not in repeated}
    return Parameters(sent, frozenset(repeated))


async def _raw(request: web.Request) -> bytes:
    if request.method != "POST":
        # As it came: a query that is not UTF-8 is refused, never mended.
        return request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")
    if request.content_type != FORM:
        raise BadBody(f"The content type must be {FORM}", status=415)
    return await read_bytes(request)
