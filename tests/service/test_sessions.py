"""Sessions of browsers over HTTP: what their cookie is like, and whom it lets in at each request."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from domain.account import Account
from domain.refusals import UnknownSession, UnknownUser, UserNotActive
from projections import sessions as rows
from service.http.request import UNDER_WAY, identify
from service.parts import PARTS
from service.secrets.digests import has_checksum, sha256_hex
from service.sessions import COOKIE, SignedIn, clear_cookie, set_cookie
from service.store import journal
from service.store.decision import Origin
from service.store.refusals import Stale
from tests.app_fixture import SETTINGS, app_database, app_template, running
from tests.postgres_fixture import copied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.store.decision import Decision
    from tests.app_fixture import Running

__all__ = ["app_database", "app_template"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Browser:
    """A browser with one cookie at most, at a service with the least of pages: who am I, sign in, forget me."""

    client: TestClient[Any, Any]
    cookie: str | None = None

    async def who(self) -> Any:
        """Return the present session as a document, None when nobody is signed in."""
        async with self.client.get("/who", headers=self._headers()) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def sign_in(self, user: str, organization: str, *, proved: int | None = None) -> Any:
        """Return the session; what is refused comes as its code."""
        form = {"user": user, "organization": organization} | ({} if proved is None else {"proved": str(proved)})
        headers = self._headers() | {"User-Agent": "a browser"}
        async with self.client.post("/in", data=form, headers=headers) as response:
            self.told = response.headers.get("Set-Cookie", "")
            if response.status == 200:
                self.cookie = SimpleCookie(self.told)[COOKIE].value
            return await response.json()

    def _headers(self) -> dict[str, str]:
        return {} if self.cookie is None else {"Cookie": f"other=1; {COOKIE}={self.cookie}"}


def told(signed_in: SignedIn | None) -> Any:
    if signed_in is None:
        return None
    return {"id": str(signed_in.id), "user": str(signed_in.user), "methods": signed_in.methods}


async def who(request: web.Request) -> web.Response:
    return web.json_response(told(await request.app[PARTS].sessions.present(request)))


async def sign_in(request: web.Request) -> web.Response:
    form = await request.post()
    sessions = request.app[PARTS].sessions
    proved = form.get("proved")
    try:
        signed_in, text = await sessions.start(
            request,
            user=UUID(str(form["user"])),
            organization=UUID(str(form["organization"])),
            methods=("pwd",),
            position=None if proved is None else int(str(proved)),
        )
    except (UserNotActive, UnknownUser) as refusal:
        return web.json_response(refusal.code, status=403)
    assert await sessions.present(request) == signed_in
    response = web.json_response(told(signed_in))
    set_cookie(response, text)
    return response


async def forget(_: web.Request) -> web.Response:
    response = web.Response()
    clear_cookie(response)
    return response


@asynccontextmanager
async def browsed(service: Running) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve pages over a running service, with its own outermost middleware."""
    pages = web.Application(middlewares=[identify])
    pages[PARTS], pages[UNDER_WAY] = service.parts, set()
    pages.add_routes([web.get("/who", who), web.post("/in", sign_in), web.get("/forget", forget)])
    async with TestClient(TestServer(pages)) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(postgres_dsn: str, app_template: str) -> AsyncIterator[Running]:
    """The service for all tests of this file, each with an organization of its own."""
    with copied(postgres_dsn, app_template) as dsn:
        async with running(dsn) as service:
            yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(app: Running) -> AsyncIterator[TestClient[Any, Any]]:
    async with browsed(app) as client:
        yield client


async def a_user(app: Running) -> tuple[str, str]:
    """Return an active user's id and organization."""
    organization = await app.organization()
    home = await app.application(organization=organization)
    made = await app.made(f"/api/applications/{home['id']}/users", {"status": "active"})
    return made["id"], organization


async def head(app: Running) -> int:
    return await app.parts.store.pool.fetchval("SELECT max(last) FROM muniment.batches")


async def test_the_cookie_keeps_to_this_host_and_away_from_scripts(app: Running, pages: TestClient[Any, Any]) -> None:
    browser = Browser(pages)
    await browser.sign_in(*await a_user(app))
    name, _, rest = browser.told.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "__Host-muniment-session"
    assert value.startswith("mun_ses_")
    assert has_checksum(value)
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    async with pages.get("/forget") as response:
        forgotten = SimpleCookie(response.headers["Set-Cookie"])[COOKIE]
    assert (forgotten.value, forgotten["max-age"], forgotten["path"]) == ("", "0", "/")
    assert (forgotten["secure"], forgotten["httponly"], forgotten["samesite"]) == (True, True, "Lax")


async def test_who_signed_in_is_known_by_the_cookie(app: Running, pages: TestClient[Any, Any]) -> None:
    browser, (user, organization) = Browser(pages), await a_user(app)
    assert await browser.who() is None
    session = await browser.sign_in(user, organization)
    assert session == {"id": session["id"], "user": user, "methods": ["pwd"]}
    assert await browser.who() == session


async def test_the_secret_of_a_cookie_is_kept_nowhere(app: Running, pages: TestClient[Any, Any]) -> None:
    browser = Browser(pages)
    await browser.sign_in(*await a_user(app))
    assert browser.cookie is not None
    pool = app.parts.store.pool
    states = [row["state"] for row in await pool.fetch("SELECT state FROM muniment.events")]
    assert not any(browser.cookie.encode() in state for state in states)
    assert any(sha256_hex(browser.cookie).encode() in state for state in states)
    assert browser.cookie not in str(await pool.fetch("SELECT * FROM models.sessions"))


@pytest.mark.parametrize("cookie", ["", "nonsense", "mun_ses_" + "a" * 49, "mun_at_" + "a" * 49])
async def test_what_is_no_cookie_of_ours_lets_nobody_in(pages: TestClient[Any, Any], cookie: str) -> None:
    assert await Browser(pages, cookie).who() is None


async def test_a_cookie_planted_before_the_sign_in_is_worth_nothing_after_it(
    app: Running, pages: TestClient[Any, Any]
) -> None:
    (user, organization), (thief, theirs) = await a_user(app), await a_user(app)
    attacker = Browser(pages)
    await attacker.sign_in(thief, theirs)
    victim = Browser(pages, attacker.cookie)
    session = await victim.sign_in(user, organization)
    assert victim.cookie != attacker.cookie
    assert await attacker.who() is None
    assert await victim.who() == session


async def test_signing_in_again_keeps_the_session_and_changes_the_cookie(
    app: Running, pages: TestClient[Any, Any]
) -> None:
    user, organization = await a_user(app)
    browser = Browser(pages)
    session = await browser.sign_in(user, organization)
    copied = Browser(pages, browser.cookie)
    assert (await browser.sign_in(user, organization))["id"] == session["id"]
    assert await copied.who() is None
    assert (await browser.who())["id"] == session["id"]


@pytest.mark.parametrize("out", ["suspended", "deleted", "organization"])
async def test_who_is_locked_out_is_out_at_the_next_request(
    app: Running, pages: TestClient[Any, Any], out: str
) -> None:
    user, organization = await a_user(app)
    browser = Browser(pages)
    await browser.sign_in(user, organization)
    if out == "organization":
        reply = await app.call("PATCH", f"/api/accounts/{organization}", json={"status": "suspended"})
    elif out == "suspended":
        reply = await app.call("POST", f"/api/users/{user}/suspend", json={})
    else:
        reply = await app.call("DELETE", f"/api/users/{user}")
    assert reply.status < 300, reply.text
    assert await browser.who() is None
    ended = await app.events(topic="session.ended", subject=user)
    assert len(ended) == (0 if out == "organization" else 1)


async def test_who_is_not_active_does_not_come_in(app: Running, pages: TestClient[Any, Any]) -> None:
    user, organization = await a_user(app)
    await app.call("POST", f"/api/users/{user}/suspend", json={})
    browser = Browser(pages)
    assert await browser.sign_in(user, organization) == "user_not_active"
    assert await browser.sign_in(str(uuid4()), organization) == "unknown_user"
    assert browser.told == ""


async def test_who_was_changed_since_the_proof_proves_themselves_again(
    app: Running, pages: TestClient[Any, Any]
) -> None:
    user, organization = await a_user(app)
    proved = await head(app)
    browser = Browser(pages)
    for change in ("suspend", "reinstate"):
        await app.call("POST", f"/api/users/{user}/{change}", json={})
    assert await browser.sign_in(user, organization, proved=proved) == "user_not_active"
    assert (await browser.sign_in(user, organization, proved=await head(app)))["user"] == user


async def test_an_ended_session_is_over_for_its_browser_alone(app: Running, pages: TestClient[Any, Any]) -> None:
    user, organization = await a_user(app)
    first, second = Browser(pages), Browser(pages)
    session = await first.sign_in(user, organization)
    await second.sign_in(user, organization)
    origin = Origin(UUID(user), UUID(organization), None, uuid4())
    sessions = app.parts.sessions
    with pytest.raises(UnknownSession):
        await sessions.end(origin, UUID(session["id"]), reason="not theirs", user=uuid4())
    assert await first.who() == session
    position = await sessions.end(origin, UUID(session["id"]), reason="signed out", user=UUID(user))
    assert position == await head(app)
    assert await first.who() is None
    assert (await second.who())["user"] == user


async def test_a_session_is_one_on_every_worker_and_ends_on_all_at_once(app_database: str) -> None:
    async with (
        running(app_database) as here,
        running(app_database) as there,
        browsed(here) as one,
        browsed(there) as another,
    ):
        user, organization = await a_user(here)
        browser = Browser(one)
        session = await browser.sign_in(user, organization)
        elsewhere = Browser(another, browser.cookie)
        assert await elsewhere.who() == session
        again = await elsewhere.sign_in(user, organization)
        assert (again["id"], await browser.who()) == (session["id"], None)
        browser.cookie = elsewhere.cookie
        assert await browser.who() == session
        await here.call("POST", f"/api/users/{user}/suspend", json={})
        assert await elsewhere.who() is None


@pytest.mark.parametrize("hours", [1, 8760])
async def test_a_session_lasts_as_many_hours_as_are_set(app_database: str, hours: int) -> None:
    async with (
        running(app_database, replace(SETTINGS, session_hours=hours)) as service,
        browsed(service) as client,
    ):
        user, organization = await a_user(service)
        await Browser(client).sign_in(user, organization)
        [row] = await service.parts.store.pool.fetch("SELECT * FROM models.sessions")
        assert (row["expires_at"] - row["started_at"]).total_seconds() == hours * 3600


async def test_nothing_that_relies_on_a_session_commits_once_it_has_ended(
    app: Running, pages: TestClient[Any, Any]
) -> None:
    user, organization = await a_user(app)
    browser, store = Browser(pages), app.parts.store
    await browser.sign_in(user, organization)
    assert browser.cookie is not None
    row = await rows.present(store.pool, sha256_hex(browser.cookie), store.clock.now())
    assert row is not None
    signed_in = SignedIn(row["id"], row["organization"], row["user_id"], row["authenticated_at"], (), row["head"])

    async def command(decision: Decision) -> None:
        account = await decision.load(Account, signed_in.organization)
        assert account is not None
        account.rename(uuid4().hex, store.clock.now())
        decision.save(account)

    origin = Origin(signed_in.user, signed_in.organization, None, uuid4(), reads=signed_in.guards)
    await store.decide(command, origin)
    await app.parts.sessions.end(origin, signed_in.id, reason=None)
    with pytest.raises(Stale) as stale:
        await store.decide(command, origin)
    assert stale.value.detail == f"session:{signed_in.id}"


async def test_the_journal_tells_from_where_a_session_was_signed_in_to(
    app: Running, pages: TestClient[Any, Any]
) -> None:
    user, organization = await a_user(app)
    await Browser(pages).sign_in(user, organization)
    pool = app.parts.store.pool
    request_id = await pool.fetchval("SELECT request_id FROM models.sessions WHERE user_id = $1", UUID(user))
    await app.parts.journal.stop()
    found = await journal.whence(pool, [request_id, uuid4()])
    assert found.keys() == {request_id}
    assert (found[request_id]["address"], found[request_id]["user_agent"]) == ("127.0.0.1", "a browser")
