"""What was typed into a form of the console, and what is wrong with it; and whether it was made with older values."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from service.pages import rendering
from service.pages.posted import note_refusal
from service.secrets.digests import sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp import web

    from domain.refusals import Refusal
    from service.pages.console.administrator import Administrator

SEEN = "seen"


class Filled(NamedTuple):
    """What was typed, and the words for what is wrong with it, by the name of the field."""

    typed: Mapping[str, str]
    faults: Mapping[str, str]


UNTOUCHED = Filled({}, {})


class Fault(NamedTuple):
    """The field that a refusal is about unless it says so itself, and the words for it; no field: the whole form."""

    field: str
    words: str


def typed(form: Mapping[str, str], fields: Iterable[str]) -> dict[str, str]:
    """Return what was typed into these fields, without outer space."""
    return {name: form.get(name, "").strip() for name in fields}


def digest(known: Mapping[str, str]) -> str:
    """Return what tells one set of values from another; it says nothing that its reader does not see."""
    return sha256_hex("\0".join(f"{name}\0{known[name]}" for name in sorted(known)))


def shown(
    request: web.Request, template: str, filled: Filled, *, status: int = 200, notice: str = "", **context: Any
) -> web.Response:
    """Return the page of a form; the first field at fault has the focus."""
    return rendering.form_page(
        request,
        template,
        status=status,
        typed=defaultdict(str, filled.typed),
        faults=defaultdict(str, filled.faults),
        first=next((name for name in filled.faults if name), ""),
        notice=notice or filled.faults.get("", ""),
        **context,
    )


def at_fault(
    request: web.Request,
    who: Administrator,
    refusal: Refusal,
    faults: Mapping[type[Refusal], Fault],
    values: Mapping[str, str],
) -> tuple[int, Filled]:
    """Record a refusal; return its status, and what was typed with the words for it."""
    fault = faults[type(refusal)]
    status = note_refusal(request, refusal, who.signed_in)
    field = refusal.field if refusal.field in values else fault.field
    return status, Filled(values, {field or "": fault.words})
