"""The names that commands claim, each unique in its space, and the refusal when one is taken."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from domain.api_resource import folded_identifier
from domain.refusals import (
    AddressTaken,
    AlreadyMember,
    BackupCodesInUse,
    ClientIdTaken,
    Conflict,
    EmailTaken,
    IdentifierTaken,
    IdentityTaken,
    InvalidEmail,
    NameTaken,
    PersonalAccessTokenNameTaken,
    PhoneTaken,
    TargetTaken,
    TotpInUse,
    UsernameTaken,
)
from service.commands.emails import TYPED_LIMIT, identity, normalised
from service.store.refusals import Taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.account import Account
    from domain.api_resource import ApiResource
    from domain.application import Application
    from domain.group import Group
    from domain.group_membership import GroupMembership
    from domain.interface import Interface
    from domain.interface_grant import InterfaceGrant
    from domain.membership import Membership
    from domain.role import Role
    from domain.scope_definition import ScopeDefinition
    from domain.user import User
    from service.store.decision import Decision

MEMBERSHIP = "membership"
ROLE_NAME = "role-name"
CLIENT_ID = "client_id"
EMAIL = "email"
PHONE = "phone"
USERNAME = "username"
SCOPE_NAME = "scope-name"
SLUG = "slug"
GROUP_NAME = "group-name"
GROUP_MEMBERSHIP = "group-membership"
CONNECTOR = "connector"
API_RESOURCE = "api-resource"
INTERFACE = "interface"
INTERFACE_PATH = "interface-path"
INTERFACE_GRANT = "interface-grant"
IDENTITY = "identity"
IDENTITY_TARGET = "identity-target"
SSO_IDENTITY = "sso-identity"
TOTP = "totp"
BACKUP_CODES = "backup-codes"
TOKEN_NAME = "pat-name"  # noqa: S105 - a space of claims

REFUSALS: dict[str, type[Conflict]] = {MEMBERSHIP: AlreadyMember, ROLE_NAME: NameTaken, CLIENT_ID: ClientIdTaken}
REFUSALS |= {EMAIL: EmailTaken, PHONE: PhoneTaken, USERNAME: UsernameTaken}
REFUSALS |= {SCOPE_NAME: NameTaken, SLUG: NameTaken, GROUP_NAME: NameTaken, GROUP_MEMBERSHIP: AlreadyMember}
REFUSALS[TOKEN_NAME] = PersonalAccessTokenNameTaken
REFUSALS |= {TOTP: TotpInUse, BACKUP_CODES: BackupCodesInUse}
REFUSALS |= {IDENTITY: IdentityTaken, IDENTITY_TARGET: IdentityTaken, SSO_IDENTITY: IdentityTaken}
REFUSALS[CONNECTOR] = TargetTaken
REFUSALS |= {API_RESOURCE: IdentifierTaken, INTERFACE: IdentifierTaken, INTERFACE_PATH: AddressTaken}
FIELDS = {ROLE_NAME: "name", CLIENT_ID: "client_id", SCOPE_NAME: "name", SLUG: "slug", GROUP_NAME: "name"}
FIELDS[USERNAME] = "username"
FIELDS[TOKEN_NAME] = "name"
FIELDS |= {API_RESOURCE: "identifier", INTERFACE: "identifier", INTERFACE_PATH: "path"}


def claim_membership(decision: Decision, membership: Membership) -> None:
    """Let a user be a member of an account once."""
    decision.claim(MEMBERSHIP, _pair(membership), membership.id)


def release_membership(decision: Decision, membership: Membership) -> None:
    """Let the user become a member again."""
    decision.release(MEMBERSHIP, _pair(membership), membership.id)


def claim_role_name(decision: Decision, role: Role) -> None:
    """Let no other role of the organization have this role's name; upper and lower case differ."""
    decision.claim(ROLE_NAME, _text(role.name), role.id, organization=role.organization)


def release_role_name(decision: Decision, role: Role, name: str) -> None:
    """Let other roles have a name that this role had."""
    decision.release(ROLE_NAME, _text(name), role.id, organization=role.organization)


def claim_client_id(decision: Decision, application: Application) -> None:
    """Let no other application of any organization ever have this client id: it is never released."""
    decision.claim(CLIENT_ID, _text(application.client_id), application.id)


def claim_scope_name(decision: Decision, scope: ScopeDefinition) -> None:
    """Let no other definition of the organization be of this scope."""
    decision.claim(SCOPE_NAME, _text(scope.name), scope.id, organization=scope.organization)


def release_scope_name(decision: Decision, scope: ScopeDefinition, name: str) -> None:
    """Let other definitions have a name that this one had."""
    decision.release(SCOPE_NAME, _text(name), scope.id, organization=scope.organization)


def claim_slug(decision: Decision, org: Account) -> None:
    """Let no other org of the organization have this org's slug, in upper or lower case."""
    if org.slug is not None:
        decision.claim(SLUG, _text(org.slug.lower()), org.id, organization=org.organization)


def release_slug(decision: Decision, org: Account, slug: str | None) -> None:
    """Let other orgs have a slug that this one had."""
    if slug is not None:
        decision.release(SLUG, _text(slug.lower()), org.id, organization=org.organization)


def claim_group_name(decision: Decision, group: Group) -> None:
    """Let no other group of the org have this group's name; upper and lower case differ."""
    decision.claim(GROUP_NAME, _of_account(group, group.name), group.id)


def release_group_name(decision: Decision, group: Group, name: str) -> None:
    """Let other groups have a name that this group had."""
    decision.release(GROUP_NAME, _of_account(group, name), group.id)


def claim_group_membership(decision: Decision, place: GroupMembership) -> None:
    """Let a user be in a group once."""
    decision.claim(GROUP_MEMBERSHIP, _place(place), place.id)


def release_group_membership(decision: Decision, place: GroupMembership) -> None:
    """Let the user be put into the group again."""
    decision.release(GROUP_MEMBERSHIP, _place(place), place.id)


def claim_api_resource(decision: Decision, resource: ApiResource) -> None:
    """Let no other API resource of the organization have this one's identifier, in upper or lower case."""
    decision.claim(API_RESOURCE, _identifier(resource), resource.id, organization=resource.organization)


def release_api_resource(decision: Decision, resource: ApiResource) -> None:
    """Let other API resources have the identifier."""
    decision.release(API_RESOURCE, _identifier(resource), resource.id, organization=resource.organization)


def claim_interface(decision: Decision, interface: Interface) -> None:
    """Let no other interface of the resource have this one's identifier, in upper or lower case, or its address."""
    decision.claim(INTERFACE, _of_resource(interface), interface.id, organization=interface.organization)
    claim_interface_address(decision, interface)


def release_interface(decision: Decision, interface: Interface) -> None:
    """Let other interfaces have the identifier and the address."""
    decision.release(INTERFACE, _of_resource(interface), interface.id, organization=interface.organization)
    release_interface_address(decision, interface, interface.address)


def claim_interface_address(decision: Decision, interface: Interface) -> None:
    """Let no other interface of the resource answer this one's method and path."""
    digest = _address(interface, interface.address)
    decision.claim(INTERFACE_PATH, digest, interface.id, organization=interface.organization)


def release_interface_address(decision: Decision, interface: Interface, address: str) -> None:
    """Let other interfaces answer a method and a path that this one did."""
    digest = _address(interface, address)
    decision.release(INTERFACE_PATH, digest, interface.id, organization=interface.organization)


def claim_interface_grant(decision: Decision, grant: InterfaceGrant) -> None:
    """Let an application have one grant for an interface."""
    decision.claim(INTERFACE_GRANT, _right(grant), grant.id, organization=grant.organization)


def release_interface_grant(decision: Decision, grant: InterfaceGrant) -> None:
    """Let the application ask for the interface anew."""
    decision.release(INTERFACE_GRANT, _right(grant), grant.id, organization=grant.organization)


async def claim_email(decision: Decision, user: User) -> None:
    """Let no other user of the organization have this user's e-mail address, in upper or lower case."""
    if user.email is not None:
        decision.claim(EMAIL, await _email(decision, user, user.email), user.id, organization=user.organization)


async def release_email(decision: Decision, user: User, email: str | None) -> None:
    """Let other users have an e-mail address that this user had."""
    if email is not None:
        decision.release(EMAIL, await _email(decision, user, email), user.id, organization=user.organization)


async def claim_username(decision: Decision, user: User) -> None:
    """Let no other user of the organization have this user's username, in upper or lower case."""
    if user.username is not None:
        digest = await _username(decision, user, user.username)
        decision.claim(USERNAME, digest, user.id, organization=user.organization)


async def release_username(decision: Decision, user: User, username: str | None) -> None:
    """Let other users have a username that this user had."""
    if username is not None:
        digest = await _username(decision, user, username)
        decision.release(USERNAME, digest, user.id, organization=user.organization)


async def claim_phone(decision: Decision, user: User) -> None:
    """Let no other user of the organization have this user's phone number."""
    if user.phone is not None:
        decision.claim(PHONE, await _phone(decision, user, user.phone), user.id, organization=user.organization)


async def release_phone(decision: Decision, user: User, phone: str | None) -> None:
    """Let other users have a phone number that this user had."""
    if phone is not None:
        decision.release(PHONE, await _phone(decision, user, phone), user.id, organization=user.organization)


def sign_in_name(typed: str) -> tuple[str, str]:
    """Return the space that what somebody typed as their name is claimed in, if by anybody, and their text there."""
    typed = typed.strip()
    if len(typed) > TYPED_LIMIT:  # nobody's
        return EMAIL, ""
    if "@" not in typed:
        return USERNAME, typed.lower()
    try:
        return EMAIL, identity(normalised(typed))
    except InvalidEmail:  # nobody's
        return EMAIL, identity(typed)


async def _username(decision: Decision, user: User, username: str) -> bytes:
    return await decision.identifier_digest(USERNAME, username.lower(), organization=user.organization)


async def _phone(decision: Decision, user: User, phone: str) -> bytes:
    return await decision.identifier_digest(PHONE, phone, organization=user.organization)


async def _email(decision: Decision, user: User, email: str) -> bytes:
    return await decision.identifier_digest(EMAIL, identity(email), organization=user.organization)


def _pair(membership: Membership) -> bytes:
    return sha256(membership.account.bytes + membership.user.bytes).digest()


def _place(place: GroupMembership) -> bytes:
    return sha256(place.group.bytes + place.user.bytes).digest()


def _identifier(resource: ApiResource) -> bytes:
    return _text(folded_identifier(resource.identifier))


def _of_resource(interface: Interface) -> bytes:
    return sha256(interface.resource.bytes + folded_identifier(interface.identifier).encode()).digest()


def _address(interface: Interface, address: str) -> bytes:
    return sha256(interface.resource.bytes + address.encode()).digest()


def _right(grant: InterfaceGrant) -> bytes:
    return sha256(grant.application.bytes + grant.interface.bytes).digest()


def _of_account(group: Group, name: str) -> bytes:
    return sha256(group.account.bytes + name.encode()).digest()


def _text(value: str) -> bytes:
    return sha256(value.encode()).digest()


@contextmanager
def taken_refused() -> Iterator[None]:
    """Turn the store's Taken into the refusal of that space."""
    try:
        yield
    except Taken as taken:
        raise REFUSALS[taken.space](field=FIELDS.get(taken.space)) from None
