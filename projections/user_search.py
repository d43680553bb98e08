"""Finds people as the server-side applications see them that manage their settings: one by id, many by what they match.

There is no table of its own. Where somebody was not made of an application, the first that they signed in to stands in
its place: the audit says which that was, at the beginning of what it tells of them or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.authorization import Authorization
from domain.device_authorization import DeviceAuthorization

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

EARLY = 200
"""Of how many events about a user the beginning is made, which their first application is looked for in."""
SECONDS = 5.0
SIGN_INS = (Authorization.Issued.TOPIC, DeviceAuthorization.Approved.TOPIC)
FIRST = f"""
SELECT (convert_from(l.state, 'UTF8')::jsonb ->> 'application')::uuid
  FROM (SELECT a.position, a.topic FROM audit a WHERE a.subject = u.id ORDER BY a.position LIMIT {EARLY}) a
  JOIN muniment.events l ON l.notification_id = a.position
 WHERE a.topic IN {SIGN_INS} ORDER BY a.position LIMIT 1
"""  # noqa: S608 - made of names of events
SHOWN = f"SELECT u.*, coalesce(u.application, ({FIRST})) AS first_application FROM users u"  # noqa: S608 - as above
ONE_SHOWN = f"{SHOWN} WHERE u.id = $1"
# Whom a search finds is known before a page of them is cut out: else the planner, who hopes to fill the page soon,
# walks through everybody in order for the one who has an address that an index leads to.
SEARCH = f"""
WITH found AS MATERIALIZED (SELECT u.id FROM users u WHERE {{}}),
     page AS (SELECT id FROM found ORDER BY id DESC LIMIT {{}} OFFSET {{}})
SELECT t.total, s.*
  FROM (SELECT count(*) AS total FROM found) t
  LEFT JOIN ({SHOWN} JOIN page p ON p.id = u.id) s ON true
 ORDER BY s.id DESC
"""  # noqa: S608 - made of this file's own texts
SEARCHED = {"id": "u.id::text", "username": "u.username", "email": "u.email", "phone": "u.phone", "name": "u.name"}
"""What a search may name, and where it stands."""
FORMS = {
    (True, True): "{} = {}",
    (True, False): "lower({}) = lower({})",
    (False, True): "{} LIKE {}",
    (False, False): "{} ILIKE {}",
}
"""How a text is compared: exactly or not, with upper and lower case told apart or not."""


@dataclass(frozen=True, slots=True)
class Term:
    """What is looked for in a search: a text that one of these columns is, or is like (`%` stands for anything)."""

    columns: tuple[str, ...]
    text: str
    exact: bool = False
    case_sensitive: bool = False

    def condition(self, values: list[Any]) -> str:
        """Return when a user fits, with the text among the values."""
        # Of the signs that LIKE reads in its own way, `%` is the only one that means anything here.
        values.append(self.text if self.exact else self.text.replace("\\", "\\\\").replace("_", "\\_"))
        form = FORMS[self.exact, self.case_sensitive].format("{}", f"${len(values)}")
        return " OR ".join(form.format(SEARCHED[column]) for column in self.columns)


async def one(connection: asyncpg.Pool, user: UUID) -> asyncpg.Record | None:
    """Return a user's row with `first_application`, None when there is no such user.

    That is the application they were made of, else the first one they signed in to, as soon as the audit tells of it.
    """
    return await connection.fetchrow(ONE_SHOWN, user)


async def search(
    connection: asyncpg.Pool,
    organization: UUID | None,
    terms: Sequence[Term],
    *,
    every: bool,
    limit: int,
    offset: int,
) -> tuple[list[asyncpg.Record], int]:
    """Return rows as `one` does, the newest user first, and how many there are without a limit.

    None stands for any organization; a user is found who fits one of the terms, or `every` one, and everybody when
    there is none. Raises TimeoutError when it takes longer than 5 seconds.
    """
    values: list[Any] = []
    wanted = (" AND " if every else " OR ").join(f"({term.condition(values)})" for term in terms) or "true"
    if organization is not None:
        values.append(organization)
        wanted = f"({wanted}) AND u.organization = ${len(values)}"
    sql = SEARCH.format(wanted, f"${len(values) + 1}", f"${len(values) + 2}")
    rows = await connection.fetch(sql, *values, limit, offset, timeout=SECONDS)
    return [row for row in rows if row["id"] is not None], int(rows[0]["total"])
