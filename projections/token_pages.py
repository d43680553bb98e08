"""Fills the tokens model in bulk: what is issued is copied, what ends tokens is joined to them.

Streams obey the domain: a token is ended once, a family's end is its last event, a refresh token that is issued
replaces the one before it, and who acts in the user's name is told right after the first token.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from domain.token_family import TokenFamily
from projections.bulk import Call, Packed
from projections.token_rows import REFRESH_TOKENS, TOKENS, Renewal, access_tokens, refresh_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from projections.bulk import Read, Step

ISSUED, REFRESHED = TokenFamily.Issued.TOPIC, TokenFamily.Refreshed.TOPIC
REVOKED, REUSED = TokenFamily.Revoked.TOPIC, TokenFamily.ReuseDetected.TOPIC
IMPERSONATED = TokenFamily.Impersonated.TOPIC
ISSUING = (ISSUED, REFRESHED)
CHUNK = 250  # events whose rows are made at once

# Of refresh tokens from before this page: those of the page are not copied yet.
USE = """
UPDATE refresh_tokens r SET used_at = s.used_at, position = s.position
  FROM unnest($1::uuid[], $2::timestamptz[], $3::bigint[]) s(family, used_at, position)
 WHERE r.family = s.family AND r.used_at IS NULL
"""
ACT = """
UPDATE tokens t SET actor = s.actor, version = s.version
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) s(family, actor, version) WHERE t.id = s.family
"""
END = """
WITH s AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[])
                  u(family, token, ended_at, because, version, position)
), hits AS (
    SELECT s.token AS id, s.ended_at, s.because, s.version, s.position FROM s WHERE s.token IS NOT NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version, s.position
      FROM s JOIN tokens t ON t.id = s.family AND t.position < s.position
     WHERE s.token IS NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version, s.position
      FROM s JOIN tokens t ON t.family = s.family AND t.family <> t.id AND t.position < s.position
     WHERE s.token IS NULL
), folded AS (
    SELECT DISTINCT ON (h.id) h.id, h.ended_at, h.because, max(h.version) OVER (PARTITION BY h.id) AS version
      FROM hits h ORDER BY h.id, h.position
), not_renewed_any_more AS (
    UPDATE refresh_tokens r SET ended_at = s.ended_at, position = s.position
      FROM s WHERE r.family = s.family AND r.ended_at IS NULL AND s.token IS NULL
)
UPDATE tokens t SET ended_at = coalesce(t.ended_at, f.ended_at), version = f.version,
       ended_because = CASE WHEN t.ended_at IS NULL THEN f.because ELSE t.ended_because END
  FROM folded f WHERE t.id = f.id
"""


class TokenPages:
    """The tokens model's way of taking whole pages."""

    plain, personal = True, False
    topics = frozenset((ISSUED, REFRESHED, REVOKED, REUSED, IMPERSONATED))
    staging = ()

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the copies of a page, then what ends tokens, of this page and of those before."""
        rest = _Rest()
        yield Packed("tokens", TOKENS, rest.issued(events))
        if rest.uses:
            yield Call(USE, tuple(zip(*rest.uses, strict=True)))
        if rest.renewals:
            yield Packed("refresh_tokens", REFRESH_TOKENS, (refresh_tokens(rest.renewals),))
        if rest.actors:
            yield Call(ACT, tuple(zip(*rest.actors, strict=True)))
        if rest.endings:
            yield Call(END, tuple(zip(*rest.endings, strict=True)))


class _Rest:
    """What a page has beside issued access tokens."""

    def __init__(self) -> None:
        self.renewals: list[Renewal] = []
        self.uses: list[tuple[Any, ...]] = []
        self.actors: list[tuple[Any, ...]] = []
        self.endings: list[tuple[Any, ...]] = []
        self._current: dict[UUID, Renewal] = {}  # by family: the unused refresh token among those of this page

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
                self.uses.append((family, event.timestamp, position))
            else:
                used.used_at, used.position = event.timestamp, position
        self._current[family] = Renewal(position, family, version, event)
        self.renewals.append(self._current[family])

    def _note(self, position: int, family: UUID, version: int, topic: str, event: Any) -> None:
        if topic == IMPERSONATED:
            self.actors.append((family, event.by, version))
        else:
            token, because = (event.token, event.reason) if topic == REVOKED else (None, "refresh token reuse")
            self.endings.append((family, token, event.timestamp, because, version, position))
