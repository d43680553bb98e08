"""What tokens are looked for: pages by what they were issued to, from one application with half of all to nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from projections.token_look_ups import STATUSES, LookUp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from random import Random

    import asyncpg

    from tests.bench.filled import Filled

    Draw = Callable[[], LookUp]
    Known = dict[str, Sequence[Mapping[str, Any]]]

SOME = 5_000
# At most $2 of those there are, from all of $1 tokens.
SAMPLES = {
    "end users": """
SELECT DISTINCT organization, end_user FROM tokens WHERE end_user IS NOT NULL AND position <= $1 LIMIT $2
""",
    "holders": """
SELECT DISTINCT organization, application, user_id AS user FROM tokens
 WHERE user_id IS NOT NULL AND position <= $1 LIMIT $2
""",
    "access": "SELECT id, digest FROM tokens WHERE position % greatest($1::bigint / $2, 1) = 0 LIMIT $2",
    "refresh": """
SELECT encode(substr(digest, 1, 16), 'hex')::uuid AS id, digest FROM refresh_tokens
 WHERE position % greatest($1::bigint / $2 / 6, 1) = 0 LIMIT $2
""",
}
SPAN = "SELECT min(recorded_at) AS first, max(recorded_at) AS last FROM batches"
HALF = "application with half of all"


async def known(connection: asyncpg.Pool, head: int) -> Known:
    """Return end users, holders of tokens and tokens that there are."""
    return {name: await connection.fetch(sql, head, SOME) for name, sql in SAMPLES.items()}


def pages(dice: Random, past: Filled, known: Known, span: tuple[datetime, datetime]) -> dict[str, Draw]:
    """Return what pages are asked for, each with a way to draw the arguments."""
    owners, half = past.organizations, LookUp(past.organizations[0], application=past.applications[0])
    first, last = span

    def application() -> LookUp:
        n = dice.randrange(len(past.applications))
        return LookUp(owners[n % len(owners)], application=past.applications[n])

    def user() -> LookUp:
        n = dice.randrange(len(past.people))
        return LookUp(owners[n % len(owners)], user=past.people[n])

    def end_user() -> LookUp:
        return LookUp(**dice.choice(known["end users"]))

    def of_status(status: str) -> Draw:
        return lambda: replace(half, status=frozenset((status,)))

    def within() -> dict[str, datetime]:
        length = (last - first) * 10 ** -dice.uniform(0, 3)
        begin = first + (last - first - length) * dice.random()
        return {"issued_from": begin, "issued_to": begin + length}

    return {
        "application": application,
        HALF: lambda: half,
        **{f"{HALF}, {status}": of_status(status) for status in sorted(STATUSES)},
        f"{HALF}, issued in a range": lambda: replace(half, **within()),
        f"{HALF}, revoked in a range": lambda: replace(half, status=frozenset(("revoked",)), **within()),
        f"{HALF}, refresh tokens": lambda: replace(half, kind="refresh"),
        "user": user,
        "user, active": lambda: replace(user(), status=frozenset(("active",))),
        "user, refresh tokens": lambda: replace(user(), kind="refresh"),
        "end user": end_user,
        "end user without tokens": lambda: LookUp(owners[0], end_user=f"nobody {dice.random()}"),
        "application and user": lambda: LookUp(**dice.choice(known["holders"])),
        f"{HALF}, and end user": lambda: replace(half, end_user=end_user().end_user),
        f"{HALF}, and a user without": lambda: replace(half, user=UUID(int=dice.getrandbits(128))),
    }


def counts(drawn: Mapping[str, Draw]) -> dict[str, Draw]:
    """Return what of it is counted too."""
    names = ("application", HALF, "user", "end user", "application and user", f"{HALF}, and end user")
    return {f"count: {name}": drawn[name] for name in names}
