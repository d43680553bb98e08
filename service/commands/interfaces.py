"""Commands about interfaces of API resources: make, change and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.api_resource import ApiResource
from domain.interface import FREQUENCY, TEST_FREQUENCY, Interface, Scope
from domain.refusals import TooManyInterfaces
from projections import interfaces as rows
from service.commands import claims, interface_grants
from service.commands.seen import to_change, to_rely_on
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

INTERFACE_LIMIT = 5_000  # of a resource: one append ends or replaces them all, and holds the lock of the log meanwhile
ORGANIZATION_LIMIT = 100_000
"""Of an organization, some more where several add at once: a search goes through all of them, and so does what asks for
all of them."""
SPARE = 500  # this close to a limit, those who add at the same time wait for each other
GONE = "The interface was deleted"
"""Why the grants for an interface are withdrawn with it."""


async def create(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    resource: UUID,
    identifier: str,
    name: str,
    method: str,
    path: str,
    frequency: int = FREQUENCY,
    test_frequency: int = TEST_FREQUENCY,
    submit_limited: bool = False,
    scope: str = Scope.AUTHORIZED,
    description: str | None = None,
    remember: Remember[Interface] | None = None,
) -> Outcome[Interface]:
    """Make an interface.

    Raises UnknownApiResource, InvalidApiIdentifier, InvalidName, InvalidMethod, InvalidPath, InvalidFrequency,
    InvalidInterfaceScope, InvalidDescription, IdentifierTaken, AddressTaken or TooManyInterfaces (over 5,000, or over
    100,000 in the organization).
    """

    async def command(decision: Decision) -> Interface:
        within = await to_rely_on(decision, by, ApiResource, resource)
        made = Interface.create(
            id=store.clock.new_id(),
            resource=within,
            identifier=identifier,
            name=name,
            method=method,
            path=path,
            frequency=frequency,
            test_frequency=test_frequency,
            submit_limited=submit_limited,
            scope=scope,
            description=description,
            by=by,
            now=store.clock.now(),
        )
        decision.organization = within.organization
        present = await rows.count(decision.connection, resource)
        if present >= INTERFACE_LIMIT:
            raise TooManyInterfaces
        if await rows.count_of_organization(decision.connection, within.organization) >= ORGANIZATION_LIMIT:
            raise TooManyInterfaces
        if present >= INTERFACE_LIMIT - SPARE:
            decision.rely_on(f"resource-interfaces:{resource}")
        claims.claim_interface(decision, made)
        decision.save(made)
        return made

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    interface: UUID,
    name: str | Unchanged = UNCHANGED,
    method: str | Unchanged = UNCHANGED,
    path: str | Unchanged = UNCHANGED,
    frequency: int | Unchanged = UNCHANGED,
    test_frequency: int | Unchanged = UNCHANGED,
    submit_limited: bool | Unchanged = UNCHANGED,
    scope: str | Unchanged = UNCHANGED,
    description: str | Unchanged | None = UNCHANGED,
    remember: Remember[Interface] | None = None,
) -> Outcome[Interface]:
    """Change what is named; grants for the interface stay. Raises UnknownInterface and what `create` raises of it."""

    async def command(decision: Decision) -> Interface:
        changing = await to_change(decision, by, Interface, interface)
        former = changing.address
        changing.change(
            name=chosen(name, changing.name),
            method=chosen(method, changing.method),
            path=chosen(path, changing.path),
            frequency=chosen(frequency, changing.frequency),
            test_frequency=chosen(test_frequency, changing.test_frequency),
            submit_limited=chosen(submit_limited, changing.submit_limited),
            scope=chosen(scope, changing.scope),
            description=chosen(description, changing.description),
            by=by,
            now=store.clock.now(),
        )
        move(decision, changing, former)
        decision.save(changing)
        return changing

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, interface: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Delete an interface, and withdraw the grants for it. Raises UnknownInterface or TooMuchAtOnce."""

    async def command(decision: Decision) -> None:
        ending = await to_change(decision, by, Interface, interface)
        await end(decision, by, [ending], store.clock.now())

    return await store.decide(command, origin, remember=remember)


def move(decision: Decision, interface: Interface, former: str) -> None:
    """Let others have the address that an interface had, where it has another one now."""
    if interface.address != former:
        claims.release_interface_address(decision, interface, former)
        claims.claim_interface_address(decision, interface)


async def end(decision: Decision, by: Caller, ending: Sequence[Interface], now: datetime, *, reason: str = GONE) -> int:
    """Delete interfaces as a part of a decision that has loaded them; return how many grants are withdrawn with them.

    Raises UnknownInterface (one was deleted already) or TooMuchAtOnce (over 10,000 grants).
    """
    for interface in ending:
        interface.delete(by, now)
        claims.release_interface(decision, interface)
    ids = [interface.id for interface in ending]
    withdrawn = await interface_grants.withdraw_of_interfaces(decision, ids, by, now, reason)
    decision.save(*ending)
    return withdrawn
