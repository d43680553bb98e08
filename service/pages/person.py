"""How a person is shown, to themselves or to who administers them: their name, and what they sign in with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from projections import users

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    import asyncpg

    from service.parts import Parts


class Person(NamedTuple):
    """`name` is the best there is, `detail` what tells people of one name apart, None when it would say it twice."""

    name: str
    detail: str | None
    identifier: str | None


async def person(parts: Parts, user: UUID) -> Person:
    """Return somebody who is signed in; whoever was deleted meanwhile is a number."""
    row = await users.one(parts.store.pool, user)
    return _person(user, row)


async def people(parts: Parts, ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Return several by their ids; whoever was deleted is absent."""
    return {user: _person(user, row) for user, row in (await users.names(parts.store.pool, ids)).items()}


def _person(user: UUID, row: asyncpg.Record | None) -> Person:
    if row is None:
        return Person(str(user), None, None)
    identifier = row["email"] or row["username"]
    given = " ".join(part for part in (row["given_name"], row["family_name"]) if part)
    name = row["name"] or given or identifier or str(user)
    return Person(name, identifier if identifier != name else None, row["username"] or row["email"])
