"""User codes: what a person reads on one device and types on another (RFC 8628 section 6.1).

Eight consonants: no word comes of them, and none is taken for a digit. They can be guessed, so only a keyed digest is
stored, a code is good for minutes, and guessing is throttled where codes are typed.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.secrets.master_key import MasterKeys

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8
PURPOSE = "user-code"

_CODE = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_TYPED_LIMIT = 64


def new_code() -> str:
    """Return a new code, without its hyphen: one of 20 to the power of 8."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(typed: str) -> str:
    """Return a code as people read it, XXXX-XXXX, however it was typed; what is none stays as it is."""
    code = read(typed)
    return typed if code is None else f"{code[:4]}-{code[4:]}"


def read(typed: str) -> str | None:
    """Return the code that somebody typed, in any case, with or without hyphens and space; None when it is none."""
    if len(typed) > _TYPED_LIMIT:
        return None
    code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed)).upper()
    return code if _CODE.fullmatch(code) else None


def digest(ring: MasterKeys, code: str) -> str:
    """Return what is stored in a code's place, under the current key."""
    return ring.mac(PURPOSE, code.encode()).hex()


def digests(ring: MasterKeys, code: str) -> list[str]:
    """Return what may be stored in a code's place: one digest for each key of the ring."""
    return [raw.hex() for raw in ring.mac_all(PURPOSE, code.encode())]
