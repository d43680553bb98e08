"""Scopes as organizations define them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from domain.caller import SYSTEM
from domain.scope_definition import ScopeDefinition, ScopeType
from projections import scopes
from tests.projections.given import APPROVER, ORGANIZATION, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from uuid import UUID

    from tests.store_fixture import StoreParts


def a_scope(parts: StoreParts, name: str = "files:read", *, organization: UUID = ORGANIZATION) -> ScopeDefinition:
    return ScopeDefinition.define(
        id=parts.clock.new_id(), organization=organization, name=name, type=ScopeType.SPA, note="Reads",
        locales={"en": "Read", "fr": "Lire"}, by=SYSTEM, now=parts.clock.now(),
    )  # fmt: skip


async def test_a_row_follows_its_definition(parts: StoreParts) -> None:
    scope = a_scope(parts)
    await save(parts, scope)
    [row] = await rows(parts, "scopes")
    assert {**dict(row), "locales": json.loads(row["locales"])} == {
        "id": scope.id, "organization": ORGANIZATION, "name": "files:read", "type": "spa", "note": "Reads",
        "locales": {"en": "Read", "fr": "Lire"}, "created_at": parts.clock.now(), "updated_at": parts.clock.now(),
        "position": 1,
    }  # fmt: skip
    scope.change("files:write", None, {}, SYSTEM, parts.clock.now())
    await save(parts, scope)
    row = await scopes.one(parts.pool, scope.id)
    assert row is not None
    assert (row["name"], row["note"], row["locales"]) == ("files:write", None, "{}")
    await same_when_rebuilt(parts, "scopes")
    scope.delete(SYSTEM, parts.clock.now())
    await save(parts, scope)
    assert await scopes.one(parts.pool, scope.id) is None
    await same_when_rebuilt(parts, "scopes")


async def test_definitions_are_found_by_organization_and_name(parts: StoreParts) -> None:
    mine = [a_scope(parts, name) for name in ("a", "b", "c")]
    elsewhere = a_scope(parts, "a", organization=APPROVER)
    await save(parts, *mine, elsewhere)
    ids = [scope.id for scope in mine]
    assert [row["id"] for row in await scopes.of_organization(parts.pool, ORGANIZATION, limit=9)] == ids
    assert [row["id"] for row in await scopes.of_organization(parts.pool, ORGANIZATION, limit=2)] == ids[:2]
    assert await scopes.by_names(parts.pool, ORGANIZATION, {"a", "c", "d"}) == {"a": ids[0], "c": ids[2]}
    assert (await scopes.said_of(parts.pool, ORGANIZATION, ["a", "c", "d"])).keys() == {"a", "c"}
    assert await scopes.any_but(parts.pool, ORGANIZATION, ["a", "b"])
    assert not await scopes.any_but(parts.pool, ORGANIZATION, ["a", "b", "c"])
