"""How issued access and refresh tokens become rows of the tokens model, in the binary format of COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from projections.copy_format import (
    DIGESTS,
    FIELDS,
    IDS,
    NULL,
    digests,
    identifier,
    identifiers,
    microseconds,
    moment,
    numbers,
    rows,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from projections.bulk import Read

TOKENS = (
    "id", "family", "digest", "organization", "application", "user_id", "account", "membership", "end_user",
    "session", "authenticated_at", "actor", "personal_access_token", "scope", "audience", "format", "grant_type",
    "issued_at", "expires_at", "version", "position",
)  # fmt: skip
REFRESH_TOKENS = (
    "digest", "family", "organization", "application", "user_id", "account", "end_user", "expires_at", "used_at",
    "issued_at", "version", "position",
)  # fmt: skip
# Why tokens ended where nobody gave a reason.
DELETED, REUSED = "deleted", "refresh token reuse"

_NOBODY = 8 * NULL


class Renewal:
    """A refresh token: the event that issued it, and when it was used."""

    __slots__ = ("event", "family", "position", "used_at", "version")

    def __init__(self, position: int, family: UUID, version: int, event: Any) -> None:
        """Take an event that issued it. It is not used yet."""
        self.position, self.family, self.version, self.event = position, family, version, event
        self.used_at: datetime | None = None


def access_tokens(issued: Sequence[Read]) -> bytes:
    """Return the rows of tokens that were issued or refreshed. Raises ValueError for what is none."""
    positions, families, versions, _, events, _ = zip(*issued, strict=True)
    kinds = _Kinds()
    return rows(
        len(TOKENS),
        (
            (IDS, identifiers([event.token for event in events])),
            (IDS, [family.bytes for family in families]),
            (DIGESTS, digests([event.digest for event in events])),
            (IDS, identifiers([event.organization for event in events])),
            (IDS, identifiers([event.application for event in events])),
            (FIELDS, [_person(event) for event in events]),
            (
                FIELDS,
                [
                    # What was refreshed has no grant type of its own.
                    kinds[event.scope, event.audience, event.format, getattr(event, "grant_type", "refresh_token")]
                    for event in events
                ],
            ),
            (
                FIELDS,
                numbers(
                    microseconds([event.timestamp for event in events]),
                    microseconds([event.expires_at for event in events]),
                    versions,
                    positions,
                ),
            ),
        ),
    )


def refresh_tokens(renewals: Sequence[Renewal]) -> bytes:
    """Return the rows of refresh tokens. Raises ValueError for what is none."""
    events = [renewal.event for renewal in renewals]
    return rows(
        len(REFRESH_TOKENS),
        (
            (DIGESTS, digests([event.refresh_digest for event in events])),
            (IDS, [renewal.family.bytes for renewal in renewals]),
            (IDS, identifiers([event.organization for event in events])),
            (IDS, identifiers([event.application for event in events])),
            (FIELDS, [_whose(event) for event in events]),
            (FIELDS, [moment(event.refresh_expires_at) for event in events]),
            (FIELDS, [moment(renewal.used_at) for renewal in renewals]),
            (
                FIELDS,
                numbers(
                    microseconds([event.timestamp for event in events]),
                    [renewal.version for renewal in renewals],
                    [renewal.position for renewal in renewals],
                ),
            ),
        ),
    )


class _Kinds(dict[tuple[str, ...], bytes]):
    """The fields that are the same for many tokens, each made once."""

    def __missing__(self, kind: tuple[str, ...]) -> bytes:
        made = self[kind] = b"".join(map(text, kind))
        return made


def _whose(event: Any) -> bytes:
    return identifier(event.user) + identifier(event.account) + text(event.end_user)


def _person(event: Any) -> bytes:
    if (
        event.user is None and event.account is None and event.membership is None and event.end_user is None
        and event.session is None and event.authenticated_at is None and event.actor is None
    ):  # fmt: skip
        return _NOBODY
    return (
        identifier(event.user) + identifier(event.account) + identifier(event.membership) + text(event.end_user)
        + identifier(event.session) + moment(event.authenticated_at) + identifier(event.actor)
        # What was refreshed never came of one. Without a user there is none either.
        + identifier(getattr(event, "personal_access_token", None))
    )  # fmt: skip
