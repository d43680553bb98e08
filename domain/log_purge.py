"""Log purge: somebody deleted what a log of operation held from before a time (spec/melody.md section 4.6).

Such logs are no part of the event log and may be shortened; that they were, by whom and how far, is kept for ever.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.event import Recorded
from domain.permissions import ROOT
from domain.refusals import MissingPermission

if TYPE_CHECKING:
    from domain.caller import Caller


class Log(StrEnum):
    """Which log."""

    EMAIL = "email"
    SMS = "sms"
    SIGN_IN = "sign-in"


class LogPurge(Aggregate):
    """One purge; it has no further history."""

    TOPIC = "log"

    class Event(Recorded, Aggregate.Event):
        """What happens to a log."""

        TOPIC = "log.event"

    class Purged(Event, Aggregate.Created):
        """What an organization's log held from before this time is deleted."""

        TOPIC = "log.purged"
        organization: UUID
        log: Log
        before: datetime

    def __init__(self, organization: UUID, log: Log, before: datetime) -> None:
        """Hold what was deleted."""
        self.organization = organization
        self.log = Log(log)
        self.before = before

    @classmethod
    def record(cls, *, id: UUID, log: Log, before: datetime, by: Caller, now: datetime) -> LogPurge:
        """Record a purge in the caller's organization. Raises MissingPermission unless the caller is root."""
        if not by.is_root:
            raise MissingPermission(ROOT)
        return cls._create(cls.Purged, id=id, timestamp=now, organization=by.organization, log=Log(log), before=before)
