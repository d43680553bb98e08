"""A route's declaration, once: what validation, the permission check, the answer and the API document are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.refusals import Refusal
    from service.http.call import Answer, Call
    from service.http.document import Output
    from service.http.input import Input

    Handler = Callable[[Call], Awaitable[Answer]]

Kind = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


@dataclass(frozen=True)
class Route:
    """One route's declaration: what validation, the permission check and the API document are made from.

    `permission` names what the caller's token must hold: several with a space between, or "" for nothing in particular.
    `answer` is the shape of the answer, None where it has no body; `refuses` are the rules that the command may invoke.
    `also` is another status of success, for answers that say so. `asks`: it changes nothing, whatever its method.
    Path parameters whose name ends in `_id` are ids (UUIDs), but for those among `words`.
    """

    method: str
    path: str
    handler: Handler
    permission: str
    summary: str
    body: type[Input] | None = None
    query: type[Input] | None = None
    status: int = 200
    machines_only: bool = False
    answer: type[Output] | None = None
    refuses: tuple[type[Refusal], ...] = ()
    words: tuple[str, ...] = ()
    also: int | None = None
    asks: bool = False

    @property
    def reads(self) -> bool:
        """Whether a request leaves everything as it is."""
        return self.asks or self.method == "GET"

    @property
    def permissions(self) -> tuple[str, ...]:
        """Each permission that the route needs."""
        return tuple(self.permission.split())


class Declared(TypedDict, total=False):
    """What a declaration may say besides; see Route."""

    body: type[Input] | None
    query: type[Input] | None
    status: int
    machines_only: bool
    answer: type[Output] | None
    refuses: tuple[type[Refusal], ...]
    words: tuple[str, ...]
    also: int | None
    asks: bool
