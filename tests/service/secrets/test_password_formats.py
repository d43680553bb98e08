"""Digests that other systems made: those that can be checked are taken over, whatever else is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from argon2 import PasswordHasher, Type

from domain.refusals import InvalidDigest
from service.secrets.password_formats import adopted, is_foreign, matches

PASSWORD = "open sesame \uff11"  # not as NFKC would have it: other systems did not normalise
RAW = PASSWORD.encode()
SHA256 = hashlib.sha256(RAW).hexdigest()
SALTED = hashlib.sha512(b"salt" + RAW + b"7").hexdigest()
PBKDF2 = hashlib.pbkdf2_hmac("sha256", RAW, b"salt", 10, 32).hex()


def argon2(kind: Type) -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=kind).hash(RAW)


def legacy(*parts: object) -> str:
    return json.dumps(parts)


GOOD = [
    ("Argon2i", argon2(Type.I)),
    ("Argon2d", argon2(Type.D)),
    ("Argon2id", argon2(Type.ID)),
    ("MD5", hashlib.md5(RAW, usedforsecurity=False).hexdigest()),
    ("SHA1", hashlib.sha1(RAW, usedforsecurity=False).hexdigest()),
    ("SHA256", SHA256),
    ("Legacy", legacy("sha512", ["salt", "@", 7], SALTED)),
    ("Legacy", legacy("sha512", ["salt", "@", 7], SALTED.upper())),
    ("Legacy", legacy("pbkdf2", ["salt", 10, 32, "sha256", "@"], PBKDF2)),
    ("Legacy", legacy("pbkdf2Sync", ["hex:73616c74", "10", "32", "sha256", "@"], PBKDF2)),
]


def beginning(value: str) -> str:
    """Return what names a test: the same each time, for salts come later."""
    return value[:24]


@pytest.mark.parametrize(("algorithm", "digest"), GOOD, ids=beginning)
def test_the_password_as_it_was_typed_is_the_one_of_the_digest(algorithm: str, digest: str) -> None:
    kept = adopted(algorithm, digest)
    assert is_foreign(kept)
    assert matches(kept, PASSWORD)
    for wrong in ("open sesame 1", "", "\ud83d", PASSWORD + " "):
        assert not matches(kept, wrong)


def test_a_digest_of_our_own_is_not_foreign() -> None:
    assert not is_foreign(argon2(Type.ID))


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("SHA256", SHA256.upper()),
        ("SHA256", SHA256[:-1]),
        ("SHA256", SHA256[:-1] + "\n"),
        ("MD5", SHA256),
        ("Bcrypt", "$2b$12$" + "a" * 53),
        ("MD4", "a" * 32),
        ("Argon2id", argon2(Type.I)),
        ("Argon2id", "nonsense"),
        ("Argon2id", "$argon2id$v=19$m=131073,t=1,p=1$c2FsdHNhbHRzYWx0$" + "a" * 43),
        ("Argon2id", "$argon2id$v=19$m=8,t=17,p=1$c2FsdHNhbHRzYWx0$" + "a" * 43),
        ("Argon2id", "$argon2id$v=19$m=8,t=1,p=17$c2FsdHNhbHRzYWx0$" + "a" * 43),
        ("Argon2id", "$argon2id$v=19$m=0,t=1,p=1$c2FsdHNhbHRzYWx0$" + "a" * 43),
        ("Legacy", "nonsense"),
        ("Legacy", "[" * 200),
        ("Legacy", legacy("sha256", ["@"])),
        ("Legacy", legacy("sha256", ["salt"], SHA256)),
        ("Legacy", legacy("sha256", ["@", "@"], SHA256)),
        ("Legacy", legacy("sha256", ["@", 1.5], SHA256)),
        ("Legacy", legacy("sha256", "@", SHA256)),
        ("Legacy", legacy("sha256", ["@"], SHA256[:-2])),
        ("Legacy", legacy("sha256", ["@"], 7)),
        ("Legacy", legacy("sha256", ["@"], "\u00e9" * 64)),
        ("Legacy", legacy("shake_128", ["@"], "aa")),
        ("Legacy", legacy("whirlpool2", ["@"], SHA256)),
        ("Legacy", legacy(["sha256"], ["@"], SHA256)),
        ("Legacy", legacy("pbkdf2", ["salt", 2_000_001, 32, "sha256", "@"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["salt", 0, 32, "sha256", "@"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["salt", 10, 513, "sha256", "@"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["salt", 10, 32, "sha3_256", "@"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["hex:xyz", 10, 32, "sha256", "@"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["@", 10, 32, "sha256", "salt"], PBKDF2)),
        ("Legacy", legacy("pbkdf2", ["salt", 10, "sha256", "@"], PBKDF2)),
        ("Legacy", legacy("sha256", ["@", "x" * 200], SHA256)),
    ],
    ids=beginning,
)
def test_what_nobody_could_or_should_check_is_refused(algorithm: str, digest: str) -> None:
    with pytest.raises(InvalidDigest) as refused:
        adopted(algorithm, digest)
    assert refused.value.field == "password_digest"
