"""What somebody chose on the way through the pages of a selector: kept in its address, ticked in its form."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from uuid import UUID

from service.http.body import BadBody

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST = 50
"""So many can be chosen at once: with those of a page beside them, a form has no more fields than may be read."""
PREFIX, TICKED = "pick.", "yes"
SIZE = 16  # bytes of an id


def written(chosen: Collection[UUID]) -> str:
    """Return what an address says of these, as short as can be."""
    return base64.urlsafe_b64encode(b"".join(sorted(one.bytes for one in chosen))).rstrip(b"=").decode()


def read(text: str | None) -> frozenset[UUID]:
    """Return what an address says was chosen. Raises BadBody."""
    value = text or ""
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise BadBody("There is no such choice") from None
    if len(raw) % SIZE or len(raw) > MOST * SIZE:
        raise BadBody("There is no such choice")
    return frozenset(UUID(bytes=raw[start : start + SIZE]) for start in range(0, len(raw), SIZE))


def ticked(form: Mapping[str, str]) -> frozenset[UUID]:
    """Return what is ticked in a form. Raises BadBody."""
    found = set()
    for name, value in form.items():
        if name.startswith(PREFIX):
            try:
                found.add(UUID(name.removeprefix(PREFIX)))
            except ValueError:
                raise BadBody("There is no such choice") from None
            if value != TICKED:
                raise BadBody("There is no such choice")
    return frozenset(found)
