"""Invitations at the server-to-server door, from the request to the click in the mail (spec/melody.md 4.2)."""

# ruff: noqa: N802 - the names of tests begin with the row of the specification

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.app_fixture import SETTINGS, running
from tests.service.doors.s2s.people import SIGN_IN, a_place
from tests.service.messages.mail_host import mail_host
from tests.service.messages.mailbox import link_in, mail, token_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRIVILEGED = "Only an app with the root scope can assign a privileged role"


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    return await a_place(app)


def an_address():
    return f"{uuid4().hex}@example.com"


async def nothing_happened(place, address, before):
    assert await place.head() == before
    assert await mail(place.app, address) == []
    assert (await place.call("GET", "", params={"search": address})).json["count"] == 0


async def test_M15_an_invited_user_has_the_roles_that_are_named_and_gets_mail(app, place):
    for name in ("clerk", "auditor"):
        await place.role(name)
    address = an_address()
    user = await place.invite(address, firstName="Ada", roles=["clerk", "auditor"])
    assert (user["roles"], user["isActive"], user["isInviting"]) == (["auditor", "clerk"], False, True)
    [message] = await mail(app, address)
    assert message["subject"] == "You are invited to Acme"
    assert "Hello Ada," in message["body"]
    assert link_in(message).startswith("/invitation?token=mun_inv_")


async def test_M17_an_invitation_with_a_privileged_role_leaves_no_user_and_no_mail(place):
    await place.role("mighty", "root")
    await place.role("clerk")
    address, before = an_address(), await place.head()
    for roles in (["super_admin"], ["clerk", "super_admin"], ["mighty"], ["nobody", "super_admin"]):
        for wrong in ({}, {"email": "nobody"}, {"orgSlug": "nowhere"}, {"signinUrl": "x"}, {"locale": "??"}):
            reply = await place.call("POST", "/invitations", {"email": address, "roles": roles, **wrong})
            assert (reply.status, reply.text) == (400, PRIVILEGED)
        await nothing_happened(place, address, before)


async def test_M17_root_invites_with_a_privileged_role(app):
    address = an_address()
    reply = await app.call("POST", "/api/v1/users/invitations", json={"email": address, "roles": ["super_admin"]})
    assert (reply.status, reply.json["user"]["roles"]) == (200, ["super_admin"])
    assert len(await mail(app, address)) == 1


@pytest.mark.parametrize(
    ("more", "status", "text"),
    [
        ({"roles": ["nobody"]}, 404, "Role not found"),
        ({"orgSlug": "nowhere"}, 404, "No organization found"),
        ({"email": "nobody"}, 400, None),
        ({"email": "a@b"}, 400, None),
        ({"email": ""}, 400, None),
        ({"email": "a@b.com\r\nBcc: c@d.com"}, 400, None),
        ({"locale": "??"}, 400, None),
        ({"firstName": "a\u2028b"}, 400, None),
        ({"signinUrl": "https://evil.example.net/"}, 400, None),
        ({"unknown": 1}, 400, None),
        ({"roles": "all"}, 400, None),
    ],
)
async def test_a_refused_invitation_leaves_nothing(place, more, status, text):
    address, before = an_address(), await place.head()
    reply = await place.call("POST", "/invitations", {"email": address, **more})
    assert reply.status == status
    assert reply.text == text if text else reply.json
    await nothing_happened(place, address, before)


async def test_an_address_is_required(place):
    reply = await place.call("POST", "/invitations", {"firstName": "Ada"})
    assert (reply.status, reply.json[0]["property"]) == (400, "email")


async def test_an_address_belongs_to_one_user_of_an_organization(app, place):
    await place.invite("Twice@Example.com")
    before = await place.head()
    for address in ("Twice@example.com", "twice@EXAMPLE.com", " TWICE@example.com "):
        reply = await place.call("POST", "/invitations", {"email": address})
        assert (reply.status, reply.text) == (400, "The email address is already in use")
    assert await place.head() == before
    await (await a_place(app)).invite("twice@example.com")


async def test_of_two_invitations_of_one_address_at_the_same_moment_one_wins(app, place):
    address = an_address()
    replies = await asyncio.gather(
        *(place.call("POST", "/invitations", {"email": email}) for email in (address, address.upper()) * 4)
    )
    assert sorted(reply.status for reply in replies) == [200] + [400] * 7
    assert {reply.text for reply in replies if reply.status == 400} == {"The email address is already in use"}
    assert len([each for each in await mail(app) if each["to"].lower() == address]) == 1


async def test_who_accepts_is_active_and_their_address_confirmed(app, place):
    address = an_address()
    user = await place.invite(address)
    [message] = await mail(app, address)
    asked = await app.call("GET", link_in(message), "")
    assert (asked.status, address in asked.text) == (200, True)
    assert (await place.shown(user["id"]))["isInviting"] is True, "opening a link changes nothing"
    reply = await app.call("POST", "/invitation", "", data={"token": token_in(message)})
    assert reply.status == 200
    shown = await place.shown(user["id"])
    assert (shown["isActive"], shown["isInviting"], shown["emailVerified"], shown["invitationExpiresAt"]) == (
        True, False, True, None,
    )  # fmt: skip
    accepted = [event for event in await app.events(subject=user["id"]) if event["topic"] == "invitation.accepted"]
    assert [(event["actor"], event["client"]) for event in accepted] == [(user["id"], None)]


async def test_a_link_is_used_once_whoever_is_quicker(app, place):
    user = await place.invite(address := an_address())
    [message] = await mail(app, address)
    replies = await asyncio.gather(
        *(app.call("POST", "/invitation", "", data={"token": token_in(message)}) for _ in range(8))
    )
    assert sorted(reply.status for reply in replies) == [200] + [404] * 7
    topics = [event["topic"] for event in await app.events(subject=user["id"])]
    assert topics.count("user.activated") == topics.count("invitation.accepted") == 1


async def test_a_new_link_kills_the_one_before(app, place):
    user = await place.invite(address := an_address())
    [first] = await mail(app, address)
    reply = await place.call("POST", f"/invitations/{user['id']}", {"locale": "zh"})
    assert (reply.status, reply.json) == (200, {"success": True})
    _, second = await mail(app, address)
    assert "邀请您加入" in second["subject"]
    assert token_in(first) != token_in(second)
    assert (await app.call("POST", "/invitation", "", data={"token": token_in(first)})).status == 404
    assert (await app.call("POST", "/invitation", "", data={"token": token_in(second)})).status == 200


async def test_an_invitation_that_is_called_back_leaves_an_inactive_user(app, place):
    user = await place.invite(address := an_address())
    [message] = await mail(app, address)
    reply = await place.call("DELETE", f"/invitations/{user['id']}")
    assert (reply.status, reply.text) == (204, "")
    assert (await app.call("GET", link_in(message), "")).status == 404
    shown = await place.shown(user["id"])
    assert (shown["isActive"], shown["isInviting"], shown["invitationExpiresAt"]) == (False, False, None)
    assert (await place.changed(user["id"], isActive=True)).json["user"]["isActive"] is True


async def test_what_is_over_is_neither_sent_again_nor_called_back(app, place):
    active, revoked, accepted = await place.user(), await place.invite(), await place.invite(address := an_address())
    await place.call("DELETE", f"/invitations/{revoked['id']}")
    [message] = await mail(app, address)
    await app.call("POST", "/invitation", "", data={"token": token_in(message)})
    before = await place.head()
    for method, body in (("POST", {}), ("DELETE", None)):
        for user, text in (
            (active, "User is already active"),
            (accepted, "User is already active"),
            (revoked, "Invitation not found or already used"),
        ):
            reply = await place.call(method, f"/invitations/{user['id']}", body)
            assert (reply.status, reply.text) == (400, text)
        for unknown in (str(uuid4()), "1"):
            reply = await place.call(method, f"/invitations/{unknown}", body)
            assert (reply.status, reply.text) == (404, "No user found")
    assert await place.head() == before
    await place.changed(accepted["id"], isActive=False)
    assert (
        await place.call("POST", f"/invitations/{accepted['id']}", {})
    ).text == "Invitation not found or already used"


async def test_another_organizations_invitation_is_unknown(app, place):
    user, other = await place.invite(), await a_place(app)
    for method, body in (("POST", {}), ("DELETE", None)):
        reply = await other.call(method, f"/invitations/{user['id']}", body)
        assert (reply.status, reply.text) == (404, "No user found")
    assert (await place.shown(user["id"]))["isInviting"] is True


async def test_who_accepted_goes_on_where_the_inviter_said(app, place):
    for url in (SIGN_IN, f"{SIGN_IN}/signin?from=mail&lang=en"):
        await place.invite(address := an_address(), signinUrl=url)
        [message] = await mail(app, address)
        reply = await app.call("POST", "/invitation", "", data={"token": token_in(message)})
        assert f'href="{url.replace("&", "&amp;")}"' in reply.text


async def test_nobody_is_led_to_where_the_organization_has_no_application_any_more(app, place):
    await place.invite(address := an_address(), signinUrl=SIGN_IN)
    [message] = await mail(app, address)
    listed = await app.call("GET", "/api/applications", params={"organization": place.organization, "kind": "spa"})
    await app.call("POST", f"/api/applications/{listed.json['items'][0]['id']}/disable")
    reply = await app.call("POST", "/invitation", "", data={"token": token_in(message)})
    assert (reply.status, SIGN_IN in reply.text) == (200, False)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/", "https://app.example.com.evil.net/", "https://app.example.com:444/",
        "https://evil.net/https://app.example.com", "https://app.example.com@evil.net/", "//app.example.com/",
        "https:app.example.com", "https://app.example.com\\@evil.net/", "javascript:alert(1)", "data:text/html,x",
        "https://app.example.com/ x", 'https://app.example.com/"', "https://app.example.com\n.evil.net/",
        "https://user@app.example.com/", "https://\u0430pp.example.com/", "https://[::1", "https://app.example.com:x/",
        "https://app.example.com/" + "x" * 2048,
    ],
)  # fmt: skip
async def test_nobody_is_led_anywhere_else(place, url):
    address, before = an_address(), await place.head()
    reply = await place.call("POST", "/invitations", {"email": address, "signinUrl": url})
    assert (reply.status, reply.json[0]["property"]) == (400, "signinUrl")
    user = await place.invite()
    assert (await place.call("POST", f"/invitations/{user['id']}", {"signinUrl": url})).status == 400
    assert (await place.call("GET", "", params={"search": address})).json["count"] == 0
    assert await place.head() > before


async def test_an_invited_user_has_no_rights_until_they_accept(app, place):
    home = await app.application(organization=place.organization)
    user = await place.invite(address := an_address())
    token = await app.issued(home, scope="read_role", user=user["id"])
    assert (await app.call("GET", "/api/roles", token)).status == 401
    [message] = await mail(app, address)
    await app.call("POST", "/invitation", "", data={"token": token_in(message)})
    assert (await app.call("GET", "/api/roles", token)).status == 403, "a token again, without the permission"


async def test_other_doors_show_the_invited_and_neither_let_them_in_nor_lock_them_out(app, place):
    user = await place.invite()
    shown = await app.call("GET", f"/api/users/{user['id']}")
    assert (shown.status, shown.json["isSuspended"]) == (200, False)
    for command in ("suspend", "reinstate"):
        reply = await app.call("POST", f"/api/users/{user['id']}/{command}", json={})
        assert (reply.status, reply.json["code"]) == (409, "invitation_pending")


async def test_a_suspended_organization_lets_nobody_in(app, place):
    await place.invite(address := an_address())
    [message] = await mail(app, address)
    reply = await app.call("PATCH", f"/api/accounts/{place.organization}", json={"status": "suspended"})
    assert reply.status == 200, reply.text
    assert (await app.call("GET", link_in(message), "")).status == 404
    assert (await app.call("POST", "/invitation", "", data={"token": token_in(message)})).status == 404


async def test_neither_the_log_nor_the_records_hold_address_or_secret(app, place):
    address = an_address()
    user = await place.invite(address, firstName="Unmistakable")
    [message] = await mail(app, address)
    secret = token_in(message)
    pool = app.parts.store.pool
    states = [row["state"] for row in await pool.fetch("SELECT state FROM muniment.log")]
    rows = [str(dict(row)) for row in await pool.fetch("SELECT * FROM muniment.messages")]
    for hidden in (address, "Unmistakable", secret):
        assert not any(hidden.encode() in state for state in states)
        assert not any(hidden in row for row in rows)
    assert user["email"] == address


async def test_the_mail_log_tells_what_was_sent_without_the_secret(app):
    place_root = await app.call("POST", "/api/v1/users/invitations", json={"email": (address := an_address())})
    [message] = await mail(app, address)
    [logged] = [
        each for each in (await app.call("GET", "/api/v1/logs/email")).json["logs"] if each["receiver"] == address
    ]
    assert logged["success"] is True
    assert "invited to" in logged["content"]
    assert token_in(message) not in str(logged)
    await app.call("DELETE", f"/api/v1/users/{place_root.json['user']['id']}")
    [again] = [
        each for each in (await app.call("GET", "/api/v1/logs/email")).json["logs"] if each["id"] == logged["id"]
    ]
    assert (again["receiver"], again["content"]) == (None, None)


async def test_mail_goes_to_the_mail_server_that_is_set_up(app_database):
    async with mail_host() as host:
        settings = replace(SETTINGS, smtp_url=f"smtp://127.0.0.1:{host.port}?from=id@example.com")
        async with running(app_database, settings) as service:
            place = await a_place(service)
            user = await place.invite(address := an_address())
            assert await mail(service) == [], "nothing is left in the outbox"
            [message] = host.taken
            assert (host.receivers, message["From"]) == ([address], "id@example.com")
            token = token_in({"body": message.get_content()})
            assert (await service.call("POST", "/invitation", "", data={"token": token})).status == 200
            assert (await place.shown(user["id"]))["isActive"] is True
