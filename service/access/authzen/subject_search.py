"""Subject search (section 8.4): who may do this with this resource. Those whom `evaluate` allows, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.interface import Scope
from projections import authzen_search
from service.access.authzen import applications, people
from service.access.authzen import vocabulary as v
from service.access.authzen.paging import rows_found
from service.access.authzen.subjects import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import asyncpg

    from service.access.authzen.facts import Facts
    from service.access.authzen.paging import Found, Wanted
    from service.access.authzen.shapes import SubjectSearch

    Rows = list[asyncpg.Record]
    Search = Callable[[Facts, asyncpg.Record, SubjectSearch, Wanted], Awaitable[Rows]]


async def subjects(facts: Facts, asked: SubjectSearch, page: Wanted) -> list[Found]:
    """Return the subjects of a page, in order, and one more if there is one."""
    kind = asked.resource.type
    if not v.is_relation(asked.subject.type, kind) or not v.is_action(kind, asked.action.name):
        return []
    if kind == v.AUDIENCE:
        rows = await _scope(facts, asked, page)
    else:
        thing = await facts.thing(asked.resource)
        if thing is None or await facts.fault_of_organization(thing["organization"]):
            return []
        rows = await SEARCHES[asked.subject.type, kind](facts, thing, asked, page)
    return rows_found(asked.subject.type, rows)


async def _scope(facts: Facts, asked: SubjectSearch, page: Wanted) -> Rows:
    return await authzen_search.applications_holding(
        facts.connection,
        facts.organization,
        [asked.resource.id],
        v.allowing(asked.action.name),
        now=facts.now,
        after=page.begin,
        limit=page.enough,
    )


async def _permitted_users(facts: Facts, organization: asyncpg.Record, asked: SubjectSearch, page: Wanted) -> Rows:
    allowing = v.allowing_people(asked.action.name)
    return await authzen_search.users_by_roles(
        facts.connection, organization["id"], allowing, after=page.begin, limit=page.enough
    )


async def _permitted_applications(
    facts: Facts, organization: asyncpg.Record, asked: SubjectSearch, page: Wanted
) -> Rows:
    return await authzen_search.applications_holding(
        facts.connection,
        organization["id"],
        facts.audiences,
        v.allowing(asked.action.name),
        everywhere=v.REACHING if facts.organization is None else (),
        now=facts.now,
        after=page.begin,
        limit=page.enough,
    )


async def _members(facts: Facts, account: asyncpg.Record, asked: SubjectSearch, page: Wanted) -> Rows:
    if account["status"] != ACTIVE:
        return []
    roles = v.sufficient(asked.action.name)
    return await authzen_search.members(facts.connection, account["id"], roles, after=page.begin, limit=page.enough)


async def _holders(facts: Facts, role: asyncpg.Record, _: SubjectSearch, page: Wanted) -> Rows:
    return await authzen_search.holders(facts.connection, role["id"], after=page.begin, limit=page.enough)


async def _calling_users(facts: Facts, interface: asyncpg.Record, asked: SubjectSearch, page: Wanted) -> Rows:
    """Return everybody, where the application that they would call by way of may, or anybody may."""
    named = people.way_of(asked.subject.properties)
    application = None if named is None else await facts.application(named)
    if named is not None and (application is None or await facts.fault_of(application)):
        return []
    if not (await applications.called(facts, application, interface, asked.action)).allowed:
        return []
    organization = interface["organization"]
    return await authzen_search.users(facts.connection, organization, after=page.begin, limit=page.enough)


async def _calling_applications(facts: Facts, interface: asyncpg.Record, asked: SubjectSearch, page: Wanted) -> Rows:
    if applications.fault_of_method(interface, asked.action):
        return []
    if await applications.fault_of_limit(facts, interface, asked.action):
        return []
    organization, now = interface["organization"], facts.now
    if interface["scope"] == Scope.ANONYMOUS:
        return await authzen_search.applications_in_use(
            facts.connection, organization, now=now, after=page.begin, limit=page.enough
        )
    return await authzen_search.callers(facts.connection, interface["id"], now=now, after=page.begin, limit=page.enough)


SEARCHES: Mapping[tuple[str, str], Search] = {
    (v.USER, v.ORGANIZATION): _permitted_users,
    (v.USER, v.ACCOUNT): _members,
    (v.USER, v.ROLE): _holders,
    (v.USER, v.INTERFACE): _calling_users,
    (v.APPLICATION, v.ORGANIZATION): _permitted_applications,
    (v.APPLICATION, v.INTERFACE): _calling_applications,
}
