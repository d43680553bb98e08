"""GET /api/users: people by page, all of an organization or those who match a search (spec/logto.md section 11.1).

A search is of the whole text, where `%` stands for anything, in upper or lower case. Pages are told of by the headers
`Total-Number` and `Link` (RFC 8288).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import pydantic

from domain.refusals import InvalidPagination, SearchTooBroad, UnknownAccount
from projections import identities, user_search
from projections.user_search import Term
from service.doors.account_settings import user_document
from service.doors.account_settings.frame import AccountSettingsDoor, Body, Flag
from service.http.call import Answer, Call
from service.http.consistency import await_model
from service.http.document import Output
from service.http.input import Id  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterator

DOOR = AccountSettingsDoor("listing")
PATH = "/api/users"
MOST_PAGES, MOST_ON_PAGE = 100_000, 100
LINK_LIMIT = 4096  # characters: clients read no longer headers than twice that
COLUMNS = {"id": "id", "username": "username", "primaryEmail": "email", "primaryPhone": "phone", "name": "name"}
"""What a search may name, and what of a user that is."""
LOOKING = ("search.", "mode.")

Text = Annotated[str, pydantic.Field(max_length=128)]
Mode = Literal["like", "exact"]


def _whole(most: int, default: int) -> Any:
    # Read as text: what is wrong with a page has a code of its own. Its default is a number only in the document.
    return pydantic.WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most, "default": default})


class Search(Body):
    """Which people, and which page of them; `organizationId` is for root, who may look into any."""

    page: Annotated[str, _whole(MOST_PAGES, 1)] = pydantic.Field(default_factory=lambda: "1")
    page_size: Annotated[str, _whole(MOST_ON_PAGE, 20)] = pydantic.Field(
        default_factory=lambda: "20", alias="page_size"
    )
    organization_id: Id | None = None
    search: Text = ""
    search_id: Text = pydantic.Field(default="", alias="search.id")
    search_username: Text = pydantic.Field(default="", alias="search.username")
    search_email: Text = pydantic.Field(default="", alias="search.primaryEmail")
    search_phone: Text = pydantic.Field(default="", alias="search.primaryPhone")
    search_name: Text = pydantic.Field(default="", alias="search.name")
    mode: Mode = "like"
    mode_id: Mode | None = pydantic.Field(default=None, alias="mode.id")
    mode_username: Mode | None = pydantic.Field(default=None, alias="mode.username")
    mode_email: Mode | None = pydantic.Field(default=None, alias="mode.primaryEmail")
    mode_phone: Mode | None = pydantic.Field(default=None, alias="mode.primaryPhone")
    mode_name: Mode | None = pydantic.Field(default=None, alias="mode.name")
    joint: Literal["or", "and"] | None = None
    joint_mode: Literal["or", "and"] = "or"
    is_case_sensitive: Flag = False

    @pydantic.model_validator(mode="before")
    @classmethod
    def _known(cls, given: dict[str, str]) -> dict[str, str]:
        """Refuse to look for what is not known here: to pass over it would find everybody."""
        for name in given:
            if name.startswith(LOOKING) and name.partition(".")[2] not in COLUMNS:
                msg = "a search is of id, username, primaryEmail, primaryPhone and name"
                raise ValueError(msg)
        return given

    def terms(self) -> Iterator[Term]:
        """Yield what is looked for; an empty text is no search."""
        wanted = [(tuple(COLUMNS.values()), self.search, self.mode)]
        for column in COLUMNS.values():
            mode = getattr(self, f"mode_{column}") or self.mode
            wanted.append(((column,), getattr(self, f"search_{column}"), mode))
        for columns, text, mode in wanted:
            if text:
                yield Term(columns, text, exact=mode == "exact", case_sensitive=self.is_case_sensitive)


class Users(Output, pydantic.RootModel[list[user_document.User]]):
    """The users of a page, the newest first."""


@DOOR.route(
    "GET",
    PATH,
    permission="read_user",
    summary="List people, or look for them",
    query=Search,
    answer=Users,
    refuses=(InvalidPagination, UnknownAccount, SearchTooBroad),
)
async def listed(call: Call) -> Answer:
    query: Search = call.query
    pool, page, size = call.parts.store.pool, _number(query.page, MOST_PAGES), _number(query.page_size, MOST_ON_PAGE)
    organization = call.organization(query.organization_id)
    await await_model(call.request, call.parts, "audit")  # which tells of the applications they first signed in to
    try:
        rows, total = await user_search.search(
            pool,
            organization,
            list(query.terms()),
            every=(query.joint or query.joint_mode) == "and",
            limit=size,
            offset=(page - 1) * size,
        )
    except TimeoutError:
        raise SearchTooBroad from None
    linked = await identities.of_users(pool, [row["id"] for row in rows])
    headers = {"Total-Number": str(total)}
    links = ", ".join(_links(call, page, size, total))
    if len(links) <= LINK_LIMIT:
        headers["Link"] = links
    return Answer([user_document.of_row(row, linked[row["id"]]) for row in rows], headers=headers)


def _number(text: str, most: int) -> int:
    """Return a whole number from 1 to `most`. Raises InvalidPagination."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else 0
    if not 1 <= number <= most:
        raise InvalidPagination
    return number


def _links(call: Call, page: int, size: int, total: int) -> Iterator[str]:
    """Yield where the first, the previous, the next and the last page are, as far as there are such."""
    last = max(1, -(-total // size))
    asked = {name: value for name, value in call.request.query.items() if name not in ("page", "page_size")}
    pages = {"first": 1, "prev": page - 1, "next": page + 1, "last": last}
    for relation, number in pages.items():
        if 1 <= number <= last:
            query = urlencode({**asked, "page": number, "page_size": size})
            yield f'<{call.parts.settings.issuer}{PATH}?{query}>; rel="{relation}"'
