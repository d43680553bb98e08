"""Resource search (section 8.5): what this subject may do this with. What `evaluate` allows, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.interface import SAFE_METHODS
from domain.permissions import ROOT, granted
from projections import authzen_search
from service.access.authzen import applications, people
from service.access.authzen import vocabulary as v
from service.access.authzen.evaluation import evaluate
from service.access.authzen.paging import Found, rows_found
from service.access.authzen.shapes import Evaluation, Resource
from service.access.authzen.subjects import Application

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.access.authzen.facts import Facts
    from service.access.authzen.paging import Wanted
    from service.access.authzen.shapes import ResourceSearch
    from service.access.authzen.subjects import User


async def resources(facts: Facts, asked: ResourceSearch, page: Wanted) -> list[Found]:
    """Return the resources of a page, in order, and one more if there is one."""
    kind = asked.resource.type
    if not v.is_relation(asked.subject.type, kind) or not v.is_action(kind, asked.action.name):
        return []
    subject = await facts.subject(asked.subject)
    if subject is None or await facts.fault_of(subject):
        return []
    if kind == v.ORGANIZATION:
        return await _organizations(facts, subject, asked, page)
    if kind == v.INTERFACE:
        return await _interfaces(facts, subject, asked, page)
    if isinstance(subject, Application):
        return await _audiences(facts, subject, asked, page)
    if kind == v.ROLE:
        rows = await authzen_search.roles_of(facts.connection, subject.id, after=page.begin, limit=page.enough)
    else:
        roles = v.sufficient(asked.action.name)
        rows = await authzen_search.accounts_of(
            facts.connection, subject.id, roles, after=page.begin, limit=page.enough
        )
    return rows_found(kind, rows)


async def _organizations(facts: Facts, subject: User | Application, asked: ResourceSearch, page: Wanted) -> list[Found]:
    if facts.organization is None and isinstance(subject, Application) and _reaches_all(facts, subject):
        rows = await authzen_search.organizations(facts.connection, after=page.begin, limit=page.enough)
        return rows_found(v.ORGANIZATION, rows)
    return await _allowed(facts, asked, page, [str(subject.organization)])


async def _audiences(facts: Facts, application: Application, asked: ResourceSearch, page: Wanted) -> list[Found]:
    return await _allowed(facts, asked, page, application.audiences | {one.audience for one in application.given})


async def _interfaces(facts: Facts, subject: User | Application, asked: ResourceSearch, page: Wanted) -> list[Found]:
    application = subject if isinstance(subject, Application) else None
    named = people.way_of(asked.subject.properties) if application is None else None
    if named is not None:
        application = await facts.application(named)
        if application is None or application.organization != subject.organization or await facts.fault_of(application):
            return []
    home = await facts.home_of(subject.organization)
    rows = await authzen_search.interfaces(
        facts.connection,
        subject.organization,
        application.id if application is not None and application.calls else None,
        method=applications.method_of(asked.action),
        safe=SAFE_METHODS,
        all_limited=home["submit_limited"],
        now=facts.now,
        after=page.begin,
        limit=page.enough,
    )
    return rows_found(v.INTERFACE, rows)


async def _allowed(facts: Facts, asked: ResourceSearch, page: Wanted, ids: Iterable[str]) -> list[Found]:
    """Return those of a few resources that an evaluation allows."""
    found: list[Found] = []
    for each in sorted(ids):
        if each > page.after and len(found) < page.enough:
            resource = Resource(type=asked.resource.type, id=each)
            question = Evaluation(subject=asked.subject, action=asked.action, resource=resource)
            if (await evaluate(facts, question)).allowed:
                found.append(Found(each, {"type": resource.type, "id": each}))
    return found


def _reaches_all(facts: Facts, application: Application) -> bool:
    held = application.held(*facts.audiences) if application.calls else []
    return any(granted((ROOT,), names) for names, _ in held)
