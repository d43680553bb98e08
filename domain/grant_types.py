"""The ways to come by a token, by the names of RFC 6749, 8628 and 8693, and which of them fit which application."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from domain.refusals import InvalidGrantType

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a grant
CLIENT_CREDENTIALS = "client_credentials"
PASSWORD = "password"  # noqa: S105 - the name of a grant
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant

ALL = (AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, PASSWORD, DEVICE_CODE, TOKEN_EXCHANGE)
"""Every grant type, in the order in which they are kept and shown."""

PASSWORD_ALIAS = "password_credentials"  # noqa: S105 - what some clients call the password grant (spec/iform.md)


def grant_type_list(values: Iterable[str], *, fitting: Collection[str], field: str = "grant_types") -> tuple[str, ...]:
    """Return the grant types, each once and in one order. Raises InvalidGrantType unless all of them fit."""
    wanted = set(values)
    for name in sorted(wanted.difference(fitting)):
        raise InvalidGrantType(repr(name), field=field)
    return tuple(name for name in ALL if name in wanted)
