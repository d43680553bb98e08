"""One of each thing that doors are about, and for every route a request that it takes: what generated tests draw on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jwt
import pyotp

from domain.authorization import Authorization
from domain.caller import SYSTEM
from domain.token_family import TokenFamily
from service.commands import identities
from service.doors import DOORS, projections
from service.http.group import Group
from service.secrets.digests import ACCESS_TOKEN, AUTHORIZATION_CODE, REFRESH_TOKEN, new_secret, sha256_hex
from service.store.decision import Origin
from tests.service.doors.account_settings.codes import sent

if TYPE_CHECKING:
    from service.http.route import Route
    from tests.app_fixture import Running

HOUR = timedelta(hours=1)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of the app of every user
NUMBERS = count(100)  # no two alike, so that each is a change
EVERY_ROUTE: dict[str, Route] = {f"{route.method} {route.path}": route for door in DOORS for route in door.routes}
# The native doors to what events tell of. Questions and operators' commands leave none; others speak a dialect.
APART = {Group.SERVER_TO_SERVER, Group.ACCOUNT_SETTINGS, Group.APIGEE, Group.DECISIONS}
ROUTES: dict[str, Route] = {
    f"{route.method} {route.path}": route
    for door in DOORS
    if door.GROUP not in APART and door is not projections.DOOR
    for route in door.routes
}
MUTATIONS = [name for name, route in ROUTES.items() if route.method != "GET"]
READS = [name for name, route in ROUTES.items() if route.method == "GET"]
WITH_BODY = [name for name, route in ROUTES.items() if route.body is not None]
WITH_IDS = [name for name, route in ROUTES.items() if "{" in route.path]


@dataclass
class Things:
    """One of each, in one organization. `ids` are the path parameters that name them."""

    organization: str
    application: Any
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, route: str) -> str:
        ids = self.ids | {"auth_id": self.ids["invited_id"]} if route in INVITED else self.ids
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], route.partition(" ")[2])


THIRD_PARTY = {"name": "Shop", "domain": "shop.example.com", "scope_kinds": ["sso", "api"], "grant_types": ["code"]}


async def things(app: Running, organization: str, *, servers: bool = False, connectors: bool = True) -> Things:
    """Make one of each in an organization, as root; the grant is asked for by somebody else.

    `servers`: of each that server applications know, too. `connectors`: an organization has not many.
    """
    application = await app.application(organization=organization)
    made = Things(organization, application, {"application_id": application["id"], "projection": "accounts"})
    made.ids["organization_id"] = organization
    made.ids["secret_id"] = application["secrets"][0]["id"]
    token = await app.token(application["client_id"], application["secrets"][0]["secret"])
    made.ids["token_id"] = jwt.decode(token, options={"verify_signature": False})["jti"]
    user = await app.made(f"/api/applications/{application['id']}/users", {"status": "active"})
    made.ids["user_id"] = user["id"]
    role = await app.made("/api/roles", {"name": f"role-{user['id']}", "organization": organization})
    made.ids["role_id"] = role["id"]
    account = await app.made(f"/api/accounts/{organization}/accounts", {"name": "Branch"})
    made.ids["account_id"] = account["id"]
    members = f"/api/accounts/{account['id']}/members"
    made.ids["member_id"] = (await app.made(members, {"user_id": user["id"], "role": "viewer"}))["id"]
    manager = await app.manager(organization)
    asked = {"application": application["id"], "audience": "https://files.test", "scope": ["read"]}
    made.ids["grant_id"] = (await app.made("/api/grants", asked, manager))["id"]
    submitted = THIRD_PARTY | {"identifier": f"shop_{user['id'].replace('-', '')}"}
    made.ids["third_party_id"] = (await app.made("/api/third-parties", submitted, manager))["id"]
    resource = await app.api_resource(organization)
    made.ids |= {"api_resource_id": resource["id"], "interface_id": (await app.interface(resource))["id"]}
    wanted = {"application": application["id"], "interfaces": [{"interface": made.ids["interface_id"]}]}
    waiting = (await app.made("/api/interface-grants", wanted, manager))["requested"]
    made.ids |= {"interface_grant_id": waiting[0]["id"], "other_interface_id": (await app.interface(resource))["id"]}
    made.ids["name"] = (await app.made(f"/api/users/{user['id']}/personal-access-tokens", {"name": "laptop"}))["name"]
    await _identities(app, made)
    factors = f"/api/users/{user['id']}/mfa-verifications"
    await app.made(factors, {"type": "Totp", "secret": SECRET})
    made.ids["verification_id"] = (await app.call("GET", factors)).json[0]["id"]
    if connectors:
        made.ids["connector_id"] = await _connector(app, made)
    if servers:
        await _server_to_server(app, made, manager)
        await _tokens_and_codes(app, made)
    return made


async def _identities(app: Running, made: Things) -> None:
    """Let the user be somebody elsewhere; for who they are at an enterprise's provider there is no request."""
    user, nobody = made.ids["user_id"], UUID(int=0)
    path = f"/api/users/{user}/identities/github"
    reply = await app.call("PUT", path, json={"userId": user})
    assert reply.status == 201, reply.text
    store, origin = app.parts.store, Origin(nobody, nobody, None, app.parts.clock.new_id())
    told = {"issuer": "https://idp.test", "identity_id": user, "connector": "acme"}
    await identities.record_enterprise(store, origin, SYSTEM, user=UUID(user), **told)
    made.ids |= {"target": "github", "sso_connector": "acme"}


async def _connector(app: Running, made: Things) -> str:
    config = {"clientId": "id", "clientSecret": "secret"}
    body = {"connectorId": "github-universal", "config": config, "metadata": {"target": f"of-{made.ids['user_id']}"}}
    return (await app.made("/api/connectors", {**body, "organizationId": made.organization}))["id"]


async def _server_to_server(app: Running, made: Things, manager: str) -> None:
    """Make what the dialect of server applications is about: a scope, an org, and a group of the user's active one."""
    user = made.ids["user_id"]
    made.ids |= {"app_id": made.ids["application_id"], "auth_id": user, "log_id": user}
    scope = {"name": f"scope-{user}", "type": "s2s"}
    made.ids["scope_id"] = (await app.made("/api/v1/scopes", scope, manager))["scope"]["id"]
    flags = {"allowPublicRegistration": False, "onlyUseForBrandingOverride": False}
    org = {"name": "Org", "slug": f"org-{user}", **flags}
    made.ids["org_id"] = (await app.made("/api/v1/orgs", org, manager))["org"]["id"]
    active = (await app.made("/api/v1/orgs", {**org, "slug": f"active-{user}"}, manager))["org"]["id"]
    await app.made(f"/api/v1/users/{user}/orgs", {"orgs": [active]}, manager)
    entered = await app.call("PUT", f"/api/v1/users/{user}", manager, json={"orgSlug": f"active-{user}"})
    assert entered.status == 200, entered.text
    group = {"name": "Group", "orgId": active}
    made.ids["group_id"] = (await app.made("/api/v1/org-groups", group, manager))["orgGroup"]["id"]
    other = await app.made(f"/api/applications/{made.ids['application_id']}/users", {})
    invited = await app.made("/api/v1/users/invitations", {"email": f"{user}@example.com"}, manager)
    made.ids |= {"linking_auth_id": other["id"], "invited_id": invited["user"]["authId"]}
    # There are none before people sign in.
    made.ids |= dict.fromkeys(("session_id", "passkey_id"), str(uuid4()))


async def _tokens_and_codes(app: Running, made: Things) -> None:
    """Make what token look-up is about: a refresh token and a code, where both switches are on."""
    switches = {"token_search": True, "token_revocation": True}
    assert (await app.call("PUT", f"/api/organizations/{made.organization}/features", json=switches)).status == 200
    refresh, code, clock = new_secret(REFRESH_TOKEN), new_secret(AUTHORIZATION_CODE), app.parts.clock
    owner = {"organization": UUID(made.organization), "application": UUID(made.ids["application_id"])}
    of = {**owner, "user": UUID(made.ids["user_id"]), "scope": "openid", "audience": "https://files.test"}

    async def command(decision: Any) -> None:
        decision.organization, now = UUID(made.organization), clock.now()
        decision.save(
            TokenFamily.issue(
                id=clock.new_id(), format="opaque", digest=sha256_hex(new_secret(ACCESS_TOKEN)), now=now, **of,
                expires_at=now + HOUR, grant_type="authorization_code", refresh_digest=sha256_hex(refresh),
                refresh_expires_at=now + HOUR,
            ),
            Authorization.issue(
                id=clock.new_id(), session=None, account=None, membership=None, redirect_uri=None, code_challenge=None,
                nonce=None, methods=[], authenticated_at=now, digest=sha256_hex(code), now=now, lifetime=HOUR, **of,
            ),
        )  # fmt: skip

    nobody = UUID(int=0)
    await app.parts.store.decide(command, Origin(nobody, nobody, None, clock.new_id()))
    made.ids |= {"access_token": made.ids["token_id"], "refresh_token": refresh, "code": code, "role": "orgadmin"}


# What a route takes; ids in braces are those of the things at hand. A route that is not here takes {} or nothing.
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/applications": {
        "name": "App",
        "kind": "machine",
        "secrets": [{"name": "a"}],
        "organization": "{organization}",
    },
    "PATCH /api/applications/{application_id}": {"name": "Renamed"},
    "POST /api/applications/{application_id}/secrets": {"secrets": [{"name": "second"}, {"name": "third"}]},
    "POST /api/applications/{application_id}/users": {"status": "active", "name": "Ada"},
    "PATCH /api/users/{user_id}": {"name": "Grace"},
    "POST /api/users": {"name": "Ada", "password": "correct horse"},
    "PATCH /api/users/{user_id}/profile": {"profile": {"nickname": "Amazing Grace"}},
    "PATCH /api/users/{user_id}/custom-data": {"customData": {"tier": 1}},
    "PATCH /api/users/{user_id}/is-suspended": {"isSuspended": True},
    "PATCH /api/users/{user_id}/password": {"password": "correct horse"},
    "POST /api/users/{user_id}/password/verify": {"password": "correct horse"},
    "POST /api/users/{user_id}/personal-access-tokens": {"name": "new"},
    "PATCH /api/users/{user_id}/personal-access-tokens": {"currentName": "{name}", "name": "renamed"},
    "PATCH /api/users/{user_id}/personal-access-tokens/{name}": {"name": "renamed"},
    "POST /api/users/{user_id}/personal-access-tokens/delete": {"name": "{name}"},
    "POST /api/users/{user_id}/identities": {"connectorId": "{user_id}", "connectorData": {"code": "x"}},
    "PUT /api/users/{user_id}/identities": {"target": "gitlab", "userId": "{unique}"},
    "PUT /api/users/{user_id}/identities/{target}": {"userId": "{unique}"},
    "DELETE /api/users/{user_id}/identities": {"target": "{target}"},
    "POST /api/users/{user_id}/mfa-verifications": {"type": "Totp"},
    "POST /api/users/{user_id}/mfa-verifications/verify": {"type": "Totp", "code": "{shown_code}"},
    "POST /api/connectors": {"connectorId": "github-universal", "metadata": {"target": "{unique}"}},
    "PATCH /api/connectors/{connector_id}": {"metadata": {"name": {"en": "Git"}}},
    "POST /api/connectors/{connector_id}/authorization-uri": {"state": "s", "redirectUri": "https://shop.test/cb"},
    "POST /api/connectors/{connector_id}/test": {"phone": "4930123456"},
    "POST /api/accounts": {"name": "New"},
    "POST /api/accounts/{account_id}/accounts": {"name": "New"},
    "PATCH /api/accounts/{account_id}": {"name": "Renamed"},
    "PUT /api/organizations/{organization_id}/features": {"token_revocation": True},
    "PUT /api/organizations/{organization_id}/settings": {"code_lifetime": "{another_number}"},
    "POST /api/accounts/{account_id}/members": {"user_id": "{another_user}", "role": "member"},
    "PATCH /api/accounts/{account_id}/members/{member_id}": {"role": "owner"},
    "POST /api/roles": {"name": "new-{user_id}", "organization": "{organization}"},
    "PATCH /api/roles/{role_id}": {"description": "Described"},
    "POST /api/grants": {"application": "{application_id}", "audience": "https://mail.test", "scope": ["send"]},
    "POST /api/grants/{grant_id}/revoke": {"reason": "No longer needed"},
    "POST /api/third-parties": {**THIRD_PARTY, "identifier": "new_{unique}", "organization": "{organization}"},
    "POST /api/third-parties/{third_party_id}/reject": {"reason": "Unknown"},
    "POST /api/third-parties/approve": {"ids": ["{third_party_id}"]},
    "POST /api/third-parties/reject": {"ids": ["{third_party_id}"], "reason": "Unknown"},
    "POST /api/third-parties/delete": {"ids": ["{third_party_id}"]},
    "POST /api/api-resources": {
        "identifier": "new-{unique}",
        "name": "New",
        "uri": "https://new.test/",
        "organization": "{organization}",
    },
    "PATCH /api/api-resources/{api_resource_id}": {"audience": "https://new.test/api"},
    "POST /api/interfaces": {
        "resource": "{api_resource_id}",
        "identifier": "new-{unique}",
        "name": "New",
        "method": "PUT",
        "path": "/new/{unique}",
    },
    "PATCH /api/interfaces/{interface_id}": {"path": "/changed/{unique}"},
    "POST /api/interfaces/import": {
        "document": {
            "swagger": "2.0",
            "info": {"title": "New", "version": "1"},
            "paths": {"/new": {"get": {"responses": {"200": {"description": "Done"}}}}},
        },
        "resource": "new-{unique}",
        "mode": "normal",
        "organization": "{organization}",
    },
    "POST /api/interface-grants": {
        "application": "{application_id}",
        "interfaces": [{"interface": "{other_interface_id}"}],
    },
    "POST /api/interface-grants/all": {"application": "{application_id}", "resource": "{api_resource_id}"},
    "POST /api/interface-grants/{interface_grant_id}/reject": {"reason": "Unknown"},
    "POST /api/interface-grants/approve": {"ids": ["{interface_grant_id}"]},
    "POST /api/interface-grants/reject": {"ids": ["{interface_grant_id}"], "reason": "Unknown"},
    "POST /api/interface-grants/delete": {"ids": ["{interface_grant_id}"]},
    "POST /api/interface-grants/approve-all": {"organization": "{organization}"},
    "POST /api/tokens/revoke": {"application": "{application_id}", "reason": "Leaked"},
    "PATCH /api/tokens/{token_id}/attributes": {"attributes": {"plan": "gold"}},
    "POST /api/keys/rotate": {"force": True},
    "POST /api/v1/apps": {"name": "App", "type": "s2s", "scopes": ["read_user"], "redirectUris": []},
    "PUT /api/v1/apps/{app_id}": {"name": "Renamed", "redirectUris": ["https://app.test/cb"]},
    "POST /api/v1/roles": {"name": "new-{user_id}"},
    "PUT /api/v1/roles/{role_id}": {"note": "Noted"},
    "POST /api/v1/scopes": {"name": "new-{user_id}", "type": "spa", "locales": []},
    "PUT /api/v1/scopes/{scope_id}": {"note": "Noted"},
    "POST /api/v1/orgs": {
        "name": "New",
        "slug": "new-{user_id}",
        "allowPublicRegistration": True,
        "onlyUseForBrandingOverride": False,
    },
    "PUT /api/v1/orgs/{org_id}": {"layoutColor": "#fff"},
    "POST /api/v1/org-groups": {"name": "New", "orgId": "{org_id}"},
    "PUT /api/v1/org-groups/{group_id}": {"name": "Renamed"},
    "POST /api/v1/users/{auth_id}/orgs": {"orgs": ["{org_id}"]},
    "PUT /api/v1/users/{auth_id}": {"firstName": "Ada"},
    "POST /api/v1/users/invitations": {"email": "new-{user_id}@example.com"},
}
# Codes, which are sent and typed by two names each.
for _place in ("/api/verification-codes", "/api/verification/verification-codes"):
    BODIES[f"POST {_place}"] = {"email": "{unique}@example.com"}
    BODIES[f"POST {_place}/verify"] = {"email": "{unique}@example.com", "verificationCode": "{typed_code}"}
# Whose path is about another than the user at hand: one who was invited, and has an e-mail address.
INVITED = (
    "POST /api/v1/users/invitations/{auth_id}",
    "DELETE /api/v1/users/invitations/{auth_id}",
    "POST /api/v1/users/{auth_id}/verify-email",
)
# What a route has to be asked beside its path.
QUERIES = {f"DELETE /api/v1/logs/{log}": {"before": "2001-01-01T00:00:00Z"} for log in ("email", "sms", "sign-in")}
QUERIES["DELETE /api/api-resources/{api_resource_id}"] = {"cascade": "true"}
QUERIES["GET /api/interface-grants/available"] = {"application": "{application_id}"}
QUERIES["GET /api/tokens"] = {"application": "{application_id}"}
OFF = {"properties": {"property": [{"name": "features.isOAuthRevokeEnabled", "value": "false"}]}}
for _base in ("/v1/organizations/{organization_id}", "/v1/o/{organization_id}"):
    BODIES |= {f"POST {_base}": OFF, f"PUT {_base}": OFF}
    QUERIES |= {f"{call} {_base}/oauth2/{name}": {"app": "{application_id}"}
                for call, name in (("GET", "search"), ("POST", "revoke"))}  # fmt: skip
    QUERIES |= {f"POST {_base}/oauth2/{name}": {"action": "revoke"}
                for name in ("accesstokens/{access_token}", "refreshtokens/{refresh_token}")}  # fmt: skip
# What has to happen before a route can succeed.
BEFORE = {
    "POST /api/applications/{application_id}/enable": "POST /api/applications/{application_id}/disable",
    "PUT /api/organizations/{organization_id}/features": "PUT /v1/organizations/{organization_id}",
    "POST /api/users/{user_id}/reinstate": "POST /api/users/{user_id}/suspend",
    "DELETE /api/users/{user_id}/roles/{role_id}": "PUT /api/users/{user_id}/roles/{role_id}",
    "POST /api/grants/{grant_id}/revoke": "POST /api/grants/{grant_id}/approve",
    "POST /api/users/{user_id}/password/verify": "PATCH /api/users/{user_id}/password",
    "POST /api/users/{user_id}/mfa-verifications": "DELETE /api/users/{user_id}/mfa-verifications/{verification_id}",
    "POST /api/third-parties/{third_party_id}/reset-secret": "POST /api/third-parties/{third_party_id}/approve",
    "POST /api/tokens/{token_id}/approve": "POST /api/tokens/{token_id}/revoke",
    "DELETE /api/v1/users/{auth_id}/org-groups/{group_id}": "POST /api/v1/users/{auth_id}/org-groups/{group_id}",
    "DELETE /api/v1/users/{auth_id}/account-linking": (
        "POST /api/v1/users/{auth_id}/account-linking/{linking_auth_id}"
    ),
    "DELETE /api/v1/users/{auth_id}/email-mfa": "POST /api/v1/users/{auth_id}/email-mfa",
    "DELETE /api/v1/users/{auth_id}/otp-mfa": "POST /api/v1/users/{auth_id}/otp-mfa",
    "DELETE /api/v1/users/{auth_id}/sms-mfa": "POST /api/v1/users/{auth_id}/sms-mfa",
}


async def body_of(app: Running, route: str, made: Things) -> Any:
    """Return a body for the route, None when it takes none, after whatever has to happen before it can succeed."""
    if route in BEFORE:
        await send(app, BEFORE[route], made, await body_of(app, BEFORE[route], made))
    body = BODIES.get(route)
    if body is None:
        return None if EVERY_ROUTE[route].body is None else {}
    ids = {**made.ids, "organization": made.organization, "unique": uuid4().hex}
    if "{another_user}" in body.values():
        home = await app.application(organization=made.organization)
        ids["another_user"] = (await app.made(f"/api/applications/{home['id']}/users", {}))["id"]
    if "{typed_code}" in body.values():
        ids["typed_code"] = await sent(app, None, f"{ids['unique']}@example.com")
    if "{shown_code}" in body.values():
        ids["shown_code"] = pyotp.TOTP(SECRET).at(app.parts.clock.now())
    if "{another_number}" in body.values():
        return dict.fromkeys(body, next(NUMBERS))
    return {name: _filled(value, ids) for name, value in body.items()}


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


async def send(app: Running, route: str, made: Things, body: Any, token: str | None = None, **more: Any) -> Any:
    """Send a route's request."""
    if body is not None:
        more["json"] = body
    if route in QUERIES:
        given = more.get("params", [])
        pairs = list(given.items() if isinstance(given, dict) else given)
        named = {name for name, _ in pairs}
        asked = {name: _filled(value, made.ids) for name, value in QUERIES[route].items() if name not in named}
        more["params"] = [*asked.items(), *pairs]
    return await app.call(route.partition(" ")[0], made.path(route), token, **more)
