"""Finds what a command is about, as its caller sees it: what belongs to others is as unknown as what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.authorization import Authorization
from domain.connector import Connector
from domain.grant import Grant
from domain.group import Group
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.membership import Membership
from domain.refusals import (
    Unknown,
    UnknownAccount,
    UnknownApiResource,
    UnknownApplication,
    UnknownCode,
    UnknownConnector,
    UnknownGrant,
    UnknownGroup,
    UnknownInterface,
    UnknownInterfaceGrant,
    UnknownMembership,
    UnknownRole,
    UnknownScope,
    UnknownToken,
    UnknownUser,
)
from domain.role import Role
from domain.scope_definition import ScopeDefinition
from domain.token_family import TokenFamily
from domain.user import User

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.store.decision import Decision

K = TypeVar(
    "K",
    Account,
    ApiResource,
    Application,
    Authorization,
    Connector,
    Grant,
    Group,
    Interface,
    InterfaceGrant,
    Membership,
    Role,
    ScopeDefinition,
    TokenFamily,
    User,
)

UNKNOWN: dict[type, type[Unknown]] = {
    Account: UnknownAccount,
    ApiResource: UnknownApiResource,
    Application: UnknownApplication,
    Authorization: UnknownCode,
    Connector: UnknownConnector,
    Grant: UnknownGrant,
    Group: UnknownGroup,
    Interface: UnknownInterface,
    InterfaceGrant: UnknownInterfaceGrant,
    Membership: UnknownMembership,
    Role: UnknownRole,
    ScopeDefinition: UnknownScope,
    TokenFamily: UnknownToken,
    User: UnknownUser,
}


async def to_change(decision: Decision, by: Caller, kind: type[K], stream: UUID) -> K:
    """Return what the command changes, deleted or not, and record the decision in its organization.

    The append is refused when it has changed by then. Raises the Unknown refusal of the kind.
    """
    return seen(decision, by, kind, await decision.load(kind, stream))


def seen(decision: Decision, by: Caller, kind: type[K], found: K | None) -> K:
    """Return what was found if the caller sees it, and record the decision in its organization. Raises as above."""
    if found is None or not by.sees(found.organization):
        raise UNKNOWN[kind]
    decision.organization = found.organization
    return found


async def to_rely_on(decision: Decision, by: Caller, kind: type[K], stream: UUID) -> K:
    """Return what the command only looks at, deleted or not, and rely on its guard.

    Edits that no decision depends on, such as another name, do not get in the way. Raises as `to_change` does.
    """
    decision.rely_on(f"{kind.TOPIC}:{stream}")
    found = await decision.peek(kind, stream)
    if found is None or not by.sees(found.organization):
        raise UNKNOWN[kind]
    return found


async def known_user(decision: Decision, by: Caller, user: UUID) -> User:
    """Return a user whose belongings the command is about, rely on them, and record the decision in their organization.

    Raises UnknownUser, when they are deleted too.
    """
    found = await to_rely_on(decision, by, User, user)
    found.require_known()
    decision.organization = found.organization
    return found


async def active_organization(decision: Decision, by: Caller, organization: UUID) -> Account:
    """Return the root account of an organization in which the command makes something, and rely on it.

    The decision is recorded in that organization. Raises UnknownAccount (a child account too) or AccountNotActive.
    """
    account = await to_rely_on(decision, by, Account, organization)
    if account.parent is not None:
        raise UnknownAccount
    account.require_active()
    decision.organization = organization
    return account
