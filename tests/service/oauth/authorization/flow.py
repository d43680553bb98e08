"""Applications that sign people in, people with browsers, and what the authorization endpoint answers those."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestClient

from service import pages
from service.commands import consents, sessions
from service.http.request import UNDER_WAY, identify
from service.oauth.authorization import sealed, steps
from service.parts import PARTS
from service.secrets.digests import SESSION, new_secret, sha256_hex
from service.sessions import COOKIE
from service.store.decision import Origin
from tests.app_fixture import Reply, Server
from tests.service.oauth.authorization.given import CALLBACK, CHALLENGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.oauth.authorization.request import AuthorizationRequest
    from tests.app_fixture import Running

AUTHORIZE, THIRD_PARTIES, PAR = "/oauth2/authorize", "/oauth/authorize", "/oauth2/par"
FILES = "https://files.test"
PROOF = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@dataclass(frozen=True)
class Shop:
    """An application that signs in the people of its organization."""

    app: Running
    document: Any
    secret: str

    @property
    def id(self) -> UUID:
        return UUID(self.document["id"])

    @property
    def organization(self) -> UUID:
        return UUID(self.document["organization"])

    @property
    def client_id(self) -> str:
        return self.document["client_id"]

    def request(self, **changed: str | None) -> dict[str, str]:
        """Return a good request with these parameters changed, or left out where they are None."""
        good = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.document["redirect_uris"][0],
            "scope": "openid",
            "state": "xyz",
            **PROOF,
            **changed,
        }
        return {name: value for name, value in good.items() if value is not None}

    async def ask(self, browser: Browser | None = None, path: str = AUTHORIZE, **changed: str | None) -> Reply:
        """Send a browser with a request, one that nobody is signed in at unless it is told."""
        headers = {} if browser is None else browser.headers
        sent = self.request(**changed)
        return await self.app.call("GET", path, "", params=sent, headers=headers, allow_redirects=False)

    async def change(self, **settings: Any) -> None:
        reply = await self.app.call("PATCH", f"/api/applications/{self.id}", json=settings)
        assert reply.status == 200, reply.text


async def a_shop(app: Running, organization: str | None = None, **body: Any) -> Shop:
    """Register an application that signs people in; in an organization of its own unless told otherwise."""
    organization = organization or await app.organization("Acme")
    settings = {"name": "Shop", "kind": "web", "redirect_uris": [CALLBACK], "audiences": [FILES]}
    settings |= {"permissions": ["files.read", "files.write"], "organization": organization} | body
    settings |= {"secrets": []} if settings["kind"] in ("spa", "native") else {}
    made = await app.application(**settings)
    return Shop(app, made, made["secrets"][0]["secret"] if made["secrets"] else "")


@dataclass(frozen=True)
class Browser:
    """Where somebody is signed in."""

    app: Running
    user: UUID
    organization: UUID
    cookie: str
    session: UUID

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"}

    @property
    def origin(self) -> Origin:
        return Origin(self.user, self.organization, None, self.app.parts.clock.new_id())

    async def consent(self, shop: Shop, *scope: str) -> None:
        """Consent to what a shop may do, `openid` unless told."""
        await consents.give(
            self.app.parts.store,
            self.origin,
            user=self.user,
            application=shop.id,
            organization=self.organization,
            scope=scope or ("openid",),
        )

    async def withdraw(self, shop: Shop) -> None:
        await consents.withdraw(self.app.parts.store, self.origin, user=self.user, application=shop.id)

    async def sign_out(self) -> None:
        await sessions.end(self.app.parts.store, self.origin, session=self.session, reason=None)

    async def suspend(self) -> None:
        reply = await self.app.call("POST", f"/api/users/{self.user}/suspend", json={"reason": "Left"})
        assert reply.status == 200, reply.text

    async def again(self) -> Browser:
        """Return the browser after its user has signed in once more."""
        return await signed_in(self.app, self.user, self.organization, former=self.cookie)


async def signed_in(app: Running, user: UUID, organization: UUID, *, former: str | None = None) -> Browser:
    """Return a browser at which a user has just signed in."""
    text = new_secret(SESSION)
    outcome = await sessions.start(
        app.parts.store,
        Origin(user, organization, None, app.parts.clock.new_id()),
        user=user,
        organization=organization,
        digest=sha256_hex(text),
        methods=("pwd",),
        lifetime=timedelta(hours=8),
        former=None if former is None else sha256_hex(former),
    )
    return Browser(app, user, organization, text, outcome.value.id)


async def a_person(shop: Shop, *consented: str) -> Browser:
    """Return the browser of a new person of a shop's organization, who has consented to this."""
    made = await shop.app.made(f"/api/applications/{shop.id}/users", {"status": "active"})
    browser = await signed_in(shop.app, UUID(made["id"]), shop.organization)
    if consented:
        await browser.consent(shop, *consented)
    return browser


def place(reply: Reply) -> str:
    """Return where a redirect leads, without its query."""
    assert reply.status == 303, reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.headers["Location"].partition("?")[0]


def answer(reply: Reply, callback: str = CALLBACK) -> dict[str, str]:
    """Return what a redirect to a client tells it. Every answer says whose it is."""
    assert place(reply) == callback
    pairs = parse_qsl(urlsplit(reply.headers["Location"]).query, strict_parsing=True)
    told = dict(pairs)
    assert len(told) == len(pairs)
    assert told["iss"] == "https://muniment.test"
    return told


def error(reply: Reply, callback: str = CALLBACK) -> str:
    """Return the error that a client is told, with the state of its request and no code."""
    told = answer(reply, callback)
    assert "code" not in told
    assert told["error_description"]
    assert told["state"] == "xyz"
    return told["error"]


def asked_by(reply: Reply, app: Running, page: str) -> AuthorizationRequest:
    """Return the request that a redirect to one of our pages carries along."""
    assert place(reply) == f"https://muniment.test/{page}"
    [(name, text)] = parse_qsl(urlsplit(reply.headers["Location"]).query)
    assert name == "request"
    asked = sealed.opened(app.parts, text)
    assert asked is not None
    return asked


async def codes(shop: Shop) -> list[Any]:
    """Return the events of all codes that a shop was ever given."""
    async with asyncio.timeout(5):
        events = await shop.app.events(organization=shop.document["organization"], limit=200)
    return [event for event in events if event["topic"] == "authorization.issued"]


@asynccontextmanager
async def a_page(app: Running) -> AsyncIterator[Page]:
    """Serve a page that stands for those of sign-in and consent: it goes on at once, or refuses."""
    site = web.Application(middlewares=[identify])
    site[PARTS] = app.parts
    site[UNDER_WAY] = set()
    pages.set_up(site)

    async def go_on(request: web.Request) -> web.StreamResponse:
        asked = sealed.opened(app.parts, request.query["request"])
        assert asked is not None
        if "error" in request.query:
            return await steps.refuse(request, app.parts, asked, request.query["error"], "The person said no")
        if "consented" in request.query:
            request[steps.CONSENTED] = True
        return await steps.proceed(request, app.parts, asked)

    site.router.add_post("/page", go_on)
    async with TestClient(Server(site)) as client:
        yield Page(app, client)


@dataclass(frozen=True)
class Page:
    """The page, and what its form is answered."""

    app: Running
    client: TestClient[Any, Any]

    async def post(self, shown: Reply, browser: Browser | None = None, **fields: str) -> Reply:
        """Go on from where a redirect led, with a browser."""
        [(_, text)] = parse_qsl(urlsplit(shown.headers["Location"]).query)
        return await self._post(text, browser, fields)

    async def go_on(self, asked: AuthorizationRequest, browser: Browser | None = None) -> Reply:
        """Go on with a request, with a browser."""
        return await self._post(sealed.seal(self.app.parts, asked), browser, {})

    async def _post(self, text: str, browser: Browser | None, fields: dict[str, str]) -> Reply:
        headers = {} if browser is None else browser.headers
        params = {"request": text, **fields}
        async with self.client.post("/page", params=params, headers=headers, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.text())
