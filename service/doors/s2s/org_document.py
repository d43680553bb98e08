"""An org as the server-to-server door shows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from domain.branding import FORMS
from service.doors.s2s.frame import Reply, times
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.http.document import Row


class Org(Reply):
    """An org. What its branding leaves open is an empty text."""

    id: Id
    name: str
    slug: str
    allow_public_registration: bool
    only_use_for_branding_override: bool
    company_logo_url: str
    company_email_logo_url: str
    font_family: str
    font_url: str
    layout_color: str
    label_color: str
    primary_button_color: str
    primary_button_label_color: str
    primary_button_border_color: str
    secondary_button_color: str
    secondary_button_label_color: str
    secondary_button_border_color: str
    critical_indicator_color: str
    email_sender_name: str
    terms_link: str
    privacy_policy_link: str
    created_at: str
    updated_at: str
    deleted_at: None


def of_row(row: Row) -> dict[str, Any]:
    """Return the document of an org's row."""
    return {
        "id": row["id"],
        "name": row["name"],
        "slug": row["slug"],
        "allowPublicRegistration": row["public_registration"],
        "onlyUseForBrandingOverride": row["branding_only"],
        **branding_of(json.loads(row["branding"])),
        **times(row["created_at"], row["updated_at"]),
    }


def branding_of(values: Mapping[str, str]) -> dict[str, str]:
    """Return the members that tell an org's branding."""
    names = Org.model_fields
    return {names[name].alias or name: values.get(name, "") for name in FORMS}
