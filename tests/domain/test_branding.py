"""Branding values have forms in which nothing but looks can be written."""

from __future__ import annotations

import pytest

from domain import refusals
from domain.branding import FORMS, checked_branding

GOOD = {
    "company_logo_url": "https://cdn.example.com/logo.svg?v=2",
    "font_family": "Open Sans, sans-serif",
    "font_url": "https://fonts.example.com/css?family=Open+Sans",
    "layout_color": "#fff",
    "label_color": "rebeccapurple",
    "primary_button_color": "#11223344",
    "email_sender_name": "Søren & Co.",
    "terms_link": "https://example.com/terms",
}


def test_values_are_kept_in_one_order_and_empty_ones_left_out() -> None:
    shuffled = dict(reversed(GOOD.items())) | {"privacy_policy_link": ""}
    assert checked_branding(shuffled) == GOOD
    assert list(checked_branding(shuffled)) == [name for name in FORMS if name in GOOD]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("terms_link", "javascript:alert(1)"),
        ("terms_link", "http://example.com"),
        ("terms_link", "https://example.com/ x"),
        ("terms_link", 'https://example.com/"onload="'),
        ("company_logo_url", "https://" + "a" * 243),
        ("layout_color", "red;} body{display:none"),
        ("layout_color", "url(https://evil.example)"),
        ("layout_color", "#12"),
        ("layout_color", "#123456789"),
        ("layout_color", "a" * 21),
        ("font_family", "x';@import"),
        ("font_family", "a" * 51),
        ("email_sender_name", "Evil\r\nBcc: x@example.com"),
        ("email_sender_name", "<script>"),
        ("email_sender_name", "a" * 51),
        ("unknown", "x"),
    ],
)
def test_what_could_do_more_than_look_is_refused(name: str, value: str) -> None:
    with pytest.raises(refusals.InvalidBranding) as refusal:
        checked_branding({name: value})
    assert refusal.value.field == name


def test_an_address_has_250_characters_at_most() -> None:
    longest = "https://" + "a" * 242
    assert checked_branding({"terms_link": longest}) == {"terms_link": longest}
