"""One-time codes: those that an app makes of a secret and the time (RFC 6238), and backup codes.

Six digits, a new code every 30 seconds, HMAC-SHA-1: what every app knows. A clock may be off by one step either way.
"""

from __future__ import annotations

import base64
import io
import re
import secrets
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from domain.factor import BACKUP_CODES
from service.secrets.digests import same

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

SECRET_BYTES = 20
BACKUP_CODE_BYTES = 5
DIGITS, PERIOD = 6, 30
WINDOW = 1
SCALE, BORDER = 4, 4  # of a QR code: pixels a module, and the quiet zone of the standard
TYPED_LIMIT = 64

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_CODE = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> str:
    """Return a new secret: 160 random bits, as 32 characters of base32."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def uri(secret: str, *, issuer: str, account: str) -> str:
    """Return what an app reads the secret from, with the names that it shows beside its codes."""
    host, bare = quote(issuer, safe=""), secret.rstrip("=")  # apps want it without what fills it up
    shape = f"algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    return f"otpauth://totp/{host}:{quote(account, safe='')}?secret={bare}&issuer={host}&{shape}"


def image(text: str) -> str:
    """Return a text as a QR code: a PNG image as a data URL."""
    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(drawn, kind="png", scale=SCALE, border=BORDER)
    return f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode('ascii')}"


def check(secret: str, code: str, now: datetime) -> int | None:
    """Return the step whose code this is, as somebody typed it; None when it is that of no step that counts now."""
    typed = digits(code)
    if typed is None:
        return None
    # Apps of others may have secrets shorter than RFC 4226 wants them; which ones are taken, the rules say.
    app = HOTP(base64.b32decode(secret), DIGITS, SHA1(), enforce_key_length=False)  # noqa: S303 - RFC 6238's default
    present, found = int(now.timestamp()) // PERIOD, None
    for step in range(present - WINDOW, present + WINDOW + 1):
        # No early end: how long it takes must not tell which step it was.
        if same(app.generate(step).decode("ascii"), typed):
            found = step
    return found


def digits(typed: str) -> str | None:
    """Return the six digits that somebody typed, in whatever groups and width; None when it is anything else."""
    if len(typed) > TYPED_LIMIT:
        return None
    bare = _bare(typed)
    return bare if _CODE.fullmatch(bare) else None


def new_backup_codes() -> list[str]:
    """Return ten new backup codes, each of 40 random bits in hex, no two alike."""
    codes: dict[str, None] = {}
    while len(codes) < BACKUP_CODES:
        codes[secrets.token_hex(BACKUP_CODE_BYTES)] = None
    return list(codes)


def backup_code(typed: str) -> str:
    """Return a backup code as somebody typed it, in whatever groups, width and case, as it is written."""
    return _bare(typed).lower() if len(typed) <= TYPED_LIMIT else ""


def backup_digest(factor: UUID, code: str) -> str:
    """Return the digest of a backup code, in hex; the same code has another one elsewhere."""
    return sha256(b"backup-code:" + factor.bytes + code.encode("utf-8", "surrogatepass")).hexdigest()


def _bare(typed: str) -> str:
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
