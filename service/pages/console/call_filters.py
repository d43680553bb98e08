"""Which calls of the log are shown, as the address of their page says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import pydantic

from domain.interface import Method
from projections import user_search
from projections.user_search import Term
from service.access.causes import CAUSES
from service.pages.console import asked
from service.pages.console.opening import READ_USER
from service.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiohttp import web

    from service.pages.console.administrator import Administrator

SINCE, UNTIL, OUTCOME, CAUSE, METHOD, PATH_PREFIX = "since", "until", "outcome", "cause", "method", "path"
CLIENT, USER, ADDRESS, APPLICATION, INTERFACE, RESOURCE = (
    "client", "user", "address", "application", "interface", "resource",
)  # fmt: skip
BEFORE = "before"
FIELDS = (
    SINCE, UNTIL, OUTCOME, CAUSE, METHOD, PATH_PREFIX, CLIENT, USER, ADDRESS, APPLICATION, INTERFACE, RESOURCE, BEFORE,
)  # fmt: skip
ANY, ALLOWED, REFUSED = "any", "allowed", "refused"
OUTCOMES = (ANY, ALLOWED, REFUSED)
REASONS = (ANY, *(cause.code for cause in CAUSES))
METHODS = (ANY, *(method for method in Method if method is not Method.ANY))
NOBODY = UUID(int=0)


class CallFilter(pydantic.BaseModel):
    """Which calls: from a minute to a minute (UTC), allowed or refused and why, by method and how the path begins.

    `client` is a client id, `user` an id, username or e-mail address, `address` where it came from; `application`,
    `interface` and `resource` are ids. `before` is where the page begins; `organization`: where to sign in, for
    somebody who is not signed in.
    """

    since: str = ""
    until: str = ""
    outcome: str = ""
    cause: str = ""
    method: str = ""
    path: str = ""
    client: str = ""
    user: str = ""
    address: str = ""
    application: str = ""
    interface: str = ""
    resource: str = ""
    before: str = ""
    organization: str = ""


class Wanted(NamedTuple):
    """A filter, read."""

    since: datetime | None
    until: datetime | None
    outcome: str
    cause: str
    method: str
    path: str | None
    client: str | None
    user: str | None
    address: str | None
    application: UUID | None
    interface: UUID | None
    resource: UUID | None
    before: UUID | None

    @property
    def fields(self) -> dict[str, str]:
        """What the address has to say to come back to the same list."""
        said = {
            **self._asdict(),
            SINCE: self.since and self.since.strftime(asked.MINUTE),
            UNTIL: self.until and self.until.strftime(asked.MINUTE),
        }
        return {name: str(value) for name, value in said.items() if value not in (None, ANY)}

    @property
    def narrow(self) -> bool:
        """Whether there may be calls that it leaves out."""
        return bool(self.fields)


def wanted(values: Mapping[str, str]) -> Wanted:
    """Read a filter. Raises BadBody."""
    return Wanted(
        since=asked.minute(values.get(SINCE)),
        until=asked.minute(values.get(UNTIL)),
        outcome=asked.choice(values.get(OUTCOME), OUTCOMES),
        cause=asked.choice(values.get(CAUSE), REASONS),
        method=asked.choice(values.get(METHOD), METHODS),
        path=asked.text(values.get(PATH_PREFIX, "").strip()),
        client=asked.text(values.get(CLIENT, "").strip()),
        user=asked.text(values.get(USER, "").strip()),
        address=asked.text(values.get(ADDRESS, "").strip()),
        application=asked.identifier(values.get(APPLICATION)),
        interface=asked.identifier(values.get(INTERFACE)),
        resource=asked.identifier(values.get(RESOURCE)),
        before=asked.identifier(values.get(BEFORE)),
    )


async def user_of(request: web.Request, who: Administrator, text: str | None) -> UUID | None:
    """Return who is looked for: by id, and by those who may see people by username or e-mail address.

    None when nobody is; an id that nobody has when nobody is found.
    """
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        pass
    if not who.may(READ_USER):
        return NOBODY
    term = Term(("username", "email"), text, exact=True)
    pool, organization = request.app[PARTS].store.pool, who.signed_in.organization
    rows, _ = await user_search.search(pool, organization, [term], every=True, limit=1, offset=0)
    return rows[0]["id"] if rows else NOBODY
