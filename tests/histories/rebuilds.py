"""Read models that are built anew and put in the live one's place, in the middle of a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from structlog.testing import capture_logs

from projections import MODELS
from service.secrets.subject_keys import SubjectKeys
from service.store import generation, rebuild
from service.store.vault import Vault
from tests.histories.machine import Machine, command

if TYPE_CHECKING:
    from projections.model import Model
    from tests.store_fixture import StoreParts


class Rebuilds(Machine):
    """From here on commands read and write what was made in bulk."""

    @command(weight=3, name=st.sampled_from(sorted(MODELS)), page=st.integers(1, 50))
    def rebuild(self, name: str, page: int) -> None:
        """Replace a read model. What it must hold is judged as ever, at the end and at every step."""
        self.run(replaced(self.parts, MODELS[name], page))


async def replaced(parts: StoreParts, model: Model, page: int) -> None:
    """Build a model's next generation in pages of this size, as another process would, and promote it."""
    owner = parts.owner
    vault = Vault(owner, SubjectKeys(parts.master_keys, parts.clock.monotonic), parts.master_keys)
    number = await rebuild.next_generation(owner, model.name)
    schema = generation.schema_of(model.name, number)
    with capture_logs() as logs:
        reached = await rebuild.scratch(owner, model, vault, schema, page_size=page)
    assert logs == [], "the bulk path gave up"
    async with owner.transaction():
        await generation.complete(owner, model, schema)
    async with owner.transaction():
        await owner.execute(rebuild.APPEND_LOCK)
        await owner.execute(f"SET LOCAL search_path = {schema}, muniment")
        reached = await rebuild.fill(owner, model, vault, schema=schema, after=reached)
        await generation.promote(owner, model, generation=number, position=reached)
