"""What Logto calls Legacy: arguments around a password, digested in some way; with answers that others published."""

from __future__ import annotations

import hashlib
import json

import pytest

from domain.refusals import InvalidDigest, UnsupportedDigest
from service.secrets.legacy_digests import read

# The example of https://github.com/firebase/scrypt.
SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
FIREBASE_SALT, SEPARATOR = "42xEC+ixf3L2lw==", "Bw=="
FIREBASE = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
FIREBASE_PASSWORD = "user1password"

SHA256 = "c465f66c6ac481a7a17e9ed5b4e2e7e7288d892f12bf1c95c140901e9a70436e"
PBKDF2 = "4b007901b765489abead49d926f721d065a429c1"
ZEROS = "00" * 32


def text(algorithm: object, arguments: object, digest: object) -> str:
    return json.dumps([algorithm, arguments, digest])


def right(told: str, password: str) -> bool:
    legacy = read(told)
    return legacy.made(password.encode()) == legacy.expected


@pytest.mark.parametrize(
    ("told", "password"),
    [
        # https://docs.logto.io/user-management/user-migration
        (text("sha256", ["salt123", "@"], SHA256), "password123"),
        (text("SHA256", ["salt", "123", "@"], SHA256.upper()), "password123"),
        (text("md5", ["@"], "51533f457802f105fc615463db7f0e20"), "simple_password"),
        (text("sha1", ["prefix", "@", "suffix"], "1e51b70835fc01a385d43117299e147203d098c6"), "mypass"),
        # RFC 6070
        (text("pbkdf2", ["salt", "4096", "20", "sha1", "@"], PBKDF2), "password"),
        (text("pbkdf2Sync", ["hex:73616C74", 4096, 20, "sha1", "@"], PBKDF2.upper()), "password"),
        # RFC 1321, FIPS 202 and RFC 7693, each of "abc"
        (text("md5", ["a", "@", "c"], "900150983cd24fb0d6963f7d28e17f72"), "b"),
        (text("sha3-256", ["@"], "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"), "abc"),
        (text("blake2s256", ["@"], "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"), "abc"),
        # FIPS 202, of nothing: as long as OpenSSL makes it unasked
        (text("shake128", ["", "@"], "7f9c2ba4e88f827d616045507605853e"), ""),
        (text("shake256", ["@"], "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"), ""),
    ],
)
def test_a_published_digest_is_of_its_password_and_of_no_other(told: str, password: str) -> None:
    assert right(told, password)
    assert not right(told, password + " ")


def test_every_digest_that_openssl_has_here_is_known() -> None:
    known = set()
    for algorithm in hashlib.algorithms_available - {"shake_128", "shake_256"}:
        try:
            wanted = hashlib.new(algorithm, b"a-secret-b", usedforsecurity=False).hexdigest()
        except ValueError:  # it is named, but this machine's OpenSSL does without it
            continue
        assert right(text(algorithm, ["a-", "@", "-b"], wanted), "secret"), algorithm
        known.add(algorithm)
    assert known >= {"md5", "sha1", "sha256", "sha512", "sha3_256", "sha512_256", "blake2b", "blake2s"}


def test_an_argument_is_the_password_only_where_it_is_nothing_else() -> None:
    assert right(text("sha256", ["a@b", "@"], hashlib.sha256(b"a@bx").hexdigest()), "x")
    assert right(text("sha256", ["@"], hashlib.sha256(b"@@").hexdigest()), "@@")


def test_the_password_may_stand_in_several_places() -> None:
    assert right(text("sha256", ["@", "-", 7, "@"], hashlib.sha256(b"x-7x").hexdigest()), "x")


def firebase(**other: object) -> str:
    values = {"salt": FIREBASE_SALT, "key": SIGNER_KEY, "separator": SEPARATOR, "rounds": "8", "memory": "14"} | other
    digest = values.pop("digest", FIREBASE)
    return text("firebase-scrypt", [*values.values(), "@"], digest)


def test_a_digest_that_firebase_published_is_of_its_password_and_of_no_other() -> None:
    assert right(firebase(), FIREBASE_PASSWORD)
    assert not right(firebase(), "User1password")
    assert not right(firebase(), "")


@pytest.mark.parametrize(
    "other",
    [
        {"salt": FIREBASE_SALT.replace("+", "-").rstrip("="), "separator": "Bw"},
        {"digest": FIREBASE.replace("/", "_").replace("+", "-").rstrip("=")},
        {"rounds": 8, "memory": 14},
    ],
)
def test_firebase_writes_base64_in_two_ways_and_numbers_in_two(other: dict[str, object]) -> None:
    assert right(firebase(**other), FIREBASE_PASSWORD)


@pytest.mark.parametrize(
    "other",
    [{"salt": "43xEC+ixf3L2lw=="}, {"separator": "CA=="}, {"rounds": "7"}, {"memory": "13"}, {"key": FIREBASE}],
)
def test_everything_that_firebase_says_of_a_digest_counts(other: dict[str, object]) -> None:
    assert not right(firebase(**other), FIREBASE_PASSWORD)


@pytest.mark.parametrize(
    "told",
    [
        firebase(memory="15"),
        firebase(memory="0"),
        firebase(memory=" 14"),
        firebase(memory="1_4"),
        firebase(rounds="9"),
        firebase(rounds="0"),
        firebase(rounds="-1"),
        firebase(salt=""),
        firebase(salt="====", separator="===="),
        firebase(separator=""),
        firebase(key="", digest=""),
        firebase(key="AA"),
        firebase(digest="not base64"),
        firebase(more="1"),
        text("firebase-scrypt", ["@", FIREBASE_SALT, SIGNER_KEY, SEPARATOR, "8", "14"], FIREBASE),
        text("firebase-scrypt", [FIREBASE_SALT, SIGNER_KEY, SEPARATOR, "8", "@"], FIREBASE),
    ],
)
def test_what_firebase_would_not_write_is_refused(told: str) -> None:
    with pytest.raises(InvalidDigest):
        read(told)


@pytest.mark.parametrize(
    "told",
    [
        "nonsense",
        "[" * 200,
        "null",
        json.dumps({"algorithm": "sha256"}),
        json.dumps(["sha256", ["@"]]),
        json.dumps(["sha256", ["@"], SHA256, "more"]),
        text("sha256", ["salt"], SHA256),
        text("sha256", [], SHA256),
        text("sha256", "@", SHA256),
        text("sha256", ["@", 1.5], SHA256),
        text("sha256", ["@", None], SHA256),
        text("sha256", ["@"], 7),
        text("sha256", ["@"], ""),
        text("sha256", ["@"], SHA256[:-2]),
        text("sha256", ["@"], SHA256[:-1] + " "),
        text("sha256", ["@"], SHA256 + "\n"),
        text("sha256", ["@"], "\u00e9" * 64),
        text(["sha256"], ["@"], SHA256),
        text("pbkdf2", ["salt", 0, 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["salt", 2_000_001, 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["salt", 1_000_001, 64, "sha256", "@"], 2 * ZEROS),
        text("pbkdf2", ["salt", 10, 513, "sha256", "@"], "00" * 513),
        text("pbkdf2", ["salt", 10, 32, "sha256", "@"], ZEROS[:-2]),
        text("pbkdf2", ["salt", "1e3", 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["salt", "\u0663", 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["hex:xyz", 10, 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["hex:", 10, 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["@", 10, 32, "sha256", "salt"], ZEROS),
        text("pbkdf2", ["salt", 10, "sha256", "@"], ZEROS),
        text("pbkdf2", ["salt", 10, 32, "sha256", "@", "more"], ZEROS),
    ],
)
def test_a_text_of_another_form_and_one_that_costs_too_much_are_refused(told: str) -> None:
    with pytest.raises(InvalidDigest) as refused:
        read(told)
    assert refused.value.field == "password_digest"


def test_the_most_that_is_borne_is_borne() -> None:
    for told in (
        text("pbkdf2", ["salt", 2_000_000, 32, "sha256", "@"], ZEROS),
        text("pbkdf2", ["salt", 1_000_000, 64, "sha256", "@"], 2 * ZEROS),
        text("pbkdf2", ["salt", 1, 512, "sha256", "@"], "00" * 512),
    ):
        assert len(read(told).expected) >= 32


@pytest.mark.parametrize(
    ("algorithm", "arguments"),
    [
        ("whirlpool2", ["@"]),
        ("sha256\0", ["@"]),
        ("", ["@"]),
        ("scrypt", ["@"]),
        ("pbkdf2", ["salt", 10, 32, "whirlpool2", "@"]),
        ("pbkdf2", ["salt", 10, 32, "shake128", "@"]),
    ],
)
def test_an_algorithm_that_is_not_known_is_told_apart(algorithm: str, arguments: list[object]) -> None:
    with pytest.raises(UnsupportedDigest) as refused:
        read(text(algorithm, arguments, ZEROS))
    assert refused.value.field == "password_digest"
    assert not refused.value.detail  # what was written there may have been meant for another place


@pytest.mark.parametrize(("algorithm", "arguments"), [("null", ["@"]), ("pbkdf2", ["s", 1, 8, "null", "@"])])
@pytest.mark.parametrize("digest", ["", "00", "00" * 8])
def test_a_digest_that_is_the_same_for_every_password_is_none(
    algorithm: str, arguments: list[object], digest: str
) -> None:
    with pytest.raises((UnsupportedDigest, InvalidDigest)):
        read(text(algorithm, arguments, digest))
