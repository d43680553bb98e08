"""/access/v1: decisions asked for by the Authorization API 1.0 of OpenID AuthZEN. `decide` asks.

Subjects: `user` (id), `application` (id or client id). What they may do with each type of resource:

- `organization` (id): any permission, by roles, or by what an application may have at the management interface.
- `account` (id): `owner`, `member`, `viewer`, for users; who may one may those after it.
- `role` (id or name): `hold`, for users.
- `interface` (id, or `resource-identifier/interface-identifier`): `call`, perhaps with `properties.method`. A user
  calls by way of the application in the subject's `properties.application`. How often is not asked here.
- `audience` (the audience): any scope, for applications.

Who or what is unknown, of another organization, suspended, disabled or expired is denied by a decision, with 200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from service.access.authzen import metadata
from service.access.authzen.action_search import actions
from service.access.authzen.evaluation import evaluate
from service.access.authzen.evaluations import evaluate_all, only
from service.access.authzen.facts import present
from service.access.authzen.paging import page, wanted
from service.access.authzen.resource_search import resources
from service.access.authzen.shapes import (
    Actions,
    ActionSearch,
    Decision,
    Decisions,
    Entities,
    Evaluation,
    Evaluations,
    ResourceSearch,
    SubjectSearch,
)
from service.access.authzen.subject_search import subjects
from service.http.bearer import Unauthenticated
from service.http.call import Answer
from service.http.door import Door
from service.http.group import Group
from service.http.request import REQUEST_ID_HEADER
from service.parts import NAMED_BY_CALLER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from service.access.authzen.facts import Facts
    from service.access.authzen.paging import Found, Search, Wanted
    from service.http.bearer import Authenticated
    from service.http.call import Call
    from service.parts import Parts

BAD_REQUEST, UNSUPPORTED = 400, 415
NAME_LIMIT = 255  # characters of a caller's own name for a request


class DecisionDoor(Door):
    """Tells callers their own names for their requests, and knows fewer statuses (sections 10.1.2 and 10.1.3)."""

    GROUP: ClassVar = Group.DECISIONS
    NAMED: ClassVar = True

    async def authenticate(self, request: web.Request, parts: Parts) -> Authenticated:
        """Return the caller, once it is known how they call their request. Raises Unauthenticated."""
        names = request.headers.getall(REQUEST_ID_HEADER, [])
        if names and (len(names) > 1 or len(names[0]) > NAME_LIMIT or not names[0].isprintable()):
            sentence = f"{REQUEST_ID_HEADER} is up to {NAME_LIMIT} printable characters, given once"
            raise Unauthenticated(sentence, error="invalid_request", status=BAD_REQUEST)
        if names:
            request[NAMED_BY_CALLER] = names[0]
        return await super().authenticate(request, parts)

    def refuse(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        """Return a refusal; a body of another type is a bad request."""
        status = BAD_REQUEST if status == UNSUPPORTED else status
        return super().refuse(status, code, sentence, errors=errors, headers=headers)


DOOR = DecisionDoor("authzen")


@DOOR.route(
    "POST",
    metadata.EVALUATION,
    permission="decide",
    summary="Ask whether a subject may do something with a resource",
    body=Evaluation,
    answer=Decision,
    asks=True,
)
async def evaluation(call: Call) -> Answer:
    async with present(call) as facts:
        return Answer((await evaluate(facts, call.body)).told(), position=await facts.head())


@DOOR.route(
    "POST",
    metadata.EVALUATIONS,
    permission="decide",
    summary="Ask several such questions, answered of one moment",
    body=Evaluations,
    answer=Decisions,
    asks=True,
)
async def evaluations(call: Call) -> Answer:
    asked: Evaluations = call.body
    single = None if asked.evaluations else only(asked)
    async with present(call) as facts:
        if single is not None:
            told = (await evaluate(facts, single)).told()
        else:
            told = {"evaluations": await evaluate_all(facts, asked)}
        return Answer(told, position=await facts.head())


@DOOR.route(
    "POST",
    metadata.SUBJECTS,
    permission="decide",
    summary="Search for the subjects that may do something with a resource",
    body=SubjectSearch,
    answer=Entities,
    asks=True,
)
async def subject_search(call: Call) -> Answer:
    return await _searched(call, subjects)


@DOOR.route(
    "POST",
    metadata.RESOURCES,
    permission="decide",
    summary="Search for the resources that a subject may do something with",
    body=ResourceSearch,
    answer=Entities,
    asks=True,
)
async def resource_search(call: Call) -> Answer:
    return await _searched(call, resources)


@DOOR.route(
    "POST",
    metadata.ACTIONS,
    permission="decide",
    summary="Search for what a subject may do with a resource",
    body=ActionSearch,
    answer=Actions,
    asks=True,
)
async def action_search(call: Call) -> Answer:
    return await _searched(call, actions)


async def _searched(call: Call, search: Callable[[Facts, Any, Wanted], Awaitable[list[Found]]]) -> Answer:
    asked: Search = call.body
    which = wanted(asked)
    async with present(call) as facts:
        return Answer(page(asked, which, await search(facts, asked, which)), position=await facts.head())
