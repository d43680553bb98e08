"""What may never follow what in the log, in words of its own: read event by event, whoever decided at the same time."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from domain.account import Account
from domain.api_resource import ApiResource
from domain.application import Application
from domain.connector import Connector
from domain.consent import Consent
from domain.device_authorization import DeviceAuthorization
from domain.factor import AuthenticationFactor, Kind
from domain.grant import Grant
from domain.group import Group
from domain.group_membership import GroupMembership
from domain.identity import EnterpriseIdentity, Identity
from domain.interface import Interface
from domain.interface_grant import InterfaceGrant
from domain.membership import Membership
from domain.path_template import shape
from domain.personal_access_token import PersonalAccessToken
from domain.role import Role
from domain.scope_definition import ScopeDefinition
from domain.session import Session
from domain.signing_key import SigningKey
from domain.token_family import TokenFamily
from domain.user import User
from domain.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

ACTIVE, DELETED = "active", "deleted"


def lawful(events: Iterable[Any], actors: Iterable[UUID | None] = repeat(None)) -> None:
    """Raise AssertionError at the first event that the events before it forbid, or forbid its actor."""
    law = Law()
    for position, (event, actor) in enumerate(zip(events, actors, strict=False), 1):
        try:
            law.admit(event, actor)
        except AssertionError as error:
            msg = f"{type(event).TOPIC} at {position}: {error}"
            raise AssertionError(msg) from error


@dataclass
class Law:
    """The state of everything at a position of the log. A thing is `{"status": …, …}`.

    Who acts and is no thing of the log, nor the service itself, counts as an ordinary user.
    """

    actor: UUID | None = None
    now: datetime | None = None
    things: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    client_ids: set[str] = field(default_factory=set)

    def admit(self, event: Any, actor: UUID | None) -> None:
        """Check an event against what is true so far, then make it true."""
        self.actor, self.now = actor, event.timestamp
        if actor in self.things:
            self._active(actor)
        thing = self.things.setdefault(event.originator_id, {"version": 0, "status": None})
        assert event.originator_version == thing["version"] + 1, "a version is missing or doubled"
        assert thing["status"] != DELETED, "it was deleted"
        thing["version"] += 1
        kind, _, what = type(event).TOPIC.partition(".")
        getattr(self, kind)(thing, event, what)

    def account(self, account: dict[str, Any], event: Any, what: str) -> None:
        match event:
            case Account.Created():
                if event.parent is not None:
                    self._active(event.parent)
                account |= {"kind": "account", "parent": event.parent, "organization": event.organization}
                account["status"] = ACTIVE
            case Account.Profiled():
                assert account["parent"] == account["organization"], "it is no child of an organization"
                account["slug"] = event.slug.lower()
                orgs = self._all("account", organization=account["organization"])
                assert [org.get("slug") for org in orgs].count(account["slug"]) == 1, "the slug is taken"
            case Account.FeaturesChanged():
                assert account["parent"] is None, "it is no organization"
                before, account["features"] = account.get("features", []), event.features
                assert before != event.features, "they were so already"
            case Account.SettingsChanged():
                assert account["parent"] is None, "it is no organization"
                now = (event.code_lifetime, event.code_tries, event.verified_identifiers, event.submit_limited)
                before, account["settings"] = account.get("settings", (600, 10, False, False)), now
                assert before != now, "they were so already"
            case Account.Suspended() | Account.Reinstated():
                self._move(account, "suspended", what)
            case Account.Deleted():
                id = event.originator_id
                assert not self._all("account", parent=id), "it has children"
                assert not self._all("membership", account=id), "it has members"
                assert not self._all("group", account=id), "it has groups"
                assert not self._all("connector", organization=id), "it has connectors"
                assert not self._all("api_resource", organization=id), "it has API resources"
                contents = [self._all(kind, organization=id) for kind in ("application", "user", "role", "scope")]
                assert account["parent"] is not None or not any(contents), "it is in use"
                account["status"] = DELETED

    def user(self, user: dict[str, Any], event: Any, what: str) -> None:
        match event:
            case User.Created():
                self._active(event.application)
                user |= {"kind": "user", "organization": event.organization, "status": event.status, "roles": set()}
            case User.Suspended() | User.Reinstated():
                assert not self._all("session", user=event.originator_id), "they are signed in"
                self._move(user, "suspended", what)
            case User.RoleAssigned():
                assert self.things[event.role]["status"] == ACTIVE, "the role is gone"
                assert event.role not in user["roles"], "they have the role"
                user["roles"].add(event.role)
            case User.RoleUnassigned():
                user["roles"].remove(event.role)
            case User.Deleted():
                assert not user["roles"], "they have roles"
                assert not self._all("membership", user=event.originator_id), "they are a member"
                assert not self._all("session", user=event.originator_id), "they are signed in"
                assert not self._all("consent", user=event.originator_id), "they let something act for them"
                for kind in ("identity", "enterprise_identity", "personal_access_token", "factor"):
                    assert not self._all(kind, user=event.originator_id), f"they have something: {kind}"
                user["status"] = DELETED

    def membership(self, membership: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Membership.Added():
                self._active(event.account, event.user)
                assert not self._all("membership", account=event.account, user=event.user), "they are a member"
                membership |= {"kind": "membership", "account": event.account, "user": event.user}
                membership |= {"status": ACTIVE, "role": event.role, "active": False}
            case Membership.Activated() | Membership.Deactivated():
                assert membership["active"] == isinstance(event, Membership.Deactivated), "it was so already"
                membership["active"] = not membership["active"]
                if membership["active"]:
                    self._active(event.account)
            case Membership.RoleChanged():
                assert membership["role"] == event.was != event.role, "they had another role"
                membership["role"] = event.role
                self._keep_an_owner(membership, event.was)
            case Membership.Removed():
                assert membership["role"] == event.role, "they had another role"
                membership["status"] = DELETED
                self._keep_an_owner(membership, event.role)

    def group(self, group: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Group.Created() | Group.Renamed():
                if isinstance(event, Group.Created):
                    self._active(event.account)
                    group |= {"kind": "group", "account": event.account, "status": ACTIVE}
                group["name"] = event.name
                assert len(self._all("group", account=group["account"], name=event.name)) == 1, "the name is taken"
            case Group.Deleted():
                assert not self._all("group_membership", group=event.originator_id), "somebody is in it"
                group["status"] = DELETED

    def group_membership(self, place: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case GroupMembership.Added():
                self._active(event.group)
                works = self._all("membership", account=event.account, user=event.user, active=True)
                assert works, "they do not work in its org"
                assert not self._all("group_membership", group=event.group, user=event.user), "they are in it"
                place |= {"kind": "group_membership", "group": event.group, "user": event.user, "status": ACTIVE}
            case GroupMembership.Removed():
                place["status"] = DELETED

    def scope(self, scope: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case ScopeDefinition.Defined() | ScopeDefinition.Changed():
                scope |= {"kind": "scope", "organization": event.organization, "name": event.name, "status": ACTIVE}
                same = self._all("scope", organization=event.organization, name=event.name)
                assert same == [scope], "the name is taken"
            case ScopeDefinition.Deleted():
                scope["status"] = DELETED

    def role(self, role: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Role.Defined() | Role.Changed():
                organization = role.setdefault("organization", getattr(event, "organization", None))
                same = self._all("role", organization=organization, name=event.name)
                assert all(each is role for each in same), "the name is taken"
                role |= {"kind": "role", "name": event.name, "status": ACTIVE}
            case Role.Deleted():
                holders = [user for user in self._all("user") if event.originator_id in user["roles"]]
                assert not holders, "somebody has it"
                role["status"] = DELETED

    def application(self, application: dict[str, Any], event: Any, what: str) -> None:
        match event:
            case Application.Registered():
                self._active(event.organization)
                assert event.client_id not in self.client_ids, "the client id is taken"
                self.client_ids.add(event.client_id)
                application |= {"kind": "application", "organization": event.organization, "status": ACTIVE}
                application |= {"secrets": {}, "client_kind": event.kind}
                self._configure(application, event)
            case Application.Updated():
                self._configure(application, event)
            case Application.SecretAdded():
                now, secrets = event.timestamp, application["secrets"].values()
                live = [name for name, until in secrets if until is None or now < until]
                assert event.name not in live, "the name is taken"
                assert len(live) < 20, "there are too many"
                application["secrets"][event.secret] = (event.name, event.expires_at)
            case Application.SecretRetired():
                del application["secrets"][event.secret]
            case Application.Disabled() | Application.Enabled():
                self._move(application, "disabled", what)
            case Application.Submitted():
                assert application["client_kind"] == "web", "it is no third party's"
                assert not self._effective(application), "it is in effect"
                assert application.get("creator", event.creator) == event.creator, "somebody else made it"
                application |= {"standing": "pending", "creator": event.creator, "by": event.by, "until": None}
                application |= {"kinds": event.scope_kinds, "submitted_at": event.timestamp}
            case Application.Approved():
                assert application["standing"] == "pending", "it was decided"
                assert event.approver not in (application["creator"], application["by"]), "it is their own"
                assert event.expires_at > event.timestamp, "it ends at once"
                application |= {"standing": "effective", "until": event.expires_at}
            case Application.Rejected():
                assert application["standing"] == "pending" or self._effective(application), "it was decided"
                assert event.by not in (application["creator"], application["by"]), "it is their own"
                application |= {"standing": "rejected", "until": None}
            case Application.Deleted():
                assert not application["secrets"], "it has secrets"
                application["status"] = DELETED

    def grant(self, grant: dict[str, Any], event: Any, what: str) -> None:
        match event:
            case Grant.Requested():
                assert self.things[event.application]["status"] != DELETED, "the application is gone"
                grant |= {
                    "kind": "grant",
                    "status": "pending",
                    "application": event.application,
                    "by": event.requested_by,
                }
                grant |= {"audience": event.audience, "scope": event.scope}
            case Grant.Approved():
                assert grant["status"] == "pending", "it was decided"
                assert self.things[event.application]["status"] != DELETED, "the application is gone"
                assert event.approver not in (grant["by"], event.application), "it is their own"
                grant |= {"status": "approved", "until": event.expires_at}
            case Grant.Rejected() | Grant.Revoked():
                assert grant["status"] == ("pending" if what == "rejected" else "approved"), "it was decided"
                grant["status"] = what

    def token(self, family: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case TokenFamily.Issued():
                if event.grant_type == "client_credentials":
                    self._active(event.application, event.organization)
                    client = self.things[event.application]
                    assert client["secrets"] or client["key_set"], "the application cannot prove itself"
                    held = self._held(client, event.application, event.audience, event.timestamp)
                    assert set(event.scope.split()) <= held, "the application does not hold this"
                family |= {"kind": "token", "status": ACTIVE, "ended": False, "reused": False}
                family |= {"tokens": {event.token}, "revoked": set(), "deleted": set()}
            case TokenFamily.Refreshed() | TokenFamily.ReuseDetected():
                assert not family["ended"], "it has ended"
                if isinstance(event, TokenFamily.Refreshed):
                    family["tokens"].add(event.token)
                else:
                    family |= {"ended": True, "reused": True, "revoked": {*family["tokens"]}}
            case TokenFamily.Revoked(token=None):
                assert not family["ended"] or family["tokens"] - family["revoked"], "it has ended"
                family |= {"ended": True, "revoked": {*family["tokens"]}}
            case _:
                self._one_token(family, event)

    def _one_token(self, family: dict[str, Any], event: Any) -> None:
        if isinstance(event, TokenFamily.Impersonated):
            return
        token, access = event.token, event.token in family["tokens"]
        over = token in family["revoked"] if access else family["ended"]
        assert token not in family["deleted"], "it was deleted"
        match event:
            case TokenFamily.Revoked():
                assert access, "it is not the family's"
                assert not over, "it was revoked"
                family["revoked"].add(token)
            case TokenFamily.Approved():
                assert not family["reused"], "it has ended for good"
                assert over or (event.cascade and family["ended"]), "it was not revoked"
                family["revoked"].discard(token)
                family["ended"] = family["ended"] and access and not event.cascade
            case TokenFamily.Deleted():
                family["deleted"].add(token)
                family["revoked"] |= {token} if access else family["tokens"]
                family["ended"] = family["ended"] or not access
            case TokenFamily.Described():
                assert not over, "it was revoked"

    def session(self, session: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Session.Started() | Session.Authenticated():
                if isinstance(event, Session.Started):
                    session |= {"kind": "session", "status": ACTIVE, "user": event.user}
                    session["organization"] = event.organization
                self._active(session["user"], session["organization"])
                session["digest"] = event.digest
                assert len(self._all("session", digest=event.digest)) == 1, "another session has the cookie"
            case Session.Ended():
                session["status"] = DELETED
        assert event.user == session["user"], "it is somebody else's"

    def consent(self, consent: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Consent.Given():
                self._active(event.user, event.application)
                pair = {"user": event.user, "application": event.application}
                assert not self._all("consent", **pair), "there is one"
                consent |= {"kind": "consent", "status": ACTIVE, **pair, "scope": set(event.scope)}
                consent["decided_at"] = event.timestamp
            case Consent.Extended():
                submitted_at = self.things[event.application].get("submitted_at")
                counts = submitted_at is None or consent["decided_at"] > submitted_at
                assert not counts or consent["scope"] < set(event.scope), "it is no wider"
                consent |= {"scope": set(event.scope), "decided_at": event.timestamp}
            case Consent.Withdrawn():
                consent["status"] = DELETED

    def identity(self, identity: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Identity.Linked():
                mine = {"user": event.user, "target": event.target}
                assert not self._all("identity", **mine), "they are somebody there"
                identity |= {"kind": "identity", "organization": event.organization, "status": ACTIVE, **mine}
            case Identity.Unlinked():
                identity["status"] = DELETED
        self._theirs(identity, event)
        if not isinstance(event, Identity.Unlinked):
            identity["person"] = event.person
            same = {name: identity[name] for name in ("organization", "target", "person")}
            # Of a user who is deleted by now nobody can read who they were.
            assert event.person is None or self._all("identity", **same) == [identity], "somebody else is"

    def enterprise_identity(self, identity: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case EnterpriseIdentity.Linked():
                mine = {"user": event.user, "connector": event.connector}
                assert not self._all("enterprise_identity", **mine), "they are somebody there"
                identity |= {
                    "kind": "enterprise_identity",
                    "organization": event.organization,
                    "status": ACTIVE,
                    **mine,
                }
            case EnterpriseIdentity.Unlinked():
                identity["status"] = DELETED
        self._theirs(identity, event)
        if not isinstance(event, EnterpriseIdentity.Unlinked):
            identity |= {"issuer": event.issuer, "person": event.identity_id}
            same = {name: identity[name] for name in ("organization", "issuer", "person")}
            only = self._all("enterprise_identity", **same) == [identity]
            assert event.identity_id is None or only, "somebody else is"

    def personal_access_token(self, token: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case PersonalAccessToken.Issued() | PersonalAccessToken.Renamed():
                if isinstance(event, PersonalAccessToken.Issued):
                    token |= {"kind": "personal_access_token", "status": ACTIVE, "user": event.user}
                    assert event.expires_at is None or event.expires_at > event.timestamp, "it is over at once"
                token["name"] = event.name
                same = self._all("personal_access_token", user=event.user, name=event.name)
                assert event.name is None or same == [token], "the name is taken"
            case PersonalAccessToken.Deleted():
                token["status"] = DELETED
        self._theirs(token, event)

    def factor(self, factor: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case AuthenticationFactor.Added():
                unused = [each for each in self._all("factor", user=event.user, type=event.kind) if each["left"]]
                assert not unused, "there is one"
                held = self._all("factor", user=event.user, type=Kind.TOTP)
                assert event.kind is Kind.TOTP or held, "it would be alone"
                factor |= {"kind": "factor", "status": ACTIVE, "user": event.user, "type": event.kind}
                factor |= {"used": set(), "left": 10 if event.kind is Kind.BACKUP_CODES else 1}
            case AuthenticationFactor.Used():
                what = event.step if event.place is None else event.place
                assert event.place is not None or what > max(factor["used"], default=0), "an earlier one was used"
                assert what not in factor["used"], "it was used"
                factor["used"].add(what)
                if event.place is not None:
                    factor["left"] -= 1
                    assert event.remaining == factor["left"], "not so many are left"
            case AuthenticationFactor.Removed():
                factor["status"] = DELETED
        self._theirs(factor, event)

    def _theirs(self, thing: dict[str, Any], event: Any) -> None:
        assert thing["user"] == event.user, "it is somebody else's"
        assert self.things[event.user]["status"] != DELETED, "the user is gone"

    def connector(self, connector: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Connector.Created():
                self._active(event.organization)
                place = {"organization": event.organization, "type": event.kind, "target": event.target}
                assert not self._all("connector", **place), "another stands in its place"
                connector |= {"kind": "connector", "status": ACTIVE, **place}
            case Connector.Deleted():
                connector["status"] = DELETED
        assert event.organization == connector["organization"], "it is somebody else's"

    def api_resource(self, resource: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case ApiResource.Created():
                self._active(event.organization)
                place = {"organization": event.organization, "identifier": event.identifier.lower()}
                assert not self._all("api_resource", **place), "the identifier is taken"
                resource |= {"kind": "api_resource", "status": ACTIVE, **place}
            case ApiResource.Deleted():
                assert not self._all("interface", resource=event.originator_id), "it has interfaces"
                resource["status"] = DELETED
        assert event.organization == resource["organization"], "it is somebody else's"

    def interface(self, interface: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Interface.Created() | Interface.Changed():
                if isinstance(event, Interface.Created):
                    self._active(event.resource)
                    place = {"resource": event.resource, "identifier": event.identifier.lower()}
                    assert not self._all("interface", **place), "the identifier is taken"
                    interface |= {"kind": "interface", "status": ACTIVE, "organization": event.organization, **place}
                interface["address"] = (event.method, shape(event.path))
                same = {name: interface[name] for name in ("resource", "address")}
                assert len(self._all("interface", **same)) == 1, "another one answers that"
            case Interface.Deleted():
                granted = self._all("interface_grant", interface=event.originator_id)
                gone = [self.things[grant["application"]]["status"] == DELETED for grant in granted]
                assert all(gone), "it is granted"
                interface["status"] = DELETED
        assert event.resource == interface["resource"], "it is another one's"
        assert event.organization == self.things[event.resource]["organization"], "it is somebody else's"

    def interface_grant(self, grant: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case InterfaceGrant.Requested() | InterfaceGrant.RequestedAgain():
                self._may_call(event)
                if isinstance(event, InterfaceGrant.Requested):
                    pair = {"application": event.application, "interface": event.interface}
                    assert not self._all("interface_grant", **pair), "there is one"
                    grant |= {"kind": "interface_grant", **pair}
                else:
                    assert grant["status"] == "rejected" or self._over(grant), "it waits, or is in force"
                grant |= {"status": "pending", "by": event.requested_by}
            case InterfaceGrant.Approved():
                self._may_call(event)
                assert grant["status"] == "pending", "it was decided"
                client = self.things[event.application]
                own = (grant["by"], event.application, client.get("creator"), client.get("by"))
                assert event.approver not in own, "it is their own"
                assert event.expires_at > event.timestamp, "it ends at once"
                grant |= {"status": "effective", "until": event.expires_at}
            case InterfaceGrant.Rejected():
                assert grant["status"] != "rejected", "it was so already"
                assert not self._over(grant), "it is over"
                grant["status"] = "rejected"
            case InterfaceGrant.Withdrawn() | InterfaceGrant.Deleted():
                grant["status"] = DELETED
        for name in ("application", "interface"):
            assert getattr(event, name) == grant[name], "it is another one's"
            assert self.things[grant[name]]["organization"] == event.organization, "it is somebody else's"

    def _may_call(self, event: Any) -> None:
        application = self.things[event.application]
        assert application["status"] != DELETED, "the application is gone"
        assert "api" in application.get("kinds", ("api",)), "the application signs people in only"
        assert "standing" not in application or self._effective(application), "the application is not approved"
        self._active(event.interface)

    def _over(self, grant: dict[str, Any]) -> bool:
        return grant["status"] == "effective" and self.now >= grant["until"]

    def verification(self, verification: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case Verification.Sent():
                self._active(event.organization)
                verification |= {"kind": "verification", "status": "waiting", "organization": event.organization}
            case Verification.Missed():
                assert verification["status"] == "waiting", "nobody waits for it"
                self._active(verification["organization"])
            case Verification.Consumed() | Verification.Replaced():
                assert verification["status"] == "waiting", "nobody waits for it"
                verification |= {"status": "over", "consumed": isinstance(event, Verification.Consumed)}
            case Verification.Spent():
                assert verification.get("consumed"), "nobody typed it"
                verification["status"] = DELETED

    def device(self, device: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case DeviceAuthorization.Requested():
                self._active(event.application, event.organization)
                device |= {"kind": "device", "status": "pending", "until": event.expires_at}
                device |= {"of": (event.organization, event.application), "at": event.timestamp}
                return
            case DeviceAuthorization.Approved():
                assert device["status"] == "pending", "it was answered"
                assert (event.organization, event.application) == device["of"], "it is another's"
                assert self.things[event.session]["user"] == event.user, "it is somebody else's session"
                self._active(event.user, event.session)
                submitted_at = self.things[event.application].get("submitted_at")
                assert submitted_at is None or device["at"] > submitted_at, "another was shown, perhaps"
                device["status"] = "approved"
            case DeviceAuthorization.Denied():
                assert device["status"] == "pending", "it was answered"
                self._active(event.user)
                device["status"] = "denied"
            case DeviceAuthorization.Redeemed():
                assert device["status"] == "approved", "nobody approved it, or it was redeemed"
                device["status"] = "redeemed"
        assert event.timestamp < device["until"], "it had expired"

    def revocation(self, revocation: dict[str, Any], event: Any, _: str) -> None:
        for named in (event.organization, event.application, event.user):
            assert named is None or self.things[named]["status"] != DELETED, "it names what is gone"
        revocation["status"] = DELETED  # nothing may follow

    def signing_key(self, key: dict[str, Any], event: Any, _: str) -> None:
        match event:
            case SigningKey.Introduced():
                key |= {"kind": "signing_key", "status": "introduced", "algorithm": event.algorithm}
            case SigningKey.Activated():
                assert key["status"] == "introduced", "it was active"
                key["status"] = ACTIVE
            case SigningKey.Retired():
                assert key["status"] == ACTIVE, "it is not active"
                key["status"] = "retired"

    def _keep_an_owner(self, membership: dict[str, Any], was: str) -> None:
        ordinary = self.actor is not None and self.actor.int != 0 and self.actor not in self.things
        kept = self._all("membership", account=membership["account"], role="owner")
        assert not ordinary or was != "owner" or kept, "it was the last owner"

    def _configure(self, application: dict[str, Any], event: Any) -> None:
        application |= {name: getattr(event, name) for name in ("permissions", "audiences", "key_set")}

    def _active(self, *things: UUID) -> None:
        for each in map(self.things.__getitem__, things):
            assert each["status"] == ACTIVE, f"{each['kind']} is not active"
            assert each.get("standing") is None or self._effective(each), f"{each['kind']} is not approved"

    def _effective(self, application: dict[str, Any]) -> bool:
        return application.get("standing") == "effective" and self.now < application["until"]

    def _move(self, thing: dict[str, Any], out: str, what: str) -> None:
        before, after = (ACTIVE, out) if what == out else (out, ACTIVE)
        assert thing["status"] == before, "it was so already"
        thing["status"] = after

    def _all(self, kind: str, **values: Any) -> list[dict[str, Any]]:
        live = (thing for thing in self.things.values() if thing.get("kind") == kind and thing["status"] != DELETED)
        return [thing for thing in live if all(thing[name] == value for name, value in values.items())]

    def _held(self, application: dict[str, Any], id: UUID, audience: str, now: datetime) -> set[str]:
        if "api" not in application.get("kinds", ("api",)):
            return set()
        held = {*application["permissions"]} if audience in application["audiences"] else set()
        for grant in self._all("grant", application=id, audience=audience, status="approved"):
            held |= {*grant["scope"]} if grant["until"] is None or now < grant["until"] else set()
        return held
