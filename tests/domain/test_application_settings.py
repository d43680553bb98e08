"""An application's settings are checked as a whole, by the kind of application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import grant_types, refusals
from domain.application_settings import ApplicationSettings, Kind, TokenFormat

PLAIN = ApplicationSettings("Billing")
KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}


def test_settings_are_brought_to_one_form() -> None:
    settings = ApplicationSettings(
        " Billing ", permissions=["write_user", "read_user", "read_user"], audiences=["b", "a", "b"]
    )
    checked = settings.checked(Kind.MACHINE)
    assert checked.name == "Billing"
    assert checked.permissions == ["read_user", "write_user"]
    assert checked.audiences == ["a", "b"]
    assert checked.checked(Kind.MACHINE) == checked


@pytest.mark.parametrize(("kind", "seconds"), [("machine", 3600), ("web", 300), ("spa", 300), ("native", 300)])
def test_the_lifetime_depends_on_the_kind_unless_decided(kind: str, seconds: int) -> None:
    assert PLAIN.checked(Kind(kind)).access_token_lifetime == seconds


@pytest.mark.parametrize("seconds", [60, 86_400])
def test_a_lifetime_within_its_range_is_kept(seconds: int) -> None:
    assert replace(PLAIN, access_token_lifetime=seconds).checked(Kind.WEB).access_token_lifetime == seconds


@pytest.mark.parametrize("seconds", [0, 59, 86_401])
def test_a_lifetime_outside_its_range_is_refused(seconds: int) -> None:
    with pytest.raises(refusals.InvalidLifetime):
        replace(PLAIN, access_token_lifetime=seconds).checked(Kind.WEB)


@pytest.mark.parametrize("rate", [1, 10_000_000])
def test_a_rate_limit_within_its_range_is_kept(rate: int) -> None:
    assert replace(PLAIN, rate_limit=rate).checked(Kind.WEB).rate_limit == rate


@pytest.mark.parametrize("rate", [0, 10_000_001])
def test_a_rate_limit_outside_its_range_is_refused(rate: int) -> None:
    with pytest.raises(refusals.InvalidLimit):
        replace(PLAIN, rate_limit=rate).checked(Kind.WEB)


def test_there_are_two_token_formats() -> None:
    opaque = replace(PLAIN, token_format="opaque").checked(Kind.WEB)  # type: ignore[arg-type]
    assert opaque.token_format is TokenFormat.OPAQUE
    with pytest.raises(refusals.InvalidFormat):
        replace(PLAIN, token_format="saml").checked(Kind.WEB)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Kind.SPA, Kind.NATIVE])
def test_a_public_application_manages_nothing(kind: Kind) -> None:
    for permission in ("read_user", "all", "root"):
        with pytest.raises(refusals.WrongClientKind):
            replace(PLAIN, permissions=["openid", permission]).checked(kind)
    assert replace(PLAIN, permissions=["openid"]).checked(kind).permissions == ["openid"]


@pytest.mark.parametrize("kind", [Kind.SPA, Kind.NATIVE])
def test_a_public_application_has_no_keys(kind: Kind) -> None:
    with pytest.raises(refusals.WrongClientKind):
        replace(PLAIN, key_set=KEYS).checked(kind)


def test_a_confidential_application_may_have_both() -> None:
    checked = replace(PLAIN, permissions=["read_user"], key_set=KEYS).checked(Kind.WEB)
    assert (checked.permissions, checked.key_set) == (["read_user"], KEYS)


def test_redirect_uris_are_kept_in_the_order_given_and_never_rewritten() -> None:
    uris = ("https://b.example.com/CB", "https://a.example.com/")
    assert replace(PLAIN, redirect_uris=uris).checked(Kind.SPA).redirect_uris == uris
    assert replace(PLAIN, redirect_uris=list(uris)).checked(Kind.WEB).redirect_uris == uris  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", Kind)
def test_a_scheme_of_ones_own_is_for_native_applications(kind: Kind) -> None:
    settings = replace(PLAIN, redirect_uris=("com.example.app:/cb",))
    if kind is Kind.NATIVE:
        assert settings.checked(kind).redirect_uris == ("com.example.app:/cb",)
    else:
        with pytest.raises(refusals.InvalidRedirectUri):
            settings.checked(kind)


def test_the_second_factors_of_the_whole_service_count_unless_decided() -> None:
    checked = PLAIN.checked(Kind.SPA)
    assert checked.use_system_mfa_config
    required = (checked.require_email_mfa, checked.require_otp_mfa, checked.require_sms_mfa)
    assert (*required, checked.allow_email_mfa_as_backup) == (False,) * 4


def test_an_application_uses_the_grants_of_its_kind_unless_decided() -> None:
    code, device = ("authorization_code", "refresh_token"), "urn:ietf:params:oauth:grant-type:device_code"
    assert {kind: kind.grant_types for kind in Kind} == {
        Kind.MACHINE: ("client_credentials",),
        Kind.WEB: code,
        Kind.SPA: code,
        Kind.NATIVE: (*code, device),
    }
    assert all(set(kind.grant_types) <= set(kind.fitting_grant_types) for kind in Kind)
    assert PLAIN.checked(Kind.NATIVE).grant_types == ()


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("name", grant_types.ALL)
def test_a_grant_must_fit_the_kind_of_application(kind: Kind, name: str) -> None:
    machines = {"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"}
    fits = {Kind.MACHINE: name in machines, Kind.WEB: True}.get(kind, name not in machines)
    settings = replace(PLAIN, grant_types=(name,))
    if fits:
        assert settings.checked(kind).grant_types == (name,)
    else:
        with pytest.raises(refusals.InvalidGrantType) as refusal:
            settings.checked(kind)
        assert refusal.value.field == "grant_types"


@pytest.mark.parametrize("name", ["", "implicit", "password_credentials", "Password", "device_code"])
def test_there_is_no_other_grant(name: str) -> None:
    with pytest.raises(refusals.InvalidGrantType):
        replace(PLAIN, grant_types=("authorization_code", name)).checked(Kind.WEB)


def test_grants_are_kept_each_once_and_in_one_order() -> None:
    settings = replace(PLAIN, grant_types=["password", "refresh_token", "password"])  # type: ignore[arg-type]
    assert settings.checked(Kind.WEB).grant_types == ("refresh_token", "password")


@pytest.mark.parametrize(
    ("name", "within", "outside"),
    [
        ("refresh_token_lifetime", (60, 31_536_000), (-1, 0, 59, 31_536_001)),
        ("refresh_grace", (0, 60), (-1, 61)),
    ],
)
def test_refresh_tokens_have_a_life_and_a_grace_within_their_ranges(
    name: str, within: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    for seconds in within:
        assert getattr(replace(PLAIN, **{name: seconds}).checked(Kind.SPA), name) == seconds  # type: ignore[arg-type]
    for seconds in outside:
        with pytest.raises(refusals.InvalidLifetime) as refusal:
            replace(PLAIN, **{name: seconds}).checked(Kind.SPA)  # type: ignore[arg-type]
        assert refusal.value.field == name


def test_where_signing_out_leads_is_checked_as_where_signing_in_does() -> None:
    uris = ("https://b.example.com/bye", "https://a.example.com/")
    assert replace(PLAIN, post_logout_redirect_uris=uris).checked(Kind.SPA).post_logout_redirect_uris == uris
    own = replace(PLAIN, post_logout_redirect_uris=("com.example.app:/bye",))
    assert own.checked(Kind.NATIVE).post_logout_redirect_uris == ("com.example.app:/bye",)
    for bad in (own, replace(PLAIN, post_logout_redirect_uris=("http://app.example.com/",))):
        with pytest.raises(refusals.InvalidRedirectUri) as refusal:
            bad.checked(Kind.WEB)
        assert refusal.value.field == "post_logout_redirect_uris"


def test_an_application_is_told_of_a_sign_out_over_https() -> None:
    uri = "https://app.example.com/logged-out?tenant=1"
    assert replace(PLAIN, backchannel_logout_uri=uri).checked(Kind.WEB).backchannel_logout_uri == uri
    for bad in ("", "http://app.example.com/", "https://app.example.com/#x", "com.example.app:/bye"):
        with pytest.raises(refusals.InvalidRedirectUri) as refusal:
            replace(PLAIN, backchannel_logout_uri=bad).checked(Kind.NATIVE)
        assert refusal.value.field == "backchannel_logout_uri"


@pytest.mark.parametrize("source", [None, "user", "header:appuserID", "query:appuserID", "form:appuserID"])
def test_an_application_says_where_its_end_users_are_named(source: str | None) -> None:
    for kind in Kind:
        assert replace(PLAIN, end_user_from=source).checked(kind).end_user_from == source


@pytest.mark.parametrize("source", ["", "cookie:id", "header:Authorization", "form:client_secret"])
def test_end_users_are_named_nowhere_else(source: str) -> None:
    with pytest.raises(refusals.InvalidEndUserSource):
        replace(PLAIN, end_user_from=source).checked(Kind.WEB)
