"""Two worker processes, as operators start them: what one of them ended is dead on the other at once (T11).

The other worker is asked right after the answer, and in the middle of look-ups of the same tokens.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.app_fixture import AUDIENCE
from tests.service.oauth.asking import INTROSPECT, claims, error
from tests.service.oauth.attacks.test_worker_processes import crowd, service, workers
from tests.service.oauth.exchanging import API, a_remote_scene

if TYPE_CHECKING:
    from tests.app_fixture import Running

__all__ = ["crowd", "service", "workers"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 10


class Back(NamedTuple):
    """An application that names its end users."""

    document: Any

    @property
    def credentials(self) -> dict[str, str]:
        secret = self.document["secrets"][0]["secret"]
        return {"client_id": self.document["client_id"], "client_secret": secret}

    async def token(self, app: Running, end_user: str) -> str:
        form = {"grant_type": "client_credentials", "audience": AUDIENCE, **self.credentials, "appuser": end_user}
        reply = await app.call("POST", "/oauth2/token", "", data=form)
        assert reply.status == 200, reply.text
        return reply.json["access_token"]

    async def active(self, app: Running, token: str) -> bool:
        reply = await app.call("POST", INTROSPECT, "", data={**self.credentials, "token": token})
        assert reply.status == 200, reply.text
        return reply.json["active"]


async def two(app: Running) -> tuple[str, Back, Back]:
    """Return an organization with two applications."""
    organization = await app.organization()
    settings = {"organization": organization, "end_user_from": "form:appuser"}
    return organization, Back(await app.application(**settings)), Back(await app.application(**settings))


NAMED = {
    "application": (("application",), [True, True, False]),
    "end user": (("end_user",), [True, False, True]),
    "both": (("application", "end_user"), [True, False, False]),
    "before": (("application", "before"), [True, True, False]),
}


@pytest.mark.parametrize("named", NAMED)
async def test_what_one_worker_revokes_in_bulk_is_dead_on_the_other(workers: list[Running], named: str) -> None:
    names, hit = NAMED[named]
    organization, one, other = await two(workers[0])
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        issued = [
            (one, await one.token(there, "anna")),
            (one, await one.token(here, "otto")),
            (other, await other.token(there, "anna")),
        ]
        assert [await back.active(there, token) for back, token in issued] == [True] * 3
        between = datetime.now(UTC).isoformat()
        later = await one.token(there, "anna")
        known = {"application": one.document["id"], "end_user": "anna", "before": between}
        body = {"organization": organization, **{name: known[name] for name in names}}
        answer = await here.made("/api/tokens/revoke", body)
        assert [not await back.active(there, token) for back, token in issued] == hit
        assert await one.active(there, later) is (named == "before")
        assert await one.active(there, await one.token(there, "anna"))
        assert answer["more"] is False
        assert answer["tokens"] >= sum(hit)


async def test_look_ups_under_way_keep_nothing_alive_after_the_answer(crowd: Running, workers: list[Running]) -> None:
    organization, one, _ = await two(workers[0])
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        token = await one.token(there, "anna")
        asking = [asyncio.ensure_future(one.active(crowd, token)) for _ in range(40)]
        await asyncio.sleep(0)
        await here.made("/api/tokens/revoke", {"organization": organization, "end_user": "anna"})
        assert not await one.active(there, token)
        await asyncio.gather(*asking)


async def test_what_one_worker_approves_again_works_on_the_other(workers: list[Running]) -> None:
    _, one, _ = await two(workers[0])
    token = await one.token(workers[0], "anna")
    path = f"/api/tokens/{claims(token)['jti']}"
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        for action, expected in (("revoke", False), ("approve", True)):
            reply = await here.call("POST", f"{path}/{action}", json={})
            assert reply.status == 204, reply.text
            assert await one.active(there, token) is expected
            assert (await there.call("GET", path)).json["status"] == ("active" if expected else "revoked")


async def test_what_came_of_a_personal_access_token_is_dead_on_the_other_worker_once_it_is_deleted(
    workers: list[Running],
) -> None:
    at = await a_remote_scene(workers[0])
    for number in range(ROUNDS):
        here, there = workers[number % 2], workers[1 - number % 2]
        value = await at.token(str(number))
        texts = [await at.exchanged(value, app=app, **form) for app in workers for form in ({}, {"resource": API})]
        assert all([(await at.worth(text, there))["active"] for text in texts])
        asking = [asyncio.ensure_future(at.worth(text, there)) for text in texts * 5]  # look-ups under way
        racing = [asyncio.ensure_future(at.exchange(value, app=there)) for _ in range(5)]
        await at.delete(str(number), here)
        for text in texts:
            assert await at.worth(text, there) == {"active": False}
        late = [reply.json["access_token"] for reply in await asyncio.gather(*racing) if reply.status == 200]
        for text in (*texts, *late):
            assert [await at.worth(text, app) for app in workers] == [{"active": False}] * 2
        assert error(await at.exchange(value, app=there)) == (400, "invalid_grant")
        await asyncio.gather(*asking)
