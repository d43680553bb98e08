"""Access evaluation (section 6): whether this subject may do this with this resource.

Deny by default. Who and what a question is about is looked at first: what is not known, or not in force, may nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.access.authzen import applications, people
from service.access.authzen import vocabulary as v
from service.access.authzen.subjects import Application
from service.access.authzen.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import asyncpg

    from service.access.authzen.facts import Facts
    from service.access.authzen.shapes import Evaluation
    from service.access.authzen.subjects import User
    from service.access.authzen.verdict import Verdict

OF_PEOPLE: Mapping[str, Callable[[Facts, User, asyncpg.Record, Evaluation], Awaitable[Verdict]]] = {
    v.ORGANIZATION: people.permission,
    v.ACCOUNT: people.membership,
    v.ROLE: people.role,
    v.INTERFACE: people.call,
}
OF_APPLICATIONS: Mapping[str, Callable[[Facts, Application, asyncpg.Record, Evaluation], Awaitable[Verdict]]] = {
    v.ORGANIZATION: applications.permission,
    v.INTERFACE: applications.call,
}


async def evaluate(facts: Facts, asked: Evaluation) -> Verdict:
    """Return the decision about a question."""
    kind = asked.resource.type
    if not v.is_relation(asked.subject.type, kind):
        return verdict("unknown_type")
    if not v.is_action(kind, asked.action.name):
        return verdict("unknown_action")
    subject = await facts.subject(asked.subject)
    if subject is None:
        return verdict("unknown_subject", await facts.end_of(asked.subject))
    if fault := await facts.fault_of(subject):
        return fault
    if isinstance(subject, Application) and kind == v.AUDIENCE:
        return await applications.scope(facts, subject, asked)
    return await _with_thing(facts, subject, asked)


async def _with_thing(facts: Facts, subject: User | Application, asked: Evaluation) -> Verdict:
    kind = asked.resource.type
    thing = await facts.thing(asked.resource)
    if thing is None:
        return verdict("unknown_resource", await facts.end_of(asked.resource))
    if fault := await facts.fault_of_organization(thing["organization"]):
        return fault
    if isinstance(subject, Application):
        return await OF_APPLICATIONS[kind](facts, subject, thing, asked)
    if subject.organization != thing["organization"]:
        return verdict("another_organization", subject.position)
    return await OF_PEOPLE[kind](facts, subject, thing, asked)
