"""Subjects as decisions see them: users and applications, each with the position of what last decided about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import msgspec

from domain import third_party

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

ACTIVE = "active"


class Given(msgspec.Struct):
    """Scopes that an application holds at an audience by a grant in force."""

    audience: str
    scope: list[str]
    position: int


_given = msgspec.json.Decoder(list[Given])


@dataclass(frozen=True, slots=True)
class User:
    """A user."""

    id: UUID
    organization: UUID
    in_use: bool
    position: int

    @classmethod
    def of_row(cls, row: asyncpg.Record) -> User:
        """Return the user of a row of `projections.authzen`."""
        return cls(row["id"], row["organization"], row["status"] == ACTIVE, row["position"])


@dataclass(frozen=True, slots=True)
class Application:
    """An application; it `calls` unless it is a third party that was approved for something else."""

    id: UUID
    organization: UUID
    in_use: bool
    calls: bool
    position: int
    permissions: tuple[str, ...]
    audiences: frozenset[str]
    given: tuple[Given, ...]

    @classmethod
    def of_row(cls, row: asyncpg.Record, now: datetime) -> Application:
        """Return the application of a row of `projections.authzen`."""
        return cls(
            id=row["id"],
            organization=row["organization"],
            # The driver has no time zone for what is infinite.
            in_use=now < row["usable_until"].replace(tzinfo=UTC),
            calls=third_party.holds_interfaces(row["scope_kinds"]),
            position=row["position"],
            permissions=tuple(row["permissions"]),
            audiences=frozenset(row["audiences"]),
            given=tuple(_given.decode(row["grants"])) if row["grants"] else (),
        )

    def held(self, *audiences: str) -> list[tuple[tuple[str, ...], int]]:
        """Return the scopes held at any of these audiences, each list with the position that gave it.

        Nothing, where the application may name none of them.
        """
        own = [] if self.audiences.isdisjoint(audiences) else [(self.permissions, self.position)]
        return own + [(tuple(one.scope), one.position) for one in self.given if one.audience in audiences]
