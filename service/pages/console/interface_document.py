"""The document of an import as forms of the console bring it: by an address, a file or a text, and packed for later.

A document that was uploaded waits nowhere: the page that previews its import holds it, packed, and sends it again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import zlib
from typing import TYPE_CHECKING, NamedTuple

from service.http.body import MAX_BODY, BadBody, read_bytes
from service.http.multipart import MULTIPART, parse_multipart
from service.interface_import.documents import LIMIT
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from aiohttp import web

    from service.interface_import.imported import ImportedDocument

URL, FILE, TEXT, PACKED = "url", "file", "text", "document"
SECONDS = 60.0  # within which a form with a document has to arrive
LARGEST = LIMIT * 4 // 3 + MAX_BODY  # bytes of a form: a document that cannot be compressed, in base64, and the rest


class Source(NamedTuple):
    """Where a document comes from: an address, or the bytes of what was uploaded or typed."""

    url: str
    raw: bytes

    async def read(self, request: web.Request, organization: UUID) -> ImportedDocument:
        """Return the document, read for an organization. Raises InvalidDocument, DocumentNotFetched or Overloaded."""
        documents = request.app[PARTS].documents
        if self.url:
            return await documents.fetched(organization, self.url)
        return await documents.read_text(organization, self.raw)

    async def fields(self) -> dict[str, str]:
        """Return what a form has to say to bring the same document again: of an address, whatever is there by then."""
        return {URL: self.url} if self.url else {PACKED: await asyncio.to_thread(_packed, self.raw)}


async def form_of(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form with a document; what of a file is no text is kept byte by byte. Raises BadBody."""
    if request.content_type != MULTIPART:
        raise BadBody("The content type must be multipart/form-data", status=415)
    raw = await read_bytes(request, limit=LARGEST, seconds=SECONDS)
    fields = parse_multipart(raw, request.headers["Content-Type"])
    return {name: value.decode("utf-8", "surrogateescape") for name, value in fields.items()}


def chosen(form: Mapping[str, str]) -> list[Source]:
    """Return the documents that a form names: it should be one."""
    url, texts = form.get(URL, "").strip(), [form.get(FILE, ""), form.get(TEXT, "")]
    uploaded = [Source("", text.encode("utf-8", "surrogateescape")) for text in texts if text.strip()]
    return [Source(url, b""), *uploaded] if url else uploaded


async def again(form: Mapping[str, str]) -> Source:
    """Return the document that the form of a preview brings. Raises BadBody."""
    packed = form.get(PACKED)
    if packed is None:
        return Source(form.get(URL, ""), b"")
    return Source("", await asyncio.to_thread(_unpacked, packed))


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(raw)).decode("ascii")


def _unpacked(text: str) -> bytes:
    """Return what was packed, no more of it than a document may have. Raises BadBody."""
    opening = zlib.decompressobj()
    try:
        raw = opening.decompress(base64.urlsafe_b64decode(text.encode("utf-8", "surrogateescape")), LIMIT + 1)
    except (binascii.Error, zlib.error):
        raise BadBody("The form does not say what it is about") from None
    if not opening.eof or len(raw) > LIMIT:
        raise BadBody("The form does not say what it is about")
    return raw
