"""The types of connectors that there are: what each is for, what it is configured with, and what it can do.

A type that needs a sign-in session, to keep what its provider's answer is checked against, can be set up, but nobody is
linked by way of it here: the management API has no session (spec/logto.md section 7). That is said by a flag of the
type, before anybody is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pydantic

from domain.connector import Kind
from service.connectors.configuration import AuthorizationEndpoint, Config, Endpoint, Visible
from service.connectors.github import GitHubConfig
from service.connectors.mail import SmtpConfig
from service.connectors.webhook import WebhookConfig


class OAuthConfig(Config):
    """A provider by OAuth 2.0."""

    SECRETS: ClassVar = (("clientSecret",),)
    SENT_TO: ClassVar = ("tokenEndpoint", "userInfoEndpoint")

    client_id: Visible
    client_secret: Visible
    authorization_endpoint: AuthorizationEndpoint
    token_endpoint: Endpoint
    user_info_endpoint: Endpoint
    scope: str = pydantic.Field(default="", max_length=1024)


class OpenIdConfig(Config):
    """A provider by OpenID Connect."""

    SECRETS: ClassVar = (("clientSecret",),)
    SENT_TO: ClassVar = ("tokenEndpoint",)

    client_id: Visible
    client_secret: Visible
    authorization_endpoint: AuthorizationEndpoint
    token_endpoint: Endpoint
    issuer: Visible
    jwks_uri: Endpoint
    scope: str = pydantic.Field(default="openid profile", max_length=1024)


class AppleConfig(Config):
    """Apple, which asks for a signed assertion in the place of a secret."""

    SECRETS: ClassVar = (("privateKey",),)

    client_id: Visible
    team_id: Visible | None = None
    key_id: Visible | None = None
    private_key: str | None = pydantic.Field(default=None, min_length=1, max_length=4096)


class SamlConfig(Config):
    """A provider by SAML 2.0."""

    entity_id: Visible = pydantic.Field(alias="entityID")
    sign_in_endpoint: AuthorizationEndpoint
    x509_certificate: str = pydantic.Field(alias="x509Certificate", min_length=1, max_length=16_384)


@dataclass(frozen=True, slots=True)
class ConnectorType:
    """A type. `target` is what a social one's connectors lead to unless told; None: it has to be told."""

    id: str
    kind: Kind
    name: str
    description: str
    config: type[Config]
    target: str | None = None
    needs_session: bool = False


TYPES: dict[str, ConnectorType] = {
    one.id: one
    for one in (
        ConnectorType(
            "github-universal",
            Kind.SOCIAL,
            "GitHub",
            "GitHub, or a provider that works as it does: a code, a client secret and a document about the user",
            GitHubConfig,
            target="github",
        ),
        ConnectorType(
            "apple-universal", Kind.SOCIAL, "Apple", "Sign in with Apple", AppleConfig, target="apple",
            needs_session=True,
        ),
        ConnectorType("oauth2", Kind.SOCIAL, "OAuth 2.0", "Any provider by OAuth 2.0", OAuthConfig, needs_session=True),
        ConnectorType("oidc", Kind.SOCIAL, "OIDC", "Any provider by OpenID Connect", OpenIdConfig, needs_session=True),
        ConnectorType("saml", Kind.SOCIAL, "SAML", "Any provider by SAML 2.0", SamlConfig, needs_session=True),
        ConnectorType(
            "simple-mail-transfer-protocol", Kind.EMAIL, "SMTP", "E-mail through a mail server", SmtpConfig
        ),
        ConnectorType("http-email", Kind.EMAIL, "HTTP e-mail", "E-mail through an HTTP endpoint", WebhookConfig),
        ConnectorType("http-sms", Kind.SMS, "HTTP SMS", "SMS through an HTTP endpoint", WebhookConfig),
    )
}  # fmt: skip
"""Every type by its id. An id is for ever: connectors are of it."""

LINKABLE = tuple(one.id for one in TYPES.values() if one.kind is Kind.SOCIAL and not one.needs_session)
"""The types by way of which people are linked without a session."""
