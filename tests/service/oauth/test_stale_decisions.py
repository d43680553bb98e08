"""Nothing is issued on state that moved: between a decision and its append another process may take the right away.

The lock of the log is held while one worker queues the change and, behind it, another worker the token.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import jwt
import pytest
import pytest_asyncio

from tests.app_fixture import AUDIENCE, Running
from tests.service.oauth.asking import Back, ask, back_end, error, introspected, issued, revoked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from tests.app_fixture import Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCK, UNLOCK = "SELECT pg_advisory_lock(5567012641)", "SELECT pg_advisory_unlock(5567012641)"
WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
 WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""


@dataclass
class Race:
    """Two workers, and the lock of the log in the test's hand."""

    here: Running
    there: Running
    owner: asyncpg.Connection

    async def queued(self, work: Awaitable[Reply], place: int) -> asyncio.Task[Reply]:
        """Start a request and return once its append waits in this place for the lock."""
        task = asyncio.ensure_future(work)
        async with asyncio.timeout(5):
            while await self.owner.fetchval(WAITING) < place:
                assert not task.done(), await task
                await asyncio.sleep(0.005)
        return task

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        await self.owner.execute(LOCK)
        try:
            yield
        finally:
            await self.owner.execute(UNLOCK)

    async def first(self, change: Awaitable[Reply], then: Awaitable[Reply]) -> tuple[Reply, Reply]:
        """Let the change commit just before the append of what was decided without it."""
        async with self.held():
            changing = await self.queued(change, 1)
            asking = await self.queued(then, 2)
        return await changing, await asking


@pytest_asyncio.fixture(loop_scope="module")
async def race(two: tuple[Running, Running], app_database: str) -> AsyncIterator[Race]:
    owner = await asyncpg.connect(app_database)
    yield Race(*two, owner)
    await owner.close()


async def known(race: Race, **body: Any) -> Back:
    """Return a client that the first worker remembers."""
    back = await back_end(race.here, **body)
    await issued(race.here, back)
    return back


async def tokens_of(race: Race, back: Back) -> int:
    return await race.owner.fetchval("SELECT count(*) FROM models.tokens WHERE application = $1", back.id)


@pytest.mark.parametrize("what", ["disabled", "deleted", "secret retired", "organization suspended"])
async def test_no_token_is_issued_to_a_client_that_lost_its_right_meanwhile(race: Race, what: str) -> None:
    organization = await race.here.organization()
    back = await known(race, organization=organization)
    secret = back.document["secrets"][0]["id"]
    method, path, more = {
        "disabled": ("POST", f"/api/applications/{back.id}/disable", {"json": {}}),
        "deleted": ("DELETE", f"/api/applications/{back.id}", {}),
        "secret retired": ("DELETE", f"/api/applications/{back.id}/secrets/{secret}", {}),
        "organization suspended": ("PATCH", f"/api/accounts/{organization}", {"json": {"status": "suspended"}}),
    }[what]
    changed, asked = await race.first(race.there.call(method, path, **more), ask(race.here, **back.credentials))
    assert changed.status in {200, 204}, changed.text
    assert error(asked) == (401, "invalid_client")
    assert await tokens_of(race, back) == 1


async def test_a_token_holds_nothing_that_was_taken_away_meanwhile(race: Race) -> None:
    back = await known(race, permissions=["read_user", "write_user"])
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"permissions": ["read_user"]})
    changed, asked = await race.first(change, ask(race.here, **back.credentials))
    assert changed.status == 200
    assert asked.json["scope"] == "read_user"
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"audiences": []})
    _, asked = await race.first(change, ask(race.here, **back.credentials))
    assert error(asked) == (400, "invalid_target")
    assert await tokens_of(race, back) == 2


async def test_a_key_that_was_retired_meanwhile_signs_nothing(race: Race) -> None:
    back = await known(race)
    old = jwt.get_unverified_header(race.here.root)["kid"]
    rotate = race.there.call("POST", "/api/keys/rotate", json={"force": True})
    rotated, asked = await race.first(rotate, ask(race.here, **back.credentials))
    assert rotated.status == 200, rotated.text
    assert asked.status == 200, asked.text
    token = asked.json["access_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    assert kid != old
    keys = jwt.PyJWKSet.from_dict((await race.there.call("GET", "/.well-known/jwks.json", "")).json)
    jwt.decode(token, keys[kid], algorithms=["ES256"], audience=AUDIENCE)
    jwt.decode(race.here.root, keys[old], algorithms=["ES256"], audience=AUDIENCE)
    assert await tokens_of(race, back) == 2


async def test_a_caller_who_was_disabled_meanwhile_changes_nothing(race: Race) -> None:
    back = await known(race, permissions=["all"])
    token = await issued(race.here, back)
    register = race.here.call("POST", "/api/applications", token, json={"name": "Late", "kind": "machine"})
    disable = race.there.call("POST", f"/api/applications/{back.id}/disable", json={})
    _, asked = await race.first(disable, register)
    assert asked.status == 401
    assert await race.owner.fetchval("SELECT count(*) FROM models.applications WHERE name = 'Late'") == 0


async def test_a_token_that_was_revoked_meanwhile_changes_nothing(race: Race) -> None:
    back = await known(race, permissions=["all"])
    token = await issued(race.here, back)
    register = race.here.call("POST", "/api/applications", token, json={"name": "Late", "kind": "machine"})
    done, asked = await race.first(revoked(race.there, back, token), register)
    assert done.status == 200
    assert asked.status == 401
    assert await race.owner.fetchval("SELECT count(*) FROM models.applications WHERE name = 'Late'") == 0


async def test_a_revocation_survives_a_change_of_its_client(race: Race) -> None:
    """The client is judged anew, and is still the token's own."""
    back = await known(race)
    token = await issued(race.here, back)
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"name": "Renamed"})
    _, done = await race.first(change, revoked(race.here, back, token))
    assert done.status == 200, done.text
    assert await introspected(race.there, back, token) == {"active": False}


async def test_a_client_that_was_disabled_meanwhile_revokes_nothing(race: Race) -> None:
    back, other = await known(race, permissions=["revoke_token"]), await known(race)
    token = await issued(race.here, other)
    disable = race.there.call("POST", f"/api/applications/{back.id}/disable", json={})
    _, done = await race.first(disable, revoked(race.here, back, token))
    assert error(done) == (401, "invalid_client")
    assert (await introspected(race.there, other, token))["active"]


async def test_a_token_that_two_revoke_at_once_ends_once(race: Race) -> None:
    back = await known(race)
    token = await issued(race.here, back)
    replies = await race.first(revoked(race.there, back, token), revoked(race.here, back, token))
    assert [reply.status for reply in replies] == [200, 200]
    ended = await race.owner.fetchval("SELECT count(*) FROM muniment.token_events WHERE topic = 'token.revoked'")
    assert ended == 1


async def test_other_tokens_are_issued_while_their_client_is_renamed(race: Race) -> None:
    """A change that takes nothing away costs a second decision, never an error."""
    back = await known(race)
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"name": "Renamed"})
    _, asked = await race.first(change, ask(race.here, **back.credentials))
    assert asked.status == 200


async def test_a_client_that_lost_root_meanwhile_revokes_nothing_of_another_organization(race: Race) -> None:
    back = await known(race, permissions=["root", "revoke_token"])
    other = await known(race, organization=await race.here.organization())
    token = await issued(race.here, other)
    change = race.there.call("PATCH", f"/api/applications/{back.id}", json={"permissions": ["revoke_token"]})
    changed, done = await race.first(change, revoked(race.here, back, token))
    assert changed.status == 200, changed.text
    assert done.status == 200, done.text
    assert (await introspected(race.there, other, token))["active"]
