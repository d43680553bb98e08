"""The token path reads no events (T10): issuing, redeeming, renewing, introspecting, revoking and bearer look-ups."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.app_fixture import ROOT_SECRET, running
from tests.service.oauth.asking import (
    INTROSPECT,
    REVOKE,
    SERVER_TO_SERVER,
    ask,
    back_end,
    claims,
    introspected,
    issued,
    revoked,
)
from tests.service.oauth.key_pairs import TYPE, pair, signed, told
from tests.service.oauth.redeeming import a_code, a_person, a_shop, alive, ended, redeem, renew

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVENTS = re.compile(r"\bmuniment\.(events|token_events\w*|log)\b|\b(events|token_events|log)\b")


@contextmanager
def heard(app: Running) -> Iterator[list[str]]:
    """Yield the statements that this worker's connections carry out meanwhile: those of its pools and of its lane."""
    statements: list[str] = []

    def note(record: Any) -> None:
        statements.append(record.query)

    pools = (app.parts.store.pool, app.parts.tokens._pool)
    connections = [holder._con for pool in pools for holder in pool._holders]
    connections.append(app.parts.store.appender._lane._connection)
    assert len(connections) > 1
    for connection in connections:
        connection.add_query_logger(note)
    yield statements
    for connection in connections:
        connection.remove_query_logger(note)


async def walked(app: Running, **settings: Any) -> None:
    """Walk the token path: a client that is new to this worker, then one that is known to it."""
    key = pair("ES256")
    back = await back_end(app, permissions=["read_app"], key_set={"keys": [key.public]}, **settings)
    with heard(app) as statements:
        for _ in range(2):
            token = await issued(app, back)
            assert (await introspected(app, back, token))["active"]
            assert (await app.call("GET", "/api/applications", token)).status == 200
            assert (await revoked(app, back, token)).status == 200
            assert (await revoked(app, back, token)).status == 200
            assert (await introspected(app, back, token)) == {"active": False}
            assert (await app.call("GET", "/api/applications", token)).status == 401
        assert (await ask(app, client_id=back.client_id, client_secret="x")).status == 401
        assert (await ask(app, SERVER_TO_SERVER, **back.credentials, scope="read_app")).status == 200
        assertion = signed(key, told(back.client_id, "https://muniment.test"))
        assert (await ask(app, client_assertion=assertion, client_assertion_type=TYPE)).status == 200
    assert sum("FROM tokens" in query for query in statements) >= 8
    assert sum("muniment.append" in query for query in statements) >= 6
    assert [query for query in statements if EVENTS.search(query)] == []


@pytest.mark.parametrize("token_format", ["jwt", "opaque"])
async def test_no_statement_of_the_token_path_names_the_events(app: Running, token_format: str) -> None:
    await walked(app, token_format=token_format)


@pytest.mark.parametrize("kind", ["web", "spa"])
async def test_no_statement_about_the_tokens_of_people_names_the_events(app: Running, kind: str) -> None:
    shop = await a_shop(app, kind=kind, refresh_grace=0)
    browser = await a_person(shop)
    with heard(app) as statements:
        code, other = await a_code(shop, browser), await a_code(shop, browser)
        first = (await redeem(shop, code)).json
        assert (await redeem(shop, code)).status == 400
        assert not await alive(app, first["access_token"])
        second = (await redeem(shop, other)).json
        third = (await renew(shop, second["refresh_token"])).json
        assert await alive(app, third["access_token"])
        assert await alive(app, third["refresh_token"])
        assert (await renew(shop, second["refresh_token"])).status == 400
        assert not await alive(app, third["refresh_token"])
        fourth = (await redeem(shop, await a_code(shop, browser))).json
        assert (await ended(shop, fourth["access_token"])).status == 200
        assert (await ended(shop, fourth["refresh_token"])).status == 200
        assert not await alive(app, fourth["refresh_token"])
    assert sum("muniment.append" in query for query in statements) >= 11
    assert [query for query in statements if EVENTS.search(query)] == []


async def test_no_statement_of_a_look_up_or_of_what_ends_a_token_names_the_events(app: Running) -> None:
    back = await back_end(app)
    tokens = [await issued(app, back) for _ in range(3)]
    shop = await a_shop(app)
    person = (await redeem(shop, await a_code(shop, await a_person(shop)))).json
    ids = [claims(each)["jti"] for each in (*tokens, person["access_token"])]
    with heard(app) as statements:
        for query in ({"application": back.id}, {"application": back.id, "status": "active"}):
            assert len((await app.call("GET", "/api/tokens", params=query)).json["items"]) == 3
        for each in ids:
            assert (await app.call("GET", f"/api/tokens/{each}")).json["status"] == "active"
            assert (await app.call("POST", f"/api/tokens/{each}/revoke", json={})).status == 204
            assert (await app.call("GET", f"/api/tokens/{each}")).json["status"] == "revoked"
    assert sum("FROM tokens" in query for query in statements) >= 10
    assert [query for query in statements if EVENTS.search(query)] == []


async def test_the_token_path_serves_a_worker_that_may_not_read_events(app_database: str) -> None:
    rights = "SELECT ON muniment.events, muniment.token_events, muniment.log"
    root = {"client_id": "root", "client_secret": ROOT_SECRET}
    with psycopg.connect(app_database, autocommit=True) as owner:
        async with running(app_database) as app:
            owner.execute(f"REVOKE {rights} FROM muniment_service")
            assert (await app.call("GET", "/api/accounts")).status == 200
            token = (await ask(app, **root)).json["access_token"]
            for path in (INTROSPECT, REVOKE):
                assert (await app.call("POST", path, "", data={**root, "token": token})).status == 200
            told_last = await app.call("POST", INTROSPECT, "", data={**root, "token": token})
            assert told_last.json == {"active": False}
            owner.execute(f"GRANT {rights} TO muniment_service")
