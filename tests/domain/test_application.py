"""Applications keep their kind, are updated and given secrets, and never disable or delete themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application import Application, ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.grant_types import TOKEN_EXCHANGE
from tests.domain.given import (
    HOUR,
    INSTANT,
    NOW,
    ORGANIZATION,
    ROOT_APPLICATION,
    STRANGER,
    an_application,
    backend,
    happened,
    settled,
    the_event,
)

if TYPE_CHECKING:
    from datetime import timedelta

TOKEN_EXCHANGE_ALONE = {"grant_types": (TOKEN_EXCHANGE,)}


def register(
    client_id: str = "billing", kind: str = "machine", *permissions: str, by: Caller | None = None
) -> Application:
    return Application.register(
        id=uuid4(),
        organization=ORGANIZATION,
        client_id=client_id,
        kind=kind,
        settings=ApplicationSettings("Billing", permissions=list(permissions)),
        by=by or backend("write_app"),
        now=NOW,
    )


def add_secret(application: Application, name: str = "first", lifetime: timedelta | None = None) -> UUID:
    secret = uuid4()
    expires_at = None if lifetime is None else NOW + lifetime
    application.add_secret(secret, name, "0" * 64, "wxyz", expires_at, by=SYSTEM, now=NOW)
    return secret


def test_a_registration_tells_every_setting() -> None:
    application = register("billing", "machine", "read_user")
    event = the_event(application)
    assert (event.organization, event.client_id, event.kind) == (ORGANIZATION, "billing", "machine")
    assert (event.permissions, event.token_format, event.access_token_lifetime) == (["read_user"], "jwt", 3600)
    assert event.touches == (
        f"application:{application.id}",
        f"organization-contents:{ORGANIZATION}",
        f"organization-applications:{ORGANIZATION}",
    )


@pytest.mark.parametrize("client_id", ["a", "!~", "a" * 128])
def test_a_client_id_is_visible_ascii(client_id: str) -> None:
    assert register(client_id).client_id == client_id


@pytest.mark.parametrize("client_id", ["", "a:b", "a b", "ä", "a\n", "a" * 129])
def test_other_client_ids_are_refused(client_id: str) -> None:
    with pytest.raises(refusals.InvalidClientId):
        register(client_id)


def test_there_is_no_other_kind() -> None:
    with pytest.raises(refusals.InvalidKind):
        register(kind="service")


def test_only_root_registers_an_application_with_root() -> None:
    with pytest.raises(refusals.RootRequired):
        register("boss", "machine", "root", by=backend("all"))
    assert register("boss", "machine", "root", by=ROOT_APPLICATION).settings.permissions == ["root"]


def test_nobody_registers_applications_elsewhere() -> None:
    with pytest.raises(refusals.UnknownAccount):
        register(by=STRANGER)


def test_an_update_replaces_the_settings() -> None:
    application = an_application("read_user")
    application.update(replace(application.settings, name="Ledger", rate_limit=60), backend(), NOW)
    event = the_event(application)
    assert (event.name, event.rate_limit, event.permissions) == ("Ledger", 60, ["read_user"])
    assert application.settings.name == "Ledger"


def test_unchanged_settings_change_nothing() -> None:
    application = an_application()
    application.update(ApplicationSettings(" Billing "), backend(), NOW)
    assert happened(application) == []


def test_a_request_that_names_root_needs_root_even_if_nothing_changes() -> None:
    application = an_application("root")
    with pytest.raises(refusals.RootRequired):
        application.update(application.settings, backend("all"), NOW)


def test_a_request_that_leaves_permissions_out_may_rename_a_root_application() -> None:
    application = an_application("root")
    application.update(replace(application.settings, name="Ledger"), backend("all"), NOW, permissions_stated=False)
    assert application.settings.permissions == ["root"]
    assert happened(application) == ["application.updated"]


@pytest.mark.parametrize(
    "change", [{"permissions": []}, {"audiences": ["https://a.example.com"]}, {"rate_limit": 1}, TOKEN_EXCHANGE_ALONE]
)
def test_only_root_takes_from_a_root_application_what_it_works_with(change: dict[str, Any]) -> None:
    application = an_application("root")
    changed = replace(application.settings, **change)
    for caller in (backend("write_app"), backend("all")):
        with pytest.raises(refusals.MissingPermission):
            application.update(changed, caller, NOW, permissions_stated="permissions" in change)
    assert happened(application) == []
    application.update(changed, ROOT_APPLICATION, NOW)
    assert happened(application) == ["application.updated"]


@pytest.mark.parametrize(("held", "refusal"), [("root", refusals.RootRequired), ("all", refusals.MissingPermission)])
def test_who_holds_less_does_not_choose_where_an_application_is_answered(
    held: str, refusal: type[refusals.Refusal]
) -> None:
    application = an_application(held)
    changed = replace(application.settings, redirect_uris=("https://elsewhere.example.com/callback",))
    with pytest.raises(refusal):
        application.update(changed, backend("write_app"), NOW, permissions_stated=False)
    assert happened(application) == []
    application.update(changed, ROOT_APPLICATION, NOW, permissions_stated=False)
    assert happened(application) == ["application.updated"]


def test_leaving_permissions_out_is_no_way_to_slip_root_in() -> None:
    application = an_application("read_user")
    with pytest.raises(refusals.RootRequired):
        application.update(
            replace(application.settings, permissions=["root"]), backend("all"), NOW, permissions_stated=False
        )


def test_a_secret_is_kept_by_its_digest() -> None:
    application = an_application()
    secret = add_secret(application)
    event = the_event(application)
    assert (event.secret, event.name, event.digest, event.hint) == (secret, "first", "0" * 64, "wxyz")
    assert application.secrets[secret].live(NOW)


@pytest.mark.parametrize("kind", ["spa", "native"])
def test_a_public_application_has_no_secret(kind: str) -> None:
    with pytest.raises(refusals.WrongClientKind):
        add_secret(an_application(kind=kind))


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "a\x00"])
def test_a_secrets_name_has_1_to_64_characters(name: str) -> None:
    add_secret(an_application(), "a" * 64)
    with pytest.raises(refusals.InvalidName):
        add_secret(an_application(), name)


def test_a_secret_expires_after_now() -> None:
    with pytest.raises(refusals.InvalidExpiry):
        an_application().add_secret(uuid4(), "first", "0" * 64, "wxyz", NOW, by=SYSTEM, now=NOW)
    add_secret(an_application(), "first", INSTANT)


def test_a_secret_proves_nothing_from_its_expiry_on() -> None:
    application = an_application()
    id = add_secret(application, "first", HOUR)
    secret = application.secrets[id]
    assert secret.live(NOW + HOUR - INSTANT)
    assert not secret.live(NOW + HOUR)


def test_live_secrets_have_different_names() -> None:
    application = an_application()
    add_secret(application, "first", HOUR)
    with pytest.raises(refusals.NameTaken):
        add_secret(application, "first")
    application.add_secret(uuid4(), "first", "0" * 64, "wxyz", None, by=SYSTEM, now=NOW + HOUR)


def test_there_are_twenty_live_secrets_at_most() -> None:
    application = an_application()
    secrets = [add_secret(application, f"secret {number}") for number in range(20)]
    with pytest.raises(refusals.TooManySecrets):
        add_secret(application, "one more")
    application.retire_secret(secrets[0], SYSTEM, NOW)
    add_secret(application, "one more")


def test_the_last_secret_may_be_retired_once() -> None:
    application = an_application()
    secret = add_secret(application)
    application.retire_secret(secret, SYSTEM, NOW)
    with pytest.raises(refusals.UnknownSecret):
        application.retire_secret(secret, SYSTEM, NOW)
    assert happened(application) == ["application.secret_added", "application.secret_retired"]


@pytest.mark.parametrize(("held", "refusal"), [("root", refusals.RootRequired), ("all", refusals.MissingPermission)])
def test_who_holds_less_does_not_change_how_an_application_proves_itself(
    held: str, refusal: type[refusals.Refusal]
) -> None:
    application, by = an_application(held), backend("write_app")
    keys = {"keys": [{"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}]}
    with pytest.raises(refusal):
        application.add_secret(uuid4(), "first", "0" * 64, "wxyz", None, by=by, now=NOW)
    with pytest.raises(refusal):
        application.update(replace(application.settings, key_set=keys), by, NOW, permissions_stated=False)
    with pytest.raises(refusal):
        an_application().require_entitled(by, [held])
    assert happened(application) == []


def test_disabling_and_enabling_happen_once_each() -> None:
    application = an_application()
    application.disable(backend(), NOW, " leaked ")
    with pytest.raises(refusals.ApplicationNotActive):
        application.require_active(NOW)
    application.disable(backend(), NOW)
    application.enable(backend(), NOW)
    application.enable(backend(), NOW)
    application.require_active(NOW)
    disabled, enabled = application.collect_events()
    assert disabled.reason == "leaked"  # type: ignore[attr-defined]
    assert enabled.TOPIC == "application.enabled"  # type: ignore[attr-defined]


def test_what_root_took_out_of_use_only_root_takes_into_use() -> None:
    application = an_application("root")
    application.disable(ROOT_APPLICATION, NOW, "leaked")
    settled(application)
    for caller in (backend("write_app"), backend("all")):
        with pytest.raises(refusals.MissingPermission):
            application.enable(caller, NOW)
    assert happened(application) == []
    application.enable(ROOT_APPLICATION, NOW)
    assert happened(application) == ["application.enabled"]


def test_an_application_neither_disables_nor_deletes_itself() -> None:
    application = an_application()
    itself = backend("root", application=application.id)
    with pytest.raises(refusals.OwnDeletion):
        application.disable(itself, NOW)
    with pytest.raises(refusals.OwnDeletion):
        application.delete(itself, NOW)


def test_only_root_takes_a_root_application_or_its_secrets_away() -> None:
    application = register("rooted", "machine", "root", by=ROOT_APPLICATION)
    secret = add_secret(application)
    for caller in (backend("write_app"), backend("all")):
        with pytest.raises(refusals.MissingPermission):
            application.disable(caller, NOW)
        with pytest.raises(refusals.MissingPermission):
            application.delete(caller, NOW)
        with pytest.raises(refusals.MissingPermission):
            application.retire_secret(secret, caller, NOW)
    settled(application)
    application.retire_secret(secret, ROOT_APPLICATION, NOW)
    application.disable(ROOT_APPLICATION, NOW)
    application.delete(ROOT_APPLICATION, NOW)
    assert happened(application) == ["application.secret_retired", "application.disabled", "application.deleted"]


def test_another_organizations_application_is_unknown() -> None:
    application = an_application()
    for command in (
        lambda: application.update(application.settings, STRANGER, NOW),
        lambda: application.disable(STRANGER, NOW),
        lambda: application.enable(STRANGER, NOW),
        lambda: application.add_secret(uuid4(), "first", "0" * 64, "wxyz", None, by=STRANGER, now=NOW),
        lambda: application.delete(STRANGER, NOW),
    ):
        with pytest.raises(refusals.UnknownApplication):
            command()


def test_a_deleted_application_is_unknown_to_every_command() -> None:
    application = an_application()
    secret = add_secret(application)
    settled(application)
    application.delete(backend(), NOW)
    assert happened(application) == ["application.secret_retired", "application.deleted"]
    assert application.secrets == {}
    for command in (
        lambda: application.update(application.settings, ROOT_APPLICATION, NOW),
        lambda: add_secret(application, "second"),
        lambda: application.retire_secret(secret, SYSTEM, NOW),
        lambda: application.disable(ROOT_APPLICATION, NOW),
        lambda: application.enable(ROOT_APPLICATION, NOW),
        lambda: application.delete(ROOT_APPLICATION, NOW),
        lambda: application.require_active(NOW),
    ):
        with pytest.raises(refusals.UnknownApplication):
            command()
    assert happened(application) == []


def test_an_update_touches_all_who_decide_over_the_applications_of_the_organization() -> None:
    application = an_application()
    application.update(replace(application.settings, name="Other"), backend(), NOW)
    touched = (f"application:{application.id}", f"organization-applications:{ORGANIZATION}")
    assert the_event(application).touches == touched


def test_updates_of_before_there_were_redirect_uris_are_still_applied() -> None:
    application = an_application()
    application.trigger_event(
        Application.Updated,
        timestamp=NOW,
        name="Old",
        permissions=[],
        audiences=[],
        token_format=application.settings.token_format,
        access_token_lifetime=3600,
        key_set=None,
        rate_limit=None,
    )
    assert (application.settings.name, application.settings.redirect_uris) == ("Old", ())
    assert application.settings.use_system_mfa_config
    assert (application.settings.grant_types, application.settings.trusted) == ((), False)
    assert (application.settings.refresh_token_lifetime, application.settings.refresh_grace) == (2_592_000, 0)
    assert the_event(application).touches == (f"application:{application.id}",)


def test_a_scope_is_exchanged_for_another_or_for_none() -> None:
    application = an_application("files", "mail")
    application.exchange_scope("files", "documents", NOW)
    assert application.settings.permissions == ["documents", "mail"]
    application.exchange_scope("documents", "mail", NOW)
    application.exchange_scope("documents", "nothing", NOW)
    assert application.settings.permissions == ["mail"]
    application.exchange_scope("mail", None, NOW)
    assert application.settings.permissions == []
    assert happened(application) == ["application.updated"] * 3


def test_a_deleted_application_holds_nothing_to_exchange() -> None:
    application = an_application("files")
    application.delete(SYSTEM, NOW)
    settled(application).exchange_scope("files", None, NOW)
    assert happened(application) == []
