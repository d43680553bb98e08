"""Digests that other systems made: those that can be checked are taken over, whatever else is refused."""

from __future__ import annotations

import hashlib
import json

import bcrypt
import pytest
from argon2 import PasswordHasher, Type

from domain.refusals import InvalidDigest, UnsupportedDigest
from service.secrets import legacy_digests
from service.secrets.password_formats import adopted, is_foreign, matches

PASSWORD = "open sesame \uff11"  # not as NFKC would have it: other systems did not normalise
RAW = PASSWORD.encode()
SHA256 = hashlib.sha256(RAW).hexdigest()
SALTED = hashlib.sha512(b"salt" + RAW + b"7").hexdigest()
PBKDF2 = hashlib.pbkdf2_hmac("sha256", RAW, b"salt", 10, 32).hex()
BCRYPT = bcrypt.hashpw(RAW, bcrypt.gensalt(4)).decode()

# crypt_blowfish's own tests: what systems since have been held to.
OF_U = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
SALT_AND_KEY = "c2FsdHNhbHRzYWx0$" + "a" * 42 + "Y"
SEVENTY_TWO = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


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
    ("Bcrypt", BCRYPT),
    ("Legacy", legacy("sha512", ["salt", "@", 7], SALTED)),
    ("Legacy", legacy("sha512", ["salt", "@", 7], SALTED.upper())),
    ("Legacy", legacy("pbkdf2", ["salt", 10, 32, "sha256", "@"], PBKDF2)),
    ("Legacy", legacy("pbkdf2Sync", ["hex:73616c74", "10", "32", "sha256", "@"], PBKDF2)),
]


def beginning(value: str) -> str:
    """Return what names a test: the same each time, for salts come later."""
    return value[:7] if value.startswith("$2") else value[:24]


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
    ("digest", "password"),
    [
        (f"$2a$05${OF_U}", "U*U"),
        (f"$2b$05${OF_U}", "U*U"),
        (f"$2y$05${OF_U}", "U*U"),
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"),
        ("$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"),
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""),
        ("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", SEVENTY_TWO),
    ],
)
def test_a_published_digest_of_bcrypt_is_of_its_password_and_of_no_other(digest: str, password: str) -> None:
    kept = adopted("Bcrypt", digest)
    assert matches(kept, password)
    assert not matches(kept, "V" + password[1:])


def test_bcrypt_looks_at_seventy_two_bytes_and_no_more() -> None:
    kept = adopted("Bcrypt", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui")
    assert matches(kept, SEVENTY_TWO + "chars after 72 are ignored")
    assert not matches(kept, SEVENTY_TWO[:-1])
    of_characters = adopted("Bcrypt", bcrypt.hashpw(("\u00e9" * 36).encode(), bcrypt.gensalt(4)).decode())
    assert matches(of_characters, "\u00e9" * 37)
    assert not matches(of_characters, "\u00e9" * 35 + "e" + "\u00e9")


@pytest.mark.parametrize("costs", ["m=131072,t=8,p=1", "m=4096,t=256,p=1", "m=128,t=1,p=16", "m=8,t=1,p=1"])
def test_the_most_and_the_least_that_is_borne_is_borne(costs: str) -> None:
    assert adopted("Argon2i", f"$argon2i$v=19${costs}${SALT_AND_KEY}")


def test_a_digest_that_logto_made_before_is_borne() -> None:
    made = PasswordHasher(time_cost=256, memory_cost=4096, parallelism=1, type=Type.I).hash("x")
    assert matches(adopted("Argon2i", made), "x")


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("SHA256", SHA256.upper()),
        ("SHA256", SHA256[:-1]),
        ("SHA256", SHA256[:-1] + "\n"),
        ("MD5", SHA256),
        ("MD4", "a" * 32),
        ("Bcrypt", "$2b$12$"),
        ("Bcrypt", f"$2b$03${OF_U}"),
        ("Bcrypt", f"$2b$15${OF_U}"),
        ("Bcrypt", f"$2b$5${OF_U}"),
        ("Bcrypt", f"$2x$05${OF_U}"),
        ("Bcrypt", f"$2$05${OF_U}"),
        ("Bcrypt", f"$2b$05${OF_U}\n"),
        ("Bcrypt", f"$2b$05${OF_U[:-1]}X"),
        ("Bcrypt", f"$2b$05${OF_U.replace('.', '/', 1)}"),
        ("Argon2id", argon2(Type.I)),
        ("Argon2id", "nonsense"),
        ("Argon2id", "$argon2id$v=19$m=131073,t=1,p=1$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=131072,t=9,p=1$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=4096,t=257,p=1$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=200,t=1,p=17$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=15,t=1,p=2$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=8,t=0,p=1$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=0,t=1,p=1$" + SALT_AND_KEY),
        ("Argon2id", "$argon2id$v=19$m=8,t=1,p=1$" + SALT_AND_KEY[:-1] + "b"),
        ("Argon2id", "$argon2id$v=19$m=8,t=1,p=1$" + SALT_AND_KEY[:-2]),
        ("Legacy", "nonsense"),
        ("Legacy", legacy("sha256", ["salt"], SHA256)),
        ("Legacy", legacy("sha256", ["@", "x" * 200], SHA256)),
    ],
    ids=beginning,
)
def test_what_nobody_could_or_should_check_is_refused(algorithm: str, digest: str) -> None:
    with pytest.raises(InvalidDigest) as refused:
        adopted(algorithm, digest)
    assert refused.value.field == "password_digest"


def test_an_algorithm_that_is_not_known_is_told_apart() -> None:
    with pytest.raises(UnsupportedDigest):
        adopted("Legacy", legacy("whirlpool2", ["@"], SHA256))


def test_a_digest_whose_algorithm_is_no_longer_known_is_of_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = adopted("Legacy", legacy("sha256", ["@"], SHA256))
    assert matches(kept, PASSWORD)

    def forgotten(_: str) -> int:
        raise UnsupportedDigest

    monkeypatch.setattr(legacy_digests, "_size", forgotten)
    assert not matches(kept, PASSWORD)
