"""Makes identifiers of what a document calls things, and none where letters that tell things apart would be lost."""

from __future__ import annotations

import re
import unicodedata
from hashlib import sha256

LIMIT = 128
_FITS = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,127}")
_OTHER = re.compile(r"[^A-Za-z0-9_.\-]+")
_DIGEST = 8  # hexadecimal digits of it, which tell apart what is the same up to where it is cut


def fits(text: str) -> bool:
    """Say whether a text is an identifier as it is."""
    return _FITS.fullmatch(text) is not None


def slug(title: str) -> str | None:
    """Return the identifier that a title makes, in lower case with hyphens.

    None when letters would be lost, for then other titles would make the same, or when it does not begin with one.
    """
    ascii_only = _without_accents(title.casefold())
    made = None if ascii_only is None else _OTHER.sub("-", ascii_only).strip("-_.")
    return made if made and fits(made) else None


def of_operation(operation_id: object, method: str, path: str) -> str:
    """Return the identifier of an operation: its id made to fit, else its method and path, as `get_orders_id`."""
    named = _without_accents(operation_id) if isinstance(operation_id, str) else None
    made = _fitted(named) if named else ""
    if not made:
        plain = _without_accents(path)
        words = [_fitted(word) for word in (plain or path).split("/")]
        made = "_".join([method.lower(), *filter(None, words)])
        if plain is None:  # what is left of it would not tell paths apart
            made = f"{made}_{_short(path)}"
    if not made[0].isalpha():
        made = f"op_{made}"
    return made if len(made) <= LIMIT else f"{made[: LIMIT - _DIGEST - 1]}_{_short(made)}"


def _fitted(text: str) -> str:
    return _OTHER.sub("_", text).strip("_-.")


def _without_accents(text: str) -> str | None:
    """Return a text in ASCII, its letters without their accents; None when that takes letters or digits away."""
    decomposed = unicodedata.normalize("NFKD", text[: 8 * LIMIT])
    kept = "".join(character for character in decomposed if not unicodedata.combining(character))
    if any(character.isalnum() and not character.isascii() for character in kept):
        return None
    return "".join(character if character.isascii() else " " for character in kept)


def _short(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
