"""Action search (section 8.6): what this subject may do with this resource. Each of the few actions is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.permissions import PERMISSIONS
from service.access.authzen import vocabulary as v
from service.access.authzen.evaluation import evaluate
from service.access.authzen.paging import Found
from service.access.authzen.shapes import Action, Evaluation
from service.access.authzen.subjects import Application

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.access.authzen.facts import Facts
    from service.access.authzen.paging import Wanted
    from service.access.authzen.shapes import ActionSearch


async def actions(facts: Facts, asked: ActionSearch, page: Wanted) -> list[Found]:
    """Return the actions of a page, in order of the alphabet, and one more if there is one."""
    found: list[Found] = []
    if not v.is_relation(asked.subject.type, asked.resource.type):
        return found
    for name in sorted(await _possible(facts, asked)):
        if name > page.after and len(found) < page.enough:
            question = Evaluation(subject=asked.subject, action=Action(name=name), resource=asked.resource)
            if (await evaluate(facts, question)).allowed:
                found.append(Found(name, {"name": name}))
    return found


async def _possible(facts: Facts, asked: ActionSearch) -> Iterable[str]:
    """Return the actions there are: with an audience, whatever is held there, and what its wildcards stand for."""
    if asked.resource.type != v.AUDIENCE:
        return v.ACTIONS[asked.resource.type]
    subject = await facts.subject(asked.subject)
    if not isinstance(subject, Application):
        return ()
    return {*PERMISSIONS, *(name for names, _ in subject.held(asked.resource.id) for name in names)}
