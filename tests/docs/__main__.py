"""Writes anew what the program makes of the documentation: `python -m tests.docs`, after an event or route changed."""

from __future__ import annotations

from tests.docs.pages import PAGES, rewritten

if __name__ == "__main__":
    for path, blocks in PAGES.items():
        path.write_text(rewritten(path.read_text(encoding="utf-8"), blocks), encoding="utf-8")
