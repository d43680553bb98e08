"""Fills the tokens model in bulk: what is issued is copied, what ends tokens is staged and joined to them.

Streams obey the domain: a token is ended once, a family's end is its last event, and a refresh token that is issued
replaces the one before it.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from domain.token_family import TokenFamily
from projections.bulk import Copy, Packed
from projections.copy_format import NULL, id_bytes, identifier, microseconds, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from projections.bulk import Read, Step

ISSUED, REFRESHED = TokenFamily.Issued.TOPIC, TokenFamily.Refreshed.TOPIC
REVOKED, REUSED = TokenFamily.Revoked.TOPIC, TokenFamily.ReuseDetected.TOPIC

TOKENS = (
    "id", "family", "digest", "organization", "application", "user_id", "account", "membership", "end_user",
    "scope", "audience", "format", "grant_type", "issued_at", "expires_at", "version", "position",
)  # fmt: skip
REFRESH_TOKENS = ("digest", "family", "application", "expires_at", "used_at", "position")
USES = ("family", "used_at", "position")
ENDINGS = ("family", "token", "ended_at", "because", "version", "position")

STAGING = (
    """
CREATE TEMPORARY TABLE staged_uses (family uuid, used_at timestamptz, position bigint) ON COMMIT DELETE ROWS
""",
    """
CREATE TEMPORARY TABLE staged_endings (
    family uuid, token uuid, ended_at timestamptz, because text, version bigint, position bigint
) ON COMMIT DELETE ROWS
""",
)
# Of refresh tokens from before this page: those of the page are not copied yet.
USE = """
UPDATE refresh_tokens r SET used_at = s.used_at, position = s.position
  FROM staged_uses s WHERE r.family = s.family AND r.used_at IS NULL
"""
END = """
WITH hits AS (
    SELECT s.token AS id, s.ended_at, s.because, s.version, s.position
      FROM staged_endings s WHERE s.token IS NOT NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version, s.position
      FROM staged_endings s JOIN tokens t ON t.id = s.family AND t.position < s.position
     WHERE s.token IS NULL
    UNION ALL
    SELECT t.id, s.ended_at, s.because, s.version, s.position
      FROM staged_endings s JOIN tokens t ON t.family = s.family AND t.family <> t.id AND t.position < s.position
     WHERE s.token IS NULL
), folded AS (
    SELECT DISTINCT ON (h.id) h.id, h.ended_at, h.because, max(h.version) OVER (PARTITION BY h.id) AS version
      FROM hits h ORDER BY h.id, h.position
)
UPDATE tokens t SET ended_at = coalesce(t.ended_at, f.ended_at), version = f.version,
       ended_because = CASE WHEN t.ended_at IS NULL THEN f.because ELSE t.ended_because END
  FROM folded f WHERE t.id = f.id;
UPDATE refresh_tokens r SET ended_at = s.ended_at, position = s.position
  FROM staged_endings s WHERE r.family = s.family AND r.ended_at IS NULL AND s.token IS NULL;
"""


class TokenPages:
    """The tokens model's way of taking whole pages."""

    plain, personal = True, False
    topics = frozenset((ISSUED, REFRESHED, REVOKED, REUSED))
    staging = STAGING

    def page(self, events: Iterable[Read]) -> Iterator[Step]:
        """Return the copies of a page, then what ends tokens, of this page and of those before."""
        rest = _Rest()
        yield Packed("tokens", TOKENS, rest.issued(events))
        if rest.uses:
            yield Copy("staged_uses", USES, rest.uses)
            yield USE
        if rest.refresh_tokens:
            yield Copy("refresh_tokens", REFRESH_TOKENS, rest.refresh_tokens)
        if rest.endings:
            yield Copy("staged_endings", ENDINGS, rest.endings)
            yield END


# The fields up to the application, and those from `issued_at` on: each with its length before it.
_FIRST = Struct(">hi16si16si32si16si16s").pack
_LAST = Struct(">iqiqiqiq").pack
_NOBODY = 4 * NULL
_DIGEST_BYTES = 32


class _Rest:
    """What a page has beside issued access tokens."""

    def __init__(self) -> None:
        self.refresh_tokens: list[list[Any]] = []
        self.uses: list[tuple[Any, ...]] = []
        self.endings: list[tuple[Any, ...]] = []
        self._current: dict[UUID, list[Any]] = {}  # by family: the unused refresh token among those of this page
        # What comes again and again in a page, as it is written.
        self._ids: dict[str, bytes] = {}
        self._kinds: dict[tuple[str, ...], bytes] = {}

    def issued(self, events: Iterable[Read]) -> Iterator[bytes]:
        """Return the rows of issued access tokens while taking note of everything else."""
        for position, family, version, topic, event, _ in events:
            if topic == ISSUED:
                grant_type = event.grant_type
            elif topic == REFRESHED:
                grant_type = "refresh_token"
                if event.refresh_digest is not None:
                    self._use(family, event.timestamp, position)
            else:
                self._end(family, version, topic, event, position)
                continue
            organization, application = event.organization, event.application
            kind = (event.scope, event.audience, event.format, grant_type)
            yield (
                _FIRST(
                    len(TOKENS), 16, id_bytes(event.token), 16, family.bytes, 32, _digest(event.digest),
                    16, self._ids.get(organization) or self._id(organization),
                    16, self._ids.get(application) or self._id(application),
                )
                + (_NOBODY if event.user is None and event.account is None and event.membership is None
                   and event.end_user is None else _person(event))
                + (self._kinds.get(kind) or self._kind(kind))
                + _LAST(8, microseconds(event.timestamp), 8, microseconds(event.expires_at), 8, version, 8, position)
            )  # fmt: skip
            if event.refresh_digest is not None:
                digest, expires_at = bytes.fromhex(event.refresh_digest), event.refresh_expires_at
                row = [digest, family, application, expires_at, None, position]
                self._current[family] = row
                self.refresh_tokens.append(row)

    def _id(self, text: str) -> bytes:
        found = self._ids[text] = id_bytes(text)
        return found

    def _kind(self, kind: tuple[str, ...]) -> bytes:
        found = self._kinds[kind] = b"".join(map(text, kind))
        return found

    def _use(self, family: UUID, used_at: Any, position: int) -> None:
        row = self._current.get(family)
        if row is None:
            self.uses.append((family, used_at, position))
        else:
            row[4:] = used_at, position

    def _end(self, family: UUID, version: int, topic: str, event: Any, position: int) -> None:
        token, because = (event.token, event.reason) if topic == REVOKED else (None, "refresh token reuse")
        self.endings.append((family, token, event.timestamp, because, version, position))


def _digest(text: str) -> bytes:
    found = bytes.fromhex(text)
    if len(found) != _DIGEST_BYTES:
        msg = "not a SHA-256"
        raise ValueError(msg)
    return found


def _person(event: Any) -> bytes:
    return identifier(event.user) + identifier(event.account) + identifier(event.membership) + text(event.end_user)
