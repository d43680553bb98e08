"""What must be true after a history, kept in plain Python beside the service: nothing here reads events or rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from domain.caller import Caller
    from service.commands.verifications import Addressee

ACTIVE, SUSPENDED, DISABLED, DELETED = "active", "suspended", "disabled", "deleted"
OWNER = "owner"


@dataclass
class AccountFacts:
    organization: UUID
    parent: UUID | None
    depth: int
    name: str
    status: str = ACTIVE
    description: str | None = None
    color: str | None = None
    slug: str | None = None
    features: frozenset[str] = frozenset()
    code_tries: int = 10
    verified_identifiers: bool = False
    submit_limited: bool = False


@dataclass
class UserFacts:
    organization: UUID
    application: UUID
    name: str | None
    status: str
    had_name: bool
    roles: set[UUID] = field(default_factory=set)


@dataclass
class MembershipFacts:
    organization: UUID
    account: UUID
    user: UUID
    role: str
    status: str = ACTIVE
    active: bool = False


@dataclass
class GroupFacts:
    organization: UUID
    account: UUID
    name: str
    status: str = ACTIVE
    members: set[UUID] = field(default_factory=set)


@dataclass
class ScopeFacts:
    organization: UUID
    name: str
    status: str = ACTIVE


@dataclass
class RoleFacts:
    organization: UUID
    name: str
    permissions: list[str]
    status: str = ACTIVE
    built_in: bool = False

    @property
    def privileged(self) -> bool:
        return "root" in self.permissions


@dataclass
class ApplicationFacts:
    organization: UUID
    client_id: str
    kind: str
    name: str
    permissions: list[str]
    lifetime: int
    status: str = ACTIVE
    key_set: object = None
    secrets: dict[UUID, tuple[str, datetime | None]] = field(default_factory=dict)
    standing: str | None = None
    kinds: list[str] | None = None
    created_by: UUID | None = None
    submitted_by: UUID | None = None
    submitted_at: datetime | None = None
    until: datetime | None = None

    @property
    def public(self) -> bool:
        return self.kind == "spa"

    @property
    def signs_in_only(self) -> bool:
        return self.kinds is not None and "api" not in self.kinds

    def effective(self, now: datetime) -> bool:
        """Say whether a third party's approval counts."""
        return self.standing == "effective" and self.until is not None and now < self.until

    def usable(self, now: datetime) -> bool:
        return self.status == ACTIVE and (self.standing is None or self.effective(now))


@dataclass
class GrantFacts:
    organization: UUID
    application: UUID
    scope: list[str]
    requested_by: UUID
    expires_at: datetime | None
    status: str = "pending"
    decided_by: UUID | None = None


@dataclass
class SessionFacts:
    organization: UUID
    user: UUID
    digest: str
    expires_at: datetime
    status: str = ACTIVE


@dataclass
class ConsentFacts:
    organization: UUID
    user: UUID
    application: UUID
    scope: set[str]
    decided_at: datetime
    status: str = ACTIVE


@dataclass
class DeviceFacts:
    organization: UUID
    application: UUID
    expires_at: datetime
    status: str = "pending"


@dataclass
class IdentityFacts:
    """`details` are told as JSON."""

    organization: UUID
    user: UUID
    target: str
    person: str
    details: str | None
    status: str = ACTIVE


@dataclass
class EnterpriseFacts:
    organization: UUID
    user: UUID
    connector: str
    issuer: str
    identity_id: str
    status: str = ACTIVE


@dataclass
class PersonalTokenFacts:
    organization: UUID
    user: UUID
    name: str
    expires_at: datetime | None
    status: str = ACTIVE


@dataclass
class FactorFacts:
    """`secrets` are an app's, or the codes; `used` are steps of time, or which of the codes."""

    organization: UUID
    user: UUID
    kind: str
    remaining: int | None
    secrets: list[str]
    used: set[int] = field(default_factory=set)
    status: str = ACTIVE


@dataclass
class ConnectorFacts:
    organization: UUID
    type: str
    kind: str
    target: str | None
    status: str = ACTIVE


@dataclass
class ResourceFacts:
    organization: UUID
    identifier: str
    audience: str | None
    created_by: UUID
    status: str = ACTIVE


@dataclass
class InterfaceFacts:
    organization: UUID
    resource: UUID
    identifier: str
    method: str
    path: str
    frequency: int = 120
    limited: bool = False
    status: str = ACTIVE


@dataclass
class InterfaceGrantFacts:
    organization: UUID
    application: UUID
    resource: UUID
    interface: UUID
    frequency: int
    test_frequency: int
    requested_by: UUID
    expires_at: datetime | None
    status: str = "pending"

    def effective(self, now: datetime) -> bool:
        return self.status == "effective" and self.expires_at is not None and now < self.expires_at


@dataclass
class CodeFacts:
    to: Addressee
    sent_at: datetime
    misses: int = 0
    waits: bool = True
    verified_at: datetime | None = None  # as long as nothing was made of it


@dataclass
class TokenFacts:
    family: UUID
    position: int
    expires_at: datetime | None
    ended: bool = False
    deleted: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class RefreshFacts:
    expires_at: datetime | None
    position: int = 0
    used: bool = False
    ended: bool = False
    deleted: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class FamilyFacts:
    organization: UUID
    application: UUID
    user: UUID | None
    account: UUID | None
    membership: UUID | None
    end_user: str | None
    current: str | None  # the digest of the refresh token that is next
    former: str | None = None  # of the one before it
    replaced_at: datetime | None = None
    actor: UUID | None = None  # who acts in the user's name
    marked: bool = False  # by an event of its own
    ended: bool = False
    reused: bool = False  # a refresh token was, which is for good
    personal_access_token: UUID | None = None  # that it was exchanged for
    refresh: dict[str, RefreshFacts] = field(default_factory=dict)


@dataclass
class EpochFacts:
    """Tokens of everything named, issued at or before `position`, are dead; with `refresh`, refresh tokens too.

    End users are those of an organization.
    """

    organization: UUID
    application: UUID | None
    user: UUID | None
    end_user: str | None
    position: int
    refresh: bool

    @property
    def named(self) -> tuple[UUID | str | None, ...]:
        organization = self.organization if self.end_user and not self.application else None
        return self.application, self.user, self.end_user, organization

    def covers(self, family: FamilyFacts, position: int) -> bool:
        if self.named == (None, family.actor, None, None) and (family.user or family.end_user):
            return position <= self.position  # who acts in the user's name loses that with all else
        return (
            self.application in (None, family.application)
            and self.user in (None, family.user)
            and (self.end_user is None or self._end_user_of(family))
            and position <= self.position
        )

    def _end_user_of(self, family: FamilyFacts) -> bool:
        return (self.end_user, self.organization) == (family.end_user, family.organization)


@dataclass
class KeyFacts:
    algorithm: str
    introduced_at: datetime
    status: str = "introduced"


@dataclass
class World:
    """Everything that was ever made, deleted things too, by id and in the order of their making."""

    accounts: dict[UUID, AccountFacts] = field(default_factory=dict)
    users: dict[UUID, UserFacts] = field(default_factory=dict)
    memberships: dict[UUID, MembershipFacts] = field(default_factory=dict)
    groups: dict[UUID, GroupFacts] = field(default_factory=dict)
    scopes: dict[UUID, ScopeFacts] = field(default_factory=dict)
    roles: dict[UUID, RoleFacts] = field(default_factory=dict)
    applications: dict[UUID, ApplicationFacts] = field(default_factory=dict)
    grants: dict[UUID, GrantFacts] = field(default_factory=dict)
    sessions: dict[UUID, SessionFacts] = field(default_factory=dict)
    consents: dict[UUID, ConsentFacts] = field(default_factory=dict)
    devices: dict[UUID, DeviceFacts] = field(default_factory=dict)
    identities: dict[UUID, IdentityFacts] = field(default_factory=dict)
    enterprise_identities: dict[UUID, EnterpriseFacts] = field(default_factory=dict)
    personal_tokens: dict[UUID, PersonalTokenFacts] = field(default_factory=dict)
    factors: dict[UUID, FactorFacts] = field(default_factory=dict)
    connectors: dict[UUID, ConnectorFacts] = field(default_factory=dict)
    resources: dict[UUID, ResourceFacts] = field(default_factory=dict)
    interfaces: dict[UUID, InterfaceFacts] = field(default_factory=dict)
    interface_grants: dict[UUID, InterfaceGrantFacts] = field(default_factory=dict)
    codes: dict[UUID, CodeFacts] = field(default_factory=dict)
    families: dict[UUID, FamilyFacts] = field(default_factory=dict)
    tokens: dict[UUID, TokenFacts] = field(default_factory=dict)
    keys: dict[UUID, KeyFacts] = field(default_factory=dict)
    epochs: list[EpochFacts] = field(default_factory=list)
    actors: list[UUID] = field(default_factory=list)  # of each position, from 1

    def owners(self, account: UUID) -> int:
        members = self.memberships.values()
        return sum(m.account == account and m.role == OWNER and m.status == ACTIVE for m in members)

    def below(self, account: UUID) -> list[UUID]:
        """Return an account and all that is left below it."""
        children = [id for id, each in self.accounts.items() if each.parent == account and each.status != DELETED]
        return [account, *(each for child in children for each in self.below(child))]

    def in_use(self, organization: UUID) -> bool:
        contents = (
            *self.applications.values(),
            *self.users.values(),
            *(role for role in self.roles.values() if not role.built_in),
            *self.scopes.values(),
        )
        return any(each.organization == organization and each.status != DELETED for each in contents)

    def sign_out(self, user: UUID) -> None:
        """End all sessions of a user."""
        for session in self.sessions.values():
            if session.user == user:
                session.status = DELETED

    def has_app(self, user: UUID) -> bool:
        """Say whether a user proves themselves with the codes of an app as well."""
        live = [each for each in self.factors.values() if each.user == user and each.status == ACTIVE]
        return any(each.kind == "Totp" for each in live)

    def end_belongings(self, user: UUID) -> None:
        """End what belongs to a user alone."""
        for things in (self.identities, self.enterprise_identities, self.personal_tokens, self.factors):
            for each in things.values():
                if each.user == user:
                    each.status = DELETED

    def leave(self, member: MembershipFacts) -> None:
        """End a membership, and the user's places in groups of that account."""
        member.status, member.active = DELETED, False
        for group in self.groups.values():
            if group.account == member.account:
                group.members.discard(member.user)

    def end_account(self, account: UUID) -> None:
        """End an account, its memberships, its groups and its API resources."""
        self.accounts[account].status = DELETED
        for member in self.memberships.values():
            if member.account == account:
                self.leave(member)
        for group in self.groups.values():
            if group.account == account:
                group.status = DELETED
        # Of an organization, with the roles that it was made with: it would be in use with any other.
        for each in (*self.connectors.values(), *self.roles.values()):
            if each.organization == account:
                each.status = DELETED
        for id, resource in self.resources.items():
            if resource.organization == account:
                self.end_resource(id)

    def end_resource(self, resource: UUID) -> None:
        """End an API resource and its interfaces."""
        self.resources[resource].status = DELETED
        for id, interface in self.interfaces.items():
            if interface.resource == resource:
                self.end_interface(id)

    def end_interface(self, interface: UUID) -> None:
        """End an interface, and the grants for it but for those of applications that are gone."""
        self.interfaces[interface].status = DELETED
        for grant in self.interface_grants.values():
            if grant.interface == interface and self.applications[grant.application].status != DELETED:
                grant.status = DELETED

    def exchange_scope(self, scope: ScopeFacts, name: str | None) -> None:
        """Rename a scope, or with None forget it, and in the organization's applications too."""
        for client in self.applications.values():
            held = scope.name in client.permissions and client.status != DELETED
            if held and client.organization == scope.organization and name != scope.name:
                kept = {*client.permissions} - {scope.name} | ({name} if name else set())
                client.permissions = sorted(kept)
        if name is None:
            scope.status = DELETED
        else:
            scope.name = name

    def entitled(self, by: Caller, application: UUID) -> bool:
        """Say whether a caller may make credentials for an application: who is not root, not for one that may be."""
        granted = [g.scope for g in self.grants.values() if g.application == application and g.status == "approved"]
        return by.is_root or not any("root" in held for held in (self.applications[application].permissions, *granted))

    def end_family(self, family: UUID) -> None:
        self.families[family].ended = True
        for token in self.tokens.values():
            token.ended = token.ended or token.family == family
        for refresh in self.families[family].refresh.values():
            refresh.ended = True

    def reached(self, *, refresh: bool) -> list[int]:
        """Return the positions up to which something is dead, one for each set of things that was ever named."""
        latest: dict[object, int] = {}
        for epoch in self.epochs:
            if epoch.refresh or not refresh:
                latest[epoch.named] = max(epoch.position, latest.get(epoch.named, 0))
        return sorted(latest.values())

    def swept(self, family: FamilyFacts, position: int, *, refresh: bool) -> bool:
        """Say whether a token is dead together with others."""
        epochs = [epoch for epoch in self.epochs if epoch.refresh or not refresh]
        gone = self.applications[family.application].status == DELETED
        return gone or any(epoch.covers(family, position) for epoch in epochs)

    def alive(self, token: UUID) -> bool:
        """Say whether a token works, expiry aside: it and everything that it was issued for is in force."""
        facts = self.tokens[token]
        family = self.families[facts.family]
        # Approvals end by the clock of PostgreSQL, which is nobody's to move.
        usable = self.applications[family.application].usable(datetime.now(UTC))
        holders = [self.accounts[family.organization]]
        holders += [self.users[family.user]] if family.user else []
        holders += [self.accounts[family.account]] if family.account else []
        holders += [self.memberships[family.membership]] if family.membership else []
        holders += [self.personal_tokens[family.personal_access_token]] if family.personal_access_token else []
        dead = facts.ended or not usable or any(holder.status != ACTIVE for holder in holders)
        return not dead and not any(epoch.covers(family, facts.position) for epoch in self.epochs)
