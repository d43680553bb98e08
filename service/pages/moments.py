"""Times as people read them, in UTC: a service does not know where its reader is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def day(moment: datetime, language: str) -> str:
    """Return the day of a moment in UTC."""
    if language == "zh":
        return f"{moment.year}年{moment.month}月{moment.day}日"
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def minute(moment: datetime, language: str) -> str:
    """Return a moment in UTC, to the minute."""
    between = " " if language == "zh" else ", "
    return f"{day(moment, language)}{between}{moment:%H:%M} UTC"


def stamp(moment: datetime | None, language: str, *, second: bool = False) -> dict[str, str] | None:
    """Return what a table tells of a moment, and the exact one for programs; None when there is none."""
    if moment is None:
        return None
    told = brief(moment, language)
    return {"told": f"{told}:{moment:%S}" if second else told, "exact": moment.isoformat()}


def brief(moment: datetime, language: str) -> str:
    """Return a moment in UTC, to the minute, as short as it goes into a table: who reads it is told that it is UTC."""
    if language == "zh":
        return f"{moment:%Y-%m-%d %H:%M}"
    return f"{moment.day} {MONTHS[moment.month - 1][:3]} {moment.year}, {moment:%H:%M}"
