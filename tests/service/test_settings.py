"""The settings: every variable is checked at start, and one that cannot be used is named in one sentence."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from service.settings import BadSetting, read

KEY = base64.b64encode(bytes(range(32))).decode()
PASSWORD = "p4ssw0rd"


def test_an_empty_environment_serves_on_loopback_with_the_embedded_database() -> None:
    settings = read({})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)
    assert settings.database_url is None
    assert settings.data_dir == Path.cwd() / "var"


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert read({"MUNIMENT_PORT": "", "MUNIMENT_MASTER_KEY": " "}) == read({})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "65536", "MUNIMENT_PORT is a whole number from 0 to 65535, not '65536'"),
        ("PORT", "eighty", "MUNIMENT_PORT is a whole number"),
        ("WORKERS", "0", "MUNIMENT_WORKERS is a whole number from 1 to 64"),
        ("JOURNAL_DAYS", "0", "MUNIMENT_JOURNAL_DAYS is a whole number from 1 to 3650"),
        ("CALL_LOG_DAYS", "0", "MUNIMENT_CALL_LOG_DAYS is a whole number from 1 to 3650"),
        ("CALL_LOG_DAYS", "3651", "MUNIMENT_CALL_LOG_DAYS is a whole number from 1 to 3650"),
        ("SESSION_HOURS", "0", "MUNIMENT_SESSION_HOURS is a whole number from 1 to 8760"),
        ("SESSION_HOURS", "8761", "MUNIMENT_SESSION_HOURS is a whole number from 1 to 8760"),
        ("EXPIRED_TOKEN_HOURS", "0", "MUNIMENT_EXPIRED_TOKEN_HOURS is a whole number from 1 to 8784"),
        ("TOKEN_SEARCH_LIMIT", "0", "MUNIMENT_TOKEN_SEARCH_LIMIT is a whole number from 1 to 10000"),
        ("ARCHIVE_MACHINE_DAYS", "-1", "MUNIMENT_ARCHIVE_MACHINE_DAYS is a whole number from 0 to 36500"),
        ("ARCHIVE_USER_DAYS", "never", "MUNIMENT_ARCHIVE_USER_DAYS is a whole number from 0 to 36500"),
        ("SIGNING_ALGORITHM", "HS256", "MUNIMENT_SIGNING_ALGORITHM is ES256, RS256 or EdDSA"),
        ("ID_TOKEN_ALGORITHM", "none", "MUNIMENT_ID_TOKEN_ALGORITHM is ES256, RS256 or EdDSA"),
        ("ID_TOKEN_ALGORITHM", "HS256", "MUNIMENT_ID_TOKEN_ALGORITHM is ES256, RS256 or EdDSA"),
        ("OUTBOUND_ALLOW", "hooks.internal", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("OUTBOUND_ALLOW", "a:80,http://b:80", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("OUTBOUND_ALLOW", "a:0", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("OUTBOUND_ALLOW", "a:65536", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("OUTBOUND_ALLOW", "::1:80", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("OUTBOUND_ALLOW", "me@a:80", "MUNIMENT_OUTBOUND_ALLOW is a list of host:port"),
        ("SMTP_URL", "none", "MUNIMENT_SMTP_URL: it is smtp://user:password@host:port"),
        ("SMS_WEBHOOK_URL", "none", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address without user, or off"),
        ("SMS_WEBHOOK_URL", "ftp://sms.test", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address"),
        ("SMS_WEBHOOK_URL", "https://me:secret@sms.test", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address"),
        ("SMS_WEBHOOK_URL", "https://sms.test:0", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address"),
        ("SMS_WEBHOOK_URL", "https://sms.test:99999", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address"),
        ("SMS_WEBHOOK_URL", "https://", "MUNIMENT_SMS_WEBHOOK_URL is an http(s) address"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "MUNIMENT_TRUSTED_PROXIES is a list of networks with commas"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "MUNIMENT_TRUSTED_PROXIES is a list of networks with commas"),
        ("LOG_LEVEL", "loud", "MUNIMENT_LOG_LEVEL is debug, info, warning or error"),
        ("ISSUER", "auth.example.org", "MUNIMENT_ISSUER is an http"),
        ("ISSUER", "https://auth.example.org/?a=b", "MUNIMENT_ISSUER is an http"),
        ("MANAGEMENT_AUDIENCES", "https://a.example/api,two words", "MUNIMENT_MANAGEMENT_AUDIENCES is a list"),
        ("ROOT_CLIENT_ID", "a:b", "MUNIMENT_ROOT_CLIENT_ID has 1 to 128 visible ASCII characters and no colon"),
        ("MASTER_KEY", "c2hvcnQ=", "MUNIMENT_MASTER_KEY: master key 1 of 1 has 5 bytes, not 32"),
        ("MASTER_KEY", "not base64!", "MUNIMENT_MASTER_KEY: master key"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_the_name_of_its_variable(
    name: str, value: str, sentence: str
) -> None:
    with pytest.raises(BadSetting) as refused:
        read({f"MUNIMENT_{name}": value})
    assert str(refused.value).startswith(sentence)


def test_a_database_of_ones_own_needs_a_master_key_of_ones_own() -> None:
    with pytest.raises(BadSetting, match=r"MUNIMENT_MASTER_KEY .* is required with MUNIMENT_DATABASE_URL"):
        read({"MUNIMENT_DATABASE_URL": "postgresql://host/database"})


def test_a_wrong_address_is_refused_without_its_password() -> None:
    with pytest.raises(BadSetting, match="MUNIMENT_DATABASE_URL") as refused:
        read({"MUNIMENT_DATABASE_URL": f"mysql://user:{PASSWORD}@host/database", "MUNIMENT_MASTER_KEY": KEY})
    assert PASSWORD not in str(refused.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = read({"MUNIMENT_MASTER_KEY": KEY, "MUNIMENT_ROOT_CLIENT_SECRET": PASSWORD})
    assert KEY not in repr(settings)
    assert PASSWORD not in repr(settings)


def test_token_events_stay_for_ever_unless_an_age_is_set() -> None:
    assert (read({}).archive_machine_age, read({}).archive_user_age) == (None, None)
    settings = read({"MUNIMENT_ARCHIVE_MACHINE_DAYS": "30", "MUNIMENT_ARCHIVE_USER_DAYS": "0"})
    assert (settings.archive_machine_age, settings.archive_user_age) == (timedelta(days=30), None)


def test_messages_are_sent_as_the_operator_says_or_not_at_all() -> None:
    settings = read({})
    assert (settings.smtp_url, settings.sms_webhook_url, settings.mail_server) == (None, None, None)
    settings = read({"MUNIMENT_SMTP_URL": "OFF", "MUNIMENT_SMS_WEBHOOK_URL": "Off"})
    assert (settings.smtp_url, settings.sms_webhook_url, settings.mail_server) == ("off", "off", None)
    url = "https://sms.test:8443/send?key=s3cret"
    settings = read({"MUNIMENT_SMS_WEBHOOK_URL": url})
    assert settings.sms_webhook_url == url
    assert "s3cret" not in repr(settings)


def test_what_may_be_called_although_private_is_pairs_of_host_and_port() -> None:
    allowed = read({"MUNIMENT_OUTBOUND_ALLOW": "Hooks.Internal:8443, 127.0.0.1:9000,[0:0::1]:80,"}).outbound_allow
    assert allowed == {("hooks.internal", 8443), ("127.0.0.1", 9000), ("::1", 80)}
    assert read({}).outbound_allow == frozenset()


def test_id_tokens_are_signed_by_rs256_unless_decided_otherwise() -> None:
    assert read({}).algorithms == ("ES256", "RS256")
    assert read({"MUNIMENT_ID_TOKEN_ALGORITHM": "ES256"}).algorithms == ("ES256",)


def test_no_proxy_is_trusted_unless_it_is_named() -> None:
    assert read({}).trusted_proxies == ()
    named = read({"MUNIMENT_TRUSTED_PROXIES": " 10.0.0.0/8, 192.0.2.1,2001:db8::/32 ,"}).trusted_proxies
    assert [str(network) for network in named] == ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]
