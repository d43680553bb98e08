"""The givens of interface grants' tests: who asks and who decides in an organization, an application, interfaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running

PATH = "/api/interface-grants"


@dataclass(frozen=True)
class Counter:
    """An organization, the tokens of those who ask there and of those who decide, an application and a resource."""

    app: Running
    organization: str
    requester: str
    approver: str
    application: str
    resource: str

    def of(self, application: str) -> Counter:
        """Return the same for another application."""
        return replace(self, application=application)

    async def interface(self, **body: Any) -> str:
        """Return a new interface of the resource."""
        return (await self.app.interface(self.resource, **body))["id"]

    async def ask(self, *interfaces: Any, token: str | None = None, **body: Any) -> Reply:
        """Ask for interfaces, each an id or as the body has it, as the requester unless told."""
        wanted = [{"interface": one} if isinstance(one, str) else one for one in interfaces]
        told = {"application": self.application, "interfaces": wanted, **body}
        return await self.app.call("POST", PATH, token or self.requester, json=told)

    async def asked(self, *interfaces: Any, **body: Any) -> list[Any]:
        """Return the grants that wait once these interfaces are asked for, new ones where none is named."""
        reply = await self.ask(*(interfaces or [await self.interface()]), **body)
        assert reply.status == 201, reply.text
        return reply.json["requested"]

    async def waiting(self, **body: Any) -> str:
        """Return a grant that waits, for an interface of its own."""
        return (await self.asked(**body))[0]["id"]

    async def effective(self, **body: Any) -> str:
        """Return a grant that is in force, for an interface of its own."""
        grant = await self.waiting()
        reply = await self.decide("approve", grant, **body)
        assert reply.status == 200, reply.text
        return grant

    async def decide(self, what: str, grant: str, token: str | None = None, **body: Any) -> Reply:
        """Decide about a grant, as the approver unless told."""
        return await self.app.call("POST", f"{PATH}/{grant}/{what}", token or self.approver, json=body)

    async def delete(self, grant: str, token: str | None = None) -> Reply:
        return await self.app.call("DELETE", f"{PATH}/{grant}", token or self.requester)

    async def many(self, what: str, body: Any, token: str | None = None, **more: Any) -> Reply:
        """Send what is about many grants at once, as the approver unless told."""
        return await self.app.call("POST", f"{PATH}/{what}", token or self.approver, json=body, **more)

    async def present(self, grant: str) -> Any:
        """Return what is told of a grant now."""
        reply = await self.app.call("GET", f"{PATH}/{grant}", self.requester)
        assert reply.status == 200, reply.text
        return reply.json

    async def status(self, grant: str) -> str:
        return (await self.present(grant))["status"]

    async def listed(self, **query: str) -> list[str]:
        """Return the ids of the grants that a list shows."""
        reply = await self.app.call("GET", PATH, self.requester, params=query)
        assert reply.status == 200, reply.text
        return [one["id"] for one in reply.json["items"]]

    async def available(self, **query: str) -> list[str]:
        """Return the ids of the interfaces that the application may ask for."""
        told = {"application": self.application, **query}
        reply = await self.app.call("GET", f"{PATH}/available", self.requester, params=told)
        assert reply.status == 200, reply.text
        return [one["id"] for one in reply.json["items"]]

    async def topics(self) -> list[str]:
        """Return what happened to interface grants in the organization, the latest first."""
        events = await self.app.events(organization=self.organization, limit=200)
        return [event["topic"] for event in events if event["topic"].startswith("interface_grant.")]


async def a_counter(app: Running) -> Counter:
    organization = await app.organization()
    requester = await app.manager(organization, "read_grant", "write_app")
    approver = await app.manager(organization, "read_grant", "approve_grant")
    application = (await app.application(organization=organization))["id"]
    resource = (await app.api_resource(organization))["id"]
    return Counter(app, organization, requester, approver, application, resource)


def refused(reply: Reply) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return reply.status, reply.json["code"]


def nothing() -> str:
    """Return the id of nothing."""
    return str(uuid4())
