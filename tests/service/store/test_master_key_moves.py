"""The master key may rotate while an append waits: a new subject key is never stored under another one's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.caller import SYSTEM
from service.commands import users
from service.secrets.master_key import MasterKeys
from service.store import migrations
from tests.service.commands.given import an_application, an_organization, meanwhile, origin
from tests.store_fixture import MASTER_KEY

if TYPE_CHECKING:
    from tests.store_fixture import StoreParts

OTHER = bytes([7]) * 32


@pytest.mark.parametrize("told", [True, False])
async def test_a_key_that_was_wrapped_before_a_rotation_is_wrapped_again(
    parts: StoreParts,
    told: bool,  # noqa: FBT001 - a table's column
) -> None:
    """`told`: another request of the process has met the new master key already, while this append waits."""
    organization = await an_organization(parts)
    application = await an_application(parts, organization.id)
    ring = MasterKeys([OTHER, MASTER_KEY])
    parts.vault._reload = lambda: parts.master_keys.adopt(MasterKeys([MASTER_KEY, OTHER]))

    async def rotated() -> None:
        await migrations.change_master_key(parts.owner, ring.current_id)
        if told:
            parts.vault.master_key_moved(ring.current_id)

    with meanwhile(parts, rotated) as decided:
        user = (await users.create(parts.store, origin(), SYSTEM, application=application.id, name="Ada")).value
    assert len(decided) == 2
    row = await parts.owner.fetchrow(
        "SELECT wrapped, master_key FROM muniment.subject_keys WHERE subject = $1", user.id
    )
    assert row["master_key"] == ring.current_id
    assert ring.unwrap(row["wrapped"], subject=user.id, key_id=row["master_key"])
