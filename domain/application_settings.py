"""What an organization decides about one of its applications, checked as a whole before it becomes part of an event."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from domain import grant_types, text
from domain.end_user import source
from domain.key_set import public_keys
from domain.permissions import PERMISSIONS
from domain.redirect_uri import redirect_uri_list
from domain.refusals import InvalidFormat, InvalidLifetime, InvalidLimit, WrongClientKind
from domain.scope import audience_list, scope_list

LIFETIME_RANGE = range(60, 86_400 + 1)
REFRESH_LIFETIME_RANGE = range(60, 31_536_000 + 1)
REFRESH_GRACE_RANGE = range(60 + 1)
RATE_LIMIT_RANGE = range(1, 10_000_000 + 1)

_WITH_A_BROWSER = (grant_types.AUTHORIZATION_CODE, grant_types.REFRESH_TOKEN)
_PUBLIC = (*_WITH_A_BROWSER, grant_types.PASSWORD, grant_types.DEVICE_CODE)


class Kind(StrEnum):
    """How an application can keep a secret (RFC 6749 section 2.1)."""

    MACHINE = "machine"
    """A private back end; the only kind that uses client credentials."""
    WEB = "web"
    SPA = "spa"
    NATIVE = "native"

    @property
    def confidential(self) -> bool:
        """Whether applications of this kind can keep a secret; the others are public."""
        return self in (Kind.MACHINE, Kind.WEB)

    @property
    def grant_types(self) -> tuple[str, ...]:
        """The grant types of applications that name none."""
        match self:
            case Kind.MACHINE:
                return (grant_types.CLIENT_CREDENTIALS,)
            case Kind.NATIVE:
                return (*_WITH_A_BROWSER, grant_types.DEVICE_CODE)
            case _:
                return _WITH_A_BROWSER

    @property
    def fitting_grant_types(self) -> tuple[str, ...]:
        """The grant types that applications of this kind may name: a public one proves nothing by its credentials."""
        match self:
            case Kind.MACHINE:
                return (grant_types.CLIENT_CREDENTIALS, grant_types.TOKEN_EXCHANGE)
            case Kind.WEB:
                return grant_types.ALL
            case _:
                return _PUBLIC

    @property
    def access_token_lifetime(self) -> int:
        """Seconds that an access token lives unless decided otherwise."""
        return 3600 if self is Kind.MACHINE else 300


class TokenFormat(StrEnum):
    """What an application's access tokens look like: RFC 9068, or a reference that only introspection resolves."""

    JWT = "jwt"
    OPAQUE = "opaque"


@dataclass(frozen=True)
class ApplicationSettings:
    """The settings. `access_token_lifetime` is in seconds, None for the kind's default.

    `rate_limit` counts token and management requests per minute, None for no limit of its own. Of the second factors,
    those that are required here count when `use_system_mfa_config` is False. No `grant_types`: those of the kind.
    `trusted` says that people may give the application their passwords. `refresh_grace` is for how many seconds a
    refresh token that was used is taken once more. `end_user_from` says where its requests name their end users (see
    `domain.end_user.source`); None: nowhere.
    """

    name: str
    permissions: list[str] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)
    token_format: TokenFormat = TokenFormat.JWT
    access_token_lifetime: int | None = None
    key_set: dict[str, Any] | None = None
    rate_limit: int | None = None
    redirect_uris: tuple[str, ...] = ()
    use_system_mfa_config: bool = True
    require_email_mfa: bool = False
    require_otp_mfa: bool = False
    require_sms_mfa: bool = False
    allow_email_mfa_as_backup: bool = False
    grant_types: tuple[str, ...] = ()
    trusted: bool = False
    refresh_token_lifetime: int = 2_592_000
    refresh_grace: int = 0
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    end_user_from: str | None = None

    def checked(self, kind: Kind) -> ApplicationSettings:
        """Return the settings in their stored form: text normalised, lists sorted, the lifetime filled in.

        Raises InvalidName, InvalidScope, InvalidAudience, TooMany, InvalidFormat, InvalidLifetime (outside 60 to
        86400, for refresh tokens 60 to 31536000, a grace outside 0 to 60), InvalidLimit (outside 1 to 10000000),
        InvalidKeySet, InvalidRedirectUri, InvalidGrantType (unknown, or not for this kind), InvalidEndUserSource, or
        WrongClientKind when a public kind has a key set or one of PERMISSIONS.
        """
        settings = replace(
            self,
            name=text.name(self.name),
            permissions=scope_list(self.permissions, field="permissions"),
            audiences=audience_list(self.audiences),
            token_format=_token_format(self.token_format),
            access_token_lifetime=kind.access_token_lifetime
            if self.access_token_lifetime is None
            else self.access_token_lifetime,
            key_set=public_keys(self.key_set),
            redirect_uris=redirect_uri_list(self.redirect_uris, private_use=kind is Kind.NATIVE),
            grant_types=grant_types.grant_type_list(self.grant_types, fitting=kind.fitting_grant_types),
            post_logout_redirect_uris=redirect_uri_list(
                self.post_logout_redirect_uris, private_use=kind is Kind.NATIVE, field="post_logout_redirect_uris"
            ),
        )
        if settings.backchannel_logout_uri is not None:
            redirect_uri_list([settings.backchannel_logout_uri], private_use=False, field="backchannel_logout_uri")
        if settings.end_user_from is not None:
            source(settings.end_user_from)
        settings.require_lifetimes()
        if settings.rate_limit is not None and settings.rate_limit not in RATE_LIMIT_RANGE:
            raise InvalidLimit(field="rate_limit")
        if not kind.confidential:
            if not set(PERMISSIONS).isdisjoint(settings.permissions):
                raise WrongClientKind("permissions for a public application", field="permissions")
            if settings.key_set is not None:
                raise WrongClientKind("keys for a public application", field="key_set")
        return settings

    def require_lifetimes(self) -> None:
        """Raise InvalidLifetime when one is outside its range, naming it."""
        for name, allowed in (
            ("access_token_lifetime", LIFETIME_RANGE),
            ("refresh_token_lifetime", REFRESH_LIFETIME_RANGE),
            ("refresh_grace", REFRESH_GRACE_RANGE),
        ):
            if getattr(self, name) not in allowed:
                raise InvalidLifetime(field=name)


SETTINGS = tuple(setting.name for setting in fields(ApplicationSettings))
"""The names of the settings, as events, read models and doors call them."""


def _token_format(value: str) -> TokenFormat:
    try:
        return TokenFormat(value)
    except ValueError:
        raise InvalidFormat(field="token_format") from None
