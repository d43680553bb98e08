"""What applications may: by their own list, by grants for audiences, and by grants for interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.interface import SAFE_METHODS, Method, Scope
from domain.permissions import ROOT, granted
from service.access import causes
from service.access.authzen.verdict import ALLOWED, Verdict, verdict

if TYPE_CHECKING:
    import asyncpg

    from service.access.authzen.facts import Facts
    from service.access.authzen.shapes import Action, Evaluation
    from service.access.authzen.subjects import Application

METHOD = "method"
"""The property of a call that tells its method."""


async def permission(
    facts: Facts, application: Application, organization: asyncpg.Record, asked: Evaluation
) -> Verdict:
    """Decide by what a token for the management interface may hold; beyond its own organization, it takes root."""
    own = application.organization == organization["id"]
    needed, missing = (asked.action.name, "permission_missing") if own else (ROOT, "another_organization")
    return await _held(facts, application, facts.audiences, needed, missing, organization["position"])


async def scope(facts: Facts, application: Application, asked: Evaluation) -> Verdict:
    """Decide by what a token for the audience may hold."""
    return await _held(facts, application, (asked.resource.id,), asked.action.name, "scope_missing")


async def call(facts: Facts, application: Application, interface: asyncpg.Record, asked: Evaluation) -> Verdict:
    """Decide by the application's right to the interface."""
    return await called(facts, application, interface, asked.action)


async def called(facts: Facts, application: Application | None, interface: asyncpg.Record, action: Action) -> Verdict:
    """Decide about a call, perhaps of no application in particular (None). How often it may be is no part of it."""
    if application is not None and application.organization != interface["organization"]:
        return verdict("another_organization", application.position)
    if fault := fault_of_method(interface, action):
        return fault
    right = Verdict(ALLOWED) if interface["scope"] == Scope.ANONYMOUS else await _right(facts, application, interface)
    if not right.allowed:
        return right
    if fault := await fault_of_limit(facts, interface, action):
        return fault
    home = await facts.home_of(interface["organization"])
    of = None if application is None else application.position
    return verdict(ALLOWED, of, home["position"], interface["position"], *right.positions)


def fault_of_method(interface: asyncpg.Record, action: Action) -> Verdict | None:
    """Return why an interface does not answer such a call, None when it does."""
    fits = interface["method"] in (Method.ANY, method_of(action) or interface["method"])
    return None if fits else verdict("another_method", interface["position"])


async def fault_of_limit(facts: Facts, interface: asyncpg.Record, action: Action) -> Verdict | None:
    """Return why a call is not let pass that may change something, None where it is."""
    home = await facts.home_of(interface["organization"])
    limited = interface["submit_limited"] or home["submit_limited"]
    if not limited or (method_of(action) or interface["method"]) in SAFE_METHODS:
        return None
    return verdict(causes.CHANGES_LIMITED.code, interface["position"], home["settings_position"])


def method_of(action: Action) -> str | None:
    """Return the method that a call is said to have, None when nothing is said of it."""
    named = (action.properties or {}).get(METHOD)
    return str(named) if named else None


async def _right(facts: Facts, application: Application | None, interface: asyncpg.Record) -> Verdict:
    if application is None:
        return verdict("application_required", interface["position"])
    if not application.calls:
        return verdict(causes.INTERFACE_CALLS_NOT_GRANTED.code, application.position)
    grant = await facts.interface_grant(application, interface["id"])
    cause = causes.of_grant(grant["status"], grant["expires_at"], facts.now)
    if cause is causes.GRANT_MISSING:
        return verdict(cause.code, application.position, interface["position"], grant["position"])
    return verdict(ALLOWED if cause is None else cause.code, grant["position"])


async def _held(
    facts: Facts, application: Application, audiences: tuple[str, ...], name: str, missing: str, *ground: int
) -> Verdict:
    if not application.calls:
        return verdict(causes.INTERFACE_CALLS_NOT_GRANTED.code, application.position)
    sources = application.held(*audiences)
    if not sources:
        return verdict("audience_missing", application.position)
    giving = [position for names, position in sources if granted((name,), names)]
    if not giving:
        return verdict(missing, application.position, *(position for _, position in sources))
    home = await facts.home_of(application.organization)
    return verdict(ALLOWED, application.position, home["position"], *giving, *ground)
