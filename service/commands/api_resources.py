"""Commands about API resources: make, change and delete them; their interfaces end with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.api_resource import ApiResource
from domain.interface import Interface
from domain.refusals import TooManyApiResources, TooMuchAtOnce
from projections import interfaces as rows
from service.commands import claims, interfaces
from service.commands.interfaces import SPARE
from service.commands.seen import active_organization, to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

RESOURCE_LIMIT = 1_000  # of an organization
ENDING_LIMIT = 10_000  # interfaces ended by one command: one append holds the lock of the log for as long as it takes
GONE = "The API resource was deleted"
"""Why the grants for its interfaces are withdrawn with it."""


async def create(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    identifier: str,
    name: str,
    uri: str | None = None,
    audience: str | None = None,
    description: str | None = None,
    remember: Remember[ApiResource] | None = None,
) -> Outcome[ApiResource]:
    """Make an API resource.

    Raises UnknownAccount, AccountNotActive, InvalidApiIdentifier, InvalidName, InvalidUri, InvalidAudience,
    InvalidDescription, IdentifierTaken or TooManyApiResources (over 1,000).
    """

    async def command(decision: Decision) -> ApiResource:
        await active_organization(decision, by, organization)
        made = ApiResource.create(
            id=store.clock.new_id(),
            organization=organization,
            identifier=identifier,
            name=name,
            uri=uri,
            audience=audience,
            description=description,
            by=by,
            now=store.clock.now(),
        )
        await add(decision, made)
        return made

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def add(decision: Decision, made: ApiResource) -> None:
    """Let a new API resource be, as a part of a decision. Raises TooManyApiResources."""
    present = await rows.resource_count(decision.connection, made.organization)
    if present >= RESOURCE_LIMIT:
        raise TooManyApiResources
    if present >= RESOURCE_LIMIT - SPARE:
        decision.rely_on(f"organization-api-resources:{made.organization}")
    claims.claim_api_resource(decision, made)
    decision.save(made)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    resource: UUID,
    name: str | Unchanged = UNCHANGED,
    uri: str | Unchanged | None = UNCHANGED,
    audience: str | Unchanged | None = UNCHANGED,
    description: str | Unchanged | None = UNCHANGED,
    remember: Remember[ApiResource] | None = None,
) -> Outcome[ApiResource]:
    """Change what is named. Raises UnknownApiResource and what `create` raises of these."""

    async def command(decision: Decision) -> ApiResource:
        changing = await to_change(decision, by, ApiResource, resource)
        changing.change(
            name=chosen(name, changing.name),
            uri=chosen(uri, changing.uri),
            audience=chosen(audience, changing.audience),
            description=chosen(description, changing.description),
            by=by,
            now=store.clock.now(),
        )
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    resource: UUID,
    cascade: bool = False,
    remember: Remember[None] | None = None,
) -> Outcome[None]:
    """Delete an API resource, with `cascade` its interfaces and the grants for them too, in one append.

    Raises UnknownApiResource, ApiResourceInUse (without `cascade`) or TooMuchAtOnce (over 10,000 grants).
    """

    async def command(decision: Decision) -> None:
        ending = await to_change(decision, by, ApiResource, resource)
        ending.require_known(by)
        if not cascade:
            decision.rely_on(f"resource-interfaces:{resource}")
            in_use = await rows.count(decision.connection, resource) > 0
            ending.delete(by, store.clock.now(), has_interfaces=in_use)
            claims.release_api_resource(decision, ending)
            decision.save(ending)
        else:
            await _end(decision, by, [ending], store.clock.now(), GONE)

    return await store.decide(command, origin, remember=remember)


async def end_of_organization(decision: Decision, by: Caller, organization: UUID, now: datetime) -> None:
    """End the API resources of an organization that ends, as a part of that decision. Raises TooMuchAtOnce."""
    decision.rely_on(f"organization-api-resources:{organization}")
    present = await rows.ids_of_organization(decision.connection, organization, limit=RESOURCE_LIMIT + SPARE)
    ending = [resource for resource in await decision.load_many(ApiResource, present) if not resource.deleted]
    await _end(decision, by, ending, now, "The organization was deleted")


async def _end(decision: Decision, by: Caller, ending: Sequence[ApiResource], now: datetime, reason: str) -> None:
    resources = [resource.id for resource in ending]
    decision.rely_on(*(f"resource-interfaces:{resource}" for resource in resources))
    ids = await rows.ids_of_resources(decision.connection, resources, limit=ENDING_LIMIT + 1)
    if len(ids) > ENDING_LIMIT:
        raise TooMuchAtOnce(f"more than {ENDING_LIMIT} interfaces")
    # One that was deleted since the rows were read has touched its resource's guard: the append is decided anew.
    within = [interface for interface in await decision.load_many(Interface, ids) if not interface.deleted]
    await interfaces.end(decision, by, within, now, reason=reason)
    for resource in ending:
        resource.delete(by, now)
        claims.release_api_resource(decision, resource)
        decision.save(resource)
