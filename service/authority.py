"""What people may do by their roles: at our own pages, and by the tokens that applications hold for them.

Deny by default. A page acts with all that the roles hold but root; a token with what its application holds as well, was
asked for by name and consented to. Whoever acts in somebody else's name has nothing by that person's roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.caller import Caller
from domain.permissions import ALL, PERMISSIONS, ROOT, personal
from domain.refusals import MissingPermission, UnknownSession
from projections import roles
from projections.roles import NOTHING
from service.parts import PARTS, REQUEST_ID
from service.store.decision import Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from aiohttp import web

    from projections.roles import Held
    from service.parts import Parts
    from service.sessions import SignedIn

_PERMISSIONS = frozenset(PERMISSIONS)


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody signed in as the rules see them, and the guards that this rests on."""

    caller: Caller
    guards: dict[str, int]


async def of_person(parts: Parts, signed_in: SignedIn) -> Authority:
    """Return what somebody signed in may do at our own pages: what their roles hold by now, never root."""
    held = await roles.held_by(parts.store.pool, signed_in.user)
    caller = Caller(
        actor=signed_in.user,
        organization=signed_in.organization,
        permissions=held.permissions - {ROOT},
        user=signed_in.user,
    )
    return Authority(caller, {**held.guards, **signed_in.guards})


def origin_of(request: web.Request, signed_in: SignedIn, authority: Authority) -> Origin:
    """Return where a command comes from that this person gives by their roles.

    When the ground moves, session and roles are looked up again: the command raises UnknownSession when the session is
    over, and MissingPermission when the roles hold less than it was admitted by.
    """

    async def renew() -> Origin:
        parts = request.app[PARTS]
        present = await parts.sessions.present(request)
        if present is None or present.id != signed_in.id:
            raise UnknownSession
        renewed = await of_person(parts, present)
        lost = authority.caller.permissions - renewed.caller.permissions
        if lost:
            raise MissingPermission(f"taken away meanwhile: {' '.join(sorted(lost))}")
        return origin_of(request, present, renewed)

    return Origin(
        actor=signed_in.user,
        organization=signed_in.organization,
        client=None,
        request_id=request[REQUEST_ID],
        reads=authority.guards,
        renew=renew,
    )


def anybodys(management: Collection[str], audience: str) -> frozenset[str]:
    """Return what permissions a request may name at an audience while nobody knows yet whose token it leads to."""
    return frozenset({ALL}) if audience in management else frozenset()


async def at(parts: Parts, audience: str, scope: str | None, *, user: UUID) -> Held:
    """Return what a user's roles hold for a token of this scope at an audience; nothing where it names no permission.

    To be read after the position that the user is guarded from; the roles are for the caller to guard.
    """
    if audience not in parts.settings.management_audiences or _PERMISSIONS.isdisjoint((scope or "").split()):
        return NOTHING
    return await roles.held_by(parts.store.pool, user)


def shown(scope: Iterable[str], names: str) -> tuple[str, ...]:
    """Return what of a scope somebody has agreed to who was shown these permissions; all else needs no such proof.

    What their roles came to hold while they looked at the page is not among it.
    """
    seen = names.split()
    return tuple(name for name in scope if name not in _PERMISSIONS or name in seen)


async def kept(parts: Parts, audience: str, scope: str, *, user: UUID) -> list[str]:
    """Return what of a scope that an application may have remains when this user is the one it acts for."""
    held = await at(parts, audience, scope, user=user)
    return personal(scope.split(), held.permissions)
