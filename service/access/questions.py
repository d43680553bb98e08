"""What a gateway asks about: the resource, and method and path of the call, in the dialect that its URL chooses.

Callers can send headers of any name, so nothing but the URL, which the gateway's configuration fixes, says which are
read and whether a call is a test:

- nginx `auth_request`: `/access/v1/verify?resource=ID`, where `X-Original-Method` and `X-Original-URI` are read;
- Traefik ForwardAuth: `/access/v1/verify?resource=ID&headers=forwarded`: `X-Forwarded-Method`, `X-Forwarded-Uri`;
- Envoy ext_authz, where the caller's path follows the gateway's: `/access/v1/verify/ID/…`, `/access/v1/test/ID/…`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

if TYPE_CHECKING:
    from aiohttp import web

VERIFY, TEST = "/access/v1/verify/", "/access/v1/test/"
ORIGINAL = ("X-Original-Method", "X-Original-URI")
FORWARDED = ("X-Forwarded-Method", "X-Forwarded-Uri")
QUERY_LIMIT = 256
ID_LENGTH = 36


class BadQuestion(Exception):
    """A gateway asked in a way that cannot be answered: 400, for it speaks of the gateway and not of the call."""

    def __init__(self, sentence: str, *, code: str = "invalid_question", detail: str = "") -> None:
        """Keep the public sentence; `detail` is for the record of refusals alone."""
        super().__init__(sentence)
        self.sentence, self.code, self.detail = sentence, code, detail


class Asked(NamedTuple):
    """A call that a gateway asks about; `target` is its path with the query, as the caller wrote it."""

    resource: UUID
    method: str
    target: str
    test: bool


class _Dialect(NamedTuple):
    resource: UUID
    headers: tuple[str, str]
    test: bool


def by_headers(request: web.Request) -> Asked:
    """Return what is asked where the call stands in headers. Raises BadQuestion."""
    query = request.rel_url.raw_query_string
    if len(query) > QUERY_LIMIT:
        raise BadQuestion("The query is too long")
    dialect = _dialect(query)
    method, target = dialect.headers
    return Asked(dialect.resource, once(request, method), once(request, target), dialect.test)


def by_path(request: web.Request) -> Asked:
    """Return what is asked where the call's own path follows the gateway's. Raises BadQuestion.

    The request target is taken as it came: nothing before this has decoded or shortened it.
    """
    raw = request.raw_path
    for prefix in (VERIFY, TEST):
        if raw.startswith(prefix):
            resource, slash, rest = raw.removeprefix(prefix).partition("/")
            if slash:
                return Asked(_id(resource), request.method, slash + rest, prefix == TEST)
    raise BadQuestion("The path names no resource and call")


def once(request: web.Request, name: str) -> str:
    """Return the one value of a header. Raises BadQuestion when there is none, or when it comes twice."""
    values = request.headers.getall(name, ())
    if len(values) != 1 or not values[0]:
        raise BadQuestion(f"The header {name} is {'repeated' if len(values) > 1 else 'missing'}")
    return values[0]


@lru_cache(maxsize=1000)
def _dialect(query: str) -> _Dialect:
    """Return what a URL's query says. Raises BadQuestion for anything else than it may say, each once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise BadQuestion("The query is malformed") from None
    values = dict(pairs)
    if len(values) != len(pairs) or not values.keys() <= {"resource", "headers", "test"}:
        raise BadQuestion("The query may name resource, headers and test, each once")
    headers, test = values.get("headers", "original"), values.get("test", "false")
    if headers not in ("original", "forwarded") or test not in ("true", "false"):
        raise BadQuestion("headers is original or forwarded, test is true or false")
    return _Dialect(_id(values.get("resource", "")), ORIGINAL if headers == "original" else FORWARDED, test == "true")


@lru_cache(maxsize=1000)
def _resource(text: str) -> UUID | None:
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def _id(text: str) -> UUID:
    resource = _resource(text) if len(text) == ID_LENGTH else None
    if resource is None:
        raise BadQuestion("The resource is named by its id")
    return resource
