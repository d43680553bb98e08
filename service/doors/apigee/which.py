"""Whose tokens a search or a revocation is about: an application's, an end user's, or those of both together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple
from uuid import UUID

import pydantic

from domain.end_user import end_user
from domain.refusals import UnknownApplication
from projections import applications
from service.http.input import Input

if TYPE_CHECKING:
    from domain.refusals import Refusal
    from service.http.call import Call


def lower(value: object) -> object:
    """Return a text in lower case: some clients write True."""
    return value.lower() if isinstance(value, str) else value


Flag = Annotated[Literal["true", "false"], pydantic.BeforeValidator(lower)]
"""On or off, in any letter case."""


class Which(Input):
    """Whose tokens. At least one of the two is named, and not by nothing; both mean the tokens that match both."""

    enduser: str | None = None
    app: str | None = None


class Named(NamedTuple):
    """What was named, found."""

    application: UUID | None
    end_user: str | None


async def named(call: Call, organization: UUID, query: Which, missing: type[Refusal]) -> Named:
    """Return what a query names in an organization.

    Raises the given refusal when a name is missing or empty: who meant an application's tokens of one end user must
    not reach all of them. Raises InvalidEndUser, and UnknownApplication for one of another organization too.
    """
    given = (query.enduser, query.app)
    if given == (None, None) or "" in given:
        raise missing
    return Named(
        None if query.app is None else await _application(call, organization, query.app),
        None if query.enduser is None else end_user(query.enduser),
    )


async def _application(call: Call, organization: UUID, text: str) -> UUID:
    try:
        application = UUID(text)
    except ValueError:
        raise UnknownApplication from None
    row = await applications.one(call.parts.store.pool, application)
    if str(application) != text.lower() or row is None or row["organization"] != organization:
        raise UnknownApplication
    return application
