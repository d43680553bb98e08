"""Serves the API documents, made once when a worker starts: cacheable, asked again by ETag, open to every origin."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pydantic
from aiohttp import web

from service.http.document import Output
from service.http.endpoint import UNAVAILABLE, Endpoint, Reply
from service.http.group import Group
from service.openapi import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.http.endpoint import Handler
    from service.openapi.documents import Contents

HEADERS = {
    "Cache-Control": "no-cache",  # ask again, by ETag: a new version of the program may say something new
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}


class Page(NamedTuple):
    """An answer that stays the same while the program runs."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Page:
        """Return the answer that a body makes."""
        return cls(body, sha256(body).hexdigest()[:32])


class ApiDocument(Output):
    """An OpenAPI document."""

    model_config = pydantic.ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


Pages = dict[str, Page]
PAGES: web.AppKey[Pages] = web.AppKey("api_documents", Pages)


def pages(make: Callable[[Contents, str], Mapping[str, Any]], issuer: str) -> Pages:
    """Return the documents for an issuer, by path."""
    return {contents.path: Page.of(msgspec.json.encode(make(contents, issuer))) for contents in documents.CONTENTS}


async def document(request: web.Request) -> web.Response:
    """Answer with the document of the path; 304 when the client has it already (RFC 9110 section 13.1.2)."""
    return respond(request, request.app[PAGES][request.path], "application/json", HEADERS)


def respond(request: web.Request, page: Page, content_type: str, headers: Mapping[str, str]) -> web.Response:
    """Return a page, or 304 without it."""
    known = request.if_none_match or ()
    if any(tag.value in (page.etag, "*") for tag in known):
        response = web.Response(status=304, headers=headers)
    else:
        charset = "utf-8" if content_type.startswith("text/") else None
        response = web.Response(body=page.body, content_type=content_type, charset=charset, headers=headers)
    response.etag = page.etag
    return response


def _declared(contents: Contents) -> Endpoint:
    replies = {
        200: Reply(contents.told, ApiDocument, headers=("Cache-Control", "Access-Control-Allow-Origin", "ETag")),
        304: Reply("The client has it already.", headers=("Cache-Control", "Access-Control-Allow-Origin", "ETag")),
        **UNAVAILABLE,
    }
    group = Group.SERVER_TO_SERVER if contents is documents.SERVER_TO_SERVER else Group.OPERATIONS
    handler: Handler = document
    return Endpoint("GET", contents.path, handler, group, "documents", f"{contents.title}: the document", replies)


ENDPOINTS = tuple(map(_declared, documents.CONTENTS))
