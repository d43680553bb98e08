"""Small things that pages show: times, browsers, letters, scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.pages.browsers import named
from service.pages.language import in_language
from service.pages.moments import brief, day, minute
from service.pages.rendering import initial
from service.pages.standing import standing

MOMENT = datetime(2026, 3, 9, 7, 5, 59, tzinfo=UTC)


def test_times_are_written_as_each_language_does():
    assert (day(MOMENT, "en"), minute(MOMENT, "en")) == ("9 March 2026", "9 March 2026, 07:05 UTC")
    assert (day(MOMENT, "zh"), minute(MOMENT, "zh")) == ("2026年3月9日", "2026年3月9日 07:05 UTC")
    assert (brief(MOMENT, "en"), brief(MOMENT, "zh")) == ("9 Mar 2026, 07:05", "2026-03-09 07:05")


@pytest.mark.parametrize(
    ("status", "approval", "until", "shown"),
    [
        ("active", None, None, (False, None, None)),
        ("disabled", None, None, (False, "disabled", None)),
        ("active", "pending", None, (True, "pending", None)),
        ("disabled", "pending", None, (True, "pending", None)),
        ("active", "rejected", None, (True, "rejected", None)),
        ("active", "effective", MOMENT + timedelta(seconds=1), (True, None, "9 March 2026")),
        ("active", "effective", MOMENT, (True, "expired", None)),
        ("disabled", "effective", MOMENT + timedelta(seconds=1), (True, "disabled", None)),
    ],
)
def test_an_application_stands_as_its_approval_does_which_expires_at_its_moment(status, approval, until, shown):
    row = {"status": status, "standing": approval, "effective_until": until}
    assert standing(row, MOMENT, "en") == shown


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("header", "browser", "system"),
    [
        (CHROME, "Chrome", "Linux"),
        (f"{CHROME} Edg/140.0.0.0", "Edge", "Linux"),
        (f"{CHROME} OPR/120.0.0.0", "Opera", "Linux"),
        (f"{PHONE} Version/19.0 Mobile/15E148 Safari/604.1", "Safari", "iPhone"),
        (f"{PHONE} CriOS/140.0 Mobile/15E148 Safari/604.1", "Chrome", "iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", "macOS"),
        ("Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 SamsungBrowser/29.0 Chrome/136.0 Mobile Safari/537.36",
         "Samsung Internet", "Android"),
        ("curl/8.5.0", None, None),
        ("", None, None),
    ],
)  # fmt: skip
def test_browsers_are_named_as_people_know_them(header, browser, system):
    assert named(header) == (browser, system)


@pytest.mark.parametrize(
    ("name", "letter"),
    [("Atlas", "A"), ("émile", "É"), ("ßeta", "S"), ("  (9 lives)", "9"), ("王芳", "王"), ("—", "·"), ("", "·")],
)
def test_a_name_is_stood_for_by_its_first_letter(name, letter):
    assert initial(name) == letter


def test_of_translations_the_plain_language_comes_first_then_any_of_its_regions():
    assert in_language({"zh-CN": "b", "zh": "a", "en": "c"}, "zh") == "a"
    assert in_language({"en-GB": "b", "zh": "a"}, "en") == "b"
    assert in_language({"zh": "", "zh-TW": "t"}, "zh") == "t"
    assert in_language({"fr": "x"}, "en") is None
