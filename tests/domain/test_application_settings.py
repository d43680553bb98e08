"""An application's settings are checked as a whole, by the kind of application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import refusals
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
