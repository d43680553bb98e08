"""An endpoint that stands outside the doors: its declaration, which it is mounted and described by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from service.http.problems import CONTENT_TYPE as PROBLEM
from service.http.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import pydantic
    from aiohttp import web

    from service.http.document import Output
    from service.http.group import Group

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """One answer: when it is given, its shape (`str`: text; None: no body), its headers and those it may have."""

    told: str
    shape: type[Output | str] | None = None
    content_type: str = JSON
    headers: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


# The answers to a failure, which the outermost middleware gives.
UNAVAILABLE = {
    500: Reply("The request failed; its id names it in the log.", Problem, PROBLEM),
    503: Reply("The service is unavailable: try again shortly.", Problem, PROBLEM, ("Retry-After",)),
}


@dataclass(frozen=True)
class Endpoint:
    """One endpoint's declaration. `tag` is the heading it stands under.

    `query` describes its parameters, `headers` the headers it reads, `body` what is read from a body of one of the
    types in `reads`; `client` says that the client proves itself, `gateway` that a gateway does, `person` that a token
    of a person is needed, with these scopes; `errors` are the codes that come with a status of `replies`, where they
    have an `error`. With `any_method` every other method is answered like the one that is told of.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    group: Group
    tag: str
    summary: str
    replies: Mapping[int, Reply]
    body: type[pydantic.BaseModel] | None = None
    query: type[pydantic.BaseModel] | None = None
    headers: type[pydantic.BaseModel] | None = None
    reads: tuple[str, ...] = (FORM, JSON)
    client: bool = False
    gateway: bool = False
    any_method: bool = False
    person: tuple[str, ...] = ()
    errors: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def add_to(self, app: web.Application) -> None:
        """Mount the endpoint; a GET answers HEAD too."""
        if self.any_method:
            app.router.add_route("*", self.path, self.handler)
        elif self.method == "GET":
            app.router.add_get(self.path, self.handler)
        else:
            app.router.add_route(self.method, self.path, self.handler)
