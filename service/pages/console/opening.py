"""Who has anything to do at the console, with which permissions, and the parts of it that these open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from domain.caller import Caller

READ, REVOKE, APPROVE = "read_token", "revoke_token", "approve_grant"
READ_GRANT, REQUEST, READ_CALLS = "read_grant", "write_app", "read_audit"
READ_API, WRITE_API, WRITE_ORG = "read_api", "write_api", "write_org"
READ_USER = "read_user"
"""Without it, people are numbers here."""


class Section(NamedTuple):
    """A part of the console: `console_` and its name are the word for it. Any of the permissions opens it."""

    name: str
    path: str
    permissions: tuple[str, ...]


SECTIONS = (
    Section("applications", "/console", (READ, READ_GRANT)),
    Section("third_parties", "/console/third-parties", (APPROVE,)),
    Section("interfaces", "/console/interfaces", (READ_API,)),
    Section("approvals", "/console/interface-approvals", (APPROVE,)),
    Section("grants", "/console/interface-grants", (READ_GRANT,)),
    Section("calls", "/console/interface-logs", (READ_CALLS,)),
)
OPENING = tuple(dict.fromkeys(permission for section in SECTIONS for permission in section.permissions))
"""Any of these opens the console."""


def administers(caller: Caller) -> bool:
    """Say whether the console has anything to show to somebody."""
    return any(caller.holds(permission) for permission in OPENING)


def sections(caller: Caller) -> list[Section]:
    """Return the parts of the console that are open to somebody."""
    return [section for section in SECTIONS if any(caller.holds(permission) for permission in section.permissions)]
