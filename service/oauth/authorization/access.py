"""Checks of what a request asks for: at which audience, with which scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service import authority
from service.oauth import people

if TYPE_CHECKING:
    from service.oauth.authorization.asking import Asking


def keep_audience(asking: Asking) -> None:
    """Find the one audience: named, or the only one there is (RFC 8707 section 2.1). Raises OAuthError."""
    asking.audience = people.audience_for_people(asking.client, asking.parameters, asking.issuer)


def keep_scope(asking: Asking) -> None:
    """Find what can be granted of what is asked (RFC 6749 section 3.3). Raises OAuthError.

    Which permissions remain is seen once it is known who the person is.
    """
    asked, anybodys = asking.parameters.get("scope"), authority.anybodys(asking.management, asking.audience)
    asking.scope = people.scope_for_people(
        asking.client, asking.audience, asked, asking.now, asking.issuer, roles=anybodys
    )
