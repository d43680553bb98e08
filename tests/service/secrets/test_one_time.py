"""One-time codes: those of an app within a step of now, and backup codes; the QR code says what apps read."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest

from domain.factor import AuthenticationFactor, backup_code
from service.secrets import one_time
from tests.domain.given import NOW, a_user

# RFC 6238 appendix B, by SHA-1, of which we show the last six digits.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
STEP = timedelta(seconds=30)


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES.items())
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert one_time.check(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_a_code_counts_a_step_early_and_a_step_late() -> None:
    start = datetime.fromtimestamp(1_200_000_000, UTC)  # where a step begins
    code, step = pyotp.TOTP(RFC_SECRET).at(start), 40_000_000
    instant = timedelta(microseconds=1)
    for now in (start - STEP, start, start + STEP, start + 2 * STEP - instant):
        assert one_time.check(RFC_SECRET, code, now) == step
    for now in (start - STEP - instant, start + 2 * STEP):
        assert one_time.check(RFC_SECRET, code, now) is None


@pytest.mark.parametrize("typed", ["287082", " 287082 ", "287 082", "287-082", "\uff12\uff18\uff17\uff10\uff18\uff12"])
def test_a_code_may_be_typed_in_groups_and_any_width(typed: str) -> None:
    assert one_time.check(RFC_SECRET, typed, datetime.fromtimestamp(59, UTC)) == 1


@pytest.mark.parametrize("typed", ["", "28708", "2870822", "28708a", "287082\0", "٢٨٧٠٨٢", " " * 65, "287082" * 20])
def test_anything_else_is_no_code(typed: str) -> None:
    assert one_time.check(RFC_SECRET, typed, datetime.fromtimestamp(59, UTC)) is None


def test_a_new_secret_is_160_random_bits_that_the_rules_take() -> None:
    secrets = {one_time.new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert len(base64.b32decode(secret)) == 20
        AuthenticationFactor.add_totp(id=uuid4(), user=a_user(), secret=secret, now=NOW)


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("A" * 16, "956198"),
        ("ABCDEFGHABCDEFG=", "407431"),
        ("ABCDEFGHAB======", "776990"),
    ],
)
def test_a_short_secret_and_one_that_is_filled_up_work(secret: str, code: str) -> None:
    """The codes were worked out apart, by RFC 4226 section 5.3."""
    assert one_time.check(secret, code, NOW) == int(NOW.timestamp()) // 30


def test_the_uri_says_all_that_an_app_shows_and_needs() -> None:
    secret = "ABCDEFGHABCDEFGHABCDEFG="
    uri = one_time.uri(secret, issuer="id.example.com", account="Ada: L/ö?&#%")
    read = pyotp.parse_uri(uri)
    assert isinstance(read, pyotp.TOTP)
    assert (read.issuer, read.name, read.secret) == ("id.example.com", "Ada: L/ö?&#%", secret.rstrip("="))
    assert uri.startswith("otpauth://totp/id.example.com:Ada%3A%20L%2F")
    assert uri.endswith("&algorithm=SHA1&digits=6&period=30")


def test_the_image_is_a_png_of_any_name() -> None:
    for account in ("Ada", "\U0001d518" * 128):
        image = one_time.image(one_time.uri(RFC_SECRET, issuer="id.example.com", account=account))
        kind, _, data = image.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG\r\n\x1a\n")


def test_backup_codes_are_ten_that_the_rules_take() -> None:
    codes = one_time.new_backup_codes()
    assert len(set(codes)) == 10
    assert [backup_code(code) for code in codes] == codes
    assert set(codes).isdisjoint(one_time.new_backup_codes())


def test_a_backup_code_may_be_typed_in_groups_and_in_capitals() -> None:
    assert one_time.backup_code(" 01234-ABCDE ") == "01234abcde"
    assert one_time.backup_code("0" * 65) == ""


def test_a_digest_is_one_sets_alone() -> None:
    one, other = uuid4(), uuid4()
    digests = {
        one_time.backup_digest(factor, code) for factor in (one, other) for code in ("01234abcde", "1", "\ud800")
    }
    assert len(digests) == 6
    assert all(len(digest) == 64 for digest in digests)
