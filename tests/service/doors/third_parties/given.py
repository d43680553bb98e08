"""The givens of third parties' tests: who registers and who decides, third parties, and what they come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from tests.app_fixture import ROOT_SECRET
from tests.service.pages.people import PASSWORD, Person, sign_in
from tests.service.pages.visitor import Visitor

if TYPE_CHECKING:
    from tests.app_fixture import Reply, Running
    from tests.service.pages.visitor import Answer

PATH = "/api/third-parties"
CALLBACK = "https://shop.example.com/callback"
AUTHORIZE, TOKEN, SHORT_TOKEN = "/oauth/authorize", "/oauth/token", "/token"
EVERYTHING = {"scope_kinds": ["sso", "api"], "grant_types": ["code", "password", "client"]}


@dataclass(frozen=True)
class Party:
    """A third party with its secret, as its registration answered."""

    desk: Desk
    document: Any

    @property
    def id(self) -> str:
        return self.document["id"]

    @property
    def path(self) -> str:
        return f"{PATH}/{self.id}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.document["identifier"], "client_secret": self.document["secret"]}

    async def present(self) -> Any:
        """Return what is told of it now."""
        reply = await self.desk.app.call("GET", self.path)
        assert reply.status == 200, reply.text
        return reply.json

    async def approved(self, **body: Any) -> Party:
        reply = await self.desk.decide("approve", self, **body)
        assert reply.status == 200, reply.text
        return self

    async def rejected(self, reason: str = "Unknown") -> Party:
        reply = await self.desk.decide("reject", self, reason=reason)
        assert reply.status == 200, reply.text
        return self

    async def machine_token(self) -> str:
        """Return a token of its own."""
        reply = await self.ask(grant_type="client_credentials")
        assert reply.status == 200, reply.text
        return reply.json["access_token"]

    async def ask(self, *, path: str = TOKEN, **form: str) -> Reply:
        """Ask for a token in a form, with identifier and secret; what is empty is left out."""
        data = {name: value for name, value in (self.credentials | form).items() if value}
        return await self.desk.app.call("POST", path, "", data=data)

    async def asked_for_consent(self, person: Person, **query: str) -> tuple[Visitor, Answer]:
        """Send a new browser here as F11 says, and let the person sign in; return the page that they come to."""
        visitor = Visitor(self.desk.app)
        asked = {"response_type": "code", "client_id": self.document["identifier"], "redirect_uri": CALLBACK}
        shown = await visitor.open(AUTHORIZE, **{**asked, "scope": "read", **query})
        page = await visitor.open(shown.next)
        return visitor, await visitor.open((await sign_in(visitor, page, person)).next)

    async def code(self, person: Person, **query: str) -> str:
        """Return the code that comes back when the person consents."""
        visitor, page = await self.asked_for_consent(person, **query)
        return (await visitor.submit(page.form, decision="allow")).given["code"]


@dataclass(frozen=True)
class Desk:
    """An organization, the tokens of those who register third parties there and of those who decide about them."""

    app: Running
    organization: str
    creator: str
    approver: str

    async def register(self, token: str | None = None, **body: Any) -> Reply:
        """Register a third party, as its creator unless told."""
        named = {"name": "Shop", "identifier": f"shop_{uuid4().hex[:12]}", "domain": "https://shop.example.com"}
        given = {**named, **EVERYTHING, "redirect_uris": [CALLBACK], **body}
        return await self.app.call("POST", PATH, token or self.creator, json=given)

    async def party(self, **body: Any) -> Party:
        """Return a new third party, which waits for approval."""
        reply = await self.register(**body)
        assert reply.status == 201, reply.text
        return Party(self, reply.json)

    async def decide(self, what: str, party: Party, token: str | None = None, **body: Any) -> Reply:
        """Decide about a third party, as the approver unless told."""
        return await self.app.call("POST", f"{party.path}/{what}", token or self.approver, json=body)

    async def person(self) -> Person:
        """Return somebody of the organization who can sign in."""
        username = f"ada_{uuid4().hex[:12]}"
        body = {"username": username, "primaryEmail": f"{username}@example.com", "password": PASSWORD}
        made = await self.app.made("/api/users", {**body, "name": "Ada Lovelace"}, self.creator)
        return Person(made["id"], username, body["primaryEmail"])


async def a_desk(app: Running) -> Desk:
    organization = await app.organization()
    creator = await app.manager(organization, "read_app", "write_app", "write_user")
    approver = await app.manager(organization, "read_app", "write_app", "approve_grant")
    return Desk(app, organization, creator, approver)


async def alive(app: Running, token: str) -> bool:
    """Say whether a token can be used, as root is told."""
    data = {"client_id": "root", "client_secret": ROOT_SECRET, "token": token}
    reply = await app.call("POST", "/oauth2/introspect", "", data=data)
    assert reply.status == 200, reply.text
    return reply.json["active"]


def queried(path: str, **query: str) -> str:
    return f"{path}?{urlencode(query)}"


def told(location: str) -> dict[str, str]:
    """Return what a redirect tells the third party."""
    assert location.startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(location).query))


def refused(reply: Reply) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return reply.status, reply.json["code"]


def error(reply: Reply) -> tuple[int, str]:
    """Return the status and the error of a token endpoint."""
    return reply.status, reply.json["error"]
