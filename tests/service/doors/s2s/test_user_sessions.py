"""Sessions, impersonation, consents and locked addresses at the server-to-server door (spec/melody.md 4.2)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.caller import SYSTEM
from domain.role import Role
from domain.token_family import TokenFamily
from service.commands import consents, revocations
from service.store.decision import Origin
from tests.service.doors.s2s.people import a_place

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = UUID(int=0)


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    return await a_place(app)


@pytest_asyncio.fixture(loop_scope="module")
async def spa(app, place):
    return await app.application(
        organization=place.organization, kind="spa", permissions=["profile"], audiences=[], secrets=[]
    )


@pytest_asyncio.fixture(loop_scope="module")
async def admin(app, place):
    """The access token of a user who may act as others: their role is that of the name, whoever defined it."""
    user, store = await place.user(), app.parts.store

    async def command(decision):
        decision.organization = UUID(place.organization)
        decision.save(
            Role.define(
                id=store.clock.new_id(), organization=decision.organization, name="super_admin", description=None,
                permissions=[], by=SYSTEM, now=store.clock.now(),
            )
        )  # fmt: skip

    await store.decide(command, Origin(NOBODY, NOBODY, None, uuid4()))
    reply = await app.call("PUT", f"/api/v1/users/{user['id']}", json={"roles": ["super_admin"]})
    assert reply.status == 200, reply.text
    home = await app.application(organization=place.organization)
    return user, await app.issued(home, scope="read_role", user=user["id"])


async def impersonate(app, user, application, token):
    path = f"/api/v1/users/{user}/impersonation/{application}"
    return await app.call("POST", path, json={"impersonatorToken": token})


async def test_a_super_admin_acts_as_another_user(app, place, spa, admin):
    target, (_, token) = await place.user(), admin
    reply = await impersonate(app, target["id"], spa["id"], token)
    assert reply.status == 200, reply.text
    made = reply.json
    assert made.keys() == {"refresh_token", "refresh_token_expires_in", "refresh_token_expires_on"}
    assert made["refresh_token_expires_in"] == 1800
    assert abs(made["refresh_token_expires_on"] - time.time() - 1800) < 30
    digest = hashlib.sha256(made["refresh_token"].encode()).digest()
    pool = app.parts.store.pool
    row = await pool.fetchrow("SELECT * FROM models.refresh_tokens WHERE digest = $1", digest)
    assert str(row["application"]) == spa["id"]
    assert made["refresh_token"] not in str(await app.events(limit=200))


async def test_the_log_tells_who_acts_as_whom(app, place, spa, admin):
    target, (by, token) = await place.user(), admin
    await impersonate(app, target["id"], spa["id"], token)
    family = await app.parts.store.pool.fetchval(
        "SELECT family FROM models.tokens WHERE user_id = $1", UUID(target["id"])
    )

    async def command(decision):
        return await decision.load(TokenFamily, family)

    loaded = (await app.parts.store.decide(command, Origin(NOBODY, NOBODY, None, uuid4()))).value
    assert (str(loaded.actor), str(loaded.user)) == (by["id"], target["id"])


async def test_impersonation_is_refused_in_the_order_of_the_dialect(app, place, spa, admin):
    target, plain = await place.user(), await place.user()
    home = await app.application(organization=place.organization)
    theirs = await app.issued(home, scope="read_role", user=plain["id"])
    machine = await app.issued(home, scope="read_role")
    elsewhere = await (await a_place(app)).user()
    before = await place.head()
    missing = (400, "impersonatorToken is required for impersonation")
    unknown = str(uuid4())
    for user, application, presented, answer in (
        (unknown, unknown, "", missing),
        (unknown, unknown, "nonsense", missing),
        (unknown, unknown, machine, missing),
        (unknown, unknown, theirs, (404, "No user found")),
        (target["id"], unknown, theirs, (404, "")),
        (elsewhere["id"], spa["id"], theirs, (404, "")),
        (target["id"], home["id"], theirs, (400, "Impersonate request sent to a non-SPA app")),
        (target["id"], spa["id"], theirs, (401, "Only super admin can impersonate other users")),
    ):
        reply = await impersonate(app, user, application, presented)
        assert (reply.status, reply.text) == answer
    reply = await app.call("POST", f"/api/v1/users/{target['id']}/impersonation/{spa['id']}", json={})
    assert (reply.status, reply.text) == missing
    assert await place.head() == before


async def test_a_disabled_account_is_not_impersonated(app, place, spa, admin):
    _, token = admin
    target = await place.user(isActive=False)
    reply = await impersonate(app, target["id"], spa["id"], token)
    assert (reply.status, reply.text) == (400, "Try to access a disabled account")


async def test_impersonation_takes_root(app, place, spa, admin):
    target, (_, token) = await place.user(), admin
    caller = await app.manager(place.organization, "all")
    path = f"/{target['id']}/impersonation/{spa['id']}"
    reply = await place.call("POST", path, {"impersonatorToken": token}, token=caller)
    assert (reply.status, reply.text) == (401, "Unauthorized")


async def test_a_role_that_is_taken_away_ends_the_right_to_act_as_others(app, place, spa, admin):
    target, (by, token) = await place.user(), admin
    await place.changed(by["id"], roles=[])
    reply = await impersonate(app, target["id"], spa["id"], token)
    assert (reply.status, reply.text) == (401, "Only super admin can impersonate other users")


async def test_sessions_are_listed_by_a_digest_and_ended(app, place, spa, admin):
    target, (_, token) = await place.user(), admin
    for _ in range(2):
        await impersonate(app, target["id"], spa["id"], token)
    path = f"/{target['id']}/active-sessions"
    sessions = (await place.call("GET", path)).json["activeSessions"]
    assert len(sessions) == 2
    for session in sessions:
        assert session == {
            "sessionId": session["sessionId"], "expiredAt": session["expiredAt"], "authId": target["id"],
            "clientId": spa["client_id"], "scope": "profile", "roles": [],
        }  # fmt: skip
        assert len(session["sessionId"]) == 64
    reply = await place.call("DELETE", f"{path}/{sessions[0]['sessionId']}")
    assert (reply.status, reply.text) == (204, "")
    for gone in (sessions[0]["sessionId"], "nonsense"):
        reply = await place.call("DELETE", f"{path}/{gone}")
        assert (reply.status, reply.text) == (404, "No active session found")
    assert (await place.call("GET", path)).json["activeSessions"] == sessions[1:]


async def test_of_two_who_end_a_session_nobody_fails_badly(app, place, spa, admin):
    target, (_, token) = await place.user(), admin
    await impersonate(app, target["id"], spa["id"], token)
    path = f"/{target['id']}/active-sessions"
    [session] = (await place.call("GET", path)).json["activeSessions"]
    replies = await asyncio.gather(*(place.call("DELETE", f"{path}/{session['sessionId']}") for _ in range(4)))
    assert {reply.status for reply in replies} <= {204, 404}
    assert (await place.call("GET", path)).json["activeSessions"] == []


async def test_another_users_session_is_unknown(app, place, spa, admin):
    target, other, (_, token) = await place.user(), await place.user(), admin
    await impersonate(app, target["id"], spa["id"], token)
    [session] = (await place.call("GET", f"/{target['id']}/active-sessions")).json["activeSessions"]
    assert (await place.call("DELETE", f"/{other['id']}/active-sessions/{session['sessionId']}")).status == 404
    assert len((await place.call("GET", f"/{target['id']}/active-sessions")).json["activeSessions"]) == 1


@pytest.mark.parametrize("by", ["user", "application", "both"])
async def test_a_revocation_of_many_ends_sessions_too(app, place, spa, admin, by):
    target, (_, token) = await place.user(), admin
    await impersonate(app, target["id"], spa["id"], token)
    named = {"user": UUID(target["id"]), "application": UUID(spa["id"])}
    await revocations.record(
        app.parts.store,
        Origin(NOBODY, NOBODY, None, uuid4()),
        SYSTEM,
        organization=UUID(place.organization),
        cascade=True,
        **(named if by == "both" else {by: named[by]}),
    )
    assert (await place.call("GET", f"/{target['id']}/active-sessions")).json["activeSessions"] == []


async def test_suspending_a_user_ends_their_sessions(app, place, spa, admin):
    target, (_, token) = await place.user(), admin
    await impersonate(app, target["id"], spa["id"], token)
    await place.changed(target["id"], isActive=False)
    await place.changed(target["id"], isActive=True)
    assert (await place.call("GET", f"/{target['id']}/active-sessions")).json["activeSessions"] == []


async def consent(app, user, organization, *applications):
    origin = Origin(UUID(user), UUID(organization), None, uuid4())
    for application in applications:
        await consents.give(
            app.parts.store, origin, user=UUID(user), application=UUID(application["id"]),
            organization=UUID(organization), scope=["profile"],
        )  # fmt: skip


async def test_consented_apps_are_listed_and_one_is_taken_back(app, place, spa):
    user, other = await place.user(), await place.user()
    web = await app.application(organization=place.organization, kind="web", name="Calendar")
    await consent(app, user["id"], place.organization, spa, web)
    await consent(app, other["id"], place.organization, spa)
    token = await app.issued(web, scope="profile", user=user["id"])
    path = f"/{user['id']}/consented-apps"
    both = [{"appId": spa["id"], "appName": spa["name"]}, {"appId": web["id"], "appName": "Calendar"}]
    assert (await place.call("GET", path)).json == {"consentedApps": both}
    reply = await place.call("DELETE", f"{path}/{web['id']}")
    assert (reply.status, reply.text) == (204, "")
    assert (await place.call("GET", path)).json == {"consentedApps": both[:1]}
    row = await app.parts.tokens.find(token)
    assert not row["alive"]
    assert len((await place.call("GET", f"/{other['id']}/consented-apps")).json["consentedApps"]) == 1


async def test_a_consent_that_is_not_there_is_gone_already(app, place, spa):
    user = await place.user()
    assert (await place.call("GET", f"/{user['id']}/consented-apps")).json == {"consentedApps": []}
    before = await place.head()
    for application in (spa["id"], uuid4(), "nonsense"):
        reply = await place.call("DELETE", f"/{user['id']}/consented-apps/{application}")
        assert (reply.status, reply.text) == (204, "")
    assert await place.head() == before


async def test_consents_of_another_organizations_user_are_unknown(app, place, spa):
    elsewhere = await a_place(app)
    user = await place.user()
    await consent(app, user["id"], place.organization, spa)
    for method, path in (("GET", ""), ("DELETE", f"/{spa['id']}")):
        reply = await elsewhere.call(method, f"/{user['id']}/consented-apps{path}")
        assert (reply.status, reply.text) == (404, "No user found")
    assert len((await place.call("GET", f"/{user['id']}/consented-apps")).json["consentedApps"]) == 1


async def test_no_address_is_locked(place):
    user = await place.user()
    assert (await place.call("GET", f"/{user['id']}/locked-ips")).json == {"lockedIPs": []}
    reply = await place.call("DELETE", f"/{user['id']}/locked-ips")
    assert (reply.status, reply.text) == (204, "")
