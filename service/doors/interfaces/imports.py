"""/api/interfaces/import: an API resource with its interfaces, from a Swagger 2.0 or OpenAPI 3.0 or 3.1 document.

`write_api` imports. The document is in the request, as an object or as a text in JSON or YAML, or at an address of the
public internet; it has at most 5 MiB, must be valid and must refer to no other document. In `normal` mode interfaces
are added and nothing that is there is touched. In `overwrite` mode the API resource becomes what the document says,
limits included: grants stay for interfaces whose identifier is still there, and end for those that go. A dry run tells
what would be done; with its `digest` as `expected`, that is done or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec
import pydantic
from aiohttp import web

from domain.api_resource import checked_identifier
from domain.refusals import (
    AccountNotActive,
    DocumentNotFetched,
    IdentifierNeeded,
    ImportChanged,
    ImportsUnderWay,
    InvalidApiIdentifier,
    InvalidDocument,
    TooManyApiResources,
    TooManyInterfaces,
    TooMuchAtOnce,
    UnknownAccount,
)
from service.commands import interface_imports
from service.http.body import MAX_BODY, BadBody, read_bytes, size
from service.http.call import Answer, Call
from service.http.document import Output
from service.http.input import Id, Input, read_body
from service.http.token_header import TokenHeaderDoor
from service.interface_import.documents import LIMIT
from service.interface_import.plan import Mode, What

if TYPE_CHECKING:
    from uuid import UUID

    from service.interface_import.imported import ImportedDocument
    from service.interface_import.plan import Entry

BODY: web.RequestKey[bytes] = web.RequestKey("import_body", bytes)
READ_SECONDS = 60.0  # a large document over a slow line; whoever sends it is known and may import
DOCUMENT = "document"
# What the document is replaced by while all the rest is validated, by how it begins. It has limits of its own.
IN_PLACE = {b"{": b"{}", b'"': b'"-"', b"[": b"[]"}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ImportDoor(TokenHeaderDoor):
    """A door to which documents are brought: they are for the process that judges them, and are not read here."""

    BODY_LIMIT: ClassVar[int] = LIMIT

    async def read(self, request: web.Request, shape: type[Input]) -> tuple[Input, bytes]:
        """Return the body without its document, which is left to be read where nothing else is held up by it."""
        raw = await read_bytes(request, limit=self.BODY_LIMIT, seconds=READ_SECONDS)
        rest = _without_document(raw)
        if len(rest) > MAX_BODY:
            raise BadBody(f"Only a document may make the body larger than {size(MAX_BODY)}", status=413)
        request[BODY] = raw
        return read_body(request, shape, rest), raw


def _without_document(raw: bytes) -> bytes:
    """Return an object with something small in the place of its `document`; anything else as it is.

    A name that stands twice is found where the document is read.
    """
    try:
        members = _members.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return raw
    if DOCUMENT not in members:
        return raw
    text = bytes(members[DOCUMENT])
    members[DOCUMENT] = msgspec.Raw(IN_PLACE.get(text[:1], text))
    return msgspec.json.encode(members)


DOOR = ImportDoor("interface-imports")


class Import(Input):
    """What is to be imported: either the `url` of a document or the `document`, an object or a text in JSON or YAML.

    `resource` is the identifier of the API resource, in place of the document's own: its `x-app-key`, else what its
    title makes. `expected` is the digest of a report: whatever would do anything else is not done. `organization` is
    root's to name; the caller's own otherwise.
    """

    url: str | None = pydantic.Field(default=None, min_length=1, max_length=2048)
    document: dict[str, Any] | str | None = None
    mode: Literal["normal", "overwrite"]
    dry_run: bool = False
    resource: str | None = None
    expected: str | None = pydantic.Field(default=None, pattern="^[0-9a-f]{64}$")
    organization: Id | None = None

    @pydantic.model_validator(mode="after")
    def _one_of_two(self) -> Import:
        if (self.url is None) == (self.document is None):
            msg = "either a url or a document"
            raise ValueError(msg)
        return self


class ImportedResource(Output):
    """The API resource. `id` is null where a dry run would make it, `changed` names what is different of it."""

    id: Id | None
    identifier: str
    name: str
    created: bool
    changed: list[str]


class ImportedInterface(Output):
    """What becomes of an operation, or of an interface that goes. `changed` names what is different of it.

    One that is skipped has a `reason`: the interface `existing` has its identifier (`exists`), or its method and path
    (`address_taken`), or no interface can have its method or its path. `grants` counts the grants that there are for
    the interface; they end with one that is deleted.
    """

    identifier: str
    method: str
    path: str
    outcome: Literal["added", "replaced", "unchanged", "skipped", "deleted"]
    changed: list[str]
    reason: Literal["exists", "address_taken", "method", "path"] | None
    existing: str | None
    grants: int


class ImportReport(Output):
    """What the import did, or in a dry run would do."""

    mode: Literal["normal", "overwrite"]
    dry_run: bool
    resource: ImportedResource
    added: int
    replaced: int
    unchanged: int
    skipped: int
    deleted: int
    grants_kept: int
    grants_withdrawn: int
    digest: str
    interfaces: list[ImportedInterface]


def _told(report: interface_imports.Report) -> Answer:
    target = report.resource
    return Answer(
        {
            "mode": report.mode,
            "dry_run": report.dry_run,
            "resource": {
                "id": target.id,
                "identifier": target.identifier,
                "name": target.name,
                "created": target.created,
                "changed": target.changed,
            },
            **{outcome: report.count(outcome) for outcome in What},
            "grants_kept": report.grants_kept,
            "grants_withdrawn": report.grants_withdrawn,
            "digest": report.digest,
            "interfaces": [_entry(entry) for entry in report.interfaces],
        }
    )


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "identifier": entry.identifier,
        "method": entry.method,
        "path": entry.path,
        "outcome": entry.outcome,
        "changed": entry.changed,
        "reason": entry.reason,
        "existing": entry.existing,
        "grants": entry.grants,
    }


@DOOR.route(
    "POST",
    "/api/interfaces/import",
    permission="write_api",
    summary="Import an API resource with its interfaces",
    body=Import,
    answer=ImportReport,
    refuses=(
        UnknownAccount,
        AccountNotActive,
        InvalidDocument,
        DocumentNotFetched,
        IdentifierNeeded,
        InvalidApiIdentifier,
        TooManyApiResources,
        TooManyInterfaces,
        ImportChanged,
        ImportsUnderWay,
        TooMuchAtOnce,
    ),
)
async def carry_out(call: Call) -> Answer:
    body: Import = call.body
    chosen = call.organization(body.organization) or call.by.organization  # before anything is fetched
    if body.resource is not None:
        checked_identifier(body.resource, field="resource")
    return await call.carry_out(
        interface_imports.carry_out,
        _told,
        organization=chosen,
        document=await _document(call, chosen),
        mode=Mode(body.mode),
        dry_run=body.dry_run,
        resource=body.resource,
        expected=body.expected,
    )


async def _document(call: Call, organization: UUID) -> ImportedDocument:
    """Return the document of the request, or the one at its address."""
    body: Import = call.body
    if body.url is not None:
        return await call.parts.documents.fetched(organization, body.url)
    return await call.parts.documents.read_body(organization, call.request[BODY])
