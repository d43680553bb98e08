"""/info tells what clients may know, and never a secret."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import msgspec

from domain.application_settings import Kind
from service.doors.s2s.info import told
from service.settings import Settings
from tests.app_fixture import SETTINGS, running
from tests.service.doors.s2s.asking import server

MAIL = "smtp://mailer:mail-secret-of-the-tests@127.0.0.1:9"
TEXTS = "https://texts.example/text-secret-of-the-tests"
TOLD = {"issuer"}


async def test_the_configuration_is_told_by_the_names_of_this_dialect(fresh_app):
    configs = (await fresh_app.call("GET", "/info")).json["configs"]
    assert configs["S2S_ACCESS_TOKEN_EXPIRES_IN"] == Kind.MACHINE.access_token_lifetime == 3600
    assert configs["SPA_ACCESS_TOKEN_EXPIRES_IN"] == Kind.SPA.access_token_lifetime
    assert configs["SUPPORTED_LOCALES"] == ["en", "zh"]
    assert all(name == name.upper() for name in configs)
    switches = {name: value for name, value in configs.items() if name.startswith("ENABLE_")}
    assert switches["ENABLE_ORG"] is True
    assert {type(value) for value in switches.values()} == {bool}


async def test_no_configured_secret_is_told(app_database):
    async with running(app_database, replace(SETTINGS, smtp_url=MAIL, sms_webhook_url=TEXTS)) as service:
        manager = await server(service, "all", "read_user")
        settings = service.parts.settings
        secret_settings = [getattr(settings, field.name) for field in fields(Settings) if not field.repr]
        assert {MAIL, TEXTS} <= set(secret_settings)
        reply = await manager.call("GET", "/info")
        assert reply.status == 200
        for secret in (
            *secret_settings,
            "mail-secret-of-the-tests",
            "text-secret-of-the-tests",
            manager.secret,
            manager.token,
        ):
            assert secret
            assert secret not in reply.text


def test_a_setting_that_is_not_named_is_not_told():
    marked = {
        field.name: Path(f"marked-{field.name}") if field.name == "data_dir" else f"marked-{field.name}"
        for field in fields(Settings)
    }
    text = msgspec.json.encode(told(Settings(**marked))).decode()
    assert {name for name in marked if f"marked-{name}" in text} == TOLD
