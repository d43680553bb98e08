"""Branding: what an org's pages and messages look like. Values reach pages: each has a form that nobody can misuse."""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.refusals import InvalidBranding

_ADDRESS = re.compile(r"https://[A-Za-z0-9\-._~:/?#\[\]@!$&'()+,;=%]{1,242}")
_COLOR = re.compile(r"#[0-9A-Fa-f]{3,8}|[A-Za-z]{1,20}")
_FONT = re.compile(r"[A-Za-z0-9 ,_-]{1,50}")
_SENDER = re.compile(r"[^\W_][\w .&'-]{0,49}")

FORMS: Mapping[str, re.Pattern[str]] = {
    "company_logo_url": _ADDRESS,
    "company_email_logo_url": _ADDRESS,
    "font_family": _FONT,
    "font_url": _ADDRESS,
    "layout_color": _COLOR,
    "label_color": _COLOR,
    "primary_button_color": _COLOR,
    "primary_button_label_color": _COLOR,
    "primary_button_border_color": _COLOR,
    "secondary_button_color": _COLOR,
    "secondary_button_label_color": _COLOR,
    "secondary_button_border_color": _COLOR,
    "critical_indicator_color": _COLOR,
    "email_sender_name": _SENDER,
    "terms_link": _ADDRESS,
    "privacy_policy_link": _ADDRESS,
}
"""Each value's name and form."""


def checked_branding(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that say something, in the order of FORMS. Raises InvalidBranding (an unknown name too)."""
    for name, value in values.items():
        if value and (name not in FORMS or not FORMS[name].fullmatch(value)):
            raise InvalidBranding(repr(value), field=name)
    return {name: values[name] for name in FORMS if values.get(name)}
