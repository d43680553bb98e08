"""Commands about connectors: set them up, change and try them, and end them with what they are configured with.

An organization has one connector to a target, and one sender of each kind: a new one takes the place of the former.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from domain.connector import Connector, Kind
from domain.permissions import ROOT, require_held
from domain.refusals import ConnectorTypeTaken, MissingPermission, NoSuchConnectorType, TooMany, WrongConnectorKind
from projections import connectors as rows
from projections import roles
from service.commands import claims
from service.commands.seen import active_organization, to_change
from service.commands.unchanged import UNCHANGED, Unchanged, chosen
from service.connectors import configuration
from service.connectors.registry import TYPES
from service.connectors.stored import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from domain.caller import Caller
    from service.connectors.configuration import Allowed
    from service.connectors.registry import ConnectorType
    from service.store.decision import Decision, Origin
    from service.store.pending import Remember
    from service.store.store import Outcome, Store


async def create(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    organization: UUID,
    type: str,
    allowed: Allowed,
    config: Mapping[str, Any] | None = None,
    target: str | None = None,
    name: Mapping[str, str] | None = None,
    logo: str | None = None,
    logo_dark: str | None = None,
    remember: Remember[Connector] | None = None,
) -> Outcome[Connector]:
    """Set a connector up; `allowed` are the pairs of host and port that may be called although private.

    Raises UnknownAccount, AccountNotActive, NoSuchConnectorType, InvalidConnectorConfig, TargetMissing, InvalidTarget,
    TargetTaken, ConnectorTypeTaken (a sender of this type is there), InvalidName, InvalidLocale, InvalidPicture,
    TooMany (over 50 connectors) or MissingPermission.
    """

    async def command(decision: Decision) -> Connector:
        await active_organization(decision, by, organization)
        known = TYPES.get(type)
        if known is None:
            raise NoSuchConnectorType(field="connectorId")
        now = store.clock.now()
        made = Connector.create(
            id=store.clock.new_id(),
            organization=organization,
            type=known.id,
            kind=known.kind,
            target=target or known.target,
            config=None if config is None else configuration.checked(known.config, config, allowed=allowed),
            name=name,
            logo=logo,
            logo_dark=logo_dark,
            by=by,
            now=now,
        )
        decision.rely_on(f"organization-connectors:{organization}")
        await _require_trusted(decision, by, made)
        present = await rows.of_organization(decision.connection, organization, limit=MOST)
        former = [row["id"] for row in present if row["kind"] == made.kind is not Kind.SOCIAL]
        if len(present) >= MOST and not former:
            raise TooMany(f"more than {MOST} connectors")
        await _replace(decision, by, made, former, now)
        decision.claim(claims.CONNECTOR, _place(made), made.id, organization=organization)
        decision.save(made)
        return made

    with claims.taken_refused():
        return await store.decide(command, origin, remember=remember)


async def change(
    store: Store,
    origin: Origin,
    by: Caller,
    *,
    connector: UUID,
    allowed: Allowed,
    config: Mapping[str, Any] | Unchanged = UNCHANGED,
    target: str | None = None,
    name: Mapping[str, str] | Unchanged = UNCHANGED,
    logo: str | Unchanged | None = UNCHANGED,
    logo_dark: str | Unchanged | None = UNCHANGED,
    remember: Remember[Connector] | None = None,
) -> Outcome[Connector]:
    """Change what is named; a configuration is replaced as a whole, but for secrets that its mask stands for.

    Raises UnknownConnector, InvalidConnectorConfig, SecretMissing, TargetFixed, InvalidName, InvalidLocale,
    InvalidPicture, TooMany or MissingPermission.
    """

    async def command(decision: Decision) -> Connector:
        changing = await _known(decision, by, connector)
        now = store.clock.now()
        changing.describe(
            target=target,
            name=chosen(name, changing.name),
            logo=chosen(logo, changing.logo),
            logo_dark=chosen(logo_dark, changing.logo_dark),
            by=by,
            now=now,
        )
        if not isinstance(config, Unchanged):
            shape = _type(changing).config
            changing.configure(configuration.checked(shape, config, allowed=allowed, former=changing.config), by, now)
            await _require_trusted(decision, by, changing)
        decision.save(changing)
        return changing

    return await store.decide(command, origin, remember=remember)


async def note_test(
    store: Store, origin: Origin, by: Caller, *, connector: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """Record that a message was sent to try a connector out. Raises UnknownConnector."""

    async def command(decision: Decision) -> None:
        tried = await _known(decision, by, connector)
        tried.note_test(by, store.clock.now())
        decision.save(tried)

    return await store.decide(command, origin, remember=remember)


async def delete(
    store: Store, origin: Origin, by: Caller, *, connector: UUID, remember: Remember[None] | None = None
) -> Outcome[None]:
    """End a connector, and destroy what it is configured with; what was linked through it stays linked.

    Raises UnknownConnector, or MissingPermission (a sender's).
    """

    async def command(decision: Decision) -> None:
        ending = await _known(decision, by, connector)
        await _require_trusted(decision, by, ending)
        _end(decision, by, ending, store.clock.now())

    return await store.decide(command, origin, remember=remember)


async def end_of_organization(decision: Decision, by: Caller, organization: UUID, now: datetime) -> None:
    """End the connectors of an organization that ends, as a part of that decision."""
    decision.rely_on(f"organization-connectors:{organization}")
    present = await rows.of_organization(decision.connection, organization, limit=MOST)
    for ending in await decision.load_many(Connector, [row["id"] for row in present]):
        if not ending.deleted:
            _end(decision, by, ending, now)


async def _known(decision: Decision, by: Caller, connector: UUID) -> Connector:
    found = await to_change(decision, by, Connector, connector)
    found.require_known(by)
    return found


async def _replace(decision: Decision, by: Caller, made: Connector, former: list[UUID], now: datetime) -> None:
    """Let a sender take the place of the one that there is. Raises ConnectorTypeTaken when that is of its type."""
    for ending in await decision.load_many(Connector, former):
        if ending.type == made.type and not ending.deleted:
            raise ConnectorTypeTaken(field="connectorId")
        if not ending.deleted:
            _end(decision, by, ending, now)


def _end(decision: Decision, by: Caller, ending: Connector, now: datetime) -> None:
    ending.delete(by, now)
    decision.release(claims.CONNECTOR, _place(ending), ending.id, organization=ending.organization)
    decision.save(ending)
    decision.destroy_key(ending.id)


async def _require_trusted(decision: Decision, by: Caller, connector: Connector) -> None:
    """Refuse whoever holds less than the roles of the organization do, where it is about what sends its messages.

    Whoever has the messages has the links and codes in them, by which people come in, and are what their roles let
    them be (as service/commands/entitled.py has it). Raises MissingPermission.
    """
    if connector.kind is Kind.SOCIAL:
        return
    decision.rely_on(f"organization-contents:{connector.organization}")
    permissions, privileged = await roles.held_in(decision.connection, connector.organization)
    if privileged and not by.is_root:
        raise MissingPermission(ROOT)
    require_held(by, permissions)


def _type(connector: Connector) -> ConnectorType:
    known = TYPES.get(connector.type)
    if known is None:  # of a later version of the program
        raise WrongConnectorKind(connector.type)
    return known


def _place(connector: Connector) -> bytes:
    """Return what there is one connector of: the target, or the kind of messages."""
    return sha256(f"{connector.kind}:{connector.target or ''}".encode()).digest()
