"""Fills the tokens model in bulk: what is issued is copied, what happens to tokens afterwards is joined to them.

Streams obey the domain: a refresh token that is issued replaces the one before it, and is used by that. All else that
happens is taken in rounds, of which each has at most one event of a family: the first of every family, then the second
ones. So no statement comes upon a row twice, and each family's events keep their order. Positions tell what had been
issued by then, for all of a page is copied first.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from domain.token_family import TokenFamily
from projections.bulk import Call, Packed
from projections.token_rows import DELETED, REFRESH_TOKENS, REUSED, TOKENS, Renewal, access_tokens, refresh_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from projections.bulk import Read, Step

ISSUED, REFRESHED = TokenFamily.Issued.TOPIC, TokenFamily.Refreshed.TOPIC
ISSUING = (ISSUED, REFRESHED)
CHUNK = 250  # events whose rows are made at once

# Of refresh tokens from before this page: those of the page are not copied yet.
USE = """
UPDATE refresh_tokens r SET used_at = s.used_at
  FROM unnest($1::uuid[], $2::timestamptz[]) s(family, used_at)
 WHERE r.family = s.family AND r.used_at IS NULL
"""
ACT = """
UPDATE tokens t SET actor = s.actor, version = s.version
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) s(family, actor, version) WHERE t.id = s.family
"""
# In the next ones, `access` is null for what is no access token: the whole family, or its refresh token.
END = """
WITH s AS MATERIALIZED (
    SELECT u.*, {access} AS access
      FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[])
           u(family, token, ended_at, because, version, position)
), hits AS (
    SELECT s.access AS id, s.ended_at, s.because, s.version FROM s WHERE s.access IS NOT NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version
      FROM s JOIN tokens t ON t.id = s.family AND t.position < s.position
     WHERE s.access IS NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version
      FROM s JOIN tokens t ON t.family = s.family AND t.family <> t.id AND t.position < s.position
     WHERE s.access IS NULL
), not_renewed_any_more AS (
    UPDATE refresh_tokens r SET ended_at = s.ended_at, ended_because = s.because
      FROM s
     WHERE r.family = s.family AND s.access IS NULL AND r.ended_at IS NULL AND r.position < s.position
)
UPDATE tokens t SET ended_at = coalesce(t.ended_at, h.ended_at), version = h.version,
       ended_because = CASE WHEN t.ended_at IS NULL THEN h.because ELSE t.ended_because END
  FROM hits h WHERE t.id = h.id
"""
ACCESS = "(SELECT t.id FROM tokens t WHERE t.id = u.token)"
END_NAMED = END.format(access="u.token")
END_FOUND = END.format(access=ACCESS)
HIDE = """
UPDATE tokens t SET deleted_at = s.deleted_at
  FROM unnest($1::uuid[], $2::timestamptz[]) s(token, deleted_at) WHERE t.id = s.token
"""
HIDE_REFRESH = """
UPDATE refresh_tokens r SET deleted_at = s.deleted_at
  FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) s(family, token, deleted_at)
 WHERE r.family = s.family AND substr(r.digest, 1, 16) = uuid_send(s.token)
"""
APPROVE = f"""
WITH s AS MATERIALIZED (
    SELECT u.*, {ACCESS} AS access
      FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::bigint[], $5::bigint[])
           u(family, token, renews, version, position)
), renewed_again AS (
    UPDATE refresh_tokens r SET ended_at = NULL, ended_because = NULL
      FROM s
     WHERE r.family = s.family AND r.deleted_at IS NULL AND (s.renews OR s.access IS NULL)
       AND r.version = (SELECT max(n.version) FROM refresh_tokens n
                         WHERE n.family = s.family AND n.position < s.position)
)
UPDATE tokens t SET ended_at = CASE WHEN s.access IS NULL THEN t.ended_at END, version = s.version,
       ended_because = CASE WHEN s.access IS NULL THEN t.ended_because END
  FROM s WHERE t.id = coalesce(s.access, s.family)
"""  # noqa: S608 - made of this file's own texts
DESCRIBE = f"""
WITH s AS MATERIALIZED (
    SELECT u.*, {ACCESS} AS access
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) u(family, token, attributes, version)
), refresh_token AS (
    UPDATE refresh_tokens r SET attributes = s.attributes::jsonb
      FROM s
     WHERE r.family = s.family AND s.access IS NULL AND substr(r.digest, 1, 16) = uuid_send(s.token)
)
UPDATE tokens t SET version = s.version,
       attributes = CASE WHEN s.access IS NULL THEN t.attributes ELSE s.attributes::jsonb END
  FROM s WHERE t.id = coalesce(s.access, s.family)
"""  # noqa: S608 - made of this file's own texts


def _acts(family: UUID, event: Any, version: int, _: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield ACT, (family, event.by, version)


def _ends(family: UUID, event: Any, version: int, position: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield END_NAMED, (family, event.token, event.timestamp, event.reason, version, position)


def _reused(family: UUID, event: Any, version: int, position: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield END_NAMED, (family, None, event.timestamp, REUSED, version, position)


def _approves(family: UUID, event: Any, version: int, position: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield APPROVE, (family, event.token, event.cascade, version, position)


def _deletes(family: UUID, event: Any, version: int, position: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield END_FOUND, (family, event.token, event.timestamp, DELETED, version, position)
    yield HIDE, (event.token, event.timestamp)
    yield HIDE_REFRESH, (family, event.token, event.timestamp)


def _describes(family: UUID, event: Any, version: int, _: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield DESCRIBE, (family, event.token, json.dumps(event.attributes), version)


LATER = {
    TokenFamily.Impersonated.TOPIC: _acts,
    TokenFamily.Revoked.TOPIC: _ends,
    TokenFamily.ReuseDetected.TOPIC: _reused,
    TokenFamily.Approved.TOPIC: _approves,
    TokenFamily.Deleted.TOPIC: _deletes,
    TokenFamily.Described.TOPIC: _describes,
}


class TokenPages:
    """The tokens model's way of taking whole pages."""

    plain, personal = True, False
    topics = frozenset((*ISSUING, *LATER))
    staging = ()

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the copies of a page, then what happens to tokens, those of this page and those before."""
        rest = _Rest()
        yield Packed("tokens", TOKENS, rest.issued(events))
        if rest.uses:
            yield Call(USE, tuple(zip(*rest.uses, strict=True)))
        if rest.renewals:
            yield Packed("refresh_tokens", REFRESH_TOKENS, (refresh_tokens(rest.renewals),))
        for calls in rest.rounds:
            for statement, values in calls.items():
                yield Call(statement, tuple(zip(*values, strict=True)))


class _Rest:
    """What a page has beside issued access tokens."""

    def __init__(self) -> None:
        self.renewals: list[Renewal] = []
        self.uses: list[tuple[Any, ...]] = []
        self.rounds: list[dict[str, list[Sequence[Any]]]] = []  # the values of each statement
        self._current: dict[UUID, Renewal] = {}  # by family: the unused refresh token among those of this page
        self._next_round: dict[UUID, int] = {}

    def issued(self, events: Iterable[Read]) -> Iterator[bytes]:
        """Return the rows of issued access tokens while taking note of everything else."""
        left = iter(events)
        while chunk := list(islice(left, CHUNK)):
            issued = [read for read in chunk if read[3] in ISSUING]
            for position, family, version, topic, event, _ in chunk:
                if topic not in ISSUING:
                    self._note(position, family, version, topic, event)
                elif event.refresh_digest is not None:
                    self._renew(position, family, version, topic, event)
            if issued:
                yield access_tokens(issued)

    def _renew(self, position: int, family: UUID, version: int, topic: str, event: Any) -> None:
        if topic == REFRESHED:
            used = self._current.get(family)
            if used is None:
                self.uses.append((family, event.timestamp))
            else:
                used.used_at = event.timestamp
        self._current[family] = Renewal(position, family, version, event)
        self.renewals.append(self._current[family])

    def _note(self, position: int, family: UUID, version: int, topic: str, event: Any) -> None:
        number = self._next_round.get(family, 0)
        self._next_round[family] = number + 1
        if number == len(self.rounds):
            self.rounds.append({})
        for statement, values in LATER[topic](family, event, version, position):
            self.rounds[number].setdefault(statement, []).append(values)
