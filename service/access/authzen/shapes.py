"""What the Authorization API 1.0 sends and is sent (sections 5 to 8).

Members that are not known are ignored, so that clients of later versions are served; sizes are bounded.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from service.http.document import Output
from service.http.input import Input

EVALUATIONS_LIMIT = 100
PAGE_LIMIT = 100

Text = Annotated[str, pydantic.Field(max_length=1024)]
Properties = dict[str, Any]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class Lenient(Input):
    """A part of a request whose unknown members are ignored."""

    model_config = pydantic.ConfigDict(extra="ignore")


class Subject(Lenient):
    """Whom a question is about: a `user` by id, or an `application` by id or client id.

    A user calls an interface by way of the application that `properties.application` names.
    """

    type: Text
    id: Text
    properties: Properties | None = None


class Action(Lenient):
    """What the subject would do: the names depend on the type of the resource.

    `call` of an interface may say by which `properties.method`.
    """

    name: Text
    properties: Properties | None = None


class Resource(Lenient):
    """What the subject would do it with: `organization`, `account`, `role`, `interface` or `audience`.

    A role goes by its id or its name, an interface by its id or by its resource's identifier, a slash and its own. Root
    says whose names these are by `properties.organization`.
    """

    type: Text
    id: Text
    properties: Properties | None = None


class Evaluation(Lenient):
    """Asks whether a subject may do this with a resource. Nothing is decided by the `context`."""

    subject: Subject
    action: Action
    resource: Resource
    context: Properties | None = None


class Options(Lenient):
    """How several evaluations are carried out: all of them, or up to the first that is denied or permitted."""

    evaluations_semantic: Semantic = "execute_all"


class Evaluations(Lenient):
    """Up to 100 evaluations, in order. What one leaves out it has from beside them; without any, that is the only one.

    One that is not complete is answered by a decision: false, with the `error` in its context.
    """

    evaluations: list[dict[str, Any]] = pydantic.Field(default=[], max_length=EVALUATIONS_LIMIT)
    subject: Properties | None = None
    action: Properties | None = None
    resource: Properties | None = None
    context: Properties | None = None
    options: Options = Options()


class Page(Lenient):
    """Which page of a search, of up to 100 results: with the `token` of the one before, all else has to be as it was.

    `properties` decide nothing.
    """

    token: str | None = None
    limit: int | None = pydantic.Field(default=None, ge=0)
    properties: Properties | None = None


class AnySubject(Lenient):
    """Subjects of a type; an id is ignored."""

    type: Text
    properties: Properties | None = None


class AnyResource(Lenient):
    """Resources of a type; an id is ignored."""

    type: Text
    properties: Properties | None = None


class SubjectSearch(Lenient):
    """Asks who may do this with a resource."""

    subject: AnySubject
    action: Action
    resource: Resource
    context: Properties | None = None
    page: Page = Page()


class ResourceSearch(Lenient):
    """Asks what a subject may do this with."""

    subject: Subject
    action: Action
    resource: AnyResource
    context: Properties | None = None
    page: Page = Page()


class ActionSearch(Lenient):
    """Asks what a subject may do with a resource."""

    subject: Subject
    resource: Resource
    context: Properties | None = None
    page: Page = Page()


class Fault(Output):
    """Why there was nothing to decide."""

    status: int
    message: str


class Context(Output):
    """Why it was decided so: a word for programs, and the positions of the events that caused it, in order.

    What was denied has a reason for administrators, which is not for the subject, and one that is.
    """

    code: str
    positions: list[int]
    reason_admin: dict[str, str] = pydantic.Field(default={})
    reason_user: dict[str, str] = pydantic.Field(default={})
    error: Fault | None = pydantic.Field(default=None)


class Decision(Output):
    """Whether the subject may."""

    decision: bool
    context: Context


class Decisions(Output):
    """The decisions in the order of the evaluations, or the only one where there were none."""

    evaluations: list[Decision] = pydantic.Field(default=[])
    decision: bool = pydantic.Field(default=False)
    context: Context | None = pydantic.Field(default=None)


class NextPage(Output):
    """How many results this page has, and the token of the next: empty at the end."""

    next_token: str
    count: int


class Entity(Output):
    """A subject or a resource."""

    type: str
    id: str


class Entities(Output):
    """The subjects or resources that were searched for."""

    page: NextPage
    results: list[Entity]


class Named(Output):
    """An action."""

    name: str


class Actions(Output):
    """The actions that the subject may do."""

    page: NextPage
    results: list[Named]
