"""Pages with blocks that the program makes: each between two comments, amid words written by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs import event_catalogue, http_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"(?P<begin><!-- made: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

PAGES: dict[Path, Mapping[str, Callable[[], str]]] = {
    DOCS / "events.md": {"summary": event_catalogue.summary, "catalogue": event_catalogue.catalogue},
    DOCS / "http.md": {"routes": http_reference.routes, "refusals": http_reference.refusals},
}


def rewritten(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its blocks made anew. Raises KeyError for a block that nobody makes."""
    return BLOCK.sub(lambda found: f"{found['begin']}\n{blocks[found['name']]().strip()}\n\n{found['end']}", text)


def names(text: str) -> list[str]:
    """Return which blocks a page has."""
    return [found["name"] for found in BLOCK.finditer(text)]
