"""The exchange of personal access tokens: access in their owner's name, for as long as the token and they are there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from domain.caller import SYSTEM
from domain.grant_types import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from domain.permissions import PERMISSIONS
from projections import memberships
from projections import personal_access_tokens as rows
from service.commands import personal_access_tokens, users
from service.doors.account_settings.frame import milliseconds
from service.store.log import head
from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import ISSUER, REVOKE, SERVER_TO_SERVER, SETTINGS_TOKEN, TOKEN, claims, error
from tests.service.oauth.authorization.flow import a_shop
from tests.service.oauth.exchanging import API, PERSONAL, Scene, a_scene
from tests.service.oauth.persons import a_person, an_app, credentials, origin, suspended
from tests.service.oauth.redeeming import ask
from tests.service.oauth.test_token_path import EVENTS, heard
from tests.service.oauth.under_approval import a_third_party

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app_fixture import Running
    from tests.fake_clock import FakeClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESS = "urn:ietf:params:oauth:token-type:access_token"
INVALID = (400, "invalid_grant")
USERINFO = "/oauth2/userinfo"
PATHS = [SETTINGS_TOKEN, TOKEN, SERVER_TO_SERVER, "/oauth/token", "/token"]


async def test_a_token_is_exchanged_for_one_that_its_owner_is_behind(app: Running) -> None:
    at = await a_scene(app)
    reply = await at.exchange(await at.token(), resource=API)
    assert reply.status == 200, reply.text
    assert (reply.headers["Cache-Control"], reply.headers["Pragma"]) == ("no-store", "no-cache")
    told = reply.json
    assert told.keys() == {"access_token", "token_type", "expires_in", "scope", "issued_token_type"}
    assert (told["token_type"], told["issued_token_type"], told["expires_in"]) == ("Bearer", ACCESS, 3600)
    token = claims(told["access_token"])
    assert (token["sub"], token["client_id"], token["aud"]) == (str(at.ada.id), at.back.client_id, API)
    assert (token["scope"], token["act"]) == (told["scope"], {"sub": at.back.client_id})
    assert "auth_time" not in token
    assert "organization_id" not in token
    worth = await at.worth(told["access_token"])
    assert (worth["active"], worth["sub"], worth["act"]) == (True, str(at.ada.id), {"sub": at.back.client_id})


@pytest.mark.parametrize("path", PATHS)
async def test_every_token_endpoint_exchanges(app: Running, path: str) -> None:
    at = await a_scene(app)
    reply = await at.exchange(await at.token(), path=path, resource=API, scope="files")
    assert reply.status == 200, reply.text
    assert (reply.json["scope"], reply.json["issued_token_type"]) == ("files", ACCESS)
    assert not reply.json.keys() & {"refresh_token", "id_token"}
    assert error(await at.exchange("pat_" + "x" * 32, path=path)) == INVALID


async def test_a_token_is_good_for_any_number_of_exchanges(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    texts = {await at.exchanged(token) for _ in range(3)}
    assert len(texts) == 3
    for text in texts:
        assert (await at.worth(text))["active"]


async def test_the_event_says_what_was_exchanged_and_for_whom(app: Running) -> None:
    at = await a_scene(app)
    reply = await at.exchange(await at.token(), resource=API)
    [event] = [each for each in await app.events(topic="token.issued") if each["position"] == reply.position]
    assert (event["actor"], event["subject"], event["client"]) == (str(at.ada.id), str(at.ada.id), at.back.id)
    [row] = await rows.of_user(app.parts.store.pool, at.ada.id)
    assert event["data"]["personal_access_token"] == str(row["id"])


# What it is for.


async def test_without_a_resource_it_is_a_reference_that_tells_who_the_owner_is(app: Running) -> None:
    at = await a_scene(app, audiences=[API, "https://other.test"])
    reply = await at.exchange(await at.token())
    text = reply.json["access_token"]
    assert text.startswith("mun_at_")
    assert reply.json["scope"] == "openid profile email"
    worth = await at.worth(text)
    assert (worth["aud"], worth["scope"]) == (ISSUER, "openid profile email")
    told = await app.call("GET", USERINFO, text)
    assert (told.status, told.json["sub"], told.json["name"]) == (200, str(at.ada.id), "Ada")


async def test_the_only_audience_of_an_application_is_none_that_was_asked_for(app: Running) -> None:
    at = await a_scene(app, audiences=[API])
    assert (await at.worth(await at.exchanged(await at.token())))["aud"] == ISSUER


@pytest.mark.parametrize(("asked", "granted"), [("openid", "openid"), ("profile openid files", "profile openid")])
async def test_without_a_resource_there_are_only_the_scopes_of_a_person(app: Running, asked: str, granted: str) -> None:
    at = await a_scene(app)
    reply = await at.exchange(await at.token(), scope=asked)
    assert reply.json["scope"] == granted


async def test_without_openid_nobody_is_told_who_the_owner_is(app: Running) -> None:
    at = await a_scene(app)
    text = await at.exchanged(await at.token(), scope="email")
    assert (await app.call("GET", USERINFO, text)).status == 403


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("", "openid profile email files mail"),
        ("files", "files"),
        ("mail other files", "mail files"),
        ("files offline_access read_user all root", "files"),
    ],
)
async def test_what_is_not_held_is_left_out(app: Running, asked: str, granted: str) -> None:
    at = await a_scene(app)
    assert (await at.exchange(await at.token(), resource=API, scope=asked)).json["scope"] == granted


@pytest.mark.parametrize("asked", ["other", "offline_access", "root", "read_user", " "])
async def test_nothing_is_issued_for_a_scope_of_which_nothing_remains(app: Running, asked: str) -> None:
    at = await a_scene(app)
    assert error(await at.exchange(await at.token(), resource=API, scope=asked)) == (400, "invalid_scope")


async def test_a_resource_is_one_that_the_application_may_name(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    for resource in ("https://other.test", API + "/", "urn:logto:organization:" + at.organization):
        assert error(await at.exchange(token, resource=resource)) == (400, "invalid_target")
    assert error(await at.exchange(token, resource=API, audience="https://other.test")) == (400, "invalid_request")
    assert claims(await at.exchanged(token, audience=API))["aud"] == API


async def test_an_application_of_references_has_no_jwt_for_a_resource_either(app: Running) -> None:
    at = await a_scene(app, token_format="opaque")
    assert (await at.exchanged(await at.token(), resource=API)).startswith("mun_at_")


async def test_no_permission_of_ours_comes_of_it_whatever_owner_and_application_hold(app: Running) -> None:
    at = await a_scene(app, audiences=[API, AUDIENCE], permissions=["all", "files"])
    role = await app.made("/api/roles", {"name": "much", "permissions": ["all"], "organization": at.organization})
    assert (await app.call("PUT", f"/api/users/{at.ada.id}/roles/{role['id']}")).status == 204
    token = await at.token()
    asked = " ".join(("files", *PERMISSIONS))
    assert (await at.exchange(token, resource=AUDIENCE, scope=asked)).json["scope"] == "files"
    text = await at.exchanged(token, resource=AUDIENCE)
    assert (await app.call("GET", "/api/users", text)).status == 403


# For how long.


async def test_it_lives_as_long_as_the_applications_tokens_and_no_longer_than_its_own(
    timed: tuple[Running, FakeClock],
) -> None:
    app, clock = timed
    at = await a_scene(app, access_token_lifetime=600)
    until = (clock.now() + timedelta(minutes=5)).replace(microsecond=0)
    lasting, ending = await at.token("lasting"), await at.token("ending", expiresAt=milliseconds(until))
    assert (await at.exchange(lasting)).json["expires_in"] == 600
    text = await at.exchanged(ending, resource=API)
    assert claims(text)["exp"] == int(until.timestamp())
    clock.move(until - clock.now() - timedelta(seconds=1))
    assert (await at.exchange(ending)).json["expires_in"] == 1
    assert (await at.worth(text))["active"]
    clock.move(timedelta(microseconds=1))
    assert error(await at.exchange(ending)) == INVALID
    clock.move(timedelta(seconds=1) - timedelta(microseconds=1))
    assert error(await at.exchange(ending)) == INVALID
    assert not (await at.worth(text))["active"]
    assert (await at.exchange(lasting)).status == 200


# Who may not.


async def lapsed(at: Scene) -> str:
    token = await at.token(expiresAt=milliseconds(at.app.parts.clock.now() + timedelta(seconds=1.1)))
    await asyncio.sleep(0.3)  # from here on, less than a second is left of it
    return token


async def deleted(at: Scene) -> str:
    token = await at.token()
    await at.delete()
    return token


async def of_whom_is_suspended(at: Scene) -> str:
    token = await at.token()
    await suspended(at.app, at.ada)
    return token


async def of_whom_is_gone(at: Scene) -> str:
    token = await at.token()
    assert (await at.app.call("DELETE", f"/api/users/{at.ada.id}")).status == 204
    return token


async def of_whom_is_only_invited(at: Scene) -> str:
    manager = await at.app.manager(at.organization)
    body = {"email": f"{uuid4().hex}@example.com"}
    invited = await at.app.made("/api/v1/users/invitations", body, manager)
    return await at.token(user=UUID(invited["user"]["authId"]))


async def of_another_organization(at: Scene) -> str:
    return await (await a_scene(at.app)).token()


async def of_nobody(_: Scene) -> str:
    return "pat_" + "a" * 32


async def of_other_letters(at: Scene) -> str:
    return (await at.token()).swapcase()


async def an_access_token(at: Scene) -> str:
    return await at.exchanged(await at.token())


async def a_mere_digest(at: Scene) -> str:
    await at.token()
    return await at.app.parts.store.pool.fetchval(
        "SELECT digest FROM personal_access_tokens WHERE user_id = $1", at.ada.id
    )


REFUSED = (
    lapsed, deleted, of_whom_is_suspended, of_whom_is_gone, of_whom_is_only_invited, of_another_organization, of_nobody,
    of_other_letters, an_access_token, a_mere_digest,
)  # fmt: skip


@pytest.mark.parametrize("unusable", REFUSED, ids=lambda each: each.__name__)
async def test_what_cannot_be_used_is_refused_in_the_same_words(
    app: Running, unusable: Callable[[Scene], Awaitable[str]]
) -> None:
    at = await a_scene(app)
    token = await unusable(at)
    before = await head(app.parts.store.pool)
    for form in ({}, {"resource": API}, {"organization_id": at.organization}):
        reply = await at.exchange(token, **form)
        assert error(reply) == INVALID
        assert reply.json["code"] == "oidc.invalid_grant"
        assert reply.json["error_description"] == "The grant is not valid, has expired or has ended"
    assert await head(app.parts.store.pool) == before


async def test_the_record_of_refusals_knows_the_reason_and_not_the_token(app: Running) -> None:
    at = await a_scene(app)
    token = await of_whom_is_suspended(at)
    await at.exchange(token)
    [refused] = [each for each in await app.refusals(client=at.back.client_id) if each["code"] == "invalid_grant"]
    assert refused["detail"] == "the owner of the personal access token is not active"
    assert token not in str(refused)


async def test_nothing_is_issued_while_the_organization_is_suspended(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    body = {"status": "suspended"}
    assert (await app.call("PATCH", f"/api/accounts/{at.organization}", json=body)).status == 200
    assert error(await at.exchange(token)) == (401, "invalid_client"), "its applications are not even let in"


@pytest.mark.parametrize("missing", ["subject_token", "subject_token_type"])
async def test_a_token_and_its_type_are_there(app: Running, missing: str) -> None:
    at = await a_scene(app)
    assert error(await at.exchange(await at.token(), **{missing: ""})) == (400, "invalid_request")


@pytest.mark.parametrize(
    "form",
    [
        {"actor_token": "x", "actor_token_type": ACCESS},
        {"actor_token": "x"},
        {"actor_token_type": ACCESS},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"subject_token_type": ACCESS},
        {"subject_token_type": "urn:logto:token-type:impersonation_token"},
    ],
)
async def test_an_actor_and_other_kinds_of_tokens_are_refused(app: Running, form: dict[str, str]) -> None:
    at = await a_scene(app)
    assert error(await at.exchange(await at.token(), **form)) == (400, "invalid_request")


async def test_the_kind_that_is_issued_may_be_asked_for_by_name(app: Running) -> None:
    at = await a_scene(app)
    assert (await at.exchange(await at.token(), requested_token_type=ACCESS)).status == 200


async def test_no_application_may_unless_it_names_the_grant(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    for settings in ({"kind": "machine"}, {"kind": "web"}, {"kind": "spa"}, {"kind": "native"}):
        back = await an_app(app, at.organization, **settings)
        assert error(await at.exchange(token, back)) == (400, "unauthorized_client")
    may = await an_app(app, at.organization, kind="web", grant_types=[TOKEN_EXCHANGE])
    assert (await at.exchange(token, may)).status == 200
    taken = {"grant_types": [CLIENT_CREDENTIALS]}
    assert (await app.call("PATCH", f"/api/applications/{at.back.id}", json=taken)).status == 200
    assert error(await at.exchange(token)) == (400, "unauthorized_client")


@pytest.mark.parametrize("kind", ["spa", "native"])
async def test_whom_anybody_can_pose_as_cannot_be_let(app: Running, kind: str) -> None:
    body = {"name": "App", "kind": kind, "organization": await app.organization(), "grant_types": [TOKEN_EXCHANGE]}
    reply = await app.call("POST", "/api/applications", json=body)
    assert (reply.status, reply.json["code"]) == (400, "invalid_grant_type")


async def test_a_third_party_never_may_although_it_names_the_grant(app: Running) -> None:
    shop = await a_third_party(app, grant_types=[TOKEN_EXCHANGE])
    ada = await a_person(app, str(shop.organization))
    made = await app.made(f"/api/users/{ada.id}/personal-access-tokens", {"name": "laptop"})
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": made["value"], "subject_token_type": PERSONAL}
    assert error(await ask(shop, form)) == (400, "unauthorized_client")
    own = await a_shop(app, str(shop.organization), grant_types=[TOKEN_EXCHANGE])
    assert (await ask(own, form)).status == 200, "an application that is no third party may"


async def test_the_application_proves_itself_first(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    for wrong in ({"client_secret": "x"}, {"client_secret": ""}, {"client_id": "nobody"}):
        assert error(await at.exchange(token, **wrong)) == (401, "invalid_client")


# An account that the owner is a member of.


async def test_for_an_account_it_is_for_what_the_owner_is_there(app: Running) -> None:
    at = await a_scene(app)
    account, membership = await at.account()
    reply = await at.exchange(await at.token(), organization_id=account)
    token = claims(reply.json["access_token"])
    assert (token["aud"], token["acc"]) == (f"urn:logto:organization:{account}", account)
    assert "organization_id" not in token
    assert reply.json["scope"] == "openid profile email files mail"
    worth = await at.worth(reply.json["access_token"])
    assert (worth["active"], worth["acc"], worth["aud"]) == (True, account, token["aud"])
    assert (await app.call("DELETE", f"/api/accounts/{account}/members/{membership}")).status == 204
    assert not (await at.worth(reply.json["access_token"]))["active"]
    await at.join(account)
    assert not (await at.worth(reply.json["access_token"]))["active"], "another membership is not the one it was for"


async def test_for_a_resource_and_an_account_it_names_both(app: Running) -> None:
    at = await a_scene(app)
    account, _ = await at.account()
    reply = await at.exchange(await at.token(), organization_id=account, resource=API, scope="files")
    token = claims(reply.json["access_token"])
    assert (token["aud"], token["organization_id"], token["acc"]) == (API, account, account)
    assert reply.json["scope"] == "files"


async def test_the_organization_itself_is_an_account_too(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    assert error(await at.exchange(token, organization_id=at.organization)) == (403, "access_denied")
    await at.join(at.organization)
    text = await at.exchanged(token, organization_id=at.organization)
    assert claims(text)["aud"] == f"urn:logto:organization:{at.organization}"


@pytest.mark.parametrize("scope", ["read_user", "all", "other"])
async def test_what_the_application_does_not_hold_it_has_for_no_account(app: Running, scope: str) -> None:
    at = await a_scene(app, permissions=["all", "files"])
    account, _ = await at.account()
    reply = await at.exchange(await at.token(), organization_id=account, scope=scope)
    assert error(reply) == (400, "invalid_scope")


async def test_who_is_no_member_is_denied_whatever_the_account(app: Running) -> None:
    at, elsewhere = await a_scene(app), await a_scene(app)
    token = await at.token()
    bob = await a_person(app, at.organization)
    bobs, _ = await at.account(bob.id)
    theirs, _ = await elsewhere.account()
    before = await head(app.parts.store.pool)
    for account in (bobs, theirs, str(uuid4()), "nonsense", "'"):
        for form in ({}, {"resource": API}):
            reply = await at.exchange(token, organization_id=account, **form)
            assert error(reply) == (403, "access_denied")
            assert reply.json["code"] == "oidc.access_denied"
    assert await head(app.parts.store.pool) == before


@pytest.mark.parametrize("path", PATHS)
async def test_denied_is_denied_at_every_token_endpoint(app: Running, path: str) -> None:
    at = await a_scene(app)
    reply = await at.exchange(await at.token(), path=path, organization_id=str(uuid4()))
    assert error(reply) == (403, "access_denied")


async def test_a_member_of_an_account_that_is_suspended_is_denied(app: Running) -> None:
    at = await a_scene(app)
    account, _ = await at.account()
    token = await at.token()
    text = await at.exchanged(token, organization_id=account)
    assert (await app.call("PATCH", f"/api/accounts/{account}", json={"status": "suspended"})).status == 200
    assert error(await at.exchange(token, organization_id=account)) == (403, "access_denied")
    assert not (await at.worth(text))["active"]


@pytest.mark.parametrize("text", ["urn:logto:organization:x", "URN:LOGTO:ORGANIZATION:x"])
async def test_no_application_comes_by_an_accounts_audience_by_listing_it(app: Running, text: str) -> None:
    at = await a_scene(app)
    reply = await app.call("PATCH", f"/api/applications/{at.back.id}", json={"audiences": [text]})
    assert (reply.status, reply.json["code"]) == (400, "invalid_audience")
    asked = {"application": at.back.id, "audience": text, "scope": ["files"]}
    reply = await app.call("POST", "/api/grants", json=asked)
    assert (reply.status, reply.json["code"]) == (400, "invalid_audience")


# What ends it.


async def test_what_was_exchanged_may_be_ended_by_itself(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    one, other = await at.exchanged(token), await at.exchanged(token)
    reply = await app.call("POST", REVOKE, "", data={**credentials(at.back), "token": one})
    assert reply.status == 200
    assert [(await at.worth(text))["active"] for text in (one, other)] == [False, True]


async def test_a_token_outlives_a_suspension_and_what_was_exchanged_before_does_not(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    text = await at.exchanged(token)
    await suspended(app, at.ada)
    assert error(await at.exchange(token)) == INVALID
    await users.reinstate(app.parts.store, origin(app), SYSTEM, user=at.ada.id)
    assert not (await at.worth(text))["active"]
    assert (await at.worth(await at.exchanged(token)))["active"]


async def test_another_name_ends_nothing(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    text = await at.exchanged(token)
    assert (await app.call("PATCH", f"{at.path()}/laptop", json={"name": "desk"})).status == 200
    assert (await at.worth(text))["active"]
    assert (await at.exchange(token)).status == 200


async def test_a_token_of_the_same_name_brings_nothing_back(app: Running) -> None:
    at = await a_scene(app)
    token = await at.token()
    text = await at.exchanged(token)
    await at.delete()
    again = await at.token()
    assert error(await at.exchange(token)) == INVALID
    assert not (await at.worth(text))["active"]
    assert (await at.exchange(again)).status == 200


async def test_what_a_deleted_token_gave_opens_nothing_and_is_brought_back_by_nobody(app: Running) -> None:
    at = await a_scene(app)
    text = await at.exchanged(await at.token(), resource=API)
    about = f"/api/tokens/{claims(text)['jti']}"
    assert (await app.call("GET", about)).json["status"] == "active"
    await at.delete()
    assert (await app.call("GET", USERINFO, text)).status == 401
    assert (await app.call("GET", about)).json["status"] == "blocked"
    assert (await app.call("POST", f"{about}/revoke", json={})).status == 204
    assert (await app.call("POST", f"{about}/approve", json={})).status == 204
    assert not (await at.worth(text))["active"]


async def test_what_is_exchanged_once_more_dies_with_the_token_too(app: Running) -> None:
    at = await a_scene(app)
    text = await at.exchanged(await at.token(), resource=API)
    deeper = await at.exchanged(text, subject_token_type=ACCESS, resource=API)
    deepest = await at.exchanged(deeper, subject_token_type=ACCESS, resource=API)
    assert (await at.worth(deepest))["active"]
    await at.delete()
    assert [(await at.worth(each))["active"] for each in (text, deeper, deepest)] == [False] * 3


async def test_nobody_acts_for_another_by_what_came_of_a_token(app: Running) -> None:
    """It would be issued for the other's access, and this one's deletion would not end it."""
    at = await a_scene(app)
    bob = await a_person(app, at.organization)
    subject, actor = await at.exchanged(await at.token()), await at.exchanged(await at.token(user=bob.id))
    form = {"subject_token_type": ACCESS, "actor_token": actor, "actor_token_type": ACCESS, "resource": API}
    assert error(await at.exchange(subject, **form)) == (400, "invalid_request")


# Decided again.


async def at_the_same_moment(
    app: Running, monkeypatch: pytest.MonkeyPatch, happening: Callable[[], Awaitable[Any]]
) -> None:
    """Let something happen once, after the next exchange has looked its token up and before it commits."""
    presented, happened = rows.presented, []

    async def overtaken(*args: Any) -> Any:
        row = await presented(*args)
        if not happened:
            happened.append(row)
            await happening()
        return row

    monkeypatch.setattr(rows, "presented", overtaken)


async def test_a_deletion_that_commits_first_forbids_the_exchange(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await a_scene(app)
    token = await at.token()
    before = len(await app.events(topic="token.issued", client=at.back.id))
    await at_the_same_moment(app, monkeypatch, at.delete)
    assert error(await at.exchange(token)) == INVALID
    assert len(await app.events(topic="token.issued", client=at.back.id)) == before


async def test_a_suspension_that_commits_first_forbids_the_exchange(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await a_scene(app)
    token = await at.token()
    await at_the_same_moment(app, monkeypatch, lambda: suspended(app, at.ada))
    assert error(await at.exchange(token)) == INVALID


async def test_a_membership_that_ends_first_forbids_the_exchange(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    at = await a_scene(app)
    account, membership = await at.account()
    token, found = await at.token(), []

    async def removed() -> None:
        assert (await app.call("DELETE", f"/api/accounts/{account}/members/{membership}")).status == 204

    looked = memberships.in_active_account

    async def overtaken(*args: Any) -> Any:
        row = await looked(*args)
        if not found:
            found.append(row)
            await removed()
        return row

    monkeypatch.setattr(memberships, "in_active_account", overtaken)
    assert error(await at.exchange(token, organization_id=account)) == (403, "access_denied")
    assert found == [UUID(membership)]


async def test_an_application_that_loses_the_grant_first_does_not_exchange(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await a_scene(app)
    token = await at.token()

    async def taken() -> None:
        change = {"grant_types": [CLIENT_CREDENTIALS]}
        assert (await app.call("PATCH", f"/api/applications/{at.back.id}", json=change)).status == 200

    await at_the_same_moment(app, monkeypatch, taken)
    assert error(await at.exchange(token)) == (400, "unauthorized_client")


async def test_what_has_nothing_to_do_with_it_is_in_nobodys_way(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further token, another name, another person's end: the exchange is not decided again for these."""
    at = await a_scene(app)
    token = await at.token()
    await at.token("other")
    bob = await a_person(app, at.organization)
    looks = []

    async def much() -> None:
        await at.token("further")
        await at.delete("other")
        store = app.parts.store
        named = {"user": at.ada.id, "name": "laptop", "new_name": "desk"}
        await personal_access_tokens.rename(store, origin(app), SYSTEM, **named)
        await suspended(app, bob)
        looks.append(None)

    await at_the_same_moment(app, monkeypatch, much)
    assert (await at.exchange(token)).status == 200
    assert len(looks) == 1


async def test_no_event_is_read_to_exchange(app: Running) -> None:
    at = await a_scene(app)
    account, _ = await at.account()
    token = await at.token()
    with heard(app) as statements:
        assert (await at.exchange(token, resource=API, organization_id=account)).status == 200
    assert statements
    assert not [statement for statement in statements if EVENTS.search(statement)]


# Two workers.


async def test_what_one_worker_deleted_is_dead_on_the_other_at_once(two: tuple[Running, Running]) -> None:
    here, there = two
    at = await a_scene(here)
    for name in ("a", "b", "c"):
        token = await at.token(name)
        texts = [await at.exchanged(token, app=app, **form) for app in two for form in ({}, {"resource": API})]
        for text in texts:
            for app in two:
                assert (await at.worth(text, app))["active"]
        await at.delete(name)
        for text in texts:
            assert await at.worth(text, there) == {"active": False}
            assert await at.worth(text, here) == {"active": False}
        for app in two:
            assert error(await at.exchange(token, app=app)) == INVALID


async def test_no_exchange_outlives_the_answer_to_a_deletion_beside_it(two: tuple[Running, Running]) -> None:
    here, there = two
    at = await a_scene(here)
    refused = 0
    for n in range(6):
        token = await at.token(str(n))
        asked = [asyncio.ensure_future(at.exchange(token, app=two[m % 2])) for m in range(6)]
        await asyncio.sleep(0.002 * n)
        await at.delete(str(n))
        for reply in await asyncio.gather(*asked):
            if reply.status == 200:
                for app in two:
                    assert await at.worth(reply.json["access_token"], app) == {"active": False}
            else:
                refused += 1
                assert error(reply) == INVALID
        assert error(await at.exchange(token, app=there)) == INVALID
    assert refused < 36


async def test_many_exchanges_at_once_on_two_workers_are_each_served(two: tuple[Running, Running]) -> None:
    at = await a_scene(two[0])
    token = await at.token()
    replies = await asyncio.gather(*(at.exchange(token, app=two[n % 2]) for n in range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["access_token"] for reply in replies}) == 16
