"""A provider of identities for one test: a second service of ours, with an organization, a client and its people.

`linking(dsn, dsn)` opens it beside the service under test, which may call it. A connector of the GitHub kind is set up
with `provider.config()`, people there go through sign-in and consent with `provider.back(uri, person)`, and what that
returns is what a browser brings back: the parameters of the callback.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.app_fixture import SETTINGS, running
from tests.service.pages.people import Firm, Person, a_firm, sign_in
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app_fixture import Running

CALLBACK = "https://shop.example.com/linked"
ISSUER = "https://provider.test"
TYPE = "github-universal"


@dataclass
class Provider:
    """The provider: who it knows, and how it is reached."""

    firm: Firm

    @property
    def app(self) -> Running:
        return self.firm.app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.client.port}"

    @property
    def secret(self) -> str:
        return self.firm.application["secrets"][0]["secret"]

    def config(self, **more: Any) -> dict[str, Any]:
        """Return what a connector to this provider is configured with."""
        return {
            "clientId": self.firm.client_id,
            "clientSecret": self.secret,
            "scope": "openid profile email",
            "authorizationEndpoint": f"{self.url}/oauth2/authorize",
            "tokenEndpoint": f"{self.url}/oauth2/token",
            "userInfoEndpoint": f"{self.url}/oauth2/userinfo",
            "profileMap": {"id": "sub", "avatar": "picture"},
            **more,
        }

    async def register(self, *redirect_uris: str) -> None:
        """Let the provider send people back to these addresses as well."""
        registered = [*self.firm.application["redirect_uris"], *redirect_uris]
        path = f"/api/applications/{self.firm.application['id']}"
        reply = await self.app.call("PATCH", path, self.firm.token, json={"redirect_uris": registered})
        assert reply.status == 200, reply.text
        self.firm.application["redirect_uris"] = registered

    async def person(self, **more: Any) -> Person:
        """Return somebody whom the provider knows."""
        return await self.firm.person(**more)

    async def back(self, uri: str, person: Person, decision: str = "allow") -> dict[str, str]:
        """Send somebody there; return the parameters that they are sent back with."""
        address = urlsplit(uri)
        assert f"{address.scheme}://{address.netloc}" == self.url
        visitor = Visitor(self.app)
        answer = await visitor.open(f"{address.path}?{address.query}")
        if answer.status == 303 and answer.next.startswith("/"):
            answer = await sign_in(visitor, await visitor.open(answer.next), person)
        if answer.status == 303 and answer.next.startswith("/"):
            answer = await visitor.open(answer.next)
        if answer.status == 200 and answer.page.forms:
            answer = await visitor.submit(answer.form, decision=decision)
        away = answer.next if answer.status == 303 else answer.away
        return {name: value for name, [value] in parse_qs(urlsplit(away).query).items()}

    async def connector(self, app: Running, organization: str, token: str | None = None, **more: Any) -> Any:
        """Set a connector to this provider up in an organization of a service; return its document."""
        metadata = {"target": f"provider-{uuid4().hex[:8]}", **more.pop("metadata", {})}
        body = {"connectorId": TYPE, "config": self.config(**more), "metadata": metadata}
        return await app.made("/api/connectors", body | {"organizationId": organization}, token)


@asynccontextmanager
async def linking(own: str, theirs: str, **settings: Any) -> AsyncIterator[tuple[Running, Provider]]:
    """Open the service under test and a provider, each on an initialised database of its own.

    `settings` are what differs for the service under test.
    """
    async with running(theirs, replace(SETTINGS, issuer=ISSUER)) as other:
        allowed = frozenset({("127.0.0.1", other.client.port or 0)}) | settings.pop("outbound_allow", frozenset())
        async with running(own, replace(SETTINGS, outbound_allow=allowed, **settings)) as app:
            firm = await a_firm(other, "Provider", kind="web", redirect_uris=[CALLBACK], secrets=[{"name": "first"}])
            yield app, Provider(firm)
