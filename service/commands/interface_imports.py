"""Imports an API resource with its interfaces from a document: one plan, told by a dry run, carried out by an import.

What is planned rests on all interfaces of the resource: when one is touched meanwhile, it is planned anew. What is done
is one append, so that nothing is ever half imported (spec/README.md 13).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from domain.api_resource import ApiResource, checked_identifier
from domain.interface import Interface
from domain.refusals import IdentifierNeeded, ImportChanged, TooManyInterfaces
from projections import interface_grants as grant_rows
from projections import interfaces as rows
from service.commands import api_resources, claims, interfaces
from service.commands.interfaces import INTERFACE_LIMIT, ORGANIZATION_LIMIT
from service.commands.seen import active_organization, to_change, to_rely_on
from service.interface_import.plan import Entry, Mode, What, fields_of, planned

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from uuid import UUID

    import asyncpg

    from domain.caller import Caller
    from service.clock import Clock
    from service.interface_import.imported import ImportedDocument
    from service.interface_import.plan import Plan
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

T = TypeVar("T")
__all__ = ["Mode", "Report", "Target", "carry_out"]

AT_ONCE = 100  # interfaces that are made or changed before others get their turn
WITHDRAWN = "The interface is not in the document that was imported"
"""Why grants end with what an import deletes."""


@dataclass(frozen=True, slots=True)
class Target:
    """The API resource of an import. `id` is None where a dry run would make it, `changed` names what is different."""

    id: UUID | None
    identifier: str
    name: str
    created: bool
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did, or would do. Equal plans have equal digests, whether they were carried out or not."""

    mode: Mode
    dry_run: bool
    resource: Target
    interfaces: tuple[Entry, ...]
    grants_kept: int
    grants_withdrawn: int
    digest: str

    def count(self, outcome: What) -> int:
        """Return of how many interfaces that became."""
        return Counter(entry.outcome for entry in self.interfaces)[outcome]


async def carry_out(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    document: ImportedDocument,
    mode: Mode,
    dry_run: bool = False,
    resource: str | None = None,
    expected: str | None = None,
    remember: Remember[Report] | None = None,
) -> Outcome[Report]:
    """Import a document, or with `dry_run` tell what that would do.

    `resource` is the identifier of the API resource, in place of the document's own; `expected` the digest of a report:
    what would do anything else is not done. Raises UnknownAccount, AccountNotActive, IdentifierNeeded,
    InvalidApiIdentifier, TooManyApiResources, TooManyInterfaces, ImportChanged or TooMuchAtOnce (too many grants end).
    """
    chosen = document.identifier if resource is None else checked_identifier(resource, field="resource")
    if chosen is None:
        raise IdentifierNeeded(field="resource")

    async def command(decision: Decision) -> Report:
        await active_organization(decision, by, organization)
        decision.rely_on(f"organization-api-resources:{organization}")
        there = await rows.resource_by_identifier(decision.connection, organization, chosen)
        present: list[asyncpg.Record] = []
        if there is not None:
            decision.rely_on(f"api_resource:{there['id']}", f"resource-interfaces:{there['id']}")
            present = await rows.of_resource(decision.connection, there["id"])
        plan = await asyncio.to_thread(planned, document, present, mode)  # of thousands it takes a while
        more = len(plan.add) - len(plan.delete)
        if len(present) + more > INTERFACE_LIMIT:
            raise TooManyInterfaces
        if more > 0:
            everywhere = await rows.count_of_organization(decision.connection, organization)
            if everywhere + more > ORGANIZATION_LIMIT:
                raise TooManyInterfaces
        target = _target(chosen, document, there, mode)
        counted = await grant_rows.count_of(decision.connection, [row["id"] for row in present])
        report = await asyncio.to_thread(_report, mode, document, target, plan, counted, dry_run=dry_run)
        if expected not in (None, report.digest):
            raise ImportChanged
        if dry_run:
            return report
        made = await _written(decision, by, target, document, store.clock)
        await _carry_out(decision, by, made, plan, store.clock)
        return replace(report, resource=replace(target, id=made.id))

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


def _target(identifier: str, document: ImportedDocument, there: asyncpg.Record | None, mode: Mode) -> Target:
    if there is None:
        return Target(None, identifier, document.name, created=True)
    stated = _stated(document) if mode is Mode.OVERWRITE else {}
    changed = tuple(name for name, value in stated.items() if there[name] != value)
    name = document.name if "name" in changed else there["name"]
    return Target(there["id"], there["identifier"], name, created=False, changed=changed)


def _stated(document: ImportedDocument) -> dict[str, Any]:
    """Return what a document says of its API resource; which audience tokens have is none of its business."""
    return {"name": document.name, "uri": document.uri, "description": document.description}


def _report(
    mode: Mode, document: ImportedDocument, target: Target, plan: Plan, counted: dict[UUID, int], *, dry_run: bool
) -> Report:
    entries = tuple(
        entry if entry.interface is None else replace(entry, grants=counted.get(entry.interface, 0))
        for entry in plan.entries
    )
    withdrawn = sum(counted.get(interface, 0) for interface in plan.delete)
    kept = sum(counted.values()) - withdrawn
    told = (mode, document.digest, target, entries, kept, withdrawn)
    return Report(
        mode=mode,
        dry_run=dry_run,
        resource=target,
        interfaces=entries,
        grants_kept=kept,
        grants_withdrawn=withdrawn,
        digest=sha256(msgspec.json.encode(told)).hexdigest(),
    )


async def _written(
    decision: Decision, by: Caller, target: Target, document: ImportedDocument, clock: Clock
) -> ApiResource:
    """Return the API resource as the import has it, made or changed where it has to be."""
    stated = _stated(document)
    if target.id is None:
        made = ApiResource.create(
            id=clock.new_id(),
            organization=decision.organization,
            identifier=target.identifier,
            by=by,
            now=clock.now(),
            **stated,
        )
        await api_resources.add(decision, made)
        return made
    if not target.changed:
        return await to_rely_on(decision, by, ApiResource, target.id)
    found = await to_change(decision, by, ApiResource, target.id)
    found.change(audience=found.audience, by=by, now=clock.now(), **stated)
    decision.save(found)
    return found


async def _carry_out(decision: Decision, by: Caller, within: ApiResource, plan: Plan, clock: Clock) -> None:
    now = clock.now()
    ending = [one for one in await decision.load_many(Interface, plan.delete) if not one.deleted]
    await interfaces.end(decision, by, ending, now, reason=WITHDRAWN)
    async for one in _unhurried(await decision.load_many(Interface, list(plan.replace))):
        former = one.address
        one.change(**fields_of(plan.replace[one.id]), by=by, now=now)
        interfaces.move(decision, one, former)
        decision.save(one)
    async for operation in _unhurried(plan.add):
        made = Interface.create(
            id=clock.new_id(),
            resource=within,
            identifier=operation.identifier,
            by=by,
            now=now,
            **fields_of(operation),
        )
        claims.claim_interface(decision, made)
        decision.save(made)


async def _unhurried(several: Iterable[T]) -> AsyncIterator[T]:
    """Yield each, and let others have their turn now and then: thousands at once would hold everybody up."""
    for number, one in enumerate(several, 1):
        yield one
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
