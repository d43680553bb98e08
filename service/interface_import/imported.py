"""What is read of a document: the API resource and the interfaces that it describes, or what is wrong with it."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from domain.refusals import Fault


class Operation(msgspec.Struct, frozen=True):
    """An operation as the interface that it becomes; `path` is a template in its one form."""

    identifier: str
    name: str
    method: str
    path: str
    description: str | None


class LeftOut(msgspec.Struct, frozen=True):
    """An operation that can be no interface, for its method or for its path."""

    identifier: str
    method: str
    path: str
    reason: Literal["method", "path"]


class ImportedDocument(msgspec.Struct, frozen=True):
    """A document. `identifier` is None where neither `x-app-key` nor the title makes one for the API resource."""

    version: str
    identifier: str | None
    name: str
    description: str | None
    uri: str | None
    operations: tuple[Operation, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def digest(self) -> str:
        """The same for documents that are imported alike, whatever else is different in them."""
        return sha256(msgspec.json.encode(self)).hexdigest()


class Judged(msgspec.Struct, frozen=True):
    """What the child answers: the document, or why there is none, each fault with its place."""

    document: ImportedDocument | None = None
    faults: tuple[Fault, ...] = ()
