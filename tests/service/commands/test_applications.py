"""Applications have a client id for ever, secrets that are told once, and credentials that only their equals make."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from domain import refusals
from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
from projections import applications as rows
from service.commands import accounts, applications, grants
from service.commands.secrets import SecretRequest
from service.secrets.digests import CLIENT_SECRET, has_checksum, sha256_hex
from service.secrets.signing import generate
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_user,
    an_application,
    an_organization,
    backend,
    head,
    log,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from service.commands.applications import WithSecrets
    from tests.store_fixture import StoreParts

DAY = timedelta(days=1)


async def register(
    parts: StoreParts, organization: UUID, by: Caller, *secrets: SecretRequest, permissions: tuple[str, ...] = ()
) -> WithSecrets:
    registered = await applications.register(
        parts.store,
        origin(by),
        by,
        organization=organization,
        kind="machine",
        settings=ApplicationSettings("Billing", permissions=list(permissions)),
        secrets=iter(secrets),
    )
    return registered.value


async def test_a_client_id_is_the_id_unless_chosen(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    assert application.client_id == str(application.id)
    assert (await an_application(parts, organization.id, client_id="billing")).client_id == "billing"


async def test_a_client_id_is_no_users_id(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    user = await a_user(parts, (await an_application(parts, organization.id)).id)
    before = await head(parts)
    for taken in (str(user.id), str(user.id).upper()):
        with pytest.raises(refusals.ClientIdTaken):
            await an_application(parts, organization.id, client_id=taken)
    assert await head(parts) == before
    free = str(uuid4())
    assert (await an_application(parts, organization.id, client_id=free)).client_id == free


async def test_secrets_are_told_once_and_kept_as_digests(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    expires_at = parts.clock.now() + DAY
    made = await register(
        parts, organization.id, backend(organization.id), SecretRequest("blue"), SecretRequest(" green ", expires_at)
    )
    blue, green = made.secrets
    assert (blue.name, blue.expires_at, green.name, green.expires_at) == ("blue", None, "green", expires_at)
    assert blue.text.startswith(CLIENT_SECRET)
    assert has_checksum(blue.text)
    assert blue.text not in repr(made)
    assert {secret.digest for secret in made.application.secrets.values()} == {
        sha256_hex(blue.text),
        sha256_hex(green.text),
    }
    kept = await parts.pool.fetch("SELECT id, digest, hint FROM application_secrets ORDER BY id")
    assert [(row["id"], row["hint"]) for row in kept] == [(blue.id, blue.text[-4:]), (green.id, green.text[-4:])]
    states = [row["state"] for row in await parts.pool.fetch("SELECT state FROM muniment.log")]
    assert not any(blue.text.encode() in state or green.text.encode() in state for state in states)


async def test_an_application_is_registered_in_an_active_organization(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    child = await a_child(parts, organization.id)
    for by, wanted in (
        (ROOT, child.id),
        (backend(uuid4()), organization.id),
        (ROOT, uuid4()),
    ):
        with pytest.raises(refusals.UnknownAccount):
            await register(parts, wanted, by)
    suspending = accounts.move_status(parts.store, origin(), ROOT, account=organization.id, status="suspended")
    with meanwhile(parts, lambda: suspending), pytest.raises(refusals.AccountNotActive):
        await register(parts, organization.id, backend(organization.id))


async def test_one_of_many_registrations_of_a_client_id_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organizations = [await an_organization(parts), await an_organization(parts)]
    before, processes = await head(parts), [parts, await open_parts()]
    results = await asyncio.gather(
        *(
            an_application(each, organization.id, client_id="billing")
            for each in processes * 4
            for organization in organizations
        ),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.ClientIdTaken] * 15
    assert await topics(parts, after=before) == ["application.registered"]


async def test_a_client_id_is_never_used_again(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id, client_id="billing")
    await applications.delete(parts.store, origin(), SYSTEM, application=application.id)
    with pytest.raises(refusals.ClientIdTaken) as refused:
        await an_application(parts, organization.id, client_id="billing")
    assert refused.value.field == "client_id"


async def test_an_update_changes_what_is_named(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id, "read_user")
    by = backend(organization.id)
    await applications.update(
        parts.store, origin(), by, application=application.id, rate_limit=100, access_token_lifetime=60
    )
    outcome = await applications.update(
        parts.store,
        origin(),
        by,
        application=application.id,
        name="Ledger",
        audiences=["https://api.example.com"],
        token_format="opaque",
        access_token_lifetime=None,
    )
    settings = outcome.value.settings
    assert (settings.name, settings.permissions, settings.rate_limit) == ("Ledger", ["read_user"], 100)
    assert (settings.audiences, settings.token_format) == (["https://api.example.com"], "opaque")
    assert settings.access_token_lifetime == 3600
    row = await rows.one(parts.pool, application.id)
    assert row is not None
    assert (row["name"], row["token_format"]) == ("Ledger", "opaque")


async def test_updates_of_different_settings_at_once_are_both_kept(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    await asyncio.gather(
        applications.update(parts.store, origin(), SYSTEM, application=application.id, name="Ledger"),
        applications.update(parts.store, origin(), SYSTEM, application=application.id, rate_limit=5),
        applications.update(parts.store, origin(), SYSTEM, application=application.id, permissions=["read_user"]),
    )
    row = await rows.one(parts.pool, application.id)
    assert row is not None
    assert (row["name"], row["rate_limit"], row["permissions"]) == ("Ledger", 5, ["read_user"])


async def test_the_rule_on_root_is_about_the_request(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id, "root")
    by = backend(organization.id)
    await applications.update(parts.store, origin(), by, application=application.id, name="Ledger")
    with pytest.raises(refusals.RootRequired):
        await applications.update(parts.store, origin(), by, application=application.id, permissions=["root"])
    with pytest.raises(refusals.RootRequired):
        await register(parts, organization.id, by, permissions=("root",))


async def test_nobody_makes_credentials_for_an_application_that_holds_more(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    by, keys = backend(organization.id, "write_app"), {"keys": [generate("ES256").public_key]}
    granted = await an_application(parts, organization.id)
    grant = await grants.request(
        parts.store, origin(), ROOT, application=granted.id, audience="https://api.example.com", scope=["root"]
    )
    await grants.approve(parts.store, origin(), SYSTEM, grant=grant.value.id)
    for application, refusal in (
        (await an_application(parts, organization.id, "root"), refusals.RootRequired),
        (await an_application(parts, organization.id, "all"), refusals.MissingPermission),
        (granted, refusals.RootRequired),
    ):
        before = await head(parts)
        with pytest.raises(refusal):
            await applications.add_secrets(
                parts.store, origin(), by, application=application.id, secrets=[SecretRequest("mine")]
            )
        with pytest.raises(refusal):
            await applications.update(parts.store, origin(), by, application=application.id, key_set=keys)
        assert await head(parts) == before
    await grants.revoke(parts.store, origin(), SYSTEM, grant=grant.value.id)
    await applications.update(parts.store, origin(), by, application=granted.id, key_set=keys)


async def test_a_grant_that_is_approved_meanwhile_counts(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    grant = await grants.request(
        parts.store, origin(), ROOT, application=application.id, audience="https://api.example.com", scope=["root"]
    )
    approving = grants.approve(parts.store, origin(), SYSTEM, grant=grant.value.id)
    with meanwhile(parts, lambda: approving), pytest.raises(refusals.RootRequired):
        await applications.add_secrets(
            parts.store,
            origin(),
            backend(organization.id),
            application=application.id,
            secrets=[SecretRequest("mine")],
        )


async def test_further_secrets_come_all_or_none(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    application, by = await an_application(parts, organization.id), backend(organization.id)
    with pytest.raises(refusals.NameTaken):
        await applications.add_secrets(
            parts.store,
            origin(),
            by,
            application=application.id,
            secrets=[SecretRequest("blue"), SecretRequest("blue")],
        )
    assert await rows.secrets_of(parts.pool, application.id) == []
    added = await applications.add_secrets(
        parts.store,
        origin(),
        by,
        application=application.id,
        secrets=[SecretRequest("blue"), SecretRequest("green")],
    )
    retired = await applications.retire_secret(
        parts.store, origin(), by, application=application.id, secret=added.value.secrets[0].id
    )
    assert list(retired.value.secrets) == [added.value.secrets[1].id]
    with pytest.raises(refusals.UnknownSecret):
        await applications.retire_secret(
            parts.store, origin(), by, application=application.id, secret=added.value.secrets[0].id
        )


async def test_secrets_that_are_added_at_once_stay_within_the_limit(parts: StoreParts) -> None:
    application = await an_application(parts, (await an_organization(parts)).id)
    first = [SecretRequest(f"secret {n}") for n in range(18)]
    await applications.add_secrets(parts.store, origin(), SYSTEM, application=application.id, secrets=first)
    results = await asyncio.gather(
        *(
            applications.add_secrets(
                parts.store, origin(), SYSTEM, application=application.id, secrets=[SecretRequest(name)]
            )
            for name in "abcde"
        ),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.TooManySecrets] * 3


async def test_an_application_is_disabled_enabled_and_deleted_with_its_secrets_but_not_its_users(
    parts: StoreParts,
) -> None:
    organization = await an_organization(parts)
    by = backend(organization.id)
    made = await register(parts, organization.id, by, SecretRequest("blue"))
    application = made.application
    user = await a_user(parts, application.id)
    await applications.disable(parts.store, origin(), by, application=application.id, reason="leaked")
    await applications.enable(parts.store, origin(), by, application=application.id)
    before = await head(parts)
    await applications.delete(parts.store, origin(), by, application=application.id)
    assert await topics(parts, after=before) == ["application.secret_retired", "application.deleted"]
    assert await parts.pool.fetchval("SELECT count(*) FROM application_secrets") == 0
    assert await parts.pool.fetchval("SELECT id FROM users") == user.id
    assert [event.reason for event in await log(parts) if event.TOPIC == "application.disabled"] == ["leaked"]


COMMANDS: list[Callable[[StoreParts, Caller, Any], Awaitable[object]]] = [
    lambda parts, by, wanted: applications.update(parts.store, origin(), by, application=wanted, name="Mine"),
    lambda parts, by, wanted: applications.update(parts.store, origin(), by, application=wanted, key_set=None),
    lambda parts, by, wanted: applications.add_secrets(
        parts.store, origin(), by, application=wanted, secrets=[SecretRequest("mine")]
    ),
    lambda parts, by, wanted: applications.retire_secret(parts.store, origin(), by, application=wanted, secret=uuid4()),
    lambda parts, by, wanted: applications.disable(parts.store, origin(), by, application=wanted),
    lambda parts, by, wanted: applications.enable(parts.store, origin(), by, application=wanted),
    lambda parts, by, wanted: applications.delete(parts.store, origin(), by, application=wanted),
]


@pytest.mark.parametrize("command", COMMANDS)
async def test_another_organizations_or_a_deleted_application_is_unknown(
    parts: StoreParts, command: Callable[[StoreParts, Caller, Any], Awaitable[object]]
) -> None:
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id, "root")
    for by, wanted in ((backend(uuid4()), application.id), (ROOT, uuid4())):
        with pytest.raises(refusals.UnknownApplication):
            await command(parts, by, wanted)
    await applications.delete(parts.store, origin(), SYSTEM, application=application.id)
    for by in (ROOT, backend(organization.id)):
        with pytest.raises(refusals.UnknownApplication):
            await command(parts, by, application.id)
