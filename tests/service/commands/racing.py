"""The races: every command there is, given several times at once on one of everything, and how it should end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from domain import refusals
from domain.application import ApplicationSettings
from domain.caller import SYSTEM
from service.commands import (
    accounts,
    api_resources,
    applications,
    grants,
    identities,
    interface_grant_batches,
    interface_grants,
    interfaces,
    memberships,
    people_settings,
    revocations,
    roles,
    signing_keys,
    tokens,
    users,
)
from service.commands.interface_grants import Wanted
from service.commands.secrets import SecretRequest
from tests.histories.tokens import issue
from tests.histories.world import FamilyFacts, RefreshFacts
from tests.service.commands.given import (
    ROOT,
    a_child,
    a_member,
    a_role,
    a_user,
    an_api_resource,
    an_application,
    an_interface,
    an_organization,
    origin,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from domain.refusals import Refusal
    from tests.store_fixture import StoreParts

COUNT = 8
HOUR = timedelta(hours=1)
AUDIENCE = {"audience": "https://api.example.com", "scope": ["read"]}
OPENED = {"name": "Stock", "method": "GET"}
FIRST, SECOND = "11" * 32, "22" * 32


@dataclass(frozen=True)
class Scene:
    """One of everything, by id."""

    organization: UUID
    child: UUID
    application: UUID
    secret: UUID
    user: UUID
    idle: UUID
    membership: UUID
    role: UUID
    held_role: UUID
    pending: UUID
    approved: UUID
    token: UUID
    introduced_key: UUID
    active_key: UUID
    resource: UUID
    interface: UUID
    offered: UUID
    wanted: UUID


async def a_scene(parts: StoreParts) -> Scene:
    organization = (await an_organization(parts)).id
    child = (await a_child(parts, organization)).id
    application = (await an_application(parts, organization, "read_user")).id
    named = [SecretRequest("first")]
    added = await applications.add_secrets(parts.store, origin(), SYSTEM, application=application, secrets=named)
    user, idle = (await a_user(parts, application)).id, (await a_user(parts, application)).id
    membership = (await a_member(parts, child, user, "owner")).id
    role, held = (await a_role(parts, organization)).id, (await a_role(parts, organization, name="held")).id
    await users.assign_role(parts.store, origin(), SYSTEM, user=user, role=held)
    await users.suspend(parts.store, origin(), SYSTEM, user=idle)
    pending, approved = [
        (await grants.request(parts.store, origin(), SYSTEM, application=application, **AUDIENCE)).value.id
        for _ in range(2)
    ]
    await grants.approve(parts.store, origin(ROOT), ROOT, grant=approved)
    family = FamilyFacts(
        organization, application, user, child, membership, None, FIRST, refresh={FIRST: RefreshFacts(None)}
    )
    token = (await issue(parts.store, origin(), SYSTEM, of=family)).value.id
    keys = [(await signing_keys.introduce(parts.store, origin(), SYSTEM, algorithm="ES256")).value.id for _ in range(2)]
    await signing_keys.activate(parts.store, origin(), SYSTEM, key=keys[1], published_for=HOUR, force=True)
    resource = (await an_api_resource(parts, organization)).id
    interface = (await an_interface(parts, resource)).id
    shop = (await an_api_resource(parts, organization, "shop")).id
    offered, asked = [(await an_interface(parts, shop, f"sell_{n}")).id for n in range(2)]
    waiting = await interface_grants.request(
        parts.store, origin(), SYSTEM, application=application, interfaces=[Wanted(asked)]
    )
    return Scene(
        organization,
        child,
        application,
        added.value.secrets[0].id,
        user,
        idle,
        membership,
        role,
        held,
        pending,
        approved,
        token,
        *keys,
        resource,
        interface,
        offered,
        waiting.value.grants[0].id,
    )


@dataclass(frozen=True)
class Race:
    """A command with the arguments of its n-th runner, how the losers are refused, and the events of all together."""

    command: Callable[..., Awaitable[Any]]
    arguments: Callable[[Scene, int], dict[str, Any]]
    events: dict[str, int]
    losers: type[Refusal] | None = None
    by: Any = SYSTEM
    winners: int = 1


RACES = {
    "found": Race(
        accounts.create_root, lambda _, n: {"name": f"Acme {n}"}, {"account.created": COUNT, "role.defined": 2 * COUNT}
    ),
    "branch": Race(accounts.create_child, lambda s, n: {"parent": s.child, "name": str(n)}, {"account.created": COUNT}),
    "rename an account": Race(
        accounts.update, lambda s, n: {"account": s.child, "name": str(n)}, {"account.renamed": COUNT}
    ),
    "present an account": Race(
        accounts.update,
        lambda s, n: {"account": s.child, **({"name": str(n)} if n % 2 else {"color": f"#00000{n}"})},
        {"account.renamed": COUNT // 2, "account.described": COUNT // 2},
    ),
    "suspend an account": Race(
        accounts.move_status, lambda s, _: {"account": s.child, "status": "suspended"}, {"account.suspended": 1}
    ),
    "delete an account": Race(
        accounts.delete,
        lambda s, _: {"account": s.child},
        {"membership.removed": 1, "account.deleted": 1},
        refusals.UnknownAccount,
    ),
    "enrol": Race(users.create, lambda s, n: {"application": s.application, "name": str(n)}, {"user.created": COUNT}),
    "rename a user": Race(
        people_settings.change, lambda s, n: {"user": s.user, "name": str(n)}, {"user.renamed": COUNT}
    ),
    "keep something of a user": Race(
        people_settings.merge_custom_data,
        lambda s, n: {"user": s.user, "custom_data": {str(n): n}},
        {"user.custom_data_changed": COUNT},
    ),
    "suspend a user": Race(users.suspend, lambda s, _: {"user": s.user}, {"user.suspended": 1}),
    "reinstate a user": Race(users.reinstate, lambda s, _: {"user": s.idle}, {"user.reinstated": 1}),
    "delete a user": Race(
        users.delete,
        lambda s, _: {"user": s.user},
        {"membership.removed": 1, "user.role_unassigned": 1, "user.deleted": 1},
        refusals.UnknownUser,
    ),
    "assign a role": Race(users.assign_role, lambda s, _: {"user": s.user, "role": s.role}, {"user.role_assigned": 1}),
    "take a role away": Race(
        users.unassign_role, lambda s, _: {"user": s.user, "role": s.held_role}, {"user.role_unassigned": 1}
    ),
    "join": Race(
        memberships.add,
        lambda s, _: {"account": s.organization, "user": s.user, "role": "viewer"},
        {"membership.added": 1},
        refusals.AlreadyMember,
    ),
    "demote": Race(
        memberships.change_role,
        lambda s, _: {"account": s.child, "membership": s.membership, "role": "viewer"},
        {"membership.role_changed": 1},
    ),
    "leave": Race(
        memberships.remove,
        lambda s, _: {"account": s.child, "membership": s.membership},
        {"membership.removed": 1},
        refusals.UnknownMembership,
    ),
    "link one person as two users": Race(
        identities.link,
        lambda s, n: {"user": s.user if n % 2 else s.idle, "target": "github", "person": "42"},
        {"identity.linked": 1},
        refusals.IdentityTaken,
        winners=COUNT // 2,
    ),
    "link one target": Race(
        identities.link,
        lambda s, n: {"user": s.user, "target": "github", "person": str(n)},
        {"identity.linked": 1, "identity.replaced": COUNT - 1},
    ),
    "record one person as two users": Race(
        identities.record_enterprise,
        lambda s, n: {
            "user": s.user if n % 2 else s.idle,
            "connector": "acme",
            "issuer": "https://idp.example",
            "identity_id": "42",
        },
        {"enterprise_identity.linked": 1},
        refusals.IdentityTaken,
        winners=COUNT // 2,
    ),
    "define a role": Race(
        roles.define,
        lambda s, _: {"organization": s.organization, "name": "editor"},
        {"role.defined": 1},
        refusals.NameTaken,
    ),
    "give two roles one name": Race(
        roles.change,
        lambda s, n: {"role": s.role if n % 2 else s.held_role, "name": "editor"},
        {"role.changed": 1},
        refusals.NameTaken,
        winners=COUNT // 2,
    ),
    "describe a role": Race(
        roles.change, lambda s, n: {"role": s.role, "description": str(n)}, {"role.changed": COUNT}
    ),
    "delete a role": Race(roles.delete, lambda s, _: {"role": s.role}, {"role.deleted": 1}, refusals.UnknownRole),
    "register": Race(
        applications.register,
        lambda s, n: {
            "organization": s.organization,
            "kind": "machine",
            "client_id": "billing",
            "settings": ApplicationSettings(str(n)),
        },
        {"application.registered": 1},
        refusals.ClientIdTaken,
    ),
    "configure": Race(
        applications.update,
        lambda s, n: {"application": s.application, **({"name": str(n)} if n % 2 else {"rate_limit": n + 1})},
        {"application.updated": COUNT},
    ),
    "add a secret": Race(
        applications.add_secrets,
        lambda s, _: {"application": s.application, "secrets": [SecretRequest("second")]},
        {"application.secret_added": 1},
        refusals.NameTaken,
    ),
    "retire a secret": Race(
        applications.retire_secret,
        lambda s, _: {"application": s.application, "secret": s.secret},
        {"application.secret_retired": 1},
        refusals.UnknownSecret,
    ),
    "disable": Race(applications.disable, lambda s, _: {"application": s.application}, {"application.disabled": 1}),
    "enable": Race(applications.enable, lambda s, _: {"application": s.application}, {}),
    "delete an application": Race(
        applications.delete,
        lambda s, _: {"application": s.application},
        {"application.secret_retired": 1, "application.deleted": 1},
        refusals.UnknownApplication,
    ),
    "publish": Race(
        api_resources.create,
        lambda s, n: {"organization": s.organization, "identifier": "stock" if n % 2 else "Stock", "name": "Stock"},
        {"api_resource.created": 1},
        refusals.IdentifierTaken,
    ),
    "describe an API resource": Race(
        api_resources.change, lambda s, n: {"resource": s.resource, "name": str(n)}, {"api_resource.changed": COUNT}
    ),
    "take an API resource back": Race(
        api_resources.delete,
        lambda s, _: {"resource": s.resource, "cascade": True},
        {"interface.deleted": 1, "api_resource.deleted": 1},
        refusals.UnknownApiResource,
    ),
    "open": Race(
        interfaces.create,
        lambda s, n: {**OPENED, "resource": s.resource, "identifier": f"i{n}", "path": f"/stock/{n}"},
        {"interface.created": COUNT},
    ),
    "open one address": Race(
        interfaces.create,
        lambda s, n: {**OPENED, "resource": s.resource, "identifier": f"i{n}", "path": f"/stock/{{n{n}}}"},
        {"interface.created": 1},
        refusals.AddressTaken,
    ),
    "open one identifier": Race(
        interfaces.create,
        lambda s, n: {**OPENED, "resource": s.resource, "identifier": "stock", "path": f"/stock/{n}"},
        {"interface.created": 1},
        refusals.IdentifierTaken,
    ),
    "change an interface": Race(
        interfaces.change, lambda s, n: {"interface": s.interface, "frequency": n + 1}, {"interface.changed": COUNT}
    ),
    "close an interface": Race(
        interfaces.delete, lambda s, _: {"interface": s.interface}, {"interface.deleted": 1}, refusals.UnknownInterface
    ),
    "ask to call": Race(
        interface_grants.request,
        lambda s, _: {"application": s.application, "interfaces": [Wanted(s.offered)]},
        {"interface_grant.requested": 1},
    ),
    "ask to call everything": Race(
        interface_grant_batches.request_all,
        lambda s, _: {"application": s.application},
        {"interface_grant.requested": 2},
    ),
    "let call": Race(
        interface_grants.approve,
        lambda s, _: {"grant": s.wanted},
        {"interface_grant.approved": 1},
        refusals.GrantNotPending,
        ROOT,
    ),
    "let all call": Race(
        interface_grant_batches.approve_all,
        lambda s, _: {"organization": s.organization},
        {"interface_grant.approved": 1},
        by=ROOT,
    ),
    "let not call": Race(
        interface_grants.reject, lambda s, _: {"grant": s.wanted, "reason": "No"}, {"interface_grant.rejected": 1}
    ),
    "forget a right": Race(
        interface_grants.delete,
        lambda s, _: {"grant": s.wanted},
        {"interface_grant.deleted": 1},
        refusals.UnknownInterfaceGrant,
    ),
    "ask for a grant": Race(
        grants.request, lambda s, _: {"application": s.application, **AUDIENCE}, {"grant.requested": COUNT}
    ),
    "approve a grant": Race(
        grants.approve, lambda s, _: {"grant": s.pending}, {"grant.approved": 1}, refusals.GrantNotPending, ROOT
    ),
    "reject a grant": Race(grants.reject, lambda s, _: {"grant": s.pending}, {"grant.rejected": 1}),
    "revoke a grant": Race(grants.revoke, lambda s, _: {"grant": s.approved}, {"grant.revoked": 1}),
    "revoke a token": Race(tokens.revoke, lambda s, _: {"token": s.token}, {"token.revoked": 1}),
    "revoke a family": Race(tokens.revoke, lambda s, _: {"family": s.token}, {"token.revoked": 1}),
    "revoke in bulk": Race(
        revocations.record,
        lambda s, _: {"organization": s.organization, "application": s.application},
        {"revocation.recorded": COUNT},
    ),
    "introduce a key": Race(
        signing_keys.introduce, lambda _, __: {"algorithm": "EdDSA"}, {"signing_key.introduced": COUNT}
    ),
    "activate a key": Race(
        signing_keys.activate,
        lambda s, _: {"key": s.introduced_key, "published_for": HOUR, "force": True},
        {"signing_key.activated": 1},
    ),
    "retire a key": Race(
        signing_keys.retire, lambda s, _: {"key": s.active_key, "overlap": HOUR}, {"signing_key.retired": 1}
    ),
    "rotate keys": Race(
        signing_keys.rotate,
        lambda _, __: {"published_for": HOUR, "overlap": HOUR, "force": True},
        {"signing_key.introduced": COUNT, "signing_key.activated": COUNT, "signing_key.retired": COUNT},
    ),
}
