"""Connectors as rows: which there are, and nothing of what they are configured with."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from domain.caller import SYSTEM
from domain.connector import Connector, Kind
from projections import connectors
from tests.projections.given import APPROVER, ORGANIZATION, rows, same_when_rebuilt, save

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts


def a_connector(parts: StoreParts, target: str | None = "github", **told: Any) -> Connector:
    fields = {"organization": ORGANIZATION, "type": "github-universal", "kind": Kind.SOCIAL, **told}
    return Connector.create(
        id=parts.clock.new_id(), target=target, config={"clientSecret": "topsecret"}, name={"en": "Git"}, by=SYSTEM,
        now=parts.clock.now(), **fields,
    )  # fmt: skip


def a_sender(parts: StoreParts, kind: Kind, type: str) -> Connector:
    return a_connector(parts, None, kind=kind, type=type)


async def test_a_row_follows_its_connector_without_its_configuration(parts: StoreParts) -> None:
    connector = a_connector(parts)
    await save(parts, connector)
    [row] = await rows(parts, "connectors")
    assert {**dict(row), "name": json.loads(row["name"])} == {
        "id": connector.id, "organization": ORGANIZATION, "type": "github-universal", "kind": "Social",
        "target": "github", "name": {"en": "Git"}, "logo": None, "logo_dark": None,
        "created_at": parts.clock.now(), "updated_at": parts.clock.now(), "position": 1,
    }  # fmt: skip
    parts.clock.move(timedelta(seconds=1))
    connector.configure({"clientSecret": "other"}, SYSTEM, parts.clock.now())
    await save(parts, connector)
    row = await connectors.one(parts.pool, connector.id)
    assert row is not None
    assert row["updated_at"] == parts.clock.now() > row["created_at"]
    connector.describe(
        target=None, name={"en": "Hub"}, logo="https://a.example/", logo_dark=None, by=SYSTEM, now=parts.clock.now()
    )
    connector.note_test(SYSTEM, parts.clock.now())
    await save(parts, connector)
    row = await connectors.one(parts.pool, connector.id)
    assert row is not None
    assert (json.loads(row["name"]), row["logo"]) == ({"en": "Hub"}, "https://a.example/")
    await same_when_rebuilt(parts, "connectors")
    connector.delete(SYSTEM, parts.clock.now())
    await save(parts, connector)
    assert await connectors.one(parts.pool, connector.id) is None
    await same_when_rebuilt(parts, "connectors")


async def test_connectors_are_found_by_organization_kind_and_type(parts: StoreParts) -> None:
    b, a, oidc = a_connector(parts, "b"), a_connector(parts, "a"), a_connector(parts, "c", type="oidc")
    mail = a_sender(parts, Kind.EMAIL, "http-email")
    elsewhere = a_connector(parts, "a", organization=APPROVER)
    await save(parts, b, a, oidc, mail, elsewhere)
    mine = [one.id for one in (b, a, oidc, mail)]
    assert [row["id"] for row in await connectors.of_organization(parts.pool, ORGANIZATION, limit=9)] == mine
    assert [row["id"] for row in await connectors.of_organization(parts.pool, ORGANIZATION, limit=2)] == mine[:2]
    social = await connectors.social(parts.pool, ORGANIZATION, ["github-universal"])
    assert [(row["id"], row["target"]) for row in social] == [(a.id, "a"), (b.id, "b")]
    assert await connectors.sender(parts.pool, ORGANIZATION, Kind.EMAIL) == mail.id
    assert await connectors.sender(parts.pool, ORGANIZATION, Kind.SMS) is None
    assert await connectors.sender(parts.pool, APPROVER, Kind.EMAIL) is None
