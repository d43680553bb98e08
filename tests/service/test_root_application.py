"""The root application stays within reach: another port does not lock it out, and a lost secret can be replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from domain.caller import SYSTEM
from domain.refusals import UnknownApplication
from domain.scope import AUDIENCE_LIST_LIMIT
from projections import applications as rows
from service.bootstrap import first_start
from service.commands import applications
from service.root_application import another_secret, follow_audiences
from service.secrets.digests import sha256_hex
from service.settings import Settings
from service.store.decision import Origin
from service.store.log import head

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store_fixture import StoreParts

FIRST, OTHER = "http://127.0.0.1:8080/api", "http://127.0.0.1:9090/api"
NIL = UUID(int=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, management_audiences=(FIRST,))


async def root_of(parts: StoreParts) -> tuple[UUID, list[str]]:
    [row] = await rows.page(parts.pool, None, kind=None, status=None, after=NIL, limit=2)
    return row["id"], row["audiences"]


async def test_the_same_audiences_change_nothing(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    before = await head(parts.pool)
    await follow_audiences(parts.store, settings, parts.clock)
    assert await head(parts.pool) == before


async def test_the_root_application_is_not_locked_out_by_another_port(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    await follow_audiences(parts.store, replace(settings, management_audiences=(OTHER,)), parts.clock)
    assert (await root_of(parts))[1] == [FIRST, OTHER]


async def test_a_port_that_is_not_chosen_yet_says_nothing(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    open_port = replace(settings, port=0, management_audiences=("http://127.0.0.1:0/api",))
    await follow_audiences(parts.store, open_port, parts.clock)
    assert (await root_of(parts))[1] == [FIRST]


async def test_a_port_that_is_new_at_each_start_never_fills_the_list(parts: StoreParts, settings: Settings) -> None:
    many = tuple(f"http://127.0.0.1:{port}/api" for port in range(10_000, 10_000 + AUDIENCE_LIST_LIMIT))
    await first_start(parts.store, replace(settings, management_audiences=many), parts.clock)
    await follow_audiences(parts.store, settings, parts.clock)
    assert (await root_of(parts))[1] == [FIRST]


async def test_a_deleted_root_application_stays_deleted(parts: StoreParts, settings: Settings) -> None:
    await first_start(parts.store, settings, parts.clock)
    application, _ = await root_of(parts)
    origin = Origin(NIL, NIL, None, parts.clock.new_id())
    await applications.delete(parts.store, origin, SYSTEM, application=application)
    before = await head(parts.pool)
    await follow_audiences(parts.store, replace(settings, management_audiences=(OTHER,)), parts.clock)
    assert await head(parts.pool) == before
    with pytest.raises(UnknownApplication):
        await another_secret(parts.store, parts.clock)


async def test_a_lost_secret_is_replaced_by_another_one(parts: StoreParts, settings: Settings) -> None:
    root = await first_start(parts.store, settings, parts.clock)
    assert root is not None
    client_id, secret = await another_secret(parts.store, parts.clock)
    assert client_id == root.client_id
    kept = await rows.secrets_of(parts.pool, (await root_of(parts))[0])
    assert {row["hint"] for row in kept} == {root.client_secret[-4:], secret[-4:]}
    assert sha256_hex(secret) != sha256_hex(root.client_secret)
