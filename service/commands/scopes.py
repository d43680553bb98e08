"""Commands about scope definitions: make scopes known, say something about them, forget them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.application import Application
from domain.permissions import BUILT_IN_SCOPES
from domain.refusals import BuiltInScope, MissingPermission, TooMuchAtOnce, UndefinedScope, UnknownScope
from domain.scope_definition import BUILT_IN, ScopeDefinition
from projections import applications, scopes
from service.commands import claims
from service.commands.seen import active_organization, to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from domain.scope_definition import ScopeType
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store

APPLICATION_LIMIT = 1_000  # changed by one command: one append holds the lock of the log for as long as it takes
WRITE_APP = "write_app"


async def define(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    name: str,
    type: ScopeType,
    note: str | None = None,
    locales: Mapping[str, str] | None = None,
    remember: Remember[ScopeDefinition] | None = None,
) -> Outcome[ScopeDefinition]:
    """Make a scope known.

    Raises UnknownAccount, AccountNotActive, BuiltInScope, InvalidScope, InvalidName, InvalidDescription, InvalidLocale,
    TooMany or NameTaken.
    """

    async def command(decision: Decision) -> ScopeDefinition:
        await active_organization(decision, by, organization)
        scope = ScopeDefinition.define(
            id=store.clock.new_id(),
            organization=organization,
            name=name,
            type=type,
            note=note,
            locales=locales or {},
            by=by,
            now=store.clock.now(),
        )
        claims.claim_scope_name(decision, scope)
        decision.save(scope)
        return scope

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    scope: UUID,
    name: str | Unchanged = UNCHANGED,
    note: str | Unchanged | None = UNCHANGED,
    locales: Mapping[str, str] | Unchanged = UNCHANGED,
    remember: Remember[ScopeDefinition] | None = None,
) -> Outcome[ScopeDefinition]:
    """Change what is named; of a built-in scope, in the caller's organization, all but the name.

    Applications that hold the scope hold it under its new name then, which takes `write_app` as well. Raises
    UnknownScope, MissingPermission, TooMuchAtOnce (over 1,000 applications) and what `define` raises.
    """

    async def command(decision: Decision) -> ScopeDefinition:
        now = store.clock.now()
        changing = await _found(decision, by, scope)
        if changing is None:
            if chosen(name, BUILT_IN[scope]) != BUILT_IN[scope]:
                raise BuiltInScope
            described = ScopeDefinition.define(
                id=store.clock.new_id(),
                organization=by.organization,
                name=BUILT_IN[scope],
                type=None,
                note=chosen(note, None),
                locales=chosen(locales, {}),
                by=by,
                now=now,
            )
            claims.claim_scope_name(decision, described)
            decision.save(described)
            return described
        former = changing.name
        changing.change(chosen(name, former), chosen(note, changing.note), chosen(locales, changing.locales), by, now)
        if changing.name != former:
            claims.release_scope_name(decision, changing, former)
            claims.claim_scope_name(decision, changing)
            if await _exchange(decision, changing, former, changing.name, now) and not by.holds(WRITE_APP):
                raise MissingPermission(WRITE_APP)
        decision.save(changing)
        return changing

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, scope: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Forget a scope, which the organization's applications then hold no longer, all in one append.

    Raises UnknownScope, BuiltInScope or TooMuchAtOnce (over 1,000 applications).
    """

    async def command(decision: Decision) -> None:
        ending = await _found(decision, by, scope)
        if ending is None:
            raise BuiltInScope
        now = store.clock.now()
        ending.delete(by, now)
        await _exchange(decision, ending, ending.name, None, now)
        claims.release_scope_name(decision, ending, ending.name)
        decision.save(ending)

    return await store.decide(command, origin, remember=remember)


async def require_defined(decision: Decision, organization: UUID, names: Iterable[str]) -> None:
    """Rely on each of these scopes being built in or defined in the organization. Raises UndefinedScope."""
    free = set(names).difference(BUILT_IN_SCOPES)
    if not free:
        return
    decision.rely_on(f"organization-scopes:{organization}")
    undefined = free - (await scopes.by_names(decision.connection, organization, free)).keys()
    if undefined:
        raise UndefinedScope(" ".join(sorted(undefined)))


async def _found(decision: Decision, by: Caller, scope: UUID) -> ScopeDefinition | None:
    """Return the definition to change; None for a built-in scope that nothing was said about. Raises UnknownScope."""
    if scope not in BUILT_IN:
        found = await to_change(decision, by, ScopeDefinition, scope)
        if found.built_in:
            raise UnknownScope("a built-in scope goes by its own id")
        found.require_known(by)
        return found
    organization = by.organization
    await active_organization(decision, by, organization)
    decision.rely_on(f"organization-scopes:{organization}")
    said = await scopes.by_names(decision.connection, organization, [BUILT_IN[scope]])
    return None if not said else await decision.load(ScopeDefinition, said[BUILT_IN[scope]])


async def _exchange(decision: Decision, scope: ScopeDefinition, former: str, name: str | None, now: datetime) -> int:
    """Let the organization's applications hold another name instead of the former one; return how many did."""
    decision.rely_on(f"organization-applications:{scope.organization}")
    ids = await applications.holders(decision.connection, scope.organization, former, limit=APPLICATION_LIMIT + 1)
    if len(ids) > APPLICATION_LIMIT:
        raise TooMuchAtOnce(f"more than {APPLICATION_LIMIT} applications")
    for holder in await decision.load_many(Application, ids):
        holder.exchange_scope(former, name, now)
        decision.save(holder)
    return len(ids)
