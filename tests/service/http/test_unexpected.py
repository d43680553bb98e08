"""What nobody refused on purpose is told in the shape of its endpoint, and its insides stay in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
import structlog

from tests.app_fixture import ROOT_SECRET, Running
from tests.service.oauth.asking import SETTINGS_TOKEN, TOKEN, ask

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = {"client_id": "root", "client_secret": ROOT_SECRET}
INSIDE = "postgresql://user:pass@10.0.0.7/secret-table"


def breaking(error: Exception) -> Callable[..., object]:
    async def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.fixture
def broken(app: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """A function after whose call all look-ups and appends of the worker fail."""

    def break_with(error: Exception) -> None:
        monkeypatch.setattr(app.parts.clients._queries, "_fetch", breaking(error))
        monkeypatch.setattr(app.parts.tokens._queries, "_fetch", breaking(error))
        monkeypatch.setattr(app.parts.store.appender, "append", breaking(error))

    return break_with


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError(INSIDE), 500),
        (ValueError(INSIDE), 500),
        (asyncpg.UndefinedTableError(INSIDE), 500),
        (asyncpg.ConnectionDoesNotExistError(INSIDE), 503),
        (asyncpg.CannotConnectNowError(INSIDE), 503),
        (asyncpg.TooManyConnectionsError(INSIDE), 503),
        (ConnectionRefusedError(111, INSIDE), 503),
        (TimeoutError(INSIDE), 503),
    ],
)
async def test_a_failure_is_told_in_the_shape_of_its_endpoint_without_its_insides(
    app: Running, broken: Callable[[Exception], None], error: Exception, status: int
) -> None:
    broken(error)
    code = "temporarily_unavailable" if status == 503 else "server_error"
    with structlog.testing.capture_logs() as lines:
        replies = [
            await ask(app, **ROOT),
            await ask(app, SETTINGS_TOKEN, **ROOT, resource="https://muniment.test/api"),
            await app.call("POST", "/oauth2/introspect", "", data={**ROOT, "token": "x"}),
            await app.call("POST", "/oauth2/revoke", "", data={**ROOT, "token": "x"}),
            await app.call("GET", "/api/applications"),
        ]
    for reply in replies:
        assert reply.status == status
        assert "secret-table" not in reply.text + str(reply.headers)
        assert reply.headers["Cache-Control"] == "no-store"
        assert (status == 503) is ("Retry-After" in reply.headers)
    assert [reply.json.get("error") for reply in replies] == [code] * 4 + [None]
    assert replies[1].json["code"] == f"oidc.{code}"
    assert replies[4].headers["Content-Type"] == "application/problem+json"
    logged = [line for line in lines if line["log_level"] == "error"]
    assert {line["event"] for line in logged} == {"database_unreachable" if status == 503 else "request_failed"}
    assert len(logged) == 5


async def test_a_door_of_another_dialect_tells_of_failures_in_it(
    app: Running, broken: Callable[[Exception], None]
) -> None:
    for error, status in ((RuntimeError(INSIDE), 500), (ConnectionRefusedError(111, INSIDE), 503)):
        broken(error)
        with structlog.testing.capture_logs():
            server, administration = await app.call("GET", "/info"), await app.call("GET", "/api/accounts")
        assert (server.status, server.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
        assert "secret-table" not in server.text
        assert server.text.endswith(("in the log", "try again shortly"))
        assert (administration.status, administration.json["error"]) == (status, administration.json["code"])


async def test_unknown_paths_and_methods_are_problem_documents(app: Running) -> None:
    for path in ("/", "/nothing", "/api", "/oauth2", "/oauth2/token/", "/OAUTH2/TOKEN"):
        reply = await app.call("POST", path, "")
        assert (reply.status, reply.json["code"]) == (404, "not_found")
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.headers["Cache-Control"] == "no-store"
    reply = await app.call("GET", TOKEN, "")
    assert (reply.status, reply.json["code"], reply.headers["Allow"]) == (405, "method_not_allowed", "OPTIONS, POST")
    assert "Muniment-Position" not in reply.headers
