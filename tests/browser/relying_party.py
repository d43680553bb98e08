"""An application that people sign in to, on a port of its own: it sends them here, and shows what it is told."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
from aiohttp import web

from tests.service.pages.people import CHALLENGE, VERIFIER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.service.pages.people import Firm

PAGE = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>{title}</title><h1>{title}</h1><p>{text}'


@dataclass
class RelyingParty:
    """The application. `onward` is where its callback leads once it is told, if it leads anywhere."""

    url: str
    firm: Firm | None = None
    onward: str | None = None
    told: list[dict[str, str]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)

    @property
    def callback(self) -> str:
        return f"{self.url}/callback"

    def asking(self, **more: str) -> str:
        """Return the address that begins a sign-in."""
        assert self.firm is not None
        state = secrets.token_urlsafe(8)
        parameters = {
            "response_type": "code", "client_id": self.firm.client_id, "redirect_uri": self.callback, "state": state,
            "scope": "openid profile", "nonce": "n", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self.firm.app.parts.settings.issuer}/oauth2/authorize?{urlencode({**parameters, **more})}"

    async def show(self, _: web.Request) -> web.Response:
        """Begin with a click, as people do."""
        return _page("Atlas CRM", f'<a href="{escape(self.asking())}">Sign in</a>')

    async def hear(self, request: web.Request) -> web.Response:
        """Take the answer, by either response mode, and a token for it."""
        assert self.firm is not None
        told = dict(await request.post()) if request.method == "POST" else dict(request.query)
        self.told.append(told)
        if told["iss"] != self.firm.app.parts.settings.issuer:
            return _page("Mixed up", "")
        if "error" in told:
            return _page("Not signed in", told["error"])
        form = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": self.callback}
        secret = self.firm.application["secrets"][0]["secret"]
        data = {**form, "client_id": self.firm.client_id, "client_secret": secret, "code_verifier": VERIFIER}
        reply = await self.firm.app.call("POST", "/oauth2/token", "", data=data)
        assert reply.status == 200, reply.text
        self.tokens.append(reply.json)
        if self.onward is not None:
            raise web.HTTPSeeOther(self.onward)
        return self.welcome()

    async def greet(self, _: web.Request) -> web.Response:
        """Show who is signed in."""
        return self.welcome()

    def welcome(self) -> web.Response:
        """Say what the last sign-in gave."""
        claims = jwt.decode(self.tokens[-1]["id_token"], options={"verify_signature": False})
        return _page("Welcome", escape(f"{claims['sub']} {self.tokens[-1]['scope']}"))

    async def bye(self, _: web.Request) -> web.Response:
        """Show that somebody signed out."""
        return _page("Goodbye", "")

    async def forge(self, request: web.Request) -> web.Response:
        """Show a form that sends what another site would like to."""
        assert self.firm is not None
        path, fields = request.query["path"], {key: value for key, value in request.query.items() if key != "path"}
        hidden = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())
        action = f"{self.firm.app.parts.settings.issuer}{path}"
        return _page(
            "Win a prize", f'<form method="post" action="{escape(action)}">{hidden}<button>Yes!</button></form>'
        )


def _page(title: str, text: str) -> web.Response:
    return web.Response(text=PAGE.format(title=title, text=text), content_type="text/html")


@asynccontextmanager
async def relying_party() -> AsyncIterator[RelyingParty]:
    """Serve an application."""
    party = RelyingParty("")
    app = web.Application()
    app.router.add_get("/", party.show)
    app.router.add_route("*", "/callback", party.hear)
    app.router.add_get("/welcome", party.greet)
    app.router.add_get("/bye", party.bye)
    app.router.add_get("/prize", party.forge)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    party.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield party
    finally:
        await runner.cleanup()
