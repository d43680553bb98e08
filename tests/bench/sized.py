"""A database with so many tokens and everybody whom they concern, which a service can then be started on."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from projections import MODELS
from service.clock import Clock
from service.initialization import initialize
from service.secrets.master_key import MasterKeys
from service.settings import Settings
from service.store import connections
from tests.bench import contenders, filled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KEY = bytes(32)  # of databases that live as long as the benchmark
ASKED_ABOUT = 10_000  # distinct tokens, spread evenly over all there are
# One application holds about half of all tokens. Odd numbers, for the sake of the generator: see `filled.Past`.
ORGANIZATIONS, APPLICATIONS, FAVOURED, END_USERS = 10, 1_000, 1_003, 9_973
TOKENS_OF_PERSON = 1_000  # in each organization, one person for so many tokens of all, and one more

SPREAD = """
SELECT id FROM tokens
 WHERE ended_at IS NULL AND abs(hashint8(position)::bigint) % greatest($1::bigint / $2, 1) = 0 LIMIT $2
"""


def environment(dsn: str) -> dict[str, str]:
    """Return what a service has to be told to work on a database that was filled."""
    return {"MUNIMENT_DATABASE_URL": dsn, "MUNIMENT_MASTER_KEY": base64.b64encode(KEY).decode()}


def settings(folder: Path) -> Settings:
    """Return the settings of whoever works on a database that was filled."""
    return Settings(
        data_dir=folder,
        root_client_id=contenders.CLIENT_ID,
        root_client_secret=contenders.CLIENT_SECRET,
        issuer="http://bench",
        management_audiences=(contenders.AUDIENCE,),
        master_key=base64.b64encode(KEY).decode(),
    )


async def fill(
    dsn: str, folder: Path, size: int, models: Iterable[str] = tuple(MODELS)
) -> tuple[filled.Filled, list[str]]:
    """Give an empty database a past with so many token events; return who there is, and tokens from all of it.

    `models` are the read models that are made of it; the others stay as they were.
    """
    await initialize(dsn, settings(folder), Clock())
    owner, ring = await connections.owner(dsn), MasterKeys([KEY])
    try:
        people = ORGANIZATIONS * (size // TOKENS_OF_PERSON + 1)
        wanted = filled.Past(size, people, APPLICATIONS, ORGANIZATIONS, FAVOURED, END_USERS)
        past = await filled.fill(owner, ring, wanted)
        await filled.build_models(owner, ring, models)
        await owner.execute("SET search_path = models, muniment")
        spread = [str(row[0]) for row in await owner.fetch(SPREAD, size, ASKED_ABOUT)]
        await owner.execute("VACUUM ANALYZE muniment.token_events")  # as autovacuum does, but not during a measurement
        await owner.execute("CHECKPOINT")  # what was written until here is no business of the measurements
    finally:
        await owner.close()
    return past, spread
