"""The rules of the service: one module for each aggregate, holding its events, its state and its commands.

Importing the package registers the topics of every event, so that a stored event finds its class. Nothing here does
I/O, reads a clock or draws a random number: times, ids and digests are arguments.
"""

from __future__ import annotations

from eventsourcing.domain import Aggregate, CanMutateAggregate

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.authorization import Authorization
from domain.connector import Connector
from domain.consent import Consent
from domain.device_authorization import DeviceAuthorization
from domain.event import Recorded
from domain.factor import AuthenticationFactor
from domain.grant import Grant
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.identity import EnterpriseIdentity, Identity
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.invitation import Invitation
from domain.log_purge import LogPurge
from domain.membership import Membership
from domain.personal_access_token import PersonalAccessToken
from domain.revocation import Revocation
from domain.role import Role
from domain.scope_definition import ScopeDefinition
from domain.session import Session
from domain.signing_key import SigningKey
from domain.token_family import TokenFamily
from domain.user import User
from domain.verification import Verification

AGGREGATES: tuple[type[Aggregate], ...] = (
    Account,
    User,
    Membership,
    Role,
    ScopeDefinition,
    Group,
    GroupMembership,
    LogPurge,
    Application,
    Connector,
    ApiResource,
    Interface,
    InterfaceGrant,
    Grant,
    Invitation,
    Identity,
    EnterpriseIdentity,
    AuthenticationFactor,
    Session,
    Consent,
    Authorization,
    DeviceAuthorization,
    PersonalAccessToken,
    TokenFamily,
    Revocation,
    SigningKey,
    Verification,
)

# The library adds a "created" event of its own to each aggregate; only those that declare a topic are ours.
EVENTS: dict[str, type[Recorded]] = {
    event.TOPIC: event
    for aggregate in AGGREGATES
    for name, event in vars(aggregate).items()
    if isinstance(event, type)
    and issubclass(event, Recorded)
    and issubclass(event, CanMutateAggregate)
    and "TOPIC" in vars(event)
    and name != "Event"
}
"""Every event that can be in the log, by its topic."""
