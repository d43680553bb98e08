"""No secret passes, whatever it stands under and wherever it stands; what is none stays readable."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import pytest

from service.operations.redaction import GONE, MAX_TEXT, Redactor, is_secret_name, masked
from service.secrets import signing
from service.secrets.digests import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, new_secret

PERSONAL_ACCESS_TOKEN = "mun_pat_"
SECRET = "s3cr3t-Zq9.x"


@pytest.mark.parametrize(
    "name",
    ["authorization", "Authorization", "secret", "client_secret", "clientSecret_secret", "password", "new-password",
     "token", "access_token", "refresh_token", "id_token", "code", "user_code", "code_verifier", "assertion",
     "client_assertion", "cookie", "Set-Cookie", "X-Api-Key", "Proxy-Authorization", "private_key"],
)  # fmt: skip
def test_nothing_is_shown_under_a_secret_name(name: str) -> None:
    assert is_secret_name(name)
    for value in (SECRET, [SECRET], {"a": SECRET}, SECRET.encode(), 123456):
        assert Redactor().fields({name: value}) == {name: GONE}
        assert Redactor().fields({"request": {"deep": [{name: value}]}}) == {"request": {"deep": [{name: GONE}]}}


@pytest.mark.parametrize("name", ["client", "scope", "token_id", "tokens", "secrets", "encode", "codes", "operation"])
def test_names_that_are_none_stay(name: str) -> None:
    assert Redactor().fields({name: "shown"}) == {name: "shown"}


def test_an_absent_secret_may_be_called_absent() -> None:
    assert Redactor().fields({"secret": None, "password": False}) == {"secret": None, "password": False}


@pytest.mark.parametrize("prefix", [CLIENT_SECRET, ACCESS_TOKEN, REFRESH_TOKEN, PERSONAL_ACCESS_TOKEN])
@pytest.mark.parametrize("around", ["{}", "say {}!", "{},{}", "/path/{}", "https://h/?x={}", "b'{}'", "%3D{}", "[{}"])
def test_our_own_secrets_are_recognized_anywhere(prefix: str, around: str) -> None:
    secret = new_secret(prefix)
    text = masked(around.replace("{}", secret))
    assert secret[len(prefix) :] not in text
    assert text == around.replace("{}", GONE)
    assert secret[len(prefix) : len(prefix) + 12] not in masked(around.replace("{}", secret[: len(prefix) + 20]))


@pytest.mark.parametrize("around", ["{}", "jwt {} end", "access_token%3D{}", "/{}", '"{}"'])
def test_jwts_are_recognized_whole_and_cut_short(around: str) -> None:
    key = signing.generate("ES256")
    token = signing.Signer(key.kid, key.algorithm, key.private_key).sign({"sub": "alice"})
    for shown in (token, token.rsplit(".", 1)[0], token[:60]):
        text = masked(around.replace("{}", shown))
        assert not any(part in text for part in shown.split("."))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Bearer {SECRET}", f"Bearer {GONE}"),
        (f"bearer  {SECRET}, then", f"bearer  {GONE}, then"),
        ("Authorization: Basic YXBwOnB3", f"Authorization: {GONE}"),
        ("{'Authorization': 'Digest a b c'}", f"{{'Authorization': {GONE}"),
        (f"Cookie: session={SECRET}; theme=dark", f"Cookie: {GONE}"),
        (f"DPoP {SECRET}", f"DPoP {GONE}"),
        (f"grant_type=x&client_secret={SECRET}&scope=a", f"grant_type=x&client_secret={GONE}&scope=a"),
        (f'{{"client_secret": "{SECRET} with \\" in it", "a": 1}}', f'{{"client_secret": {GONE}, "a": 1}}'),
        (f"{{'password': '{SECRET} x', 'a': 1}}", f"{{'password': {GONE}, 'a': 1}}"),
        (f"password={SECRET!r}", f"password={GONE}"),
        (f"GET /cb?code={SECRET}&state=1", f"GET /cb?code={GONE}&state=1"),
        (f"postgresql://mun:{SECRET}@db:5432/mun", f"postgresql://mun:{GONE}@db:5432/mun"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nrest",
         f"-----BEGIN EC PRIVATE KEY-----{GONE}\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQ", f"-----BEGIN PRIVATE KEY-----{GONE}"),
    ],
)  # fmt: skip
def test_credentials_are_recognized_by_what_stands_before_them(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    ["append_connection_lost", "POST /oauth2/token", "2026-01-02T03:04:05Z", "2001:db8::7", "role:admin", "a=b",
     "muniment-1-append", "mun_sec_", "the key is too young", "https://issuer.example/path", "01890f2e-7d2e-7b41"],
)  # fmt: skip
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_secrets_that_the_process_knows_are_recognized_without_any_mark() -> None:
    redactor = Redactor(["hunter2!", "hunter2!longer", "abc"])
    assert redactor.text("it is hunter2!longer") == f"it is {GONE}"
    assert redactor.text("xhunter2!x") == f"x{GONE}x"
    assert redactor.text("Bearer hunter2!longer") == f"Bearer {GONE}"
    assert redactor.text("abc") == "abc"


def test_values_of_any_type_become_plain_ones() -> None:
    class Color(StrEnum):
        RED = f"Bearer {SECRET}"

    class Odd:
        def __repr__(self) -> str:
            return f"Odd(password='{SECRET}')"

    moment, name = datetime(2026, 1, 2, tzinfo=UTC), UUID(int=1)
    fields = {
        "a": 1, "b": moment, "c": name, "d": Color.RED, "e": Odd(), "f": b"raw " + SECRET.encode(),
        "g": ValueError(f"Bearer {SECRET}"), "h": (1, f"Basic {SECRET}"), "i": {f"Bearer {SECRET}": 1},
    }  # fmt: skip
    assert Redactor().fields(fields) == {
        "a": 1, "b": moment, "c": name, "d": f"Bearer {GONE}", "e": f"Odd(password={GONE})", "f": "<16 bytes>",
        "g": f"ValueError: Bearer {GONE}",
        "h": [1, f"Basic {GONE}"], "i": {f"Bearer {GONE}": 1},
    }  # fmt: skip


def test_nothing_grows_a_line_without_bound() -> None:
    endless: list[object] = []
    endless.append(endless)
    wide = {str(n): n for n in range(1000)}
    line = Redactor().fields({"text": "x" * 100_000, "many": list(range(1000)), "wide": wide, "deep": endless})
    assert len(line["text"]) == MAX_TEXT + 1
    assert len(line["many"]) == len(line["wide"]) == 50


@pytest.mark.parametrize("piece", ["eyJ", "mun_", "secret=", "secret ", "://a:", "-----BEGIN PRIVATE KEY-----",
                                   "Bearer ", '"secret": "\\', "authorization:"])  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    began = time.perf_counter()
    masked(piece * 100_000)
    masked(" " + piece * 100_000)
    assert time.perf_counter() - began < 5  # backtracking would take minutes
