"""The play: two processes with what they remember, one of everything to act on, and the commands they are given."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from domain.application import ApplicationSettings
from domain.caller import SYSTEM, Caller
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
from service.http.bearer import Bearer
from service.oauth.client_authentication import Credentials
from service.oauth.clients import Clients
from service.oauth.issuing import IssuedToken, Issuer
from service.oauth.key_ring import KeyRing
from service.tokens import Tokens
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

    from tests.store_fixture import StoreParts

API = "https://api.example.com"
HOUR = timedelta(hours=1)


class Process:
    """One of the two, with what its memory holds of clients and keys."""

    def __init__(self, parts: StoreParts) -> None:
        self.parts, self.store = parts, parts.store
        self.keys = KeyRing(parts.pool, parts.vault, parts.clock, id_tokens="ES256")
        self.issuer = Issuer(parts.store, Clients(parts.pool), self.keys, issuer="us", assertion_audiences=())
        self.bearer = Bearer(Tokens(parts.pool), parts.clock, (API,))

    async def issue(self, client_id: str, secret: str, scope: str | None = None) -> IssuedToken:
        credentials = Credentials(client_id, secret=secret)
        return await self.issuer.issue(
            credentials, audience=API, scope=scope, request_id=uuid4(), admit=lambda _: None, end_user=lambda _: None
        )


class Scene:
    """An organization with something of everything in it, for commands to act on."""

    async def set(self, process: Process) -> None:
        """Make everything anew."""
        parts, store = process.parts, process.store
        self.organization = (await an_organization(parts)).id
        self.child = (await a_child(parts, self.organization)).id
        self.leaf = (await a_child(parts, self.child)).id
        made = await applications.register(
            store,
            origin(),
            SYSTEM,
            organization=self.organization,
            kind="machine",
            settings=ApplicationSettings("Client", permissions=["write_role"], audiences=[API]),
            secrets=[SecretRequest("only")],
        )
        self.application, (secret,) = made.value.application, made.value.secrets
        self.secret, self.text = secret.id, secret.text
        self.other = (await an_application(parts, self.organization)).id
        self.user, self.friend, self.rival = [(await a_user(parts, self.other)).id for _ in range(3)]
        self.owner, _ = [(await a_member(parts, self.child, u, "owner")).id for u in (self.friend, self.rival)]
        self.role = (await a_role(parts, self.organization)).id
        asked = {"application": self.application.id, "audience": API, "scope": ["print"]}
        self.grant, self.pending = [(await grants.request(store, origin(), SYSTEM, **asked)).value.id for _ in range(2)]
        await grants.approve(store, origin(ROOT), ROOT, grant=self.grant)
        self.resource = (await an_api_resource(parts, self.organization)).id
        self.interface = (await an_interface(parts, self.resource)).id
        self.wanted = [Wanted(self.interface)]
        to_call = {"application": self.application.id, "interfaces": self.wanted}
        self.right = (await interface_grants.request(store, origin(), SYSTEM, **to_call)).value.grants[0].id
        self.token = (await process.issue(self.application.client_id, self.text)).access_token
        row = await process.bearer._tokens.find(self.token)
        self.token_id = row["id"]

    async def as_client(self, process: Process, command: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
        """Give a command as the client, with its token."""
        caller = await process.bearer.by_token(self.token)
        return await command(process.store, process.bearer.origin(caller, uuid4()), caller.caller, **arguments)

    def as_person(self, process: Process, command: Callable[..., Awaitable[Any]], **arguments: Any) -> Awaitable[Any]:
        """Give a command as an ordinary user, who may not leave an account without owner."""
        user = uuid4()
        by = Caller(user, self.organization, frozenset({"all"}), application=self.other, user=user)
        return command(process.store, origin(by), by, **arguments)


def _do(command: Callable[..., Awaitable[Any]], by: Caller = SYSTEM, **named: Any) -> Callable[..., Awaitable[Any]]:
    """Return a command on a scene: "@user" stands for the id of its user."""

    def given_to(scene: Scene, process: Process) -> Awaitable[Any]:
        values = {name: getattr(scene, v[1:]) if str(v).startswith("@") else v for name, v in named.items()}
        return command(process.store, origin(by), by, **values)

    return given_to


def _client(scene: Scene) -> Any:
    return scene.application.id


COMMANDS: dict[str, Callable[[Scene, Process], Awaitable[Any]]] = {
    "issue": lambda s, p: p.issue(s.application.client_id, s.text),
    "issue what is granted": lambda s, p: p.issue(s.application.client_id, s.text, "print"),
    "define a role as the client": lambda s, p: s.as_client(
        p, roles.define, organization=s.organization, name="auditor", permissions=[]
    ),
    "ask for a grant as the client": lambda s, p: s.as_client(
        p, grants.request, application=_client(s), audience=API, scope=["read"]
    ),
    "disable": lambda s, p: applications.disable(p.store, origin(), SYSTEM, application=_client(s)),
    "enable": lambda s, p: applications.enable(p.store, origin(), SYSTEM, application=_client(s)),
    "delete": lambda s, p: applications.delete(p.store, origin(), SYSTEM, application=_client(s)),
    "take permissions": lambda s, p: applications.update(
        p.store, origin(), SYSTEM, application=_client(s), permissions=[]
    ),
    "take the audience": lambda s, p: applications.update(
        p.store, origin(), SYSTEM, application=_client(s), audiences=[]
    ),
    "add a secret": lambda s, p: applications.add_secrets(
        p.store, origin(), SYSTEM, application=_client(s), secrets=[SecretRequest("another")]
    ),
    "retire the secret": lambda s, p: applications.retire_secret(
        p.store, origin(), SYSTEM, application=_client(s), secret=s.secret
    ),
    "revoke the token": _do(tokens.revoke, token="@token_id"),
    "revoke in bulk": lambda s, p: revocations.record(
        p.store, origin(), SYSTEM, organization=s.organization, application=_client(s)
    ),
    "revoke the grant": _do(grants.revoke, grant="@grant"),
    "approve": _do(grants.approve, ROOT, grant="@pending"),
    "reject": _do(grants.reject, grant="@pending"),
    "rotate": _do(signing_keys.rotate, published_for=HOUR, overlap=HOUR, force=True),
    "suspend the organization": _do(accounts.move_status, account="@organization", status="suspended"),
    "reinstate the organization": _do(accounts.move_status, account="@organization", status="active"),
    "branch": _do(accounts.create_child, parent="@leaf", name="Branch"),
    "suspend the leaf": _do(accounts.move_status, account="@leaf", status="suspended"),
    "delete the leaf": _do(accounts.delete, account="@leaf"),
    "delete the child": _do(accounts.delete, account="@child", cascade=True),
    "disable the other": _do(applications.disable, application="@other"),
    "enrol": _do(users.create, application="@other", name="Grace"),
    "rename": _do(people_settings.change, user="@user", name="Ada"),
    "suspend": _do(users.suspend, user="@user"),
    "reinstate": _do(users.reinstate, user="@user"),
    "expel": _do(users.delete, user="@user"),
    "assign": _do(users.assign_role, user="@user", role="@role"),
    "take away": _do(users.unassign_role, user="@user", role="@role"),
    "redefine": _do(roles.change, role="@role", name="auditor2"),
    "define": _do(roles.define, organization="@organization", name="auditor2"),
    "abolish": _do(roles.delete, role="@role"),
    "join": _do(memberships.add, account="@child", user="@user", role="owner"),
    "join the leaf": _do(memberships.add, account="@leaf", user="@user", role="viewer"),
    "demote the owner": lambda s, p: s.as_person(
        p, memberships.change_role, account=s.child, membership=s.owner, role="viewer"
    ),
    "expel the owner": lambda s, p: s.as_person(p, users.delete, user=s.friend),
    "expel the other owner": lambda s, p: s.as_person(p, users.delete, user=s.rival),
    "link": _do(identities.link, user="@user", target="github", person="42"),
    "link the friend": _do(identities.link, user="@friend", target="github", person="42"),
    "link another": _do(identities.link, user="@user", target="github", person="43"),
    "unlink": _do(identities.unlink, user="@user", target="github"),
    "record": _do(
        identities.record_enterprise, user="@user", connector="acme", issuer="https://idp.example", identity_id="42"
    ),
    "publish": _do(api_resources.create, organization="@organization", identifier="stock", name="Stock"),
    "address": _do(api_resources.change, resource="@resource", audience=API),
    "take back": _do(api_resources.delete, resource="@resource", cascade=True),
    "take back alone": _do(api_resources.delete, resource="@resource"),
    "open": _do(interfaces.create, resource="@resource", identifier="stock", name="A", method="GET", path="/stock"),
    "move": _do(interfaces.change, interface="@interface", path="/stock"),
    "limit": _do(interfaces.change, interface="@interface", submit_limited=True),
    "close": _do(interfaces.delete, interface="@interface"),
    "ask to call": _do(interface_grants.request, application="@other", interfaces="@wanted"),
    "ask to call again": lambda s, p: interface_grants.request(
        p.store, origin(), SYSTEM, application=_client(s), interfaces=s.wanted
    ),
    "ask to call everything": _do(interface_grant_batches.request_all, application="@other"),
    "let call": _do(interface_grants.approve, ROOT, grant="@right"),
    "let not call": _do(interface_grants.reject, grant="@right", reason="No"),
    "let all call": _do(interface_grant_batches.approve_all, ROOT, organization="@organization"),
    "forget the right": _do(interface_grants.delete, grant="@right"),
    "delete everything": _do(accounts.delete, account="@organization", cascade=True),
}
