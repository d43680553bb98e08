"""From where a user cannot sign in for a while, told to those who manage them, and opened by them."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from service.sign_in import SignInRefused, TryLater
from tests.service.doors.s2s.people import a_place

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"


async def tried(place, identifier, address, password="wrong"):
    return await place.app.parts.sign_in.check(
        organization=UUID(place.organization), identifier=identifier, password=password, address=address, device=None
    )


async def locked_out(place, identifier, address):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await tried(place, identifier, address)
    with pytest.raises(TryLater):
        await tried(place, identifier, address, PASSWORD)


async def test_addresses_are_told_and_opened(app):
    place = await a_place(app)
    body = {"username": "ada", "primaryEmail": "ada@example.com", "password": PASSWORD}
    user = (await app.made("/api/users", body, place.token))["id"]
    path = f"/{user}/locked-ips"
    assert (await place.call("GET", path)).json == {"lockedIPs": []}
    await locked_out(place, "ada", "192.0.2.1")
    await locked_out(place, "ADA@example.com", "2001:db8::1")
    assert (await place.call("GET", path)).json == {"lockedIPs": ["192.0.2.1", "2001:db8::/64"]}

    reply = await place.call("DELETE", path)
    assert (reply.status, reply.text) == (204, "")
    [event] = await app.events(request_id=reply.headers["X-Request-Id"])
    assert (event["topic"], event["subject"]) == ("user.sign_in_unlocked", user)
    assert (await place.call("GET", path)).json == {"lockedIPs": []}
    assert str((await tried(place, "ada", "192.0.2.1", PASSWORD)).user) == user


async def test_other_peoples_addresses_stay_locked_and_unknown(app):
    place, elsewhere = await a_place(app), await a_place(app)
    users = {}
    for name in ("eve", "bob"):
        users[name] = (await app.made("/api/users", {"username": name, "password": PASSWORD}, place.token))["id"]
        await locked_out(place, name, "192.0.2.7")
    assert (await place.call("DELETE", f"/{users['eve']}/locked-ips")).status == 204
    assert (await place.call("GET", f"/{users['bob']}/locked-ips")).json == {"lockedIPs": ["192.0.2.7"]}
    for user in (users["bob"], str(uuid4())):
        for method in ("GET", "DELETE"):
            reply = await elsewhere.call(method, f"/{user}/locked-ips")
            assert (reply.status, reply.text) == (404, "No user found")
    assert (await place.call("GET", f"/{users['bob']}/locked-ips")).json == {"lockedIPs": ["192.0.2.7"]}
