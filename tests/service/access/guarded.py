"""A resource with interfaces, a gateway that may ask, and an application that may call some of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.app_fixture import PATIENCE

if TYPE_CHECKING:
    from tests.app_fixture import Running

AUDIENCE = "https://orders.test"


@dataclass
class Guarded:
    """All that is needed for a call to pass."""

    app: Running
    organization: str
    resource: Any
    gateway: Any
    client: Any
    token: str = field(repr=False)
    manager: str = field(repr=False)

    @property
    def proof(self) -> tuple[str, str]:
        """Return how the gateway proves itself: client id and secret."""
        return self.gateway["client_id"], self.gateway["secrets"][0]["secret"]

    async def another_token(self) -> str:
        """Return one more token of the client."""
        secret = self.client["secrets"][0]["secret"]
        return await self.app.token(self.client["client_id"], secret, audience=AUDIENCE)

    async def interface(self, *, granted: bool = True, **body: Any) -> Any:
        """Make an interface, granted to the client unless told otherwise."""
        made = await self.app.interface(self.resource, **body)
        if granted:
            await self.grant(made)
        return made

    async def grant(self, interface: Any, **limits: Any) -> str:
        """Grant the client an interface; the manager asks, root approves."""
        asked = {"application": self.client["id"], "interfaces": [{"interface": interface["id"], **limits}]}
        [grant] = (await self.app.made("/api/interface-grants", asked, self.manager))["requested"]
        reply = await self.app.call("POST", f"/api/interface-grants/{grant['id']}/approve", json={})
        assert reply.status == 200, reply.text
        return str(grant["id"])

    async def logged(self, **query: Any) -> list[Any]:
        """Return the newest calls of the organization's log, once all of it is written."""
        async with asyncio.timeout(PATIENCE):
            while len(self.app.parts.call_log.rows):  # noqa: ASYNC110 - a queue tells nobody when it is empty
                await asyncio.sleep(0.02)
        params = {"organization": self.organization, **query}
        reply = await self.app.call("GET", "/api/interface-logs", params=params)
        assert reply.status == 200, reply.text
        items: list[Any] = reply.json["items"]
        return items


async def guarded(app: Running, name: str = "Acme") -> Guarded:
    """Make all of it in an organization of its own."""
    organization = await app.organization(name)
    resource = await app.api_resource(organization)
    gateway = await app.application(organization=organization, permissions=["decide"])
    client = await app.application(organization=organization, audiences=[AUDIENCE])
    token = await app.token(client["client_id"], client["secrets"][0]["secret"], audience=AUDIENCE)
    return Guarded(app, organization, resource, gateway, client, token, await app.manager(organization))
