"""Scripts of other sites may call what proves itself by what it sends, and nothing that a cookie opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.http.cors import PATHS

if TYPE_CHECKING:
    from tests.app_fixture import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = {"Origin": "https://spa.example"}
CLOSED = (
    "/oauth2/authorize", "/oauth2/logout", "/oauth2/introspect", "/oauth2/par", "/oauth2/device_authorization",
    "/login", "/consent", "/account", "/device", "/api/users", "/api/applications", "/metrics", "/nowhere",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_a_browser_that_asks_first_may_call(app: Running, path: str) -> None:
    asked = {
        "Access-Control-Request-Method": PATHS[path][-1],
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    reply = await app.call("OPTIONS", path, "", headers={**ELSEWHERE, **asked})
    assert (reply.status, reply.text) == (204, "")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Allow-Methods"] == ", ".join(PATHS[path])
    assert reply.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize("path", PATHS)
async def test_a_script_may_read_what_it_is_answered_refusals_too(app: Running, path: str) -> None:
    for method in (*PATHS[path], "DELETE"):
        reply = await app.call(method, path, "", headers=ELSEWHERE)
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "WWW-Authenticate" in reply.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize("path", CLOSED)
async def test_nothing_else_is_opened(app: Running, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        reply = await app.call(method, path, "", headers=ELSEWHERE, allow_redirects=False)
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert reply.status in {404, 405}
