"""The first start: it happens once, and keeps the secret it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from projections import roles
from service.bootstrap import FILE, NIL, WeakRootSecret, first_start
from service.settings import Settings
from service.store.log import head

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store_fixture import StoreParts

AUDIENCE = "http://127.0.0.1:8080/api"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, management_audiences=(AUDIENCE,))


async def test_the_first_start_makes_a_root_application_and_keeps_its_secret_for_the_owner_alone(
    parts: StoreParts, settings: Settings
) -> None:
    root = await first_start(parts.store, settings, parts.clock)
    assert root is not None
    assert root.generated
    kept = settings.data_dir / FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert root.client_secret in kept.read_text()


async def test_the_first_organization_has_the_built_in_roles(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    found = await roles.page(parts.pool, None, after=NIL, limit=9)
    assert {row["name"]: row["permissions"] for row in found} == {
        "super_admin": ["all", "root"],
        "orgadmin": ["read_token", "revoke_token"],
        "opsadmin": ["read_token", "revoke_token"],
    }
    assert len({row["organization"] for row in found}) == 1


async def test_a_second_start_makes_nothing(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    before = await head(parts.pool)
    assert await first_start(parts.store, settings, parts.clock) is None
    assert await head(parts.pool) == before


async def test_a_short_root_secret_is_refused(parts: StoreParts, settings: Settings) -> None:
    with pytest.raises(WeakRootSecret):
        await first_start(parts.store, replace(settings, root_client_secret="x" * 15), parts.clock)
    assert await head(parts.pool) == 0
