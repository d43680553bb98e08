"""Scopes are defined once in an organization, and applications hold defined ones, whoever decides at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from domain import refusals
from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
from domain.scope_definition import BUILT_IN, ScopeDefinition, ScopeType
from projections import applications as application_rows
from projections import scopes as rows
from service.commands import accounts, applications, scopes
from tests.service.commands.given import (
    ROOT,
    an_application,
    an_organization,
    backend,
    head,
    meanwhile,
    origin,
    topics,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.application import Application
    from tests.store_fixture import StoreParts

OPENID = next(known for known, name in BUILT_IN.items() if name == "openid")


async def a_scope(parts: StoreParts, organization: UUID, name: str = "files", by: Caller = SYSTEM) -> ScopeDefinition:
    made = await scopes.define(
        parts.store, origin(), by, organization=organization, name=name, type=ScopeType.S2S, note="Files"
    )
    return made.value


async def registered(parts: StoreParts, organization: UUID, *permissions: str, by: Caller = SYSTEM) -> Application:
    made = await applications.register(
        parts.store, origin(), by, organization=organization, kind="machine", defined_only=True,
        settings=ApplicationSettings("Billing", permissions=list(permissions)),
    )  # fmt: skip
    return made.value.application


async def held(parts: StoreParts, application: Application) -> list[str]:
    row = await application_rows.one(parts.pool, application.id)
    assert row is not None
    permissions: list[str] = row["permissions"]
    return permissions


async def test_one_of_many_definitions_of_a_name_succeeds(
    parts: StoreParts, open_parts: Callable[[], Awaitable[StoreParts]]
) -> None:
    organization, other = await an_organization(parts), await an_organization(parts)
    processes = [parts, await open_parts()]
    results = await asyncio.gather(*(a_scope(each, organization.id) for each in processes * 4), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(refusal) for refusal in refused] == [refusals.NameTaken] * 7
    await a_scope(parts, other.id)
    await a_scope(parts, organization.id, "Files")


async def test_a_name_that_was_given_up_is_free(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    scope = await a_scope(parts, organization.id)
    await scopes.change(parts.store, origin(), SYSTEM, scope=scope.id, name="documents")
    second = await a_scope(parts, organization.id)
    with pytest.raises(refusals.NameTaken):
        await scopes.change(parts.store, origin(), SYSTEM, scope=second.id, name="documents")
    await scopes.delete(parts.store, origin(), SYSTEM, scope=second.id)
    await a_scope(parts, organization.id)


async def test_another_organizations_scope_is_unknown(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    scope, stranger = await a_scope(parts, organization.id), backend(uuid4())
    before = await head(parts)
    for by, wanted in ((stranger, scope.id), (ROOT, uuid4())):
        with pytest.raises(refusals.UnknownScope):
            await scopes.change(parts.store, origin(), by, scope=wanted, note="mine")
        with pytest.raises(refusals.UnknownScope):
            await scopes.delete(parts.store, origin(), by, scope=wanted)
    with pytest.raises(refusals.UnknownAccount):
        await a_scope(parts, organization.id, by=stranger)
    assert await head(parts) == before


async def test_a_built_in_scope_is_described_in_each_organization_apart(parts: StoreParts) -> None:
    one, other = await an_organization(parts), await an_organization(parts)
    by = backend(one.id)
    described = await scopes.change(parts.store, origin(by), by, scope=OPENID, note="Who you are")
    again = await scopes.change(parts.store, origin(by), by, scope=OPENID, name="openid", locales={"de": "Wer du bist"})
    assert (again.value.id, again.value.note) == (described.value.id, "Who you are")
    assert again.value.locales == {"de": "Wer du bist"}
    assert await topics(parts, after=6) == ["scope.defined", "scope.changed"]
    assert await rows.by_names(parts.pool, other.id, ["openid"]) == {}
    for act in (
        lambda: scopes.change(parts.store, origin(), by, scope=OPENID, name="openid2"),
        lambda: scopes.change(parts.store, origin(), backend(other.id), scope=OPENID, name="openid2"),
        lambda: scopes.delete(parts.store, origin(), by, scope=OPENID),
        lambda: scopes.delete(parts.store, origin(), backend(other.id), scope=OPENID),
    ):
        with pytest.raises(refusals.BuiltInScope):
            await act()
    for act in (
        lambda: scopes.change(parts.store, origin(), by, scope=described.value.id, note="x"),
        lambda: scopes.delete(parts.store, origin(), by, scope=described.value.id),
    ):
        with pytest.raises(refusals.UnknownScope):
            await act()


async def test_a_built_in_scope_that_is_described_twice_at_once_has_both(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    by = backend(organization.id)
    with meanwhile(parts, lambda: scopes.change(parts.store, origin(), by, scope=OPENID, note="first")):
        await scopes.change(parts.store, origin(), by, scope=OPENID, locales={"de": "zweite"})
    found = await rows.by_names(parts.pool, organization.id, ["openid"])
    row = await rows.one(parts.pool, found["openid"])
    assert row is not None
    assert (row["note"], row["locales"]) == ("first", '{"de": "zweite"}')


async def test_what_is_not_defined_is_no_scope_of_an_application_where_that_is_asked(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    await a_scope(parts, organization.id)
    await a_scope(parts, (await an_organization(parts)).id, "elsewhere")
    application = await registered(parts, organization.id, "files", "read_user", "openid")
    before = await head(parts)
    for name in ("unheard", "elsewhere"):
        with pytest.raises(refusals.UndefinedScope):
            await registered(parts, organization.id, "files", name)
        with pytest.raises(refusals.UndefinedScope):
            await applications.update(
                parts.store, origin(), SYSTEM, application=application.id, defined_only=True,
                name="Renamed", permissions=["files", name],
            )  # fmt: skip
    assert await head(parts) == before, "nothing was written, the name neither"
    native = await an_application(parts, organization.id, "free:text", client_id="native")
    kept = await applications.update(
        parts.store, origin(), SYSTEM, application=native.id, defined_only=True, permissions=["free:text", "files"]
    )
    assert kept.value.settings.permissions == ["files", "free:text"]


async def test_a_deleted_scope_leaves_all_applications_in_the_same_append(parts: StoreParts) -> None:
    organization, by = await an_organization(parts), SYSTEM
    scope = await a_scope(parts, organization.id)
    several = [await registered(parts, organization.id, "files", "read_user") for _ in range(3)]
    other = await an_application(parts, (await an_organization(parts)).id, "files", client_id="other")
    before = await head(parts)
    await scopes.delete(parts.store, origin(), by, scope=scope.id)
    assert await topics(parts, after=before) == ["application.updated"] * 3 + ["scope.deleted"]
    assert [await held(parts, application) for application in several] == [["read_user"]] * 3
    assert await held(parts, other) == ["files"]


async def test_a_renamed_scope_is_renamed_in_all_applications(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    scope, application = await a_scope(parts, organization.id), await an_application(parts, organization.id, "files")
    lesser = backend(organization.id, "write_scope")
    before = await head(parts)
    with pytest.raises(refusals.MissingPermission):
        await scopes.change(parts.store, origin(), lesser, scope=scope.id, name="documents")
    assert await head(parts) == before
    by = backend(organization.id, "write_scope", "write_app")
    await scopes.change(parts.store, origin(), by, scope=scope.id, name="documents")
    assert await held(parts, application) == ["documents"]
    free = await a_scope(parts, organization.id, "nobodys")
    await scopes.change(parts.store, origin(), lesser, scope=free.id, name="anybodys")


@pytest.mark.parametrize("limit", [0])
async def test_a_scope_that_too_many_applications_have_is_not_deleted_at_once(
    parts: StoreParts, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    organization = await an_organization(parts)
    scope = await a_scope(parts, organization.id)
    await registered(parts, organization.id, "files")
    monkeypatch.setattr(scopes, "APPLICATION_LIMIT", limit)
    before = await head(parts)
    with pytest.raises(refusals.TooMuchAtOnce):
        await scopes.delete(parts.store, origin(), SYSTEM, scope=scope.id)
    assert await head(parts) == before


async def test_a_scope_is_not_deleted_under_the_hands_of_who_gives_it(parts: StoreParts) -> None:
    organization = await an_organization(parts)
    scope, spare = await a_scope(parts, organization.id), await a_scope(parts, organization.id, "spare")
    deleting = scopes.delete(parts.store, origin(), SYSTEM, scope=scope.id)
    with meanwhile(parts, lambda: deleting), pytest.raises(refusals.UndefinedScope):
        await registered(parts, organization.id, "files")
    with meanwhile(parts, lambda: registered(parts, organization.id, "spare")) as decided:
        await scopes.delete(parts.store, origin(), SYSTEM, scope=spare.id)
    assert len(decided) == 2, "the deletion was decided once more, on the application that came meanwhile"
    assert await application_rows.holders(parts.pool, organization.id, "spare", limit=5) == []


async def test_an_organization_with_scopes_is_in_use_and_one_that_described_built_in_ones_is_not(
    parts: StoreParts,
) -> None:
    organization = await an_organization(parts)
    by = backend(organization.id)
    await scopes.change(parts.store, origin(), by, scope=OPENID, note="Who you are")
    scope = await a_scope(parts, organization.id)
    with pytest.raises(refusals.OrganizationInUse):
        await accounts.delete(parts.store, origin(), SYSTEM, account=organization.id)
    await scopes.delete(parts.store, origin(), SYSTEM, scope=scope.id)
    await accounts.delete(parts.store, origin(), SYSTEM, account=organization.id)
