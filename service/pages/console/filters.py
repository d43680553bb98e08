"""Which tokens of an application are shown, as the address of their page says it and its forms repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlencode

import pydantic

from projections.token_look_ups import ACTIVE, BLOCKED, EXPIRED, REVOKED, LookUp
from service.pages.console import asked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

PATH = "/console/applications/{application_id}"
END_USER, STATUS, KIND, START, DONE = "end_user", "status", "kind", "start", "done"
FIELDS = (END_USER, STATUS, KIND, START)
STATUSES = ("any", ACTIVE, BLOCKED, REVOKED, EXPIRED)
ACCESS, REFRESH = "access", "refresh"
KINDS = (ACCESS, REFRESH)


class Filter(pydantic.BaseModel):
    """Which tokens: of an end user, in a status, access or refresh tokens; `start` is where the page begins.

    `done`: what was just done. `organization`: where to sign in, for somebody who is not signed in.
    """

    end_user: str = ""
    status: str = ""
    kind: str = ""
    start: str = ""
    done: str = ""
    organization: str = ""


class Wanted(NamedTuple):
    """A filter, read."""

    end_user: str | None
    status: str
    kind: str
    start: int | None

    @property
    def fields(self) -> dict[str, str]:
        """What an address or a form has to say to come back to the same list."""
        said = {END_USER: self.end_user, STATUS: self.status, KIND: self.kind, START: self.start}
        plain = {END_USER: None, STATUS: STATUSES[0], KIND: KINDS[0], START: None}
        return {name: str(value) for name, value in said.items() if value != plain[name]}

    @property
    def narrow(self) -> bool:
        """Whether there may be tokens that it leaves out."""
        return bool(self.fields)

    def look_up(self, organization: UUID, application: UUID) -> LookUp:
        """Return what is looked for among the tokens of an application."""
        kind: Literal["access", "refresh"] = "refresh" if self.kind == REFRESH else "access"
        status = frozenset() if self.status == STATUSES[0] else frozenset((self.status,))
        return LookUp(organization, application, end_user=self.end_user, kind=kind, status=status)


def wanted(values: Mapping[str, str]) -> Wanted:
    """Read a filter. Raises BadBody."""
    return Wanted(
        asked.text(values.get(END_USER)),
        asked.choice(values.get(STATUS), STATUSES),
        asked.choice(values.get(KIND), KINDS),
        asked.number(values.get(START)),
    )


def address(application: UUID, fields: Mapping[str, str]) -> str:
    """Return the path of an application's tokens with a filter."""
    path = PATH.format(application_id=application)
    return f"{path}?{urlencode(fields)}" if fields else path
