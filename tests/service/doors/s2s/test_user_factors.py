"""Factors, passkeys and linked accounts behind the server-to-server door (spec/melody.md section 4.2)."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.service.doors.s2s.people import a_place

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def place(app):
    return await a_place(app)


async def test_factors_are_required_and_waived_as_often_as_one_likes(place):
    user = await place.user()
    for factor in ("sms", "email", "otp", "otp"):
        reply = await place.call("POST", f"/{user['id']}/{factor}-mfa")
        assert (reply.status, reply.text) == (204, "")
    assert (await place.shown(user["id"]))["mfaTypes"] == ["email", "otp", "sms"]
    for factor in ("otp", "otp", "sms"):
        assert (await place.call("DELETE", f"/{user['id']}/{factor}-mfa")).status == 204
    assert (await place.shown(user["id"]))["mfaTypes"] == ["email"]


async def test_that_somebody_has_an_app_is_told_and_forgotten_with_the_factor(app, place):
    user = await place.user()
    factors = f"/api/users/{user['id']}/mfa-verifications"
    assert user["otpVerified"] is False
    assert (await place.call("POST", f"/{user['id']}/otp-mfa")).status == 204
    assert (await place.shown(user["id"]))["otpVerified"] is False
    await app.made(factors, {"type": "Totp"}, place.token)
    assert (await place.shown(user["id"]))["otpVerified"] is True
    assert (await place.changed(user["id"], firstName="Ada")).json["user"]["otpVerified"] is True
    [listed] = [each for each in (await place.call("GET", "")).json["users"] if each["id"] == user["id"]]
    assert listed["otpVerified"] is True
    assert (await place.call("DELETE", f"/{user['id']}/otp-mfa")).status == 204
    assert (await app.call("GET", factors, place.token)).json == []
    assert (await place.shown(user["id"]))["otpVerified"] is False
    # An app that nobody asked for is forgotten, too.
    await app.made(factors, {"type": "Totp"}, place.token)
    assert (await place.call("DELETE", f"/{user['id']}/sms-mfa")).status == 204
    assert (await place.shown(user["id"]))["otpVerified"] is True
    assert (await place.call("DELETE", f"/{user['id']}/otp-mfa")).status == 204
    assert (await place.shown(user["id"]))["otpVerified"] is False


@pytest.mark.parametrize("factor", ["email", "otp", "sms"])
async def test_a_disabled_account_keeps_its_factors(place, factor):
    suspended, invited = await place.user(isActive=False), await place.invite()
    before = await place.head()
    for user in (suspended, invited):
        for method in ("POST", "DELETE"):
            reply = await place.call(method, f"/{user['id']}/{factor}-mfa")
            assert (reply.status, reply.text) == (400, "Try to access a disabled account")
    assert await place.head() == before


async def test_there_are_no_passkeys(place):
    user = await place.user()
    assert (await place.call("GET", f"/{user['id']}/passkeys")).json == {"passkeys": []}
    reply = await place.call("DELETE", f"/{user['id']}/passkeys/{uuid4()}")
    assert (reply.status, reply.text) == (404, "No such passkey")


async def test_accounts_are_linked_on_both_sides_and_unlinked_from_either(place):
    one, other = await place.user(), await place.user()
    reply = await place.call("POST", f"/{one['id']}/account-linking/{other['id']}")
    assert (reply.status, reply.json) == (200, {"success": True})
    assert (await place.shown(one["id"]))["linkedAuthId"] == other["id"]
    assert (await place.shown(other["id"]))["linkedAuthId"] == one["id"]
    for user in (other, other, one):
        reply = await place.call("DELETE", f"/{user['id']}/account-linking")
        assert (reply.status, reply.json) == (200, {"success": True})
    for user in (one, other):
        assert (await place.shown(user["id"]))["linkedAuthId"] is None


async def test_an_account_is_linked_with_one_other(app, place):
    one, other, third = await place.user(), await place.user(), await place.user()
    await place.call("POST", f"/{one['id']}/account-linking/{other['id']}")
    elsewhere = await (await a_place(app)).user()
    before = await place.head()
    for user, target, status, text in (
        (one, third, 400, "This account has already been linked with one account"),
        (one, other, 400, "This account has already been linked with one account"),
        (third, other, 400, "Target account has already been linked with one account"),
        (third, third, 400, "An account is not linked with itself"),
        (third, elsewhere, 404, "No user found"),
        (third, {"id": str(uuid4())}, 404, "No user found"),
    ):
        reply = await place.call("POST", f"/{user['id']}/account-linking/{target['id']}")
        assert (reply.status, reply.text) == (status, text)
    assert (await app.call("POST", f"/api/v1/users/{third['id']}/account-linking/{elsewhere['id']}")).status == 404
    assert await place.head() == before


async def test_of_many_links_at_the_same_moment_one_wins(place):
    users = [await place.user() for _ in range(3)]
    pairs = [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]
    replies = await asyncio.gather(
        *(place.call("POST", f"/{users[a]['id']}/account-linking/{users[b]['id']}") for a, b in pairs)
    )
    assert sorted(reply.status for reply in replies) == [200] + [400] * 5
    linked = {user["id"]: (await place.shown(user["id"]))["linkedAuthId"] for user in users}
    assert sorted(linked.values(), key=str).count(None) == 1
    assert all(linked[other] == user for user, other in linked.items() if other)
