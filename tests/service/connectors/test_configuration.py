"""Configurations are checked before they are kept, shown without secrets, and never sent where they were not meant."""

from __future__ import annotations

import re
from typing import Any

import pytest

from domain.refusals import InvalidConnectorConfig, SecretMissing
from service.connectors.configuration import MASK, checked, masked, opened
from service.connectors.github import GitHubConfig
from service.connectors.mail import SmtpAuth, SmtpConfig
from service.connectors.registry import LINKABLE, TYPES, AppleConfig, SamlConfig
from service.connectors.webhook import WebhookConfig

NONE: frozenset[tuple[str, int]] = frozenset()
GITHUB = {"clientId": "id", "clientSecret": "s3cr3t"}
SMTP = {
    "host": "mail.example", "port": 587, "fromEmail": "Acme <no-reply@acme.example>",
    "auth": {"user": "u", "pass": "s3cr3t"},
}  # fmt: skip
HOOK = {"endpoint": "https://hooks.example/send", "authorization": "Bearer s3cr3t"}
KEPT = [(GitHubConfig, GITHUB), (SmtpConfig, SMTP), (WebhookConfig, HOOK)]


def test_what_is_left_out_is_kept_as_its_default_and_what_is_unknown_is_not_kept() -> None:
    kept = checked(GitHubConfig, {**GITHUB, "templates": [1], "profileMap": {"email": None}}, allowed=NONE)
    assert kept == {
        **GITHUB, "scope": "read:user", "authorizationEndpoint": "https://github.com/login/oauth/authorize",
        "tokenEndpoint": "https://github.com/login/oauth/access_token", "userInfoEndpoint": "https://api.github.com/user",
        "tokenEndpointAuthMethod": "client_secret_post", "issuer": None, "pkce": False,
        "profileMap": {"id": "id", "email": None, "phone": None, "name": "name", "avatar": "avatar_url"},
    }  # fmt: skip
    assert checked(GitHubConfig, kept, allowed=NONE) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example/token", "HTTP://provider.example/", "//provider.example", "provider.example", "",
        "https://", "https:///x", "https://a b/", "https://u:p@provider.example/", "https://u@provider.example/",
        "https://provider.example/#x", "https://provider.example:99999/", "https://provider.example/\n",
        "https://provider.example/\u00e4", "https://[::1/", "file:///etc/passwd", "javascript:alert(1)",
        "https://provider.example/" + "x" * 2024, "gopher://provider.example/", "http://127.0.0.1:8080/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["authorizationEndpoint", "tokenEndpoint", "userInfoEndpoint"])
def test_an_endpoint_is_a_plain_https_address(name: str, url: str) -> None:
    with pytest.raises(InvalidConnectorConfig) as refused:
        checked(GitHubConfig, {**GITHUB, name: url}, allowed=frozenset({("127.0.0.1", 80)}))
    assert refused.value.field == f"config.{name}"


def test_what_the_operator_allowed_needs_no_tls() -> None:
    url = "http://hooks.internal:8080/send"
    for allowed, fits in ((NONE, False), (frozenset({("hooks.internal", 80)}), False),
                          (frozenset({("hooks.internal", 8080)}), True)):  # fmt: skip
        given = {**HOOK, "endpoint": url}
        if fits:
            assert checked(WebhookConfig, given, allowed=allowed)["endpoint"] == url
        else:
            with pytest.raises(InvalidConnectorConfig):
                checked(WebhookConfig, given, allowed=allowed)


@pytest.mark.parametrize("name", ["state", "redirect_uri", "client_id", "response_type", "scope", "code_challenge"])
def test_an_authorization_endpoint_names_no_parameter_of_the_request(name: str) -> None:
    with pytest.raises(InvalidConnectorConfig):
        checked(GitHubConfig, {**GITHUB, "authorizationEndpoint": f"https://a.example/?b=1&{name}="}, allowed=NONE)
    assert checked(GitHubConfig, {**GITHUB, "authorizationEndpoint": "https://a.example/?b=1"}, allowed=NONE)


@pytest.mark.parametrize(
    ("shape", "given", "field"),
    [
        (GitHubConfig, {"clientSecret": "s"}, "clientId"),
        (GitHubConfig, {"clientId": "id"}, "clientSecret"),
        (GitHubConfig, {**GITHUB, "clientId": ""}, "clientId"),
        (GitHubConfig, {**GITHUB, "clientId": 7}, "clientId"),
        (GitHubConfig, {**GITHUB, "clientSecret": "a\r\nb"}, "clientSecret"),
        (GitHubConfig, {**GITHUB, "clientSecret": "a\n"}, "clientSecret"),
        (GitHubConfig, {**GITHUB, "clientSecret": "x" * 2049}, "clientSecret"),
        (GitHubConfig, {**GITHUB, "scope": 'a"b'}, "scope"),
        (GitHubConfig, {**GITHUB, "tokenEndpointAuthMethod": "none"}, "tokenEndpointAuthMethod"),
        (GitHubConfig, {**GITHUB, "profileMap": {"id": None}}, "profileMap.id"),
        (GitHubConfig, {**GITHUB, "profileMap": []}, "profileMap"),
        (GitHubConfig, {**GITHUB, "pkce": "yes"}, "pkce"),
        (SmtpConfig, {**SMTP, "host": "a b"}, "host"),
        (SmtpConfig, {**SMTP, "host": "a\r\n"}, "host"),
        (SmtpConfig, {**SMTP, "port": 0}, "port"),
        (SmtpConfig, {**SMTP, "port": 65_536}, "port"),
        (SmtpConfig, {**SMTP, "port": "25"}, "port"),
        (SmtpConfig, {**SMTP, "fromEmail": "nobody"}, "fromEmail"),
        (SmtpConfig, {**SMTP, "fromEmail": "a@b.example\r\nBcc: c@d.example"}, "fromEmail"),
        (SmtpConfig, {**SMTP, "fromEmail": "A\u2028 <a@b.example>"}, "fromEmail"),
        (SmtpConfig, {**SMTP, "auth": {"user": "u"}}, "auth.pass"),
        (WebhookConfig, {"authorization": "a"}, "endpoint"),
        (WebhookConfig, {**HOOK, "authorization": "a\nX: b"}, "authorization"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(shape: Any, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConnectorConfig) as refused:
        checked(shape, given, allowed=NONE)
    assert refused.value.field == f"config.{field}"
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(("shape", "given"), KEPT)
def test_no_secret_is_shown_and_the_mask_keeps_it(shape: Any, given: dict[str, Any]) -> None:
    kept = checked(shape, given, allowed=NONE)
    shown = masked(shape, kept)
    assert "s3cr3t" in str(kept)
    assert "s3cr3t" not in str(shown)
    assert MASK in str(shown)
    assert checked(shape, shown, allowed=NONE, former=kept) == kept


@pytest.mark.parametrize(("shape", "given"), KEPT)
def test_a_mask_is_no_secret(shape: Any, given: dict[str, Any]) -> None:
    shown = masked(shape, checked(shape, given, allowed=NONE))
    for former in (None, {}, {**given, "clientSecret": None, "auth": None, "authorization": None}):
        with pytest.raises(InvalidConnectorConfig):
            checked(shape, shown, allowed=NONE, former=former)


@pytest.mark.parametrize(
    ("shape", "given", "elsewhere"),
    [
        (GitHubConfig, GITHUB, {"tokenEndpoint": "https://evil.example/token"}),
        (GitHubConfig, {**GITHUB, "tokenEndpoint": "https://a.example/"}, {"tokenEndpoint": "https://a.example/x"}),
        (GitHubConfig, GITHUB, {"userInfoEndpoint": "https://evil.example/user"}),
        (SmtpConfig, SMTP, {"host": "evil.example"}),
        (SmtpConfig, SMTP, {"port": 25}),
        (SmtpConfig, SMTP, {"ignoreTLS": True}),
        (SmtpConfig, {**SMTP, "secure": True}, {"secure": False}),
        (SmtpConfig, {**SMTP, "requireTLS": True}, {"requireTLS": False}),
        (WebhookConfig, HOOK, {"endpoint": "https://evil.example/"}),
    ],
)
def test_a_secret_that_is_kept_is_not_sent_elsewhere(
    shape: Any, given: dict[str, Any], elsewhere: dict[str, Any]
) -> None:
    kept = checked(shape, given, allowed=NONE)
    with pytest.raises(SecretMissing):
        checked(shape, {**masked(shape, kept), **elsewhere}, allowed=NONE, former=kept)
    assert checked(shape, {**kept, **elsewhere}, allowed=NONE, former=kept) == {**kept, **elsewhere}


def test_a_secret_that_is_left_out_is_gone() -> None:
    kept = checked(WebhookConfig, HOOK, allowed=NONE)
    assert checked(WebhookConfig, {"endpoint": HOOK["endpoint"]}, allowed=NONE, former=kept)["authorization"] is None


def test_a_configuration_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(InvalidConnectorConfig):
        opened(GitHubConfig, None, allowed=NONE)
    assert masked(GitHubConfig, None) == {}


def test_every_type_names_its_secrets() -> None:
    suspicious = re.compile(r"secret|pass|private|authorization$", re.IGNORECASE)
    for known in TYPES.values():
        members = {
            (*path, name) for path, shape in _shapes(known.config) for name in shape.model_json_schema()["properties"]
        }
        named = {member for member in members if suspicious.search(member[-1])}
        assert named == set(known.config.SECRETS), known.id
    assert (AppleConfig.SECRETS, SamlConfig.SECRETS) == ((("privateKey",),), ())


def _shapes(shape: Any) -> list[tuple[tuple[str, ...], Any]]:
    """Return a configuration's shape, and that of what is in it."""
    return [((), shape), (("auth",), SmtpAuth)] if shape is SmtpConfig else [((), shape)]


def test_what_links_people_without_a_session_is_of_the_one_shape_that_can() -> None:
    assert LINKABLE == ("github-universal",)
    assert {TYPES[name].config for name in LINKABLE} == {GitHubConfig}
    assert {one.id for one in TYPES.values() if one.needs_session} == {"apple-universal", "oauth2", "oidc", "saml"}
