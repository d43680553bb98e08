"""The native doors' error table: every refusal as RFC 9457 problem+json. One row a kind; no HTTP number elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
import pydantic
from aiohttp import web

from domain import refusals
from service.http.document import Output
from service.store import refusals as store_refusals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENT_TYPE = "application/problem+json"

# The most specific row wins: a refusal's own class first, then its ancestors.
STATUS: dict[type[Exception], int] = {
    refusals.Invalid: 400,
    refusals.Unknown: 404,
    refusals.Conflict: 409,
    refusals.Forbidden: 403,
    refusals.TooOften: 429,
    store_refusals.Stale: 409,
    store_refusals.Taken: 409,
    store_refusals.InvalidIdempotencyKey: 400,
    store_refusals.IdempotencyMismatch: 422,
    store_refusals.Overloaded: 503,
    store_refusals.Closing: 503,
    store_refusals.NewerGeneration: 503,
}
TITLES = {status.value: status.phrase for status in HTTPStatus}
STORE_SENTENCES: dict[type[Exception], tuple[str, str]] = {
    store_refusals.Stale: ("conflict", "The thing was changed at the same time; try again"),
    store_refusals.Taken: ("name_taken", "The name is taken"),
    store_refusals.InvalidIdempotencyKey: (
        "invalid_idempotency_key",
        "An Idempotency-Key is 1 to 255 visible ASCII characters, given once",
    ),
    store_refusals.IdempotencyMismatch: (
        "idempotency_mismatch",
        "The Idempotency-Key was used for another request within 24 hours",
    ),
    store_refusals.Overloaded: ("busy", "The service is busy, try again shortly"),
    store_refusals.Closing: ("busy", "The service is restarting, try again shortly"),
    store_refusals.NewerGeneration: ("busy", "The service is being upgraded, try again shortly"),
}


class Fault(Output):
    """What is wrong with one value. `in` is body or query, and absent where the rules refuse it."""

    where: str = pydantic.Field(default="", alias="in")
    field: str
    message: str


class Problem(Output):
    """Why a request was refused (RFC 9457): `code` is for programs, `detail` for people, `errors` name the fields."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] = pydantic.Field(default=[])


def status_of(refusal: Exception) -> int:
    """Return the status of a refusal of the rules or of the store."""
    for ancestor in type(refusal).__mro__:
        if ancestor in STATUS:
            return STATUS[ancestor]
    raise TypeError(type(refusal))


def of_refusal(refusal: Exception) -> tuple[int, str, str, str | None]:
    """Return status, code, public sentence and field of a refusal."""
    status = status_of(refusal)
    if isinstance(refusal, refusals.Refusal):
        return status, refusal.code, refusal.sentence, refusal.field
    code, sentence = STORE_SENTENCES[type(refusal)]
    return status, code, sentence, None


def errors_of(refusal: Exception) -> list[dict[str, str]]:
    """Return what is wrong by field, or by place of a document, as an answer tells it; [] where there is no more."""
    if not isinstance(refusal, refusals.Refusal):
        return []
    if refusal.faults:
        return [{"field": fault.place, "message": fault.message} for fault in refusal.faults]
    return [{"field": refusal.field, "message": refusal.sentence}] if refusal.field else []


def problem(
    status: int,
    code: str,
    sentence: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> web.Response:
    """Return a problem document: `type` about:blank, `code` for programs, `detail` for people, `errors` by field.

    `more` holds the members that a door adds (RFC 9457 section 3.2).
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Request refused"),
        "status": status,
        "code": code,
        "detail": sentence,
        **(more or {}),
    }
    if errors:
        body["errors"] = list(errors)
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
