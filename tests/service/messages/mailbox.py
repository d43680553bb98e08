"""What a service without a mail server sent to people: read from its outbox, once everything asked for is out."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from tests.app_fixture import PATIENCE

if TYPE_CHECKING:
    from tests.app_fixture import Running

SETTLED = """
SELECT (SELECT position FROM muniment.followers WHERE name = 'messages') >= (SELECT max(last) FROM muniment.batches)
       AND NOT EXISTS (SELECT FROM muniment.messages WHERE next_at IS NOT NULL)
"""


async def mail(app: Running, to: str | None = None) -> list[dict[str, Any]]:
    """Return the mail to an address (None: all mail), the oldest first."""
    async with asyncio.timeout(PATIENCE):
        while not await app.parts.store.pool.fetchval(SETTLED):  # noqa: ASYNC110 - the table tells nobody
            await asyncio.sleep(0.02)
    lines = [
        json.loads(line)
        for file in sorted((app.parts.settings.data_dir / "outbox").glob("email-*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return [line for line in lines if to is None or line["to"] == to]


def link_in(message: dict[str, Any]) -> str:
    """Return the path and query of the link in a message."""
    found = re.search(r"https://muniment\.test(/\S+)", message["body"])
    assert found is not None, message["body"]
    return found[1]


def token_in(message: dict[str, Any]) -> str:
    return link_in(message).partition("token=")[2]
