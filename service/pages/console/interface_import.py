"""/console/interfaces/import: a document of interfaces is read, what it would do is shown, and then it is done or not.

What was shown is what is done: when the document, or what it meets, is another one by then, it is shown anew instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pydantic

from domain.refusals import (
    DocumentNotFetched,
    IdentifierNeeded,
    ImportChanged,
    ImportsUnderWay,
    InvalidApiIdentifier,
    InvalidDocument,
    TooManyApiResources,
    TooManyInterfaces,
    TooMuchAtOnce,
)
from service.commands import interface_imports
from service.commands.interface_imports import Mode
from service.http.endpoint import Endpoint
from service.http.group import Group
from service.http.multipart import MULTIPART
from service.pages import way_on
from service.pages.console import asked
from service.pages.console.administrator import done_with, form_fields, seen_with
from service.pages.console.filled import Fault, Filled, at_fault, shown
from service.pages.console.interface_document import FILE, TEXT, URL, Source, again, chosen, form_of
from service.pages.console.interface_report import page as report_page
from service.pages.console.opening import WRITE_API
from service.pages.console.registry import PATH
from service.pages.posted import ELSEWHERE, FAILED, UNREADABLE, html, note, note_refusal, parameters
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from domain.refusals import Refusal
    from service.commands.interface_imports import Report
    from service.interface_import.imported import ImportedDocument
    from service.pages.console.administrator import Administrator

IMPORT, CONFIRM = f"{PATH}/import", f"{PATH}/import/confirm"
MODE, RESOURCE, DIGEST, EXPECTED = "mode", "resource", "digest", "expected"
MODES = tuple(mode.value for mode in Mode)
FAULTS: dict[type[Refusal], Fault] = {
    DocumentNotFetched: Fault(URL, "console_import_not_fetched"),
    InvalidDocument: Fault("", "console_import_invalid"),
    IdentifierNeeded: Fault(RESOURCE, "console_import_needs_identifier"),
    InvalidApiIdentifier: Fault(RESOURCE, "console_identifier_wrong"),
    TooManyInterfaces: Fault("", "console_too_many_interfaces"),
    TooManyApiResources: Fault("", "console_too_many_resources"),
    TooMuchAtOnce: Fault("", "console_too_much_text"),
    ImportsUnderWay: Fault("", "console_import_under_way"),
}
REFUSED = tuple(FAULTS)


class ImportLink(pydantic.BaseModel):
    """Into which API resource perhaps. `organization`: where to sign in, for somebody who is not signed in."""

    resource: str = ""
    organization: str = ""


class ImportForm(pydantic.BaseModel):
    """What is imported, by exactly one of address, file and text, how, and under which identifier if not its own."""

    url: str = ""
    file: bytes = b""
    text: str = ""
    mode: Literal["normal", "overwrite"] = "normal"
    resource: str = ""
    csrf: str = ""


class ImportConfirmForm(pydantic.BaseModel):
    """What was shown: the document, by its address or packed, its digest, and the digest of what it would do."""

    url: str = ""
    document: str = ""
    mode: Literal["normal", "overwrite"]
    resource: str = ""
    digest: str
    expected: str
    csrf: str = ""


@seen_with(WRITE_API)
async def ask(request: web.Request, who: Administrator) -> web.StreamResponse:
    """Answer the form."""
    named = parameters(request, RESOURCE)
    return await _page(request, who, Filled({MODE: MODES[0], RESOURCE: asked.text(named.get(RESOURCE)) or ""}, {}))


@done_with(WRITE_API, reading=form_of)
async def preview(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Show what an import would do."""
    sources = chosen(form)
    typed = {URL: form.get(URL, ""), TEXT: form.get(TEXT, ""), RESOURCE: form.get(RESOURCE, "").strip()}
    typed[MODE] = asked.choice(form.get(MODE), MODES)
    if len(sources) != 1:
        fault = "console_import_nothing" if not sources else "console_import_one_of"
        return await _page(request, who, Filled(typed, {URL if not form.get(URL) else FILE: fault}), status=400)
    try:
        return await _previewed(request, who, sources[0], await _read(request, who, sources[0]), typed)
    except REFUSED as refusal:
        return await _refused(request, who, refusal, typed)


@done_with(WRITE_API, reading=form_of)
async def confirm(request: web.Request, who: Administrator, form: Mapping[str, str]) -> web.StreamResponse:
    """Import what was shown."""
    source = await again(form)
    typed = {URL: source.url, RESOURCE: form.get(RESOURCE, ""), MODE: asked.choice(form.get(MODE), MODES)}
    try:
        document = await _read(request, who, source)
        if document.digest != form.get(DIGEST):
            note(request, 409, ImportChanged.code, "the document is another one", signed_in=who.signed_in)
            return await _previewed(request, who, source, document, typed, changed="console_import_other_document")
        try:
            report = await _carried_out(request, who, document, typed, expected=form.get(EXPECTED, ""))
        except ImportChanged as refusal:
            note_refusal(request, refusal, who.signed_in)
            return await _previewed(request, who, source, document, typed, changed="console_import_changed")
    except REFUSED as refusal:
        return await _refused(request, who, refusal, typed)
    return await report_page(request, who, document, report)


async def _read(request: web.Request, who: Administrator, source: Source) -> ImportedDocument:
    return await source.read(request, who.signed_in.organization)


async def _previewed(
    request: web.Request,
    who: Administrator,
    source: Source,
    document: ImportedDocument,
    typed: Mapping[str, str],
    *,
    changed: str = "",
) -> web.Response:
    """Return the page of what an import would do; `changed`: the words for why it is shown once more.

    Raises as `_carried_out` does.
    """
    report = await _carried_out(request, who, document, typed, expected=None)
    fields = {MODE: typed[MODE], RESOURCE: typed[RESOURCE], DIGEST: document.digest, EXPECTED: report.digest}
    return await report_page(
        request,
        who,
        document,
        report,
        fields={**form_fields(request, who, CONFIRM), **await source.fields(), **fields},
        status=409 if changed else 200,
        notice=changed,
    )


async def _carried_out(
    request: web.Request,
    who: Administrator,
    document: ImportedDocument,
    typed: Mapping[str, str],
    *,
    expected: str | None,
) -> Report:
    """Import a document if that does what is `expected`; None: see what it would do."""
    done = await interface_imports.carry_out(
        request.app[PARTS].store,
        who.origin(request),
        who.caller,
        organization=who.signed_in.organization,
        document=document,
        mode=Mode(typed[MODE]),
        dry_run=expected is None,
        resource=typed[RESOURCE] or None,
        expected=expected,
    )
    return done.value


async def _refused(
    request: web.Request, who: Administrator, refusal: Refusal, typed: Mapping[str, str]
) -> web.Response:
    status, filled = at_fault(request, who, refusal, FAULTS, typed)
    return await _page(request, who, filled, status=status, details=getattr(refusal, "faults", ()))


async def _page(
    request: web.Request, who: Administrator, filled: Filled, *, status: int = 200, details: Any = ()
) -> web.Response:
    """Return the form, with what is wrong with the document in `details`."""
    return shown(
        request,
        "console_import.html",
        filled,
        status=status,
        owner=await way_on.owner_of(request.app[PARTS], who.signed_in.organization),
        opens=who.opens,
        path=f"{IMPORT}?{way_on.ORGANIZATION}={who.signed_in.organization}",
        fields=form_fields(request, who, IMPORT),
        modes=MODES,
        details=details,
    )


SENT = {
    200: html("What it would do, or what it did."),
    303: ELSEWHERE,
    400: html("The form or the document cannot be read, or a value breaks a rule."),
    403: html("The form is none of ours, or whoever is signed in may not import interfaces."),
    409: html("What it would do is not what was shown, or there would be too many."),
    429: html("Other documents of the organization are being read."),
    **UNREADABLE,
    **FAILED,
}
ENDPOINTS = (
    Endpoint(
        "GET", IMPORT, ask, Group.PAGES, "pages", "The form to import interfaces",
        {
            200: html("The form."), 303: ELSEWHERE, 400: html("A parameter cannot be read."),
            403: html("Whoever is signed in may not import interfaces."), **FAILED,
        },
        query=ImportLink,
    ),
    Endpoint(
        "POST", IMPORT, preview, Group.PAGES, "pages", "See what an import would do", SENT,
        body=ImportForm, reads=(MULTIPART,),
    ),
    Endpoint(
        "POST", CONFIRM, confirm, Group.PAGES, "pages", "Import interfaces", SENT,
        body=ImportConfirmForm, reads=(MULTIPART,),
    ),
)  # fmt: skip
